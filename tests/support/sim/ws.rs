//! WebSocket frames as a client reads and writes them, written from RFC 6455 and not from the
//! server.

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A key, and the accept value that goes with it: those of RFC 6455 §1.3.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

#[derive(Debug)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
    pub length: usize,
}

/// Reads a frame of the server off the front of `buf`.
pub fn frame(buf: &[u8]) -> Option<Frame> {
    let (&first, &second) = (buf.first()?, buf.get(1)?);
    assert_eq!(first & 0xF0, 0x80, "FIN and no reserved bit: {first:#x}");
    assert_eq!(second & 0x80, 0, "a server does not mask");
    let number = |bytes: &[u8]| bytes.iter().fold(0, |n, &b| n << 8 | usize::from(b));
    let (head, length) = match second {
        126 => (4, number(buf.get(2..4)?)),
        127 => (10, number(buf.get(2..10)?)),
        short => (2, usize::from(short)),
    };
    let minimal = match length {
        0..126 => 2,
        126..0x1_0000 => 4,
        _ => 10,
    };
    assert_eq!(head, minimal, "the shortest length is used");
    let opcode = first & 0x0F;
    assert!([TEXT, BINARY, CLOSE, PING, PONG].contains(&opcode), "{opcode}");
    let payload = buf.get(head..head + length)?.to_vec();
    assert!(opcode < CLOSE || length <= 125, "a long control frame");
    let length = head + length;
    Some(Frame { opcode, payload, length })
}

/// Writes a frame of a client.
pub fn masked(opcode: u8, fin: bool, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    out.push(u8::from(fin) << 7 | opcode);
    match payload.len() {
        short @ 0..126 => out.push(0x80 | short as u8),
        long @ 126..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(long as u16).to_be_bytes());
        }
        longer => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(longer as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let covered = payload.iter().enumerate().map(|(n, b)| b ^ mask[n % 4]);
    out.extend(covered);
}
