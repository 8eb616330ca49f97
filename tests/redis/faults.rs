//! What Redis can do to a server that serves. Publishers are told; readers are told nothing false;
//! what was acknowledged is read once, in order, or a gap is said.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::rig::{Line, Redis};
use crate::server::{Server, within};
use crate::{
    PATIENCE_MS, metric, node, post, publish, publish_in_time, read, reads, ready, until_ready,
};

/// What survives a kill, whatever its moment.
const KEEPS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// An event stream of `t`.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_millis(PATIENCE_MS))).expect("not zero");
        let mut reader = BufReader::new(stream);
        let head = b"GET /t/sse HTTP/1.0\r\nHost: h\r\n\r\n";
        reader.get_mut().write_all(head).expect("it reads");
        let mut opened = Self(reader);
        while opened.line() != "" {} // The head.
        opened
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).expect("a line in time");
        assert!(read > 0, "it stays open");
        line.trim_end().to_owned()
    }

    /// The next message, or the reason of a gap.
    fn next(&mut self) -> String {
        loop {
            let line = self.line();
            if let Some(data) = line.strip_prefix("data: ") {
                let gap = data.split("\"reason\":\"").nth(1);
                return gap.map_or(data, |rest| rest.trim_end_matches("\"}}")).to_owned();
            }
        }
    }
}

fn refused(port: u16, text: &str, key: Option<&str>) {
    let answer = post(port, "t", text, key);
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 503, "{body}");
    assert!(answer.field("retry-after").is_some() && body.contains("store_unavailable"), "{body}");
}

#[test]
fn a_redis_that_was_killed_and_comes_back_goes_on_where_it_was() {
    let Some(mut redis) = Redis::start("a_redis_that_was_killed", &KEEPS) else { return };
    let nodes = [node(&redis.url(), &[]), node(&redis.url(), &[])];
    let [one, two] = nodes.each_ref().map(Server::port);
    let mut stream = Stream::open(two);
    let first = publish(one, "one");
    assert_eq!(stream.next(), "one");
    redis.kill();
    for port in [one, two] {
        until_ready(port, Some("cannot be reached"));
        refused(port, "nothing", None);
        assert_eq!(read(port, "earliest"), (vec!["one".to_owned()], None), "readers stay");
        assert_eq!(metric(port, "tollway_store_available"), Some(0.0));
    }
    redis.bring_back();
    for port in [one, two] {
        until_ready(port, None);
        assert_eq!(metric(port, "tollway_store_available"), Some(1.0));
        assert_eq!(metric(port, "tollway_store_renumberings_total"), Some(0.0));
    }
    let second = publish_in_time(one, "two");
    assert_eq!(stream.next(), "two", "without a gap");
    for port in [one, two] {
        reads(port, &first, &["two"]);
        assert_eq!(read(port, &second), (vec![], None));
    }
    let late = node(&redis.url(), &[]);
    assert_eq!(read(late.port(), &first), (vec!["two".to_owned()], None));
}

#[test]
fn a_redis_that_comes_back_empty_begins_anew_and_everybody_is_told() {
    let Some(mut redis) = Redis::start("a_redis_that_comes_back_empty", &[]) else { return };
    let nodes = [node(&redis.url(), &[]), node(&redis.url(), &[])];
    let [one, two] = nodes.each_ref().map(Server::port);
    let mut streams = [one, two].map(Stream::open);
    let first = publish(one, "one");
    for stream in &mut streams {
        assert_eq!(stream.next(), "one");
    }
    redis.kill();
    redis.wipe();
    redis.bring_back();
    let second = publish_in_time(two, "two");
    for (stream, port) in streams.iter_mut().zip([one, two]) {
        assert_eq!([stream.next(), stream.next()], ["epoch", "two"]);
        reads(port, "earliest", &["two"]);
        assert_eq!(read(port, &first), (vec!["two".to_owned()], Some("epoch".to_owned())));
        assert_eq!(metric(port, "tollway_store_renumberings_total"), Some(1.0));
    }
    // Emptied while it runs is the same.
    redis.say(&["FLUSHALL"]);
    let third = publish_in_time(one, "three");
    for (stream, port) in streams.iter_mut().zip([one, two]) {
        assert_eq!([stream.next(), stream.next()], ["epoch", "three"]);
        assert_eq!(read(port, &second), (vec!["three".to_owned()], Some("epoch".to_owned())));
        assert_eq!(read(port, &third), (vec![], None));
    }
}

