//! Letters of the sequencer that were not read yet, and requests that wait until they are.
//!
//! A message waits here while the hub has no room for it: publishers are held back, and nothing is
//! dropped to make room. A request to read that comes meanwhile may know of a message that still
//! lies here, for it was acknowledged on whatever thread. It waits until every letter is read that
//! lay here when it came, and for none that comes later.
//!
//! Came from: the face, with letters; `answer`, with who waits. Goes to: the same, in the same
//! order. Absent on purpose: what a letter says.

use std::collections::VecDeque;

use super::effect::Letter;
use crate::ids::ConnId;
use crate::limits::LETTERS_PER_PORTION;
use crate::spare::Spare;

/// The line of letters, and the line of those that wait for one of them.
#[derive(Debug)]
pub(super) struct Letters {
    unread: VecDeque<Letter>,
    /// Bytes of the messages in them.
    bytes: usize,
    /// How many were ever read.
    read: u64,
    /// Who waits, and until so many are read; in the order of that.
    waiting: VecDeque<(u64, ConnId)>,
    /// How many may still be read in this portion of work.
    left: usize,
}

impl Default for Letters {
    fn default() -> Self {
        let (unread, waiting) = (VecDeque::new(), VecDeque::new());
        Self { unread, bytes: 0, read: 0, waiting, left: LETTERS_PER_PORTION }
    }
}

impl Letters {
    /// A letter came.
    pub(super) fn push(&mut self, letter: Letter) {
        self.bytes += letter.weight();
        self.unread.push_back(letter);
    }

    /// A letter has come: may it be read at once? It may where none lies before it, and then counts
    /// as read.
    pub(super) fn passes(&mut self) -> bool {
        let passes = self.left > 0 && self.unread.is_empty();
        if passes {
            self.left -= 1;
            self.read += 1;
        }
        passes
    }

    /// A new portion of work begins.
    pub(super) fn begin_portion(&mut self) {
        self.left = LETTERS_PER_PORTION;
    }

    /// The next letter, if one may still be read in this portion.
    pub(super) fn next(&mut self) -> Option<Letter> {
        if self.left == 0 {
            return None;
        }
        let letter = self.unread.pop_front()?;
        self.bytes -= letter.weight();
        self.left -= 1;
        self.read += 1;
        self.unread.give_back();
        Some(letter)
    }

    /// Whether [`next`](Self::next) has one.
    pub(super) fn has_next(&self) -> bool {
        self.left > 0 && !self.unread.is_empty()
    }

    /// How many are unread.
    pub(super) fn len(&self) -> usize {
        self.unread.len()
    }

    /// Bytes of the messages in those that are unread.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether all are read.
    pub(super) fn is_empty(&self) -> bool {
        self.unread.is_empty()
    }

    /// A connection waits until the letters are read that lie here now.
    pub(super) fn wait(&mut self, id: ConnId) {
        self.waiting.push_back((self.read + self.unread.len() as u64, id));
    }

    /// The next connection whose wait is over.
    pub(super) fn next_waiter(&mut self) -> Option<ConnId> {
        let &(until, _) = self.waiting.front()?;
        if self.read < until {
            return None;
        }
        self.waiting.give_back();
        self.waiting.pop_front().map(|(_, id)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32) -> ConnId {
        ConnId { slot, generation: 0 }
    }

    #[test]
    fn who_waits_waits_for_the_letters_that_lay_there_and_for_no_later_one() {
        let mut letters = Letters::default();
        letters.push(Letter::Refused(id(1)));
        letters.push(Letter::Refused(id(2)));
        letters.wait(id(10));
        letters.push(Letter::Refused(id(3)));
        letters.wait(id(11));
        assert_eq!(letters.next_waiter(), None);
        assert!(letters.next().is_some());
        assert_eq!(letters.next_waiter(), None, "one of two");
        assert!(letters.next().is_some());
        assert_eq!(letters.next_waiter(), Some(id(10)));
        assert_eq!(letters.next_waiter(), None);
        assert!(letters.next().is_some() && letters.is_empty());
        assert_eq!(letters.next_waiter(), Some(id(11)));
    }

    #[test]
    fn a_letter_passes_where_none_lies_before_it_and_counts() {
        let mut letters = Letters::default();
        assert!((0..LETTERS_PER_PORTION).all(|_| letters.passes()));
        assert!(!letters.passes(), "the portion is over");
        letters.push(Letter::Refused(id(1)));
        letters.wait(id(10));
        letters.begin_portion();
        assert!(!letters.passes(), "one lies before it");
        assert_eq!(letters.next_waiter(), None);
        assert!(letters.next().is_some() && letters.passes());
        assert_eq!(letters.next_waiter(), Some(id(10)));
    }

    #[test]
    fn a_portion_is_bounded() {
        let mut letters = Letters::default();
        for slot in 0..=LETTERS_PER_PORTION as u32 {
            letters.push(Letter::Refused(id(slot)));
        }
        assert_eq!(std::iter::from_fn(|| letters.next()).count(), LETTERS_PER_PORTION);
        letters.begin_portion();
        assert_eq!(std::iter::from_fn(|| letters.next()).count(), 1);
    }
}
