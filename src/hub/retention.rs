//! What has to go: by count and bytes per topic, by bytes in all, by age.
//!
//! Sequence numbers are given in the order of time and one age holds for all topics, so one queue
//! over the whole hub, in the order of those numbers, tells both what is too old and what is the
//! oldest. An entry of the queue whose message fell off earlier, by its topic's own bounds, is
//! skipped when met, and swept out in time (see [`SweptQueue`](crate::swept::SweptQueue)).
//!
//! Came from: `hub`, when rounds are over, when a message comes that nobody waits for, and at
//! deadlines. Goes to: `log`, which drops its oldest; `blocks`, for what comes next. Absent on
//! purpose: readers that still wanted it. One that had room has had it; the others find out by
//! their cursors.

use super::Hub;
use super::blocks::Blocks;
use super::bounds::Age;
use crate::ids::{Millis, TopicId, TopicName};
use crate::spare::Spare;
use crate::technique::message::{Payload, Unnumbered};

impl Hub {
    /// What is to be published on `topic`, where a message lay that fell off, if there is such a
    /// place.
    pub fn unnumbered(
        &mut self,
        topic: TopicName,
        event: Option<Box<str>>,
        payload: Payload,
    ) -> Unnumbered {
        Unnumbered::put(topic, event, payload, |message| self.blocks.put(message))
    }

    /// Gives back the places of messages that fell off.
    pub fn forget_blocks(&mut self) {
        self.blocks = Blocks::default();
    }

    /// How many messages ever fell off. A subscriber that is told of a gap notes this number.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Whether there is a message of the topic of that name.
    pub fn retains(&self, name: &TopicName) -> bool {
        self.find(name).is_some_and(|id| !self.log(id).is_empty())
    }

    /// How many topics there is a message of.
    pub fn retained_topics(&self) -> usize {
        self.retained
    }

    /// Drops every message that is too old; while a round is on or anybody lags, none, and then it
    /// is to be called again.
    pub fn expire(&mut self, now: Millis) {
        if !self.is_settled() {
            return;
        }
        while let Some(age) = self.ages.front() {
            if now < age.at.plus(self.retention.age_ms) {
                break;
            }
            self.evict_oldest();
        }
    }

    /// When the next message will be too old.
    pub fn next_deadline(&self) -> Option<Millis> {
        let oldest = self.ages.front()?;
        Some(oldest.at.plus(self.retention.age_ms))
    }

    /// Whether another message may come. Until all that is held was offered to all readers nothing
    /// falls off, and logs hold up to twice their bounds, or all of them an eighth more than
    /// theirs; beyond that there is no room.
    pub fn has_room(&self) -> bool {
        let topic = self.newest.and_then(|id| self.topics.get(id.0 as usize));
        let fits = topic.is_none_or(|topic| {
            topic.log.len() <= self.retention.messages.saturating_mul(2)
                && topic.log.weight() <= self.retention.bytes.saturating_mul(2)
        });
        let total = self.retention.total_cost;
        fits && (self.cost <= total + total / 8 || self.held <= 1)
    }

    /// Holds topics whose round is over to their own bounds, and when no round is on, all topics to
    /// the bound of the server. Not before everyone who lags was shown to the kernel.
    pub fn hold_bounds(&mut self) {
        if self.lagging > 0 {
            return;
        }
        while let Some(id) = self.untrimmed.pop() {
            // Its slot may be empty by now, or another topic's, which has a round of its own.
            if self.topics.get(id.0 as usize).is_some_and(|topic| topic.round.is_none()) {
                self.trim(id);
                self.forget_if_unused(id);
            }
        }
        self.untrimmed.give_back();
        if self.growing.is_empty() {
            self.hold_total();
        }
    }

    /// Whether all that is held was offered to all readers.
    fn is_settled(&self) -> bool {
        self.growing.is_empty() && self.lagging == 0
    }

    /// Holds a topic to its own bounds.
    fn trim(&mut self, id: TopicId) {
        loop {
            let log = &self.topics[id.0 as usize].log;
            let over = log.len() > self.retention.messages || log.weight() > self.retention.bytes;
            if !over {
                break;
            }
            self.evict(id);
        }
        self.topics[id.0 as usize].log.give_back();
    }

    /// Holds all topics together to the bound of the server. The newest message stays, whatever its
    /// topic and its copies in the lists of threads cost beside it.
    fn hold_total(&mut self) {
        while self.cost > self.retention.total_cost && self.held > 1 {
            self.evict_oldest();
        }
    }

