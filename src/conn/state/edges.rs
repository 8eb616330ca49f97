//! The edges between the states of a connection: where each may lead, and on what.
//!
//! Came from: nowhere, it is a table. Goes to: `conn::transition`, which walks along no other edge,
//! and `docs/reference/states.md`. Absent on purpose: what the states carry.

/// A state without what it carries: what edges are drawn between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Each is documented at `State`.
pub enum Name {
    Head,
    Body,
    Answering,
    Awaiting,
    Parked,
    Sending,
    Telling,
    Streaming,
    Open,
    Closing,
    Lingering,
    Closed,
}

/// Where each state may lead, and on what.
pub const EDGES: &[(Name, &[(Name, &str)])] = {
    use Name::{
        Answering, Awaiting, Body, Closed, Closing, Head, Lingering, Open, Parked, Sending,
        Streaming, Telling,
    };
    const ENDED: (Name, &str) = (Lingering, "the peer ended its side before the end");
    const CUT: (Name, &str) = (Closed, "a reset, or a peer that does not read");
    &[
        (
            Head,
            &[
                (Body, "a head that announces a body which is not all there"),
                (Answering, "a head with all of its body; an offence; the deadline of a head"),
                (Lingering, "the peer ended its side, or the server ends"),
                (Closed, "a reset, a peer that does not read, or the idle deadline"),
            ],
        ),
        (
            Body,
            &[(Answering, "the end of the body; an offence; the deadline of a body"), ENDED, CUT],
        ),
        (
            Answering,
            &[
                (Head, "answered at once, kept alive"),
                (Awaiting, "the sequencer, a file or all threads have to be asked"),
                (Parked, "a long poll, and nothing to say"),
                (Sending, "the head of a file is queued"),
                (Telling, "an answer from the log that is longer than an outbox"),
                (Streaming, "an event stream is greeted"),
                (Open, "a WebSocket is greeted"),
                (Lingering, "answered at once, and the last answer"),
                (Closed, "a last answer with nothing to send, to a peer that ended its side"),
            ],
        ),
        (Awaiting, &[(Answering, "what was asked has come"), ENDED, CUT]),
        (Parked, &[(Answering, "a message, or the end of the wait, or of the server"), ENDED, CUT]),
        (
            Sending,
            &[
                (Head, "the last piece is queued, kept alive"),
                (Lingering, "the last piece is queued, or the file cannot be read to its end"),
                CUT,
            ],
        ),
        (
            Telling,
            &[
                (Head, "the last piece is queued, kept alive"),
                (Lingering, "the last piece is queued, or the next message fell off"),
                CUT,
            ],
        ),
        (Streaming, &[(Lingering, "the peer ended its side, or the server ends"), CUT]),
        (
            Open,
            &[
                (
                    Closing,
                    "our Close frame: a gap, overload, what is not allowed, or the server ends",
                ),
                (Lingering, "the peer's Close frame, or a broken rule"),
                (Closed, "a reset, a peer that does not read, or one that does not pong"),
            ],
        ),
        (Closing, &[(Lingering, "the peer's Close frame, or the deadline for it"), CUT]),
        (
            Lingering,
            &[
                (Lingering, "everything is sent: our side is ended"),
                (
                    Closed,
                    "the peer ended its side, or had said that nothing follows; or the deadline",
                ),
            ],
        ),
        (Closed, &[]),
    ]
};

impl Name {
    /// The name that reports use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Body => "body",
            Self::Answering => "answering",
            Self::Awaiting => "awaiting",
            Self::Parked => "parked",
            Self::Sending => "sending",
            Self::Telling => "telling",
            Self::Streaming => "streaming",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Lingering => "lingering",
            Self::Closed => "closed",
        }
    }
}

/// Whether [`EDGES`] has this edge.
pub fn may_lead(from: Name, to: Name) -> bool {
    let exits = EDGES.iter().find(|(state, _)| *state == from).map_or(&[][..], |(_, exits)| exits);
    exits.iter().any(|(exit, _)| *exit == to)
}
