//! What a connection is that came by a TLS address. RFC 8446.
//!
//! The shell speaks TLS; here are plain bytes. What is known of it is what has consequences here: a
//! handshake that has a deadline, a scheme that origins are held against, and bytes that are on
//! this side of the kernel and not on this side of TLS.
//!
//! Came from: the shell, by `broker::secure`. Goes to: deadlines, `origin`, the ledger. Absent on
//! purpose: keys, versions, certificates, records.

/// TLS, as far as it matters here.
#[derive(Debug)]
pub struct Secure {
    /// The handshake is not complete: nothing can be said to the peer.
    pub handshaking: bool,
    /// Bytes that came and lie in a record that is not complete, or in part of a handshake.
    pub undeciphered: usize,
    /// Bytes that the kernel took of records that it does not have whole.
    pub half_sent: usize,
    /// Bytes of TLS that came and that went, for which the next request pays.
    pub owed: [usize; 2],
}

impl Secure {
    /// Of a connection that was just accepted.
    pub fn new() -> Self {
        Self { handshaking: true, undeciphered: 0, half_sent: 0, owed: [0; 2] }
    }
}

impl Secure {
    /// Bytes that came, and that went, and that no class has yet.
    pub fn unsettled(&self) -> [usize; 2] {
        [self.undeciphered + self.owed[0], self.half_sent + self.owed[1]]
    }
}

impl Default for Secure {
    fn default() -> Self {
        Self::new()
    }
}
