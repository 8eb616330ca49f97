//! Assets: what the program carries within itself for browsers, by the path below `/-/`.
//!
//! Came from: `route`, with a path. Goes to: `broker::asset`, which has the bytes. Absent on purpose:
//! the live page itself, whose answer depends on the host that was asked.

use crate::named::named;

named! {
    /// A file that the program carries. The name is its path below `/-/`.
    pub enum Asset {
        /// The client for browsers, which anybody's page may import.
        Client = "client.js";
    }
}

impl Asset {
    /// The asset with this path below `/-/`.
    pub fn parse(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|asset| asset.name() == path)
    }
}
