//! WebSocket messages: what is joined does not depend on cuts, agrees with a twin that collects
//! frames and judges at the end, and costs no more memory than the bound.
//!
//! Came from: bytes; the first two choose the bound and the cuts. Goes to: `wire::message`.

use std::ops::Range;

use tollway::wire::extension::{Agreement, agree};
use tollway::wire::frame::CloseCode;
use tollway::wire::message::{Assembler, Incoming, MessageError, Step};

use super::readers::frames;
use super::{choice, cuts};

/// Something that a client said, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

pub fn check(input: &[u8]) {
    let (choices, input) = choice(input);
    let (seed, bytes) = choice(input);
    let bound = [1 << 20, 0, 1, 5, 125, 126, 300, 70_000][usize::from(choices % 8)];
    let deflates = choices & 8 > 0;
    let offer = b"permessage-deflate; client_max_window_bits=10";
    let terms = deflates.then(|| agree(&[offer]).unwrap().expect("it can be met"));
    let [whole, drip, pieces] =
        cuts(seed, bytes.len()).map(|cuts| joined(bytes, &cuts, bound, terms));
    assert_eq!(drip, whole, "byte by byte");
    assert_eq!(pieces, whole, "in pieces");
    let (said, offence) = whole;
    for said in &said {
        holds_by_itself(said, bound);
    }
    if let Some(offence) = offence {
        assert!(matches!(offence.close_code().number(), 1002 | 1007 | 1009));
    }
    if deflates {
        return; // The twin would need an inflater of its own.
    }
    let (twin, twin_offends) = naive(bytes, bound);
    // A text is refused at its first offending byte, which the twin, waiting for frames, may not
    // come to; and an offence that it does find is there.
    assert!(said.starts_with(&twin) || twin.starts_with(&said), "{said:?} and {twin:?}");
    let early = offence == Some(MessageError::NotUtf8);
    assert!(said.len() >= twin.len() || early, "{twin:?}, but {said:?}, then {offence:?}");
    assert!(!twin_offends || offence.is_some());
    assert!(offence.is_some() || said.len() == twin.len());
}

fn holds_by_itself(said: &Said, bound: usize) {
    match said {
        Said::Text(text) => assert!(text.len() <= bound),
        Said::Binary(bytes) => assert!(bytes.len() <= bound),
        Said::Ping(bytes) | Said::Pong(bytes) => assert!(bytes.len() <= 125),
        Said::Close(code, _) => assert!(code.is_none_or(CloseCode::valid_from_peer)),
    }
}

/// Pushes `bytes` as they are cut, together with what was left of the cut before.
fn joined(
    bytes: &[u8],
    cuts: &[Range<usize>],
    bound: usize,
    terms: Option<Agreement>,
) -> (Vec<Said>, Option<MessageError>) {
    let mut assembler = Assembler::new(terms);
    // What may be referred back to, and what inflating takes.
    let (idle, inflating) = if terms.is_some() { (2048, 50_000) } else { (0, 0) };
    let mut said = Vec::new();
    let mut inbox: Vec<u8> = Vec::new();
    for cut in cuts {
        inbox.extend_from_slice(&bytes[cut.clone()]);
        loop {
            let before = inbox.clone();
            let (used, went_on) = match assembler.push(&mut inbox, bound) {
                Ok(Step::Partial { used }) => (used, false),
                Ok(Step::Complete { incoming, used }) => {
                    said.push(owned(incoming));
                    (used, true)
                }
                Err(offence) => return (said, Some(offence)),
            };
            assert_eq!(inbox[used..], before[used..], "what is not taken is left as it was");
            assert!(used > 0 || !went_on, "a frame has bytes");
            inbox.drain(..used);
            assert!(assembler.buffered() <= bound);
            assert!(
                assembler.memory() <= bound + 192 + idle + inflating,
                "{} bytes",
                assembler.memory()
            );
            if !went_on {
                break;
            }
        }
        assembler.release();
        assert!(assembler.mid_message() || assembler.memory() <= idle, "idle is free");
        assert!(inbox.len() <= 14 + 125, "only a header or a control frame is left: {inbox:?}");
    }
    (said, None)
}

fn owned(incoming: Incoming<'_>) -> Said {
    match incoming {
        Incoming::Text(text) => Said::Text(text.as_str().to_owned()),
        Incoming::Binary(bytes) => Said::Binary(bytes.to_vec()),
        Incoming::Ping(bytes) => Said::Ping(bytes.to_vec()),
        Incoming::Pong(bytes) => Said::Pong(bytes.to_vec()),
        Incoming::Close { code, reason } => Said::Close(code, reason.to_owned()),
    }
}

