//! A message: what was published, and the sequence number it was given.
//!
//! One allocation for whatever is short: the data lie in the message, with the header of a raw
//! WebSocket's frame in front of them. Such a frame is sent from there.
//!
//! Came from: `broker`, as a draft; from the sequencer, as a message. Goes to: every thread's log.
//! Absent on purpose: how it looks in any other format; that is an encoded message, made once for
//! each format and thread and kept beside it in the log.

use std::ops::Deref;
use std::sync::Arc;

use super::Content;
use crate::ids::{Epoch, Id, Micros, Network, Seq, TopicName};
use crate::limits::MESSAGE_OVERHEAD_BYTES;
use crate::wire::framed::Framed;
use crate::wire::utf8::{is_text, text};

/// The data of a message. Invariant: text is UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    framed: Framed,
    utf8: bool,
}

impl Payload {
    /// The data of a WebSocket message. A text message was checked by the codec.
    pub fn framed(data: impl AsRef<[u8]>, binary: bool) -> Self {
        let data = data.as_ref();
        debug_assert!(binary || str::from_utf8(data).is_ok());
        Self { framed: Framed::new(data, binary), utf8: !binary || is_text(data) }
    }

    /// A request body, which does not say what it is: text if it is UTF-8.
    pub fn posted(data: impl AsRef<[u8]>) -> Self {
        let data = data.as_ref();
        let utf8 = is_text(data);
        Self { framed: Framed::new(data, !utf8), utf8 }
    }

    /// Whether it was published as bytes, whatever they say.
    pub fn is_binary(&self) -> bool {
        self.framed.is_binary()
    }

    /// The bytes as they were published.
    pub fn bytes(&self) -> &[u8] {
        self.framed.data()
    }

    /// How many those are.
    #[inline]
    pub fn length(&self) -> usize {
        self.framed.data_length()
    }

    /// Bytes of memory beside its own.
    fn memory(&self) -> usize {
        if self.framed.is_in_place() { 0 } else { self.framed.frame().len() }
    }

    /// The frame in which a raw WebSocket gets them.
    #[inline]
    pub fn frame(&self) -> &[u8] {
        self.framed.frame()
    }
}

/// What somebody asked to be published, and who.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The message, but for its number.
    pub message: Unnumbered,
    /// Who asked, as far as bounds for each address are concerned.
    pub from: Network,
    /// A repeated publish with the same key adds nothing.
    pub idempotency_key: Option<Box<str>>,
}

impl Draft {
    /// What it takes while it waits for its number, in bytes.
    pub fn weight(&self) -> usize {
        let key = self.idempotency_key.as_deref().map_or(0, str::len);
        let event = self.message.event.as_deref().map_or(0, str::len);
        self.message.weight() + key + event
    }
}

/// A message that has no number yet. It lies where the message will lie, so that it is a pointer
/// that goes through the queues, and nothing is copied when the number is given.
#[derive(Debug, Clone)]
pub struct Unnumbered(Arc<Message>);

impl Unnumbered {
    /// What is to be published on `topic`, in memory of its own.
    pub fn new(topic: TopicName, event: Option<Box<str>>, payload: Payload) -> Self {
        Self::put(topic, event, payload, Arc::new)
    }

    /// The same, where `place` puts it.
    pub fn put(
        topic: TopicName,
        event: Option<Box<str>>,
        payload: Payload,
        place: impl FnOnce(Message) -> Arc<Message>,
    ) -> Self {
        Self(place(Message { seq: Seq(0), topic, event, payload, at: Micros(0) }))
    }

    /// The message, with its number and its moment.
    pub fn number(self, seq: Seq, at: Micros) -> Arc<Message> {
        let Self(mut message) = self;
        let own = Arc::make_mut(&mut message);
        (own.seq, own.at) = (seq, at);
        message
    }
}

impl Deref for Unnumbered {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.0
    }
}

/// A message with its number in the one sequence. Shared by all threads, never changed.
#[derive(Debug, Clone)]
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

/// With the two counts of an `Arc`, a block of 128 of the allocator's.
const _: () = assert!(size_of::<Message>() <= 104);

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
            binary: self.payload.is_binary(),
            at: self.at,
        }
    }

    /// Gives back what it holds beside itself, but for the name of its topic: long data, and the
    /// event name.
    pub fn let_go_of_long(&mut self) {
        self.event = None;
        if !self.payload.framed.is_in_place() {
            self.payload = Payload::posted([]);
        }
    }

    /// Bytes of memory, with those of long data.
    pub fn memory(&self) -> usize {
        size_of_val(self) + self.payload.memory()
    }

    /// What it counts against the bounds of its topic, in bytes.
    pub fn weight(&self) -> usize {
        self.payload.length() + MESSAGE_OVERHEAD_BYTES
    }

    /// What it counts against the bound of the server, in bytes, beside what each thread keeps for
    /// it.
    pub fn cost(&self) -> usize {
        self.weight() + self.event.as_deref().map_or(0, str::len)
    }
}
