//! What stands between what a client says and what goes over its connection, where that is not the
//! same: TLS.
//!
//! Came from: `swarm`, for each connection that is to be secure. Goes to: the same. Absent on
//! purpose: TLS itself. Like the clock it is given to the swarm by whoever has it.

use serde::{Deserialize, Serialize};

/// TLS of one connection: bytes in, bytes out.
pub trait Cipher {
    /// Whether the handshake is over: what was said has left.
    fn is_open(&self) -> bool;

    /// What goes over the connection so that `plain` is said. It may come later, with the reply to
    /// what [`Self::decipher`] is shown.
    fn encipher(&mut self, plain: &[u8]) -> Vec<u8>;

    /// What came over the connection: what it says goes behind `plain`, what it has to be answered
    /// behind `reply`. An error is for people, behind the name of whoever it befalls.
    fn decipher(
        &mut self,
        bytes: &[u8],
        plain: &mut Vec<u8>,
        reply: &mut Vec<u8>,
    ) -> Result<(), String>;

    /// What goes over the connection before we end it.
    fn close(&mut self) -> Vec<u8>;
}

/// Makes the cipher for a new connection of the client with this number. Each client remembers its
/// own sessions.
pub type Ciphers = Box<dyn Fn(usize) -> Result<Box<dyn Cipher>, String>>;

/// Whom clients have to trust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsPlan {
    /// The server, as it stands in its URL.
    pub host: String,
    /// Certificates of who vouches for it, in PEM; otherwise the system's authorities do.
    pub ca: Option<String>,
}