/// Frame by whole frame. `true`: one of them broke a rule.
fn naive(mut bytes: &[u8], bound: usize) -> (Vec<Said>, bool) {
    let mut said = Vec::new();
    let mut message: Option<(u8, Vec<u8>)> = None;
    while let Some(frame) = frames::frame(bytes) {
        bytes = &bytes[frame.used..];
        let control = frame.opcode >= 8;
        let sound = frame.mask.is_some()
            && frame.reserved == 0
            && frame.minimal
            && matches!(frame.opcode, 0 | 1 | 2 | 8 | 9 | 10)
            && (!control || (frame.fin && frame.payload.len() <= 125))
            && (control || (frame.opcode == 0) == message.is_some());
        if !sound {
            return (said, true);
        }
        if control {
            said.push(match frame.opcode {
                9 => Said::Ping(frame.payload),
                10 => Said::Pong(frame.payload),
                _ => match naive_close(&frame.payload) {
                    Some(close) => close,
                    None => return (said, true),
                },
            });
            continue;
        }
        let (opcode, mut data) = message.take().unwrap_or((frame.opcode, Vec::new()));
        data.extend(frame.payload);
        if data.len() > bound {
            return (said, true);
        }
        if !frame.fin {
            message = Some((opcode, data));
        } else if opcode == 2 {
            said.push(Said::Binary(data));
        } else {
            match String::from_utf8(data) {
                Ok(text) => said.push(Said::Text(text)),
                Err(_) => return (said, true),
            }
        }
    }
    (said, false)
}

fn naive_close(payload: &[u8]) -> Option<Said> {
    let code = match payload {
        [] => return Some(Said::Close(None, String::new())),
        [_] => return None,
        [high, low, ..] => u16::from(*high) * 256 + u16::from(*low),
    };
    let sendable = (1000..5000).contains(&code)
        && ![1004, 1005, 1006, 1015].contains(&code)
        && !(1016..3000).contains(&code);
    let reason = String::from_utf8(payload[2..].to_vec()).ok()?;
    sendable.then_some(Said::Close(Some(code), reason))
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let frame = |fin, opcode, payload: &[u8]| frames::client(fin, opcode, payload, mask);
    let long = "x\u{e9}\u{2603}\u{1f600}".repeat(40);
    let stories: Vec<Vec<Vec<u8>>> = vec![
        vec![frame(true, 1, b"Hello"), frame(true, 2, b"\xFF\x00"), frame(true, 1, b"")],
        vec![frame(false, 1, b"Hel"), frame(true, 9, b"?"), frame(true, 0, b"lo")],
        vec![frame(false, 1, b"caf\xC3"), frame(false, 0, b""), frame(true, 0, b"\xA9")],
        vec![frame(true, 1, b"caf\xC3")],
        vec![frame(false, 1, b"\xED\xA0")],
        vec![frame(true, 10, b"pong"), frame(true, 8, b"")],
        vec![frame(true, 8, b"\x03\xE8bye")],
        vec![frame(true, 8, b"\x03\xED")],
        vec![frame(true, 8, b"\x03")],
        vec![frame(true, 8, b"\x03\xE8\xFF")],
        vec![frame(true, 0, b"nothing to continue")],
        vec![frame(false, 2, b"a"), frame(true, 2, b"b")],
        vec![frame(true, 1, long.as_bytes()), frame(false, 1, long.as_bytes())],
        vec![frame(false, 2, &[7; 100]), frame(false, 0, &[7; 100]), frame(true, 0, &[7; 100])],
        vec![frame(true, 3, b""), frame(true, 1, b"a")],
        vec![frame(false, 9, b"")],
        vec![vec![0x81, 0x01, b'a']],
    ];
    let mut seeds = Vec::new();
    for (n, story) in stories.iter().enumerate() {
        seeds.push([&[0, n as u8 + 1], story.concat().as_slice()].concat());
    }
    let compressed = |fin, reserved, opcode, payload: &[u8]| {
        let mut out = frames::header(fin, reserved, opcode, payload.len() as u64, mask);
        let from = out.len();
        out.extend_from_slice(payload);
        frames::unmask(&mut out[from..], mask, 0);
        out
    };
    let (hello, again) = (b"\xF2\x48\xCD\xC9\xC9\x07\x00", b"\xF2\x00\x11\x00\x00");
    for story in [
        vec![
            compressed(true, 4, 1, hello),
            compressed(true, 4, 1, again),
            frame(true, 1, b"plain"),
        ],
        vec![compressed(false, 4, 1, &hello[..3]), compressed(true, 0, 0, &hello[3..])],
        vec![compressed(true, 4, 2, b"\xFF\xFF")],
        vec![compressed(false, 4, 2, hello), compressed(true, 4, 0, again)],
    ] {
        seeds.push([&[8, 5], story.concat().as_slice()].concat());
        seeds.push([&[11, 5], story.concat().as_slice()].concat());
    }
    seeds.push([&[6, 2], stories[13].concat().as_slice()].concat());
    seeds.push([&[3, 2], stories[1].concat().as_slice()].concat());
    seeds
}
