//! `--redis URL`: many servers, one log, on a `redis-server` of the test's own.
//!
//! Whatever happens to Redis or to a server, what was acknowledged is read once, in order, on every
//! server, or a gap is said. `redis/faults.rs` has what Redis does; `redis/hop.rs` readers who go
//! from server to server while these are killed.
//!
//! Absent on purpose: Sentinel and clusters of Redis. To a server both look like one that fails
//! over.

#[path = "support/dice.rs"]
mod dice;
#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/http.rs"]
mod http;
#[path = "support/server.rs"]
mod server;

#[path = "redis/emptied.rs"]
mod emptied;
#[path = "redis/ending.rs"]
mod ending;
#[path = "redis/faults.rs"]
mod faults;
#[path = "redis/hop.rs"]
mod hop;
#[path = "redis/lasting.rs"]
mod lasting;
#[path = "redis/rig.rs"]
mod rig;
#[path = "redis/start.rs"]
mod start;

use std::collections::BTreeMap;

use http::{Answer, Wire};
use rig::Redis;
use serde_json::Value;
use server::{Server, within};

/// Until something has got around. Longer than the longest pause between two tries.
pub(crate) const PATIENCE_MS: u64 = 60_000;

/// A server on the log at `url`.
pub(crate) fn node(url: &str, more: &[&str]) -> Server {
    Server::start(&[&["--redis", url, "--threads", "2"], more].concat())
}

pub(crate) fn ask(port: u16, target: &str) -> Answer {
    let mut wire = Wire::open(port);
    wire.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
    wire.answer()
}

/// What is published on `topic`, and the answer.
pub(crate) fn post(port: u16, topic: &str, text: &str, key: Option<&str>) -> Answer {
    let key = key.map(|key| format!("Idempotency-Key: \"{key}\"\r\n")).unwrap_or_default();
    let length = text.len();
    let head =
        format!("POST /{topic} HTTP/1.1\r\nHost: h\r\n{key}Content-Length: {length}\r\n\r\n");
    let mut wire = Wire::open(port);
    wire.send(format!("{head}{text}"));
    wire.answer()
}

