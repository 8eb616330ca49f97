//! Heads, told as tables: what is read, what is refused, and that cuts change neither.

mod accepted;
mod refused;

use super::*;
use crate::dice::Dice;
use crate::limits::HEAD_BYTES_MAX;

type Verdict<'b> = Result<Parsed<Head<'b>>, HeadError>;

fn whole(input: &[u8], bytes_max: usize) -> Verdict<'_> {
    HeadDecoder::default().decode(input, bytes_max)
}

/// Feeds more and more of `input`, as `lengths` say, until something other than `Partial` comes.
fn dripped(input: &[u8], bytes_max: usize, lengths: impl Iterator<Item = usize>) -> Verdict<'_> {
    let mut decoder = HeadDecoder::default();
    for length in lengths {
        let verdict = decoder.decode(&input[..length], bytes_max);
        if verdict != Ok(Parsed::Partial) {
            let HeadDecoder { searched, line_at, fields_at, fields } = decoder;
            assert_eq!([searched, line_at, fields_at, fields], [0; 4], "as new");
            return verdict;
        }
    }
    Ok(Parsed::Partial)
}

/// The verdict on `input`, after checking that no way of cutting changes it: byte by byte, by
/// strides, and for what is short, by every single cut.
fn verdict_within(input: &[u8], bytes_max: usize) -> Verdict<'_> {
    let verdict = whole(input, bytes_max);
    let shown = input[..input.len().min(200)].escape_ascii();
    for stride in [1, 2, 3, 7, 64] {
        let lengths = (0..input.len()).step_by(stride).chain([input.len()]);
        let again = dripped(input, bytes_max, lengths);
        assert_eq!(again, verdict, "{shown} by strides of {stride}");
    }
    let cuts = if input.len() <= 400 { input.len() } else { 0 };
    for cut in 0..cuts {
        let again = dripped(input, bytes_max, [cut, input.len()].into_iter());
        assert_eq!(again, verdict, "{shown} cut at {cut}");
    }
    verdict
}

fn verdict(input: &[u8]) -> Verdict<'_> {
    verdict_within(input, HEAD_BYTES_MAX)
}

/// The head at the front of `input`, which must be all of it.
fn accepted(input: &[u8]) -> Head<'_> {
    match verdict(input) {
        Ok(Parsed::Complete { value, used }) => {
            assert_eq!(used, input.len());
            value
        }
        other => panic!("{}: {other:?}", input.escape_ascii()),
    }
}

#[test]
fn the_empty_input_is_not_yet_a_head() {
    assert_eq!(verdict(b""), Ok(Parsed::Partial));
}

#[test]
fn pipelined_requests_are_taken_one_by_one() {
    let input = b"GET /a HTTP/1.0\r\n\r\n\r\nGET /b HTTP/1.0\r\n\r\nGET";
    let mut decoder = HeadDecoder::default();
    let mut rest = input.as_slice();
    for target in ["/a", "/b"] {
        let Ok(Parsed::Complete { value, used }) = decoder.decode(rest, HEAD_BYTES_MAX) else {
            panic!("a head is here");
        };
        assert_eq!(value.target, target);
        rest = &rest[used..];
    }
    assert_eq!(decoder.decode(rest, HEAD_BYTES_MAX), Ok(Parsed::Partial));
}

#[test]
fn reset_forgets_an_unfinished_head() {
    let mut decoder = HeadDecoder::default();
    let begun = decoder.decode(b"GET / HTTP/1.1\r\nA: b\r\n", HEAD_BYTES_MAX);
    assert_eq!(begun, Ok(Parsed::Partial));
    decoder.reset();
    let other = decoder.decode(b"GET / HTTP/1.0\r\n\r\n", HEAD_BYTES_MAX);
    assert!(matches!(other, Ok(Parsed::Complete { used: 18, .. })));
}

#[test]
fn bytes_of_a_head_that_drips_in_are_looked_at_once() {
    let fields = "Cookie: abcdefghijklmnopqrstuvwxyz\r\n".repeat(90);
    let head = format!("\r\nGET / HTTP/1.1\r\n{fields}");
    let mut decoder = HeadDecoder::default();
    let mut input = Vec::new();
    let mut looks = 0;
    for &byte in head.as_bytes() {
        input.push(byte);
        looks += input.len() - decoder.searched as usize;
        let verdict = decoder.decode(&input, HEAD_BYTES_MAX);
        assert_eq!(verdict, Ok(Parsed::Partial));
        // Whoever looked again would find a bare LF now. The line that is not whole yet must stay:
        // it is judged, once, at its end.
        let line_at = decoder.line_at as usize;
        input[..line_at].fill(b'\n');
    }
    assert_eq!(looks, head.len());
}

#[test]
fn bytes_of_an_endless_line_are_looked_at_once() {
    for (front, length) in [("", REQUEST_LINE_BYTES_MAX), ("GET / HTTP/1.1\r\n", HEAD_BYTES_MAX)] {
        let mut decoder = HeadDecoder::default();
        let mut input = front.as_bytes().to_vec();
        assert_eq!(decoder.decode(&input, HEAD_BYTES_MAX), Ok(Parsed::Partial));
        while input.len() < length - 1 {
            // Whoever looked again would find an LF now.
            input.fill(b'\n');
            input.push(b'x');
            assert_eq!(decoder.decode(&input, HEAD_BYTES_MAX), Ok(Parsed::Partial));
            assert_eq!(decoder.searched as usize, input.len());
        }
    }
}

/// Pieces of heads, sound and unsound.
const PIECES: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "POST /a HTTP/1.0\r\n",
    "Host: a\r\n",
    "Content-Length: 1\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Upgrade: websocket\r\n",
    "Accept: \"",
    "text/event-stream;q=",
    "Prefer: wait=",
    "\r\n\r\n",
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    ",",
    ":",
    "=\"\\",
    "\u{e9}",
];

#[test]
fn cuts_agree_on_shuffled_pieces() {
    let mut dice = Dice::new(0); // Each run plays the same heads.
    let mut random = |below: usize| dice.below(below);
    let mut taken = 0;
    for _ in 0..3_000 {
        // Half of them begin well, or few would get as far as their fields.
        let mut input = PIECES[random(2) * random(PIECES.len())].to_owned();
        for _ in 0..random(6) {
            input.push_str(PIECES[random(PIECES.len())]);
        }
        input.push_str("\r\n\r\n");
        taken += usize::from(matches!(verdict(input.as_bytes()), Ok(Parsed::Complete { .. })));
    }
    assert!(taken > 100, "{taken} heads taken");
}

#[test]
fn a_decoder_is_small_enough_for_a_connection_that_sits_idle() {
    assert!(size_of::<HeadDecoder>() <= 16);
}
