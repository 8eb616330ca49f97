//! The cost ledger: what each technique costs, counted where it arises.
//!
//! Every byte is charged once, to a class and to the payer that caused it; every system call, every
//! segment that the kernel counted, every connection and every end of one likewise. A thread keeps
//! its own [`Ledger`], as plain numbers; whoever wants to know asks all threads, and each gives a
//! [`ShardReport`]: its numbers of one moment. The sum of them is a [`report`].
//!
//! | file | what it holds |
//! | --- | --- |
//! | `payer`, `bytes` | who caused a cost; what a byte is for |
//! | `counters` | a counter in one row: field, sum, JSON key, metric, help |
//! | `account` | the numbers of one payer |
//! | `tally` | the numbers of one connection |
//! | `tags` | the numbers of a client that wants to know its own |
//! | `tagged` | a connection that is charged to them as well |
//! | `histogram` | latencies |
//! | `tcp` | what the kernel counts |
//! | `shard_report` | all that one thread has to report |
//! | `report` | the same as text: JSON, Prometheus |
//!
//! Came from: `shell`, which makes the system calls, and `broker`, which knows who is served. Goes
//! to: `report`. Absent on purpose: locks, atomics, and any decision.

mod account;
mod bytes;
mod counters;
mod histogram;
mod payer;
pub mod report;
mod shard_report;
mod tagged;
mod tags;
mod tally;
mod tcp;

pub use account::{
    Account, AnswerCounts, Calls, ConnectionCounts, SharedAccount, SharedCalls, SharedCounts,
};
pub use bytes::{Bytes, Class};
pub use counters::{CHARGES, Counter};
pub use histogram::Histogram;
pub use payer::Payer;
pub use shard_report::{
    Closed, Gauges, Identity, Order, Process, Row, Rows, Scope, ShardReport, StoreReport,
};
pub use tagged::Tagged;
pub use tags::{CostTag, TagAccount, Tags};
pub use tally::{Carry, Due, Passed, Refusal, RefusedConnection, Tally};
pub use tcp::{Sample, Tcp};

use std::ops::AddAssign;

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
    /// `send` or `writev`, and how many bytes the kernel took.
    Write {
        /// What went.
        bytes: usize,
    },
    /// A write that found no room.
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
    pub shared: SharedAccount,
    /// What passed under tags; it is in the accounts as well.
    pub tags: Tags,
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
        let calls = &mut self.shared.calls;
        *match call {
            SharedCall::Wait => &mut calls.waits,
            SharedCall::Control => &mut calls.controls,
            SharedCall::Wake => &mut calls.wakes,
            SharedCall::AcceptWouldBlock => &mut calls.would_block_accepts,
            SharedCall::Sample => &mut calls.samples,
        } += n;
    }
}

impl AddAssign<&Self> for Ledger {
    fn add_assign(&mut self, other: &Self) {
        for (sum, account) in self.accounts.iter_mut().zip(&other.accounts) {
            *sum += account;
        }
        self.shared += &other.shared;
        self.tags += &other.tags;
    }
}
