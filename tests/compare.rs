//! `tollway compare`, from outside: the built program, its own servers and clients, real sockets.
//!
//! Counts are asserted, and bounds of time only where the emulation of a round trip guarantees
//! them: how fast a machine is, is not for a test to say.

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/http.rs"]
mod http;
#[path = "tls/pairs.rs"]
#[allow(dead_code)] // Servers and certificates are all that is needed here.
mod pairs;
#[path = "support/server.rs"]
mod server;
#[path = "compare/tls.rs"]
mod tls;

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use server::{Server, fresh_path};

const CLIENTS: u64 = 6;
const MESSAGES: u64 = 3;
const DELIVERIES: u64 = CLIENTS * MESSAGES;
/// Every variant, by technique, when one interval is given.
const VARIANTS: [(&str, &str); 6] = [
    ("short_poll", "50ms keep-alive"),
    ("short_poll", "50ms new connection"),
    ("long_poll", "wait 25s"),
    ("sse", "stream"),
    ("websocket", "raw"),
    ("websocket", "tollway.v1"),
];

fn run(flags: &str) -> Output {
    command(flags).output().expect("it was built")
}

fn command(flags: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.arg("compare").args(flags.split_whitespace());
    // What configures a server must not reach those that are compared.
    command.env("TOLLWAY_QUIET", "true");
    command.env("TOLLWAY_HISTORY_MESSAGES", "1");
    command.env_remove("TOLLWAY_TLS_CA").stdin(Stdio::null());
    command
}

