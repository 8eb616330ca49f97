//! `tollway bench` by TLS: each workload and technique, and servers that are not believed.

use serde_json::Value;

use crate::http;
use crate::pairs::{self, Pair, text};
use crate::server::{Server, within};
use crate::{MESSAGES, READERS, adds_up, complaint, number, report};

const ALL: &str = "--via ws,sse,long-poll,poll --interval 10ms";

/// A server that speaks TLS, and plain HTTP at this port as well.
fn rig() -> (Server, Pair, u16) {
    let pair = Pair::of(&["localhost"]);
    let server = pairs::server(&pair, &["--listen", "127.0.0.1:0"]);
    let mark = "listening on http://localhost:";
    let said = within(20_000, || Some(server.log()).filter(|log| log.contains(mark)));
    let said = said.expect("a greeting");
    let (_, behind) = said.split_once(mark).expect("it was looked for");
    let port = behind.split('/').next().expect("a port").parse().expect("a number");
    (server, pair, port)
}

fn to(server: &Server, ca: &Pair) -> String {
    format!("--url https://localhost:{} --tls-ca {}", server.port(), text(&ca.certificate))
}

/// TLS handshakes that the server has counted: in full, and resumed.
fn handshakes(plain_port: u16) -> [u64; 2] {
    let body = http::get(plain_port, "/-/costs").body;
    let costs: Value = serde_json::from_slice(&body).expect("JSON");
    ["tls_full", "tls_resumed"].map(|count| number(&costs["shared"][count]))
}

#[test]
fn every_workload_delivers_by_every_technique() {
    let (server, pair, _) = rig();
    let readers = format!("{} --readers {READERS}", to(&server, &pair));
    for (load, messages, each) in [
        (format!("fan-out --rate max -n {MESSAGES} {ALL}"), MESSAGES, READERS),
        (format!("fan-out --rate 4000 --burst 10 -n {MESSAGES} {ALL}"), MESSAGES, READERS),
        (format!("fan-out --rate max --size 60KiB -n {MESSAGES} {ALL}"), MESSAGES, READERS),
        (format!("fan-out --rate max --v1 -n {MESSAGES}"), MESSAGES, READERS),
        (format!("echo -n {MESSAGES} {ALL}"), MESSAGES, 1),
        // More than a socket takes at once, both ways.
        ("echo --size 60KiB --in-flight 8 -n 200".to_owned(), 200, 1),
    ] {
        let report = report(&format!("{load} {readers}"));
        let url = report["url"].as_str().expect("text");
        assert!(url.starts_with("https://localhost:"), "{url}");
        for run in report["runs"].as_array().expect("a list") {
            adds_up(run, messages, each);
        }
    }
    let report = report(&format!("idle --for 200ms {ALL} {readers}"));
    for run in report["runs"].as_array().expect("a list") {
        assert_eq!(number(&run["delivered"]), READERS, "{run}");
    }
    assert!(server.stop().success());
}

/// As a browser does, and each reader its own.
#[test]
fn a_reader_that_connects_anew_takes_up_its_session() {
    const RECONNECTS: u64 = 20;
    let (server, pair, port) = rig();
    let to = to(&server, &pair);
    for via in ["ws", "sse", "long-poll"] {
        let before = handshakes(port);
        let flags = format!("churn -n {RECONNECTS} --via {via} --readers {READERS} {to}");
        let report = report(&flags);
        assert_eq!(number(&report["runs"][0]["reconnects"]), RECONNECTS, "{report}");
        // A report may be a second old.
        let resumed = within(20_000, || {
            let now = handshakes(port);
            let added = [now[0] - before[0], now[1] - before[1]];
            Some(added).filter(|[_, resumed]| *resumed >= RECONNECTS)
        });
        // Beside the readers one connection looked whether the server is there, and one published.
        let [full, resumed] = resumed.expect("sessions that are taken up");
        assert_eq!(resumed, RECONNECTS, "{via}");
        assert!((READERS..=READERS + 2).contains(&full), "{via}: {full}");
    }
    let before = handshakes(port);
    let polls = format!("fan-out --via poll --new-connections --interval 5ms -n {MESSAGES}");
    let report = report(&format!("{polls} --rate 200 --readers {READERS} {to}"));
    let run = &report["runs"][0];
    adds_up(run, MESSAGES, READERS);
    let connections = number(&run["connections"]);
    assert!(connections > READERS, "{run}");
    let resumed = within(20_000, || {
        let added = handshakes(port)[1] - before[1];
        // Those who were on their way at the end may not have come so far.
        Some(added).filter(|resumed| resumed + 2 * READERS >= connections)
    });
    assert!(resumed.is_some_and(|resumed| resumed <= connections - READERS), "{resumed:?}");
    assert!(server.stop().success());
}

#[test]
fn a_server_that_is_not_believed_is_named_with_the_remedy() {
    let (server, pair, plain_port) = rig();
    let other = Pair::of(&["localhost"]);
    let line = complaint(&to(&server, &other), 1);
    for part in ["https://localhost:", "nobody vouches for its certificate", "give --tls-ca FILE"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let ca = text(&pair.certificate);
    let elsewhere = format!("--url https://127.0.0.1:{} --tls-ca {ca}", server.port());
    assert!(complaint(&elsewhere, 1).contains("its certificate is for another name"));
    let plain = format!("--url https://127.0.0.1:{plain_port} --tls-ca {ca}");
    assert!(complaint(&plain, 1).contains("it does not speak TLS; try http://"));
    let unasked = complaint(&format!("--url http://localhost:{}", server.port()), 1);
    assert!(unasked.contains("if the server speaks TLS there, write https://"), "{unasked}");
    let no_file = complaint("--url https://127.0.0.1:1 --tls-ca /nowhere/ca", 2);
    assert!(no_file.contains("--tls-ca /nowhere/ca: No such file"), "{no_file}");
}
