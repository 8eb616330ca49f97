//! Facts about compressed payloads.
//!
//! Came from: RFC 7692 §7.2. Goes to: `cargo test`.

use super::*;
use crate::dice::Dice;

mod naive;

const MAX: usize = 100_000;

/// Feeds a message in pieces of `size`.
fn inflated(inflater: &mut Inflater, message: &[u8], size: usize) -> Result<Vec<u8>, InflateError> {
    let mut out = Vec::new();
    let (last, pieces) = match message.len().checked_sub(1) {
        Some(before) => (&message[before / size * size..], before / size),
        None => (message, 0),
    };
    for piece in message.chunks(size).take(pieces) {
        inflater.take(piece, false, &mut out, MAX)?;
    }
    inflater.take(last, true, &mut out, MAX)?;
    Ok(out)
}

#[test]
fn a_compressor_that_was_used_makes_what_a_new_one_makes() {
    for window in Window::ALL {
        let samples = samples();
        let fresh: Vec<_> = samples
            .iter()
            .map(|text| {
                give_back_compressors();
                deflate(text, window)
            })
            .collect();
        assert!(fresh.iter().any(Option::is_some) && fresh.iter().any(Option::is_none));
        for (text, alone) in samples.iter().zip(&fresh).rev() {
            assert_eq!(&deflate(text, window), alone, "behind others");
        }
    }
}

/// Texts of every kind: repeating, compressible, incompressible.
fn samples() -> Vec<Vec<u8>> {
    let mut dice = Dice(1);
    let noise: Vec<u8> = (0..70_000).map(|_| dice.roll() as u8).collect();
    let words = noise.iter().map(|n| format!("word{} ", n % 40));
    let text: String = words.collect();
    let mut far = noise[..600].to_vec();
    far.extend(vec![b'-'; 5_000]);
    far.extend(&noise[..600]);
    far.extend(vec![b'-'; 40_000]);
    far.extend(&noise[..600]);
    let sizes = [128, 300, 1000, 20_000];
    let texts = sizes.iter().map(|&n| text.as_bytes()[..n].to_vec());
    texts.chain([vec![b'x'; 50_000], far, noise]).collect()
}

#[test]
fn what_is_deflated_is_what_two_other_readings_inflate_and_never_refers_too_far_back() {
    for window in Window::ALL {
        let mut furthest = 0;
        for sample in samples() {
            let Some(deflated) = deflate(&sample, window) else {
                assert_eq!(sample.len(), 70_000, "only noise does not shrink");
                continue;
            };
            assert!(deflated.len() < sample.len());
            let naive = naive::inflate(&[&deflated[..], &TAIL].concat());
            assert!(naive.bytes == sample, "{window:?}, {} bytes", sample.len());
            furthest = furthest.max(naive.furthest);
            for size in [1, 7, 1000, MAX] {
                let back = inflated(&mut Inflater::new(None), &deflated, size);
                assert!(back.as_ref() == Ok(&sample), "{window:?}, pieces of {size}");
            }
        }
        let size = 1 << window.bits();
        assert!(furthest <= size && furthest > size / 8, "{window:?}: {furthest}");
    }
}

#[test]
fn what_does_not_shrink_is_not_deflated() {
    for payload in [&b""[..], b"a", b"Hello", b"0123456789abcdef"] {
        assert_eq!(deflate(payload, Window::Bits15), None);
    }
}

#[test]
fn windows_are_the_largest_within_what_was_asked_for() {
    let within = (8..=15).map(|bits| Window::within(bits).map(Window::bits));
    let within: Vec<_> = within.map(Option::unwrap_or_default).collect();
    assert_eq!(within, [0, 9, 9, 9, 12, 12, 12, 15]);
}

