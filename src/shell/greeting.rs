//! The greeting: where the server listens, and things to try there.
//!
//! A server of this machine alone is greeted by the name that people and their tutorials use,
//! `localhost`, wherever that leads to it. A page is of one origin with what it asks only under the
//! name that it was opened by.
//!
//! Came from: `main`, with what was bound. Goes to: standard output. Absent on purpose: the docs.
//! `--help` and the README have them.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use super::reached::Reached;
use super::sys;
use crate::limits::WorstCase;

/// The text. `addresses` are those of each `--listen`, `admin` those of each `--admin-listen`,
/// `bound` all that are listened on. With a `worst_case` it says how much memory all limits
/// together allow.
#[must_use]
pub fn text(
    addresses: &[Reached],
    admin: &[Reached],
    bound: &[SocketAddr],
    threads: usize,
    worst_case: Option<WorstCase>,
) -> String {
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    let unit = if threads == 1 { "thread" } else { "threads" };
    let name = |address: SocketAddr| authority(address, |port| leads_here(port, bound));
    let mut text = String::new();
    for one in addresses {
        let at = format!("{}://{}/", scheme("http", one.tls), name(one.address));
        let line = format_args!("listening on {at} ({threads} {unit})");
        writeln!(text, "tollway {VERSION} {line}").expect("a string takes everything");
    }
    if let Some(WorstCase { server, connection }) = worst_case {
        let (server, connection) = (mebibytes(server), mebibytes(connection));
        let line = format_args!("{server} MiB at most, and {connection} MiB for each connection");
        writeln!(text, "memory: {line} that does not read what it is told")
            .expect("a string takes everything");
    }
    let Some(&first) = addresses.first() else {
        return text;
    };
    let url = |kind: &str, one: Reached| {
        format!("{}://{}", scheme(kind, one.tls), name(reachable(one.address)))
    };
    let (at, ws) = (url("http", first), url("ws", first));
    let reports_at = url("http", admin.first().copied().unwrap_or(first));
    let things = [
        ("page", format!("{at}/")),
        ("publish", format!("curl -d 'hello' {at}/chat")),
        ("poll", format!("curl '{at}/chat/poll?wait=30'")),
        ("sse", format!("curl -N {at}/chat/sse")),
        ("websocket", format!("new WebSocket('{ws}/chat/ws')")),
        ("costs", format!("curl {reports_at}/-/costs")),
    ];
    text.push('\n');
    for (name, thing) in things {
        writeln!(text, "  {name:<11}{thing}").expect("a string takes everything");
    }
    if let Some(whom) = open_to(addresses) {
        writeln!(text, "\n  open to everyone who can reach {whom}: to read, to publish, to see")
            .expect("a string takes everything");
        text.push_str("  what it costs. --listen localhost:PORT keeps it to this machine.\n");
    }
    text.push('\n');
    text
}

/// `http` or `ws`, or what either is called by TLS.
fn scheme(plain: &str, tls: bool) -> String {
    format!("{plain}{}", if tls { "s" } else { "" })
}

/// Rounded up to a tenth: a bound that is told is not to be less than it is.
fn mebibytes(bytes: usize) -> String {
    let tenths = bytes.div_ceil(1024 * 1024 / 10);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// What has to be reached to use the server, if programs of other machines may.
fn open_to(addresses: &[Reached]) -> Option<String> {
    let ips = addresses.iter().map(|one| one.address.ip());
    let mut open = ips.filter(|ip| !ip.is_loopback()).peekable();
    let first = *open.peek()?;
    let all = open.any(|ip| ip.is_unspecified());
    Some(if all { "this machine".to_owned() } else { first.to_string() })
}

/// Host and port as they stand in a URL.
fn authority(address: SocketAddr, leads_here: impl Fn(u16) -> bool) -> String {
    let port = address.port();
    if address.ip().is_loopback() && leads_here(port) {
        format!("localhost:{port}")
    } else {
        address.to_string()
    }
}

/// "All addresses" is no place to go to; from this machine, loopback is one of them.
fn reachable(address: SocketAddr) -> SocketAddr {
    let port = address.port();
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, port).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, port).into(),
        IpAddr::V4(_) | IpAddr::V6(_) => address,
    }
}