/// A run of few clients and messages, which takes only seconds.
fn small(flags: &str) -> String {
    let load = format!("--clients {CLIENTS} --messages {MESSAGES} --rate 3 --poll-interval 50ms");
    let output = run(&format!("{load} {flags}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors, "", "no bar where no terminal is");
    String::from_utf8(output.stdout).expect("text")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn rows(comparison: &Value) -> &Vec<Value> {
    comparison["techniques"].as_array().expect("a list")
}

fn number(value: &Value) -> u64 {
    let number = value.as_u64();
    number.unwrap_or_else(|| panic!("not a whole number: {value}"))
}

fn complaint(flags: &str, code: i32) -> String {
    let output = run(flags);
    let errors = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(code), "{flags}: {errors}");
    assert!(output.stdout.is_empty(), "{flags}");
    assert_eq!(errors.lines().count(), 1, "{flags}: {errors}");
    errors
}

#[test]
fn a_server_that_asks_for_tokens_is_compared_with_those() {
    let (both, admin) = ("both-rights-of-the-operator", "reports-for-the-operator");
    let tokens = ["--publish-token", both, "--subscribe-token", both, "--admin-token", admin];
    let server = Server::start(&[&tokens[..], &["-v"]].concat());
    let url = server.url("");
    let refused = complaint(&format!("--url {url} --token {both}"), 1);
    assert!(refused.contains("403") && refused.contains("give --admin-token"), "{refused}");
    let refused = complaint(&format!("--url {url} --clients 1 --admin-token {admin}"), 1);
    assert!(refused.contains("message 1 was refused: 401 Unauthorized. This takes a"), "{refused}");
    let file = fresh_path("token");
    fs::write(&file, format!("{admin}\n")).expect("the scratch directory is writable");
    let flags = format!("--json --url {url} --token {both} --admin-token @{}", file.display());
    let comparison = json(&small(&flags));
    for row in rows(&comparison) {
        assert_eq!(number(&row["messages"]), DELIVERIES, "{row}");
    }
    let _ = fs::remove_file(&file);
    let log = server.stop_and_read();
    assert!(!log.contains(both) && !log.contains(admin), "{log}");
    assert!(!comparison.to_string().contains(both));
}

/// Everything in one run, since it takes the longest: the object, its identities, and the picture.
#[test]
fn every_variant_delivers_every_message_and_its_row_adds_up() {
    let (picture, timeline) = (fresh_path("svg"), fresh_path("timeline.svg"));
    let files = format!("--json --svg {} --timeline {}", picture.display(), timeline.display());
    let comparison = json(&small(&files));
    let setup = &comparison["setup"];
    assert_eq!(number(&setup["clients"]), CLIENTS);
    assert_eq!(number(&setup["messages"]), MESSAGES);
    let rows = rows(&comparison);
    let names = rows.iter().map(|row| (row["technique"].as_str(), row["variant"].as_str()));
    let expected = VARIANTS.map(|(technique, variant)| (Some(technique), Some(variant)));
    assert_eq!(names.collect::<Vec<_>>(), expected);
    for row in rows {
        adds_up(row);
        assert!(row["tls_handshakes"].is_null() && number(&row["bytes_out"]["tls"]) == 0, "{row}");
    }
    assert!(setup["tls"].is_null(), "{setup}");
    for row in &rows[..2] {
        let polls = number(&row["requests"]);
        let long_polls = number(&rows[2]["requests"]);
        assert!(number(&row["answers_empty"]) > 0, "{row}");
        assert!(polls > long_polls, "{polls} {long_polls}");
    }
    // One request for each message and client, and one more that waits; less where one brings two.
    let requests = number(&rows[2]["requests"]);
    assert!((2 * CLIENTS..=DELIVERIES + CLIENTS).contains(&requests), "{requests}");
    for row in &rows[3..] {
        assert_eq!(number(&row["requests"]), CLIENTS, "{row}");
        assert_eq!(number(&row["answers_empty"]), 0, "{row}");
    }
    let opened = |row: &Value| number(&row["connections"]["opened"]);
    assert_eq!(opened(&rows[0]), CLIENTS);
    assert_eq!(opened(&rows[1]), number(&rows[1]["requests"]));
    let drawn = |file| fs::read_to_string(file).expect("it was drawn");
    is_picture(&drawn(&picture), r#"class="variant""#, 3 * VARIANTS.len());
    let text = drawn(&timeline);
    is_picture(&text, r#"<g class="row">"#, VARIANTS.len());
    // Whoever reads gets all messages, and an arrow carries one at least.
    assert!(text.matches(r#"class="thick""#).count() >= VARIANTS.len(), "{text}");
    for file in [picture, timeline] {
        let _ = fs::remove_file(file);
    }
}

/// What has to hold between the figures of a row.
fn adds_up(row: &Value) {
    assert_eq!(number(&row["messages"]), DELIVERIES, "{row}");
    assert_eq!(number(&row["clients"]), CLIENTS);
    assert_eq!(number(&row["latency"]["count"]), DELIVERIES, "{row}");
    assert_eq!(number(&row["bytes_out"]["payload"]), DELIVERIES * 128, "{row}");
    for direction in ["bytes_in", "bytes_out"] {
        let classes = ["head", "framing", "payload", "heartbeat", "body", "tls"];
        let sum: u64 = classes.iter().map(|class| number(&row[direction][class])).sum();
        assert_eq!(number(&row[direction]["total"]), sum, "{row}");
        let classes = &row["per_message"][format!("{direction}_by_class")];
        assert_eq!(row["per_message"][direction], classes["total"], "{row}");
        assert!(classes["total"].as_f64() > Some(0.0), "{row}");
    }
    let connections = &row["connections"];
    let opened = number(&connections["opened"]);
    let closed = number(&connections["closed"]["total"]);
    assert_eq!(opened - closed, number(&connections["open"]), "{row}");
    assert_eq!(number(&row["tcp"]["handshakes"]), opened, "{row}");
    let latency = ["p50", "p99", "max"].map(|name| number(&row["latency"][name]));
    assert!(latency.is_sorted(), "{row}");
    assert!(row["latency"]["mean"].is_number() && row["cpu"]["total_us"].is_number());
    for member in ["syscalls", "tcp", "memory", "memory_per_client", "latency_server"] {
        assert!(row[member].is_object(), "{member}: {row}");
    }
}

/// Well-formed, as far as a stack of tags tells, with so many rows.
fn is_picture(text: &str, row: &str, rows: usize) {
    let mut open = Vec::new();
    for tag in text.split('<').skip(1) {
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        assert!(!after.contains("& "), "{after}");
        let name = tag.split_whitespace().next().expect("a tag has a name");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(text.starts_with("<svg ") && open.is_empty(), "{open:?}");
    assert_eq!(text.matches(row).count(), rows);
}

#[test]
fn tables_markdown_and_csv_have_a_row_for_each_variant() {
    let two = "--techniques sse,long_poll";
    let lines = |text: &str, mark: &str| text.lines().filter(|l| l.starts_with(mark)).count();
    let table = small(two);
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    let markdown = small(&format!("{two} --markdown"));
    for (row, bar) in [("long poll wait 25s ", "| "), ("SSE stream ", "| ")] {
        assert_eq!(lines(&table, row), 3, "{table}");
        assert_eq!(lines(&markdown, &format!("{bar}{row}")), 3, "{markdown}");
    }
    assert!(!table.contains("TLS") && !markdown.contains("TLS"), "{table}");
    let csv = small(&format!("{two} --csv"));
    let width = |line: &str| line.split(',').count();
    let csv: Vec<&str> = csv.lines().collect();
    assert!(csv[0].starts_with("technique,variant,"));
    assert!(csv[1].starts_with("long_poll,wait 25s,") && csv[2].starts_with("sse,stream,"));
    assert!(csv.len() == 3 && csv.iter().all(|line| width(line) == width(csv[0])));
}

#[test]
fn an_emulated_round_trip_holds_back_what_it_says() {
    let lanes = "--techniques short_poll,long_poll,websocket --rtt 60ms";
    let comparison = json(&small(&format!("{lanes} --json")));
    assert_eq!(number(&comparison["setup"]["rtt_ms"]), 60);
    let notes = comparison["setup"]["notes"].to_string();
    assert!(notes.contains("60 ms is emulated"), "{notes}");
    for row in rows(&comparison) {
        // At least the way of the answer, which is half of it.
        assert!(number(&row["latency"]["p50"]) >= 30_000, "{row}");
        assert_eq!(number(&row["messages"]), DELIVERIES, "{row}");
        // Connecting, the request's way, the answer's way.
        assert!(row["seconds"].as_f64() >= Some(0.120), "{row}");
    }
    // The last request of each is on its way when the last message has come, and is counted.
    let requests = number(&rows(&comparison)[2]["requests"]);
    assert!((2 * CLIENTS..=DELIVERIES + CLIENTS).contains(&requests), "{requests}");
    // A poll takes a round trip, and one more on a new connection: so many fit in and no more.
    for (row, poll_s) in rows(&comparison).iter().zip([0.060, 0.120]) {
        let seconds = row["seconds"].as_f64().expect("a number");
        let requests = row["requests"].as_f64().expect("a number");
        let each = requests / f64::from(u32::try_from(CLIENTS).expect("few"));
        assert!(each <= 1.0 + seconds / poll_s, "{each}: {row}");
    }
}

#[test]
fn the_lanes_of_a_running_server_are_compared() {
    server::for_threads(|server| {
        // What was there before is not counted.
        http::publish(server.port(), "chat", "before");
        http::get(server.port(), "/chat/poll");
        let flags = format!("--techniques short_poll,sse --json --url {}", server.url("/"));
        let comparison = json(&small(&flags));
        let setup = &comparison["setup"];
        assert_eq!(setup["url"], server.url("").as_str());
        assert!(setup["notes"].to_string().contains("running before"));
        for row in rows(&comparison) {
            assert_eq!(number(&row["messages"]), DELIVERIES, "{row}");
            assert_eq!(number(&row["latency"]["count"]), DELIVERIES, "{row}");
        }
    });
}

#[test]
fn a_lost_message_makes_the_comparison_void() {
    // It retains one message; between two polls more than one is published.
    let server = Server::start(&["--history-messages", "1"]);
    let flags = format!(
        "--url {} --techniques short_poll --poll-interval 400ms --clients 3 --messages 20 \
         --rate 50",
        server.url("")
    );
    let line = complaint(&flags, 1);
    assert!(line.starts_with("tollway: short poll 400ms keep-alive: void: client "), "{line}");
    assert!(line.contains(" of 3 missed message"), "{line}");
}

#[test]
fn a_server_without_a_ledger_is_told_apart() {
    let server = foreign_server();
    let line = complaint(&format!("--url http://{server} --techniques sse"), 1);
    assert!(line.contains("/-/costs answers 404: this server does not tell"), "{line}");
}

/// Publishing takes longer than a connection may be idle there, and so does one message after
/// another.
#[test]
fn a_server_may_end_idle_connections_while_it_is_compared() {
    let server = Server::start(&["--idle-timeout", "500ms"]);
    let flags = "--techniques sse --clients 2 --messages 2 --rate 0.5 --json";
    let output = run(&format!("{flags} --url {}", server.url("")));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let comparison = json(str::from_utf8(&output.stdout).expect("text"));
    assert_eq!(number(&rows(&comparison)[0]["messages"]), 4, "{comparison}");
}

#[test]
fn a_server_that_hangs_up_is_told_in_words() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let (mut first, _) = listener.accept().expect("a connection");
        let second = listener.accept().expect("one more");
        let mut request = [0; 1024];
        let _ = std::io::Read::read(&mut first, &mut request);
        drop((first, second));
    });
    let line = complaint(&format!("--url HTTP://{address} --techniques sse"), 1);
    assert!(line.ends_with("/-/costs: the server hung up before it answered\n"), "{line}");
}

/// Answers one request, with 404, and ends with the test.
fn foreign_server() -> std::net::SocketAddr {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut request = [0; 1024];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        // The second connection, which publishes, is never used.
        let _ = listener.accept();
        let _ = stream.read(&mut request);
    });
    address
}

#[test]
fn wrong_use_is_one_line_and_exit_code_2() {
    for (flags, part) in [
        ("--clients 0", "--clients 0"),
        ("--techniques udp", "--techniques udp"),
        ("--json --csv", "leave one out"),
        ("--svg /no/such/folder/x.svg", "name a file we may write"),
        ("--timeline /no/such/folder/x.svg", "name a file we may write"),
        ("--url wss://localhost", "write http://HOST:PORT"),
        ("--tls --url https://localhost:1", "--tls is for servers that are started for a run"),
        ("--tls --tls-ca x.pem", "--tls-ca has no effect without --url"),
        ("--messages 5 --duration 5s", "leave one out"),
        ("--frobnicate", "`tollway compare --help` lists what there is"),
    ] {
        let line = complaint(flags, 2);
        assert!(line.starts_with("tollway: ") && line.contains(part), "{line}");
    }
}
