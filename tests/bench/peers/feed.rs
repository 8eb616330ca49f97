//! The messages of one topic that are in flight, and whether each reader gets what comes next.
//!
//! Came from: `work`. Goes to: the same. Absent on purpose: messages that all readers have.

use std::collections::VecDeque;

use tollway::shell::clock;

use super::floor::MESSAGE_BYTES;

/// One topic.
pub(crate) struct Feed {
    topic: u32,
    readers: u32,
    /// The number of the first message that is in flight.
    first: u64,
    in_flight: VecDeque<Sent>,
}

struct Sent {
    payload: [u8; MESSAGE_BYTES],
    /// When it was to be sent.
    due_us: u64,
    /// Readers that have not got it.
    left: u32,
}

/// What a phase has come to.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) operations: u64,
    /// Of each operation, where that is asked for.
    pub(crate) latencies_us: Vec<u32>,
}

impl Done {
    /// An operation is over that was due then.
    pub(crate) fn count(&mut self, due_us: u64) {
        self.operations += 1;
        let latency = clock::shared_us().saturating_sub(due_us);
        self.latencies_us.push(u32::try_from(latency).unwrap_or(u32::MAX));
    }
}

impl Feed {
    pub(crate) fn new(topic: u32, readers: u32) -> Self {
        Self { topic, readers, first: 1, in_flight: VecDeque::new() }
    }

    /// The next message, every one of whose bytes each reader is to get.
    pub(crate) fn publish(&mut self, due_us: u64) -> [u8; MESSAGE_BYTES] {
        let number = self.first + self.in_flight.len() as u64;
        let payload = payload(self.topic, number);
        self.in_flight.push_back(Sent { payload, due_us, left: self.readers });
        payload
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// A reader, for whom the message numbered `next` comes next, has got a message.
    pub(crate) fn heard(
        &mut self,
        next: &mut u64,
        bytes: &[u8],
        done: &mut Done,
    ) -> Result<(), String> {
        let at = next.checked_sub(self.first).expect("what a reader lacks is in flight");
        // Exact: what is in flight is in memory.
        let Some(sent) = self.in_flight.get_mut(at as usize) else {
            let text = String::from_utf8_lossy(bytes);
            return Err(format!("topic {}: {text:?}, which was not published", self.topic));
        };
        if sent.payload != bytes {
            return Err(format!(
                "topic {}: {:?} where {:?} comes next",
                self.topic,
                String::from_utf8_lossy(bytes),
                String::from_utf8_lossy(&sent.payload)
            ));
        }
        *next += 1;
        sent.left -= 1;
        done.count(sent.due_us);
        while self.in_flight.pop_front_if(|sent| sent.left == 0).is_some() {
            self.first += 1;
        }
        Ok(())
    }
}

/// No two messages of a run are alike.
pub(crate) fn payload(topic: u32, number: u64) -> [u8; MESSAGE_BYTES] {
    let text = format!("{topic:05}-{number:010}");
    text.into_bytes().try_into().expect("five digits, a hyphen, ten digits")
}
