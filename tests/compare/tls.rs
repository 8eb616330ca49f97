//! `tollway compare` by TLS: with servers of its own, whose certificate it makes, and with one that
//! runs.

use std::fs;

use serde_json::Value;

use crate::pairs::{self, Pair, text};
use crate::server::{Server, fresh_path, within};
use crate::{
    CLIENTS, DELIVERIES, VARIANTS, adds_up, command, complaint, json, number, rows, small,
};

/// TLS handshakes of a row: in full, and resumed.
fn handshakes(row: &Value) -> [u64; 2] {
    ["full", "resumed"].map(|kind| number(&row["tls_handshakes"][kind]))
}

/// What the ledger says of handshakes, bytes and connections agrees with itself and with what the
/// clients did.
fn is_secure(row: &Value) {
    adds_up(row);
    let [full, resumed] = handshakes(row);
    assert_eq!(full, CLIENTS, "each client once: {row}");
    let opened = number(&row["connections"]["opened"]);
    // Whoever had shaken hands and not asked yet is nobody's connection so far.
    assert!((opened..=opened + CLIENTS).contains(&(full + resumed)), "{row}");
    let tls = number(&row["bytes_in"]["tls"]) + number(&row["bytes_out"]["tls"]);
    // A handshake of TLS 1.3 in full has more than 1,000 bytes, one that is resumed more than 500.
    assert!(tls > 1_000 * CLIENTS + 500 * (opened - CLIENTS), "{row}");
    assert_eq!(number(&row["round_trips"]["before_first_byte"]), 3);
}

#[test]
fn every_variant_delivers_every_message_and_pays_its_handshakes() {
    let comparison = json(&small("--tls --json"));
    assert_eq!(comparison["setup"]["tls"], "1.3");
    let notes = comparison["setup"]["notes"].to_string();
    assert!(notes.contains("it takes up its last session"), "{notes}");
    let rows = rows(&comparison);
    assert_eq!(rows.len(), VARIANTS.len());
    for (row, (technique, variant)) in rows.iter().zip(VARIANTS) {
        assert_eq!((&row["technique"], &row["variant"]), (&technique.into(), &variant.into()));
        is_secure(row);
        let [_, resumed] = handshakes(row);
        assert_eq!(resumed > 0, variant.ends_with("new connection"), "{row}");
    }
    let tls = |row: &Value| number(&row["bytes_out"]["tls"]);
    assert!(tls(&rows[1]) > 2 * tls(&rows[0]), "who connects anew pays again");
}

#[test]
fn tables_and_columns_of_tls_are_there_when_it_is_spoken() {
    let flags = "--tls --techniques sse,websocket";
    let (table, csv) = (small(flags), small(&format!("{flags} --csv")));
    let markdown = small(&format!("{flags} --markdown"));
    assert!(table.starts_with(&format!("{CLIENTS} clients")) && table.contains("by TLS 1.3"));
    assert!(table.contains("Fewest bytes of TLS for each delivered message: "), "{table}");
    for column in ["| TLS full | TLS resumed |", "| up: TLS |", "| down: TLS |"] {
        assert!(markdown.contains(column), "{column}: {markdown}");
    }
    let head = csv.lines().next().expect("a head");
    for path in ["bytes_in.tls", "tls_handshakes.full", "tls_handshakes.resumed"] {
        assert!(head.split(',').any(|column| column == path), "{path}: {head}");
    }
    // What is shown is what the ledger says: a handshake for each client, none of them resumed.
    let shown = format!("| SSE stream | {CLIENTS} | {CLIENTS} | {CLIENTS} | 0 | {CLIENTS} |");
    assert!(markdown.contains(&shown), "{markdown}");
}

#[test]
fn an_emulated_round_trip_holds_back_handshakes_too() {
    let flags = "--tls --techniques short_poll,long_poll,websocket --rtt 60ms --json";
    let comparison = json(&small(flags));
    for row in rows(&comparison) {
        is_secure(row);
        assert!(number(&row["latency"]["p50"]) >= 30_000, "{row}");
        // Connecting, shaking hands, asking and being answered, and the way of the message.
        assert!(row["seconds"].as_f64() >= Some(0.210), "{row}");
    }
}

#[test]
fn nothing_is_left_of_the_certificate() {
    let folder = fresh_path("tmp");
    fs::create_dir(&folder).expect("the scratch directory is writable");
    let small = "--tls --clients 1 --messages 1 --techniques sse";
    let done = command(small).env("TMPDIR", &folder).output().expect("it was built");
    assert!(done.status.success(), "{done:?}");
    assert_eq!(fs::read_dir(&folder).expect("it is there").count(), 0);
    fs::remove_dir(&folder).expect("it is empty");
    let done = command(small).env("TMPDIR", &folder).output().expect("it was built");
    let line = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{line}");
    assert!(line.contains("name another folder by TMPDIR"), "{line}");
}

#[test]
fn a_running_server_is_compared_by_tls_if_it_is_believed() {
    let (pair, other) = (Pair::of(&["localhost"]), Pair::of(&["localhost"]));
    let server = pairs::server(&pair, &["--listen", "127.0.0.1:0"]);
    let by = |host: &str, port, ca: &Pair| {
        format!("--url https://{host}:{port} --tls-ca {}", text(&ca.certificate))
    };
    let flags = by("localhost", server.port(), &pair);
    let comparison = json(&small(&format!("--techniques short_poll,sse --json {flags}")));
    let url = format!("https://localhost:{}", server.port());
    assert_eq!(
        (&comparison["setup"]["url"], &comparison["setup"]["tls"]),
        (&url.into(), &"1.3".into())
    );
    for row in rows(&comparison) {
        assert_eq!(number(&row["messages"]), DELIVERIES, "{row}");
        assert_eq!(handshakes(row)[0], CLIENTS, "{row}");
    }
    for (flags, why) in [
        (by("localhost", server.port(), &other), "nobody vouches for its certificate"),
        (by("127.0.0.1", server.port(), &pair), "its certificate is for another name"),
        (by("localhost", plain_port(&server), &pair), "it does not speak TLS; try http://"),
        (format!("--url http://localhost:{}", server.port()), "write https://localhost:"),
    ] {
        let line = complaint(&flags, 1);
        assert!(line.contains(why) && line.contains("://"), "{why}: {line}");
    }
    let line = complaint("--url https://localhost:1 --tls-ca /nowhere/ca", 2);
    assert!(line.contains("--tls-ca /nowhere/ca: No such file"), "{line}");
}

#[test]
fn handshakes_of_connections_that_were_opened_anew_are_not_the_clients() {
    let pair = Pair::of(&["localhost"]);
    let server = pairs::server(&pair, &["--idle-timeout", "500ms"]);
    let ca = text(&pair.certificate);
    let url = format!("--url https://localhost:{} --tls-ca {ca}", server.port());
    let flags = "--techniques sse --clients 2 --messages 2 --rate 0.5 --json";
    let output = command(&format!("{flags} {url}")).output().expect("it was built");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let comparison = json(str::from_utf8(&output.stdout).expect("text"));
    assert_eq!(handshakes(&rows(&comparison)[0]), [2, 0], "{comparison}");
}

/// Where it listens without TLS.
fn plain_port(server: &Server) -> u16 {
    let mark = "listening on http://localhost:";
    let said = within(20_000, || Some(server.log()).filter(|log| log.contains(mark)));
    let said = said.expect("a greeting");
    let (_, behind) = said.split_once(mark).expect("it was looked for");
    behind.split('/').next().expect("a port").parse().expect("a number")
}
