//! The numbering begins anew while the server serves: a store was emptied, or put back from a
//! copy, and gives its numbers from the beginning again.
//!
//! Nothing that a hub holds is of that numbering, so it forgets all of it, and takes in what the
//! store has now, as at a start. Subscribers stay in their seats, with cursors of a numbering that
//! has ended. Each of them is served in a round, and is told of a gap before anything else; one
//! that is served earlier, because its socket drained, finds out by the same count as one that was
//! too slow (see [`Hub::missed`]).
//!
//! Came from: `broker`, with the letter that says so. Goes to: `past`, which fills the hub;
//! `start`, for subscribers that stood in a numbering that has ended. Absent on purpose: words. A
//! gap has them.

use super::Hub;
use super::log::TopicLog;
use super::past::Past;
use crate::ids::{Epoch, Seq, TopicId};

impl Hub {
    /// The numbering that a subscriber stood in when it had seen so many evictions, if it has
    /// ended.
    pub fn ended_epoch(&self, evictions_seen: u64) -> Option<Epoch> {
        self.earlier.stood_in(evictions_seen)
    }

    /// Forgets every message and every topic that nobody reads. From now on numbers are of `epoch`,
    /// and `past` is what there is. Every subscriber is to be served in a round.
    pub fn begin_anew(&mut self, epoch: Epoch, past: &Past) {
        self.evictions += self.held as u64 + 1;
        self.earlier.note(self.evictions, std::mem::replace(&mut self.epoch, epoch));
        self.epoch_text = epoch.text();
        self.forget_messages();
        self.recall(past);
        for (slot, topic) in &mut self.topics {
            if topic.log.is_empty() && topic.log.tip() == Seq(0) {
                topic.log = TopicLog::new(self.forgotten.evicted(&topic.name));
            }
            topic.grew = false; // It grew before anybody was served.
            if topic.round.is_none() && !topic.subscribers.is_empty() {
                topic.round = Some(topic.subscribers.len());
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
            !topic.subscribers.is_empty() || topic.changed
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
