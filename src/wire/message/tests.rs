//! Facts about messages. Every story is told whole, byte by byte and at random cuts, and must come
//! out the same.
//!
//! Came from: RFC 6455 §5.4–§5.7, §7.4, §8.1. Goes to: `cargo test`.

use super::MessageError as E;
use super::*;
use crate::dice::Dice;
use crate::wire::frame::{CloseCode, FrameError as F};

mod deflate;
mod memory;

const MAX: usize = 300;
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A masked frame of a client. `first` is its first byte.
fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        long => bytes.extend([0xFE, (long >> 8) as u8, long as u8]),
    }
    bytes.extend(MASK);
    let keys = MASK.iter().cycle();
    bytes.extend(payload.iter().zip(keys).map(|(byte, key)| byte ^ key));
    bytes
}

/// Frames from how the tables write them: `81:Hello|89:` is a text and an empty ping, each masked;
/// what begins with `=` is bytes as they are.
fn frames(script: &[u8]) -> Vec<u8> {
    let one = |part: &[u8]| match part {
        [b'=', raw @ ..] => raw.to_vec(),
        [high, low, b':', payload @ ..] => {
            let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hex digit") as u8;
            frame(digit(*high) << 4 | digit(*low), payload)
        }
        _ => panic!("neither `xx:payload` nor `=raw`: {}", part.escape_ascii()),
    };
    script.split(|&byte| byte == b'|').flat_map(one).collect()
}

/// What was heard, as the tables write it.
fn words(incoming: Incoming<'_>) -> String {
    match incoming {
        Incoming::Text(text) => format!("text {}", text.as_str()),
        Incoming::Binary(bytes) => format!("bytes {}", bytes.escape_ascii()),
        Incoming::Ping(bytes) => format!("ping {}", bytes.escape_ascii()),
        Incoming::Pong(bytes) => format!("pong {}", bytes.escape_ascii()),
        Incoming::Close { code, reason } => format!("close {code:?} {reason}"),
    }
}

type Story = (Vec<String>, Result<(), E>);

/// Feeds `bytes` in pieces of the sizes that `next_size` gives, as a connection would: what was not
/// taken is pushed again with more.
fn told(bytes: &[u8], next_size: impl FnMut() -> usize) -> Story {
    told_to(Assembler::default(), bytes, next_size)
}

fn told_to(mut assembler: Assembler, bytes: &[u8], mut next_size: impl FnMut() -> usize) -> Story {
    let inflating = assembler.inflater().map_or(0, |_| deflate::MEMORY);
    let mut heard = Vec::new();
    let mut inbox = Vec::new();
    let mut rest = bytes;
    loop {
        let before = inbox.clone();
        match assembler.push(&mut inbox, MAX) {
            Ok(Step::Complete { incoming, used }) => {
                heard.push(words(incoming));
                inbox.drain(..used);
            }
            Ok(Step::Partial { used }) => {
                assert_eq!(inbox[used..], before[used..], "what was not taken is as it was");
                inbox.drain(..used);
                assert!(inbox.len() < 131, "an unfinished control frame is all that is left");
                let own = size_of::<(Assembly, Unfinished)>();
                assert!(assembler.memory() <= own + MAX + inflating);
                if rest.is_empty() {
                    return (heard, Ok(()));
                }
                let (piece, after) = rest.split_at(next_size().clamp(1, rest.len()));
                inbox.extend_from_slice(piece);
                rest = after;
            }
            Err(error) => return (heard, Err(error)),
        }
    }
}

/// The story, after checking that no way of cutting the bytes tells another one.
fn story(name: &str, bytes: &[u8]) -> Story {
    story_to(Assembler::default, name, bytes)
}

fn story_to(assembler: impl Fn() -> Assembler, name: &str, bytes: &[u8]) -> Story {
    let whole = told_to(assembler(), bytes, || usize::MAX);
    let byte_by_byte = told_to(assembler(), bytes, || 1);
    assert_eq!(byte_by_byte, whole, "{name}, byte by byte");
    for seed in 0..32 {
        let mut dice = Dice(seed);
        let longest = 1 + dice.below(bytes.len().max(1));
        let cut = told_to(assembler(), bytes, || 1 + dice.below(longest));
        assert_eq!(cut, whole, "{name}, cut by seed {seed}");
    }
    whole
}

