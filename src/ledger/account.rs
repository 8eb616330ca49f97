//! The numbers of one payer on one thread, and those that have no payer.
//!
//! Came from: `Ledger::charge` and the broker. Goes to: a `ShardReport`, summed over the threads.
//! Absent on purpose: what is open now; that is looked up, not counted.

use std::ops::AddAssign;

use super::{Bytes, Class, Histogram, Tcp};
use crate::close::CloseReason;

/// The account of one payer. All numbers only grow.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Connections whose first request was of this kind.
    pub opened: u64,
    /// Connections that came from another kind, by a request of this one.
    pub joined: u64,
    /// Connections that went to another kind.
    pub left: u64,
    /// Connections that ended while of this kind, by reason.
    pub closed: [u64; CloseReason::ALL.len()],
    /// Request heads read.
    pub requests: u64,
    /// Answers that carried no message: 204 and 304.
    pub answers_empty: u64,
    /// Messages delivered; for `publish`: taken in.
    pub messages: u64,
    /// Bytes that `read` brought.
    pub bytes_in: Bytes,
    /// Bytes that `writev` took.
    pub bytes_out: Bytes,
    /// System calls.
    pub calls: Calls,
    /// What the kernel counted on connections, as far as it was asked.
    pub tcp: Tcp,
    /// From the commit of a message to the moment when the kernel had the last byte of it.
    pub latency: Histogram,
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

    /// Connections that ended while of this kind.
    pub fn closed_total(&self) -> u64 {
        self.closed.iter().sum()
    }
}

impl AddAssign<&Self> for Account {
    fn add_assign(&mut self, other: &Self) {
        self.opened += other.opened;
        self.joined += other.joined;
        self.left += other.left;
        for (sum, n) in self.closed.iter_mut().zip(other.closed) {
            *sum += n;
        }
        self.requests += other.requests;
        self.answers_empty += other.answers_empty;
        self.messages += other.messages;
        self.bytes_in += &other.bytes_in;
        self.bytes_out += &other.bytes_out;
        self.calls += &other.calls;
        self.tcp += &other.tcp;
        self.latency += &other.latency;
    }
}

/// System calls made for the connections of one payer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// `accept4` that brought a connection.
    pub accepts: u64,
    /// `read` calls.
    pub reads: u64,
    /// `writev` calls.
    pub writes: u64,
    /// How many of the last two found nothing to move.
    pub would_blocks: u64,
    /// `shutdown` and `close` calls.
    pub ends: u64,
}

impl Calls {
    /// All of them; what would block is among the reads and writes.
    pub fn total(&self) -> u64 {
        self.accepts + self.reads + self.writes + self.ends
    }
}

impl AddAssign<&Self> for Calls {
    fn add_assign(&mut self, other: &Self) {
        self.accepts += other.accepts;
        self.reads += other.reads;
        self.writes += other.writes;
        self.would_blocks += other.would_blocks;
        self.ends += other.ends;
    }
}

/// What was spent on all connections of a thread together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// `epoll_wait` calls.
    pub waits: u64,
    /// `epoll_ctl` calls.
    pub controls: u64,
    /// `write` calls that woke another thread.
    pub wakes: u64,
    /// `accept4` calls that brought nobody.
    pub accepts_in_vain: u64,
    /// `getsockopt` calls.
    pub samples: u64,
    /// Connections refused before anything was read.
    pub refused: u64,
    /// Bytes that `read` brought: the other side of all `bytes_in`.
    pub bytes_read: u64,
    /// Bytes that `writev` took: the other side of all `bytes_out`.
    pub bytes_written: u64,
}

impl AddAssign<&Self> for Shared {
    fn add_assign(&mut self, other: &Self) {
        self.waits += other.waits;
        self.controls += other.controls;
        self.wakes += other.wakes;
        self.accepts_in_vain += other.accepts_in_vain;
        self.samples += other.samples;
        self.refused += other.refused;
        self.bytes_read += other.bytes_read;
        self.bytes_written += other.bytes_written;
    }
}
