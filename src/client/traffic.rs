//! What reading or publishing has cost, as the client sees it.
//!
//! Came from: `reading`, and `remote` for its publishes. Goes to: `--costs`. Absent on purpose:
//! what the kernel adds below (segments, retransmissions); a client without privileges does not
//! see it.

use std::ops::AddAssign;

use serde::Serialize;

/// Bytes of one direction by class, as `/-/costs` has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BytesByClass {
    /// Heads of requests and answers.
    pub head: u64,
    /// What stands around the data: chunk lines, frame headers, JSON, field names of events.
    pub framing: u64,
    /// The data of messages, as it was published.
    pub payload: u64,
    /// Pings, Pongs, comments.
    pub heartbeat: u64,
    /// Any other body: that of a refusal.
    pub body: u64,
}

/// The account of one technique, or of publishing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Connections that were opened, or tried.
    pub connections: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// Answers to polls without a message.
    pub empty: u64,
    /// Messages that were read, or taken in.
    pub messages: u64,
    /// What came.
    pub bytes_in: BytesByClass,
    /// What was sent.
    pub bytes_out: BytesByClass,
}

impl BytesByClass {
    /// All of them.
    pub const fn total(&self) -> u64 {
        self.head + self.framing + self.payload + self.heartbeat + self.body
    }
}

impl AddAssign for BytesByClass {
    fn add_assign(&mut self, other: Self) {
        self.head += other.head;
        self.framing += other.framing;
        self.payload += other.payload;
        self.heartbeat += other.heartbeat;
        self.body += other.body;
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.connections += other.connections;
        self.requests += other.requests;
        self.empty += other.empty;
        self.messages += other.messages;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }
}