/// Whether `localhost` with this port leads to us: by one of its addresses, and to nobody else by
/// another.
fn leads_here(port: u16, bound: &[SocketAddr]) -> bool {
    let Ok(found) = ("localhost", port).to_socket_addrs() else {
        return false;
    };
    let found: Vec<SocketAddr> = found.collect();
    leads_by(&found, bound, |address| sys::bound_socket(address, false).is_err_and(|e| is_used(&e)))
}

fn leads_by(
    found: &[SocketAddr],
    bound: &[SocketAddr],
    is_taken: impl Fn(SocketAddr) -> bool,
) -> bool {
    let (ours, others): (Vec<SocketAddr>, Vec<SocketAddr>) =
        found.iter().partition(|&&address| bound.iter().any(|&own| covers(own, address)));
    !ours.is_empty() && !others.into_iter().any(is_taken)
}

/// Whether a socket on `own` gets what is sent to `address`.
fn covers(own: SocketAddr, address: SocketAddr) -> bool {
    let all = own.ip().is_unspecified() && own.is_ipv4() == address.is_ipv4();
    own.port() == address.port() && (all || own.ip() == address.ip())
}

fn is_used(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::AddrInUse
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect(text)
    }

    #[test]
    fn localhost_is_said_where_it_leads_to_us_and_to_nobody_else() {
        let both = [address("127.0.0.1:80"), address("[::1]:80")];
        let four = [both[0]];
        for (found, bound, taken, leads) in [
            (&both[..], &four[..], false, true),
            (&both[..], &four[..], true, false),
            (&both[..], &both[..], true, true),
            (&four[..], &four[..], true, true),
            (&both[..], &[address("0.0.0.0:80"), address("[::]:80")][..], true, true),
            (&both[..], &[address("0.0.0.0:80")][..], true, false),
            (&both[..], &[address("127.0.0.1:81")][..], false, false),
            (&both[..], &[address("127.0.0.2:80")][..], false, false),
            (&[][..], &both[..], false, false),
        ] {
            assert_eq!(leads_by(found, bound, |_| taken), leads, "{found:?} {bound:?} {taken}");
        }
    }

    #[test]
    fn what_others_can_reach_is_said() {
        for (listen, whom) in [
            (&["127.0.0.1:80", "127.0.0.2:80", "[::1]:80"][..], None),
            (&["127.0.0.1:80", "192.0.2.1:80"], Some("192.0.2.1")),
            (&["192.0.2.1:80", "[::]:80"], Some("this machine")),
            (&["0.0.0.0:80"], Some("this machine")),
        ] {
            let bound: Vec<SocketAddr> = listen.iter().map(|text| address(text)).collect();
            let plain = |&address: &SocketAddr| Reached { address, tls: false };
            let addresses: Vec<Reached> = bound.iter().map(plain).collect();
            assert_eq!(open_to(&addresses).as_deref(), whom, "{listen:?}");
            let said = text(&addresses, &[], &bound, 1, None);
            assert_eq!(said.contains("open to everyone"), whom.is_some(), "{said}");
        }
    }

    #[test]
    fn what_speaks_tls_is_called_so() {
        let at = |text: &str, tls| Reached { address: address(text), tls };
        let (first, reports) = (at("192.0.2.1:8443", true), at("192.0.2.1:9100", false));
        let said = text(&[first, at("192.0.2.1:8080", false)], &[reports], &[], 2, None);
        for line in [
            "listening on https://192.0.2.1:8443/ (2 threads)",
            "listening on http://192.0.2.1:8080/ (2 threads)",
            "curl -d 'hello' https://192.0.2.1:8443/chat",
            "new WebSocket('wss://192.0.2.1:8443/chat/ws')",
            "curl http://192.0.2.1:9100/-/costs",
        ] {
            assert!(said.contains(line), "{said}");
        }
    }

    #[test]
    fn other_addresses_are_said_as_they_are() {
        for (text, leads, said) in [
            ("127.0.0.1:80", true, "localhost:80"),
            ("127.0.0.1:80", false, "127.0.0.1:80"),
            ("[::1]:80", true, "localhost:80"),
            ("192.0.2.1:80", true, "192.0.2.1:80"),
            ("0.0.0.0:80", true, "0.0.0.0:80"),
        ] {
            assert_eq!(authority(address(text), |_| leads), said);
        }
        assert_eq!(reachable(address("0.0.0.0:80")), address("127.0.0.1:80"));
        assert_eq!(reachable(address("[::]:80")), address("[::1]:80"));
        assert_eq!(reachable(address("192.0.2.1:80")), address("192.0.2.1:80"));
    }
}
