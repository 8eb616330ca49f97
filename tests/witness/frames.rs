//! WebSocket frames as they were captured.
//!
//! A parser of its own, written from RFC 6455 §5.2 alone, for streams that are there as a whole.
//!
//! Came from: `connection`, with the bytes behind the handshake. Goes to: `account`. Absent on
//! purpose: the rules that a peer may break; a captured server keeps them, and the clients of these
//! tests do.

/// One frame, unmasked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) opcode: u8,
    pub(crate) data: Vec<u8>,
    /// Everything that stands before the data.
    pub(crate) header_bytes: usize,
}

/// All frames of `stream`, which holds nothing else.
pub(crate) fn frames(mut stream: &[u8]) -> Vec<Frame> {
    let mut found = Vec::new();
    while !stream.is_empty() {
        let (frame, rest) = frame(stream);
        found.push(frame);
        stream = rest;
    }
    found
}

fn frame(stream: &[u8]) -> (Frame, &[u8]) {
    let short = usize::from(stream[1] & 0x7f);
    let (length, mut header_bytes) = match short {
        126 => (usize::from(u16::from_be_bytes([stream[2], stream[3]])), 4),
        127 => {
            let eight = stream[2..10].try_into().expect("eight bytes");
            let length = usize::try_from(u64::from_be_bytes(eight)).expect("it was captured");
            (length, 10)
        }
        short => (short, 2),
    };
    let mut mask = [0; 4];
    if stream[1] & 0x80 != 0 {
        mask.copy_from_slice(&stream[header_bytes..header_bytes + 4]);
        header_bytes += 4;
    }
    let end = header_bytes + length;
    let masked = stream[header_bytes..end].iter().zip(mask.iter().cycle());
    let frame = Frame {
        fin: stream[0] & 0x80 != 0,
        opcode: stream[0] & 0x0f,
        data: masked.map(|(byte, mask)| byte ^ mask).collect(),
        header_bytes,
    };
    (frame, &stream[end..])
}

/// A frame as a client has to send it: masked.
pub(crate) fn masked(fin: bool, opcode: u8, data: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d]; // That of RFC 6455 §5.7.
    let mut bytes = vec![if fin { 0x80 | opcode } else { opcode }];
    let length = u16::try_from(data.len()).expect("no test says as much in one frame");
    if length < 126 {
        bytes.push(0x80 | length.to_be_bytes()[1]);
    } else {
        bytes.push(0x80 | 0x7e);
        bytes.extend(length.to_be_bytes());
    }
    bytes.extend(MASK);
    bytes.extend(data.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_of_rfc_6455_5_7_are_read() {
        let stream = [
            &[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f][..],
            &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
            &[0x01, 0x03, 0x48, 0x65, 0x6c],
            &[0x80, 0x02, 0x6c, 0x6f],
            &[0x82, 0x7e, 0x01, 0x00],
            &[7; 256],
        ]
        .concat();
        let found = frames(&stream);
        let shapes: Vec<_> =
            found.iter().map(|f| (f.fin, f.opcode, f.header_bytes, f.data.len())).collect();
        let expected = [
            (true, 1, 2, 5),
            (true, 1, 6, 5),
            (false, 1, 2, 3),
            (true, 0, 2, 2),
            (true, 2, 4, 256),
        ];
        assert_eq!(shapes, expected);
        assert_eq!(found[1].data, b"Hello");
    }

    #[test]
    fn what_a_client_sends_is_what_is_read() {
        assert_eq!(masked(true, 1, b"Hello")[..6], [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d]);
        for length in [0, 125, 126, 4000] {
            let data = vec![b'x'; length];
            let [frame] = &frames(&masked(false, 2, &data))[..] else {
                panic!("one frame");
            };
            assert_eq!((frame.fin, frame.opcode, &frame.data), (false, 2, &data));
        }
    }
}
