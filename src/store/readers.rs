//! Who reads a topic, as far as the sequencer has to know: how many, and on which threads.
//!
//! Every thread is told of every message, but only one with somebody to deliver it to has to be
//! told soon. The others find it in their mailboxes before they judge the next request.
//!
//! Came from: threads, with subscribers that came or went. Goes to: receipts, as a count; the bus,
//! as the threads to wake. Absent on purpose: the subscribers; their thread's hub has them.

use crate::hub::{SubscriberChange, Subscribers};
use crate::ids::ShardId;

/// The subscribers of one topic.
#[derive(Debug, Default)]
pub(super) struct TopicReaders {
    all: Subscribers,
    /// How many each thread has, up to the last one that had any.
    by_thread: Vec<u32>,
}

impl TopicReaders {
    /// Subscribers came or went on thread `shard`.
    pub(super) fn take(&mut self, change: &SubscriberChange, shard: ShardId) {
        let before = self.all.total();
        self.all.change(change.technique, change.difference);
        let difference = self.all.total().wrapping_sub(before).cast_signed();
        let shard = usize::from(shard.0);
        if self.by_thread.len() <= shard {
            self.by_thread.resize(shard + 1, 0);
        }
        let own = &mut self.by_thread[shard];
        *own = own.saturating_add_signed(difference);
    }

    /// All of them.
    pub(super) fn all(&self) -> Subscribers {
        self.all
    }

    /// The threads that have any.
    pub(super) fn threads(&self) -> ThreadSet {
        let mut set = ThreadSet::default();
        let counted = (0..).zip(&self.by_thread).filter(|(_, count)| **count > 0);
        counted.for_each(|(shard, _)| set.add(ShardId(shard)));
        set
    }
}

/// Some threads of the server. From the 64th on they are in it together: one of them too many is
/// woken for nothing, which costs a system call and no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThreadSet(u64);

impl ThreadSet {
    /// Puts one in.
    pub fn add(&mut self, shard: ShardId) {
        self.0 |= Self::bit(shard);
    }

    /// Puts in all of `others`.
    pub fn add_all(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// Whether it is in there.
    pub fn has(self, shard: ShardId) -> bool {
        self.0 & Self::bit(shard) > 0
    }

    fn bit(shard: ShardId) -> u64 {
        1 << shard.0.min(63)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TopicName;
    use crate::technique::Technique;

    #[test]
    fn a_thread_is_in_the_set_for_as_long_as_it_has_a_reader() {
        let mut readers = TopicReaders::default();
        let mut take = |shard, difference| {
            let topic = TopicName::parse("a").expect("a good name");
            let change = SubscriberChange { topic, technique: Technique::Sse, difference };
            readers.take(&change, ShardId(shard));
            let threads = readers.threads();
            [0, 2, 62, 63, 64].map(|shard| threads.has(ShardId(shard)))
        };
        assert_eq!(take(2, 2), [false, true, false, false, false]);
        assert_eq!(take(0, 1), [true, true, false, false, false]);
        assert_eq!(take(2, -1), [true, true, false, false, false]);
        assert_eq!(take(2, -1), [true, false, false, false, false]);
        assert_eq!(take(70, 1), [true, false, false, true, true], "the last are one");
        assert_eq!(readers.all().total(), 2);
    }
}
