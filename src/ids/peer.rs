//! The other end of a connection, by address and port.
//!
//! Came from: the kernel, or a proxy that is believed. Goes to: bounds for each address, logs, and
//! the table of connections. Absent on purpose: names of hosts.

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::Network;

/// The address of a peer, in half the room of a [`SocketAddr`]: there may be a million.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Almost all of them.
    V4(SocketAddrV4),
    /// With the scope and the flow that belong to it.
    V6(Box<SocketAddrV6>),
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => Self::V4(address),
            SocketAddr::V6(address) => Self::V6(Box::new(address)),
        }
    }
}

impl Peer {
    /// The address without the port.
    pub fn ip(&self) -> IpAddr {
        match self {
            Self::V4(address) => (*address.ip()).into(),
            Self::V6(address) => (*address.ip()).into(),
        }
    }

    /// As whom it counts.
    pub fn network(&self) -> Network {
        self.ip().into()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
        }
    }
}
