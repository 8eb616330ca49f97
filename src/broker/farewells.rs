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
