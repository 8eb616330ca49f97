//! Reports of a server with more connections than the kernel is asked about in one turn.

use serde_json::Value;

use crate::http::{Wire, publish_on};
use crate::server::{for_threads, within};

/// More than twice `SAMPLES_PER_TURN`, on one thread.
const CONNECTIONS: u64 = 600;
/// Until the server has seen the last of those leave who came and went.
const PATIENCE_MS: u64 = 60_000;

fn poll(wire: &mut Wire) {
    wire.send("GET /news?since=latest HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(wire.answer().status, 204);
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a whole number")
}

#[test]
fn the_kernel_is_asked_about_all_of_many_connections_and_counts_each_once() {
    for_threads(|server| {
        let port = server.port();
        let mut guests: Vec<Wire> = (0..CONNECTIONS).map(|_| Wire::open(port)).collect();
        guests.iter_mut().for_each(poll);
        let mut reporter = Wire::open(port);
        // While a report is being made, connections change their technique, come and go.
        for guest in guests.iter_mut().take(20) {
            reporter.send("GET /-/costs?check=1 HTTP/1.1\r\nHost: a\r\n\r\n");
            publish_on(guest, "news", "x");
            poll(guest);
            poll(&mut Wire::open(port));
            let check = reporter.answer().json();
            assert_eq!(check["holds"], true, "{check:#}");
        }
        // Of those that publish and poll again, the kernel's count is split at each change, and
        // none of it is lost: all bytes are there, and so are all segments that carried a poll. So
        // it is in the end: the server has to see that the last visitor has left, and a report may
        // be one that was made a moment ago. What is lost stays lost.
        let mut told = String::new();
        let settled = within(PATIENCE_MS, || {
            reporter.send("GET /-/costs HTTP/1.1\r\nHost: a\r\n\r\n");
            let costs = reporter.answer().json();
            let sum = |path: &str| -> u64 {
                let rows = ["short_poll", "publish"].map(|t| &costs["techniques"][t]);
                rows.iter().map(|row| number(row.pointer(path).expect("it is told"))).sum()
            };
            told = format!("{:#}", costs["techniques"]);
            let open = &costs["techniques"]["short_poll"]["connections"]["open"];
            let holds = number(open) == CONNECTIONS
                && sum("/tcp/bytes_in") == sum("/bytes_in/total")
                && sum("/tcp/bytes_out") == sum("/bytes_out/total")
                && sum("/tcp/segments_in") >= sum("/requests") + 2 * sum("/tcp/handshakes");
            holds.then_some(())
        });
        assert!(settled.is_some(), "{told}");
        reporter.send("GET /-/connections?limit=1000 HTTP/1.1\r\nHost: a\r\n\r\n");
        let table = reporter.answer().json();
        assert_eq!(table["connections"].as_array().map(Vec::len), Some(601));
    });
}
