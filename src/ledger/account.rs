//! The numbers of one payer on one thread, and those that have no payer.
//!
//! Came from: `Ledger::charge` and the broker. Goes to: a `ShardReport`, summed over the threads.
//! Absent on purpose: what is open now; that is looked up, not counted.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Index, IndexMut};

use super::bytes::{Bytes, Class};
use super::counters::counters;
use super::histogram::Histogram;
use super::tcp::Tcp;
use crate::close::CloseReason;

counters! {
    /// The account of one payer. All numbers only grow.
    pub struct Account {
        /// Connections by how they came and went.
        pub struct ConnectionCounts {
            /// Connections whose first request was of this kind.
            opened = "opened", "connections_opened", "Connections, by first request.";
            /// Connections that came from another kind, by a request of this one.
            joined = "joined",
                "connections_joined", "Connections that came from another technique.";
            /// Connections that went to another kind.
            left = "left", "connections_left", "Connections that went to another technique.";
        }
        /// Requests, answers and messages.
        pub struct AnswerCounts {
            /// Requests that were answered, refusals included; not those that were cut off by the
            /// client or by a deadline (408).
            requests = "requests", "requests", "Requests served.";
            /// Answers to polls that carried no message: 204 and 304.
            answers_empty = "answers_empty",
                "answers_empty", "Answers that carried no message.";
            /// Messages delivered; for `publish`: taken in, repeats by key included. What a
            /// WebSocket publishes is only in its `bytes_in`, as payload.
            messages = "messages", "messages", "Messages delivered; for publish, taken in.";
        }
        others {
            /// Connections that ended while of this kind, by reason.
            closed: ClosedCounts;
            /// Bytes that reads brought.
            bytes_in: Bytes;
            /// Bytes that writes took.
            bytes_out: Bytes;
            /// System calls.
            calls: Calls;
            /// What the kernel counted on connections, as far as it was asked.
            tcp: Tcp;
            /// From the commit of a message to the moment when the kernel had its last byte.
            latency: Histogram;
        }
    }
}

impl Account {
    /// A message has gone out whole, with so many bytes of framing around its payload, so many
    /// microseconds after its commit.
    pub fn delivered(&mut self, around: usize, payload: usize, latency_us: u64) {
        self.messages += 1;
        self.bytes_out.add(Class::Framing, around);
        self.bytes_out.add(Class::Payload, payload);
        self.latency.record(latency_us);
    }

    /// Messages have gone out, so many microseconds after their commits; their bytes are counted.
    pub fn passed(&mut self, latencies_us: impl Iterator<Item = u64>) {
        for latency_us in latencies_us {
            self.messages += 1;
            self.latency.record(latency_us);
        }
    }

    /// Connections that ended while of this kind.
    pub fn closed_total(&self) -> u64 {
        self.closed.0.iter().sum()
    }
}

/// Connections that ended, by reason: the index is the reason's place in [`CloseReason::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClosedCounts([u64; CloseReason::ALL.len()]);

impl ClosedCounts {
    /// The reasons that occurred, in order, each with its number.
    pub fn occurred(&self) -> impl Iterator<Item = (CloseReason, u64)> {
        CloseReason::ALL.into_iter().zip(self.0).filter(|&(_, n)| n > 0)
    }
}

impl Index<usize> for ClosedCounts {
    type Output = u64;

    fn index(&self, reason: usize) -> &u64 {
        &self.0[reason]
    }
}

impl IndexMut<usize> for ClosedCounts {
    fn index_mut(&mut self, reason: usize) -> &mut u64 {
        &mut self.0[reason]
    }
}

impl AddAssign<&Self> for ClosedCounts {
    fn add_assign(&mut self, other: &Self) {
        for (sum, n) in self.0.iter_mut().zip(other.0) {
            *sum += n;
        }
    }
}

/// Requests and frames that were denied, by the code of their refusal: a few, which do not change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeniedCounts(BTreeMap<&'static str, u64>);

impl DeniedCounts {
    /// Counts one.
    pub fn count(&mut self, code: &'static str) {
        *self.0.entry(code).or_default() += 1;
    }

    /// The codes that occurred, in order, each with its number.
    pub fn occurred(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(code, n)| (*code, *n))
    }
}

impl AddAssign<&Self> for DeniedCounts {
    fn add_assign(&mut self, other: &Self) {
        for (code, n) in other.occurred() {
            *self.0.entry(code).or_default() += n;
        }
    }
}

counters! {
    /// System calls made for the connections of one payer.
    pub struct Calls {
        /// `accept4` that brought a connection.
        accepts = "accept";
        /// `read` calls.
        reads = "read";
        /// `send` and `writev` calls.
        writes = "write";
        /// How many of the last two found nothing to move.
        would_blocks = "would_block",
            "syscalls_would_block", "Reads and writes that found nothing to move.";
        /// `shutdown` and `close` calls.
        ends = "end";
    }
}

impl Calls {
    /// All of them; what would block is among the reads and writes.
    pub fn total(&self) -> u64 {
        self.accepts + self.reads + self.writes + self.ends
    }
}

counters! {
    /// System calls made for all connections of a thread together.
    pub struct SharedCalls {
        /// `epoll_wait` calls.
        waits = "wait", "epoll_wait";
        /// `epoll_ctl` calls.
        controls = "control", "epoll_ctl";
        /// `write` calls that woke another thread.
        wakes = "wake";
        /// `accept4` calls that brought nobody.
        would_block_accepts = "accept_empty";
        /// `getsockopt` calls.
        samples = "sample", "getsockopt";
    }
}

counters! {
    /// What was spent on all connections of a thread together.
    pub struct SharedAccount {
        /// Connections that no payer has.
        pub struct SharedCounts {
            /// Connections refused before anything was read.
            refused = "refused",
                "connections_refused", "Connections refused before anything was read.";
            /// Those of them whose address had as many as it may.
            refused_by_address = "refused_by_address",
                "connections_refused_by_address",
                "Connections refused because their address had as many as it may.";
            /// Publishes of which it was said that nobody knows what became of them, since the
            /// store had not answered in time.
            publishes_unanswered = "publishes_unanswered",
                "publishes_unanswered",
                "Publishes that the store did not answer in time, and that were told 503.";
            /// TLS handshakes in which the server showed its certificate.
            tls_full = "tls_full",
                "tls_handshakes_full", "TLS handshakes that showed a certificate.";
            /// TLS handshakes that took up an earlier session.
            tls_resumed = "tls_resumed",
                "tls_handshakes_resumed", "TLS handshakes that took up an earlier session.";
        }
        others {
            /// System calls.
            calls: SharedCalls;
            /// Requests and frames that wanted a right, by the code of their refusal.
            denied: DeniedCounts;
            /// Bytes that `read` brought: the other side of all `bytes_in`.
            bytes_read: u64;
            /// Bytes that writes took: the other side of all `bytes_out`.
            bytes_written: u64;
        }
    }
}
