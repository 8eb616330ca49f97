//! All that one thread has to report, of one moment; and, added up, all that the server has.
//!
//! Came from: each thread's broker, when any thread is asked for a report. Goes to: `report`.
//! Absent on purpose: waiting for the threads; the broker that is asked does that.

use std::cmp::Reverse;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::counters::counters;
use super::{Account, Bytes, Ledger, Payer};
use crate::close::CloseReason;
use crate::ids::{Millis, Peer};
use crate::named::named;

/// What a report covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The numbers.
    Sums,
    /// The numbers, and the first rows of the table of connections.
    Rows(Rows),
}

/// Which rows of the table of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Connections that are open.
    pub open: bool,
    /// Connections that ended not long ago.
    pub closed: bool,
    /// Which come first.
    pub order: Order,
    /// How many at most.
    pub most: usize,
}

named! {
    /// Which connections come first in the table: the oldest, or those with the most of something.
    /// The name is the value of the query's `sort`.
    #[derive(Default)]
    pub enum Order {
        /// The oldest.
        #[default]
        Id = "id";
        /// Those that have been silent for longest.
        Idle = "idle";
        /// Those that sent most bytes.
        Received = "received";
        /// Those that got most bytes.
        Sent = "sent";
        /// Those that got most messages.
        Messages = "messages";
        /// Those for which most bytes wait.
        Pending = "pending";
        /// Those farthest away.
        Rtt = "rtt";
        /// Those that cost most segments.
        Segments = "segments";
    }
}

impl Order {
    /// The order of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.name() == name)
    }

    /// Sorts `rows`, and leaves `most` of them.
    fn sort(self, rows: &mut Vec<Row>, most: usize) {
        let key = |row: &Row| match self {
            Self::Id => Reverse(0),
            Self::Idle => Reverse(row.idle_ms),
            Self::Received => Reverse(row.bytes_in.total()),
            Self::Sent => Reverse(row.bytes_out.total()),
            Self::Messages => Reverse(row.messages),
            Self::Pending => Reverse(row.pending),
            Self::Rtt => Reverse(u64::from(row.rtt_us)),
            Self::Segments => Reverse(u64::from(row.segments_in) + u64::from(row.segments_out)),
        };
        rows.sort_unstable_by_key(|row| (key(row), row.id));
        rows.truncate(most);
    }
}

/// One connection in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// A number that no other connection of this server has had; younger ones have greater.
    pub id: u64,
    /// Of what kind it is now.
    pub payer: Payer,
    /// Who it is.
    pub peer: Peer,
    /// What it is doing.
    pub state: &'static str,
    /// How long it has been open, in milliseconds; of one that ended: how long it was.
    pub age_ms: u64,
    /// How long ago it last took or sent anything, in milliseconds.
    pub idle_ms: u64,
    /// Bytes that were understood.
    pub bytes_in: Bytes,
    /// Bytes that the kernel took.
    pub bytes_out: Bytes,
    /// Messages delivered, or taken in over HTTP.
    pub messages: u64,
    /// Bytes that wait for the kernel to take them.
    pub pending: u64,
    /// The smoothed round-trip time, in microseconds.
    pub rtt_us: u32,
    /// Segments received.
    pub segments_in: u32,
    /// Segments sent, the SYN-ACK too.
    pub segments_out: u32,
    /// Why it ended, and when, if it did.
    pub closed: Option<Closed>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Why.
    pub reason: CloseReason,
    /// When.
    pub at: Millis,
}

/// What is the case now, of one payer's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Open connections.
    pub open: u64,
    /// Requests that are parked.
    pub parked: u64,
    /// Bytes of user space that they hold.
    pub user_bytes: u64,
    /// Bytes that the kernel's buffers hold for them.
    pub kernel_bytes: u64,
    /// The sum of their round-trip times, in microseconds.
    pub rtt_us: u64,
}

/// What the system says about the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Resident memory, in bytes.
    pub rss: u64,
    /// Processor time outside the kernel, in microseconds.
    pub cpu_user_us: u64,
    /// Processor time in the kernel, in microseconds.
    pub cpu_system_us: u64,
}

counters! {
    /// What the store was asked, and how it went. One for the process.
    pub struct StoreReport {
        /// Batches that were appended.
        batches = "batches", "store_batches", "Batches of messages appended to the store.";
        /// Messages in them.
        messages = "messages", "store_messages", "Messages appended to the store.";
        /// Times that it was synced, besides those that are part of appending.
        syncs = "syncs", "store_syncs", "Syncs of the store that are no part of a batch.";
        /// Calls that failed.
        failures = "failures", "store_failures", "Calls of the store that failed.";
        /// Times that its numbering began anew.
        renumberings = "renumberings", "store_renumberings",
            "Times that the store's numbering began anew, and readers were told of a gap.";
        /// 1 while it cannot be used.
        unavailable = "unavailable";
    }
}

