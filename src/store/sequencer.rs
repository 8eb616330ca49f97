//! The one sequencer of the server: gives every message its number, and knows the two things that
//! must be known at one point: how many read a topic on all threads, and which publishes are
//! repeats.
//!
//! It knows as well who publishes how fast, since it is asked about each message in any case.
//!
//! It is a plain value; the shell keeps it under a lock and posts what it commits to every thread
//! before letting go, so that order on every thread is the order of sequence numbers.
//!
//! Where messages are kept in memory alone, it commits them itself, on the spot. Where a
//! [`Store`](super::Store) keeps them, it judges who is too fast and counts who reads, and the
//! numbers are given by [`journal`](super::journal).
//!
//! Came from: `broker`'s effects, by way of the shell. Goes to: every thread's `hub`. Absent on
//! purpose: the messages themselves. So a restart of a server without a store begins a new epoch.

use std::collections::HashSet;
use std::sync::Arc;

use super::numbering::Numbering;
use super::rate::Rate;
use super::readers::{ThreadSet, TopicReaders};
use crate::hub::{SubscriberChange, Subscribers};
use crate::ids::{Micros, Seq, ShardId, TopicMap, TopicName};
use crate::limits::Limits;
use crate::spare::Spare;
use crate::technique::message::{Draft, Message};

/// What became of a draft.
#[derive(Debug)]
pub enum Commit {
    /// It has a sequence number now.
    Appended {
        /// The message, to be posted to every thread.
        message: Arc<Message>,
        /// How many were reading the topic.
        subscribers: u32,
        /// The threads on which they were.
        threads: ThreadSet,
    },
    /// The same key was there before: nothing was added.
    Repeated {
        /// The number that the first publish got.
        seq: Seq,
        /// How many are reading the topic.
        subscribers: u32,
    },
    /// Its publisher's address is too fast: nothing was added.
    TooFast {
        /// When it may publish again, in milliseconds from now, at least 1.
        retry_ms: u64,
    },
}

/// Gives sequence numbers. By default nobody is too fast.
#[derive(Debug, Default)]
pub struct Sequencer {
    numbering: Numbering,
    readers: TopicMap<TopicReaders>,
    /// Topics whose readers have changed since that was last asked. `None`: nobody asks.
    changed: Option<HashSet<TopicName>>,
    rate: Rate,
}

impl Sequencer {
    /// A sequencer that holds publishers to `limits`.
    pub fn new(limits: &Limits) -> Self {
        Self { rate: Rate::new(limits), ..Self::default() }
    }

    /// Gives `draft` the next number, unless its key was seen before, or its publisher is too fast.
    pub fn commit(&mut self, draft: Draft, at: Micros) -> Commit {
        if let Err(retry_ms) = self.admit(&draft, at) {
            return Commit::TooFast { retry_ms };
        }
        let (subscribers, threads) = self.readers(&draft.message.topic);
        let subscribers = subscribers.total();
        let seq = match self.numbering.number(&draft, at.millis()) {
            Ok(seq) => seq,
            Err(seq) => return Commit::Repeated { seq, subscribers },
        };
        let message = draft.message.number(seq, at);
        Commit::Appended { message, subscribers, threads }
    }

    /// Whether the address that `draft` came from may publish now. `Err`: in so many milliseconds,
    /// at least 1.
    pub fn admit(&mut self, draft: &Draft, at: Micros) -> Result<(), u64> {
        self.rate.take(draft.from, at).map_err(|early_us| early_us.div_ceil(1000))
    }

    /// Takes note of subscribers that came or went on thread `shard`.
    pub fn take(&mut self, change: &SubscriberChange, shard: ShardId) {
        let readers = self.readers.entry(change.topic.clone()).or_default();
        readers.take(change, shard);
        if readers.all().total() == 0 {
            self.readers.remove(&change.topic);
            self.readers.give_back();
        }
        if let Some(changed) = &mut self.changed {
            changed.insert(change.topic.clone());
        }
    }

    /// From now on it is noted which topics' readers have changed; all that have any are the first.
    pub fn note_changes(&mut self) {
        self.changed = Some(self.readers.keys().cloned().collect());
    }

    /// These were asked about, and are to be told again.
    pub fn tell_again(&mut self, topics: impl Iterator<Item = TopicName>) {
        if let Some(changed) = &mut self.changed {
            changed.extend(topics);
        }
    }

    /// Up to `most` topics whose readers have changed since this was last asked, and those that
    /// they have now.
    pub fn changes(&mut self, most: usize) -> Vec<(TopicName, Subscribers)> {
        let Some(changed) = &mut self.changed else {
            return Vec::new();
        };
        let names: Vec<TopicName> = changed.iter().take(most).cloned().collect();
        for name in &names {
            changed.remove(name);
        }
        changed.give_back();
        names.into_iter().map(|name| (name.clone(), self.subscribers(&name))).collect()
    }

