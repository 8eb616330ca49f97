//! What the broker wants of the world outside, and what other threads tell it, as values.
//!
//! Came from: every part of the broker. Goes to: the shell, which polls for effects and
//! brings letters. Absent on purpose: doing any of it.

use std::sync::Arc;

use crate::close::CloseReason;
use crate::hub::past::Past;
use crate::hub::{Receipt, Subscribers};
use crate::ids::{ConnId, Epoch, Network, ShardId, TopicName};
use crate::ledger::{Payer, Scope, ShardReport};
use crate::rights::Grant;
use crate::rights::tickets::Ticket;
use crate::technique::message::{Draft, Message};

/// What the broker needs the shell to do.
#[derive(Debug)]
pub enum Effect {
    /// Ask the sequencer to commit a message, and post it to every thread.
    Publish {
        /// The connection that gets the receipt.
        conn: ConnId,
        /// The message, which has no number yet.
        draft: Draft,
    },
    /// Ask the sequencer who reads a topic; answered by [`super::Broker::counted`].
    Count {
        /// The connection that asked about the topic.
        conn: ConnId,
        /// The topic whose subscribers are counted.
        topic: TopicName,
    },
    /// Give a ticket; answered by [`super::Broker::ticket_given`].
    GiveTicket {
        /// The connection that asked for it.
        conn: ConnId,
        /// What the ticket is to stand for.
        grant: Arc<Grant>,
    },
    /// Take a ticket back; answered by [`super::Broker::ticket_taken`].
    TakeTicket {
        /// The connection that showed it.
        conn: ConnId,
        /// The ticket.
        ticket: Ticket,
    },
    /// Open a file below `--static`; answered by [`super::Broker::file_opened`].
    OpenFile {
        /// The connection that asked for the file.
        conn: ConnId,
        /// The path below the folder, percent-decoded; `FileWant` says what cannot be in it.
        path: Box<str>,
    },
    /// Read a piece of the file that is open for a connection; answered by
    /// [`super::Broker::file_read`].
    ReadFile {
        /// The connection that the file is sent on.
        conn: ConnId,
        /// Where the piece begins, in bytes from the start of the file.
        offset: u64,
        /// The length of the piece in bytes, never 0.
        length: usize,
    },
    /// Close the file that is open for a connection.
    CloseFile {
        /// The connection that it was opened for.
        conn: ConnId,
    },
    /// Ask the kernel what it has counted on a connection; answered by
    /// [`super::Broker::sampled`].
    Sample {
        /// The connection that is asked about.
        conn: ConnId,
        /// The payer of what the kernel has counted so far.
        payer: Payer,
    },
    /// Ask the kernel how many bytes it holds that the peer of a connection has not acknowledged;
    /// answered by [`super::Broker::unacknowledged`].
    CountUnacknowledged {
        /// The connection that is asked about.
        conn: ConnId,
    },
    /// Take one of the places of an address for the client behind a proxy; answered by
    /// [`super::Broker::placed`].
    TakePlace {
        /// The connection of the proxy.
        conn: ConnId,
        /// The address of the client.
        network: Network,
    },
    /// Give back the place of a client behind a proxy: it has no request there any more.
    FreePlace {
        /// The address of the client.
        network: Network,
    },
    /// Send every thread, this one too, a [`Letter::ReportWanted`].
    AskForReport {
        /// What the report is to cover.
        scope: Scope,
    },
    /// Take this thread's report by [`super::Broker::shard_report`], and send it in a
    /// [`Letter::ShardReport`].
    ShardReport {
        /// The thread that wants the report.
        to: ShardId,
        /// What the report is to cover.
        scope: Scope,
    },
}

/// What a thread is told by the sequencer, or by another thread.
#[derive(Debug)]
pub enum Letter {
    /// A message has its sequence number. Every thread gets it, in the order of the numbers.
    Committed {
        /// The message; all threads share it.
        message: Arc<Message>,
        /// On the thread that asked: what the publisher is told. `None` on all others.
        receipt: Option<Receipt>,
    },
    /// A publish was a repeat. Only the thread that asked gets this.
    Repeated(Receipt),
    /// A publish could not be taken now; the message is in no log and never will be.
    Refused(ConnId),
    /// The message is not in the log: the address that it came from publishes too fast.
    TooFast {
        /// The connection that asked.
        conn: ConnId,
        /// When it may publish again, in milliseconds from now.
        retry_ms: u64,
    },
    /// The store cannot be used at present. Whether a message that it was asked to append will be
    /// found in it is not known.
    Unavailable(ConnId),
    /// The numbering begins anew: nothing of the one before holds any more. Every thread gets it,
    /// between the last message of the one and the first of the other.
    Anew {
        /// The numbering that begins.
        epoch: Epoch,
        /// What there is of it by now.
        past: Arc<Past>,
    },
    /// Who reads a topic was counted on all servers.
    Counted {
        /// The connection that asked.
        conn: ConnId,
        /// All of them.
        subscribers: Subscribers,
    },
    /// Whether the store can be used. `Some`: it cannot, for this reason.
    StoreState(Option<Arc<str>>),
    /// A thread wants this one's report.
    ReportWanted {
        /// The thread that wants it.
        from: ShardId,
        /// What the report is to cover.
        scope: Scope,
    },
    /// The report of a thread, for this one, which wants it.
    ShardReport(Box<ShardReport>),
}

impl Letter {
    /// Bytes of the message in it; 0 for what has none. Messages of a numbering that begins anew do
    /// not count: they are within the bounds of retention, and take the place of all others.
    pub fn weight(&self) -> usize {
        match self {
            Self::Committed { message, .. } => message.weight(),
            Self::Repeated(_) | Self::Refused(_) | Self::TooFast { .. } => 0,
            Self::Unavailable(_) | Self::StoreState(_) | Self::Anew { .. } => 0,
            Self::ReportWanted { .. } | Self::ShardReport(_) | Self::Counted { .. } => 0,
        }
    }
}

/// How the shell ends a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teardown {
    /// End our side; the peer's may still come. Where the kernel has nothing more of it, ask
    /// [`super::Broker::let_go`] first.
    HalfClose,
    /// Close it, for this reason, and say so by [`super::Broker::socket_closed`].
    Close(CloseReason),
    /// The same for a peer that is given up: what the kernel still has for it is dropped, and the
    /// peer is told by a reset. Otherwise the kernel would go on trying, for minutes.
    Reset(CloseReason),
}
