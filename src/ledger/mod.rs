//! The cost ledger: what each technique costs, counted where it arises.
//!
//! Every byte is charged once, to a class, and to the payer that caused it; every system call and
//! every close likewise. A thread writes its own ledger and nobody else does, so a counter is a
//! plain load, add and store; anyone may read it at any time without disturbing the writer.
//!
//! Came from: `shell`, which makes the system calls, and `broker`, which knows who is served. Goes
//! to: `report`. Absent on purpose: locks, and any decision.

pub mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::close::CloseReason;

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
    pub const ALL: [Self; 6] = [
        Self::ShortPoll,
        Self::LongPoll,
        Self::Sse,
        Self::WebSocket,
        Self::Publish,
        Self::Other,
    ];

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
    pub const ALL: [Self; 5] = [
        Self::Head,
        Self::Framing,
        Self::Payload,
        Self::Heartbeat,
        Self::Body,
    ];

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

    /// All classes together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// A system call, made for one connection or for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// `accept4`.
    Accept,
    /// `read`, and how many bytes it brought.
    Read {
        /// 0 at the end of the peer's side.
        bytes: usize,
    },
    /// `writev`, and how many bytes it took.
    Write {
        /// What the kernel took.
        bytes: usize,
    },
    /// A `read` or `writev` that moved nothing.
    WouldBlock,
    /// `shutdown`.
    HalfClose,
    /// `close`.
    Close,
    /// `epoll_wait`, for all connections of the thread.
    Wait,
    /// `epoll_ctl`, or the `write` that wakes another thread.
    Control,
}

/// A counter with one writer.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. One writer only: load and store, no locked instruction.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// What it stands at.
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The accounts of one payer on one thread.
#[derive(Debug, Default)]
pub struct Account {
    /// Connections whose first request was of this kind.
    pub opened: Counter,
    /// Connections that ended while of this kind.
    pub closed: Counter,
    /// Request heads read.
    pub requests: Counter,
    /// Answers that carried no message: 204 and 304.
    pub answers_empty: Counter,
    /// Messages delivered; for `publish`: taken in.
    pub messages: Counter,
    /// Bytes that `read` brought, by class.
    pub bytes_in: [Counter; Class::ALL.len()],
    /// Bytes that `writev` took, by class.
    pub bytes_out: [Counter; Class::ALL.len()],
    /// `accept4` calls.
    pub accepts: Counter,
    /// `read` calls.
    pub reads: Counter,
    /// `writev` calls.
    pub writes: Counter,
    /// `read` and `writev` calls that moved nothing.
    pub would_blocks: Counter,
    /// `shutdown` and `close` calls.
    pub ends: Counter,
}

/// The ledger of one thread.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: [Account; Payer::ALL.len()],
    closes: [Counter; CloseReason::ALL.len()],
    /// `epoll_wait` calls, shared by all connections of the thread.
    pub waits: Counter,
    /// `epoll_ctl` calls, and `write` calls that woke another thread.
    pub controls: Counter,
    /// Connections refused at the door.
    pub refused: Counter,
}

impl Ledger {
    /// The account of `payer`.
    pub fn account(&self, payer: Payer) -> &Account {
        &self.accounts[payer as usize]
    }

    /// The counter of `reason`.
    pub fn closes(&self, reason: CloseReason) -> &Counter {
        &self.closes[reason as usize]
    }

    /// Charges a system call to `payer`.
    pub fn charge(&self, payer: Payer, cost: Cost) {
        let account = self.account(payer);
        match cost {
            Cost::Accept => account.accepts.add(1),
            Cost::Read { .. } => account.reads.add(1),
            Cost::Write { .. } => account.writes.add(1),
            Cost::WouldBlock => account.would_blocks.add(1),
            Cost::HalfClose | Cost::Close => account.ends.add(1),
            Cost::Wait => self.waits.add(1),
            Cost::Control => self.controls.add(1),
        }
    }

    /// Charges bytes that came in.
    pub fn came_in(&self, payer: Payer, bytes: &Bytes) {
        charge(&self.account(payer).bytes_in, bytes);
    }

    /// Charges bytes that the kernel took.
    pub fn went_out(&self, payer: Payer, bytes: &Bytes) {
        charge(&self.account(payer).bytes_out, bytes);
    }
}

fn charge(counters: &[Counter; Class::ALL.len()], bytes: &Bytes) {
    for (counter, &n) in counters.iter().zip(&bytes.0) {
        if n > 0 {
            counter.add(n);
        }
    }
}

/// The ledgers of all threads, for whoever reports.
#[derive(Debug)]
pub struct Books {
    ledgers: Vec<Arc<Ledger>>,
}

impl Books {
    /// One empty ledger a thread.
    pub fn new(threads: usize) -> Self {
        Self {
            ledgers: (0..threads).map(|_| Arc::default()).collect(),
        }
    }

    /// The ledger of thread `shard`.
    pub fn ledger(&self, shard: crate::ids::ShardId) -> Arc<Ledger> {
        Arc::clone(&self.ledgers[usize::from(shard.0)])
    }

    /// The sum over all threads of what `counter` picks.
    pub fn sum(&self, counter: impl Fn(&Ledger) -> &Counter) -> u64 {
        self.ledgers.iter().map(|l| counter(l).value()).sum()
    }
}
