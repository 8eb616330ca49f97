//! How connections end by TLS: in good order, each side by itself, cut short, and with the server.

use std::sync::Arc;

use crate::client::{VERSIONS, Wire, await_closed, cut, get, post, settings};
use crate::pairs::{Pair, for_threads, server};

#[test]
fn the_server_says_by_tls_that_it_ends_before_it_does() {
    for_threads(&[], |server, pair| {
        for version in VERSIONS {
            let trust = Arc::new(settings(&pair.der, &[version]));
            let mut wire = Wire::open(server.port(), &trust);
            wire.send("GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let rest = wire.rest().expect("a close_notify, and behind it the end");
            assert!(rest.ends_with(b"ok\n"));
        }
        await_closed(server, &pair.der, "answered", 2);
    });
}

#[test]
fn who_has_ended_its_side_by_tls_still_gets_what_it_asked_for() {
    for_threads(&[], |server, pair| {
        let mut wire = Wire::to(server, &pair.der);
        wire.send(get("/news/poll?wait=1"));
        wire.close_notify();
        let rest = wire.rest().expect("a close_notify, and behind it the end");
        // Before it an interim answer may have asked whether anybody is there.
        let rest = String::from_utf8(rest).expect("text");
        assert!(rest.contains("HTTP/1.1 204 "), "{rest}");
        let mut idle = Wire::to(server, &pair.der);
        idle.ask(&get("/-/healthy"));
        idle.close_notify();
        assert!(idle.rest().expect("a close_notify").is_empty());
    });
}

#[test]
fn an_end_without_a_word_is_counted_as_truncated() {
    for_threads(&[], |server, pair| {
        let mut wire = Wire::to(server, &pair.der);
        wire.ask(&get("/-/healthy"));
        wire.send("POST /news HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf");
        cut(&wire);
        assert!(wire.rest().expect("a close_notify").is_empty(), "and no answer");
        await_closed(server, &pair.der, "tls_truncated", 1);
        // Nor was half a message published.
        let (head, _) = Wire::to(server, &pair.der).ask(&get("/news/poll"));
        assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
    });
}

#[test]
fn readers_take_leave_when_the_server_ends() {
    let pair = Pair::of(&["localhost"]);
    for threads in ["1", "4"] {
        let server = server(&pair, &["--threads", threads, "--drain", "5s", "-v"]);
        let mut sse = Wire::to(&server, &pair.der);
        sse.send(get("/news/sse"));
        sse.until("\n\n");
        let mut poll = Wire::to(&server, &pair.der);
        poll.send(get("/news/poll?wait=30"));
        let mut publisher = Wire::to(&server, &pair.der);
        publisher.ask(&post("/other", "x"));
        let ending = std::thread::spawn(move || server.stop());
        let rest = sse.rest().expect("a close_notify, and behind it the end");
        assert!(rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
        let rest = poll.rest().expect("a close_notify, and behind it the end");
        assert!(rest.starts_with(b"HTTP/1.1 204 "), "{}", String::from_utf8_lossy(&rest));
        assert!(publisher.rest().expect("a close_notify").is_empty());
        drop((sse, poll, publisher));
        assert!(ending.join().expect("it ended").success());
    }
}

/// A reader that stalls holds what is bounded, and the kernel's silence is noticed.
#[test]
fn a_reader_that_takes_nothing_is_given_up() {
    for_threads(&["--stall-timeout", "1s"], |server, pair| {
        let mut wire = Wire::to(server, &pair.der);
        wire.ask(&post("/big", &"z".repeat(900 * 1024)));
        for _ in 0..20 {
            wire.send(get("/big/poll"));
        }
        await_closed(server, &pair.der, "stalled", 1);
    });
}
