//! What the sequencer was asked and has not answered, as far as it matters here: how many topics
//! there will be when it has.
//!
//! Came from: `draft`, with each draft; the face, with each answer. Goes to: `draft`, as a
//! number. Absent on purpose: the drafts. They are on their way.

use std::collections::{HashMap, VecDeque};

use crate::ids::TopicName;
use crate::spare::Spare;

/// Drafts that the sequencer was asked about and has not answered.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The topic that each would make, in the order of asking, which is that of the answers.
    made: VecDeque<Option<TopicName>>,
    /// How many drafts would make each of those topics. Invariant: no count is 0.
    drafts: HashMap<TopicName, usize>,
}

impl Asked {
    /// The sequencer is asked to commit a draft, which would make this topic, or none.
    pub(super) fn push(&mut self, made: Option<TopicName>) {
        if let Some(topic) = &made {
            *self.drafts.entry(topic.clone()).or_default() += 1;
        }
        self.made.push_back(made);
    }

    /// How many topics will be made by what was asked.
    pub(super) fn new_topics(&self) -> usize {
        self.drafts.len()
    }

    /// Whether `topic` will be.
    pub(super) fn makes(&self, topic: &TopicName) -> bool {
        self.drafts.contains_key(topic)
    }

    /// The sequencer has answered the oldest.
    pub(super) fn answered(&mut self) {
        if let Some(topic) = self.made.pop_front().flatten()
            && let Some(drafts) = self.drafts.get_mut(&topic)
        {
            *drafts -= 1;
            if *drafts == 0 {
                self.drafts.remove(&topic);
                self.drafts.give_back();
            }
        }
        self.made.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_counts_once_until_the_last_draft_for_it_is_answered() {
        let [one, other] = ["one", "other"].map(|name| TopicName::parse(name).expect("a name"));
        let mut asked = Asked::default();
        for made in [Some(&one), None, Some(&one), Some(&other)] {
            asked.push(made.cloned());
        }
        assert!(asked.makes(&one) && asked.makes(&other));
        let mut left = vec![asked.new_topics()];
        for _ in 0..4 {
            asked.answered();
            left.push(asked.new_topics());
        }
        assert_eq!(left, [2, 2, 2, 1, 0]);
        assert!(!asked.makes(&one));
        asked.answered(); // Nothing was asked.
    }
}