    /// How many subscribers `topic` has on all threads.
    pub fn subscribers(&self, topic: &TopicName) -> Subscribers {
        self.readers(topic).0
    }

    /// The same, and on which threads they are.
    pub fn readers(&self, topic: &TopicName) -> (Subscribers, ThreadSet) {
        let readers = self.readers.get(topic);
        readers.map_or_else(Default::default, |readers| (readers.all(), readers.threads()))
    }

    /// How many names it holds, of topics and keys: 0 when nobody reads and no key is young.
    pub fn names(&self) -> usize {
        self.readers.len() + self.numbering.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Millis;
    use crate::limits::IDEMPOTENCY_MS_MAX;
    use crate::technique::Technique;
    use crate::technique::message::{Payload, Unnumbered};
    use std::net::{IpAddr, Ipv4Addr};

    fn draft(topic: &str, key: Option<&str>) -> Draft {
        Draft {
            message: Unnumbered::new(
                TopicName::parse(topic).expect("a good name"),
                None,
                Payload::posted(b"x"),
            ),
            from: IpAddr::from(Ipv4Addr::LOCALHOST).into(),
            idempotency_key: key.map(Into::into),
        }
    }

    fn number(commit: &Commit) -> (u64, bool) {
        match commit {
            Commit::Appended { message, .. } => (message.seq.0, true),
            Commit::Repeated { seq, .. } => (seq.0, false),
            Commit::TooFast { retry_ms } => (*retry_ms, false),
        }
    }

    #[test]
    fn places_count_from_one_across_topics() {
        let mut sequencer = Sequencer::default();
        for (n, topic) in ["a", "b", "a"].into_iter().enumerate() {
            let commit = sequencer.commit(draft(topic, None), Micros(0));
            assert_eq!(number(&commit), (n as u64 + 1, true));
        }
    }

    #[test]
    fn a_repeated_key_adds_nothing_until_it_is_too_old() {
        let mut sequencer = Sequencer::default();
        let mut commit =
            |topic, at| number(&sequencer.commit(draft(topic, Some("k")), Millis(at).micros()));
        assert_eq!(commit("a", 0), (1, true));
        assert_eq!(commit("a", IDEMPOTENCY_MS_MAX - 1), (1, false));
        assert_eq!(commit("b", IDEMPOTENCY_MS_MAX - 1), (2, true), "keys belong to a topic");
        assert_eq!(commit("a", IDEMPOTENCY_MS_MAX), (3, true));
        assert_eq!(sequencer.names(), 2);
    }

    #[test]
    fn who_is_too_fast_gets_no_number_and_its_key_is_not_remembered() {
        let limits = Limits { publishes_per_second_max: 1, ..Limits::default() };
        let mut sequencer = Sequencer::new(&limits);
        let mut commit =
            |key, at| number(&sequencer.commit(draft("a", Some(key)), Millis(at).micros()));
        assert_eq!(commit("k", 0), (1, true));
        assert_eq!(commit("l", 300), (700, false));
        assert_eq!(commit("k", 999), (1, false), "a repeat is a publish as well");
        assert_eq!(commit("l", 1000), (2, true));
        assert_eq!(sequencer.names(), 2);
    }

    #[test]
    fn topics_whose_readers_change_are_noted_when_that_is_asked_for() {
        let mut sequencer = Sequencer::default();
        let change = |topic: &str, difference| SubscriberChange {
            topic: TopicName::parse(topic).expect("a good name"),
            technique: Technique::Sse,
            difference,
        };
        sequencer.take(&change("a", 2), ShardId(0));
        assert!(sequencer.changes(9).is_empty(), "nobody asks");
        sequencer.note_changes();
        let mut changes = |most| {
            let changes = sequencer.changes(most).into_iter();
            let mut told: Vec<_> =
                changes.map(|(topic, count)| (topic.to_string(), count.total())).collect();
            told.sort_unstable();
            sequencer.take(&change("b", 1), ShardId(0));
            sequencer.take(&change("a", -1), ShardId(0));
            told
        };
        let pair = |topic: &str, count| (topic.to_owned(), count);
        assert_eq!(changes(9), [pair("a", 2)], "what there was");
        assert_eq!(changes(9), [pair("a", 1), pair("b", 1)]);
        assert_eq!(changes(1).len(), 1);
        assert_eq!(changes(9).len(), 2, "the rest, and what came since");
    }

    #[test]
    fn readers_are_counted_over_threads_and_forgotten_at_none() {
        let mut sequencer = Sequencer::default();
        let change = |difference| SubscriberChange {
            topic: TopicName::parse("a").expect("a good name"),
            technique: Technique::Sse,
            difference,
        };
        sequencer.take(&change(2), ShardId(0));
        sequencer.take(&change(-1), ShardId(0));
        assert_eq!(sequencer.subscribers(&change(0).topic).of(Technique::Sse), 1);
        sequencer.take(&change(-1), ShardId(0));
        assert_eq!(sequencer.names(), 0);
    }
}
