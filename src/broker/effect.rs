//! What the broker wants of the world outside, and what other threads tell it, as values.
//!
//! Came from: every part of the broker. Goes to: the shell, which polls for effects and
//! brings letters. Absent on purpose: doing any of it.

use std::sync::Arc;

use crate::close::CloseReason;
use crate::hub::Receipt;
use crate::hub::message::{Draft, Message};
use crate::ids::{ConnId, ShardId, TopicName};
use crate::ledger::{Payer, Scope, ShardReport};

/// What the broker needs the shell to do.
#[derive(Debug)]
pub enum Effect {
    /// Ask the sequencer to commit a message, and post it to every thread.
    Publish {
        /// Whom to give the receipt.
        conn: ConnId,
        /// The message.
        draft: Draft,
    },
    /// Ask the sequencer who reads a topic; answered by [`super::Broker::counted`].
    Count {
        /// Who wants to know.
        conn: ConnId,
        /// The topic.
        topic: TopicName,
    },
    /// Open a file below `--static`; answered by [`super::Broker::file_opened`].
    OpenFile {
        /// For whom.
        conn: ConnId,
        /// Where.
        path: Box<str>,
    },
    /// Read a piece of the file that is open for a connection; answered by
    /// [`super::Broker::file_read`].
    ReadFile {
        /// For whom.
        conn: ConnId,
        /// From here.
        offset: u64,
        /// So many bytes, never 0.
        length: usize,
    },
    /// Close the file that is open for a connection.
    CloseFile {
        /// For whom.
        conn: ConnId,
    },
    /// Ask the kernel what it has counted on a connection; answered by
    /// [`super::Broker::sampled`].
    Sample {
        /// About whom.
        conn: ConnId,
        /// Who pays for what it has counted.
        payer: Payer,
    },
    /// Send every thread, this one too, a [`Letter::ReportWanted`].
    AskForReport {
        /// What is asked.
        scope: Scope,
    },
    /// Take this thread's report by [`super::Broker::shard_report`], and send it in a
    /// [`Letter::ShardReport`].
    ShardReport {
        /// To this thread.
        to: ShardId,
        /// What is asked.
        scope: Scope,
    },
}

/// What a thread is told by the sequencer, or by another thread.
#[derive(Debug)]
pub enum Letter {
    /// A message has its sequence number. Every thread gets it, in the order of the numbers.
    Committed {
        /// The message.
        message: Arc<Message>,
        /// For the thread that asked: whom to tell.
        receipt: Option<Receipt>,
    },
    /// A publish was a repeat. Only the thread that asked gets this.
    Repeated(Receipt),
    /// A publish could not be taken now; the message is in no log and never will be.
    Refused(ConnId),
    /// A thread wants this one's report.
    ReportWanted {
        /// Who wants it.
        from: ShardId,
        /// What is asked.
        scope: Scope,
    },
    /// The report of a thread, for this one, which wants it.
    ShardReport(Box<ShardReport>),
}

/// How the shell ends a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teardown {
    /// End our side; the peer's may still come.
    HalfClose,
    /// Close it, for this reason, and say so by [`super::Broker::socket_closed`].
    Close(CloseReason),
}
