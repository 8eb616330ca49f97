//! Drafts that are not committed yet: how many topics there will be when they are, and who has
//! waited for too long.
//!
//! Without a store an answer comes in the same turn, or when other threads have read their letters.
//! A store may hang; then whoever asked is told after a while that it is not known what became of
//! the message, and the answer that comes in the end is not told to anybody. Answers to one
//! connection come in the order of asking, so the next one for a connection that gave up one of its
//! questions is the one that it gave up.
//!
//! Came from: `draft`, with each draft; the face, with each answer, and when time has passed. Goes
//! to: `draft`, as a number; the face, as a connection to be told. Absent on purpose: the drafts.
//! They are on their way.

use std::collections::{HashMap, VecDeque};

use crate::ids::{ConnId, Millis, TopicMap, TopicName};
use crate::limits::{COMMIT_MS_MAX, UNANSWERED_MAX};
use crate::spare::Spare;

/// Drafts that the sequencer was asked to commit and has not answered. Invariant: the first of
/// `waits` has no answer.
#[derive(Debug, Default)]
pub(super) struct Uncommitted {
    /// In the order of asking. Some that are not the first may be answered.
    waits: VecDeque<UncommittedDraft>,
    /// How many answers came for those in `waits` that have one, by connection.
    answered: HashMap<ConnId, usize>,
    /// Those that were given up, by connection: the topics that they would make, in the order of
    /// asking. Invariant: no list is empty.
    given_up: HashMap<ConnId, VecDeque<Option<TopicName>>>,
    /// How many drafts would make each topic. Invariant: no count is 0.
    drafts: TopicMap<usize>,
}

#[derive(Debug)]
struct UncommittedDraft {
    conn: ConnId,
    at: Millis,
    /// The topic that it would make, or none.
    made: Option<TopicName>,
}

impl Uncommitted {
    /// `conn` asks for a draft to be committed, which would make this topic, or none.
    pub(super) fn push(&mut self, conn: ConnId, at: Millis, made: Option<TopicName>) {
        if let Some(topic) = &made {
            *self.drafts.entry(topic.clone()).or_default() += 1;
        }
        self.waits.push_back(UncommittedDraft { conn, at, made });
    }

    /// How many topics will be made by what was asked.
    pub(super) fn new_topics(&self) -> usize {
        self.drafts.len()
    }

    /// Whether `topic` will be.
    pub(super) fn makes(&self, topic: &TopicName) -> bool {
        self.drafts.contains_key(topic)
    }

    /// Whether `conn` has given up as many as may be unanswered, and no answer has come to those.
    pub(super) fn has_given_up_many(&self, conn: ConnId) -> bool {
        let of_conn = || self.given_up.get(&conn);
        !self.given_up.is_empty() && of_conn().is_some_and(|all| all.len() >= UNANSWERED_MAX)
    }

    /// An answer came for `conn`. `false`: it gave up waiting for this one, and is not to be told.
    pub(super) fn answered(&mut self, conn: ConnId) -> bool {
        if !self.given_up.is_empty() && self.drop_given_up(conn) {
            return false;
        }
        match self.waits.front() {
            Some(first) if first.conn == conn => self.drop_first(),
            Some(_) => *self.answered.entry(conn).or_default() += 1,
            None => {}
        }
        true
    }

    /// When the next of them will have waited for too long.
    pub(super) fn next_deadline(&self) -> Option<Millis> {
        self.waits.front().map(|first| first.at.plus(COMMIT_MS_MAX))
    }

    /// The next connection that has waited for too long, and gives up.
    pub(super) fn next_late(&mut self, now: Millis) -> Option<ConnId> {
        self.next_deadline().filter(|&due| due <= now)?;
        let UncommittedDraft { conn, made, .. } = self.waits.pop_front()?;
        self.given_up.entry(conn).or_default().push_back(made);
        self.skip_answered();
        Some(conn)
    }

    /// Drops the first of those that `conn` has given up. `false`: there is none.
    fn drop_given_up(&mut self, conn: ConnId) -> bool {
        let Some(of_conn) = self.given_up.get_mut(&conn) else {
            return false;
        };
        let made = of_conn.pop_front();
        if of_conn.is_empty() {
            self.given_up.remove(&conn);
            self.given_up.give_back();
        }
        self.forget(made.flatten());
        true
    }

    fn drop_first(&mut self) {
        if let Some(first) = self.waits.pop_front() {
            self.forget(first.made);
        }
        self.skip_answered();
    }

    /// Drops those in front that were answered when they were not the first.
    fn skip_answered(&mut self) {
        while !self.answered.is_empty()
            && let Some(first) = self.waits.front()
            && take_one(&mut self.answered, first.conn)
        {
            let first = self.waits.pop_front();
            self.forget(first.and_then(|first| first.made));
        }
        self.waits.give_back();
    }

