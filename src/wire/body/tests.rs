//! Bodies, told as tables: what is read, what is refused, and that cuts change neither.

use super::*;
use crate::wire::response::assert_row_is_sound;

const ROOM: u64 = 64;

/// How feeding a body went: its data, and how many bytes it took or why it was refused.
#[derive(Debug, PartialEq, Eq)]
struct Fed {
    data: Vec<u8>,
    end: Result<Option<usize>, BodyError>,
}

/// Feeds `input` as a connection does: what was not used stays in front, and `step` bytes more come
/// whenever the decoder asks. `Ok(None)`: it still asked at the end.
fn feed(framing: Framing, input: &[u8], step: usize) -> Fed {
    let mut data = Vec::new();
    let end = try_feed(framing, input, step, &mut data);
    Fed { data, end }
}

fn try_feed(
    framing: Framing,
    input: &[u8],
    step: usize,
    data: &mut Vec<u8>,
) -> Result<Option<usize>, BodyError> {
    let mut decoder = BodyDecoder::new(framing, ROOM)?;
    let (mut from, mut to) = (0, step.min(input.len()));
    loop {
        match decoder.decode(&input[from..to])? {
            Piece::Partial if to == input.len() => return Ok(None),
            Piece::Partial => to = (to + step).min(input.len()),
            Piece::Data { bytes, used } => {
                assert!(used > 0, "a piece without progress");
                assert_eq!(bytes, &input[from + used - bytes.len()..from + used]);
                data.extend_from_slice(bytes);
                from += used;
            }
            Piece::End { used } => return Ok(Some(from + used)),
        }
    }
}

/// The verdict on `input`, after checking that no way of cutting changes it.
fn verdict(framing: Framing, input: &[u8]) -> Fed {
    let whole = feed(framing, input, input.len().max(1));
    for step in [1, 2, 3, 5, 7] {
        let shown = input.escape_ascii();
        assert_eq!(feed(framing, input, step), whole, "{shown} in steps of {step}");
    }
    whole
}

#[test]
fn an_empty_body_is_over_at_once_and_takes_nothing_of_the_next_request() {
    for framing in [Framing::Empty, Framing::Length(0)] {
        let fed = verdict(framing, b"GET / HTTP/1.1\r\n");
        assert_eq!(fed.end, Ok(Some(0)));
    }
}

#[test]
fn a_body_of_known_length_is_that_many_bytes() {
    let fed = verdict(Framing::Length(5), b"helloGET / HTTP/1.1");
    assert_eq!((fed.data.as_slice(), fed.end), (&b"hello"[..], Ok(Some(5))));
    assert_eq!(verdict(Framing::Length(6), b"hello").end, Ok(None));
}

#[test]
fn an_announced_length_over_the_bound_is_refused_before_the_body() {
    assert!(BodyDecoder::new(Framing::Length(ROOM), ROOM).is_ok());
    for length in [ROOM + 1, u64::MAX] {
        let refused = BodyDecoder::new(Framing::Length(length), ROOM).err();
        assert_eq!(refused, Some(BodyError::TooLarge));
    }
}

