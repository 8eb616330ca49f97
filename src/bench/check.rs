//! The account of one reader: whether it gets every message of its topic, once, in order, with
//! every byte.
//!
//! Came from: `readers`, with each payload. Goes to: the figures of a run. Absent on purpose:
//! mercy. One message that is missing, repeated, out of order or altered makes the exit code 1.

use std::fmt;
use std::ops::AddAssign;

use serde::Serialize;

use super::in_flight::InFlight;

/// What one reader has got.
#[derive(Debug)]
pub struct DeliveryCheck {
    /// The number that has to come next.
    next: u64,
    /// Numbers that were passed and may still come, out of order.
    passed: Vec<u64>,
    faults: Faults,
}

/// What went wrong with messages. All 0: every reader got every message, once, in order, whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Deliveries that did not come.
    pub missed: u64,
    /// Deliveries of what had come before.
    pub repeated: u64,
    /// Deliveries that came when a later message had come.
    pub out_of_order: u64,
    /// Payloads that are not, byte for byte, a message of this run and topic.
    pub altered: u64,
    /// Deliveries of messages whose publish was refused.
    pub refused_and_delivered: u64,
}

/// What a payload turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message in its place, due at this moment. `None`: nobody knows any more.
    Good(Option<u64>),
    /// A fault, which is counted.
    Fault,
}

impl DeliveryCheck {
    /// Of a reader that gets every message from this number on.
    pub const fn new(next: u64) -> Self {
        let faults = Faults {
            missed: 0,
            repeated: 0,
            out_of_order: 0,
            altered: 0,
            refused_and_delivered: 0,
        };
        Self { next, passed: Vec::new(), faults }
    }

    /// What is wrong so far.
    pub const fn faults(&self) -> Faults {
        self.faults
    }

    /// The number that has to come next.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// A payload has come.
    pub fn heard(&mut self, topic: &mut InFlight, payload: &[u8]) -> Heard {
        if let Some(message) = topic.message(self.next)
            && message.payload == payload
            && !topic.is_refused(self.next)
        {
            let due_us = message.due_us;
            topic.got(self.next);
            self.next += 1;
            return Heard::Good(due_us);
        }
        let Some(number) = topic.recognise(payload) else {
            self.altered(topic, payload);
            return Heard::Fault;
        };
        if number < self.next {
            let late = self.passed.iter().position(|passed| *passed == number);
            match late {
                Some(at) => {
                    self.passed.swap_remove(at);
                    self.faults.out_of_order += 1;
                }
                None => self.faults.repeated += 1,
            }
            return Heard::Fault;
        }
        self.pass(topic, number);
        self.next = number + 1;
        if topic.is_refused(number) {
            self.faults.refused_and_delivered += 1;
            return Heard::Fault;
        }
        let due_us = topic.message(number).and_then(|message| message.due_us);
        topic.got(number);
        Heard::Good(due_us)
    }

    /// What was passed was not to be got.
    pub fn forgive(&mut self, number: u64) {
        self.passed.retain(|passed| *passed != number);
    }

    /// No more comes: what is still to come has been missed.
    pub fn close(&mut self, topic: &mut InFlight) -> Faults {
        self.pass(topic, topic.end());
        self.next = topic.end();
        self.cut()
    }

    /// No more is waited for: only what a later message has overtaken has been missed.
    pub fn cut(&mut self) -> Faults {
        self.faults.missed += self.passed.len() as u64;
        self.passed.clear();
        self.faults
    }

    /// One that stands in for the next message takes its place; another one has none.
    fn altered(&mut self, topic: &mut InFlight, payload: &[u8]) {
        self.faults.altered += 1;
        if super::payload::number(payload) == Some(self.next) && self.next < topic.end() {
            topic.got(self.next);
            self.next += 1;
        }
    }

    fn pass(&mut self, topic: &mut InFlight, until: u64) {
        for number in self.next..until {
            if !topic.passed(number) {
                continue;
            }
            if self.passed.len() < PASSED_MAX {
                self.passed.push(number);
            } else {
                self.faults.missed += 1;
            }
        }
    }
}

impl Faults {
    /// All of them.
    pub const fn total(&self) -> u64 {
        let Self { missed, repeated, out_of_order, altered, refused_and_delivered } = *self;
        missed + repeated + out_of_order + altered + refused_and_delivered
    }
}

impl fmt::Display for Faults {
    /// `missed 3 messages, got 1 altered`: without the subject.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("missed", self.missed, ""),
            ("got", self.repeated, " twice"),
            ("got", self.out_of_order, " out of order"),
            ("got", self.altered, " altered"),
            ("got", self.refused_and_delivered, " whose publish was refused"),
        ];
        let told = parts.into_iter().filter(|(_, count, _)| *count > 0);
        for (place, (verb, count, how)) in told.enumerate() {
            let (gap, s) = (if place == 0 { "" } else { ", " }, if count == 1 { "" } else { "s" });
            write!(f, "{gap}{verb} {count} message{s}{how}")?;
        }
        Ok(())
    }
}

