//! The messages of one topic that are in flight: published, and not yet with all who read it.
//!
//! Came from: `messages`, when one is published, answered or heard. Goes to: the same. Absent on
//! purpose: messages that all have; a run of any length takes as much memory as is in flight.

use std::collections::VecDeque;

use super::payload;

/// One topic of a run.
#[derive(Debug)]
pub struct InFlight {
    topic: u32,
    size: usize,
    /// The number of the first message that is kept.
    first: u64,
    kept: VecDeque<SentMessage>,
    /// Readers that are there.
    readers: u32,
    /// Messages of which nobody can say whether they were taken in; few.
    unknown: Vec<u64>,
}

/// A message in flight.
#[derive(Debug)]
pub struct SentMessage {
    /// When it was to be sent, whenever it was. `None`: when it is sent, which it is not yet.
    pub due_us: Option<u64>,
    /// Every byte of it.
    pub payload: Vec<u8>,
    /// What became of its publish.
    pub outcome: SentOutcome,
    /// Readers that have neither got it nor passed it.
    left: u32,
    /// Readers that have got it.
    got: u32,
    /// Whether a reader has passed it.
    passed: bool,
}

/// What the server said of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentOutcome {
    /// Nothing yet.
    Awaited,
    /// It was taken in: every reader is to get it.
    Accepted,
    /// It was refused: no reader is to get it.
    Refused,
    /// The connection broke, or the run ended, before the answer: readers may get it.
    Unknown,
}

/// What an answer says of readers that were faster than it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overtaken {
    /// Some have passed a message that they were not to get.
    pub passed_rightly: bool,
    /// So many got a message that is refused.
    pub got_wrongly: u32,
}

impl InFlight {
    /// Of a topic that so many read.
    pub fn new(topic: u32, size: usize, readers: u32) -> Self {
        Self { topic, size, first: 1, kept: VecDeque::new(), readers, unknown: Vec::new() }
    }

    /// Publishes the next message, which is due now or when it is sent: gives its number.
    pub fn publish(&mut self, due_us: Option<u64>, outcome: SentOutcome) -> u64 {
        let number = self.end();
        self.kept.push_back(SentMessage {
            due_us,
            payload: payload::write(self.topic, number, self.size),
            outcome,
            left: self.readers,
            got: 0,
            passed: false,
        });
        number
    }

    /// A message goes out. Gives for how long it has been due.
    pub fn sent(&mut self, number: u64, now: u64) -> u64 {
        let message = self.message_mut(number);
        let due_us = message.map_or(now, |message| *message.due_us.get_or_insert(now));
        now.saturating_sub(due_us)
    }

    /// The number that the next message will have.
    pub fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// Messages that are in flight.
    pub fn count(&self) -> usize {
        self.kept.len()
    }

    /// Deliveries still to come of messages that were taken in.
    pub fn owed(&self) -> u64 {
        let taken_in = self.kept.iter().filter(|sent| sent.outcome == SentOutcome::Accepted);
        taken_in.map(|sent| u64::from(sent.left)).sum()
    }

    /// Readers that are there.
    pub const fn readers(&self) -> u32 {
        self.readers
    }

    /// A message that is in flight.
    pub fn message(&self, number: u64) -> Option<&SentMessage> {
        // Exact: what is kept is in memory.
        self.kept.get(number.checked_sub(self.first)? as usize)
    }

    /// Whether `bytes` are a message of this topic, as it was published; gives its number.
    pub fn recognise(&self, bytes: &[u8]) -> Option<u64> {
        let number = payload::number(bytes)?;
        let is_published = (1..self.end()).contains(&number);
        (is_published && bytes == payload::write(self.topic, number, self.size)).then_some(number)
    }

    /// Whether the server has said that it did not take this one in.
    pub fn is_refused(&self, number: u64) -> bool {
        match self.message(number) {
            Some(message) => message.outcome == SentOutcome::Refused,
            // What is let go of before everybody has it was refused, or is not known.
            None => !self.unknown.contains(&number),
        }
    }

    /// A reader has got it.
    pub fn got(&mut self, number: u64) {
        if let Some(message) = self.message_mut(number) {
            message.left -= 1;
            message.got += 1;
            self.settle();
        }
    }

    /// A reader has got a later one. Tells whether it lacks this one, as far as is known.
    pub fn passed(&mut self, number: u64) -> bool {
        let Some(message) = self.message_mut(number) else {
            return false;
        };
        message.left -= 1;
        message.passed = true;
        let lacks = !matches!(message.outcome, SentOutcome::Refused | SentOutcome::Unknown);
        self.settle();
        lacks
    }

    /// A reader is gone: it gets no message from this number on.
    pub fn left(&mut self, next: u64) {
        self.readers -= 1;
        let skip = next.saturating_sub(self.first) as usize;
        for message in self.kept.iter_mut().skip(skip) {
            message.left -= 1;
        }
        self.settle();
    }

    /// A publish was answered.
    pub fn answered(&mut self, number: u64, outcome: SentOutcome) -> Overtaken {
        let Some(message) = self.message_mut(number) else {
            return Overtaken::default();
        };
        message.outcome = outcome;
        let answered = Overtaken {
            passed_rightly: message.passed && outcome != SentOutcome::Accepted,
            got_wrongly: if outcome == SentOutcome::Refused { message.got } else { 0 },
        };
        if outcome == SentOutcome::Unknown {
            self.unknown.push(number);
        }
        self.settle();
        answered
    }

    fn message_mut(&mut self, number: u64) -> Option<&mut SentMessage> {
        // Exact: what is kept is in memory.
        self.kept.get_mut(number.checked_sub(self.first)? as usize)
    }

    /// Lets go of what everybody has. A message that was refused is with nobody.
    fn settle(&mut self) {
        let is_settled = |message: &mut SentMessage| match message.outcome {
            SentOutcome::Awaited => false,
            SentOutcome::Accepted => message.left == 0,
            SentOutcome::Refused | SentOutcome::Unknown => true,
        };
        while self.kept.pop_front_if(is_settled).is_some() {
            self.first += 1;
        }
    }
}
