//! Facts about frames.
//!
//! Came from: RFC 6455 §5.2–§5.7 and §7.4. Goes to: `cargo test`.

use super::FrameError as E;
use super::*;

const MAX: u64 = 1 << 20;

/// What an independent reader finds at the front of a server's bytes: the first byte of the frame,
/// its payload, and what follows.
fn read_server_frame(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    let (length, at) = match bytes[1] {
        126 => (usize::from(bytes[2]) << 8 | usize::from(bytes[3]), 4),
        127 => (bytes[2..10].iter().fold(0, |sum, &b| sum << 8 | usize::from(b)), 10),
        short => (usize::from(short), 2),
    };
    (bytes[0], &bytes[at..at + length], &bytes[at + length..])
}

/// Name, bytes, verdict with RSV1 not allowed.
const OFFENCES: &[(&str, &[u8], E)] = &[
    ("opcode 3", &[0x83], E::ReservedOpcode),
    ("opcode 7", &[0x87, 0x80], E::ReservedOpcode),
    ("opcode 11", &[0x8B], E::ReservedOpcode),
    ("opcode 15", &[0x8F, 0x80, 0, 0, 0, 0], E::ReservedOpcode),
    ("RSV1", &[0xC1], E::ReservedBits),
    ("RSV2", &[0xA1], E::ReservedBits),
    ("RSV3", &[0x91, 0x80], E::ReservedBits),
    ("all three on a ping", &[0xF9, 0x80], E::ReservedBits),
    ("a ping without FIN", &[0x09], E::ControlFragmented),
    ("a close without FIN", &[0x08, 0x80], E::ControlFragmented),
    ("a pong without FIN", &[0x0A, 0x80], E::ControlFragmented),
    ("no mask", &[0x81, 0x05], E::Unmasked),
    ("no mask on a close", &[0x88, 0x00], E::Unmasked),
    ("no mask, and too long for a ping", &[0x89, 0x7E], E::Unmasked),
    ("a ping of 126 bytes", &[0x89, 0xFE], E::ControlTooLong),
    ("a close of 64 bits", &[0x88, 0xFF], E::ControlTooLong),
    ("125 in two bytes", &[0x82, 0xFE, 0, 125], E::LengthNotMinimal),
    ("0 in two bytes", &[0x82, 0xFE, 0, 0], E::LengthNotMinimal),
    ("65535 in eight", &[0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], E::LengthNotMinimal),
    ("0 in eight", &[0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0], E::LengthNotMinimal),
    ("2^63", &[0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], E::LengthHighBit),
    ("2^64 - 1", &[0x82, 0xFF, 255, 255, 255, 255, 255, 255, 255, 255], E::LengthHighBit),
    ("2^63 - 1", &[0x82, 0xFF, 0x7F, 255, 255, 255, 255, 255, 255, 255], E::TooLong),
    ("one over the bound", &[0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 1], E::TooLong),
    ("a continuation over the bound", &[0x80, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 1], E::TooLong),
];

#[test]
fn every_offence_is_named_at_its_last_byte_and_not_before() {
    for &(name, bytes, error) in OFFENCES {
        assert_eq!(decode_header(bytes, MAX, false), Err(error), "{name}");
        let first = (0..=bytes.len()).find_map(|n| decode_header(&bytes[..n], MAX, false).err());
        assert_eq!(first, Some(error), "{name}, byte by byte");
    }
    for error in E::ALL {
        let produced = |case: &(_, _, E)| case.2 == *error;
        assert!(OFFENCES.iter().any(produced), "{error:?} is produced by no case");
    }
}

#[test]
fn what_the_first_bytes_show_is_judged_without_the_rest() {
    for (byte, error) in
        [(0x83, E::ReservedOpcode), (0xC1, E::ReservedBits), (0x09, E::ControlFragmented)]
    {
        assert_eq!(decode_header(&[byte], MAX, false), Err(error));
    }
    assert_eq!(decode_header(&[0x81, 0x00], MAX, false), Err(E::Unmasked));
    assert_eq!(decode_header(&[0x89, 0xFE], MAX, false), Err(E::ControlTooLong));
}

#[test]
fn good_headers_are_read_and_every_prefix_is_partial() {
    let mask = [1, 2, 3, 4];
    let cases: &[(&[u8], bool, Opcode, u64)] = &[
        (&[0x81, 0x80], true, Opcode::Text, 0),
        (&[0x01, 0x85], false, Opcode::Text, 5),
        (&[0x00, 0x85], false, Opcode::Continuation, 5),
        (&[0x80, 0xFD], true, Opcode::Continuation, 125),
        (&[0x82, 0xFE, 0, 126], true, Opcode::Binary, 126),
        (&[0x82, 0xFE, 0xFF, 0xFF], true, Opcode::Binary, 65_535),
        (&[0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0], true, Opcode::Binary, 65_536),
        (&[0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 0], true, Opcode::Binary, MAX),
        (&[0x88, 0x80], true, Opcode::Close, 0),
        (&[0x89, 0xFD], true, Opcode::Ping, 125),
        (&[0x8A, 0x81], true, Opcode::Pong, 1),
    ];
    for &(start, fin, opcode, length) in cases {
        let bytes = [start, &mask, b"payload"].concat();
        let used = start.len() + 4;
        for cut in 0..used {
            let partial = decode_header(&bytes[..cut], MAX, false);
            assert_eq!(partial, Ok(Parsed::Partial), "{start:02X?}, cut at {cut}");
        }
        let value = FrameHeader { fin, reserved1: false, opcode, length, mask };
        let whole = Ok(Parsed::Complete { value, used });
        assert_eq!(decode_header(&bytes, MAX, false), whole);
    }
}

