//! Bytes of our own choice on real sockets: what no client library does, but proxies and strangers.

use crate::http::{Wire, data_of, get, publish};
use crate::server::{for_threads, within};

/// How long something may take that happens at once.
const PATIENCE_MS: u64 = 60_000;

#[test]
fn pipelined_requests_are_answered_in_order() {
    for_threads(|server| {
        let mut wire = Wire::open(server.port());
        wire.send(
            "POST /news HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none\
             GET /news HTTP/1.1\r\nHost: a\r\n\r\n\
             POST /news HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\ntwo\r\n0\r\n\r\n\
             GET /news HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(wire.answer().status, 201);
        assert_eq!(data_of(&wire.answer().json()), ["one"]);
        assert_eq!(wire.answer().status, 201);
        let last = wire.answer();
        assert_eq!(last.field("connection"), Some("close"));
        assert_eq!(data_of(&last.json()), ["one", "two"]);
        assert!(wire.rest().is_empty(), "nothing after the last answer");
    });
}

#[test]
fn who_says_that_a_request_is_its_last_is_let_go_with_the_answer() {
    for_threads(|server| {
        publish(server.port(), "news", "one");
        let ends = || {
            let costs = get(server.port(), "/-/costs").json();
            costs["techniques"]["short_poll"]["syscalls"]["end"].as_u64().expect("a number")
        };
        // What stands behind it has been read with it, and does not matter.
        for (n, behind) in [(1, ""), (2, "GET /more HTTP/1.1\r\n")] {
            let mut wire = Wire::open(server.port());
            wire.send(format!(
                "GET /news HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{behind}"
            ));
            assert_eq!(data_of(&wire.answer().json()), ["one"]);
            assert!(wire.rest().is_empty());
            // Our own side is still open: nobody has waited for its end.
            within(PATIENCE_MS, || (ends() == n).then_some(())).expect("it is closed, by one call");
        }
    });
}

#[test]
fn a_websocket_whose_close_was_answered_is_let_go_with_the_answer() {
    for_threads(|server| {
        let ends = || {
            let costs = get(server.port(), "/-/costs").json();
            costs["techniques"]["websocket"]["syscalls"]["end"].as_u64().expect("a number")
        };
        // What stands behind its Close has been read with it, and does not matter.
        for (n, behind) in [(1, &b""[..]), (2, &b"\x89\x80\0\0\0\0"[..])] {
            let mut wire = Wire::open(server.port());
            wire.send(
                "GET /news/ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Version: 13\r\n\r\n",
            );
            assert_eq!(wire.head().status, 101);
            wire.send([b"\x88\x82\0\0\0\0\x03\xE8", behind].concat());
            assert_eq!(wire.rest(), b"\x88\x02\x03\xE8");
            // Our own side is still open: nobody has waited for its end.
            within(PATIENCE_MS, || (ends() == n).then_some(())).expect("it is closed, by one call");
        }
    });
}

#[test]
fn a_parked_poll_holds_back_those_behind_it() {
    for_threads(|server| {
        let id = publish(server.port(), "news", "old");
        let mut wire = Wire::open(server.port());
        wire.send(format!(
            "GET /news?since={id}&wait=20 HTTP/1.1\r\nHost: a\r\n\r\n\
             GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n"
        ));
        publish(server.port(), "news", "new");
        assert_eq!(data_of(&wire.answer().json()), ["new"]);
        assert_eq!(wire.answer().status, 200);
    });
}

#[test]
fn a_half_closed_client_gets_its_answer() {
    for_threads(|server| {
        let id = publish(server.port(), "news", "old");
        let mut wire = Wire::open(server.port());
        wire.send(format!("GET /news?since={id}&wait=20 HTTP/1.1\r\nHost: a\r\n\r\n"));
        wire.half_close();
        publish(server.port(), "news", "new");
        assert_eq!(data_of(&wire.answer().json()), ["new"]);
        assert!(wire.rest().is_empty());
    });
}

#[test]
fn a_head_that_comes_byte_by_byte_is_the_same_head() {
    for_threads(|server| {
        publish(server.port(), "news", "one");
        let mut wire = Wire::open(server.port());
        for byte in b"GET /news HTTP/1.1\r\nHost: a\r\n\r\n" {
            wire.send([*byte]);
        }
        assert_eq!(data_of(&wire.answer().json()), ["one"]);
    });
}

#[test]
fn an_error_that_leaves_the_framing_in_doubt_ends_the_connection() {
    for_threads(|server| {
        for (request, status) in [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("POST /n HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
            ("POST /n HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400),
            ("POST /n HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            ("POST /n HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n;x\r\n", 400),
            ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
            ("GET /n HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            ("GET /n HTTP/1.1\nHost: a\n\n", 400),
        ] {
            let mut wire = Wire::open(server.port());
            // More follows, unread: the answer must arrive all the same, and an orderly end.
            wire.send([request, &"y".repeat(50_000)].concat());
            let answer = wire.answer();
            assert_eq!(answer.status, status, "{request:?}");
            assert_eq!(answer.field("connection"), Some("close"), "{request:?}");
            wire.half_close();
            assert!(wire.rest().is_empty(), "{request:?}");
        }
    });
}
