//! Facts about compressed messages, told whole, byte by byte and at random cuts.
//!
//! Came from: RFC 7692 §6 and §7. Goes to: `cargo test`.

use super::*;
use crate::wire::extension;
use flate2::{Compress, Compression, FlushCompress};

/// What inflating takes beside the message: zlib-rs for one message, and a window of 4 KiB.
pub(super) const MEMORY: usize = 52_000;

/// An assembler on the terms that a client gets who offers this.
fn on(parameters: &str) -> Assembler {
    let offer = format!("permessage-deflate{parameters}");
    let agreed = extension::agree(&[offer.as_bytes()]).expect("well-formed");
    Assembler::new(Some(agreed.expect("acceptable")))
}

fn forgetting() -> Assembler {
    on("; client_no_context_takeover")
}

fn keeping() -> Assembler {
    on("; client_max_window_bits")
}

/// What a client sends for `payload`.
fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(payload.len() + 100);
    let status = compress.compress_vec(payload, &mut out, FlushCompress::Sync);
    assert!(status.is_ok() && out.ends_with(&[0, 0, 0xFF, 0xFF]));
    out.truncate(out.len() - 4);
    out
}

/// Name, frames, what is heard. `Hello` is the RFC's own (§7.2.3).
const GOOD: &[(&str, &[u8], &[&str])] = &[
    ("a text", b"C1:\xf2\x48\xcd\xc9\xc9\x07\x00", &["text Hello"]),
    ("bytes", b"C2:\xf2\x48\xcd\xc9\xc9\x07\x00", &["bytes Hello"]),
    ("an empty text", b"C1:\x00", &["text "]),
    ("no bytes at all", b"C2:", &["bytes "]),
    ("one that is not", b"81:Hello", &["text Hello"]),
    ("fragments", b"41:\xf2\x48\xcd|00:\xc9\xc9|80:\x07\x00|81:!", &["text Hello", "text !"]),
    (
        "control between",
        b"41:\xf2\x48|89:p|00:|8A:|80:\xcd\xc9\xc9\x07\x00",
        &["ping p", "pong ", "text Hello"],
    ),
    ("a final block", b"C1:\xf3\x48\xcd\xc9\xc9\x07\x00\x00", &["text Hello"]),
    ("a stored block in two", b"41:\x00\x05\x00\xfa\xffHe|80:llo\x00", &["text Hello"]),
    (
        "a character in two blocks in two fragments",
        b"41:\x00\x02\x00\xfd\xff\xE2\x98|80:\x00\x01\x00\xfe\xff\x83\x00",
        &["text ☃"],
    ),
    (
        "each by itself",
        b"C1:\xf2\x48\xcd\xc9\xc9\x07\x00|81:x|C1:\xf2\x48\xcd\xc9\xc9\x07\x00",
        &["text Hello", "text x", "text Hello"],
    ),
    ("a close in the middle", b"41:\xf2\x48|88:", &["close None "]),
];

/// Name, frames, offence.
pub(super) const BAD: &[(&str, &[u8], E)] = &[
    ("RSV1 on a ping", b"C9:", E::Frame(F::ReservedBits)),
    ("RSV1 on a fragment", b"41:\xf2|C0:\x48", E::Frame(F::ReservedBits)),
    ("RSV2", b"E1:\x00", E::Frame(F::ReservedBits)),
    ("a reserved block", b"C1:\x06", E::NotDeflate),
    ("a reserved block in the middle", b"41:\x00\x02\x00\xfd\xffHe\x06|80:llo", E::NotDeflate),
    ("text as it is", b"C1:Hello, world", E::NotDeflate),
    ("a message before the first", b"C1:\xf2\x00\x11\x00\x00", E::NotDeflate),
    ("bad text", b"C1:\x00\x03\x00\xfc\xffab\xC0\x00", E::NotUtf8),
    ("bad text before what is no deflate", b"C1:\x00\x03\x00\xfc\xffab\xC0\x06", E::NotUtf8),
    ("no deflate before bad text", b"C1:\x00\x03\x00\xfc\xffabc\x06\xC0", E::NotDeflate),
    ("a text that stops short", b"C1:\x00\x03\x00\xfc\xffa\xE2\x98\x00", E::NotUtf8),
    ("twice the bound and one more", b"=\xC2\xFE\x02\x59MASK", E::TooBig),
    ("the same in fragments", b"42:\x00|=\x80\xFE\x02\x58MASK", E::TooBig),
    ("a long frame", b"=\x82\xFE\x01\x2DMASK", E::TooBig),
    ("a text within a text", b"41:\xf2|C1:\x00", E::StartWithinFragments),
];

#[test]
fn good_conversations_are_heard_in_order() {
    for terms in [forgetting, keeping] {
        for &(name, script, heard) in GOOD {
            let heard = heard.iter().map(ToString::to_string).collect();
            let story = story_to(terms, name, &frames(script));
            assert_eq!(story, (heard, Ok(())), "{name}");
        }
    }
}

