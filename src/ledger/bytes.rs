//! What a byte on the wire is for, and bytes counted by that.
//!
//! Came from: `conn` and `broker`, which know what they read and wrote. Goes to: accounts and
//! tallies. Absent on purpose: directions; whoever counts has one of these for each.

use std::ops::AddAssign;

use crate::named::named;

named! {
    /// What a byte on the wire is for.
    #[repr(u8)]
    pub enum Class {
        /// Request and response heads.
        Head = "head";
        /// Chunk lines, frame headers, field names, JSON around the data; WebSocket Close frames.
        Framing = "framing";
        /// The data of messages, as it was published.
        Payload = "payload";
        /// Pings, pongs, comments.
        Heartbeat = "heartbeat";
        /// Any other body: pages, files, reports, errors; bytes that were read and dropped.
        Body = "body";
        /// What TLS adds: handshakes, record headers, tags, alerts, tickets.
        Tls = "tls";
    }
}

/// Bytes by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub [u64; Class::ALL.len()]);

impl Bytes {
    /// Adds `bytes` of `class`.
    pub fn add(&mut self, class: Class, bytes: usize) {
        self.0[class as usize] += bytes as u64;
    }

    /// Adds the portions of a segment.
    pub fn add_all<const N: usize>(&mut self, portions: [(Class, usize); N]) {
        for (class, bytes) in portions {
            self.add(class, bytes);
        }
    }

    /// Those of `class`.
    pub fn of(&self, class: Class) -> u64 {
        self.0[class as usize]
    }

    /// All classes together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl AddAssign<&Self> for Bytes {
    fn add_assign(&mut self, other: &Self) {
        for (sum, n) in self.0.iter_mut().zip(other.0) {
            *sum += n;
        }
    }
}