/// The examples of §7.2.3, and what they say.
const EXAMPLES: &[(&str, &[u8], &str)] = &[
    ("one block", b"\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello"),
    ("a stored block", b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"),
    ("a final block", b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"),
    ("two blocks", b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"),
    ("nothing", b"\x00", ""),
    // Beyond the RFC's: what some send for nothing, and a final block that nothing follows.
    ("nothing at all", b"", ""),
    ("a final block alone", b"\xf3\x48\xcd\xc9\xc9\x07\x00", "Hello"),
    (
        "two final blocks",
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        "HelloHello",
    ),
];

#[test]
fn the_examples_of_the_rfc_are_understood_in_any_pieces() {
    for (name, message, says) in EXAMPLES {
        for size in 1..=message.len().max(1) {
            let said = inflated(&mut Inflater::new(None), message, size);
            assert_eq!(said, Ok(says.as_bytes().to_vec()), "{name}, pieces of {size}");
        }
    }
}

#[test]
fn a_client_that_keeps_its_context_refers_back_to_earlier_messages() {
    let (hello, again) = (EXAMPLES[0].1, b"\xf2\x00\x11\x00\x00");
    for size in [1, 3, 99] {
        let mut keeps = Inflater::new(Some(12));
        assert_eq!(inflated(&mut keeps, hello, size), Ok(b"Hello".to_vec()));
        for _ in 0..3 {
            assert_eq!(inflated(&mut keeps, again, size), Ok(b"Hello".to_vec()));
        }
        assert_eq!(keeps.memory(), 20);

        let mut forgets = Inflater::new(None);
        assert_eq!(inflated(&mut forgets, hello, size), Ok(b"Hello".to_vec()));
        assert_eq!(forgets.memory(), 0);
        assert_eq!(inflated(&mut forgets, again, size), Err(InflateError::Corrupt));
    }
}

#[test]
fn a_conversation_in_one_context_is_heard_and_costs_its_window_at_most() {
    for bits in [9, 12] {
        let mut client = Compress::new_with_window_bits(Compression::default(), false, bits);
        let mut server = Inflater::new(Some(bits));
        for (n, sample) in samples().iter().cycle().take(40).enumerate() {
            let part = &sample[..sample.len().min(50 + 977 * n % 9000)];
            let mut message = Vec::with_capacity(2 * part.len() + 100);
            let status = client.compress_vec(part, &mut message, FlushCompress::Sync);
            assert_eq!(status.ok(), Some(Status::Ok));
            assert!(message.ends_with(&TAIL));
            message.truncate(message.len() - 4);
            let heard = inflated(&mut server, &message, [1, 10, MAX][n % 3]);
            assert!(heard.as_deref() == Ok(part), "message {n} in {bits} bits");
            assert!(server.memory() <= 1 << bits);
        }
        assert_eq!(server.memory(), 1 << bits);
    }
}

#[test]
fn a_bomb_is_refused_one_byte_over_the_bound_and_costs_no_more() {
    let bomb = deflate(&vec![0; 1024 * 1024], Window::Bits15).expect("it shrinks");
    assert!(bomb.len() < 2_000);
    for size in [1, 100, bomb.len()] {
        let mut out = Vec::new();
        let mut inflater = Inflater::new(None);
        let mut pieces = bomb.chunks(size);
        let refused = pieces.find_map(|piece| inflater.take(piece, false, &mut out, MAX).err());
        assert_eq!(refused, Some(InflateError::TooBig));
        assert_eq!(out.len(), MAX);
        assert!(out.capacity() <= MAX + 1 && inflater.memory() <= STREAM_BYTES);
    }
}

#[test]
fn just_the_bound_is_heard() {
    for over in [0, 1] {
        let mut out = Vec::new();
        let deflated = deflate(&vec![b'x'; MAX + over], Window::Bits15).expect("it shrinks");
        let taken = Inflater::new(None).take(&deflated, true, &mut out, MAX);
        let expected = [Ok(()), Err(InflateError::TooBig)][over];
        assert_eq!((taken, out.len()), (expected, MAX));
    }
}

#[test]
fn what_is_no_deflate_is_refused_with_all_that_came_before_it_however_it_is_cut() {
    let good = b"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff";
    let bad: [&[u8]; 4] = [
        b"\x06",                     // a reserved kind of block
        b"\x00\x05\x00\x05\x00",     // a length that is not repeated
        b"\x02\x52\x00\x00",         // a reference to before the beginning
        b"\x04\xff\xff\xff\xff\xff", // codes that cannot be
    ];
    for bad in bad {
        let message = [good, bad].concat();
        for size in 1..message.len() {
            let mut out = Vec::new();
            let mut inflater = Inflater::new(None);
            let mut pieces = message.chunks(size);
            let refused = pieces.find_map(|piece| inflater.take(piece, false, &mut out, MAX).err());
            let found = (refused, &out[..]);
            assert_eq!(found, (Some(InflateError::Corrupt), &b"Hello"[..]), "{bad:x?} by {size}");
        }
    }
}
