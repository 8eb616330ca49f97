//! What a store still has to keep: the same bounds as in memory, worked out without the messages.
//!
//! Every thread's hub drops by count and bytes of a topic, by bytes in all, and by age. A store
//! drops by the same bounds, with each message that it appends: at a start hubs are filled from it.
//! What a hub holds beyond its bounds, for readers that have not got it yet, a store does not have:
//! after a crash they are told of a gap. And it keeps what no hub needs once it has dropped a
//! message, namely that there was one, so that a cursor from before it is told of a gap after a
//! restart as well. Beside each message stands the number of the one before it in its topic, so the
//! oldest one left tells what is gone; for topics without messages there is the highest number
//! lost, in [groups](crate::hub::forgotten) of names.
//!
//! Came from: a store, with every message that it appends. Goes to: the same, as what to delete.
//! Absent on purpose: payloads; 40 bytes stand for a message.

use std::collections::{HashMap, VecDeque};

use slab::Slab;

use crate::hub::forgotten;
use crate::ids::{Millis, Seq, TopicName};
use crate::limits::{ENTRY_OVERHEAD_BYTES, Limits, RENDITIONS_SHARE, TOPIC_OVERHEAD_BYTES};
use crate::swept::SweptQueue;
use crate::technique::message::Message;

/// The bounds, as [`Limits`] gives them.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    messages: usize,
    bytes: usize,
    age_ms: u64,
    cost: usize,
    entry_bytes: usize,
    topic_bytes: usize,
}

/// A message that is kept.
#[derive(Debug, Clone, Copy)]
struct HeldMessage {
    seq: Seq,
    at: Millis,
    weight: usize,
    cost: usize,
}

#[derive(Debug)]
struct HeldTopic {
    name: TopicName,
    held: VecDeque<HeldMessage>,
    bytes: usize,
    /// The newest that it ever had.
    last: Seq,
}

/// What is kept, and what is known of the rest.
#[derive(Debug)]
pub(super) struct Retained {
    bounds: Bounds,
    names: HashMap<TopicName, usize>,
    topics: Slab<HeldTopic>,
    /// All of them, oldest first, and some that are gone already.
    order: SweptQueue<(Seq, usize)>,
    held: usize,
    cost: usize,
    /// Where groups of names are told apart.
    group_key: u64,
    lost: HashMap<usize, Seq>,
    /// Since the last [`take_dropped`](Self::take_dropped).
    dropped: Vec<Seq>,
    /// Groups whose number changed since.
    changed: Vec<usize>,
}

