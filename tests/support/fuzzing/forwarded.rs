//! `Forwarded` and `X-Forwarded-For`: nothing a client writes before what a proxy has added changes
//! what is read of that; an address that is understood, written anew, is understood the same.
//!
//! Came from: the value of a field. Goes to: `wire::forwarded`.

use std::net::SocketAddr;

use tollway::wire::forwarded::{Node, NodeMalformed, ProxyHeader};

type Found = Vec<Result<Node, NodeMalformed>>;

fn nodes(header: ProxyHeader, lines: &[&[u8]]) -> Found {
    header.nodes(lines).collect()
}

pub fn check(input: &[u8]) {
    for header in [ProxyHeader::Forwarded, ProxyHeader::XForwardedFor] {
        let found = nodes(header, &[input]);
        assert!(found.len() <= input.len() / 2 + 1, "more elements than there is room for");
        for node in found.iter().flatten() {
            let text = written(header, *node);
            assert_eq!(nodes(header, &[text.as_bytes()]), [Ok(*node)], "{text}");
        }
        // A proxy adds a line of its own: it is read first, and the rest as before.
        let proxy = written(header, Node::At("192.0.2.7:80".parse().unwrap()));
        let both = nodes(header, &[input, proxy.as_bytes()]);
        assert_eq!(both[0], Ok(Node::At("192.0.2.7:80".parse().unwrap())));
        assert_eq!(both[1..], found);
        // It may add to the line instead. A list without quotes has no way to hide that.
        let joined = [input, b", ", proxy.as_bytes()].concat();
        let first = nodes(header, &[&joined])[0];
        if header == ProxyHeader::XForwardedFor || !input.contains(&b'"') {
            assert_eq!(first, both[0]);
        } else {
            // With an open quote it cannot be read; it is never another one's address.
            assert!(first == both[0] || first.is_err(), "{first:?}");
        }
    }
    assert!(nodes(ProxyHeader::ProxyProtocol, &[input]).is_empty());
}

fn written(header: ProxyHeader, node: Node) -> String {
    let name = match node {
        Node::Hidden => "unknown".to_owned(),
        Node::At(address) if address.port() == 0 => match address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        },
        Node::At(address) => address.to_string(),
    };
    match header {
        ProxyHeader::Forwarded => format!("proto=http;for=\"{name}\""),
        ProxyHeader::XForwardedFor | ProxyHeader::ProxyProtocol => name,
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    [
        "192.0.2.1, 198.51.100.1:80",
        "unknown, 2001:db8::1, [2001:db8::2], [2001:db8::3]:443",
        "for=192.0.2.60;proto=http;by=203.0.113.43",
        "for=192.0.2.43, for=\"[2001:db8:cafe::17]:4711\"",
        "for=_hidden, for=unknown;host=\"a, b\", For=\"_secret:_port\"",
        "for=\"192.0.2.1, for=198.51.100.17",
        "for=\"\\\"192.0.2.1\", ;for=::1;for=x,,",
        "::ffff:192.0.2.1, nonsense,\t10.0.0.1 ",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
