//! The buffer of an unfinished message: text that was judged, or bytes, and how many bytes of a
//! compressed message it was made of.
//!
//! Came from: `wire::message`, piece by piece, and `wire::deflate`, block by block. Goes to: the
//! former, whole. Absent on purpose: where pieces come from and when there are enough.

use super::incoming::Incoming;
use crate::wire::deflate::{InflateOutput, more_room};
use crate::wire::utf8::{NotUtf8, Text};

#[derive(Debug)]
pub(super) struct Buffer {
    data: Data,
    /// `Some` for a compressed message: the bytes of it that came, as they were sent.
    deflated: Option<usize>,
}

#[derive(Debug)]
enum Data {
    Text(Text),
    Binary(Vec<u8>),
}

impl Buffer {
    /// An empty one, for a message of this kind.
    pub(super) fn new(is_text: bool, is_compressed: bool) -> Self {
        let data = if is_text { Data::Text(Text::default()) } else { Data::Binary(Vec::new()) };
        Self { data, deflated: is_compressed.then_some(0) }
    }

    /// Bytes of a compressed message as they were sent; `None` of one that is not compressed.
    pub(super) const fn deflated(&self) -> Option<usize> {
        self.deflated
    }

    /// Counts `bytes` of a compressed message, which the caller inflates into this buffer.
    pub(super) fn count_deflated(&mut self, bytes: usize) {
        self.deflated = self.deflated.map(|before| before + bytes);
    }

    /// Whether the message may end here.
    pub(super) fn finish(&self) -> Result<(), NotUtf8> {
        match &self.data {
            Data::Text(text) => text.finish(),
            Data::Binary(_) => Ok(()),
        }
    }

    /// The whole message.
    pub(super) fn message(&self) -> Incoming<'_> {
        match &self.data {
            Data::Text(text) => Incoming::Text(text.as_str().into()),
            Data::Binary(bytes) => Incoming::Binary(bytes),
        }
    }

    /// Bytes of the heap that it holds.
    pub(super) fn capacity(&self) -> usize {
        match &self.data {
            Data::Text(text) => text.capacity(),
            Data::Binary(bytes) => bytes.capacity(),
        }
    }
}

impl InflateOutput for Buffer {
    fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Text(text) => text.as_str().as_bytes(),
            Data::Binary(bytes) => bytes,
        }
    }

    fn taken(&self) -> usize {
        match &self.data {
            Data::Text(text) => text.len(),
            Data::Binary(bytes) => bytes.len(),
        }
    }

    fn take_in(&mut self, piece: &[u8], bytes_max: usize) -> Result<(), NotUtf8> {
        match &mut self.data {
            Data::Text(text) => {
                let (len, capacity) = (text.len(), text.capacity());
                text.reserve_exact(more_room(len, capacity, piece.len(), bytes_max));
                text.push(piece)
            }
            Data::Binary(bytes) => bytes.take_in(piece, bytes_max),
        }
    }
}
