//! permessage-deflate: what is inflated does not depend on cuts and stays within its bounds, what
//! we compress comes back, and an agreement that is offered again is agreed to again.
//!
//! Came from: bytes; the first two choose terms, bound and cuts. Every 0xFE ends a message. Goes
//! to: `wire::deflate`, `wire::extension`; `message` goes on from here, with frames.

use std::ops::Range;

use tollway::limits::DEFLATE_CONTEXT_BITS;
use tollway::wire::deflate::{InflateError, Inflater, Window, deflate};
use tollway::wire::extension::agree;

use super::{choice, cuts};

pub fn check(input: &[u8]) {
    let (terms, input) = choice(input);
    let (seed, bytes) = choice(input);
    let bound = [100_000, 0, 1, 300][usize::from(terms % 4)];
    let context_bits = match terms / 4 % 8 {
        0 => None,
        bits => Some(8 + bits),
    };
    let messages: Vec<&[u8]> = bytes.split(|&byte| byte == 0xFE).take(4).collect();
    let longest = messages.iter().map(|message| message.len()).max().unwrap_or(0);
    let [whole, drip, pieces] =
        cuts(seed, longest).map(|cuts| inflated(&messages, &cuts, context_bits, bound));
    assert_eq!(drip, whole, "byte by byte");
    assert_eq!(pieces, whole, "in pieces");
    comes_back(bytes, seed);
    is_agreed_to_again(bytes, context_bits);
}

/// Every message, cut alike, by one inflater: what was said, up to the first offence.
fn inflated(
    messages: &[&[u8]],
    cuts: &[Range<usize>],
    context_bits: Option<u8>,
    bound: usize,
) -> (Vec<Vec<u8>>, Option<InflateError>) {
    let mut inflater = Inflater::new(context_bits);
    let mut said = Vec::new();
    for message in messages {
        let mut out = Vec::new();
        // The end is told by itself.
        let ends = cuts.iter().map(|cut| cut.end.min(message.len()));
        let ends: Vec<usize> = ends.chain([message.len()]).collect();
        let (mut at, mut offence) = (0, None);
        for (n, &end) in ends.iter().enumerate() {
            let last = n + 1 == ends.len();
            offence = inflater.take(&message[at..end], last, &mut out, bound).err();
            assert!(out.len() <= bound && out.capacity() <= bound + 1);
            at = end;
            if offence.is_some() {
                break;
            }
        }
        said.push(out);
        if offence.is_some() {
            return (said, offence);
        }
        let window = context_bits.map_or(0, |bits| 1 << bits);
        assert!(inflater.memory() <= window, "only what may be referred back to");
    }
    (said, None)
}

fn comes_back(bytes: &[u8], seed: u8) {
    // Repeated, so that there is something to refer back to, as far as the window allows and on.
    let payload = bytes.repeat(1 + usize::from(seed % 32));
    for window in Window::ALL {
        let Some(compressed) = deflate(&payload, window) else {
            continue;
        };
        assert!(compressed.len() < payload.len(), "or there is nothing to gain");
        let mut out = Vec::new();
        let mut inflater = Inflater::new(None);
        assert_eq!(inflater.take(&compressed, true, &mut out, payload.len()), Ok(()));
        assert_eq!(out, payload);
        let mut less = Vec::new();
        let refused = Inflater::new(None).take(&compressed, true, &mut less, payload.len() - 1);
        assert_eq!(refused, Err(InflateError::TooBig));
    }
}

fn is_agreed_to_again(field: &[u8], context_bits: Option<u8>) {
    let sound = match context_bits {
        None => "permessage-deflate".to_owned(),
        Some(bits) => format!("permessage-deflate; client_max_window_bits={bits}"),
    };
    let last = agree(&[sound.as_bytes()]).expect("it is sound");
    let terms = agree(&[field]);
    for agreed in [Ok(last), terms] {
        let Ok(Some(agreement)) = agreed else {
            continue;
        };
        let answer = agreement.to_string();
        assert_eq!(agree(&[answer.as_bytes()]), Ok(Some(agreement)), "{answer}");
        assert!(agreement.context_bits().is_none_or(|bits| bits <= DEFLATE_CONTEXT_BITS.max(9)));
    }
    // Several fields are one list; the first offer that can be met counts.
    let both = agree(&[field, sound.as_bytes()]);
    assert_eq!(both, terms.map(|terms| terms.or(last)));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let text = "{\"id\":1,\"data\":\"hello, hello, hello\"},".repeat(9);
    let hello = deflate(text.as_bytes(), Window::Bits15).expect("it is repetitive");
    let mut seeds = vec![
        [&[0, 1][..], &hello].concat(),
        [&[12, 9][..], &hello, &[0xFE], &hello].concat(),
        [&[3, 9][..], &hello, &[0xFE], &hello].concat(),
        b"\x00\x05\xF2\x48\xCD\xC9\xC9\x07\x00".to_vec(), // RFC 7692 §7.2.3.1: Hello
        b"\x00\x05\xF2\x48\xCD\xC9\xC9\x07\x00\xFE\xF2\x00\x11\x00\x00".to_vec(), // §7.2.3.2
        b"\x1C\x05\xF2\x48\xCD\xC9\xC9\x07\x00\xFE\xF2\x00\x11\x00\x00".to_vec(),
        b"\x00\x05\x00\x05\x00\xFA\xFF\x48\x65\x6C\x6C\x6F\x00".to_vec(), // §7.2.3.3
        b"\x00\x05\xF3\x48\xCD\xC9\xC9\x07\x00\x00".to_vec(),             // §7.2.3.4: BFINAL
        b"\x00\x05\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00".to_vec(), // §7.2.3.5
        b"\x00\x05\xFF\xFF\xFF".to_vec(),
        b"\x00\x05".to_vec(),
    ];
    for field in [
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=10; client_no_context_takeover, other",
        "permessage-deflate; server_max_window_bits=\"9\"; client_max_window_bits=\"1\\2\"",
        "x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=8, permessage-deflate",
        "permessage-deflate; unknown=1,, permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate;",
        "permessage-deflate; a=\"",
    ] {
        seeds.push([&[0, 3], field.as_bytes()].concat());
    }
    seeds
}
