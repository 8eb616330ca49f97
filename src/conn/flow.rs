//! What flows through a connection: bytes that the kernel has not taken yet, and how either stream
//! ends. Bytes that are not understood yet lie aside, for few connections have any.
//!
//! Came from: `conn` and `broker`. Goes to: the shell, as bytes to write, and as the wish for more.
//! Absent on purpose: what the bytes mean, and who pays for them.

use super::outbox::Outbox;
use crate::close::CloseReason;
use crate::wire::head::Head;
use crate::wire::message::Incoming;

/// How a subscriber stands to what the log has for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Backlog {
    /// It has everything, or will have it with the next message.
    #[default]
    None,
    /// More waits than its outbox holds, and the kernel was not shown all of that yet: what is in
    /// the log stays there.
    Lagging,
    /// The kernel has no room for what its outbox holds: it may lose messages, until it has taken
    /// that and what the log had meanwhile.
    Slow,
}

/// What a peer has said behind which nothing of its own comes any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LastWord {
    /// Nothing yet.
    #[default]
    Unsaid,
    /// A request with `Connection: close`, RFC 9112 §9.6.
    Request,
    /// A Close frame, RFC 6455 §5.5.1.
    Close,
}

impl LastWord {
    /// Of a request with this head: behind an upgrade, wanted or not, frames may follow.
    pub fn of_request(head: &Head<'_>) -> Self {
        if head.keep_alive || head.upgrade.is_some() { Self::Unsaid } else { Self::Request }
    }

    /// Of what came on a WebSocket.
    pub const fn of_message(incoming: &Incoming<'_>) -> Self {
        if matches!(incoming, Incoming::Close { .. }) { Self::Close } else { Self::Unsaid }
    }
}

/// Both streams of bytes of a connection.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Flow {
    /// To be sent, not yet taken by the kernel.
    pub outbox: Outbox,
    /// The peer has ended its side.
    pub finished: bool,
    /// The peer has ended its side behind bytes that are still in the kernel.
    pub finishing: bool,
    /// The shell was told to leave bytes in the kernel.
    pub reading_paused: bool,
    /// The kernel took less than it was given last time.
    pub refused: bool,
    /// What the log has for a subscriber beyond its outbox.
    pub backlog: Backlog,
    /// Whether the peer has said that nothing follows what was understood last.
    pub last_word: LastWord,
    /// Why the connection ends, once that is decided.
    pub leaving: Option<CloseReason>,
}

impl Flow {
    /// Why the connection ends: `reason`, unless another was given before.
    pub fn leave_for(&mut self, reason: CloseReason) -> CloseReason {
        *self.leaving.get_or_insert(reason)
    }

    /// Whether neither stream is about to end, and the kernel has always had room of late.
    #[inline]
    pub fn is_undisturbed(&self) -> bool {
        let goes_on = !self.finished && self.leaving.is_none();
        goes_on && !self.refused && self.backlog == Backlog::None
    }

    /// Notes whether bytes are `wanted`. `true`: they were not, and are from now on.
    pub fn resumes_reading(&mut self, wanted: bool) -> bool {
        let resumes = self.reading_paused && wanted;
        self.reading_paused = !wanted;
        resumes
    }
}
