//! Numbering: what number comes next, and which keys were young when theirs was given.
//!
//! Came from: `sequencer`, for the store in memory; `journal`, for every other. Goes to: the same.
//! Absent on purpose: messages, and how many read a topic. Who numbers need not know.

use super::keys::Keys;
use crate::ids::{Millis, Network, Seq, TopicName};
use crate::technique::message::Draft;

/// The newest number, and the keys that repeats are known by.
#[derive(Debug, Default)]
pub struct Numbering {
    tip: Seq,
    keys: Keys,
}

/// A key that a message came with: by it a repeat is known, for as long as it is young.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The number that was given.
    pub seq: Seq,
    /// When that was.
    pub at: Millis,
    /// The topic that it holds for.
    pub topic: TopicName,
    /// The key.
    pub key: Box<str>,
    /// Who published, as far as bounds for each address are concerned.
    pub from: Network,
}

impl Numbering {
    /// One that goes on behind `tip`, and remembers `keys`, the oldest first.
    pub(super) fn behind(tip: Seq, keys: impl IntoIterator<Item = KeyRecord>) -> Self {
        let mut numbering = Self { tip, keys: Keys::default() };
        keys.into_iter().for_each(|key| numbering.remember(&key));
        numbering
    }

    /// The newest number that was given; 0: none was.
    pub fn tip(&self) -> Seq {
        self.tip
    }

    /// Goes on from `tip`, which lies ahead: what is between is not given here.
    pub fn go_on_from(&mut self, tip: Seq) {
        debug_assert!(tip >= self.tip);
        self.tip = tip;
    }

    /// Gives `draft` the next number. `Err`: the number that a young key of its topic has.
    #[inline]
    pub(super) fn number(&mut self, draft: &Draft, now: Millis) -> Result<Seq, Seq> {
        self.keys.expire(now);
        let next = Seq(self.tip.0 + 1);
        if let Some(key) = &draft.idempotency_key {
            if let Some(seq) = self.keys.find(&draft.message.topic, key) {
                return Err(seq);
            }
            self.keys.remember(draft.message.topic.clone(), key, draft.from, next, now);
        }
        self.tip = next;
        Ok(next)
    }

    /// The number that was given for that key, if it is remembered and young.
    pub fn find(&mut self, topic: &TopicName, key: &str, now: Millis) -> Option<Seq> {
        self.keys.expire(now);
        self.keys.find(topic, key)
    }

    /// Remembers a key. If it is remembered, it stands for the message of `record` from now on.
    pub fn remember(&mut self, record: &KeyRecord) {
        let KeyRecord { seq, at, topic, key, from } = record;
        self.keys.remember(topic.clone(), key, *from, *seq, *at);
    }

    /// How many keys are remembered.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }
}
