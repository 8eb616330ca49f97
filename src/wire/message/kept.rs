//! What has come of an unfinished message: text that was judged, or bytes.
//!
//! Came from: `wire::message`, piece by piece, and `wire::deflate`, block by block. Goes to: the
//! former, whole. Absent on purpose: where pieces come from and when there are enough.

use crate::wire::deflate::{Output, more_room};
use crate::wire::utf8::{NotUtf8, Text};

#[derive(Debug)]
pub(super) enum Kept {
    Text(Text),
    Bytes(Vec<u8>),
}

impl Kept {
    /// Whether it may end here.
    pub(super) fn finish(&self) -> Result<(), NotUtf8> {
        match self {
            Self::Text(text) => text.finish(),
            Self::Bytes(_) => Ok(()),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        match self {
            Self::Text(text) => text.capacity(),
            Self::Bytes(bytes) => bytes.capacity(),
        }
    }
}

impl Output for Kept {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_str().as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    fn taken(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    fn take_in(&mut self, piece: &[u8], bytes_max: usize) -> Result<(), NotUtf8> {
        match self {
            Self::Text(text) => {
                let (len, capacity) = (text.len(), text.capacity());
                text.reserve_exact(more_room(len, capacity, piece.len(), bytes_max));
                text.push(piece)
            }
            Self::Bytes(bytes) => bytes.take_in(piece, bytes_max),
        }
    }
}
