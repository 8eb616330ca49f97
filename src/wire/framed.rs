//! Data that is kept as it is sent: one whole frame of a server, its header in front of the data.
//! RFC 6455 §5.2.
//!
//! Short frames lie in place, so that whoever holds one has no allocation beside its own.
//!
//! Came from: `technique`, with the data of a message. Goes to: the same, which lends the data to
//! whoever encodes it otherwise; outboxes of raw WebSockets, as it lies here. Absent on purpose:
//! control frames, masks, and the bounds on what is long.

use std::fmt;

use super::frame::{self, Opcode};

/// The longest frame that lies in place. A message that holds one fills 120 bytes, and a block of
/// the allocator's 128: no more than a message and its shortest data took by themselves.
const SHORT_BYTES: usize = 46;

/// A frame. Two are alike when their bytes are.
#[derive(Clone)]
pub struct Framed(Storage);

#[derive(Clone)]
enum Storage {
    /// The first `length` of `bytes`.
    Short {
        length: u8,
        bytes: [u8; SHORT_BYTES],
    },
    Long(Box<[u8]>),
}

const _: () = assert!(size_of::<Framed>() == SHORT_BYTES + 2);

impl Framed {
    /// A frame of `data`, which is binary or text.
    pub fn new(data: &[u8], binary: bool) -> Self {
        let opcode = if binary { Opcode::Binary } else { Opcode::Text };
        let header = frame::SHORT_HEADER_BYTES;
        let length = header + data.len();
        if length > SHORT_BYTES {
            let mut bytes = Vec::with_capacity(frame::encoded_length(data.len()));
            frame::encode(opcode, data, &mut bytes);
            return Self(Storage::Long(bytes.into_boxed_slice()));
        }
        let mut bytes = [0; SHORT_BYTES];
        // The casts are exact: both are at most SHORT_BYTES.
        bytes[..header].copy_from_slice(&frame::short_header(opcode, data.len() as u8));
        bytes[header..length].copy_from_slice(data);
        Self(Storage::Short { length: length as u8, bytes })
    }

    /// The whole frame.
    #[inline]
    pub fn frame(&self) -> &[u8] {
        match &self.0 {
            Storage::Short { length, bytes } => &bytes[..usize::from(*length)],
            Storage::Long(bytes) => bytes,
        }
    }

    /// What is in it.
    #[inline]
    pub fn data(&self) -> &[u8] {
        &self.frame()[self.header_length()..]
    }

    /// Bytes of what is in it.
    #[inline]
    pub fn data_length(&self) -> usize {
        self.frame().len() - self.header_length()
    }

    /// Whether it was published as bytes.
    pub fn is_binary(&self) -> bool {
        self.frame()[0] == frame::short_header(Opcode::Binary, 0)[0]
    }

    /// Whether it has no allocation of its own.
    #[inline]
    pub fn is_in_place(&self) -> bool {
        matches!(self.0, Storage::Short { .. })
    }

    #[inline]
    fn header_length(&self) -> usize {
        match &self.0 {
            Storage::Short { .. } => frame::SHORT_HEADER_BYTES,
            Storage::Long(bytes) => frame::header_length(bytes),
        }
    }
}

impl PartialEq for Framed {
    fn eq(&self, other: &Self) -> bool {
        self.frame() == other.frame()
    }
}

impl Eq for Framed {}

impl fmt::Debug for Framed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Framed").field(&self.frame()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_any_length_has_its_data_behind_its_header() {
        let lengths = [0, 1, SHORT_BYTES - 2, SHORT_BYTES - 1, 125, 126, 0xFFFF, 0x1_0000];
        for length in lengths {
            let data = vec![b'x'; length];
            for (binary, opcode) in [(false, Opcode::Text), (true, Opcode::Binary)] {
                let framed = Framed::new(&data, binary);
                let mut whole = Vec::new();
                frame::encode(opcode, &data, &mut whole);
                assert_eq!(framed.frame(), whole, "{length}");
                assert_eq!((framed.data(), framed.data_length()), (&data[..], length));
                assert_eq!(framed.is_binary(), binary);
                assert_eq!(matches!(framed.0, Storage::Short { .. }), whole.len() <= SHORT_BYTES);
            }
        }
        assert_ne!(Framed::new(b"x", true), Framed::new(b"x", false));
    }
}
