//! Farewells: who is told goodbye when, while a server ends.
//!
//! Came from: `drain`, which notes down the readers that there are. Goes to: the same, when the
//! moment of a reader has come. Absent on purpose: connections, and what they are told.

use std::collections::VecDeque;

use crate::ids::{ConnId, Millis};
use crate::limits::DRAIN_GAP_MS_MAX;

/// How the connections ended that were there during a drain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DrainCounts {
    /// Connections that ended in good order, or by their peers.
    pub ended: u64,
    /// Connections that were cut because the time was over.
    pub cut: u64,
}

/// A drain that goes on.
#[derive(Debug)]
pub(super) struct Farewells {
    /// When readers begin to leave.
    pub(super) grace_until: Millis,
    /// When what is left is cut.
    pub(super) until: Millis,
    /// Slots that the present walk has looked into; `None`: it has looked into all.
    pub(super) walk: Option<usize>,
    /// Readers that are still to be told, in the order in which they are.
    pub(super) readers: VecDeque<ConnId>,
    /// How many were told.
    pub(super) told: u64,
    /// When those that were told and have not left are looked at again.
    pub(super) look_at: Millis,
    /// How many of them the look that has begun has still to look at.
    pub(super) to_look_at: usize,
    /// Slots that the cut has looked into.
    pub(super) cut_walk: usize,
    pub(super) counts: DrainCounts,
}

impl Farewells {
    /// When the next reader is told: they are spread evenly over the time up to 4/5 of the drain,
    /// or in wider steps than anybody would notice if they are few.
    pub(super) fn tells_at(&self) -> Option<Millis> {
        let left = self.readers.len() as u64;
        if left == 0 || self.walk.is_some() {
            return None;
        }
        let total = self.told + left;
        let after = self.until.since(self.grace_until);
        let window = after - after / 5;
        // Both products fit: 2^32 connections, and a drain of an hour.
        let spread = self.told * window / total;
        Some(self.grace_until.plus(spread.min(self.told * DRAIN_GAP_MS_MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of `readers` is told, in a drain from second 1 to second 11 whose grace is a
    /// second.
    fn moments(readers: u32) -> Vec<u64> {
        let id = |slot| ConnId { slot, generation: 0 };
        let mut farewells = Farewells {
            grace_until: Millis(2_000),
            until: Millis(11_000),
            walk: None,
            readers: (0..readers).map(id).collect(),
            told: 0,
            to_look_at: 0,
            look_at: Millis(0),
            cut_walk: 0,
            counts: DrainCounts::default(),
        };
        let mut moments = Vec::new();
        while let Some(at) = farewells.tells_at() {
            moments.push(at.0);
            farewells.told += 1;
            farewells.readers.pop_front();
        }
        moments
    }

    #[test]
    fn many_readers_are_spread_evenly_over_four_fifths_of_the_time() {
        let moments = moments(7_200);
        assert_eq!(moments.len(), 7_200);
        assert_eq!((moments[0], moments[7_199]), (2_000, 9_199));
        assert!(moments.windows(2).all(|two| two[1] - two[0] == 1), "one each millisecond");
    }

    #[test]
    fn few_readers_do_not_stretch_over_the_time() {
        assert_eq!(moments(3), [2_000, 2_000 + DRAIN_GAP_MS_MAX, 2_000 + 2 * DRAIN_GAP_MS_MAX]);
        assert_eq!(moments(0), [0; 0]);
    }
}
