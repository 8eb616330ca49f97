//! What comes after a cursor in several topics, in the order of sequence numbers.
//!
//! Each topic's place is looked up once; from there on its log is walked by index. So the next
//! message costs a comparison for each topic that has any left, and for a single topic none.
//!
//! Came from: `broker`, with topics and a cursor. Goes to: the same, which stops when an outbox or
//! an answer is full. Absent on purpose: a cursor. The last message that was taken is one.

use super::Hub;
use super::log::{Entry, TopicLog};
use crate::ids::{Seq, TopicId};
use crate::limits::BUNDLED_BYTES_MAX;

impl Hub {
    /// The messages after `cursor` in all of `topics`.
    pub fn merge(&self, topics: impl Iterator<Item = TopicId>, cursor: Seq) -> Merge<'_> {
        Merge::new(topics.map(|id| (id, &self.topics[id.0 as usize].log)), cursor)
    }

    /// The one message of `topic` that a subscriber at `cursor` lacks, if it is one, and the
    /// subscriber has lost none since there had been so many evictions.
    #[inline]
    pub fn only_newest(&self, topic: TopicId, cursor: Seq, evictions_seen: u64) -> Option<&Entry> {
        let newest = self.topics[topic.0 as usize].log.newest_if_only(cursor);
        newest.filter(|_| !self.missed(topic, cursor, evictions_seen))
    }

    /// The first message after `cursor` in any of `topics`.
    pub fn next(&self, topics: impl Iterator<Item = TopicId>, cursor: Seq) -> Option<&Entry> {
        let first = |id: TopicId| self.log(id).first_after(cursor);
        topics.filter_map(first).min_by_key(|entry| entry.seq())
    }
}

/// The messages, one after the other.
#[derive(Debug)]
pub struct Merge<'h> {
    /// The topic with the least sequence number, kept apart: readers of one topic need no list.
    first: Option<Walk<'h>>,
    /// Other topics that have any left.
    rest: Vec<Walk<'h>>,
}

/// A place in one log.
#[derive(Debug)]
struct Walk<'h> {
    topic: TopicId,
    log: &'h TopicLog,
    index: usize,
    entry: &'h Entry,
}

impl<'h> Merge<'h> {
    #[inline]
    pub(super) fn new(logs: impl Iterator<Item = (TopicId, &'h TopicLog)>, cursor: Seq) -> Self {
        let mut merge = Self { first: None, rest: Vec::new() };
        for (topic, log) in logs {
            let index = log.after(cursor);
            if let Some(entry) = log.get(index) {
                merge.add(Walk { topic, log, index, entry });
            }
        }
        merge
    }

    #[inline]
    fn add(&mut self, mut walk: Walk<'h>) {
        if let Some(first) = &mut self.first {
            if walk.entry.seq() < first.entry.seq() {
                std::mem::swap(first, &mut walk);
            }
            self.rest.push(walk);
        } else {
            self.first = Some(walk);
        }
    }

    /// The topic and the number of the next message, if all that are left are of one topic, and the
    /// next two are short enough for a bundle.
    #[inline]
    pub(super) fn several(&self) -> Option<(TopicId, Seq)> {
        let first = self.first.as_ref().filter(|_| self.rest.is_empty())?;
        let second = first.log.get(first.index + 1)?;
        let is_short = |entry: &Entry| entry.payload_bytes() <= BUNDLED_BYTES_MAX;
        (is_short(first.entry) && is_short(second)).then(|| (first.topic, first.entry.seq()))
    }

    /// Passes over `n` messages that stand in one topic, and tells the last of them.
    pub fn pass(&mut self, n: usize) -> Option<&'h Entry> {
        let first = self.first.as_mut()?;
        first.index += n - 1;
        first.entry = first.log.get(first.index)?;
        self.next().map(|(_, entry)| entry)
    }

    /// Brings the topic with the least sequence number to the front.
    fn reorder(&mut self) {
        let least = self.rest.iter_mut().min_by_key(|walk| walk.entry.seq());
        if let (Some(first), Some(least)) = (&mut self.first, least)
            && least.entry.seq() < first.entry.seq()
        {
            std::mem::swap(first, least);
        }
    }
}

impl<'h> Iterator for Merge<'h> {
    /// A message, and its topic.
    type Item = (TopicId, &'h Entry);

    #[inline]
    fn next(&mut self) -> Option<(TopicId, &'h Entry)> {
        let first = self.first.as_mut()?;
        let (topic, entry) = (first.topic, first.entry);
        first.index += 1;
        if let Some(next) = first.log.get(first.index) {
            first.entry = next;
        } else {
            let least = (0..self.rest.len()).min_by_key(|&n| self.rest[n].entry.seq());
            self.first = least.map(|n| self.rest.swap_remove(n));
            return Some((topic, entry));
        }
        if !self.rest.is_empty() {
            self.reorder();
        }
        Some((topic, entry))
    }
}
