//! The log of one topic: messages in the order of their sequence numbers, the oldest falling off.
//!
//! A reader is a cursor, and the log answers one question: what comes after it? The answer is the
//! same function for a poll, a replay, a live delivery and a reader that catches up.
//!
//! Came from: `hub`, which appends what the sequencer committed. Goes to: `broker::pump`. Absent on
//! purpose: readers. The log does not know whether anyone reads it.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use super::message::Message;
use crate::ids::{Epoch, Seq};
use crate::technique::{self, EncodedMessage, Format};
use crate::wire::deflate::Window;

/// A message in the log, with what it was encoded to so far.
#[derive(Debug)]
pub struct Entry {
    message: Arc<Message>,
    encodings: Encodings,
    /// The same, compressed: made for the first reader that agreed to it.
    deflated: OnceCell<Box<[Encodings; Window::ALL.len()]>>,
}

type Encodings = [OnceCell<Rc<EncodedMessage>>; Format::COUNT];

impl Entry {
    /// Its sequence number.
    pub fn seq(&self) -> Seq {
        self.message.seq
    }

    /// The message in `format`: rendered for the first reader that wants it, shared by the others.
    pub fn encoded(&self, format: Format, epoch: Epoch) -> &Rc<EncodedMessage> {
        self.encodings[format as usize]
            .get_or_init(|| Rc::new(technique::render(&self.message.content(epoch), format)))
    }

    /// The message as a frame in `format`, compressed once for all readers that have this window.
    /// Where that does not pay it is the frame that is not compressed, and no copy of it.
    pub fn deflated(&self, format: Format, window: Window, epoch: Epoch) -> &Rc<EncodedMessage> {
        let deflated = self.deflated.get_or_init(Box::default);
        deflated[window as usize][format as usize].get_or_init(|| {
            let content = self.message.content(epoch);
            match technique::render_deflated(&content, format, window) {
                Some(deflated) => Rc::new(deflated),
                None => Rc::clone(self.encoded(format, epoch)),
            }
        })
    }
}

/// The log of one topic. Invariants: entries stand in the order of their sequence numbers;
/// `evicted` < the first entry's number; `tip` = the last entry's, or what it was.
#[derive(Debug)]
pub struct TopicLog {
    entries: VecDeque<Entry>,
    /// Weight of all entries.
    bytes: usize,
    /// The number of the last message that fell off: a cursor before it has missed something.
    evicted: Seq,
    tip: Seq,
}

impl TopicLog {
    /// An empty log that admits to having lost everything up to `evicted`.
    pub fn new(evicted: Seq) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, evicted, tip: evicted }
    }

    /// Adds the newest message.
    pub fn append(&mut self, message: Arc<Message>) {
        debug_assert!(message.seq > self.tip);
        self.tip = message.seq;
        self.bytes += message.weight();
        self.entries.push_back(Entry {
            message,
            encodings: Default::default(),
            deflated: OnceCell::new(),
        });
    }

    /// Drops the oldest message and tells its number.
    pub fn evict(&mut self) -> Option<Evicted> {
        let entry = self.entries.pop_front()?;
        self.evicted = entry.seq();
        self.bytes -= entry.message.weight();
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
        Some(Evicted { weight: entry.message.weight() })
    }

    /// The index of the first entry after `cursor`; `len` when there is none.
    pub fn after(&self, cursor: Seq) -> usize {
        // A live reader is one message behind, or none: two comparisons, no search.
        if cursor >= self.tip {
            return self.entries.len();
        }
        let newest_only = self.entries.len().checked_sub(2).map(|i| &self.entries[i]);
        if newest_only.is_some_and(|second| second.seq() <= cursor) {
            return self.entries.len() - 1;
        }
        self.entries.partition_point(|entry| entry.seq() <= cursor)
    }

    /// The entry at `index`.
    pub fn get(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    /// The oldest entry.
    pub fn first(&self) -> Option<&Entry> {
        self.entries.front()
    }

    /// How many messages it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Weight of all messages held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Everything up to here is gone.
    pub fn evicted(&self) -> Seq {
        self.evicted
    }

    /// The number of the newest message ever held.
    pub fn tip(&self) -> Seq {
        self.tip
    }
}

/// A message that fell off.
#[derive(Debug, Clone, Copy)]
pub struct Evicted {
    /// What it counted against the bounds, in bytes.
    pub weight: usize,
}
