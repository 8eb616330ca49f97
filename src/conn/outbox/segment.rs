//! Segments: what an outbox is a queue of.
//!
//! There are five kinds: bytes that the connection owns, static bytes, part of an encoded message
//! that many connections share, a bundle that they share, and a message as it lies in the log. A
//! segment says what its bytes are for, and who pays for them.
//!
//! Came from: answers and the pump. Goes to: the outbox, and when it is sent, accounting. Absent on
//! purpose: how much of it was sent; the outbox knows.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use crate::ids::Micros;
use crate::ledger::{Class, Payer};
use crate::technique::message::Message;
use crate::technique::{Bundle, BundledParts, EncodedMessage};

/// Bytes to be sent, and what they are for.
#[derive(Debug)]
pub struct Segment {
    bytes: SegmentBytes,
    /// What the bytes are, but for the last of them.
    class: Class,
    /// What the last of them are: payload, or the body of an answer; and how many those are.
    last_class: Class,
    last_bytes: u32,
    /// The payer of the bytes. What is queued may have been caused by requests of several kinds.
    pub(super) payer: Payer,
    /// It came into an empty outbox, and nobody has asked since.
    pub(super) fresh: bool,
}

#[derive(Debug)]
enum SegmentBytes {
    Own(Vec<u8>),
    Static(&'static [u8]),
    Shared {
        encoded: Rc<EncodedMessage>,
        /// Exact: an encoded message is bounded far below 4 GiB.
        from: u32,
        to: u32,
    },
    /// A message of the log; what is sent is its frame.
    Message(Arc<Message>),
    Bundle(Rc<Bundle>),
}

impl Segment {
    /// Bytes made for this connection alone.
    pub fn own(bytes: Vec<u8>, class: Class) -> Self {
        Self::new(SegmentBytes::Own(bytes), class, class, 0)
    }

    /// An answer that is whole: so many of its bytes are its body, and the others its head.
    pub fn answer(bytes: Vec<u8>, body: usize) -> Self {
        // Exact: only a short body is copied to its head.
        Self::new(SegmentBytes::Own(bytes), Class::Head, Class::Body, body as u32)
    }

    /// A piece of an encoded message that is not its last: so many of its bytes are payload.
    pub fn piece(bytes: Vec<u8>, payload: usize) -> Self {
        // Exact: a message is bounded far below 4 GiB.
        Self::framed(SegmentBytes::Own(bytes), payload as u32)
    }

    /// Bytes that never change.
    pub fn fixed(bytes: &'static [u8], class: Class) -> Self {
        Self::new(SegmentBytes::Static(bytes), class, class, 0)
    }

    /// The part `range` of an encoded message; all its payload lies in there, and all else is
    /// framing.
    pub fn shared(encoded: Rc<EncodedMessage>, range: Range<usize>) -> Self {
        let (payload, from, to) = (encoded.payload, range.start as u32, range.end as u32);
        Self::framed(SegmentBytes::Shared { encoded, from, to }, payload)
    }

    /// A message, in the frame in which it lies.
    pub fn message(message: &Arc<Message>) -> Self {
        // Exact: a message is bounded far below 4 GiB.
        let payload = message.payload.length() as u32;
        Self::framed(SegmentBytes::Message(Arc::clone(message)), payload)
    }

    /// A bundle: what it is made of, it says itself.
    pub fn bundle(bundle: &Rc<Bundle>) -> Self {
        Self::framed(SegmentBytes::Bundle(Rc::clone(bundle)), 0)
    }

    fn framed(bytes: SegmentBytes, payload: u32) -> Self {
        Self::new(bytes, Class::Framing, Class::Payload, payload)
    }

    fn new(bytes: SegmentBytes, class: Class, last_class: Class, last_bytes: u32) -> Self {
        Self { bytes, class, last_class, last_bytes, payer: Payer::Other, fresh: false }
    }

    /// The payer of its bytes.
    pub fn payer(&self) -> Payer {
        self.payer
    }

