//! Where a server is reached, and how: what was bound, for those who tell of it.
//!
//! Came from: `mod`, when all ports are taken. Goes to: the greeting, the port file, and the
//! origins that are our own. Absent on purpose: sockets.

use std::net::SocketAddr;

/// An address that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// With the port that the kernel chose, when it was asked to.
    pub address: SocketAddr,
    /// By TLS.
    pub tls: bool,
}

/// The ports of those that speak TLS, or of those that do not: each once.
pub fn ports_of(addresses: &[Reached], tls: bool) -> Vec<u16> {
    let such = addresses.iter().filter(|one| one.tls == tls);
    let mut ports: Vec<u16> = such.map(|one| one.address.port()).collect();
    ports.sort_unstable();
    ports.dedup(); // A name such as `localhost` has one port at two addresses.
    ports
}