#[test]
#[rustfmt::skip] // One case a line.
fn chunked_bodies_are_read() {
    let long = [b"40\r\n".as_slice(), &[b'x'; 64], b"\r\n0\r\n\r\n"].concat();
    let cases: &[(&str, &[u8], &[u8])] = &[
        ("no chunk", b"0\r\n\r\n", b""),
        ("one chunk", b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        ("two chunks", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
        ("line ends as data", b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
        (
            "hex in both cases",
            b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
            b"01234567890123456789",
        ),
        ("leading zeros", b"00000000000000000000002\r\nhe\r\n000\r\n\r\n", b"he"),
        ("extension", b"2;a=b\r\nhe\r\n0;c\r\n\r\n", b"he"),
        ("white space before it", b"2 \t;a=\"b c\"\r\nhe\r\n0\r\n\r\n", b"he"),
        ("trailer", b"2\r\nhe\r\n0\r\nDigest: x\r\nA:\r\n\r\n", b"he"),
        ("as much as fits", &long, &[b'x'; 64]),
    ];
    for (name, input, data) in cases {
        let next = [*input, b"GET / HTTP/1.1\r\n"].concat();
        let fed = verdict(Framing::Chunked, &next);
        assert_eq!(fed.data, *data, "{name}");
        assert_eq!(fed.end, Ok(Some(input.len())), "{name}");
        for cut in 0..input.len() {
            assert_eq!(
                verdict(Framing::Chunked, &input[..cut]).end,
                Ok(None),
                "{name} to {cut}"
            );
        }
    }
}

#[rustfmt::skip] // One case a line.
fn refused() -> Vec<(&'static str, Vec<u8>, BodyError)> {
    let line = |length: usize| [b"1;".as_slice(), &vec![b'x'; length - 2]].concat();
    let trailer = |length: usize| [b"0\r\nA:".as_slice(), &vec![b'x'; length - 2]].concat();
    let case = |name, input: &[u8], offence| (name, input.to_vec(), offence);
    vec![
        case("no size", b"\r\n", BodyError::EmptyChunkSize),
        case("no size but an extension", b";x\r\n", BodyError::EmptyChunkSize),
        case("no size but white space", b" \r\n", BodyError::EmptyChunkSize),
        case("no size after data", b"1\r\nx\r\n\r\n", BodyError::EmptyChunkSize),
        case("not hex", b"g\r\n", BodyError::BadChunkSize),
        case("0x", b"0x5\r\n", BodyError::BadChunkSize),
        case("sign", b"+5\r\n", BodyError::BadChunkSize),
        case("negative", b"-1\r\n", BodyError::BadChunkSize),
        case("white space before", b" 5\r\n", BodyError::BadChunkSize),
        case("white space behind", b"5 \r\n", BodyError::BadChunkSize),
        case("two sizes", b"5 5\r\n", BodyError::BadChunkSize),
        case("list", b"5,5\r\n", BodyError::BadChunkSize),
        case("underscore", b"1_0\r\n", BodyError::BadChunkSize),
        case("CR behind the size", b"5\r\r\n", BodyError::BadChunkSize),
        case("65 bits", b"10000000000000000\r\n", BodyError::TooLarge),
        case("64 bits", b"ffffffffffffffff\r\n", BodyError::TooLarge),
        case("over the bound", b"41\r\n", BodyError::TooLarge),
        case("over the bound in all", b"2\r\nxx\r\n3f\r\n", BodyError::TooLarge),
        case("CR before an extension", b"5\r;x\r\n", BodyError::BadChunkSize),
        case("extension without a name", b"5;\r\n", BodyError::BadChunkExtension),
        case("extension without a name but a value", b"5;=x\r\n", BodyError::BadChunkExtension),
        case("extension with a blank in its name", b"5;a b\r\n", BodyError::BadChunkExtension),
        case("extension without its value", b"5;a=\r\n", BodyError::BadChunkExtension),
        case("extension with two values", b"5;a=b=c\r\n", BodyError::BadChunkExtension),
        case("extension and a blank", b"5;a \r\n", BodyError::BadChunkExtension),
        case("extensions in a list", b"5;a,b\r\n", BodyError::BadChunkExtension),
        case("open quote", b"5;a=\"b\r\n", BodyError::BadChunkExtension),
        case("open quote behind an escape", b"5;a=\"b\\\"\r\n", BodyError::BadChunkExtension),
        case("text behind a quote", b"5;a=\"b\"c\r\n", BodyError::BadChunkExtension),
        case("quote in a token", b"5;a=b\"c\"\r\n", BodyError::BadChunkExtension),
        case("form feed", b"5;\x0ca\r\n", BodyError::BadChunkExtension),
        case("80 bits", b"99999999999999999999\r\n", BodyError::TooLarge),
        case("CR in an extension", b"5;\rx\r\n", BodyError::BadChunkExtension),
        case("NUL in an extension", b"5;\0\r\n", BodyError::BadChunkExtension),
        case("bare LF behind a size", b"5\n", BodyError::BareLineFeed),
        case("bare LF in an extension", b"5;x\n", BodyError::BareLineFeed),
        case("bare LF at the end", b"0\r\n\n", BodyError::BareLineFeed),
        case("bare LF in the trailer", b"0\r\nA: b\n", BodyError::BareLineFeed),
        case("endless size line", &line(CHUNK_LINE_BYTES_MAX), BodyError::ChunkLineTooLong),
        case("more data than announced", b"1\r\nxy", BodyError::ChunkEndMissing),
        case("bare LF behind data", b"1\r\nx\n", BodyError::ChunkEndMissing),
        case("bare CR behind data", b"1\r\nx\r1", BodyError::ChunkEndMissing),
        case("endless trailer", &trailer(TRAILER_BYTES_MAX), BodyError::TrailerTooLarge),
        case("no colon in the trailer", b"0\r\nGET / HTTP/1.1\r\n", BodyError::TrailerMalformed),
        case("fold in the trailer", b"0\r\nA: b\r\n c\r\n", BodyError::TrailerMalformed),
        case("NUL in the trailer", b"0\r\nA: \0\r\n", BodyError::TrailerMalformed),
    ]
}

#[test]
fn malformed_bodies_are_refused_at_the_byte_that_offends() {
    for (name, input, offence) in refused() {
        assert_eq!(verdict(Framing::Chunked, &input).end, Err(offence), "{name}");
        // What comes behind does not change it, and it does not come earlier.
        let more = [&input, b"\r\nmore: \n\n\r\n\r\n".as_slice()].concat();
        assert_eq!(verdict(Framing::Chunked, &more).end, Err(offence), "{name} and more");
        let less = &input[..input.len() - 1];
        assert_eq!(verdict(Framing::Chunked, less).end, Ok(None), "{name} but for a byte");
    }
}

#[test]
fn every_offence_has_a_case_and_a_sound_row() {
    let cases = refused();
    for &offence in BodyError::ALL {
        assert!(cases.iter().any(|case| case.2 == offence), "{offence:?}");
        let (code, detail) = (offence.code(), offence.detail());
        assert_row_is_sound(&format!("{offence:?}"), offence.status(), code, detail);
    }
}

#[test]
fn a_line_of_exactly_the_bound_is_taken() {
    let line = [b"1;".as_slice(), &[b'x'; CHUNK_LINE_BYTES_MAX - 4], b"\r\n"].concat();
    assert_eq!(line.len(), CHUNK_LINE_BYTES_MAX);
    let input = [&line, b"x\r\n0\r\n\r\n".as_slice()].concat();
    assert_eq!(verdict(Framing::Chunked, &input).end, Ok(Some(input.len())));

    let field = [b"A:".as_slice(), &[b'x'; TRAILER_BYTES_MAX - 6], b"\r\n\r\n"].concat();
    assert_eq!(field.len(), TRAILER_BYTES_MAX);
    let input = [b"0\r\n".as_slice(), &field].concat();
    assert_eq!(verdict(Framing::Chunked, &input).end, Ok(Some(input.len())));
}

#[test]
fn bytes_of_a_line_that_drips_in_are_looked_at_once() {
    let line = [b"1;".as_slice(), &[b'x'; CHUNK_LINE_BYTES_MAX - 3]].concat();
    let mut decoder = BodyDecoder::new(Framing::Chunked, ROOM).unwrap();
    let mut looks = 0;
    let mut input = Vec::new();
    for &byte in &line {
        input.push(byte);
        looks += input.len() - decoder.searched;
        assert_eq!(decoder.decode(&input), Ok(Piece::Partial));
        // Whoever looked again would find an LF now.
        *input.last_mut().unwrap() = b'\n';
    }
    assert_eq!(looks, line.len());
}
