//! The line before the store: what was asked and is not answered, in the order of asking.
//!
//! It has no bound of its own. Whoever puts publishes in counts what is in flight beside what lies
//! in the threads' mailboxes, so that there is room for every answer; what finds none stays with
//! the thread that asked. How many read a topic is asked without that: a connection has one such
//! question at a time, and publishes wait while there are too many.
//!
//! Came from: the bus, under the sequencer's lock. Goes to: the store's thread, in batches. Absent
//! on purpose: what the answers are.

use std::collections::{HashMap, VecDeque};

use super::{Asker, StoreAsk, StoreOrder};
use crate::spare::Spare;

/// Orders on their way. Invariant: `flying` has one entry for each that is not answered, and
/// `waits` says how many of those each asker has.
#[derive(Debug, Default)]
pub struct StoreLine {
    orders: VecDeque<StoreOrder>,
    flying: VecDeque<(Asker, usize)>,
    waits: HashMap<Asker, u32>,
    bytes: usize,
    /// A message and its receipt are two letters, not one.
    apart: bool,
}

impl StoreLine {
    /// An order joins at the end.
    pub fn push(&mut self, order: StoreOrder) {
        let weight = match &order.asked {
            StoreAsk::Append(draft) => draft.weight(),
            StoreAsk::TooFast { .. } | StoreAsk::Refused | StoreAsk::Count(_) => 0,
        };
        self.bytes += weight;
        self.flying.push_back((order.asker, weight));
        *self.waits.entry(order.asker).or_default() += 1;
        self.orders.push_back(order);
    }

    /// Moves up to `most` orders to `into`, up to `bytes_max` bytes of messages or one. They are in
    /// flight until they are answered.
    pub fn take(&mut self, most: usize, bytes_max: usize, into: &mut Vec<StoreOrder>) {
        let mut bytes = 0;
        while into.len() < most
            && let Some(order) = self.orders.front()
        {
            if let StoreAsk::Append(draft) = &order.asked {
                bytes += draft.weight();
                if bytes > bytes_max && !into.is_empty() {
                    break;
                }
            }
            into.extend(self.orders.pop_front());
        }
        self.orders.give_back();
    }

    /// The oldest order that is in flight was answered.
    pub fn answered(&mut self) {
        let Some((asker, weight)) = self.flying.pop_front() else {
            return;
        };
        self.bytes -= weight;
        if let Some(waits) = self.waits.get_mut(&asker) {
            *waits -= 1;
            if *waits == 0 {
                self.waits.remove(&asker);
                self.waits.give_back();
            }
        }
        self.flying.give_back();
    }

    /// Whether `asker` waits for an answer.
    pub fn has(&self, asker: Asker) -> bool {
        self.waits.contains_key(&asker)
    }

    /// Whether nobody stands in it; some may have been taken and be in flight still.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// A message will be told by one letter, and what its publisher is told by another.
    pub fn answers_come_apart(&mut self) {
        self.apart = true;
    }

    /// Whether it stands before a log that other servers have too.
    pub fn is_shared(&self) -> bool {
        self.apart
    }

    /// How many letters are in flight, and the bytes of the messages in them.
    pub fn in_flight(&self) -> (usize, usize) {
        (self.flying.len() << u8::from(self.apart), self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ConnId, ShardId, TopicName};
    use crate::technique::message::{Draft, Payload, Unnumbered};

    fn asker(slot: u32) -> Asker {
        Asker { shard: ShardId(0), conn: ConnId { slot, generation: 0 } }
    }

    fn order(slot: u32, bytes: usize) -> StoreOrder {
        let asked = StoreAsk::Append(Draft {
            message: Unnumbered::new(
                TopicName::parse("a").expect("a good name"),
                None,
                Payload::posted(vec![b'x'; bytes]),
            ),
            from: std::net::IpAddr::from([192, 0, 2, 1]).into(),
            idempotency_key: None,
        });
        StoreOrder { asker: asker(slot), asked }
    }

    #[test]
    fn what_was_taken_is_in_flight_until_it_is_answered() {
        let mut line = StoreLine::default();
        for slot in [1, 2, 1] {
            line.push(order(slot, 10));
        }
        let weight = line.in_flight().1 / 3;
        let mut taken = Vec::new();
        line.take(2, usize::MAX, &mut taken);
        assert_eq!((taken.len(), line.in_flight()), (2, (3, 3 * weight)));
        line.answered();
        assert!(line.has(asker(1)) && line.has(asker(2)), "1 asked twice");
        line.answered();
        assert!(line.has(asker(1)) && !line.has(asker(2)));
        line.push(StoreOrder { asker: asker(1), asked: StoreAsk::Refused });
        line.answered();
        assert_eq!(line.in_flight(), (1, 0), "a refusal has no bytes");
        line.answered();
        line.answered(); // Nobody is left.
        assert!(!line.has(asker(1)));
    }

    #[test]
    fn a_batch_has_bounds_and_takes_one_that_is_longer_than_they_allow() {
        let mut line = StoreLine::default();
        for slot in 0..5 {
            line.push(order(slot, 1_000));
        }
        let mut batch = Vec::new();
        line.take(9, 1, &mut batch);
        assert_eq!(batch.len(), 1);
        batch.clear();
        line.take(9, 2_900, &mut batch);
        assert_eq!(batch.len(), 2);
        batch.clear();
        line.take(1, usize::MAX, &mut batch);
        assert_eq!(batch.len(), 1);
        assert!(!line.is_empty());
    }
}
