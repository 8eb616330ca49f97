//! The cost ledger: what each technique costs, counted where it arises.
//!
//! Every byte is charged once, to a class and to the payer that caused it; every system call, every
//! segment that the kernel counted, every connection and every end of one likewise. A thread keeps
//! its own [`Ledger`], as plain numbers; whoever wants to know asks all threads, and each gives a
//! [`ShardReport`]: its numbers of one moment. The sum of them is a [`report`].
//!
//! | file | what it holds |
//! | --- | --- |
//! | `account` | the numbers of one payer |
//! | `tally` | the numbers of one connection |
//! | `histogram` | latencies |
//! | `tcp` | what the kernel counts |
//! | `shard_report` | all that one thread has to report |
//! | `report` | the same as text: JSON, Prometheus |
//!
//! Came from: `shell`, which makes the system calls, and `broker`, which knows who is served. Goes
//! to: `report`. Absent on purpose: locks, atomics, and any decision.

mod account;
mod histogram;
pub mod report;
mod shard_report;
mod tally;
mod tcp;

pub use account::{Account, Calls, Shared};
pub use histogram::Histogram;
pub use shard_report::{Closed, Gauges, Identity, Order, Process, Row, Rows, Scope, ShardReport};
pub use tally::{Due, RefusedConnection, Tally};
pub use tcp::{Sample, Tcp};

use std::ops::AddAssign;

/// Whether bytes, calls and deliveries are counted. They are; a build without shows the cost.
pub const CHARGES: bool = !cfg!(feature = "uncharged");

/// Who caused a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Payer {
    /// Readers that ask and go.
    ShortPoll,
    /// Readers that ask and wait.
    LongPoll,
    /// Readers of an event stream.
    Sse,
    /// WebSockets, both ways.
    WebSocket,
    /// HTTP requests that publish.
    Publish,
    /// The page, files, reports, errors, and strangers that never asked for anything.
    Other,
}

impl Payer {
    /// All payers, in the order of the docs.
    pub const ALL: [Self; 6] =
        [Self::ShortPoll, Self::LongPoll, Self::Sse, Self::WebSocket, Self::Publish, Self::Other];

    /// The label that reports and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShortPoll => "short_poll",
            Self::LongPoll => "long_poll",
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
            Self::Publish => "publish",
            Self::Other => "other",
        }
    }
}

/// What a byte on the wire is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Class {
    /// Request and response heads.
    Head,
    /// Chunk lines, frame headers, field names, JSON around the data; WebSocket Close frames.
    Framing,
    /// The data of messages, as it was published.
    Payload,
    /// Pings, pongs, comments.
    Heartbeat,
    /// Any other body: pages, files, reports, errors; bytes that were read and dropped.
    Body,
}

impl Class {
    /// All classes, in the order of the docs.
    pub const ALL: [Self; 5] =
        [Self::Head, Self::Framing, Self::Payload, Self::Heartbeat, Self::Body];

    /// The label that reports and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Framing => "framing",
            Self::Payload => "payload",
            Self::Heartbeat => "heartbeat",
            Self::Body => "body",
        }
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
    pub fn add_all(&mut self, portions: [(Class, usize); 2]) {
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

/// A system call made for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `accept4`.
    Accept,
    /// `read` (`recvfrom`), and how many bytes it brought: 0 at the end of the peer's side.
    Read {
        /// What came.
        bytes: usize,
    },
    /// A `read` that found nothing.
    ReadWouldBlock,
    /// `writev`, and how many bytes the kernel took.
    Write {
        /// What went.
        bytes: usize,
    },
    /// A `writev` that found no room.
    WriteWouldBlock,
    /// `shutdown` or `close`.
    End,
}

impl Call {
    /// How many bytes it moved.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Read { bytes } | Self::Write { bytes } => bytes,
            Self::Accept | Self::ReadWouldBlock | Self::WriteWouldBlock | Self::End => 0,
        }
    }
}

/// A system call made for all connections of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedCall {
    /// `epoll_wait`.
    Wait,
    /// `epoll_ctl`.
    Control,
    /// The `write` that wakes another thread.
    Wake,
    /// An `accept4` that brought nobody.
    AcceptWouldBlock,
    /// `getsockopt`.
    Sample,
}

/// The ledger of one thread.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    accounts: [Account; Payer::ALL.len()],
    /// What was spent on all connections together.
    pub shared: Shared,
}

impl Ledger {
    /// The account of `payer`.
    pub fn account(&self, payer: Payer) -> &Account {
        &self.accounts[payer as usize]
    }

    /// The account of `payer`, to be charged.
    pub fn account_mut(&mut self, payer: Payer) -> &mut Account {
        &mut self.accounts[payer as usize]
    }

    /// Charges a system call to `payer`.
    pub fn charge(&mut self, payer: Payer, call: Call) {
        if !CHARGES {
            return;
        }
        let calls = &mut self.accounts[payer as usize].calls;
        match call {
            Call::Accept => calls.accepts += 1,
            Call::Read { bytes } => {
                calls.reads += 1;
                self.shared.bytes_read += bytes as u64;
            }
            Call::ReadWouldBlock => {
                calls.reads += 1;
                calls.would_blocks += 1;
            }
            Call::Write { bytes } => {
                calls.writes += 1;
                self.shared.bytes_written += bytes as u64;
            }
            Call::WriteWouldBlock => {
                calls.writes += 1;
                calls.would_blocks += 1;
            }
            Call::End => calls.ends += 1,
        }
    }

    /// Charges `n` system calls to nobody in particular.
    pub fn charge_shared(&mut self, call: SharedCall, n: u64) {
        if !CHARGES {
            return;
        }
        let shared = &mut self.shared;
        *match call {
            SharedCall::Wait => &mut shared.waits,
            SharedCall::Control => &mut shared.controls,
            SharedCall::Wake => &mut shared.wakes,
            SharedCall::AcceptWouldBlock => &mut shared.accepts_in_vain,
            SharedCall::Sample => &mut shared.samples,
        } += n;
    }
}

impl AddAssign<&Self> for Ledger {
    fn add_assign(&mut self, other: &Self) {
        for (sum, account) in self.accounts.iter_mut().zip(&other.accounts) {
            *sum += account;
        }
        self.shared += &other.shared;
    }
}