/// Rows that are worth sorting.
const ROWS_KEPT_MIN: usize = 1024;

/// The report of one thread, or of several, added up.
#[derive(Clone, Debug, Default)]
pub struct ShardReport {
    /// Threads in it.
    pub threads: u64,
    /// What was counted.
    pub ledger: Ledger,
    /// What is the case.
    pub gauges: [Gauges; Payer::ALL.len()],
    /// Connections that have not asked anything yet.
    pub strangers: u64,
    /// Connections there are.
    pub connections: u64,
    /// Bytes that were read and are not understood yet.
    pub unread: u64,
    /// Bytes that the kernel took of what it has not taken whole yet.
    pub unfinished: u64,
    /// The process, as one of the threads saw it.
    pub process: Process,
    /// The store, as one of the threads saw it. `None`: messages are kept in memory alone.
    pub store: Option<StoreReport>,
    /// Rows of the table, in order.
    pub rows: Vec<Row>,
    /// How many rows there would be.
    pub rows_total: u64,
}

impl ShardReport {
    /// Adds a row, unless it is clear by now that it will not be among the first. So a page of a
    /// table takes room for two, however many connections there are.
    pub fn add_row(&mut self, row: Row, asked: &Rows) {
        self.rows_total += 1;
        if self.rows.len() >= asked.most.saturating_mul(2).max(ROWS_KEPT_MIN) {
            self.sort(asked);
        }
        self.rows.push(row);
    }

    /// Puts the rows in order and leaves as many as were asked for.
    pub fn sort(&mut self, asked: &Rows) {
        asked.order.sort(&mut self.rows, asked.most);
    }

    /// What must always hold.
    pub fn identities(&self) -> Vec<Identity> {
        let sum = |pick: fn(&Account) -> u64| {
            let accounts = Payer::ALL.iter().map(|&payer| self.ledger.account(payer));
            accounts.map(pick).sum::<u64>()
        };
        let shared = &self.ledger.shared;
        let mut all = vec![
            Identity {
                name: "bytes_in".into(),
                left: ("all classes + what is not understood yet", {
                    sum(|a| a.bytes_in.total()) + self.unread
                }),
                right: ("bytes that read brought", shared.bytes_read),
            },
            Identity {
                name: "bytes_out".into(),
                left: ("all classes + what is not through yet", {
                    sum(|a| a.bytes_out.total()) + self.unfinished
                }),
                right: ("bytes that writes took", shared.bytes_written),
            },
            Identity {
                name: "connections".into(),
                left: ("opened + strangers", sum(|a| a.opened) + self.strangers),
                right: (
                    "closed + connections there are",
                    sum(Account::closed_total) + self.connections,
                ),
            },
            Identity {
                name: "handshakes".into(),
                left: ("handshakes", sum(|a| a.tcp.handshakes)),
                right: ("opened", sum(|a| a.opened)),
            },
            Identity {
                name: "moves".into(),
                left: ("joined", sum(|a| a.joined)),
                right: ("left", sum(|a| a.left)),
            },
        ];
        for payer in Payer::ALL {
            let account = self.ledger.account(payer);
            let open = self.gauges[payer as usize].open;
            all.push(Identity {
                name: format!("connections of {}", payer.name()),
                left: ("opened + joined", account.opened + account.joined),
                right: ("left + closed + open", account.left + account.closed_total() + open),
            });
        }
        all
    }
}

/// Two numbers, counted in two ways, that must be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What it is about.
    pub name: String,
    /// What was counted, and its number.
    pub left: (&'static str, u64),
    /// What was counted otherwise, and its number.
    pub right: (&'static str, u64),
}

impl Identity {
    /// Whether they are one.
    pub fn holds(&self) -> bool {
        self.left.1 == self.right.1
    }
}

impl AddAssign<Self> for ShardReport {
    fn add_assign(&mut self, other: Self) {
        self.threads += other.threads;
        self.ledger += &other.ledger;
        for (sum, gauges) in self.gauges.iter_mut().zip(other.gauges) {
            sum.open += gauges.open;
            sum.parked += gauges.parked;
            sum.user_bytes += gauges.user_bytes;
            sum.kernel_bytes += gauges.kernel_bytes;
            sum.rtt_us += gauges.rtt_us;
        }
        self.strangers += other.strangers;
        self.connections += other.connections;
        self.unread += other.unread;
        self.unfinished += other.unfinished;
        // One process: the youngest sight of it.
        self.process.rss = other.process.rss.max(self.process.rss);
        self.process.cpu_user_us = other.process.cpu_user_us.max(self.process.cpu_user_us);
        self.process.cpu_system_us = other.process.cpu_system_us.max(self.process.cpu_system_us);
        let newer = other.store.filter(|other| {
            self.store
                .is_none_or(|own| own.batches + own.failures <= other.batches + other.failures)
        });
        self.store = newer.or(self.store);
        self.rows.extend(other.rows);
        self.rows_total += other.rows_total;
    }
}
