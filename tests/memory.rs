//! What strangers can make a real process hold, in user space and in the kernel: each fact on
//! loopback, measured from outside.
//!
//! Absent on purpose: figures without a bound. What a test compares with is what the limits promise,
//! or what an idle server takes.

#[path = "support/http.rs"]
mod http;
#[path = "support/server.rs"]
mod server;

use std::fs;

use http::{Wire, publish};
use server::{Server, for_threads_with, within};

/// How long a server may take for what it is to do after a second.
const PATIENCE_MS: u64 = 20_000;

/// How many connections ended for this reason.
fn closed(server: &Server, reason: &str) -> u64 {
    let mut wire = Wire::open(server.port());
    wire.send("GET /-/costs HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let costs = wire.answer().json();
    let techniques = costs["techniques"].as_object().expect("an object");
    let of = |payer: &serde_json::Value| payer["connections"]["closed"][reason].as_u64();
    techniques.values().filter_map(of).sum()
}

/// The server's sockets for which the kernel still tries to send something after they were closed:
/// `FIN_WAIT1` in proc_net_tcp(5).
fn orphans(server: &Server) -> usize {
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux");
    let port = format!(":{:04X}", server.port());
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 3 && row[1].ends_with(&port) && row[3] == "04").count()
}

#[test]
fn a_peer_that_stalls_leaves_nothing_in_the_kernel() {
    for_threads_with(&["--stall-timeout", "1s"], |server| {
        for _ in 0..20 {
            publish(server.port(), "big", &"z".repeat(50_000));
        }
        let poll = "GET /big HTTP/1.1\r\nHost: a\r\n\r\n".repeat(8);
        let stream = "GET /big/sse?since=earliest HTTP/1.1\r\nHost: a\r\n\r\n";
        let wires: Vec<Wire> = [&poll[..], stream, &poll, stream]
            .iter()
            .map(|request| {
                let mut wire = Wire::open(server.port());
                wire.send(request);
                wire
            })
            .collect();
        let all = within(PATIENCE_MS, || (closed(server, "stalled") == 4).then_some(()));
        all.expect("who takes nothing is given up");
        assert_eq!(orphans(server), 0);
        drop(wires);
    });
}

#[test]
fn last_bytes_that_nobody_takes_are_not_kept_for_long() {
    for_threads_with(&["--stall-timeout", "1s"], |server| {
        for _ in 0..20 {
            publish(server.port(), "big", &"z".repeat(50_000));
        }
        let mut wire = Wire::open(server.port());
        wire.send("GET /big?limit=3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answered = within(PATIENCE_MS, || (closed(server, "answered") > 0).then_some(()));
        answered.expect("it lingers, and is closed");
        let gone = within(PATIENCE_MS, || (orphans(server) == 0).then_some(()));
        gone.expect("the kernel gives up as well");
        drop(wire);
    });
}
