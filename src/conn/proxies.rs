//! Whose request it is: of the peer, or of a client that a proxy brings it from.
//!
//! Only a peer that the operator has named is believed, and only in the one way that was named with
//! it. From anyone else the same words mean nothing. The list that proxies have written is read
//! from its end: a name that is a trusted proxy's own leads to the one before it, and the first
//! that is not is the client. Whatever a client wrote itself stands before that.
//!
//! Came from: `config`, with who is trusted; `conn`, with the heads of their requests. Goes to:
//! `conn`, as an address that counts for everything that is bounded by address, and for logs.
//! Absent on purpose: names of hosts, and `Host`, `proto` and `by`.

use std::net::{IpAddr, SocketAddr};

use super::problem::{Problem, Rule};
use crate::wire::address_range::AddressRange;
use crate::wire::forwarded::{Node, ProxyHeader};
use crate::wire::head::Head;

/// `--trust-proxy` and `--proxy-header`.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// Who is believed. By default nobody is.
    pub trusted: Vec<AddressRange>,
    /// In which way.
    pub header: ProxyHeader,
}

impl Proxies {
    /// Whether what the peer at `address` says of its clients is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|range| range.contains(address))
    }

    /// Whose request this is that came from `proxy`, which is trusted. The proxy's own, if it names
    /// nobody; that of the proxy that does not tell, if one of several does not.
    pub fn client(&self, head: &Head<'_>, proxy: SocketAddr) -> Result<SocketAddr, Problem> {
        let lines = match self.header {
            ProxyHeader::XForwardedFor => &head.x_forwarded_for,
            ProxyHeader::Forwarded => &head.forwarded,
            ProxyHeader::ProxyProtocol => return Ok(proxy),
        };
        let mut hop = proxy;
        for node in self.header.nodes(lines) {
            match node.map_err(|_| Rule::ClientMalformed)? {
                Node::At(address) if self.trusts(address.ip()) => hop = address,
                Node::At(address) => return Ok(address),
                Node::Hidden => break,
            }
        }
        Ok(hop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Parsed;
    use crate::wire::head::HeadDecoder;

    fn client(header: ProxyHeader, fields: &str) -> String {
        let trusted = ["10.0.0.0/8", "127.0.0.1", "fd00::/8"];
        let trusted = trusted.map(|text| AddressRange::parse(text).expect(text)).to_vec();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let Ok(Parsed::Complete { value: head, .. }) =
            HeadDecoder::default().decode(head.as_bytes(), 16_384)
        else {
            panic!("{head}");
        };
        let proxy = "127.0.0.1:9".parse().expect("an address");
        match (Proxies { trusted, header }).client(&head, proxy) {
            Ok(client) => client.to_string(),
            Err(problem) => problem.code.to_owned(),
        }
    }

    #[test]
    fn the_client_is_the_last_that_is_no_proxy_of_ours() {
        let x = |value: &str| {
            client(ProxyHeader::XForwardedFor, &format!("X-Forwarded-For: {value}\r\n"))
        };
        assert_eq!(x("192.0.2.1"), "192.0.2.1:0");
        assert_eq!(x("198.51.100.1, 192.0.2.1"), "192.0.2.1:0", "what it wrote itself is not read");
        assert_eq!(x("nonsense, 192.0.2.1"), "192.0.2.1:0");
        assert_eq!(x("192.0.2.1, 10.1.2.3, fd00::1"), "192.0.2.1:0");
        assert_eq!(x("10.1.2.3, 10.4.5.6"), "10.1.2.3:0", "a client within the trusted network");
        assert_eq!(x("192.0.2.1, unknown, 10.1.2.3"), "10.1.2.3:0", "it does not tell");
        assert_eq!(x("unknown"), "127.0.0.1:9");
        assert_eq!(x("192.0.2.1, nonsense"), "client_malformed");
        assert_eq!(x(""), "127.0.0.1:9");
        assert_eq!(x("192.0.2.1\r\nX-Forwarded-For: 192.0.2.2"), "192.0.2.2:0");
    }

    #[test]
    fn one_header_is_believed_and_no_other() {
        let both = "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.2\r\n";
        assert_eq!(client(ProxyHeader::XForwardedFor, both), "192.0.2.1:0");
        assert_eq!(client(ProxyHeader::Forwarded, both), "192.0.2.2:0");
        assert_eq!(client(ProxyHeader::ProxyProtocol, both), "127.0.0.1:9");
        assert_eq!(client(ProxyHeader::Forwarded, ""), "127.0.0.1:9");
    }
}
