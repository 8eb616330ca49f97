//! The table of docs/deploy.md: what works out of the box, and what does with our setup. Each cell
//! is what was seen, and the page has to say the same.
//!
//! `UPDATE_DOCS=1 cargo test --test proxies` writes it anew.

use std::fmt::Write as _;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Duration;

use tungstenite::Message;

use crate::foreign::{Foreign, missed};
use crate::http::{Wire, publish_on};
use crate::lanes::{joined, readers};
use crate::pages::{keep_part, read, updating};
use crate::proxies::{Kind, Proxy};
use crate::readers::{EventStream, Reader, Technique, websocket};
use crate::server::{Server, within};

const TEST: &str = "the_table_is_what_happens";
const PAGE: &str = "docs/deploy.md";
const MARK: &str = "tests/proxies/table.rs";
/// A reader that has left and was not noticed for so long is noticed by something else.
const LEAVE_MS: u64 = 5_000;
/// An event that is still not there after so many requests and answers through the same proxy is
/// late, on whatever machine: one that is passed on at once takes as long as one of them.
const TRIPS_MAX: usize = 6;
const ROUNDS: usize = 9;
/// For the answer to a long poll of 55 s.
const WAIT: Duration = Duration::from_secs(100);
/// The row that takes a minute. Elsewhere its cells are taken from the page.
const SLOW: &str = "long poll, `wait=55` and nothing new";

/// How something is looked at: told the server and the proxy's port, it says what it saw.
type Look = fn(&Server, u16) -> String;

const ROWS: &[(&str, Look)] = &[
    ("short poll", |_, port| delivered(Technique::ShortPoll, port)),
    ("long poll", |_, port| delivered(Technique::LongPoll, port)),
    (SLOW, long_wait),
    ("long poll, its reader leaves", |server, port| leaves(Technique::LongPoll, server, port)),
    ("long poll, the server ends", poll_ends),
    ("SSE, an event", event),
    ("SSE, its reader leaves", |server, port| leaves(Technique::Sse, server, port)),
    ("SSE, the server ends", stream_ends),
    ("WebSocket", upgrade),
    ("WebSocket, the server ends", socket_ends),
    ("a page publishes", page_publishes),
    ("[the client](client.md) reads by", |_, port| client(port).expect("it is there")),
    ("a message of 1 MiB and a byte more", |_, port| large(port, 1024 * 1024 + 1)),
    ("a message over `--max-message`", |_, port| large(port, 2 * 1024 * 1024 + 1)),
];

/// Takes three messages one after the other, each published when the one before it was there.
fn delivered(technique: Technique, port: u16) -> String {
    let topic = technique.key();
    let mut publisher = Wire::open(port);
    let mut reader = Reader::open(technique, port, topic, "earliest");
    for n in 0..3 {
        publish_on(&mut publisher, topic, n.to_string());
        assert_eq!(reader.next(), n.to_string());
    }
    "works".to_owned()
}

fn long_wait(_: &Server, port: u16) -> String {
    let mut wire = Wire::open(port);
    wire.wait_for(WAIT);
    wire.send("GET /quiet/poll?since=latest&wait=55 HTTP/1.1\r\nHost: h\r\n\r\n");
    match wire.answer().status {
        204 => "works".to_owned(),
        other => format!("cut short: {other}"),
    }
}

fn leaves(technique: Technique, server: &Server, port: u16) -> String {
    drop(joined(server, port, technique));
    let gone = || (readers(server, technique) == 0).then_some(());
    if within(LEAVE_MS, gone).is_some() {
        return "noticed".to_owned();
    }
    // Messages, since what is written to nobody comes back as a reset.
    let mut publisher = Wire::open(server.port());
    let found = within(LEAVE_MS, || {
        publish_on(&mut publisher, "news", "anybody there?");
        gone()
    });
    assert!(found.is_some(), "{technique:?} is there for ever");
    "noticed at the next message".to_owned()
}

