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

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::ids::{Seq, TopicName};
use crate::limits::FORGOTTEN_GROUPS;

/// The highest number lost, by group of names. 8 KiB a thread, once anything is forgotten.
#[derive(Debug)]
pub struct Forgotten {
    /// By what groups are told apart: drawn, so that nobody can choose a name that shares the group
    /// of another.
    key: u64,
    evicted: Vec<Seq>,
    /// How often one of these numbers has risen.
    raised: u64,
}

impl Default for Forgotten {
    fn default() -> Self {
        // The standard library's hash keys are drawn from the system's randomness.
        Self { key: RandomState::new().build_hasher().finish(), evicted: Vec::new(), raised: 0 }
    }
}

impl Forgotten {
    /// What a store remembers of earlier runs: the highest number lost, by group.
    pub fn recall(key: u64, lost: &[(usize, Seq)]) -> Self {
        let mut all = vec![Seq(0); FORGOTTEN_GROUPS];
        for &(group, seq) in lost {
            if let Some(evicted) = all.get_mut(group) {
                *evicted = seq.max(*evicted);
            }
        }
        Self { key, evicted: if lost.is_empty() { Vec::new() } else { all }, raised: 0 }
    }

    /// Remembers that `topic` has lost everything up to `evicted`.
    pub fn note(&mut self, topic: &TopicName, evicted: Seq) {
        if self.evicted.is_empty() {
            self.evicted = vec![Seq(0); FORGOTTEN_GROUPS];
        }
        let group = self.group(topic);
        if self.evicted[group] < evicted {
            self.evicted[group] = evicted;
            self.raised += 1;
        }
    }

    /// How often the answer of [`evicted`](Self::evicted) has changed for any name.
    pub fn raised(&self) -> u64 {
        self.raised
    }

    /// Up to where a topic of this name may have lost messages.
    pub fn evicted(&self, topic: &TopicName) -> Seq {
        let group = self.group(topic);
        self.evicted.get(group).copied().unwrap_or_default()
    }

    fn group(&self, topic: &TopicName) -> usize {
        group(self.key, topic)
    }
}

/// The group of a name, below [`FORGOTTEN_GROUPS`]. A store writes it down, so it is the same in
/// every run that has the same key: FNV-1a over the name, begun with the key, and stirred.
pub fn group(key: u64, topic: &TopicName) -> usize {
    let begun = 0xcbf2_9ce4_8422_2325 ^ key;
    let stir = |hash: u64, byte: u8| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(23) ^ key
    };
    let hash = topic.as_str().bytes().fold(begun, stir);
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // Exact: the remainder is below FORGOTTEN_GROUPS.
    ((hash >> 32) % FORGOTTEN_GROUPS as u64) as usize
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
