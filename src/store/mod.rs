//! The store: where a publish gets its number and becomes a message, and what is left of it after a
//! restart.
//!
//! Publishing is asked and answered in two steps, and between the two stands this room. While
//! messages are kept in memory alone, the [`sequencer`] commits on the spot, under the lock that
//! all threads share. With a [`Store`] behind it an order waits in a
//! [`line`](line::StoreLine), and a thread of its own takes what has gathered, has the [`journal`]
//! append it in one piece, and tells what became of it, in the order of asking. No loop thread
//! waits for it.
//!
//! ```text
//!  threads ──orders──▶ line ──batch──▶ journal ──records──▶ Store
//!     ▲                                   │
//!     └────────────── told, in order ─────┘
//! ```
//!
//! Came from: the shell, with what a turn publishes. Goes to: every thread's `hub`, as messages.
//! Absent on purpose: threads and locks, which are the shell's; readers, who read their own
//! thread's hub and do not know of it.

pub mod file;
pub mod journal;
mod keys;
pub mod line;
pub mod numbering;
mod rate;
pub mod readers;
pub mod redis;
mod retained;
pub mod sequencer;

use std::fmt::Debug;
use std::sync::Arc;

use self::numbering::KeyRecord;
use crate::hub::Subscribers;
use crate::hub::past::Past;
use crate::ids::{ConnId, Epoch, Micros, Network, Seq, ShardId, TopicName};
use crate::technique::message::{Draft, Message};

/// Who asked for something: the connection, and the thread that it lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Asker {
    /// The thread.
    pub shard: ShardId,
    /// The connection.
    pub conn: ConnId,
}

/// One thing that was asked, and by whom.
#[derive(Debug)]
pub struct StoreOrder {
    /// Who asked.
    pub asker: Asker,
    /// What.
    pub asked: StoreAsk,
}

/// What was asked. An order whose answer is known by now waits in the line nevertheless, if its
/// connection waits for another answer: the answers of a connection come in the order of asking.
#[derive(Debug)]
pub enum StoreAsk {
    /// To append this.
    Append(Draft),
    /// To append what came too fast.
    TooFast {
        /// When its address may publish again, in milliseconds from now.
        retry_ms: u64,
    },
    /// To append what there was no room for.
    Refused,
    /// To count who reads this, wherever that is.
    Count(TopicName),
}

/// What became of an order, or of what was found in the store without one.
#[derive(Debug)]
pub enum StoreAnswer {
    /// A message has a number, and is in the store as the policy of syncing promises.
    Appended {
        /// The message, to be posted to every thread.
        message: Arc<Message>,
        /// Who asked for it. `None`: who asked was told something else, or did so elsewhere.
        asker: Option<Asker>,
    },
    /// A publish has a number, and its message was told already, as one that nobody had asked
    /// for.
    Read {
        /// Who asked.
        asker: Asker,
        /// The number.
        seq: Seq,
        /// The topic.
        topic: TopicName,
        /// How many read it on other servers.
        elsewhere: u32,
    },
    /// Who reads a topic was counted.
    Counted {
        /// Who asked.
        asker: Asker,
        /// The topic.
        topic: TopicName,
        /// Those on other servers.
        elsewhere: Subscribers,
    },
    /// A publish was a repeat: nothing was added.
    Repeated {
        /// Who asked.
        asker: Asker,
        /// The number that the first one got.
        seq: Seq,
        /// The topic of both.
        topic: TopicName,
    },
    /// A publish came too fast: nothing was added.
    TooFast {
        /// Who asked.
        asker: Asker,
        /// When its address may publish again, in milliseconds from now.
        retry_ms: u64,
    },
    /// There was no room for a publish: nothing was added.
    Refused(Asker),
    /// The numbering begins anew, for every thread.
    Anew {
        /// The numbering that begins.
        epoch: Epoch,
        /// What there is of it by now.
        past: Arc<Past>,
    },
    /// The store could not take a publish, and it is not said whether it will be found there.
    Unavailable(Asker),
}

/// A message as a store keeps it.
#[derive(Debug, Clone)]
pub struct Record {
    /// The message.
    pub message: Arc<Message>,
    /// The key that it came with.
    pub key: Option<Box<str>>,
    /// Who published it, as far as bounds for each address are concerned.
    pub from: Network,
}

impl Record {
    /// What is remembered of its key, if it has one.
    pub fn key_record(&self) -> Option<KeyRecord> {
        let key = self.key.clone()?;
        let Message { seq, at, ref topic, .. } = *self.message;
        Some(KeyRecord { seq, at: at.millis(), topic: topic.clone(), key, from: self.from })
    }
}

/// One moment on both clocks: the server's, which never goes back and begins with the process, and
/// the one on the wall, which is the only one that a restart knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallMoment {
    /// On the server's clock.
    pub now: Micros,
    /// Milliseconds since 1970.
    pub wall_ms: u64,
}

/// Why a store cannot be used at present: one line for the operator, which names the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFault(pub Arc<str>);

/// All that a store holds.
#[derive(Debug)]
pub struct Opened {
    /// The numbering that goes on.
    pub epoch: Epoch,
    /// For every thread's hub.
    pub past: Past,
    /// Young keys, the oldest first.
    pub keys: Vec<KeyRecord>,
}

/// What a store has found after a fault.
#[derive(Debug)]
pub enum Recovered {
    /// All that it held before, and these behind the newest number that was asked about.
    Behind(Vec<Record>),
    /// Its numbering began anew: it was emptied, or put back from a copy, and this is what it
    /// holds. Nothing of the numbering before holds any more: readers are told of a gap, and keys
    /// are those that it has now. The epoch is one that was never in force here.
    Anew(Opened),
}

/// A log that outlives the process. Its calls block; they are made on a thread of its own.
pub trait Store: Debug + Send {
    /// Appends `records` in their order, all or none. They carry the numbers behind the newest one
    /// in it. `Err`: it is uncertain whether they are there, and [`recover`](Self::recover) comes
    /// before the next call.
    fn append(&mut self, records: &[Record], at: WallMoment) -> Result<(), StoreFault>;

    /// Makes what was appended outlive a loss of power. `false`: all of it did before.
    fn sync(&mut self) -> Result<bool, StoreFault>;

    /// The last call: as [`sync`](Self::sync), and nothing is appended behind it.
    fn close(&mut self) -> Result<bool, StoreFault> {
        self.sync()
    }

    /// Looks again after a fault. `Ok`: it takes records again.
    fn recover(&mut self, tip: Seq, at: WallMoment) -> Result<Recovered, StoreFault>;
}

#[cfg(test)]
mod tests;