/// What a poll that waits is told when the server ends.
fn poll_ends(server: &Server, port: u16) -> String {
    let mut wire = Wire::open(port);
    wire.send("GET /news/poll?since=latest&wait=50 HTTP/1.1\r\nHost: h\r\n\r\n");
    let parked = || (readers(server, Technique::LongPoll) == 1).then_some(());
    within(LEAVE_MS, parked).expect("it waits");
    server.signal("TERM");
    let answer = wire.answer();
    let has_cursor = answer.field("last-event-id").is_some();
    format!("{}{}", answer.status, if has_cursor { ", with its cursor" } else { "" })
}

/// What a stream is told when the server ends; one that is cut off fails.
fn stream_ends(server: &Server, port: u16) -> String {
    let mut stream = EventStream::open(port, "news", "latest");
    server.signal("TERM");
    let mut has_retry = false;
    while let Some(event) = stream.event() {
        has_retry |= event.has_retry;
    }
    if has_retry { "told to come back" } else { "ended" }.to_owned()
}

/// What a WebSocket is told when the server ends.
fn socket_ends(server: &Server, port: u16) -> String {
    let mut socket = match websocket(port, "/news/ws", None) {
        Ok(socket) => socket,
        Err(why) if why.contains("426") => return "refused: 426".to_owned(),
        Err(why) => panic!("{why}"),
    };
    server.signal("TERM");
    loop {
        match socket.read() {
            Ok(Message::Close(Some(frame))) => return format!("`{}`", u16::from(frame.code)),
            Ok(Message::Close(None)) => return "closed without a code".to_owned(),
            Ok(_) => {}
            Err(_) => return "cut off".to_owned(),
        }
    }
}

/// Counts how many short polls through the same proxy are answered before an event is there.
fn event(server: &Server, port: u16) -> String {
    let mut stream = EventStream::open(port, "news", "latest");
    let (sender, events) = mpsc::channel();
    let reader = thread::spawn(move || {
        for _ in 0..ROUNDS {
            let _ = sender.send(stream.next());
        }
    });
    let mut publisher = Wire::open(server.port());
    let mut other = Wire::open(port);
    let mut trips: Vec<usize> = (0..ROUNDS)
        .map(|n| {
            publish_on(&mut publisher, "news", n.to_string());
            let mut trips = 0;
            loop {
                match events.try_recv() {
                    Ok(data) => {
                        assert_eq!(data, n.to_string());
                        return trips;
                    }
                    Err(TryRecvError::Empty) => {}
                    Err(TryRecvError::Disconnected) => panic!("the reader failed"),
                }
                other.send("GET /elsewhere HTTP/1.1\r\nHost: h\r\n\r\n");
                assert_eq!(other.answer().status, 204);
                trips += 1;
            }
        })
        .collect();
    reader.join().expect("it has read them all");
    trips.sort_unstable();
    if trips[ROUNDS / 2] > TRIPS_MAX { "late" } else { "works" }.to_owned()
}

fn upgrade(_: &Server, port: u16) -> String {
    match websocket(port, "/news/ws", None) {
        Ok(_) => "works".to_owned(),
        Err(why) if why.contains("426") => "refused: 426".to_owned(),
        Err(why) => panic!("{why}"),
    }
}

fn page_publishes(_: &Server, port: u16) -> String {
    let mut wire = Wire::open(port);
    wire.send(
        "POST /news HTTP/1.1\r\nHost: chat.example\r\nOrigin: https://chat.example\r\n\
         Content-Length: 2\r\n\r\nhi",
    );
    match wire.answer().status {
        201 => "works".to_owned(),
        other => format!("refused: {other}"),
    }
}

