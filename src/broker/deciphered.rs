//! What the shell tells of a connection that speaks TLS, as values.
//!
//! Came from: the shell. Goes to: the face. Absent on purpose: what follows.

/// What one read brought, once it was deciphered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deciphered {
    /// Bytes of records, and of the handshake, that were understood by it.
    pub records: usize,
    /// Bytes of HTTP that were in them; they are told by [`super::Broker::received`], behind this.
    pub plain: usize,
    /// Bytes that wait for the rest of their record.
    pub kept: usize,
}

/// What one write placed of what was enciphered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Bytes that the kernel took; 0 when it had no room.
    pub records: usize,
    /// Bytes of the outbox that are in what was enciphered.
    pub plain: usize,
    /// The kernel has all that was enciphered.
    pub whole: bool,
}

/// What comes first on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preface {
    /// So many bytes of a header of the PROXY protocol, 0 where none is expected; TLS is behind it.
    Bytes(usize),
    /// Such a header, which is not complete yet.
    Partial,
}
