//! The states of a connection: what it waits for, until when, and where it may go from there.
//!
//! ```text
//!                  ┌─────────────────── answered, kept alive ────────────────────┐
//!                  ▼                                                             │
//!  accepted ──▶  Head ──▶ Body ──▶ Answering ──▶ Sending ────────────────────────┤
//!                  └──────────────▶  │  ▲ │ └────────────────────────────────────┘
//!                                    ▼  │ ├──▶ Streaming
//!                          Awaiting, Parked └──▶ Open ──▶ Closing
//!
//!                  from every state ──▶ Lingering ──▶ Closed
//! ```
//!
//! There is one way from state to state, [`Conn::shift`](super::Conn::shift), and [`EDGES`] lists
//! what may take it.
//! Each state has at most one deadline of its own ([`State::due`]); output that the peer does not
//! take has another ([`Conn::due`](super::Conn::due)).
//!
//! `Answering` lasts as long as the visit in which it is entered: whatever is known of a request
//! lies there while its answer is made, and every answer leaves it. Two states lead back to it
//! later: `Awaiting`, when somebody else has to be asked, and `Parked`, when there is nothing to
//! say yet.
//!
//! **What is not in the state, and why.** Some facts are independent of what a connection does:
//! that the peer has ended its side ([`Flow::finished`](super::flow::Flow)) may come in any state,
//! and the request that was read before is still answered; why it ends
//! ([`Flow::leaving`](super::flow::Flow)) is decided before the last bytes have left; whether it is
//! read ([`Conn::wants_bytes`](super::Conn::wants_bytes)) follows from how much waits on either
//! side. Each doubled state would be written twice.
//!
//! Came from: `conn` and `broker`, which decide. Goes to: the timer wheel, as a deadline. Absent on
//! purpose: what happens at a deadline; `broker` knows.

mod edges;

use std::num::NonZeroU16;
use std::rc::Rc;

pub use self::edges::{EDGES, Name, may_lead};
use super::progress::due_by_progress;
use super::request::{FileWant, Publish, Report, Request, Want};
use super::response_context::ResponseContext;
use super::unanswered::Unanswered;
use crate::ids::{KeptMillis, Millis, Neighbours, Seat, Seq, TopicName};
use crate::limits::{
    CLOSE_MS_MAX, LINGER_MS_MAX, Limits, PONG_MS_MAX, SNAPSHOT_MS, UNANSWERED_MAX,
};
use crate::technique::{Dialect, Format, Technique};
use crate::wire::body::BodyDecoder;
use crate::wire::deflate::Window;
use crate::wire::head::HeadDecoder;
use crate::wire::message::Assembler;

/// What a connection is doing.
#[derive(Debug)]
pub enum State {
    /// Waiting for a request head, or for the rest of one.
    Head {
        /// Remembers how far it looked into an unfinished head.
        decoder: HeadDecoder,
        /// When the first byte of the head came.
        began: Option<Millis>,
        /// Its neighbours in the list of those that are idle, while it stands there.
        idle: Option<Neighbours>,
    },
    /// The head is understood; its body is still arriving.
    Body(Box<Upload>),
    /// A request is complete, and its answer is being made. No connection is seen in this state
    /// from outside: the visit that enters it leaves it.
    Answering(ResponseContext),
    /// The request is complete, and the sequencer or the shell has been asked for what it needs.
    Awaiting(Awaiting),
    /// A long poll: complete, and its answer withheld.
    Parked(Parked),
    /// A file is on its way, piece by piece.
    Sending(Box<Sending>),
    /// The answer to a poll is on its way, from the log, piece by piece.
    Telling(Box<Telling>),
    /// An event stream.
    Streaming(Stream),
    /// A WebSocket.
    Open(WebSocket),
    /// Our Close frame is sent, the peer's is awaited.
    Closing(Closing),
    /// The last bytes are on their way. Once the kernel has them our side is ended, and what still
    /// comes is read and dropped until the peer ends its own: closing over unread bytes would send
    /// a reset, and the reset could destroy our last answer before the peer has read it.
    Lingering {
        /// Whether our side is ended.
        half_closed: bool,
        /// When the state was entered, or when our side was ended if that came later.
        since: Millis,
    },
    /// Nothing may happen any more; the shell is told to drop the socket.
    Closed,
}

/// A request whose body is arriving.
#[derive(Debug)]
pub struct Upload {
    /// When its head was understood.
    pub since: Millis,
    /// How many bytes of data have come, wanted or not.
    pub taken: u64,
    /// The request.
    pub request: Request,
    /// What of the body is still to come.
    pub decoder: BodyDecoder,
    /// What has come, if anyone wants it.
    pub data: Vec<u8>,
}

/// A request that waits for the sequencer or the shell.
#[derive(Debug)]
pub struct Awaiting {
    /// What the answer needs to know of the request.
    pub context: ResponseContext,
    /// What is awaited.
    pub awaited: Awaited,
}