impl Retained {
    /// Nothing, of a server with these bounds and so many threads, after `lost`.
    pub(super) fn new(
        limits: &Limits,
        threads: usize,
        group_key: u64,
        lost: &[(usize, Seq)],
    ) -> Self {
        let bounds = Bounds {
            messages: limits.history_messages,
            bytes: limits.history_bytes,
            age_ms: limits.history_age_ms,
            cost: limits.retain_bytes - limits.retain_bytes / RENDITIONS_SHARE,
            entry_bytes: threads * ENTRY_OVERHEAD_BYTES,
            topic_bytes: threads * TOPIC_OVERHEAD_BYTES,
        };
        Self {
            bounds,
            names: HashMap::new(),
            topics: Slab::new(),
            order: SweptQueue::default(),
            held: 0,
            cost: 0,
            group_key,
            lost: lost.iter().copied().collect(),
            dropped: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// The number of the newest message that `topic` has had, as far as that is known: it may be
    /// another one's of the same group.
    pub(super) fn before(&self, topic: &TopicName) -> Seq {
        if let Some(&index) = self.names.get(topic) {
            return self.topics[index].last;
        }
        let group = forgotten::group(self.group_key, topic);
        self.lost.get(&group).copied().unwrap_or_default()
    }

    /// Takes in the newest message, and drops what has to go for it.
    pub(super) fn append(&mut self, message: &Message) {
        let index = *self.names.entry(message.topic.clone()).or_insert_with(|| {
            let name = message.topic.clone();
            self.topics.insert(HeldTopic { name, held: VecDeque::new(), bytes: 0, last: Seq(0) })
        });
        let (weight, cost) = (message.weight(), message.cost() + self.bounds.entry_bytes);
        let topic = &mut self.topics[index];
        if topic.held.is_empty() {
            self.cost += self.bounds.topic_bytes;
        }
        topic.held.push_back(HeldMessage {
            seq: message.seq,
            at: message.at.millis(),
            weight,
            cost,
        });
        topic.bytes += weight;
        topic.last = message.seq;
        self.held += 1;
        self.cost += cost;
        self.order.push((message.seq, index));
        while self.topics[index].held.len() > self.bounds.messages
            || self.topics[index].bytes > self.bounds.bytes
        {
            self.drop_first(index);
        }
        while self.cost > self.bounds.cost && self.held > 1 {
            self.drop_oldest();
        }
        self.sweep();
    }

    /// Drops what is too old, but for the newest message of all: it says how far numbers are given.
    pub(super) fn expire(&mut self, now: Millis) {
        while self.held > 1
            && let Some(&(seq, index)) = self.order.front()
        {
            let first = self.topics.get(index).and_then(|topic| topic.held.front());
            match first.filter(|held| held.seq == seq) {
                Some(held) if now < held.at.plus(self.bounds.age_ms) => break,
                _ => self.drop_oldest(),
            }
        }
    }

    /// What was dropped since this was last asked, and the groups of names that have lost more.
    pub(super) fn take_dropped(&mut self) -> (Vec<Seq>, Vec<(usize, Seq)>) {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let lost = changed.into_iter().map(|group| (group, self.lost[&group])).collect();
        (std::mem::take(&mut self.dropped), lost)
    }

    fn drop_oldest(&mut self) {
        if let Some((seq, index)) = self.order.pop() {
            let first = self.topics.get(index).and_then(|topic| topic.held.front());
            if first.is_some_and(|held| held.seq == seq) {
                self.drop_first(index);
            }
        }
    }

    fn drop_first(&mut self, index: usize) {
        let topic = &mut self.topics[index];
        let Some(held) = topic.held.pop_front() else {
            return;
        };
        topic.bytes -= held.weight;
        self.held -= 1;
        self.cost -= held.cost;
        self.dropped.push(held.seq);
        if topic.held.is_empty() {
            self.cost -= self.bounds.topic_bytes;
            let group = forgotten::group(self.group_key, &topic.name);
            let lost = self.lost.entry(group).or_default();
            *lost = topic.last.max(*lost);
            self.changed.push(group);
            let topic = self.topics.remove(index);
            self.names.remove(&topic.name);
        }
    }

    /// Sweeps entries of messages long gone out of the queue, a few at a time.
    fn sweep(&mut self) {
        let topics = &self.topics;
        self.order.sweep(self.held, |(seq, index)| {
            let held = topics.get(*index).map(|topic| &topic.held);
            held.is_some_and(|held| held.binary_search_by_key(seq, |held| held.seq).is_ok())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{MESSAGE_OVERHEAD_BYTES, SWEPT_SLACK};
    use crate::technique::message::Payload;

    struct Bench(Retained, u64);

    impl Bench {
        fn new(limits: &Limits) -> Self {
            Self(Retained::new(limits, 1, 7, &[]), 0)
        }

        fn append(&mut self, topic: &str, bytes: usize, at: u64) {
            self.1 += 1;
            self.0.append(&Message {
                seq: Seq(self.1),
                topic: TopicName::parse(topic).expect("a good name"),
                event: None,
                payload: Payload::posted(vec![b'x'; bytes]),
                at: Millis(at).micros(),
            });
        }

        fn dropped(&mut self) -> Vec<u64> {
            self.0.take_dropped().0.into_iter().map(|seq| seq.0).collect()
        }

        fn before(&self, topic: &str) -> u64 {
            self.0.before(&TopicName::parse(topic).expect("a good name")).0
        }
    }

    #[test]
    fn a_topic_is_held_to_its_count_and_its_bytes() {
        let mut bench = Bench::new(&Limits { history_messages: 2, ..Limits::default() });
        for topic in ["a", "b", "a", "a"] {
            bench.append(topic, 1, 0);
        }
        assert_eq!((bench.dropped(), bench.before("a"), bench.before("b")), (vec![1], 4, 2));
        let history_bytes = 2 * (800 + MESSAGE_OVERHEAD_BYTES);
        let mut bench = Bench::new(&Limits { history_bytes, ..Limits::default() });
        for _ in 0..3 {
            bench.append("a", 800, 0);
        }
        assert_eq!((bench.dropped(), bench.0.held), (vec![1], 2));
    }

    #[test]
    fn all_topics_are_held_to_bytes_and_age_and_what_they_lost_is_known() {
        let limits = Limits { retain_bytes: 7_000, history_age_ms: 1_000, ..Limits::default() };
        let mut bench = Bench::new(&limits);
        for n in 0..3 {
            bench.append(&format!("t{n}"), 3_000, n);
        }
        assert_eq!(bench.dropped(), [1, 2], "the oldest of all went");
        bench.append("t9", 1, 500);
        bench.0.expire(Millis(1_001));
        assert!(bench.dropped().is_empty());
        bench.0.expire(Millis(1_002));
        assert_eq!(bench.dropped(), [3]);
        bench.0.expire(Millis(100_000));
        assert!(bench.dropped().is_empty(), "the newest says how far numbers are given");
        assert!(bench.before("t2") >= 3 && bench.before("t0") >= 1);
    }

    #[test]
    fn what_is_gone_leaves_little() {
        let mut bench = Bench::new(&Limits { history_messages: 1, ..Limits::default() });
        bench.append("quiet", 1, 0);
        for _ in 0..50_000 {
            bench.append("busy", 1, 0);
        }
        assert!(bench.0.order.len() <= 2 * SWEPT_SLACK, "{}", bench.0.order.len());
        assert_eq!(bench.0.held, 2);
    }
}
