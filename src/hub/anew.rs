//! The numbering begins anew while the server serves: a store was emptied, or put back from a
//! copy, and gives its numbers from the beginning again.
//!
//! Nothing that a hub holds is of that numbering, so it forgets all of it, and takes in what the
//! store has now, as at a start. Subscribers stay, in their seats, with cursors of a numbering that
//! has ended. Each of them is offered a round, and is told of a gap before anything else; one that
//! is served earlier, because its socket drained, finds out by the same count as one that was too
//! slow (see [`Hub::missed`]).
//!
//! Came from: `broker`, with the letter that says so. Goes to: `past`, which fills the hub; `start`,
//! for subscribers that stood in an earlier numbering. Absent on purpose: words. A gap says them.

use std::collections::VecDeque;

use super::Hub;
use super::log::TopicLog;
use super::past::Past;
use crate::ids::{Epoch, Seq, TopicId};
use crate::limits::EARLIER_EPOCHS_MAX;

/// Numberings that have ended, the latest behind: each with the hub's count of evictions then.
#[derive(Debug, Default)]
pub(super) struct EarlierEpochs(VecDeque<(u64, Epoch)>);

impl EarlierEpochs {
    /// Whether a numbering has ended since there had been `evictions_seen` evictions.
    pub(super) fn ended_since(&self, evictions_seen: u64) -> bool {
        self.0.back().is_some_and(|&(ended_at, _)| ended_at > evictions_seen)
    }

    fn note(&mut self, ended_at: u64, epoch: Epoch) {
        if self.0.len() == EARLIER_EPOCHS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((ended_at, epoch));
    }
}

impl Hub {
    /// The numbering that a subscriber stood in when it had seen so many evictions, if it has
    /// ended. Of more than [`EARLIER_EPOCHS_MAX`] that have ended since, the oldest that is known.
    pub fn ended_epoch(&self, evictions_seen: u64) -> Option<Epoch> {
        let ended = |&&(ended_at, _): &&(u64, Epoch)| ended_at > evictions_seen;
        self.earlier.0.iter().find(ended).map(|&(_, epoch)| epoch)
    }

    /// Forgets every message and every topic that nobody reads. From now on numbers are of `epoch`,
    /// and `past` is what there is. Every subscriber is to be served in a round.
    pub fn begin_anew(&mut self, epoch: Epoch, past: &Past) {
        self.evictions += self.held as u64 + 1;
        self.earlier.note(self.evictions, std::mem::replace(&mut self.epoch, epoch));
        self.forget_messages();
        self.recall(past);
        for (slot, topic) in &mut self.topics {
            if topic.log.is_empty() && topic.log.tip() == Seq(0) {
                topic.log = TopicLog::new(self.forgotten.evicted(&topic.name));
            }
            topic.grew = false; // It grew before anybody was served.
            if topic.round.is_none() && !topic.readers.is_empty() {
                topic.round = Some(topic.readers.len());
                // Exact: see `make_topic`.
                self.growing.push_back(TopicId(slot as u32));
            }
        }
    }

    fn forget_messages(&mut self) {
        let evicted_at = self.evictions;
        self.topics.retain(|_, topic| {
            topic.log = TopicLog::new(Seq(0));
            (topic.round, topic.grew, topic.evicted_at) = (None, false, evicted_at);
            !topic.readers.is_empty() || topic.changed
        });
        self.names.retain(|_, id| self.topics.contains(id.0 as usize));
        self.cache.forget_all();
        (self.growing, self.untrimmed) = Default::default();
        (self.ages, self.newest, self.tip) = Default::default();
        (self.held, self.bytes, self.cost, self.retained) = (0, 0, 0, 0);
    }
}

#[cfg(test)]
mod tests;
