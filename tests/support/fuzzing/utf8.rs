//! UTF-8: the verdict, its place and the text are those of the standard library, however it is cut.
//!
//! Came from: bytes; the first chooses the cuts. Goes to: `wire::utf8`.

use tollway::wire::utf8::Text;

use super::{choice, cuts};

pub fn check(input: &[u8]) {
    let (seed, bytes) = choice(input);
    let offends_at = naive(bytes);
    let whole = str::from_utf8(bytes).is_ok();
    for pieces in cuts(seed, bytes.len()) {
        let mut text = Text::default();
        let mut refused = None;
        for piece in pieces {
            let start = piece.start;
            if let Err(offence) = text.push(&bytes[piece]) {
                refused = Some(start + offence.at);
                break;
            }
        }
        assert_eq!(refused, offends_at);
        if refused.is_none() {
            assert_eq!(text.len(), bytes.len());
            assert_eq!(text.finish().is_ok(), whole);
        }
        if whole {
            assert_eq!(text.as_str().as_bytes(), bytes);
        }
    }
}

/// The first byte after which no text can continue: the end of the shortest beginning that the
/// standard library calls wrong rather than unfinished.
fn naive(bytes: &[u8]) -> Option<usize> {
    let sound = match str::from_utf8(bytes) {
        Ok(_) => return None,
        Err(stopped) => stopped.valid_up_to(),
    };
    (sound..bytes.len()).find(|&at| {
        let beginning = str::from_utf8(&bytes[..=at]);
        beginning.is_err_and(|stopped| stopped.error_len().is_some())
    })
}

pub fn seeds() -> Vec<Vec<u8>> {
    let texts: &[&[u8]] = &[
        b"",
        b"Hello, world, longer than one word",
        "x\u{e9}\u{2603}\u{1f600}".as_bytes(),
        b"\0\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80",
        b"\x7F\xDF\xBF\xEF\xBF\xBF\xF4\x8F\xBF\xBF",
        b"\xED\x9F\xBF\xEE\x80\x80",
        b"\xED\xA0\x80",
        b"\xC0\x80",
        b"\xE0\x9F\xBF",
        b"\xF0\x8F\xBF\xBF",
        b"\xF4\x90\x80\x80",
        b"\xF5",
        b"\x80",
        b"\xE2\x98",
        b"\xF0\x9F\x98",
        b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xE2\x98A",
    ];
    texts.iter().map(|text| [&[9], *text].concat()).collect()
}