/// What was asked of the sequencer or the shell.
#[derive(Debug)]
pub enum Awaited {
    /// To give this message its sequence number.
    Commit(Rc<Publish>),
    /// Who reads this topic on all threads.
    Count(TopicName),
    /// To open this file.
    Open(Box<FileWant>),
    /// What all threads have to report.
    Report(Report),
    /// A place for the client behind a proxy; if it has asked already, for what, and the body.
    Place(Option<(Box<Want>, Vec<u8>)>),
    /// That this thread has read the messages that this depends on, committed before it came.
    Letters(Box<Want>),
    /// A ticket for this token's grant.
    Ticket,
    /// What a ticket stands for: what is wanted is given by that.
    Grant(Box<Want>),
}

/// A long poll that waits.
#[derive(Debug)]
pub struct Parked {
    /// What the answer needs to know of the request.
    pub context: ResponseContext,
    /// The topics that it waits for, and the cursor.
    pub subscription: Subscription,
    /// When the wait is over.
    pub until: KeptMillis,
    /// The largest number of messages in the answer, up to
    /// [`POLL_MESSAGES_MAX`](crate::limits::POLL_MESSAGES_MAX).
    pub limit: u16,
}

/// The answer to a poll, on its way.
#[derive(Debug)]
pub struct Telling {
    /// Whether another request may follow.
    pub keep_alive: bool,
    /// The last message of which all is queued, and the seats that keep the topics.
    pub subscription: Subscription,
    /// The last message of the answer.
    pub until: Seq,
    /// How messages are encoded.
    pub format: Format,
    /// Whether the next message is the first of the list.
    pub first: bool,
    /// So much of the next message's data is queued.
    pub from: usize,
}

/// A file on its way.
#[derive(Debug)]
pub struct Sending {
    /// Whether another request may follow.
    pub keep_alive: bool,
    /// The next byte to be read of the file.
    pub offset: u64,
    /// How many are still to be read.
    pub left: u64,
    /// A piece was asked for and has not come.
    pub asked: bool,
}

/// An event stream.
#[derive(Debug)]
pub struct Stream {
    /// Its cursor and its seats; a watcher of the cost ledger has no seat.
    pub subscription: Subscription,
    /// How it is counted among the subscribers.
    pub technique: Technique,
    /// How messages, gaps and heartbeats are encoded for it.
    pub format: Format,
    /// HTTP/1.1: every event is a chunk.
    pub chunked: bool,
    /// It reads no topic but the cost ledger, a snapshot a second.
    pub costs: bool,
}

/// A WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    /// Its cursor and its seats; a watcher of the cost ledger has no seat.
    pub subscription: Subscription,
    /// Frames on their way to be messages.
    pub assembler: Assembler,
    /// `Some`: it gets its messages compressed.
    pub deflate: Option<Window>,
    /// When the first byte of the message came that is not complete; never, if there is none.
    pub began: KeptMillis,
    /// A Ping is out, since then, and nothing has come since; never, if none is out.
    pub pinged: KeptMillis,
    /// What its frames mean.
    pub dialect: Dialect,
    /// Frames of `tollway.v1` that wait for their answers, of the raw dialect none does; and what
    /// waits behind those of either.
    pub unanswered: Unanswered,
    /// Messages of the raw dialect that may not be in the log yet, up to [`UNANSWERED_MAX`].
    pub uncommitted: u16,
    /// It reads no topic but the cost ledger, a snapshot a second.
    pub costs: bool,
}

impl WebSocket {
    /// When a message that was begun must be complete. Behind a rule that was broken none is heard.
    pub fn message_due(&self, limits: &Limits) -> Millis {
        let began = if self.unanswered.is_failing() { KeptMillis::NEVER } else { self.began };
        due_by_progress(began.millis(), self.assembler.taken() as u64, limits)
    }

    /// Whether something that it said is still on its way to the log.
    pub fn awaits_commits(&self) -> bool {
        self.uncommitted > 0 || !self.unanswered.is_empty()
    }

    /// Whether so much of what it said is on its way that no more should be heard for now.
    pub fn has_said_enough(&self) -> bool {
        usize::from(self.uncommitted) >= UNANSWERED_MAX || self.unanswered.is_full()
    }

    /// How messages are encoded for it.
    pub fn format(&self) -> Format {
        match (self.dialect, &self.subscription.seats) {
            (Dialect::Raw, _) => Format::Frame,
            (Dialect::V1, Seats::One(_)) => Format::Object,
            (Dialect::V1, Seats::Many(_)) => Format::ObjectNamed,
        }
    }
}

/// A WebSocket to which our Close frame was sent.
#[derive(Debug)]
pub struct Closing {
    /// Frames of the peer, which are read until its own Close frame comes.
    pub assembler: Assembler,
    /// When our Close frame was sent.
    pub since: Millis,
}

/// A subscription: a cursor, and the seats where the subscriber is entered.
#[derive(Debug)]
pub struct Subscription {
    /// Its seat in the list of each topic.
    pub seats: Seats,
    /// The last message it was given.
    pub cursor: Seq,
    /// How many evictions there had been when it started, or was last told of a gap.
    pub evictions_seen: u64,
}

