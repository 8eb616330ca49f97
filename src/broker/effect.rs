//! What the broker wants of the world outside, as values.
//!
//! Came from: every part of the broker. Goes to: the shell, which polls for them. Absent on
//! purpose: doing any of it.

use crate::close::CloseReason;
use crate::hub::message::Draft;
use crate::ids::{ConnId, TopicName};

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
}

/// How the shell is to part with a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// End our side; the peer's may still come.
    HalfClose,
    /// Drop it, for this reason. The id means nothing from now on.
    Drop(CloseReason),
}

/// Why a connection is not taken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `--max-connections` are open.
    Full,
}