/// Name, frames, what is heard.
const GOOD: &[(&str, &[u8], &[&str])] = &[
    ("nothing", b"=", &[]),
    ("a text", b"81:Hello", &["text Hello"]),
    ("an empty text", b"81:", &["text "]),
    ("a wide text", b"81:\xE2\x98\x83", &["text ☃"]),
    ("bytes", b"82:\0\xFF", &["bytes \\x00\\xff"]),
    ("no bytes", b"82:", &["bytes "]),
    ("an unasked pong", b"8A:", &["pong "]),
    ("three", b"81:a|89:p|82:b", &["text a", "ping p", "bytes b"]),
    ("fragments", b"01:Hel|00:l|80:o|81:!", &["text Hello", "text !"]),
    ("control between", b"01:a|89:p|00:|8A:|80:b", &["ping p", "pong ", "text ab"]),
    ("empty fragments", b"02:|00:|80:|01:|80:x", &["bytes ", "text x"]),
    ("a character in two", b"01:\xE2\x98|89:|80:\x83", &["ping ", "text ☃"]),
    ("a character in three", b"01:\xE2|00:\x98|00:|80:\x83", &["text ☃"]),
    ("bytes are not text", b"02:\xFF|80:\xC0\xED", &["bytes \\xff\\xc0\\xed"]),
    ("text after bytes", b"02:\xE2|80:|01:\xC3|80:\xA9", &["bytes \\xe2", "text é"]),
    ("an empty close", b"88:", &["close None "]),
    ("a code", b"88:\x03\xE8", &["close Some(1000) "]),
    ("a reason, mid-message", b"01:a|88:\x0F\xA0bye", &["close Some(4000) bye"]),
    ("an unfinished header", b"81:a|=\x82", &["text a"]),
    ("an unfinished ping", b"=\x89\x82abcde", &[]),
    ("an unfinished text", b"81:a|=\x81\x85\0\0\0\0Hell", &["text a"]),
];

#[test]
fn good_conversations_are_heard_in_order() {
    for &(name, script, heard) in GOOD {
        let heard = heard.iter().map(ToString::to_string).collect();
        assert_eq!(story(name, &frames(script)), (heard, Ok(())), "{name}");
    }
}

/// Name, frames, offence.
const BAD: &[(&str, &[u8], E)] = &[
    ("opcode 3", b"83:", E::Frame(F::ReservedOpcode)),
    ("RSV1", b"C1:x", E::Frame(F::ReservedBits)),
    ("RSV2 on a fragment", b"01:a|A0:b", E::Frame(F::ReservedBits)),
    ("half a ping", b"09:", E::Frame(F::ControlFragmented)),
    ("no mask", b"=\x81\x01x", E::Frame(F::Unmasked)),
    ("a long ping", b"=\x89\xFE\0\x7E", E::Frame(F::ControlTooLong)),
    ("the high bit", b"=\x82\xFF\x80\0\0\0\0\0\0\0", E::Frame(F::LengthHighBit)),
    ("a long length", b"=\x82\xFE\0\x01", E::Frame(F::LengthNotMinimal)),
    ("a long frame", b"=\x82\xFE\x01\x2D", E::Frame(F::TooLong)),
    ("a long fragment", b"01:a|=\x80\xFE\x01\x2D", E::Frame(F::TooLong)),
    ("a long whole", b"01:a|=\x80\xFE\x01\x2CMASK", E::TooBig),
    ("a long whole, unfinished", b"01:a|=\x00\xFE\x01\x2CMASK", E::TooBig),
    ("nothing to continue", b"00:x", E::ContinuationWithoutStart),
    ("nothing to finish", b"80:", E::ContinuationWithoutStart),
    ("a text within a text", b"01:a|81:b", E::StartWithinFragments),
    ("bytes within a text", b"01:a|02:b", E::StartWithinFragments),
    ("bad text", b"81:ab\xC0", E::NotUtf8),
    ("a text that stops short", b"81:ab\xE2\x98", E::NotUtf8),
    ("a bad fragment", b"01:\xED\xA0", E::NotUtf8),
    ("a bad second half", b"01:\xE2|80:a", E::NotUtf8),
    ("fragments that stop short", b"01:\xE2|80:\x98", E::NotUtf8),
    ("an empty end that stops short", b"01:\xE2|80:", E::NotUtf8),
    ("half a code", b"88:\x03", E::CloseTooShort),
    ("code 1005", b"88:\x03\xED", E::CloseCodeInvalid),
    ("code 0 with a bad reason", b"88:\0\0\xFF", E::CloseCodeInvalid),
    ("a bad reason", b"88:\x03\xE8ok\xFF", E::CloseReasonNotUtf8),
];