    /// Drops the message in front of the queue, if it is still there, and its entry.
    fn evict_oldest(&mut self) {
        let Some(age) = self.ages.pop() else {
            return;
        };
        if self.holds_first(&age) {
            self.evict(age.topic);
            self.forget_if_unused(age.topic);
        }
    }

    /// Whether the message of `age` is its topic's oldest. A slot may name another topic by now;
    /// sequence numbers are never given twice, so the comparison is safe.
    fn holds_first(&self, age: &Age) -> bool {
        let topic = self.topics.get(age.topic.0 as usize);
        topic.and_then(|t| t.log.first()).is_some_and(|e| e.seq() == age.seq)
    }

    fn evict(&mut self, id: TopicId) {
        let topic = &mut self.topics[id.0 as usize];
        let Some(evicted) = topic.log.evict() else {
            return;
        };
        self.evictions += 1;
        self.retained -= usize::from(topic.log.is_empty());
        topic.evicted_at = self.evictions;
        self.held -= 1;
        self.bytes -= evicted.message.weight();
        self.cost -= evicted.message.cost() + self.retention.entry_bytes;
        if topic.log.is_empty() {
            self.cost -= self.retention.topic_bytes;
        }
        self.cache.lost(evicted.rendered);
        self.blocks.keep(evicted.message);
        self.sweep();
    }

    /// Sweeps entries of messages long gone out of the queue, a few at a time.
    fn sweep(&mut self) {
        let topics = &self.topics;
        self.ages.sweep(self.held, |age| {
            let topic = topics.get(age.topic.0 as usize);
            topic.is_some_and(|topic| topic.log.still_holds(age.seq))
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ids::{Epoch, Micros, Seq};
    use crate::limits::Limits;
    use crate::technique::message::Message;

    #[test]
    fn a_topic_that_nobody_waits_for_is_held_to_its_bound_at_once() {
        let limits = Limits { history_messages: 2, ..Limits::default() };
        let mut hub = Hub::new(Epoch(14), &limits, 1);
        let name = TopicName::parse("a").expect("a name");
        let held_after = |hub: &mut Hub, seq| {
            let payload = Payload::posted(b"x");
            let (topic, at) = (name.clone(), Millis(0).micros());
            hub.append(Arc::new(Message { seq: Seq(seq), topic, event: None, payload, at }));
            hub.log(hub.find(&name).expect("it is held")).len()
        };
        // Whoever polls next sees this, before any round.
        assert_eq!([1, 2, 3, 4].map(|seq| held_after(&mut hub, seq)), [1, 2, 2, 2]);
        hub.lag(true); // Whoever lags, of whatever topic, may come to read this one.
        assert_eq!(held_after(&mut hub, 5), 3);
        hub.lag(false);
        assert_eq!(hub.next_subscriber(), None);
        assert_eq!(held_after(&mut hub, 6), 2);
    }

    fn append(hub: &mut Hub, seq: u64, text: &[u8]) -> Arc<Message> {
        let topic = TopicName::parse("a").expect("a name");
        let draft = hub.unnumbered(topic, Some("event".into()), Payload::posted(text));
        let message = draft.number(Seq(seq), Micros(0));
        assert_eq!((message.payload.bytes(), message.event.as_deref()), (text, Some("event")));
        hub.append(Arc::clone(&message));
        message
    }

    #[test]
    fn a_message_lies_where_one_lay_that_fell_off() {
        let limits = Limits { history_messages: 1, ..Limits::default() };
        let mut hub = Hub::new(Epoch(14), &limits, 1);
        let first = Arc::as_ptr(&append(&mut hub, 1, &[b'x'; 100]));
        assert_eq!(hub.blocks.count(), 0);
        let second = append(&mut hub, 2, b"y"); // Which somebody holds.
        assert_eq!(hub.blocks.count(), 1);
        let third = append(&mut hub, 3, b"z");
        assert_eq!((Arc::as_ptr(&third), hub.blocks.count()), (first, 0), "the second is held");
        let fourth = Arc::as_ptr(&append(&mut hub, 4, b"w"));
        append(&mut hub, 5, b"v");
        assert_eq!(hub.blocks.count(), 1, "the third is held, the fourth is not");
        assert_eq!((second.payload.bytes(), third.payload.bytes()), (&b"y"[..], &b"z"[..]));
        assert_eq!(Arc::as_ptr(&append(&mut hub, 6, b"u")), fourth);
        hub.forget_blocks();
        assert_eq!(hub.blocks.count(), 0);
    }
}
