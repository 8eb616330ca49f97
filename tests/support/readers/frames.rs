//! WebSocket frames, read and written bit by bit. RFC 6455 §5.2.

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A key, and the accept value that goes with it: those of RFC 6455 §1.3.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub fin: bool,
    /// RSV1 to RSV3, as three bits.
    pub reserved: u8,
    pub opcode: u8,
    pub mask: Option<[u8; 4]>,
    /// Not masked any more.
    pub payload: Vec<u8>,
    /// The length was written in the shortest form.
    pub minimal: bool,
    pub used: usize,
}

/// Reads one frame of either side. `None`: not all of it is here.
pub fn frame(bytes: &[u8]) -> Option<Frame> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (length, mut at) = match second % 128 {
        126 => (number(bytes, 2, 2)?, 4),
        127 => (number(bytes, 2, 8)?, 10),
        short => (u64::from(short), 2),
    };
    let minimal = match second % 128 {
        126 => length >= 126,
        127 => length >= 65_536,
        _ => true,
    };
    let mask = match second / 128 {
        0 => None,
        _ => {
            at += 4;
            Some([bytes.get(at - 4), bytes.get(at - 3), bytes.get(at - 2), bytes.get(at - 1)])
        }
    };
    let mask = match mask {
        None => None,
        Some(mask) => Some([*mask[0]?, *mask[1]?, *mask[2]?, *mask[3]?]),
    };
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    let mut payload = bytes.get(at..end)?.to_vec();
    if let Some(mask) = mask {
        unmask(&mut payload, mask, 0);
    }
    Some(Frame {
        fin: first / 128 == 1,
        reserved: first / 16 % 8,
        opcode: first % 16,
        mask,
        payload,
        minimal,
        used: end,
    })
}

fn number(bytes: &[u8], from: usize, length: usize) -> Option<u64> {
    let digits = bytes.get(from..from + length)?;
    Some(digits.iter().fold(0, |number, &digit| number * 256 + u64::from(digit)))
}

/// Byte by byte, as §5.3 words it.
pub fn unmask(payload: &mut [u8], mask: [u8; 4], offset: usize) {
    for (i, byte) in payload.iter_mut().enumerate() {
        *byte ^= mask[(i + offset) % 4];
    }
}

/// Writes the header of a client's frame, in the shortest form.
pub fn header(fin: bool, reserved: u8, opcode: u8, length: u64, mask: [u8; 4]) -> Vec<u8> {
    let mut out = vec![u8::from(fin) * 128 + reserved * 16 + opcode];
    if length < 126 {
        out.push(128 + length as u8);
    } else if length < 65_536 {
        out.push(128 + 126);
        out.extend([length / 256, length % 256].map(|digit| digit as u8));
    } else {
        out.push(128 + 127);
        out.extend((0..8).rev().map(|place| (length >> (8 * place)) as u8));
    }
    out.extend(mask);
    out
}

/// Writes a client's frame.
pub fn client(fin: bool, opcode: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut out = header(fin, 0, opcode, payload.len() as u64, mask);
    let from = out.len();
    out.extend_from_slice(payload);
    unmask(&mut out[from..], mask, 0);
    out
}

/// Reads one frame of our server, which sends whole messages in one frame each. `reserved`: those
/// of RSV1 to RSV3 that an extension has given a meaning.
pub fn server_frame(bytes: &[u8], reserved: u8) -> Option<Frame> {
    let frame = frame(bytes)?;
    assert!(frame.fin && frame.reserved & !reserved == 0 && frame.minimal, "{frame:?}");
    assert!(frame.mask.is_none(), "a server's frame is not masked");
    assert!([TEXT, BINARY, CLOSE, PING, PONG].contains(&frame.opcode), "{frame:?}");
    assert!(frame.opcode < CLOSE || frame.payload.len() <= 125, "{frame:?}");
    Some(frame)
}

/// Reads what a server sends where no extension was agreed on. Tells what is left unfinished.
pub fn server(mut bytes: &[u8]) -> (Vec<Frame>, &[u8]) {
    let mut frames = Vec::new();
    while let Some(frame) = server_frame(bytes, 0) {
        bytes = &bytes[frame.used..];
        frames.push(frame);
    }
    (frames, bytes)
}