#[test]
fn a_redis_that_forgets_what_was_acknowledged_is_found_out() {
    let Some(mut redis) = Redis::start("a_redis_that_forgets", &[]) else { return };
    let nodes = [node(&redis.url(), &[]), node(&redis.url(), &[])];
    let [one, two] = nodes.each_ref().map(Server::port);
    let kept = publish(one, "kept");
    redis.say(&["SAVE"]);
    reads(two, "earliest", &["kept"]);
    let mut stream = Stream::open(two);
    let lost = publish(two, "lost");
    assert_eq!(stream.next(), "lost");
    redis.kill();
    redis.bring_back();
    let next = publish_in_time(one, "next");
    assert_ne!(lost.split('-').next(), next.split('-').next(), "another numbering");
    assert_eq!(stream.next(), "epoch");
    for port in [one, two] {
        reads(port, "earliest", &["kept", "next"]);
        for known in [&kept, &lost] {
            assert_eq!(read(port, known).1.as_deref(), Some("epoch"));
        }
    }
}

#[test]
fn numbers_that_a_redis_may_have_forgotten_are_not_given_again() {
    let Some(mut redis) = Redis::start("numbers_that_a_redis", &[]) else { return };
    let first = node(&redis.url(), &[]);
    publish(first.port(), "kept");
    redis.say(&["SAVE"]);
    let lost = publish(first.port(), "lost");
    redis.kill();
    assert!(first.stop().success(), "nobody is left who has read it");
    redis.bring_back();
    let second = node(&redis.url(), &[]);
    publish(second.port(), "next");
    let (texts, _) = read(second.port(), &lost);
    assert_eq!(texts, ["next"], "whoever has read what was lost misses nothing after it");
}

#[test]
fn a_redis_that_is_slow_is_waited_for_and_one_that_hangs_is_away() {
    let Some(redis) = Redis::start("a_redis_that_is_slow", &[]) else { return };
    let server = node(&redis.url(), &[]);
    let port = server.port();
    publish(port, "one");
    redis.say(&["CLIENT", "PAUSE", "1500", "ALL"]);
    publish(port, "two");
    redis.signal("STOP");
    until_ready(port, Some("does not answer in time"));
    refused(port, "three", Some("k"));
    redis.signal("CONT");
    until_ready(port, None);
    publish_in_time(port, "four");
    let third = within(PATIENCE_MS, || {
        Some(post(port, "t", "three", Some("k"))).filter(|answer| answer.status == 201)
    });
    third.expect("it is taken in the end");
    let (mut texts, gap) = read(port, "earliest");
    texts.sort_unstable();
    assert_eq!((texts, gap), (["four", "one", "three", "two"].map(str::to_owned).to_vec(), None));
}

#[test]
fn a_publish_that_is_uncertain_is_repeated_under_its_key_and_appended_once() {
    let Some(redis) = Redis::start("a_publish_that_is_uncertain", &[]) else { return };
    let line = Line::to(redis.port());
    let (cut, whole) = (node(&line.url(), &[]), node(&redis.url(), &[]));
    publish(cut.port(), "before");
    let found = within(PATIENCE_MS, || {
        until_ready(cut.port(), None);
        // Commands arrive, and answers do not. Perhaps one had been sent already, and this is not.
        line.cut_answers(true);
        refused(cut.port(), "once", Some("k"));
        let there = read(whole.port(), "earliest").0 == ["before", "once"];
        if !there {
            line.cut_answers(false);
        }
        there.then_some(())
    });
    found.expect("it was appended, and its publisher does not know");
    let repeated = post(whole.port(), "t", "once", Some("k"));
    assert_eq!(repeated.status, 201);
    line.cut_answers(false);
    let again = within(PATIENCE_MS, || {
        Some(post(cut.port(), "t", "once", Some("k"))).filter(|answer| answer.status == 201)
    });
    assert_eq!(again.expect("it is back").json()["id"], repeated.json()["id"]);
    for port in [cut.port(), whole.port()] {
        reads(port, "earliest", &["before", "once"]);
    }
}

#[test]
fn a_redis_without_memory_refuses_and_readers_stay() {
    let Some(redis) = Redis::start("a_redis_without_memory", &[]) else { return };
    let server = node(&redis.url(), &[]);
    let port = server.port();
    let mut stream = Stream::open(port);
    publish(port, "one");
    redis.say(&["CONFIG", "SET", "maxmemory", "1"]);
    refused(port, "two", None);
    until_ready(port, Some("has no memory left"));
    assert_eq!(read(port, "earliest"), (vec!["one".to_owned()], None));
    redis.say(&["CONFIG", "SET", "maxmemory", "0"]);
    publish_in_time(port, "three");
    until_ready(port, None);
    assert_eq!([stream.next(), stream.next()], ["one", "three"]);
}