impl AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.missed += other.missed;
        self.repeated += other.repeated;
        self.out_of_order += other.out_of_order;
        self.altered += other.altered;
        self.refused_and_delivered += other.refused_and_delivered;
    }
}

/// Numbers of which it is remembered that they were passed. More are missed at once.
const PASSED_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::super::in_flight::SentOutcome;
    use super::super::payload;
    use super::*;

    const SIZE: usize = 40;

    fn after(heard: &[u64]) -> Faults {
        let mut topic = InFlight::new(0, SIZE, 1);
        for _ in 1..=5 {
            topic.publish(Some(7), SentOutcome::Accepted);
        }
        let mut account = DeliveryCheck::new(1);
        for &number in heard {
            account.heard(&mut topic, &payload::write(0, number, SIZE));
        }
        let faults = account.close(&mut topic);
        assert_eq!(topic.count(), 0, "nothing is in flight when nobody waits for it");
        faults
    }

    #[test]
    fn every_message_once_in_order_is_no_fault() {
        assert_eq!(after(&[1, 2, 3, 4, 5]), Faults::default());
    }

    #[test]
    fn whatever_else_comes_is_counted() {
        let none = Faults::default();
        for (heard, faults) in [
            (&[][..], Faults { missed: 5, ..none }),
            (&[1, 2, 4, 5], Faults { missed: 1, ..none }),
            (&[1, 2, 2, 3, 4, 5], Faults { repeated: 1, ..none }),
            (&[1, 3, 2, 4, 5], Faults { out_of_order: 1, ..none }),
            (&[1, 3, 2, 2, 4, 5], Faults { out_of_order: 1, repeated: 1, ..none }),
            (&[1, 2, 3, 4, 5, 6], Faults { altered: 1, ..none }),
        ] {
            assert_eq!(after(heard), faults, "{heard:?}");
        }
    }

    #[test]
    fn a_byte_that_was_touched_is_found_wherever_it_is() {
        let good = payload::write(0, 1, SIZE);
        for at in 0..SIZE {
            let mut topic = InFlight::new(0, SIZE, 1);
            topic.publish(Some(7), SentOutcome::Accepted);
            let mut account = DeliveryCheck::new(1);
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            assert_eq!(account.heard(&mut topic, &bytes), Heard::Fault, "byte {at}");
            assert_eq!(account.close(&mut topic).altered, 1, "byte {at}");
        }
        for cut in [&good[..SIZE - 1], &good[1..]] {
            let mut topic = InFlight::new(0, SIZE, 1);
            topic.publish(Some(7), SentOutcome::Accepted);
            let mut account = DeliveryCheck::new(1);
            account.heard(&mut topic, cut);
            assert_eq!(account.close(&mut topic).altered, 1);
        }
    }

    #[test]
    fn what_is_still_to_come_when_a_run_is_cut_off_was_not_missed() {
        for (heard, missed) in [(&[1, 2][..], 0), (&[1, 3], 1), (&[], 0)] {
            let mut topic = InFlight::new(0, SIZE, 1);
            for _ in 1..=5 {
                topic.publish(Some(7), SentOutcome::Accepted);
            }
            let mut account = DeliveryCheck::new(1);
            for &number in heard {
                account.heard(&mut topic, &payload::write(0, number, SIZE));
            }
            let still = 5 - heard.last().copied().unwrap_or(0);
            assert_eq!(topic.owed(), still, "{heard:?}");
            assert_eq!(account.cut(), Faults { missed, ..Faults::default() }, "{heard:?}");
        }
    }

    #[test]
    fn what_was_refused_is_not_missed_and_what_nobody_knows_may_come() {
        for (outcome, comes, faults) in [
            (SentOutcome::Refused, false, Faults::default()),
            (SentOutcome::Refused, true, Faults { refused_and_delivered: 1, ..Faults::default() }),
            (SentOutcome::Unknown, false, Faults::default()),
            (SentOutcome::Unknown, true, Faults::default()),
        ] {
            for answer_first in [true, false] {
                let mut topic = InFlight::new(0, SIZE, 1);
                let mut account = DeliveryCheck::new(1);
                topic.publish(Some(7), SentOutcome::Awaited);
                topic.publish(Some(8), SentOutcome::Accepted);
                if answer_first {
                    topic.answered(1, outcome);
                }
                if comes {
                    account.heard(&mut topic, &payload::write(0, 1, SIZE));
                }
                account.heard(&mut topic, &payload::write(0, 2, SIZE));
                let mut late = 0;
                if !answer_first {
                    let answered = topic.answered(1, outcome);
                    late = u64::from(answered.got_wrongly);
                    if answered.passed_rightly {
                        account.forgive(1);
                    }
                }
                let mut found = account.close(&mut topic);
                found.refused_and_delivered += late;
                assert_eq!(found, faults, "{outcome:?} {comes}");
                assert_eq!(topic.count(), 0);
            }
        }
    }
}
