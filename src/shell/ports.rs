//! All ports of a server: those that were handed to it, and those that it takes itself.
//!
//! Came from: `config`, with what was asked for; `inherited`, with what was handed over. Goes to:
//! the threads, as listening sockets. Absent on purpose: how either is made.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::inherited::{self, InheritError};
use super::listen::{self, BindError, Bound};
use crate::config::{Config, Listen};
use crate::ids::Door;

/// Why a server has not all of its ports.
#[derive(Debug)]
pub enum PortError {
    /// A port cannot be taken.
    Bind(BindError),
    /// What a service manager handed to us cannot be served.
    Inherit(InheritError),
}

/// Takes all ports, with the door that each is. Those that were handed to us come first; they take
/// the place of the default, and one that is asked for as well is there once. What is asked for at
/// the address of one says what it is: that of an `--admin-listen`, one that speaks TLS.
pub(super) fn take(config: &Config) -> Result<Vec<(Door, Vec<Bound>)>, PortError> {
    let stall_ms_max = config.limits.stall_ms_max;
    let inherited = inherited::take(config.threads, stall_ms_max).map_err(PortError::Inherit)?;
    let handed: Vec<SocketAddr> = inherited.iter().map(|one| one.address).collect();
    let mut all: Vec<(Door, Vec<Bound>)> = Vec::new();
    for one in inherited {
        let is_admin = config.admin_listen.iter().any(|listen| names(listen, one.address));
        let door = if is_admin { Door::Admin } else { Door::Public };
        let asked = if is_admin { &config.admin_listen } else { &config.listen };
        let tls = asked.iter().any(|listen| listen.tls && names(listen, one.address));
        all.push((door, vec![Bound { tls, ..one }]));
    }
    let is_replaced =
        config.listens_by_default && all.iter().any(|(door, _)| *door == Door::Public);
    let public = config.listen.iter().filter(|_| !is_replaced).map(|one| (Door::Public, one));
    let admin = config.admin_listen.iter().map(|one| (Door::Admin, one));
    for (door, listen) in public.chain(admin) {
        if let Some(left) = without(listen, &handed) {
            let bound = listen::bind(&left, config.threads, stall_ms_max, config.reuse_port);
            let taken = || all.iter().flat_map(|(_, bound)| bound).map(|bound| bound.address);
            let bound = bound.map_err(|error| PortError::Bind(error.at(door, taken())))?;
            all.push((door, bound));
        }
    }
    Ok(all)
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Inherit(error) => error.fmt(f),
        }
    }
}

fn names(listen: &Listen, address: SocketAddr) -> bool {
    listen.addresses.contains(&address)
}

/// What is left of `listen` beside the addresses that were handed to us. `None`: nothing. A socket
/// at all addresses of IPv6 is one at those of IPv4 as well, as service managers make them.
fn without(listen: &Listen, handed: &[SocketAddr]) -> Option<Listen> {
    let is_handed = |address: &SocketAddr| {
        let all = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), address.port());
        let is_all_of_ipv4 = address.ip() == IpAddr::from(Ipv4Addr::UNSPECIFIED);
        handed.contains(address) || is_all_of_ipv4 && handed.contains(&all)
    };
    let mut left = listen.clone();
    left.addresses.retain(|address| !is_handed(address));
    (!left.addresses.is_empty()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(asked: &[&str], handed: &[&str]) -> Vec<String> {
        let parsed = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().expect("an address")).collect()
        };
        let listen = Listen { text: String::new(), tls: false, addresses: parsed(asked) };
        let left = without(&listen, &parsed(handed));
        left.into_iter().flat_map(|l| l.addresses).map(|address| address.to_string()).collect()
    }

    #[test]
    fn of_two_addresses_the_one_that_was_not_handed_over_is_still_taken() {
        let localhost = ["127.0.0.1:80", "[::1]:80"];
        assert_eq!(left(&localhost, &["127.0.0.1:80"]), ["[::1]:80"]);
        assert_eq!(left(&localhost, &["127.0.0.1:81"]), localhost);
        assert!(left(&localhost, &localhost).is_empty());
        let all = ["0.0.0.0:80", "[::]:80"];
        assert_eq!(left(&all, &["0.0.0.0:80"]), ["[::]:80"]);
        assert!(left(&all, &["[::]:80"]).is_empty());
        assert_eq!(left(&all, &["[::]:81"]), all);
    }
}