#[test]
fn every_offence_is_named_whatever_stands_around_it() {
    for terms in [forgetting, keeping] {
        for &(name, script, error) in BAD {
            let bytes = [b"89:before|", script, b"|81:after"].concat();
            let heard = vec!["ping before".to_string()];
            let story = story_to(terms, name, &frames(&bytes));
            assert_eq!(story, (heard, Err(error)), "{name}");
        }
    }
}

#[test]
fn what_was_not_agreed_on_is_refused() {
    let compressed = frames(GOOD[0].1);
    let refused = Err(E::Frame(F::ReservedBits));
    assert_eq!(story("compressed", &compressed), (vec![], refused));
}

#[test]
fn context_is_kept_where_that_was_agreed_on_and_only_there() {
    // The RFC's second message (§7.2.3.2): all of it refers to the first. What is not compressed
    // between the two does not count.
    let script = b"C1:\xf2\x48\xcd\xc9\xc9\x07\x00|81:other|C1:\xf2\x00\x11\x00\x00";
    let hello = "text Hello".to_string();
    let first = vec![hello.clone(), "text other".to_string()];
    let both = [&first[..], &[hello]].concat();

    let kept = story_to(keeping, "kept", &frames(script));
    assert_eq!(kept, (both, Ok(())));
    let forgotten = story_to(forgetting, "forgotten", &frames(script));
    assert_eq!(forgotten, (first, Err(E::NotDeflate)));
}

#[test]
fn just_the_bound_is_heard_and_one_byte_more_is_too_big() {
    for terms in [forgetting, keeping] {
        let long = "é".repeat(MAX / 2);
        let bytes = frame(0xC1, deflated(long.as_bytes()));
        let heard = (vec![format!("text {long}")], Ok(()));
        assert_eq!(story_to(terms, "the bound", &bytes), heard);

        let longer = [long.as_bytes(), b"x"].concat();
        let bytes = frame(0xC1, deflated(&longer));
        assert_eq!(story_to(terms, "over", &bytes), (vec![], Err(E::TooBig)));

        // The byte that is too many is not judged; those before it are.
        let bytes = frame(0xC1, deflated(&[long.as_bytes(), b"\xFF"].concat()));
        assert_eq!(story_to(terms, "over", &bytes), (vec![], Err(E::TooBig)));
        let bytes = frame(0xC1, deflated(&[&longer[1..], b"yz"].concat()));
        assert_eq!(story_to(terms, "over", &bytes), (vec![], Err(E::NotUtf8)));
    }
}

#[test]
fn a_bomb_costs_the_bound_and_what_inflating_takes() {
    let bound = 10_000;
    let mut bomb = frame(0xC2, &deflated(&vec![0; 1_000_000])[..900]);
    let mut assembler = keeping();
    let idle = assembler.memory();
    let (header, payload) = bomb.split_at_mut(8);
    assert!(assembler.push(header, bound).is_ok());
    for piece in payload.chunks_mut(3) {
        match assembler.push(piece, bound) {
            Ok(step) => assert!(matches!(step, Step::Partial { .. })),
            Err(error) => {
                assert_eq!(error, E::TooBig);
                assert_eq!(assembler.buffered(), bound);
                let most = idle + size_of::<Unfinished>() + bound + MEMORY;
                assert!(assembler.memory() <= most);
                return;
            }
        }
    }
    panic!("a bomb went off");
}

#[test]
fn what_was_taken_is_what_was_sent_and_data_have_their_share_of_it() {
    let text = [b'x'; 200];
    let payload = deflated(&text);
    let mut bytes = frame(0xC1, &payload);
    let mut assembler = forgetting();
    assert!(assembler.push(&mut bytes[..6], MAX).is_ok());
    for sent in 1..=payload.len() {
        assert!(assembler.push(&mut bytes[5 + sent..6 + sent], MAX).is_ok());
        assert_eq!(assembler.taken(), sent);
    }
    assert_eq!(assembler.buffered(), 200);
    let shares = [0, 100, 200].map(|length| assembler.share(length));
    assert_eq!(shares, [0, payload.len() / 2, payload.len()]);
    assembler.release();
    assert_eq!((assembler.taken(), assembler.share(7)), (0, 7));
}

#[test]
fn between_messages_only_a_context_is_held() {
    let idle = size_of::<Assembly>();
    for (terms, held) in [(forgetting(), 0), (keeping(), 5)] {
        let mut assembler = terms;
        assert_eq!(assembler.memory(), idle);
        let mut bytes = frames(b"C1:\xf2\x48\xcd\xc9\xc9\x07\x00");
        assert!(assembler.push(&mut bytes[..8], MAX).is_ok());
        assert!(assembler.memory() > 47_000);
        assert!(assembler.push(&mut bytes[8..], MAX).is_ok());
        assembler.release();
        assert_eq!(assembler.memory(), idle + held);
    }
    assert_eq!(Assembler::default().memory(), 0);
}
