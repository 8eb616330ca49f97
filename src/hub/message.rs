//! A message: what was published, and the sequence number it was given.
//!
//! Came from: `conn`, as a draft; from the sequencer, as a message. Goes to: every thread's log.
//! Absent on purpose: how it looks on the wire; that is an encoded message, made once for each
//! format and thread and kept beside it in the log.

use crate::ids::{Epoch, Id, Micros, Network, Seq, TopicName};
use crate::limits::MESSAGE_OVERHEAD_BYTES;
use crate::technique::Content;
use crate::wire::utf8::text;

/// The data of a message. Invariant: text is UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    bytes: Box<[u8]>,
    /// Published as bytes: a WebSocket gets a binary frame.
    binary: bool,
    utf8: bool,
}

impl Payload {
    /// The data of a WebSocket message. A text message was checked by the codec.
    pub fn framed(bytes: Box<[u8]>, binary: bool) -> Self {
        debug_assert!(binary || str::from_utf8(&bytes).is_ok());
        Self { utf8: !binary || text(&bytes).is_some(), bytes, binary }
    }

    /// A request body, which does not say what it is: text if it is UTF-8.
    pub fn posted(bytes: Vec<u8>) -> Self {
        let utf8 = text(&bytes).is_some();
        Self { bytes: bytes.into_boxed_slice(), binary: !utf8, utf8 }
    }

    /// Whether it was published as bytes, whatever they say.
    pub fn is_binary(&self) -> bool {
        self.binary
    }

    /// The bytes as they were published.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What somebody asked to be published: a message without its number.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The topic to publish on.
    pub topic: TopicName,
    /// The event name, if it has one.
    pub event: Option<Box<str>>,
    /// The data.
    pub payload: Payload,
    /// Who asked, as far as bounds for each address are concerned.
    pub from: Network,
    /// A repeated publish with the same key adds nothing.
    pub idempotency_key: Option<Box<str>>,
}

impl Draft {
    /// What it takes while it waits for its number, in bytes.
    pub fn weight(&self) -> usize {
        let key = self.idempotency_key.as_deref().map_or(0, str::len);
        let event = self.event.as_deref().map_or(0, str::len);
        self.payload.bytes().len() + key + event + MESSAGE_OVERHEAD_BYTES
    }
}

/// A message with its number in the one sequence. Shared by all threads, never changed.
#[derive(Debug)]
pub struct Message {
    /// Its sequence number.
    pub seq: Seq,
    /// The topic it was published on.
    pub topic: TopicName,
    /// The event name, if it has one.
    pub event: Option<Box<str>>,
    /// The data.
    pub payload: Payload,
    /// When it was committed.
    pub at: Micros,
}

impl Message {
    /// What a technique sees of it.
    pub fn content(&self, epoch: Epoch) -> Content<'_> {
        let bytes = self.payload.bytes();
        Content {
            id: Id { epoch, seq: self.seq },
            topic: self.topic.as_str(),
            event: self.event.as_deref(),
            bytes,
            text: self.payload.utf8.then(|| text(bytes).expect("checked when it was published")),
            binary: self.payload.binary,
            at: self.at,
        }
    }

    /// What it counts against the bounds of its topic, in bytes.
    pub fn weight(&self) -> usize {
        self.payload.bytes().len() + MESSAGE_OVERHEAD_BYTES
    }

    /// What it counts against the bound of the server, in bytes, beside what each thread keeps for
    /// it.
    pub fn cost(&self) -> usize {
        self.weight() + self.event.as_deref().map_or(0, str::len)
    }
}