    fn forget(&mut self, made: Option<TopicName>) {
        if let Some(topic) = made
            && let Some(drafts) = self.drafts.get_mut(&topic)
        {
            *drafts -= 1;
            if *drafts == 0 {
                self.drafts.remove(&topic);
                self.drafts.give_back();
            }
        }
    }
}

/// Takes one away from what `conn` has, if it has any.
fn take_one(counts: &mut HashMap<ConnId, usize>, conn: ConnId) -> bool {
    let Some(count) = counts.get_mut(&conn) else {
        return false;
    };
    *count -= 1;
    if *count == 0 {
        counts.remove(&conn);
        counts.give_back();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conn(slot: u32) -> ConnId {
        ConnId { slot, generation: 0 }
    }

    fn late(uncommitted: &mut Uncommitted, ms: u64) -> Vec<u32> {
        std::iter::from_fn(|| uncommitted.next_late(Millis(ms))).map(|conn| conn.slot).collect()
    }

    #[test]
    fn a_topic_counts_once_until_the_last_draft_for_it_is_answered() {
        let [one, other] = ["one", "other"].map(|name| TopicName::parse(name).expect("a name"));
        let mut uncommitted = Uncommitted::default();
        for made in [Some(&one), None, Some(&one), Some(&other)] {
            uncommitted.push(conn(1), Millis(0), made.cloned());
        }
        assert!(uncommitted.makes(&one) && uncommitted.makes(&other));
        let mut left = vec![uncommitted.new_topics()];
        for _ in 0..4 {
            assert!(uncommitted.answered(conn(1)));
            left.push(uncommitted.new_topics());
        }
        assert_eq!(left, [2, 2, 2, 1, 0]);
        assert!(!uncommitted.makes(&one));
        assert!(uncommitted.answered(conn(1)), "nothing was asked");
    }

    #[test]
    fn answers_to_several_connections_come_in_any_order() {
        let mut uncommitted = Uncommitted::default();
        for (ms, slot) in [(0, 1), (1, 2), (2, 1), (3, 3), (4, 2)] {
            uncommitted.push(conn(slot), Millis(ms), None);
        }
        let mut due = Vec::new();
        for slot in [2, 3, 1, 2, 1] {
            assert!(uncommitted.answered(conn(slot)));
            due.push(uncommitted.next_deadline().map(|due| due.0 - COMMIT_MS_MAX));
        }
        assert_eq!(due, [Some(0), Some(0), Some(2), Some(2), None]);
        assert!(uncommitted.answered.is_empty());
    }

    #[test]
    fn an_answer_that_was_given_up_is_not_told_and_the_next_one_is() {
        let topic = TopicName::parse("a").expect("a name");
        let mut uncommitted = Uncommitted::default();
        for (ms, slot) in [(0, 1), (5, 2), (10, 1), (15, 2)] {
            uncommitted.push(conn(slot), Millis(ms), Some(topic.clone()));
        }
        assert!(uncommitted.answered(conn(2)), "a refusal, say");
        assert_eq!(late(&mut uncommitted, COMMIT_MS_MAX - 1), [0; 0]);
        assert_eq!(late(&mut uncommitted, COMMIT_MS_MAX + 9), [1], "2 has its answer");
        assert!(uncommitted.makes(&topic), "it may yet be made");
        uncommitted.push(conn(1), Millis(20), Some(topic.clone()));
        let told = [1, 1, 2, 1].map(|slot| uncommitted.answered(conn(slot)));
        assert_eq!(told, [false, true, true, true]);
        assert!(!uncommitted.makes(&topic));
        assert_eq!(uncommitted.next_deadline(), None);
    }

    #[test]
    fn who_has_given_up_many_asks_again_when_the_first_is_answered() {
        let mut uncommitted = Uncommitted::default();
        for n in 0..UNANSWERED_MAX {
            assert!(!uncommitted.has_given_up_many(conn(1)), "{n}");
            uncommitted.push(conn(1), Millis(0), None);
            assert_eq!(late(&mut uncommitted, COMMIT_MS_MAX), [1]);
        }
        assert!(uncommitted.has_given_up_many(conn(1)) && !uncommitted.has_given_up_many(conn(2)));
        assert!(!uncommitted.answered(conn(1)));
        assert!(!uncommitted.has_given_up_many(conn(1)));
    }

    #[test]
    fn what_was_given_up_is_answered_in_any_order_of_connections() {
        let [one, other] = ["one", "other"].map(|name| TopicName::parse(name).expect("a name"));
        let mut uncommitted = Uncommitted::default();
        for (slot, topic) in [(1, &one), (2, &other)] {
            uncommitted.push(conn(slot), Millis(0), Some(topic.clone()));
        }
        assert_eq!(late(&mut uncommitted, COMMIT_MS_MAX), [1, 2]);
        assert!(!uncommitted.answered(conn(2)), "a refusal, say, which overtakes");
        assert!(uncommitted.makes(&one) && !uncommitted.makes(&other));
        assert!(!uncommitted.answered(conn(1)));
        assert!(!uncommitted.makes(&one) && uncommitted.given_up.is_empty());
    }
}
