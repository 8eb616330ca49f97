//! What is remembered of forgotten topics: enough that no cursor lies, in fixed space.
//!
//! A topic without messages and readers is forgotten, name and all. A reader may come back with a
//! cursor from before its last message fell off, and must be told that it missed something. We
//! keep, for each of 1,024 groups of names, the highest number that any forgotten topic of the
//! group has lost. So two topics of one group may declare a gap where nothing was lost; a gap that
//! there was is always declared.
//!
//! Came from: `hub`, on forgetting a name. Goes to: the same, on meeting it again. Absent on
//! purpose: names.

use std::hash::{BuildHasher, RandomState};

use crate::ids::{Seq, TopicName};
use crate::limits::FORGOTTEN_GROUPS;

/// The highest number lost, by group of names. 8 KiB a thread, once anything is forgotten.
#[derive(Debug, Default)]
pub struct Forgotten {
    hasher: RandomState,
    evicted: Vec<Seq>,
}

impl Forgotten {
    /// Remembers that `topic` has lost everything up to `evicted`.
    pub fn note(&mut self, topic: &TopicName, evicted: Seq) {
        if self.evicted.is_empty() {
            self.evicted = vec![Seq(0); FORGOTTEN_GROUPS];
        }
        let group = self.group(topic);
        self.evicted[group] = self.evicted[group].max(evicted);
    }

    /// Up to where a topic of this name may have lost messages.
    pub fn evicted(&self, topic: &TopicName) -> Seq {
        let group = self.group(topic);
        self.evicted.get(group).copied().unwrap_or_default()
    }

    fn group(&self, topic: &TopicName) -> usize {
        // Exact: the remainder is below FORGOTTEN_GROUPS.
        (self.hasher.hash_one(topic) % FORGOTTEN_GROUPS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_never_forgotten() {
        let mut forgotten = Forgotten::default();
        let topic = |n: u64| TopicName::parse(&format!("t{n}")).expect("a good name");
        assert_eq!(forgotten.evicted(&topic(1)), Seq(0));
        for n in 1..5_000 {
            forgotten.note(&topic(n), Seq(n));
        }
        for n in 1..5_000 {
            assert!(forgotten.evicted(&topic(n)) >= Seq(n));
        }
    }
}