#[test]
fn a_failover_refuses_until_there_is_a_primary_again() {
    let Some(old) = Redis::start("a_failover", &[]) else { return };
    let Some(new) = Redis::start("a_failover", &[]) else { return };
    let port_of_old = old.port().to_string();
    let line = Line::to(old.port());
    let server = node(&line.url(), &[]);
    let port = server.port();
    let first = publish(port, "one");
    new.say(&["REPLICAOF", "127.0.0.1", &port_of_old]);
    let synced = within(PATIENCE_MS, || {
        let role = new.ask(&["ROLE"]).ok()?;
        format!("{role:?}").contains("connected").then_some(())
    });
    synced.expect("a replica of the old one");
    publish(port, "two");
    let copied = within(PATIENCE_MS, || {
        (new.ask(&["XLEN", "tollway:log"]) == Ok(redis::Value::Int(2))).then_some(())
    });
    copied.expect("the replica has both");
    // The old one is told to follow before the new one leads: nobody takes anything.
    old.say(&["REPLICAOF", "127.0.0.1", "1"]);
    refused(port, "nobody takes it", None);
    until_ready(port, Some("is a replica"));
    line.turn_to(new.port());
    new.say(&["REPLICAOF", "NO", "ONE"]);
    old.say(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let third = publish_in_time(port, "three");
    assert_eq!(first.split('-').next(), third.split('-').next(), "nothing was lost");
    assert_eq!(read(port, &first).1, None);
    reads(port, "earliest", &["one", "two", "three"]);
}

#[test]
fn with_redis_wait_nothing_is_acknowledged_that_replicas_do_not_have() {
    let Some(redis) = Redis::start("with_redis_wait", &[]) else { return };
    let Some(replica) = Redis::start("with_redis_wait", &[]) else { return };
    replica.say(&["REPLICAOF", "127.0.0.1", &redis.port().to_string()]);
    let server = node(&redis.url(), &["--redis-wait", "1"]);
    let port = server.port();
    publish_in_time(port, "one");
    replica.say(&["REPLICAOF", "NO", "ONE"]);
    refused(port, "two", Some("k"));
    until_ready(port, Some("has 0 replicas that keep up"));
    replica.say(&["REPLICAOF", "127.0.0.1", &redis.port().to_string()]);
    publish_in_time(port, "three");
    assert_eq!(post(port, "t", "two", Some("k")).status, 201);
    let (mut texts, _) = read(port, "earliest");
    texts.sort_unstable();
    assert_eq!(texts, ["one", "three", "two"]);
}

#[test]
fn a_server_that_is_cut_off_refuses_and_catches_up() {
    let Some(redis) = Redis::start("a_server_that_is_cut_off", &[]) else { return };
    let line = Line::to(redis.port());
    let (cut, whole) = (node(&line.url(), &[]), node(&redis.url(), &[]));
    let mut stream = Stream::open(cut.port());
    let first = publish(whole.port(), "one");
    assert_eq!(stream.next(), "one");
    line.cut(true);
    until_ready(cut.port(), Some("does not answer in time"));
    refused(cut.port(), "nothing", None);
    let texts: Vec<String> = (0..500).map(|n| format!("message {n}")).collect();
    for text in &texts {
        publish(whole.port(), text);
    }
    assert_eq!(ready(whole.port()).0, 200);
    assert_eq!(read(cut.port(), "earliest").0, ["one"], "what it has");
    line.cut(false);
    for text in &texts {
        assert_eq!(&stream.next(), text, "without a gap");
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    reads(cut.port(), &first, &texts);
    until_ready(cut.port(), None);
}

#[test]
fn a_server_that_was_cut_off_for_too_long_says_what_it_missed() {
    let Some(redis) = Redis::start("a_server_that_was_cut_off_for_too_long", &[]) else { return };
    let line = Line::to(redis.port());
    let (cut, whole) = (node(&line.url(), &[]), node(&redis.url(), &[]));
    let mut stream = Stream::open(cut.port());
    let first = publish(whole.port(), "one");
    assert_eq!(post(whole.port(), "quiet", "still there", None).status, 201);
    assert_eq!(stream.next(), "one");
    line.cut(true);
    until_ready(cut.port(), Some("does not answer in time"));
    for n in 0..50 {
        publish(whole.port(), &format!("message {n}"));
    }
    redis.say(&["XTRIM", "tollway:log", "MAXLEN", "=", "10"]);
    line.cut(false);
    assert_eq!(stream.next(), "expired");
    for n in 40..50 {
        assert_eq!(stream.next(), format!("message {n}"));
    }
    let (texts, gap) = read(cut.port(), &first);
    assert_eq!((texts.len(), gap.as_deref()), (10, Some("expired")));
    assert_eq!(read(whole.port(), &first).1, None, "the other one has them all");
    assert_eq!(metric(cut.port(), "tollway_store_renumberings_total"), Some(0.0));
}
