//! Request bodies: data, end and offence do not depend on cuts, agree with a naive reader of
//! chunks, and data that is written in chunks comes back.
//!
//! Came from: bytes; the first three choose framing, bound and cuts. Goes to: `wire::body`, and
//! the chunk lines of `wire::response`.

use tollway::limits::{CHUNK_LINE_BYTES_MAX, TRAILER_BYTES_MAX};
use tollway::wire::body::{BodyDecoder, BodyError, Piece};
use tollway::wire::head::Framing;
use tollway::wire::response::{CHUNK_END, LAST_CHUNK, chunk_begin};

use super::{choice, cuts};

/// How reading ended, and after how many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Starved,
    Whole(usize),
    Offence(BodyError),
}

pub fn check(input: &[u8]) {
    let (kind, input) = choice(input);
    let (bound, input) = choice(input);
    let (seed, bytes) = choice(input);
    let bound = match bound {
        0..128 => 1 << 20,
        small => u64::from(small - 128) * 2,
    };
    let framing = match kind {
        0 => Framing::Empty,
        1..64 => Framing::Length(u64::from(kind - 1) * 5),
        _ => Framing::Chunked,
    };
    let announced = matches!(framing, Framing::Length(length) if length > bound);
    let Ok(decoder) = BodyDecoder::new(framing, bound) else {
        assert!(announced, "only what is announced can be refused at once");
        return;
    };
    assert!(!announced, "refused before a byte of it has come");

    let whole = read(decoder.clone(), bytes, std::iter::once(bytes.len()));
    for pieces in cuts(seed, bytes.len()) {
        let ends = pieces.iter().map(|piece| piece.end);
        let cut = read(decoder.clone(), bytes, ends.chain([bytes.len()]));
        assert_eq!(cut, whole);
    }
    let (data, end) = whole;
    assert!(data.len() as u64 <= bound);
    let twin = match framing {
        Framing::Chunked => naive_chunks(bytes, bound),
        Framing::Empty => Ok(Some((Vec::new(), 0))),
        Framing::Length(length) => {
            let length = length as usize;
            Ok(bytes.get(..length).map(|data| (data.to_vec(), length)))
        }
    };
    match (twin, end) {
        (Ok(None), End::Starved) => {}
        (Ok(Some(twin)), End::Whole(used)) => assert_eq!(twin, (data, used)),
        (Err(()), End::Offence(offence)) => assert!(offence.status().code() >= 400),
        (twin, end) => panic!("{end:?}, but a naive reader says {twin:?}"),
    }
    comes_back_from_chunks(bytes, seed);
}

/// Shows `bytes` up to each of `ends`, from where the decoder stands.
fn read(
    mut decoder: BodyDecoder,
    bytes: &[u8],
    ends: impl Iterator<Item = usize>,
) -> (Vec<u8>, End) {
    let mut data = Vec::new();
    let mut at = 0;
    for end in ends {
        loop {
            match decoder.decode(&bytes[at..end]) {
                Ok(Piece::Partial) => break,
                Ok(Piece::Data { bytes, used }) => {
                    assert!(used > 0 && bytes.len() <= used, "data is progress");
                    data.extend_from_slice(bytes);
                    at += used;
                }
                Ok(Piece::End { used }) => {
                    let again = decoder.decode(&bytes[at + used..end]);
                    assert_eq!(again, Ok(Piece::End { used: 0 }), "an end is an end");
                    return (data, End::Whole(at + used));
                }
                Err(offence) => return (data, End::Offence(offence)),
            }
        }
    }
    (data, End::Starved)
}

/// A chunked body by the letter of RFC 9112 §7.1 and our bounds. `Ok(None)`: not all here.
fn naive_chunks(bytes: &[u8], bound: u64) -> Result<Option<(Vec<u8>, usize)>, ()> {
    let mut data = Vec::new();
    let mut at = 0;
    let mut announced = 0_u128;
    loop {
        let Some(line) = line(&bytes[at..], CHUNK_LINE_BYTES_MAX)? else {
            return Ok(None);
        };
        at += line.len() + 2;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (digits, extensions) = line.split_at(digits);
        let size = str::from_utf8(digits).map_err(|_| ())?;
        let size = u64::from_str_radix(size, 16).map_err(|_| ())?;
        let behind = extensions.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
        let blank_alone = behind.is_none() && !extensions.is_empty();
        if blank_alone || behind.is_some_and(|&byte| byte != b';') {
            return Err(());
        }
        if !naive_extensions(extensions) {
            return Err(());
        }
        announced += u128::from(size);
        if announced > u128::from(bound) {
            return Err(());
        }
        if size == 0 {
            return Ok(naive_trailer(&bytes[at..])?.map(|used| (data, at + used)));
        }
        let size = size as usize;
        let Some(chunk) = bytes.get(at..at + size) else {
            return Ok(None);
        };
        data.extend_from_slice(chunk);
        at += size;
        match bytes[at..] {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] => at += 2,
            _ => return Err(()),
        }
    }
}