/// The technique that our client finds, once it has read by it what it published. `None`: there is
/// no Node here.
fn client(port: u16) -> Option<String> {
    let node = Foreign::node_with_websocket(TEST, "proxies/client.mjs")?;
    let told = node.run(&[&port.to_string(), "the_client_reads_what_it_publishes"]);
    let name = match told.trim() {
        "websocket" => "WebSocket",
        "sse" => "SSE",
        other => other,
    };
    Some(name.to_owned())
}

/// As curl does it: the head first, and the body once it is wanted. A proxy that said so by itself
/// may be refused while the body is on its way, and resets us: then the answer is lost, and it is
/// asked again.
fn large(port: u16, length: usize) -> String {
    let found = (0..10).find_map(|_| try_large(port, length));
    found.expect("one answer of ten is not lost")
}

fn try_large(port: u16, length: usize) -> Option<String> {
    let mut wire = Wire::open(port);
    wire.send(format!(
        "POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\
         Expect: 100-continue\r\n\r\n"
    ));
    let mut answer = wire.head();
    if answer.status == 100 {
        if !wire.is_taken(vec![b'x'; length]) {
            return None;
        }
        answer = wire.answer_unless_reset()?;
    }
    let is_ours = answer.field("content-type") == Some("application/problem+json");
    let told = match answer.status {
        201 => "works",
        413 if is_ours => "413, with the reason",
        413 => "413 by the proxy",
        other => panic!("{other}"),
    };
    Some(told.to_owned())
}

/// The cells of a proxy, a row each.
fn column(kind: Kind, is_ours: bool, with_slow: bool) -> Option<Vec<Option<String>>> {
    let cells = ROWS.iter().map(|(name, look)| {
        // No heartbeat in the time that a look takes: nothing else is to find out what is seen.
        let server = Server::start(&["--threads", "2", "--max-message", "2MiB"]);
        let start = if is_ours { Proxy::ours } else { Proxy::plain };
        let proxy = start(TEST, kind, server.port())?;
        let is_done = *name != SLOW || with_slow;
        Some(is_done.then(|| look(&server, proxy.port())))
    });
    cells.collect()
}

#[test]
fn the_table_is_what_happens() {
    if Foreign::node_with_websocket(TEST, "proxies/client.mjs").is_none() {
        return;
    }
    let with_slow = updating() || std::env::var("TEST_REQUIRE_ALL").is_ok_and(|v| v == "1");
    if !with_slow {
        let _: Option<()> = missed("the_table_is_what_happens (its slow row)", "TEST_REQUIRE_ALL");
    }
    let setups: Vec<(Kind, bool)> =
        Kind::ALL.into_iter().flat_map(|kind| [(kind, false), (kind, true)]).collect();
    let start =
        |&(kind, is_ours): &(Kind, bool)| thread::spawn(move || column(kind, is_ours, with_slow));
    // Side by side, since one row takes a minute.
    let threads: Vec<_> = setups.iter().map(start).collect();
    let columns = threads.into_iter().map(|thread| thread.join().expect("it is told above"));
    let Some(columns) = columns.collect::<Option<Vec<_>>>() else {
        return;
    };
    let mut table = String::from("\n|");
    for (kind, is_ours) in setups {
        let setup = if is_ours { "ours" } else { "plain" };
        write!(table, " | {}, {setup}", kind.name()).expect("a string");
    }
    table.push_str(" |\n| ---");
    table.push_str(&" | ---".repeat(columns.len()));
    table.push_str(" |\n");
    let page = read(PAGE);
    for (n, (name, _)) in ROWS.iter().enumerate() {
        let cells: Option<Vec<&str>> = columns.iter().map(|column| column[n].as_deref()).collect();
        let row = cells.map(|cells| format!("| {name} | {} |", cells.join(" | ")));
        let written = || page.lines().find(|line| line.starts_with(&format!("| {name} |")));
        let row = row.or_else(|| written().map(str::to_owned)).unwrap_or_default();
        writeln!(table, "{row}").expect("a string");
    }
    table.push('\n');
    keep_part(PAGE, MARK, &table);
}
