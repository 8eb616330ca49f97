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

use super::renditions::Renditions;
use crate::ids::{Epoch, Seq, TopicName};
use crate::limits::LONG_MESSAGE_BYTES;
use crate::technique::message::Message;
use crate::technique::{self, Content, EncodedMessage, Format};
use crate::wire::deflate::Window;

/// A message in the log, with what it was encoded to so far.
#[derive(Debug)]
pub struct Entry {
    message: Arc<Message>,
    renditions: OnceCell<Box<Renditions>>,
}

const _: () = assert!(size_of::<Entry>() == 2 * size_of::<usize>());

impl Entry {
    /// Its sequence number.
    pub fn seq(&self) -> Seq {
        self.message.seq
    }

    /// The topic that it was published on.
    pub fn topic(&self) -> &TopicName {
        &self.message.topic
    }

    /// What a technique sees of it.
    pub fn content(&self, epoch: Epoch) -> Content<'_> {
        self.message.content(epoch)
    }

    /// The message itself.
    pub fn message(&self) -> &Arc<Message> {
        &self.message
    }

    /// Bytes of its payload.
    pub fn payload_bytes(&self) -> usize {
        self.message.payload.length()
    }

    /// Whether it is so long that a poll's answer has it in pieces.
    pub fn is_long(&self) -> bool {
        self.payload_bytes() > LONG_MESSAGE_BYTES
    }

    /// The message in `format`: rendered for the first reader that wants it, shared by the others.
    pub fn encoded(&self, format: Format, epoch: Epoch) -> &Rc<EncodedMessage> {
        self.renditions.get_or_init(Box::default).plain(format, || self.render(format, epoch))
    }

    /// The message as a frame in `format`, compressed once for all readers that have this window.
    /// Where that does not pay it is the frame that is not compressed, and no copy of it.
    pub fn deflated(&self, format: Format, window: Window, epoch: Epoch) -> &Rc<EncodedMessage> {
        let make = || technique::render_deflated(&self.message.content(epoch), format, window);
        let plain = || self.render(format, epoch);
        self.renditions.get_or_init(Box::default).deflated(format, window, make, plain)
    }

    /// The message in `format`, for that window if there is one, if it was encoded to that before.
    #[inline]
    pub(super) fn rendition(
        &self,
        format: Format,
        window: Option<Window>,
    ) -> Option<&Rc<EncodedMessage>> {
        self.renditions.get()?.made(format, window)
    }

    /// The message in `format`, compressed for `window` if there is one and that pays. It is not
    /// kept.
    pub(super) fn encoded_for_one(
        &self,
        format: Format,
        window: Option<Window>,
        epoch: Epoch,
    ) -> EncodedMessage {
        let deflated =
            |window| technique::render_deflated(&self.message.content(epoch), format, window);
        window.and_then(deflated).unwrap_or_else(|| self.render(format, epoch))
    }

    fn render(&self, format: Format, epoch: Epoch) -> EncodedMessage {
        technique::render(&self.message.content(epoch), format)
    }

    /// Whether it was encoded to anything that is still kept.
    #[cfg(test)]
    pub(super) fn has_renditions(&self) -> bool {
        self.renditions.get().is_some()
    }

    /// Bytes of what it was encoded to so far.
    pub(super) fn rendered_bytes(&self) -> usize {
        self.renditions.get().map_or(0, |renditions| renditions.bytes())
    }
}

/// The log of one topic. Invariants: entries stand in the order of their sequence numbers;
/// `evicted` < the first entry's number; `tip` = the last entry's, or what it was.
#[derive(Debug)]
pub struct TopicLog {
    entries: VecDeque<Entry>,
    /// Weight of all entries.
    weight: usize,
    /// The number of the last message that fell off: a cursor before it has missed something.
    evicted: Seq,
    tip: Seq,
}

impl TopicLog {
    /// An empty log that admits to having lost everything up to `evicted`.
    pub fn new(evicted: Seq) -> Self {
        Self { entries: VecDeque::new(), weight: 0, evicted, tip: evicted }
    }

    /// Adds the newest message.
    pub fn append(&mut self, message: Arc<Message>) {
        debug_assert!(message.seq > self.tip);
        self.tip = message.seq;
        self.weight += message.weight();
        self.entries.push_back(Entry { message, renditions: OnceCell::new() });
    }

    /// Drops the oldest message.
    pub fn evict(&mut self) -> Option<Evicted> {
        let entry = self.entries.pop_front()?;
        self.evicted = entry.seq();
        self.weight -= entry.message.weight();
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
        let rendered = entry.rendered_bytes();
        Some(Evicted { message: entry.message, rendered })
    }

    /// Drops what the message of this number was encoded to, and tells how many bytes that took.
    pub(super) fn forget_renditions(&mut self, seq: Seq) -> usize {
        let index = self.after(seq.before());
        let entry = self.entries.get_mut(index).filter(|entry| entry.seq() == seq);
        let renditions = entry.and_then(|entry| entry.renditions.take());
        renditions.map_or(0, |renditions| renditions.bytes())
    }

    /// Gives back the room of a burst, but for a quarter more than is used.
    pub(super) fn give_back(&mut self) {
        let used = self.entries.len();
        if self.entries.capacity() > ENTRIES_MIN && self.entries.capacity() >= 2 * used {
            self.entries.shrink_to(used + used / 4);
        }
    }

    /// The message of this number.
    pub(super) fn find(&self, seq: Seq) -> Option<&Entry> {
        self.get(self.after(seq.before())).filter(|entry| entry.seq() == seq)
    }

    /// Whether the message of this number, which was appended here or to a log that is gone, is
    /// still here. Only the oldest fall off, and what is gone is older than what came later, so
    /// there is nothing to search for.
    pub(super) fn still_holds(&self, seq: Seq) -> bool {
        let holds = self.evicted < seq && self.first().is_some_and(|first| first.seq() <= seq);
        debug_assert_eq!(holds, self.find(seq).is_some());
        holds
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

    /// The newest entry, if it is the only one after `cursor`.
    #[inline]
    pub fn newest_if_only(&self, cursor: Seq) -> Option<&Entry> {
        let newest = self.entries.back().filter(|newest| newest.seq() > cursor)?;
        let second = self.entries.len().checked_sub(2).map(|index| &self.entries[index]);
        second.is_none_or(|second| second.seq() <= cursor).then_some(newest)
    }

    /// The first entry after `cursor`.
    #[inline]
    pub fn first_after(&self, cursor: Seq) -> Option<&Entry> {
        self.entries.get(self.after(cursor))
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
    pub fn weight(&self) -> usize {
        self.weight
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
#[derive(Debug)]
pub struct Evicted {
    /// The message. Others may hold it still.
    pub message: Arc<Message>,
    /// Bytes of what it was encoded to.
    pub rendered: usize,
}

/// Room for so many entries is not worth giving back.
const ENTRIES_MIN: usize = 64;