#[test]
fn every_offence_is_named_whatever_stands_around_it() {
    for &(name, script, error) in BAD {
        let bytes = [b"89:before|", script, b"|81:after"].concat();
        let heard = vec!["ping before".to_string()];
        assert_eq!(story(name, &frames(&bytes)), (heard, Err(error)), "{name}");
    }
    for error in E::ALL {
        let produced = |case: &(_, _, E)| case.2 == *error;
        let produced = BAD.iter().chain(deflate::BAD).any(produced);
        assert!(produced, "{error:?} is produced by no case");
    }
}

#[test]
fn just_the_bound_is_heard_in_one_frame_and_in_many() {
    let long = "é".repeat(MAX / 2);
    let (heard, one) = (vec![format!("text {long}")], frame(0x81, &long));
    assert_eq!(story("one frame", &one), (heard.clone(), Ok(())));

    let mut many = frame(0x01, "");
    for byte in long.as_bytes() {
        many.extend(frame(0x00, [*byte]));
    }
    many.extend(frame(0x80, ""));
    assert_eq!(told(&many, || usize::MAX), (heard.clone(), Ok(())));
    assert_eq!(told(&many, || 5), (heard, Ok(())));
    let ping = frame(0x89, [b'p'; 125]);
    let heard = vec![format!("ping {}", "p".repeat(125))];
    assert_eq!(story("a ping", &ping), (heard, Ok(())));
}

/// A frame that is right where it stands most of the time, so that random conversations get
/// somewhere.
fn random_frame(dice: &mut Dice, mid_message: &mut bool) -> Vec<u8> {
    const PAYLOADS: [&[u8]; 8] =
        [b"", b"x", b"", b"text", b"\xC3\xA9", &[b'y'; 130], b"\xE2", b"\x98\x83"];
    let payload = PAYLOADS[dice.below(PAYLOADS.len())];
    let fin = [0x00, 0x80][dice.below(2)];
    let any = [0x00, 0x81, 0x02, 0x83, 0x88, 0xC1];
    let first = match dice.below(16) {
        0 => any[dice.below(any.len())],
        1 | 2 => return frame(0x89, &payload[..payload.len().min(125)]),
        _ if *mid_message => fin,
        kind => fin | [0x01, 0x02][kind % 2],
    };
    *mid_message = first & 0x80 == 0;
    frame(first, payload)
}

#[test]
fn random_conversations_do_not_depend_on_the_cuts() {
    let (mut good, mut messages) = (0, 0);
    for seed in 0..400 {
        let mut dice = Dice(seed << 32);
        let (mut bytes, mut mid_message) = (Vec::new(), false);
        for _ in 0..=dice.below(9) {
            bytes.extend(random_frame(&mut dice, &mut mid_message));
        }
        // Some end within a frame, some have a bit that was never sent.
        bytes.truncate(bytes.len() - dice.below(2) * dice.below(bytes.len()));
        if dice.below(8) == 0 {
            let at = dice.below(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
        }
        let (heard, verdict) = story(&format!("conversation {seed}"), &bytes);
        good += usize::from(verdict.is_ok());
        messages += heard.len();
    }
    // The generator is worth its time: neither all bad nor all good, and much is heard.
    let worth = (100..300).contains(&good) && messages > 400;
    assert!(worth, "{good} good, {messages} heard");
}

#[test]
fn codes_are_the_variants_and_details_fit_a_close_frame() {
    for error in E::ALL {
        let variant = format!("{error:?}");
        let variant = variant.trim_start_matches("Frame(").trim_end_matches(')');
        let mut snake = String::new();
        for (at, char) in variant.char_indices() {
            if at > 0 && char.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(char.to_ascii_lowercase());
        }
        assert_eq!(error.code(), snake);
        assert!(error.detail().ends_with('.') && error.detail().len() <= 123, "{snake}");
        let close_code = match error {
            E::Frame(error) => error.close_code(),
            E::TooBig => CloseCode::TOO_BIG,
            E::NotUtf8 | E::CloseReasonNotUtf8 => CloseCode::NOT_UTF8,
            E::ContinuationWithoutStart
            | E::StartWithinFragments
            | E::NotDeflate
            | E::CloseTooShort
            | E::CloseCodeInvalid => CloseCode::PROTOCOL,
        };
        assert_eq!(error.close_code(), close_code);
    }
    let of_frames = E::ALL.iter().filter(|error| matches!(error, E::Frame(_)));
    assert_eq!(of_frames.count(), F::ALL.len());
}