/// Cuts at every semicolon that is not within quotes, and looks at each piece by itself.
fn naive_extensions(text: &[u8]) -> bool {
    let (mut pieces, mut quoted, mut escaped) = (vec![Vec::new()], false, false);
    for &byte in text {
        if byte == b';' && !quoted {
            pieces.push(Vec::new());
            continue;
        }
        quoted ^= byte == b'"' && !escaped;
        escaped = quoted && byte == b'\\' && !escaped;
        pieces.last_mut().unwrap().push(byte);
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let token = |text: &[u8]| {
        let part = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
        !text.is_empty() && text.iter().all(part)
    };
    let last = pieces.len() - 1;
    pieces.iter().enumerate().all(|(n, piece)| {
        let mut piece = piece.as_slice();
        while n < last && piece.last().is_some_and(blank) {
            piece = &piece[..piece.len() - 1];
        }
        if n == 0 {
            return piece.is_empty();
        }
        let skip = |text: &[u8]| text.iter().take_while(|byte| blank(byte)).count();
        piece = &piece[skip(piece)..];
        let Some(at) = piece.iter().position(|&byte| byte == b'=') else {
            return token(piece);
        };
        let (mut name, mut value) = (&piece[..at], &piece[at + 1..]);
        while name.last().is_some_and(blank) {
            name = &name[..name.len() - 1];
        }
        value = &value[skip(value)..];
        token(name) && (token(value) || is_quoted(value))
    })
}

/// One quoted string and nothing more.
fn is_quoted(text: &[u8]) -> bool {
    let [b'"', inside @ .., b'"'] = text else {
        return false;
    };
    let mut bytes = inside.iter();
    while let Some(byte) = bytes.next() {
        let text = match byte {
            b'"' => None,
            b'\\' => bytes.next(),
            byte => Some(byte),
        };
        if text.is_none_or(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return false;
        }
    }
    true
}

fn naive_trailer(bytes: &[u8]) -> Result<Option<usize>, ()> {
    let mut at = 0;
    loop {
        let Some(line) = line(&bytes[at..], TRAILER_BYTES_MAX - at)? else {
            return Ok(None);
        };
        at += line.len() + 2;
        if line.is_empty() {
            return Ok(Some(at));
        }
        let colon = line.iter().position(|&byte| byte == b':').ok_or(())?;
        let token = |&byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let control = |&byte: &u8| byte.is_ascii_control() && byte != b'\t';
        let name = &line[..colon];
        if name.is_empty() || !name.iter().all(token) || line[colon..].iter().any(control) {
            return Err(());
        }
    }
}

/// One line of at most `most` bytes, without its CRLF.
fn line(bytes: &[u8], most: usize) -> Result<Option<&[u8]>, ()> {
    match bytes.iter().take(most).position(|&byte| byte == b'\n') {
        None if bytes.len() >= most => Err(()),
        None => Ok(None),
        Some(0) => Err(()),
        Some(end) if bytes[end - 1] != b'\r' => Err(()),
        Some(end) => Ok(Some(&bytes[..end - 1])),
    }
}

fn comes_back_from_chunks(data: &[u8], seed: u8) {
    for pieces in cuts(seed.wrapping_add(1), data.len()) {
        let mut coded = Vec::new();
        for piece in pieces {
            chunk_begin(piece.len(), &mut coded);
            coded.extend_from_slice(&data[piece]);
            coded.extend_from_slice(CHUNK_END);
        }
        coded.extend_from_slice(LAST_CHUNK);
        let decoder = BodyDecoder::new(Framing::Chunked, data.len() as u64).unwrap();
        let (read, end) = read(decoder, &coded, std::iter::once(coded.len()));
        assert_eq!((read.as_slice(), end), (data, End::Whole(coded.len())));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let bodies: &[(u8, u8, &str)] = &[
        (255, 0, "5\r\nhello\r\n0\r\n\r\n"),
        (255, 0, "5;name=value\r\nhello\r\nA ;x\r\n0123456789\r\n0\r\nX: y\r\n\r\nGET /"),
        (255, 0, "00005\r\nhello\r\n000\r\nTrailer: a\r\nOther:\tb\r\n\r\n"),
        (255, 0, "ffffffffffffffff\r\n"),
        (255, 0, "10000000000000000\r\n"),
        (255, 0, "\r\n"),
        (255, 0, ";x\r\n"),
        (255, 0, "5 \r\nhello\r\n"),
        (255, 0, "5\r\nhelloX\r\n"),
        (255, 0, "5\nhello\r\n"),
        (255, 0, "0x5\r\nhello"),
        (255, 0, "0\r\nnot a field\r\n\r\n"),
        (255, 0, "1;\x01\r\na\r\n"),
        (255, 131, "5\r\nhello\r\n2\r\nab\r\n"),
        (255, 0, "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
        (4, 0, "fifteen bytes: x and the next request"),
        (4, 130, "announced over the bound"),
        (1, 0, "nothing is owed"),
        (0, 0, "no body"),
    ];
    let seed =
        |&(kind, bound, text): &(u8, u8, &str)| [&[kind, bound, 7], text.as_bytes()].concat();
    let mut seeds: Vec<Vec<u8>> = bodies.iter().map(seed).collect();
    for long in [CHUNK_LINE_BYTES_MAX - 2, CHUNK_LINE_BYTES_MAX - 1] {
        let line = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(long - 2));
        seeds.push([&[255, 0, 3], line.as_bytes()].concat());
    }
    let trailer = format!("0\r\nX: {}\r\n\r\n", "y".repeat(TRAILER_BYTES_MAX - 7));
    seeds.push([&[255, 0, 3], trailer.as_bytes()].concat());
    seeds
}
