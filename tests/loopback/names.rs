//! The three names of this machine, at the address that is printed: what is at one of them is at
//! each, and a page of one may ask at the others.
//!
//! Absent on purpose: a browser, which has its own rules (`browser/origins.mjs` has them).

use std::net::{Ipv6Addr, TcpListener};
use std::process::{Command, Stdio};

use crate::foreign::missed;
use crate::http::{Answer, Wire, data_of};
use crate::server::Server;

/// By which this machine is asked: by its name, and by both of its addresses.
const HOSTS: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

fn start(listen: &str, flags: &[&str]) -> Server {
    let command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    Server::start_at(listen, command, flags, Stdio::null())
}

/// What a browser asks: at `host`, from a page of `origin`.
fn ask(host: &str, port: u16, origin: &str, method: &str, rest: &str) -> Wire {
    let mut wire = Wire::open_at(format!("{host}:{port}"));
    wire.send(format!("{method} HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {origin}\r\n{rest}"));
    wire
}

/// Every lane of a fresh topic, and publishing, for a page of `origin`.
fn visit(topic: &str, host: &str, port: u16, origin: &str) {
    let heard = |answer: Answer| {
        assert_eq!(answer.status, 200, "{origin} at {host}");
        assert_eq!(data_of(&answer.json()), ["hello"], "{origin} at {host}");
    };
    let publish = format!("POST /{topic}");
    let published = ask(host, port, origin, &publish, "Content-Length: 5\r\n\r\nhello").answer();
    assert_eq!(published.status, 201);
    let granted = published.field("access-control-allow-origin");
    let own = format!("http://{host}:{port}");
    assert_eq!(granted, (origin != own).then_some(origin), "{origin} at {host}");
    let poll = format!("GET /{topic}");
    heard(ask(host, port, origin, &poll, "\r\n").answer());
    let long_poll = format!("GET /{topic}?wait=20&since=earliest");
    heard(ask(host, port, origin, &long_poll, "\r\n").answer());
    let stream = format!("GET /{topic}/sse?since=earliest");
    let mut stream = ask(host, port, origin, &stream, "\r\n");
    assert_eq!(stream.head().status, 200);
    let mut text = String::new();
    while !text.contains("data: hello\n") {
        let chunk = stream.chunk().expect("a stream goes on");
        text.push_str(str::from_utf8(&chunk).expect("text"));
    }
    let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let socket = format!("GET /{topic}/ws?since=earliest");
    let mut socket = ask(host, port, origin, &socket, handshake);
    assert_eq!(socket.head().status, 101, "{origin} at {host}");
    let mut frames = Vec::new();
    while !frames.ends_with(b"\x81\x05hello") {
        frames.extend(socket.some().expect("a socket stays open"));
    }
}

#[test]
fn the_page_the_client_and_every_lane_are_at_each_name_of_this_machine() {
    let test = "the_page_the_client_and_every_lane_are_at_each_name_of_this_machine";
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        missed::<()>(test, "[::1], an IPv6 address of this machine");
        return;
    }
    for threads in ["1", "4"] {
        let server = start("localhost:0", &["--threads", threads]);
        let port = server.port();
        for host in HOSTS {
            let own = format!("http://{host}:{port}");
            for (path, kind) in [("/", "text/html"), ("/-/client.js", "text/javascript")] {
                let got = ask(host, port, &own, &format!("GET {path}"), "\r\n").answer();
                assert_eq!(got.status, 200, "{host}{path}");
                assert!(got.field("content-type").is_some_and(|is| is.starts_with(kind)));
            }
            for (at, name) in HOSTS.iter().enumerate() {
                // Brackets are no letters of a topic.
                let topic = format!("{}.{at}", host.trim_matches(['[', ']']).replace(':', "-"));
                visit(&topic, host, port, &format!("http://{name}:{port}"));
            }
            // Another program's page is none of ours, whatever it calls this machine.
            let others = format!("http://{host}:{}", port ^ 1);
            let refused = ask(host, port, &others, "POST /t", "Content-Length: 0\r\n\r\n").answer();
            assert_eq!(refused.status, 403, "{host}");
        }
        let log = server.stop_and_read();
        assert!(log.contains(&format!("listening on http://localhost:{port}/")), "{log}");
    }
}

#[test]
fn an_address_that_is_given_is_the_only_one() {
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        if TcpListener::bind(listen).is_err() {
            missed::<()>("an_address_that_is_given_is_the_only_one", listen);
            continue;
        }
        let server = start(listen, &["--threads", "1"]);
        assert_eq!(listening(server.process()), 1, "{listen}");
    }
}

/// How many sockets of TCP the process has, of those that listen at a port.
fn listening(process: u32) -> usize {
    let folder = std::fs::read_dir(format!("/proc/{process}/fd")).expect("it runs");
    let links = folder.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let of_process: Vec<String> = links.map(|link| link.to_string_lossy().into_owned()).collect();
    let tables = ["tcp", "tcp6"].map(|table| {
        std::fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default()
    });
    // proc(5): the fourth column is the state, 0A for one that listens; the tenth is the inode.
    let rows = tables.iter().flat_map(|table| table.lines().skip(1));
    rows.filter(|row| {
        let columns: Vec<&str> = row.split_whitespace().collect();
        columns[3] == "0A" && of_process.contains(&format!("socket:[{}]", columns[9]))
    })
    .count()
}
