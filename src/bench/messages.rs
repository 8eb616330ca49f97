//! All messages of a run: what was published, what became of it, and how long it took.
//!
//! Came from: `load`, which publishes, and `readers`, which hear. Goes to: the figures of a run.
//! Absent on purpose: every latency by itself. A run may have a thousand million of them; a
//! histogram keeps each to a thousandth, in a fixed amount of memory.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::check::{DeliveryCheck, Heard};
use super::in_flight::{InFlight, SentOutcome};

/// The messages of a run.
pub struct Messages {
    topics: Vec<InFlight>,
    /// What has become of them.
    pub counts: Counts,
    /// Topics whose messages in flight have become fewer.
    pub eased: Vec<u32>,
    in_flight: usize,
}

/// What became of the messages of a run.
pub struct Counts {
    /// From the moment when a message was to be sent until a reader had it, in microseconds.
    pub latency_us: Histogram<u64>,
    /// From the moment when a message was to be sent until it was, in microseconds.
    pub late_us: Histogram<u64>,
    /// Publishes that were taken in. By a WebSocket, which does not answer: that were sent.
    pub accepted: u64,
    /// Publishes that were refused, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Publishes that were sent and never answered.
    pub unanswered: u64,
    /// Deliveries in their place.
    pub delivered: u64,
    /// Deliveries that there have to be: of each message that was taken in, to each who reads. What
    /// is still to come when a run is cut off is not among them.
    pub expected: u64,
    /// Deliveries that came before the answer that refused their message.
    pub delivered_and_refused: u64,
}

impl Messages {
    /// For topics with so many readers each.
    pub fn new(readers: &[u32], size: usize) -> Self {
        let topic = |(topic, &readers): (usize, &u32)| InFlight::new(topic as u32, size, readers);
        Self {
            topics: readers.iter().enumerate().map(topic).collect(),
            counts: Counts {
                latency_us: histogram(),
                late_us: histogram(),
                accepted: 0,
                refused: BTreeMap::new(),
                unanswered: 0,
                delivered: 0,
                expected: 0,
                delivered_and_refused: 0,
            },
            eased: Vec::new(),
            in_flight: 0,
        }
    }

    /// Publishes the next message of a topic: gives its number and its bytes. Without `due_us` it
    /// is due when it is [`sent`](Self::sent).
    pub fn publish(
        &mut self,
        topic: u32,
        due_us: Option<u64>,
        outcome: SentOutcome,
    ) -> (u64, &[u8]) {
        let of = &mut self.topics[topic as usize];
        let readers = u64::from(of.readers());
        let number = of.publish(due_us, outcome);
        self.in_flight += 1;
        if outcome == SentOutcome::Accepted {
            self.counts.accepted += 1;
            self.counts.expected += readers;
        }
        let message = of.message(number).expect("it was published just now");
        (number, &message.payload)
    }

    /// A message goes out: the system call that sends it comes next.
    pub fn sent(&mut self, topic: u32, number: u64, now: u64) {
        let late_us = self.topics[topic as usize].sent(number, now);
        self.counts.late_us.saturating_record(late_us);
    }

    /// A publish was answered. Tells whether readers that have passed it are to be told that they
    /// lack nothing.
    pub fn answered(&mut self, topic: u32, number: u64, outcome: SentOutcome, status: u16) -> bool {
        self.changing(topic, |of, counts| {
            match outcome {
                SentOutcome::Accepted => {
                    counts.accepted += 1;
                    counts.expected += u64::from(of.readers());
                }
                SentOutcome::Refused => *counts.refused.entry(status).or_default() += 1,
                SentOutcome::Unknown | SentOutcome::Awaited => counts.unanswered += 1,
            }
            let answered = of.answered(number, outcome);
            counts.delivered -= u64::from(answered.got_wrongly);
            counts.delivered_and_refused += u64::from(answered.got_wrongly);
            answered.passed_rightly
        })
    }

    /// A reader of a topic got this.
    pub fn heard(&mut self, topic: u32, account: &mut DeliveryCheck, payload: &[u8], now: u64) {
        self.changing(topic, |of, counts| {
            if let Heard::Good(due_us) = account.heard(of, payload) {
                counts.delivered += 1;
                if let Some(due_us) = due_us {
                    counts.latency_us.saturating_record(now.saturating_sub(due_us));
                }
            }
        });
    }

    /// A reader of a topic is gone.
    pub fn left(&mut self, topic: u32, account: &DeliveryCheck) {
        self.changing(topic, |of, _| of.left(account.next()));
    }

    /// The run is cut off: what is still to come is not expected any more.
    pub fn cut(&mut self) {
        let owed: u64 = self.topics.iter().map(InFlight::owed).sum();
        self.counts.expected -= owed;
    }

    /// Messages in flight of all topics.
    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// A topic.
    pub fn topic(&mut self, topic: u32) -> &mut InFlight {
        &mut self.topics[topic as usize]
    }

    /// What has happened so far: when it stands still, nothing does.
    pub fn progress(&self) -> u64 {
        let Counts { delivered, accepted, refused, unanswered, .. } = &self.counts;
        delivered + accepted + refused.values().sum::<u64>() + unanswered
    }

    /// Does something with a topic, and notes whether that has eased it.
    fn changing<T>(
        &mut self,
        topic: u32,
        change: impl FnOnce(&mut InFlight, &mut Counts) -> T,
    ) -> T {
        let of = &mut self.topics[topic as usize];
        let before = of.count();
        let what = change(of, &mut self.counts);
        let gone = before - of.count();
        if gone > 0 {
            self.in_flight -= gone;
            self.eased.push(topic);
        }
        what
    }
}

/// From a microsecond to an hour, each value to a thousandth: 200 KiB.
pub fn histogram() -> Histogram<u64> {
    const HOUR_US: u64 = 60 * 60 * 1_000_000;
    Histogram::new_with_bounds(1, HOUR_US, 3).expect("the bounds are in order")
}