/// The id of a message that is published on `t`, and acknowledged.
pub(crate) fn publish(port: u16, text: &str) -> String {
    let answer = post(port, "t", text, None);
    assert_eq!(answer.status, 201, "{text}: {}", String::from_utf8_lossy(&answer.body));
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// Publishes as soon as that is possible again.
pub(crate) fn publish_in_time(port: u16, text: &str) -> String {
    let key = format!("key of {text}");
    let id = within(PATIENCE_MS, || {
        let answer = post(port, "t", text, Some(&key));
        (answer.status == 201).then(|| answer.json()["id"].as_str().expect("an id").to_owned())
    });
    id.unwrap_or_else(|| panic!("{text} is not taken"))
}

/// The texts of `t` behind a cursor, and the reason of a gap if one is said first.
pub(crate) fn read(port: u16, since: &str) -> (Vec<String>, Option<String>) {
    let (mut texts, mut gap, mut since) = (Vec::new(), None, since.to_owned());
    loop {
        let answer = ask(port, &format!("/t/poll?since={since}"));
        if answer.status == 204 {
            return (texts, gap);
        }
        assert_eq!(answer.status, 200);
        let page = answer.json();
        if let Some(said) = page.get("gap").filter(|gap| !gap.is_null()) {
            assert!(texts.is_empty(), "a gap comes first: {page}");
            gap = Some(said["reason"].as_str().expect("a reason").to_owned());
        }
        let messages = page["messages"].as_array().cloned().unwrap_or_default();
        texts.extend(messages.iter().map(|m| m["data"].as_str().expect("text").to_owned()));
        let next = page["next"].as_str().expect("a cursor");
        if next == since {
            return (texts, gap);
        }
        next.clone_into(&mut since);
    }
}

/// Waits until a node has what `texts` say, in that order.
pub(crate) fn reads(port: u16, since: &str, texts: &[&str]) {
    let found = within(PATIENCE_MS, || (read(port, since).0 == texts).then_some(()));
    found.unwrap_or_else(|| panic!("{:?}, not {texts:?}", read(port, since)));
}

/// Whether it is ready, and what it says.
pub(crate) fn ready(port: u16) -> (u16, String) {
    let answer = ask(port, "/-/ready");
    (answer.status, String::from_utf8(answer.body).expect("text"))
}

/// Waits until it is ready, or is not and says these words.
pub(crate) fn until_ready(port: u16, words: Option<&str>) {
    let found = within(PATIENCE_MS, || {
        let (status, text) = ready(port);
        let is = match words {
            None => status == 200,
            Some(words) => status == 503 && text.contains(words),
        };
        is.then_some(())
    });
    found.unwrap_or_else(|| panic!("not {words:?}, but {:?}", ready(port)));
}

fn metric(port: u16, name: &str) -> Option<f64> {
    let text = String::from_utf8(ask(port, "/metrics").body).expect("text");
    let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn servers_on_one_log_have_one_numbering_and_one_order() {
    let Some(redis) = Redis::start("servers_on_one_log_have_one_numbering", &[]) else { return };
    let nodes = [node(&redis.url(), &[]), node(&redis.url(), &[])];
    let ports = nodes.each_ref().map(Server::port);
    let mut ids = BTreeMap::new();
    let texts: Vec<String> = (0..40).map(|n| format!("message {n}")).collect();
    for (n, text) in texts.iter().enumerate() {
        let id = publish(ports[n % 2], text);
        let own = read(ports[n % 2], "earliest").0;
        assert_eq!(own.last(), Some(text), "whoever publishes reads it there at once");
        let (_, number) = id.split_once('-').expect("an id");
        ids.insert(number.parse::<u64>().expect("a number"), id);
    }
    assert!(ids.keys().copied().eq(1..=40), "each number once: {ids:?}");
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for port in ports {
        reads(port, "earliest", &texts);
        reads(port, &ids[&30], &texts[30..]);
    }
    assert_eq!(metric(ports[0], "tollway_store_messages_total"), Some(20.0));
    let late = node(&redis.url(), &[]);
    assert_eq!(
        read(late.port(), &ids[&7]),
        (texts[7..].iter().map(|t| (*t).to_owned()).collect(), None)
    );
}

#[test]
fn a_key_is_known_on_every_server_and_servers_of_another_prefix_know_nothing() {
    let Some(redis) = Redis::start("a_key_is_known_on_every_server", &[]) else { return };
    let nodes = [node(&redis.url(), &[]), node(&redis.url(), &[])];
    let other = node(&redis.url(), &["--redis-prefix", "other"]);
    let id = |port| -> Value { post(port, "t", "once", Some("k")).json()["id"].clone() };
    let first = id(nodes[0].port());
    assert!(first.is_string());
    assert_eq!(first, id(nodes[1].port()));
    assert_eq!(first, id(nodes[0].port()));
    assert_ne!(first, id(other.port()));
    for node in [&nodes[0], &nodes[1], &other] {
        reads(node.port(), "earliest", &["once"]);
    }
}

#[test]
fn subscribers_are_counted_over_all_servers_and_those_of_a_dead_one_go_away() {
    let Some(redis) = Redis::start("subscribers_are_counted", &[]) else { return };
    let (one, two) = (node(&redis.url(), &[]), node(&redis.url(), &[]));
    let told = |port| {
        let answer = post(port, "t", "x", None).json();
        answer["subscribers"].as_u64().expect("a count")
    };
    let info = |port| ask(port, "/t/info").json()["subscribers"].clone();
    let until = |port, count: u64| {
        let found = within(PATIENCE_MS, || (told(port) == count).then_some(()));
        found.unwrap_or_else(|| panic!("{} and not {count}", told(port)));
        let ways = info(port);
        let sum: u64 =
            ["long_poll", "sse", "websocket"].iter().filter_map(|w| ways[w].as_u64()).sum();
        assert_eq!(sum, count, "{ways}");
    };
    let read = |port| {
        let mut wire = Wire::open(port);
        wire.send("GET /t/sse HTTP/1.1\r\nHost: h\r\n\r\n");
        wire.head();
        wire
    };
    let mut readers = vec![read(one.port()), read(one.port()), read(two.port())];
    assert!(told(one.port()) >= 2, "those of the own server at once");
    until(one.port(), 3);
    until(two.port(), 3);
    assert_eq!(info(two.port())["sse"], 3);
    readers.remove(0);
    until(two.port(), 2);
    // Emptied: all say again who reads.
    redis.say(&["FLUSHALL"]);
    publish_in_time(one.port(), "anew");
    until(one.port(), 2);
    until(two.port(), 2);
    // Killed: it says nothing more, and is taken for dead.
    one.end_by("KILL");
    until(two.port(), 1);
    let three = node(&redis.url(), &[]);
    until(three.port(), 1);
    // An end in good order is said.
    assert!(two.stop().success());
    until(three.port(), 0);
    let left = redis.ask(&["EXISTS", "tollway:readers"]);
    assert_eq!(left, Ok(redis::Value::Int(0)), "nothing is left of who is gone");
}

#[test]
fn all_that_a_message_is_comes_to_the_other_server_as_it_was() {
    let Some(redis) = Redis::start("all_that_a_message_is", &[]) else { return };
    let (one, two) = (node(&redis.url(), &[]), node(&redis.url(), &[]));
    let mut wire = Wire::open(one.port());
    for body in ["\u{1F980} \u{0} \n", "{\"a\": 1}"] {
        let length = body.len();
        wire.send(format!(
            "POST /t?event=e1 HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        assert_eq!(wire.answer().status, 201);
    }
    wire.send(&b"POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n\xff\x00\xfe\x01"[..]);
    assert_eq!(wire.answer().status, 201);
    wire.send("POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(wire.answer().status, 201);
    let page = |port| ask(port, "/t/poll?since=earliest").body;
    let own = page(one.port());
    assert!(String::from_utf8_lossy(&own).contains("e1"), "{}", String::from_utf8_lossy(&own));
    let same = within(PATIENCE_MS, || (page(two.port()) == own).then_some(()));
    same.expect("byte for byte");
}
