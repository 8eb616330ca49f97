//! WebSocket frames: headers agree with a reader that knows the rules one by one, a header that is
//! accepted was written in the only way there is, unmasking is an XOR byte by byte, and what we
//! send is read back.
//!
//! Came from: bytes; the first two choose the bound and RSV1. Goes to: `wire::frame`.

use tollway::limits::CONTROL_BYTES_MAX;
use tollway::wire::Parsed;
use tollway::wire::frame::{
    CloseCode, FrameError, FrameHeader, Opcode, decode_header, encode, encode_close, unmask,
};

use super::choice;
use super::readers::frames;

pub fn check(input: &[u8]) {
    let (bound, input) = choice(input);
    let (choices, bytes) = choice(input);
    let reserved1 = choices & 1 > 0;
    let bound = match bound {
        0..64 => u64::MAX,
        _ => 1 << (bound % 40),
    };
    headers(bytes, bound, reserved1);
    unmasks(bytes, usize::from(choices));
    sends(bytes, choices);
}

fn headers(bytes: &[u8], bound: u64, reserved1: bool) {
    let whole = decode_header(bytes, bound, reserved1);
    let drip = (0..=bytes.len())
        .map(|end| decode_header(&bytes[..end], bound, reserved1))
        .find(|verdict| !matches!(verdict, Ok(Parsed::Partial)));
    assert_eq!(drip.unwrap_or(Ok(Parsed::Partial)), whole, "judged as soon as it can be");
    match whole {
        Ok(Parsed::Partial) => assert!(bytes.len() < 14),
        Ok(Parsed::Complete { value: header, used }) => {
            let FrameHeader { fin, opcode, length, mask, .. } = header;
            let reserved = if header.reserved1 { 0b100 } else { 0 };
            let written = frames::header(fin, reserved, opcode as u8, length, mask);
            assert_eq!(written, bytes[..used], "there is one way to write a header");
            assert!(offences(bytes, bound, reserved1).is_empty());
        }
        Err(offence) => {
            let offences = offences(bytes, bound, reserved1);
            assert!(offences.contains(&offence), "{offence:?}, but there are {offences:?}");
        }
    }
}

/// Every rule of RFC 6455 §5.2 and §5.5 that the bytes which are here break.
fn offences(bytes: &[u8], bound: u64, reserved1: bool) -> Vec<FrameError> {
    let mut offences = Vec::new();
    let mut note = |offends: bool, offence| {
        if offends {
            offences.push(offence);
        }
    };
    let first = bytes[0];
    let opcode = first % 16;
    let control = opcode >= 8;
    note(!matches!(opcode, 0 | 1 | 2 | 8 | 9 | 10), FrameError::ReservedOpcode);
    note(first & 0x30 > 0, FrameError::ReservedBits);
    let begins = matches!(opcode, 1 | 2);
    note(first & 0x40 > 0 && !(reserved1 && begins), FrameError::ReservedBits);
    note(control && first & 0x80 == 0, FrameError::ControlFragmented);
    let Some(&second) = bytes.get(1) else {
        return offences;
    };
    note(second & 0x80 == 0, FrameError::Unmasked);
    note(control && second % 128 > 125, FrameError::ControlTooLong);
    let number = |digits: &[u8]| digits.iter().fold(0, |n, &d| n * 256 + u64::from(d));
    let (length, least) = match (second % 128, bytes.get(2..4), bytes.get(2..10)) {
        (126, Some(two), _) => (number(two), 126),
        (127, _, Some(eight)) => (number(eight), 65_536),
        (126 | 127, _, _) => return offences,
        (short, _, _) => (u64::from(short), 0),
    };
    note(length >= 1 << 63, FrameError::LengthHighBit);
    note(length < least, FrameError::LengthNotMinimal);
    note(!control && length > bound, FrameError::TooLong);
    offences
}

fn unmasks(bytes: &[u8], offset: usize) {
    let mut mask = [0x5A, 0xC3, 0x00, 0xFF];
    for (mask, byte) in mask.iter_mut().zip(bytes) {
        *mask ^= byte;
    }
    let (mut clever, mut naive) = (bytes.to_vec(), bytes.to_vec());
    unmask(&mut clever, mask, offset);
    frames::unmask(&mut naive, mask, offset);
    assert_eq!(clever, naive);
    // In two pieces, as payloads arrive, and back again.
    let (head, tail) = clever.split_at_mut(offset.min(bytes.len()));
    unmask(head, mask, offset);
    unmask(tail, mask, offset + head.len());
    assert_eq!(clever, bytes);
}

fn sends(bytes: &[u8], choices: u8) {
    for opcode in [Opcode::Text, Opcode::Binary, Opcode::Ping, Opcode::Pong, Opcode::Close] {
        let payload = match opcode.is_control() {
            true => &bytes[..bytes.len().min(CONTROL_BYTES_MAX)],
            false => bytes,
        };
        // Repeated, so that all three lengths of a header are met.
        let payload = payload.repeat(match (opcode.is_control(), choices % 32) {
            (true, _) => 1,
            (false, 31) => 65_536 / payload.len().max(1) + 1,
            (false, times) => usize::from(times),
        });
        let mut out = Vec::new();
        encode(opcode, &payload, &mut out);
        let (frames, left) = frames::server(&out);
        assert!(left.is_empty() && frames.len() == 1);
        assert_eq!((frames[0].opcode, &frames[0].payload), (opcode as u8, &payload));
    }
    let number = u16::from(choices) * 20;
    let text = String::from_utf8_lossy(bytes);
    let Some(code) = CloseCode::from_peer(number) else {
        return assert!(!matches!(number, 1000..=1003 | 1007..=1014 | 3000..=4999));
    };
    let mut out = Vec::new();
    encode_close(code, &text, &mut out);
    let (frames, left) = frames::server(&out);
    assert!(left.is_empty() && frames.len() == 1 && frames[0].opcode == 8);
    let (sent, reason) = frames[0].payload.split_at(2);
    assert_eq!(sent, number.to_be_bytes());
    let reason = str::from_utf8(reason).expect("cut between characters");
    assert!(text.starts_with(reason));
    assert!(reason == text || reason.len() + 4 > CONTROL_BYTES_MAX - 2, "cut late");
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let mut seeds = vec![
        [&[0, 50][..], &frames::client(true, 1, b"Hello", mask)].concat(),
        [&[0, 50][..], &frames::client(true, 8, b"\x03\xE8bye", mask)].concat(),
        vec![0, 31, 0x81, 0x05, b'H'],
        vec![0, 0, 0x83, 0x80],
        vec![0, 0, 0x09, 0x80],
        vec![0, 0, 0x89, 0xFE],
        vec![0, 0, 0x82, 0xFE, 0, 125, 1, 2, 3, 4],
        vec![0, 0, 0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 1, 2, 3, 4],
        vec![0, 0, 0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
        vec![64, 0, 0x82, 0xFE, 1, 0, 1, 2, 3, 4],
        vec![0, 1, 0xC1, 0x80, 1, 2, 3, 4],
        vec![0, 1, 0xC0, 0x80, 1, 2, 3, 4],
        vec![0, 0, 0x90, 0x80, 1, 2, 3, 4],
        [&[0, 150][..], "\u{e9}".repeat(70).as_bytes()].concat(),
        [&[0, 150][..], "\u{1f600}".repeat(40).as_bytes()].concat(),
    ];
    for length in [126, 65_535, 65_536, u64::MAX >> 1] {
        seeds.push([&[0, 0][..], &frames::header(false, 0, 2, length, mask)].concat());
    }
    seeds
}
