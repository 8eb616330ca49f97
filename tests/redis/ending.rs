//! The end of a server whose Redis does not answer: it comes in time, and takes nothing away that
//! was acknowledged.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::rig::Redis;
use crate::server::within;
use crate::{PATIENCE_MS, node, post, publish, reads};

#[test]
fn a_redis_that_hangs_does_not_keep_a_server_from_its_end() {
    let Some(redis) = Redis::start("a_redis_that_hangs", &[]) else { return };
    let server = node(&redis.url(), &["--drain", "1s"]);
    publish(server.port(), "one");
    redis.signal("STOP");
    let mut waits = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
    let asked = "POST /t HTTP/1.1\r\nHost: h\r\nIdempotency-Key: \"k\"\r\n\
                 Content-Length: 3\r\n\r\ntwo";
    waits.write_all(asked.as_bytes()).expect("it reads");
    thread::sleep(Duration::from_millis(100)); // Until Redis was asked.
    let text = server.stop_and_read();
    // It says so only where the drain ends before Redis is given up.
    assert!(text.contains("may be in the log or not"), "{text}");
    redis.signal("CONT");
    let answers = within(PATIENCE_MS, || redis.ask(&["PING"]).ok());
    answers.expect("it goes on");
    // Nobody had an answer: it is there or not, and a repeat under its key is there once.
    let next = node(&redis.url(), &[]);
    assert_eq!(post(next.port(), "t", "two", Some("k")).status, 201);
    reads(next.port(), "earliest", &["one", "two"]);
}
