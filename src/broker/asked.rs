//! What the sequencer was asked and has not answered, as far as it matters here: how many topics
//! there will be when it has.
//!
//! Came from: `draft`, with each draft; the face, with each answer. Goes to: `draft`, as a
//! number. Absent on purpose: the drafts. They are on their way.

use std::collections::VecDeque;

/// Drafts that the sequencer was asked about and has not answered, in the order of asking, which is
/// that of the answers: whether each would make a topic.
#[derive(Debug, Default)]
pub(super) struct Asked {
    makes_topic: VecDeque<bool>,
    /// How many of them would.
    new_topics: usize,
}

impl Asked {
    /// The sequencer is asked.
    pub(super) fn push(&mut self, makes_topic: bool) {
        self.makes_topic.push_back(makes_topic);
        self.new_topics += usize::from(makes_topic);
    }

    /// How many topics will be made by what was asked, at most.
    pub(super) fn new_topics(&self) -> usize {
        self.new_topics
    }

    /// The sequencer has answered the oldest.
    pub(super) fn answered(&mut self) {
        let makes_topic = self.makes_topic.pop_front().unwrap_or_default();
        self.new_topics -= usize::from(makes_topic);
        if self.makes_topic.is_empty() {
            self.makes_topic = VecDeque::new(); // A burst is not to own its memory for ever.
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_counted_until_it_is_answered() {
        let mut asked = Asked::default();
        for makes_topic in [true, false, true] {
            asked.push(makes_topic);
        }
        let mut left = Vec::new();
        for _ in 0..3 {
            asked.answered();
            left.push(asked.new_topics);
        }
        assert_eq!(left, [1, 1, 0]);
        assert_eq!(asked.makes_topic.capacity(), 0);
    }
}
