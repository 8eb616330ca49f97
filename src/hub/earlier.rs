//! Numberings that have ended while the server served, and which subscriber stood in which.
//!
//! A hub counts what falls off, and a subscriber notes that count when it is told of a gap. So the
//! count at which a numbering ended tells whether a subscriber has heard of that, and it need not
//! keep its epoch.
//!
//! Came from: `anew`. Goes to: `hub`, for whether a subscriber has missed something; `broker`, for
//! what it is told. Absent on purpose: the numbering in force, which is the hub's.

use std::collections::VecDeque;

use crate::ids::Epoch;
use crate::limits::EARLIER_EPOCHS_MAX;

/// Numberings that have ended, the latest behind: each with the hub's count of evictions then.
#[derive(Debug, Default)]
pub(super) struct EarlierEpochs(VecDeque<(u64, Epoch)>);

impl EarlierEpochs {
    /// Whether a numbering has ended since there had been `evictions_seen` evictions.
    pub(super) fn ended_since(&self, evictions_seen: u64) -> bool {
        self.0.back().is_some_and(|&(ended_at, _)| ended_at > evictions_seen)
    }

    /// The numbering of `epoch` ends.
    pub(super) fn note(&mut self, ended_at: u64, epoch: Epoch) {
        if self.0.len() == EARLIER_EPOCHS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((ended_at, epoch));
    }

    /// The numbering that somebody stood in who had seen so many evictions, if it has ended. Of
    /// more than [`EARLIER_EPOCHS_MAX`] that have ended since, the oldest that is known.
    pub(super) fn stood_in(&self, evictions_seen: u64) -> Option<Epoch> {
        let mut ended = self.0.iter().filter(|&&(ended_at, _)| ended_at > evictions_seen);
        ended.next().map(|&(_, epoch)| epoch)
    }
}
