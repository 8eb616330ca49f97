//! Who counts as one client where addresses are counted.
//!
//! An IPv4 address is one. Of IPv6 a household or a rented machine has a /64 at least (RFC 6177,
//! RFC 8981) and may use a new address for each connection, so a /64 is one. An IPv4 address that
//! is written as an IPv6 one (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2) is the IPv4 address.
//!
//! Came from: the address of a peer, or of the client behind a proxy. Goes to: every bound that
//! holds for each address. Absent on purpose: greater blocks. Whoever has many of these is counted
//! as many.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 address, or the first 64 bits of an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// One address.
    V4(Ipv4Addr),
    /// A /64. Bytes, which lie anywhere: each connection has one of these.
    V6([u8; 8]),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let upper = (address.to_bits() >> 64) as u64;
                Self::V6(upper.to_be_bytes())
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4(address) => address.fmt(f),
            Self::V6(upper) => {
                let upper = u128::from(u64::from_be_bytes(upper));
                write!(f, "{}/64", Ipv6Addr::from_bits(upper << 64))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> String {
        Network::from(text.parse::<IpAddr>().expect("an address")).to_string()
    }

    #[test]
    fn an_ipv6_client_is_its_first_64_bits_and_an_ipv4_client_its_address() {
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(network("2001:db8:1:2::1"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2:ffff:ffff:ffff:ffff"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:3::1"), "2001:db8:1:3::/64");
        assert_eq!(network("::1"), "::/64");
    }
}
