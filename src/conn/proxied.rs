//! What a connection is at whose other end a trusted proxy is: it brings requests of others.
//!
//! Came from: `broker`, when it is accepted. Goes to: `client_address`, which learns whose they
//! are; `broker`, which takes a place for whoever that is. Absent on purpose: who is trusted;
//! `proxies` knows.

use std::net::SocketAddr;

use crate::ids::Network;

/// A trusted proxy at the other end.
#[derive(Debug)]
pub struct Proxied {
    /// Where it is.
    pub address: SocketAddr,
    /// A header of the PROXY protocol comes before the first request.
    pub expects_header: bool,
    /// The address of its client that a place is taken of. It takes none for itself.
    pub place: Option<Network>,
}

impl Proxied {
    /// As whom the proxy itself counts.
    pub fn network(&self) -> Network {
        self.address.ip().into()
    }
}