    /// Its bytes.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.bytes {
            SegmentBytes::Own(bytes) => bytes,
            SegmentBytes::Static(bytes) => bytes,
            SegmentBytes::Shared { encoded, from, to } => {
                &encoded.bytes[*from as usize..*to as usize]
            }
            SegmentBytes::Message(message) => message.payload.frame(),
            SegmentBytes::Bundle(bundle) => &bundle.bytes,
        }
    }

    /// How many bytes it has.
    #[inline]
    pub(super) fn length(&self) -> usize {
        match &self.bytes {
            SegmentBytes::Shared { from, to, .. } => (to - from) as usize,
            _ => self.bytes().len(),
        }
    }

    /// How many messages it has beyond one, when `sent` of its bytes are sent.
    #[inline]
    pub(super) fn messages_more(&self, sent: usize) -> usize {
        match &self.bytes {
            SegmentBytes::Bundle(bundle) => {
                let through = bundle.messages.partition_point(|m| m.to as usize <= sent);
                (bundle.messages.len() - through).saturating_sub(1)
            }
            _ => 0,
        }
    }

    /// The parts of it that end behind byte `before` and not behind byte `sent`; for all but a
    /// bundle, that is all of it or nothing.
    #[inline]
    pub(super) fn through(&self, before: usize, sent: usize) -> Option<Through<'_>> {
        let payer = self.payer;
        let at = match &self.bytes {
            SegmentBytes::Bundle(bundle) => {
                return Some(Through::Parts { payer, parts: bundle.parts(before, sent) });
            }
            SegmentBytes::Shared { encoded, .. } => Some(encoded.at),
            SegmentBytes::Message(message) => Some(message.at),
            SegmentBytes::Own(_) | SegmentBytes::Static(_) => None,
        };
        let length = self.length();
        let portions = self.portions(length);
        (sent == length).then_some(Through::Whole { payer, portions, at })
    }

    /// What was begun of it and is not through, when `sent` of its bytes are sent.
    pub(super) fn begun(&self, sent: usize) -> [(Class, usize); 3] {
        if let SegmentBytes::Bundle(bundle) = &self.bytes {
            return portions_of(&bundle.begun(sent));
        }
        let [first, last] = self.portions(sent);
        [first, last, (Class::Head, 0)]
    }

    /// The first `sent` of its bytes by class, in two portions.
    fn portions(&self, sent: usize) -> [(Class, usize); 2] {
        let before = self.length() - self.last_bytes as usize;
        [(self.class, sent.min(before)), (self.last_class, sent.saturating_sub(before))]
    }

    /// Joins `more` to it when both are our own, of one class and of one payer, so that a flood of
    /// small answers is one segment; gives it back otherwise.
    pub(super) fn join(&mut self, more: Self) -> Option<Self> {
        match (&mut self.bytes, &more.bytes) {
            (SegmentBytes::Own(own), SegmentBytes::Own(bytes))
                if (self.class, self.payer) == (more.class, more.payer)
                    && (self.last_bytes, more.last_bytes) == (0, 0) =>
            {
                own.extend_from_slice(bytes);
                None
            }
            _ => Some(more),
        }
    }

    /// Bytes of the heap that it holds: all of its own, its share of a bundle, and what nobody else
    /// holds any more. Any other message, and what it was encoded to, is counted where it is
    /// retained.
    pub(super) fn heap_bytes(&self) -> usize {
        match &self.bytes {
            SegmentBytes::Own(bytes) => bytes.capacity(),
            SegmentBytes::Bundle(bundle) => bundle.bytes.capacity() / Rc::strong_count(bundle),
            SegmentBytes::Shared { encoded, .. } if Rc::strong_count(encoded) == 1 => {
                encoded.memory()
            }
            SegmentBytes::Message(message) if Arc::strong_count(message) == 1 => message.memory(),
            SegmentBytes::Static(_) | SegmentBytes::Shared { .. } | SegmentBytes::Message(_) => 0,
        }
    }
}

/// What the kernel has the last byte of.
#[derive(Debug)]
pub enum Through<'s> {
    /// A segment.
    Whole {
        /// Who pays for it.
        payer: Payer,
        /// Its bytes by class.
        portions: [(Class, usize); 2],
        /// When the message in it was committed, if it is one.
        at: Option<Micros>,
    },
    /// Parts of a bundle.
    Parts {
        /// Who pays for them.
        payer: Payer,
        /// The parts.
        parts: BundledParts<'s>,
    },
}

impl Through<'_> {
    /// Who pays for it.
    pub fn payer(&self) -> Payer {
        match self {
            Self::Whole { payer, .. } | Self::Parts { payer, .. } => *payer,
        }
    }

    /// Its bytes by class.
    pub fn portions(&self) -> [(Class, usize); 3] {
        match self {
            Self::Whole { portions: [first, last], .. } => [*first, *last, (Class::Head, 0)],
            Self::Parts { parts, .. } => portions_of(parts),
        }
    }
}

fn portions_of(parts: &BundledParts<'_>) -> [(Class, usize); 3] {
    let BundledParts { head, framing, payload, .. } = *parts;
    [(Class::Framing, framing), (Class::Payload, payload), (Class::Head, head)]
}
