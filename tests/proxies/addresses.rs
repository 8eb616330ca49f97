//! Whose request it is, through each proxy and by each of the three ways in which one tells: the
//! server counts the client, whatever that writes itself, and believes nobody but the proxy.
//!
//! Clients are told apart by the addresses of 127.0.0.0/8 that they speak from, of which
//! `--trust-proxy` names one. Absent on purpose: a clock; what is looked at is places, which a
//! reader has for as long as it reads.

use crate::foreign::Foreign;
use crate::proxies::{self, Kind, Proxy};
use crate::server::{Server, within};

/// How long the server may take to learn that a reader has left.
const LEAVE_MS_MAX: u64 = 60_000;
/// One who reads, two who do not, one of them without the proxy, an operator, and what they say
/// that they are. Each but the reader comes once: the server may not have seen the end of a
/// connection when the next one of the same address is there.
const READER: &str = "127.0.0.2";
const OTHER: &str = "127.0.0.3";
const DIRECT: &str = "127.0.0.4";
const OPERATOR: &str = "127.0.0.5";
const FORGED: &str = "192.0.2.7";

/// As `docs/deploy` has it, with one line instead of another.
fn with(kind: Kind, from: &'static str, to: &'static str) -> impl Fn(u16, u16) -> String {
    move |port, upstream| {
        let text = proxies::ours(kind, port, upstream);
        assert!(text.contains(from), "no {from:?} in {text}");
        text.replace(from, to)
    }
}

#[test]
fn nginx_tells_by_x_forwarded_for() {
    let setup = |port, upstream| proxies::ours(Kind::Nginx, port, upstream);
    holds("nginx_tells_by_x_forwarded_for", Kind::Nginx, "x-forwarded-for", setup);
}

#[test]
fn haproxy_tells_by_x_forwarded_for() {
    let setup = |port, upstream| proxies::ours(Kind::Haproxy, port, upstream);
    holds("haproxy_tells_by_x_forwarded_for", Kind::Haproxy, "x-forwarded-for", setup);
}

#[test]
fn caddy_tells_by_x_forwarded_for() {
    let setup = |port, upstream| proxies::ours(Kind::Caddy, port, upstream);
    holds("caddy_tells_by_x_forwarded_for", Kind::Caddy, "x-forwarded-for", setup);
}

#[test]
fn nginx_tells_by_forwarded() {
    let x = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
    let setup = with(Kind::Nginx, x, "proxy_set_header Forwarded \"for=$remote_addr\";");
    holds("nginx_tells_by_forwarded", Kind::Nginx, "forwarded", setup);
}

#[test]
fn haproxy_tells_by_the_proxy_protocol_in_text() {
    let setup = with(Kind::Haproxy, " check\n", " check send-proxy\n");
    let test = "haproxy_tells_by_the_proxy_protocol_in_text";
    holds(test, Kind::Haproxy, "proxy-protocol", setup);
}

#[test]
fn haproxy_tells_by_the_proxy_protocol_in_binary() {
    let setup = with(Kind::Haproxy, " check\n", " check send-proxy-v2\n");
    let test = "haproxy_tells_by_the_proxy_protocol_in_binary";
    holds(test, Kind::Haproxy, "proxy-protocol", setup);
}

fn holds(test: &str, kind: Kind, header: &str, setup: impl Fn(u16, u16) -> String) {
    let server = Server::start(&[
        "--trust-proxy",
        "127.0.0.1",
        "--proxy-header",
        header,
        "--max-connections-per-address",
        "1",
    ]);
    let start = Proxy::start(test, kind, |ports| setup(ports.http, server.port()));
    let (Some(proxy), Some(curl)) = (start, Foreign::curl(test)) else {
        return;
    };
    let url = |port: u16, path: &str| format!("http://127.0.0.1:{port}{path}");
    let lies = [format!("X-Forwarded-For: {FORGED}"), format!("Forwarded: for={FORGED}")];
    let lies = ["-H", &*lies[0], "-H", &*lies[1]];
    let status = |from: &str, port: u16| {
        let target = url(port, "/news/poll");
        let told = ["-o", "/dev/null", "-w", "%{http_code}", "--interface", from, &*target];
        curl.run(&[&told[..], &lies].concat())
    };

    let stream = url(proxy.port(), "/news/sse");
    let reader = curl.start(&[&["-N", "--interface", READER, &*stream][..], &lies].concat());
    assert!(reader.block().iter().any(|line| line.starts_with("retry: ")));
    assert_eq!(status(READER, proxy.port()), "429", "it has its place");
    assert_eq!(status(READER, server.port()), "429", "and that is the same without the proxy");
    assert_eq!(status(OTHER, proxy.port()), "204", "another client");
    assert_eq!(status(DIRECT, server.port()), "204", "who is no proxy, and says that it is");
    let told = curl.run(&["--interface", OPERATOR, &url(server.port(), "/-/connections")]);
    assert!(told.contains(&format!("\"peer\":\"{READER}:")), "{told}");
    assert!(!told.contains(FORGED), "{told}");

    drop(reader);
    let left = || (status(READER, proxy.port()) == "204").then_some(());
    within(LEAVE_MS_MAX, left).expect("whoever leaves gives its place back");
}
