//! How far a node's view of the stream goes, at both ends.
//!
//! **Whether something is missing between two entries.** Numbers may leave some out, and a stream
//! is trimmed at its beginning while a node is away. So each entry names the newest one before it
//! in its [group](crate::hub::forgotten) of names: one that names an entry which the node has not
//! seen has lost something on the way.
//!
//! **What the stream need not keep.** As much as `--retain-bytes` and `--history-age` allow, for
//! all topics together; every node says with what it appends how far back that is. So the strictest
//! node decides. Marks stand for many entries each: a stream is trimmed coarsely in any case.
//!
//! Came from: the node, with each entry. Goes to: the same. Absent on purpose: the messages.

use std::collections::VecDeque;

use crate::hub::forgotten;
use crate::ids::{Millis, Seq, TopicName};
use crate::limits::{FORGOTTEN_GROUPS, Limits};

/// A run of entries.
#[derive(Debug, Clone, Copy)]
struct Mark {
    first: Seq,
    entries: usize,
    bytes: usize,
    /// When the newest of them was appended.
    at: Millis,
}

/// Entries that one mark stands for.
const ENTRIES_PER_MARK: usize = 64;

/// What a node knows of the stream.
#[derive(Debug)]
pub struct Reach {
    group_key: u64,
    /// The newest entry.
    tip: Seq,
    /// The newest number of each group of names.
    newest: Vec<Seq>,
    marks: VecDeque<Mark>,
    bytes: usize,
    bytes_max: usize,
    age_ms: u64,
}

impl Reach {
    /// Of a stream of which nothing was read.
    pub fn new(limits: &Limits, group_key: u64) -> Self {
        Self {
            group_key,
            tip: Seq(0),
            newest: vec![Seq(0); FORGOTTEN_GROUPS],
            marks: VecDeque::new(),
            bytes: 0,
            bytes_max: limits.retain_bytes,
            age_ms: limits.history_age_ms,
        }
    }

    /// The number of the newest entry that was taken; 0: none was.
    pub fn tip(&self) -> Seq {
        self.tip
    }

    /// The group of a name.
    pub fn group(&self, topic: &TopicName) -> usize {
        forgotten::group(self.group_key, topic)
    }

    /// The next entry. `false`: it names one before it that was not seen.
    #[must_use]
    pub fn take(
        &mut self,
        seq: Seq,
        topic: &TopicName,
        before: Seq,
        cost: usize,
        at: Millis,
    ) -> bool {
        let group = self.group(topic);
        let newest = &mut self.newest[group];
        let whole = before <= *newest;
        *newest = seq;
        self.tip = seq;
        match self.marks.back_mut().filter(|mark| mark.entries < ENTRIES_PER_MARK) {
            Some(mark) => {
                mark.entries += 1;
                mark.bytes += cost;
                mark.at = at;
            }
            None => self.marks.push_back(Mark { first: seq, entries: 1, bytes: cost, at }),
        }
        self.bytes += cost;
        while self.bytes > self.bytes_max && self.marks.len() > 1 {
            self.drop_first();
        }
        whole
    }

    /// The oldest number worth keeping.
    pub fn oldest(&mut self, now: Millis) -> Seq {
        while self.marks.len() > 1
            && self.marks.front().is_some_and(|mark| now >= mark.at.plus(self.age_ms))
        {
            self.drop_first();
        }
        self.marks.front().map_or(Seq(0), |mark| mark.first)
    }

    fn drop_first(&mut self) {
        if let Some(mark) = self.marks.pop_front() {
            self.bytes -= mark.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TopicName {
        TopicName::parse(text).expect("a good name")
    }

    fn reach(retain_bytes: usize) -> Reach {
        let limits = Limits { retain_bytes, history_age_ms: 1_000, ..Limits::default() };
        Reach::new(&limits, 7)
    }

    #[test]
    fn an_entry_whose_predecessor_was_not_seen_tells_that_something_is_missing() {
        let mut reach = reach(1_000_000);
        let mut take =
            |seq, topic, before| reach.take(Seq(seq), &name(topic), Seq(before), 1, Millis(0));
        assert!(take(1, "a", 0));
        assert!(take(2, "b", 0));
        assert!(take(9, "a", 1), "numbers may leave some out");
        assert!(!take(12, "a", 11));
        assert!(take(13, "a", 12), "said once");
        assert!(take(14, "b", 0), "what says less than we know is no gap");
    }

    #[test]
    fn what_is_beyond_bytes_or_age_need_not_be_kept() {
        let mut reach = reach(256);
        for seq in 1..=256 {
            assert!(reach.take(Seq(seq), &name("a"), Seq(seq - 1), 1, Millis(seq)));
        }
        assert_eq!(reach.oldest(Millis(256)), Seq(1));
        assert!(reach.take(Seq(257), &name("a"), Seq(256), 1, Millis(257)));
        assert_eq!(reach.oldest(Millis(257)), Seq(65), "64 went together");
        assert_eq!(reach.oldest(Millis(1_128)), Seq(129));
        assert_eq!(reach.oldest(Millis(1_000_000)), Seq(257), "the newest stays");
        assert_eq!(reach.bytes, 1);
    }
}
