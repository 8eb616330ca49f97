//! What flows through a connection: bytes that are not understood yet, bytes that the kernel has
//! not taken yet, and how either stream ends.
//!
//! Came from: `conn` and `broker`. Goes to: the shell, as bytes to write, and as the wish for more.
//! Absent on purpose: what the bytes mean, and who pays for them.

use super::outbox::Outbox;
use crate::close::CloseReason;

/// Both streams of bytes of a connection.
#[derive(Debug, Default)]
pub struct Flow {
    /// Received, not yet understood. Owns nothing when empty.
    pub inbox: Vec<u8>,
    /// To be sent, not yet taken by the kernel.
    pub outbox: Outbox,
    /// The peer has ended its side.
    pub finished: bool,
    /// The shell was told to leave bytes in the kernel.
    pub reading_paused: bool,
    /// Why the connection ends, once that is decided.
    pub leaving: Option<CloseReason>,
}

impl Flow {
    /// Why the connection ends: `reason`, unless another was given before.
    pub fn leave_for(&mut self, reason: CloseReason) -> CloseReason {
        *self.leaving.get_or_insert(reason)
    }

    /// Whether bytes of a peer that has ended its side wait to be understood.
    pub fn has_last_bytes(&self) -> bool {
        self.finished && !self.inbox.is_empty()
    }

    /// Notes whether bytes are `wanted`. `true`: they were not, and are from now on.
    pub fn resumes_reading(&mut self, wanted: bool) -> bool {
        let resumes = self.reading_paused && wanted;
        self.reading_paused = !wanted;
        resumes
    }
}
