//! The log that many servers share: a stream of Redis, which every one of them reads.
//!
//! One stream is the log, and its order is the order. Appending is one script: it gives the next
//! number, adds the entry under that number, and remembers the idempotency key. So numbers are
//! given at one place, and two servers that are asked the same append it once. Every server, the
//! one that asked too, hears of a message by reading the stream.
//!
//! ```text
//!  server A ──append.lua──▶ Redis ──XREAD──▶ every server, A too
//! ```
//!
//! Came from: the shell, with a URL; its two threads, with drafts and with the wish for what is
//! new. Goes to: Redis. Absent on purpose: threads, waiting between two tries, and what readers are
//! told.

mod census;
mod drafts;
mod entry;
pub mod fault;
mod link;
mod names;
mod reach;
mod recall;

use redis::{Client, ConnectionAddr};

pub use self::census::NodeName;
pub use self::entry::StreamEntry;
pub use self::fault::{FaultKind, RedisFault};
pub use self::link::{Joined, Known, RedisLink, Standing};
use self::names::Names;
pub use self::reach::Reach;
pub use self::recall::{PieceSize, recall};

/// A Redis that can be connected to.
#[derive(Debug)]
pub struct Redis {
    client: Client,
    /// What it is called in complaints: never with its password.
    place: String,
    names: Names,
}

impl Redis {
    /// `url`: `redis://` or `rediss://`, with a user, a password, a port and a database if need be.
    /// `Err`: why it is none, without the URL, which may have a password in it.
    pub fn new(url: &str, prefix: &str) -> Result<Self, String> {
        let client = Client::open(url).map_err(|error| error.to_string())?;
        let info = client.get_connection_info();
        let place = match info.addr() {
            ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
            ConnectionAddr::TcpTls { host, port, .. } => format!("{host}:{port}"),
            other => other.to_string(),
        };
        Ok(Self { client, place, names: Names::new(prefix) })
    }

    /// Where it is: host and port.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// A connection of its own. Waits for as long as [`REDIS_ANSWER_MS_MAX`] allows.
    ///
    /// [`REDIS_ANSWER_MS_MAX`]: crate::limits::REDIS_ANSWER_MS_MAX
    pub fn connect(&self) -> Result<RedisLink, RedisFault> {
        RedisLink::open(&self.client, &self.place, &self.names)
    }
}

#[cfg(test)]
mod tests;