/// One seat or several.
#[derive(Debug)]
pub enum Seats {
    /// Of one topic, as almost every subscriber has.
    One(Seat),
    /// Of several topics, one in each.
    Many(Box<[Seat]>),
}

impl Seats {
    /// All of them.
    pub fn as_slice(&self) -> &[Seat] {
        match self {
            Self::One(seat) => std::slice::from_ref(seat),
            Self::Many(seats) => seats,
        }
    }

    /// All of them, to be moved.
    pub fn as_mut_slice(&mut self) -> &mut [Seat] {
        match self {
            Self::One(seat) => std::slice::from_mut(seat),
            Self::Many(seats) => seats,
        }
    }
}

impl State {
    /// Waiting for a request.
    pub fn idle() -> Self {
        Self::Head { decoder: HeadDecoder::default(), began: None, idle: None }
    }

    /// The neighbours of one that stands in the list of those that are idle.
    pub fn neighbours(&self) -> Option<Neighbours> {
        if let Self::Head { idle, .. } = self { *idle } else { None }
    }

    /// The wait that was granted to the poll that is being answered, in seconds.
    pub fn wait_s(&self) -> Option<NonZeroU16> {
        if let Self::Answering(context) = self { context.wait_s } else { None }
    }

    /// The state without what it carries.
    pub fn name(&self) -> Name {
        match self {
            Self::Head { .. } => Name::Head,
            Self::Body(_) => Name::Body,
            Self::Answering(_) => Name::Answering,
            Self::Awaiting(_) => Name::Awaiting,
            Self::Parked(_) => Name::Parked,
            Self::Sending(_) => Name::Sending,
            Self::Telling(_) => Name::Telling,
            Self::Streaming(_) => Name::Streaming,
            Self::Open(_) => Name::Open,
            Self::Closing(_) => Name::Closing,
            Self::Lingering { .. } => Name::Lingering,
            Self::Closed => Name::Closed,
        }
    }

    /// The deadline of this state, for a connection that was last active then; or never.
    pub fn due(&self, active_at: Millis, limits: &Limits) -> Millis {
        match self {
            Self::Head { began: Some(began), .. } => began.plus(limits.head_ms_max),
            Self::Head { began: None, .. } => active_at.plus(limits.idle_ms_max),
            Self::Body(upload) => due_by_progress(upload.since, upload.taken, limits),
            Self::Parked(parked) => parked.until.millis(),
            Self::Streaming(Stream { costs: true, .. }) => active_at.plus(SNAPSHOT_MS),
            Self::Streaming(_) => active_at.plus(limits.heartbeat_ms),
            Self::Open(socket) => {
                let alive = match socket.pinged.millis() {
                    _ if socket.costs => active_at.plus(SNAPSHOT_MS),
                    Millis::NEVER => active_at.plus(limits.heartbeat_ms),
                    pinged => pinged.plus(PONG_MS_MAX),
                };
                alive.min(socket.message_due(limits))
            }
            Self::Closing(closing) => closing.since.plus(CLOSE_MS_MAX),
            Self::Lingering { half_closed: true, since } => since.plus(LINGER_MS_MAX),
            // These wait for ourselves, or for the peer to take bytes, which has its own deadline.
            Self::Answering(_) | Self::Awaiting(_) | Self::Sending(_) => Millis::NEVER,
            Self::Lingering { .. } | Self::Telling(_) | Self::Closed => Millis::NEVER,
        }
    }

    /// Whether bytes that come now belong to the next request.
    pub fn is_between(&self) -> bool {
        match self {
            Self::Head { .. } | Self::Answering(_) | Self::Awaiting(_) => true,
            Self::Parked(_) | Self::Sending(_) | Self::Telling(_) => true,
            Self::Body(_) | Self::Streaming(_) | Self::Open(_) | Self::Closing(_) => false,
            Self::Lingering { .. } | Self::Closed => false,
        }
    }

    /// The subscription of this state, if it has one.
    pub fn subscription(&self) -> Option<&Subscription> {
        match self {
            Self::Parked(parked) => Some(&parked.subscription),
            Self::Telling(telling) => Some(&telling.subscription),
            Self::Streaming(stream) => Some(&stream.subscription),
            Self::Open(socket) => Some(&socket.subscription),
            Self::Head { .. } | Self::Body(_) | Self::Answering(_) | Self::Awaiting(_) => None,
            Self::Sending(_) | Self::Closing(_) | Self::Lingering { .. } | Self::Closed => None,
        }
    }

    /// The subscription of this state, to be moved on.
    pub fn subscription_mut(&mut self) -> Option<&mut Subscription> {
        match self {
            Self::Parked(parked) => Some(&mut parked.subscription),
            Self::Telling(telling) => Some(&mut telling.subscription),
            Self::Streaming(stream) => Some(&mut stream.subscription),
            Self::Open(socket) => Some(&mut socket.subscription),
            Self::Head { .. } | Self::Body(_) | Self::Answering(_) | Self::Awaiting(_) => None,
            Self::Sending(_) | Self::Closing(_) | Self::Lingering { .. } | Self::Closed => None,
        }
    }
}

#[cfg(test)]
mod tests;
