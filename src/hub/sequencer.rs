//! The one sequencer of the server: gives every message its number, and knows the two things that
//! must be known at one point: how many read a topic on all threads, and which publishes are
//! repeats.
//!
//! It is a plain value; the shell keeps it under a lock and posts what it commits to every thread
//! before letting go, so that order on every thread is the order of sequence numbers.
//!
//! Came from: `broker`'s effects, by way of the shell. Goes to: every thread's `hub`. Absent on
//! purpose: the messages themselves. So a restart begins a new epoch. A durable log would stand
//! here. Publishing is asked and answered in two steps already, so no state of a connection would
//! change for it; where the numbers and each thread's logs begin would.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::message::{Draft, Message};
use super::{SubscriberChange, Subscribers};
use crate::ids::{Micros, Millis, Seq, TopicName};
use crate::limits::{IDEMPOTENCY_KEYS_MAX, IDEMPOTENCY_MS_MAX};
use crate::spare::Spare;

/// What became of a draft.
#[derive(Debug)]
pub enum Commit {
    /// It has a sequence number now.
    Appended {
        /// The message, to be posted to every thread.
        message: Arc<Message>,
        /// How many were reading the topic.
        subscribers: u32,
    },
    /// The same key was there before: nothing was added.
    Repeated {
        /// The number that the first publish got.
        seq: Seq,
        /// How many are reading the topic.
        subscribers: u32,
    },
}

/// Gives sequence numbers. Invariant: `keys` and `ages` hold the same keys.
#[derive(Debug, Default)]
pub struct Sequencer {
    tip: Seq,
    readers: HashMap<TopicName, Subscribers>,
    keys: HashMap<KeyOfTopic, Seq>,
    ages: VecDeque<(Millis, KeyOfTopic)>,
}

type KeyOfTopic = (TopicName, Arc<str>);

impl Sequencer {
    /// Gives `draft` the next number, unless its key was seen before.
    pub fn commit(&mut self, draft: Draft, at: Micros) -> Commit {
        let now = at.millis();
        let subscribers = self.subscribers(&draft.topic).total();
        self.forget_old_keys(now);
        if let Some(key) = &draft.idempotency_key {
            let key: KeyOfTopic = (draft.topic.clone(), key.as_ref().into());
            if let Some(&seq) = self.keys.get(&key) {
                return Commit::Repeated { seq, subscribers };
            }
            self.ages.push_back((now, key.clone()));
            self.keys.insert(key, Seq(self.tip.0 + 1));
        }
        self.tip = Seq(self.tip.0 + 1);
        let message = Arc::new(Message {
            seq: self.tip,
            topic: draft.topic,
            event: draft.event,
            payload: draft.payload,
            at,
        });
        Commit::Appended { message, subscribers }
    }

    /// Takes note of subscribers that came or went on one thread.
    pub fn take(&mut self, change: &SubscriberChange) {
        let readers = self.readers.entry(change.topic.clone()).or_default();
        readers.change(change.technique, change.difference);
        if readers.total() == 0 {
            self.readers.remove(&change.topic);
            self.readers.give_back();
        }
    }

    /// How many subscribers `topic` has on all threads.
    pub fn subscribers(&self, topic: &TopicName) -> Subscribers {
        self.readers.get(topic).copied().unwrap_or_default()
    }

    /// How many names it holds, of topics and keys: 0 when nobody reads and no key is young.
    pub fn names(&self) -> usize {
        self.readers.len() + self.keys.len()
    }

    fn forget_old_keys(&mut self, now: Millis) {
        while let Some((at, key)) = self.ages.front() {
            if now.since(*at) < IDEMPOTENCY_MS_MAX && self.ages.len() < IDEMPOTENCY_KEYS_MAX {
                break;
            }
            self.keys.remove(key);
            self.ages.pop_front();
        }
        self.keys.give_back();
        self.ages.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::message::Payload;
    use crate::technique::Technique;

    fn draft(topic: &str, key: Option<&str>) -> Draft {
        Draft {
            topic: TopicName::parse(topic).expect("a good name"),
            event: None,
            payload: Payload::posted(b"x".to_vec()),
            idempotency_key: key.map(Into::into),
        }
    }

    fn number(commit: &Commit) -> (u64, bool) {
        match commit {
            Commit::Appended { message, .. } => (message.seq.0, true),
            Commit::Repeated { seq, .. } => (seq.0, false),
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
    fn keys_are_bounded_by_count() {
        let mut sequencer = Sequencer::default();
        for n in 0..IDEMPOTENCY_KEYS_MAX + 10 {
            sequencer.commit(draft("a", Some(&n.to_string())), Micros(0));
        }
        assert_eq!(sequencer.names(), IDEMPOTENCY_KEYS_MAX);
        assert_eq!(sequencer.ages.len(), IDEMPOTENCY_KEYS_MAX);
    }

    #[test]
    fn readers_are_counted_over_threads_and_forgotten_at_none() {
        let mut sequencer = Sequencer::default();
        let change = |difference| SubscriberChange {
            topic: TopicName::parse("a").expect("a good name"),
            technique: Technique::Sse,
            difference,
        };
        sequencer.take(&change(2));
        sequencer.take(&change(-1));
        assert_eq!(sequencer.subscribers(&change(0).topic).of(Technique::Sse), 1);
        sequencer.take(&change(-1));
        assert_eq!(sequencer.names(), 0);
    }
}
