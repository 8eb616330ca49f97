//! Faults that last: a server tries again by itself, in pauses that grow, and says one thing
//! meanwhile.
//!
//! Absent on purpose: faults that pass by themselves. `faults.rs` has those.

use std::thread;
use std::time::{Duration, Instant};

use tollway::limits::STORE_RETRY_MS_MAX;

use crate::rig::Redis;
use crate::server::Server;
use crate::{node, post, publish, publish_in_time, read, reads, ready, until_ready};

/// For how long a fault lasts: time for about six tries.
const LASTS: Duration = Duration::from_secs(3);
/// Two connections for each try, ours that ask for the count, and some that were begun before.
const CONNECTIONS_MAX: u64 = 40;

/// Connections that it has taken by now.
fn connections(redis: &Redis) -> u64 {
    let info = redis.ask(&["INFO", "stats"]).expect("it answers");
    let info: String = redis::from_redis_value(info).expect("text");
    let mut lines = info.lines();
    let count = lines.find_map(|line| line.strip_prefix("total_connections_received:"));
    count.expect("a count").parse().expect("a number")
}

/// How often its log has this.
fn said(server: &Server, words: &str) -> usize {
    server.log().matches(words).count()
}

/// Looks on while the reader of `server` has a fault that lasts: the same is said all the time.
fn looks_on(redis: &Redis, server: &Server, words: &str) {
    until_ready(server.port(), Some(words));
    let (connections_before, began) = (connections(redis), Instant::now());
    while began.elapsed() < LASTS {
        let (status, text) = ready(server.port());
        assert!(status == 503 && text.contains(words), "{status} {text}");
        thread::sleep(Duration::from_millis(5));
    }
    let made = connections(redis) - connections_before;
    assert!(made <= CONNECTIONS_MAX, "{made} connections in {LASTS:?}");
    assert_eq!(said(server, "can be used again"), 0);
    assert!(server.log().lines().count() < 20);
}

#[test]
fn an_entry_of_a_stranger_is_complained_of_once_and_tried_again_in_pauses() {
    let Some(redis) = Redis::start("an_entry_of_a_stranger", &[]) else { return };
    let server = node(&redis.url(), &[]);
    publish(server.port(), "one");
    redis.say(&["XADD", "tollway:log", "2-1", "foo", "bar"]);
    looks_on(&redis, &server, "none of ours");
    assert_eq!(read(server.port(), "earliest").0, ["one"], "readers stay");
    redis.say(&["XDEL", "tollway:log", "2-1"]);
    until_ready(server.port(), None);
    // Its number is behind that of the stranger, and nobody else's business.
    redis.say(&["XSETID", "tollway:log", "1-0"]);
    publish_in_time(server.port(), "two");
    reads(server.port(), "earliest", &["one", "two"]);
}

#[test]
fn a_right_to_read_that_is_taken_away_is_complained_of_once_and_tried_again_in_pauses() {
    let Some(redis) = Redis::start("a_right_to_read", &[]) else { return };
    let server = node(&redis.url(), &[]);
    publish(server.port(), "one");
    redis.say(&["ACL", "SETUSER", "default", "-xread"]);
    redis.say(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    looks_on(&redis, &server, "does not give us the right");
    redis.say(&["ACL", "SETUSER", "default", "+xread"]);
    until_ready(server.port(), None);
    publish_in_time(server.port(), "two");
    reads(server.port(), "earliest", &["one", "two"]);
}

#[test]
fn a_right_to_append_that_is_taken_away_is_tried_again_in_pauses_that_grow() {
    let Some(redis) = Redis::start("a_right_to_append", &[]) else { return };
    let server = node(&redis.url(), &[]);
    publish(server.port(), "one");
    redis.say(&["ACL", "SETUSER", "default", "-xadd"]);
    let began = Instant::now();
    while began.elapsed() < LASTS {
        assert_eq!(post(server.port(), "t", "nothing", None).status, 503);
        thread::sleep(Duration::from_millis(5));
    }
    // Something else can be written, so each try looks good until somebody publishes.
    let times = said(&server, "can be used again");
    assert!(times <= 6, "{times} times in {LASTS:?}");
    redis.say(&["ACL", "SETUSER", "default", "+xadd"]);
    publish_in_time(server.port(), "two");
    reads(server.port(), "earliest", &["one", "two"]);
}

#[test]
fn a_connection_that_is_lost_once_is_made_again_at_once() {
    let Some(redis) = Redis::start("a_connection_that_is_lost_once", &[]) else { return };
    let server = node(&redis.url(), &[]);
    publish(server.port(), "one");
    let began = Instant::now();
    redis.say(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    publish_in_time(server.port(), "two");
    // Whoever began with the longest pause would take that long.
    assert!(began.elapsed() < Duration::from_millis(STORE_RETRY_MS_MAX), "{:?}", began.elapsed());
    let times = said(&server, "can be used again");
    assert!(times <= 1, "{times} times");
    reads(server.port(), "earliest", &["one", "two"]);
}