#[test]
fn rsv1_is_allowed_where_a_message_begins_and_nowhere_else() {
    for first in [0xC1, 0xC2, 0x41, 0x42] {
        let Ok(Parsed::Complete { value, .. }) = decode_header(&[first, 0x80, 0, 0, 0, 0], 0, true)
        else {
            panic!("{first:02X} is refused");
        };
        assert!(value.reserved1);
    }
    for first in [0xC0, 0x40, 0xC8, 0xC9, 0xCA, 0xA1, 0x91, 0xE1] {
        assert_eq!(decode_header(&[first], MAX, true), Err(E::ReservedBits), "{first:02X}");
    }
}

#[test]
fn a_small_message_bound_lets_control_frames_pass() {
    assert!(decode_header(&[0x89, 0xFD, 0, 0, 0, 0], 10, false).is_ok());
    assert_eq!(decode_header(&[0x81, 0x8B], 10, false), Err(E::TooLong));
}

#[test]
fn unmasking_agrees_with_the_formula_at_every_length_offset_and_cut() {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let masked: Vec<u8> = (0..67).map(|n: u8| n.wrapping_mul(41)).collect();
    // §5.3: transformed-octet-i = original-octet-i XOR masking-key-octet-(i MOD 4)
    let plain: Vec<u8> = (0..67).map(|i| masked[i] ^ mask[i % 4]).collect();
    for end in 0..=masked.len() {
        for cut in 0..=end {
            let mut payload = masked[..end].to_vec();
            let (head, tail) = payload.split_at_mut(cut);
            unmask(tail, mask, cut);
            unmask(head, mask, 0);
            assert_eq!(payload, plain[..end], "{end} bytes cut at {cut}");
        }
    }
}

#[test]
fn unmasking_a_long_payload_does_not_depend_on_where_it_lies() {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let masked: Vec<u8> = (0..600_usize).map(|n| (n * 41) as u8).collect();
    for start in 0..64 {
        for (offset, length) in [(0, 255), (1, 256), (2, 257), (7, 500)] {
            let mut bytes = masked.clone();
            unmask(&mut bytes[start..start + length], mask, offset);
            for (at, (byte, masked)) in bytes.iter().zip(&masked).enumerate() {
                let within = (start..start + length).contains(&at);
                let key = if within { mask[(offset + at - start) % 4] } else { 0 };
                assert_eq!(*byte, masked ^ key, "{length} bytes from {start}, byte {at}");
            }
        }
    }
}

#[test]
fn server_frames_read_back_at_every_length_form() {
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
        let payload = vec![b'x'; length];
        let mut out = b"before".to_vec();
        encode(Opcode::Binary, &payload, &mut out);
        let header = out.len() - 6 - length;
        assert_eq!(encoded_length(length), header + length);
        assert_eq!(
            header,
            if length < 126 {
                2
            } else if length < 65_536 {
                4
            } else {
                10
            }
        );
        assert_eq!(read_server_frame(&out[6..]), (0x82, &payload[..], &b""[..]));
    }
    for (opcode, first) in [
        (Opcode::Continuation, 0x80),
        (Opcode::Text, 0x81),
        (Opcode::Close, 0x88),
        (Opcode::Ping, 0x89),
        (Opcode::Pong, 0x8A),
    ] {
        let mut out = Vec::new();
        encode(opcode, b"Hello", &mut out);
        assert_eq!(read_server_frame(&out), (first, &b"Hello"[..], &b""[..]));
    }
}

#[test]
fn a_close_reason_is_cut_between_characters() {
    let long_ascii = "a".repeat(200);
    let long_wide = "é".repeat(100);
    for (reason, kept) in [
        ("", ""),
        ("bye", "bye"),
        (&long_ascii, &long_ascii[..123]),
        (&long_wide, &long_wide[..122]),
    ] {
        let mut out = Vec::new();
        encode_close(CloseCode::TRY_AGAIN, reason, &mut out);
        let payload = [&[0x03, 0xF5], kept.as_bytes()].concat();
        assert_eq!(read_server_frame(&out), (0x88, &payload[..], &b""[..]));
    }
}

#[test]
fn close_codes_that_may_not_be_sent_are_known() {
    let may = |code: &u16| CloseCode::valid_from_peer(*code);
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, u16::MAX] {
        assert!(!may(&code), "{code}");
        assert_eq!(CloseCode::from_peer(code), None);
    }
    for code in (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]) {
        assert!(may(&code), "{code}");
        assert_eq!(CloseCode::from_peer(code).map(CloseCode::number), Some(code));
    }
    let ours = [
        (CloseCode::PROTOCOL, 1002),
        (CloseCode::NOT_UTF8, 1007),
        (CloseCode::POLICY, 1008),
        (CloseCode::TOO_BIG, 1009),
        (CloseCode::TRY_AGAIN, 1013),
    ];
    for (code, number) in ours {
        assert_eq!(code.number(), number);
        assert!(may(&number));
    }
}

#[test]
fn codes_are_the_variants_and_details_fit_a_close_frame() {
    for error in E::ALL {
        let mut snake = String::new();
        for (at, char) in format!("{error:?}").char_indices() {
            if at > 0 && char.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(char.to_ascii_lowercase());
        }
        assert_eq!(error.code(), snake);
        assert!(error.detail().ends_with('.') && error.detail().len() <= CONTROL_BYTES_MAX - 2);
        let too_big = matches!(error, E::TooLong);
        let close_code = if too_big { CloseCode::TOO_BIG } else { CloseCode::PROTOCOL };
        assert_eq!(error.close_code(), close_code);
    }
}
