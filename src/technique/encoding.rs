//! Encoded messages: what a technique is given of a message, the formats there are, and what comes
//! out.
//!
//! Came from: `hub`, with the content of a message. Goes to: the techniques, which encode it, and
//! the outboxes of all readers that share the result. Absent on purpose: the encoding itself; each
//! technique has its own.

use std::ops::Range;

use crate::ids::{Id, Micros};

/// A message as a technique sees it.
#[derive(Clone, Copy, Debug)]
pub struct Content<'m> {
    /// Its id.
    pub id: Id,
    /// The topic it was published on.
    pub topic: &'m str,
    /// Its name, if it has one.
    pub event: Option<&'m str>,
    /// The payload.
    pub bytes: &'m [u8],
    /// The payload again, if it is UTF-8.
    pub text: Option<&'m str>,
    /// Published as bytes rather than as text: what a WebSocket frame's opcode says.
    pub binary: bool,
    /// When it was committed.
    pub at: Micros,
}

impl Content<'_> {
    /// `bytes` in which it is encoded, or the last piece of it, with so much of the payload.
    pub fn encoded(&self, bytes: Vec<u8>, payload: usize) -> EncodedMessage {
        EncodedMessage {
            bytes: bytes.into_boxed_slice(),
            // Exact: no message is longer than `limits::MESSAGE_BYTES_CEILING`, far below 4 GiB.
            payload: payload as u32,
            chunk: ChunkAround::default(),
            at: self.at,
        }
    }
}

/// How a message is encoded. All readers that want the same format share one encoded message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An element of a poll's list.
    Poll,
    /// The same with the topic's name, for readers of several topics.
    PollNamed,
    /// A chunk of an event stream; without its first and last line, the event itself.
    Event,
    /// A raw WebSocket frame.
    Frame,
    /// A frame of `tollway.v1`.
    Object,
    /// The same with the topic's name, for readers of several topics.
    ObjectNamed,
}

impl Format {
    /// How many formats there are: what an entry of the log has room for.
    pub const COUNT: usize = 6;
}

/// A message, encoded: ready to be sent, as often as there are readers.
#[derive(Debug, PartialEq, Eq)]
pub struct EncodedMessage {
    /// Every byte that goes out.
    pub bytes: Box<[u8]>,
    /// How many of them are the payload itself; the others are framing. An escaped or encoded
    /// payload counts with the bytes it had when it was published.
    pub payload: u32,
    /// Where the message begins, and how much stands behind it: an event lies in a chunk, which
    /// HTTP/1.0 does not have. 0 and 0 in any other format.
    pub chunk: ChunkAround,
    /// When the message was committed.
    pub at: Micros,
}

/// How many bytes of a chunk stand around a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChunkAround {
    /// The line with its size, in front.
    pub before: u8,
    /// The end of the line behind it.
    pub behind: u8,
}

impl EncodedMessage {
    /// Bytes of memory that it takes, with what the allocator keeps beside it.
    pub fn memory(&self) -> usize {
        const COUNTS_AND_ROUNDING: usize = 48;
        size_of::<Self>() + self.bytes.len() + COUNTS_AND_ROUNDING
    }

    /// Its bytes: with the chunk around them, or the message alone.
    pub fn range(&self, chunked: bool) -> Range<usize> {
        let ChunkAround { before, behind } =
            if chunked { ChunkAround::default() } else { self.chunk };
        usize::from(before)..self.bytes.len() - usize::from(behind)
    }
}
