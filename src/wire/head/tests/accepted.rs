//! Heads that are read, and what is read in them.

use super::*;
use crate::limits::HEAD_FIELDS_MAX;

/// The head of a GET with these fields behind its `Host`.
fn with<T>(fields: &str, read: impl FnOnce(Head<'_>) -> T) -> T {
    let input = format!("GET /news HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    read(accepted(input.as_bytes()))
}

#[test]
fn a_bare_request_says_nothing_but_its_line() {
    let head = accepted(b"GET /news?since=1 HTTP/1.0\r\n\r\n");
    assert_eq!((head.method, head.method_text), (Method::Get, "GET"));
    assert_eq!((head.target, head.version), ("/news?since=1", Version::Http10));
    assert_eq!((head.framing, head.keep_alive), (Framing::Empty, false));
    assert_eq!((head.host, head.origin, head.upgrade), (None, None, None));
    assert_eq!((head.prefer_wait_s, head.last_event_id), (None, None));
    assert!(!head.expect_continue && !head.accepts_event_stream && !head.preflight);
}

#[test]
fn who_shows_two_credentials_of_a_kind_is_found_out() {
    for (fields, double) in [
        ("Cookie: a=1\r\n", false),
        ("Cookie: a=1\r\nAuthorization: Bearer x\r\n", false),
        ("Cookie: a=1\r\nCookie: b=2\r\n", true),
        ("Authorization: Bearer x\r\nauthorization: Bearer x\r\n", true),
        ("Cookie: a=1\r\nCookie: b=2\r\nAuthorization: Bearer x\r\n", true),
        ("Authorization: Bearer x\r\nAuthorization: Bearer y\r\nCookie: a=1\r\n", true),
    ] {
        assert_eq!(with(fields, |head| head.credentials_double), double, "{fields}");
    }
}

#[test]
fn methods_are_tokens_and_have_case() {
    for (text, method) in [
        ("GET", Method::Get),
        ("HEAD", Method::Head),
        ("POST", Method::Post),
        ("PUT", Method::Put),
        ("OPTIONS", Method::Options),
        ("DELETE", Method::Other),
        ("get", Method::Other),
        ("M-SEARCH!#$%&'*+.^_`|~", Method::Other),
    ] {
        let input = format!("{text} / HTTP/1.0\r\n\r\n");
        let head = accepted(input.as_bytes());
        assert_eq!((head.method, head.method_text), (method, text));
    }
}

#[test]
fn four_forms_of_a_target_become_one() {
    for (method, target, reduced, host) in [
        ("GET", "/", "/", "a"),
        ("GET", "//x/../y", "//x/../y", "a"),
        ("GET", "/%zz?a={b}|\"c\"&d=[^`]", "/%zz?a={b}|\"c\"&d=[^`]", "a"),
        ("GET", "/http://b/", "/http://b/", "a"),
        ("GET", "http://b/c?d", "/c?d", "b"),
        ("GET", "HTTPS://b:1/c", "/c", "b:1"),
        ("GET", "http://[::1]:8080", "/", "[::1]:8080"),
        ("GET", "http://b?c=/d", "?c=/d", "b"),
        ("OPTIONS", "*", "*", "a"),
        ("OPTIONS", "http://b", "/", "b"),
        ("CONNECT", "b:443", "b:443", "a"),
    ] {
        let input = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = accepted(input.as_bytes());
        assert_eq!((head.target, head.host), (reduced, Some(host)), "{target}");
    }
}

#[test]
fn hosts_are_names_and_addresses_with_or_without_a_port() {
    for host in
        ["a", "a.example:8080", "a:", "127.0.0.1:1", "[::1]", "[::ffff:1.2.3.4]:80", "a_b~%41"]
    {
        let input = format!("GET / HTTP/1.1\r\nHost: \t{host} \t\r\n\r\n");
        assert_eq!(accepted(input.as_bytes()).host, Some(host));
    }
}

#[test]
fn the_framing_is_as_declared() {
    for (fields, framing) in [
        ("", Framing::Empty),
        ("Content-Length: 0\r\n", Framing::Length(0)),
        ("content-length:0042\r\n", Framing::Length(42)),
        ("Content-Length: 18446744073709551616\r\n", Framing::Length(u64::MAX)),
        ("Content-Length: 18446744073709551615\r\n", Framing::Length(u64::MAX)),
        ("Transfer-Encoding: chunked\r\n", Framing::Chunked),
        ("TRANSFER-ENCODING: , CHUNKED,\r\n", Framing::Chunked),
    ] {
        assert_eq!(with(fields, |head| head.framing), framing, "{fields}");
    }
}

#[test]
fn keep_alive_follows_version_and_connection_and_close_wins() {
    for (version, fields, keeps) in [
        ("1.1", "", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: upgrade, CLOSE\r\n", false),
        ("1.1", "Connection: x\r\nConnection: ,close ,\r\n", false),
        ("1.1", "Connection: close\r\nConnection: keep-alive\r\n", false),
        ("1.0", "Connection: keep-alive, close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.1", "Connection: \"close\"\r\n", true),
    ] {
        let input = format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(accepted(input.as_bytes()).keep_alive, keeps, "{version} {fields}");
    }
}

#[test]
fn a_100_is_owed_only_to_1_1_and_only_for_a_body() {
    for (version, fields, owed) in [
        ("1.1", "Content-Length: 1\r\n", true),
        ("1.1", "Transfer-Encoding: chunked\r\n", true),
        ("1.1", "Content-Length: 0\r\n", false),
        ("1.1", "", false),
        ("1.0", "Content-Length: 1\r\n", false),
    ] {
        for expect in ["Expect: 100-continue", "expect:100-Continue,"] {
            let input = format!("POST / HTTP/{version}\r\nHost: a\r\n{expect}\r\n{fields}\r\n");
            assert_eq!(accepted(input.as_bytes()).expect_continue, owed, "{version} {fields}");
        }
    }
    assert!(!with("Content-Length: 1\r\n", |head| head.expect_continue));
}

#[test]
fn an_event_stream_is_accepted_by_its_name() {
    for (accept, accepts) in [
        ("text/event-stream", true),
        ("TEXT/Event-Stream", true),
        ("text/html, text/event-stream;q=0.1", true),
        ("text/event-stream ; charset=utf-8 ; Q=1", true),
        ("a/b;c=\", text/event-stream\"", false),
        ("a/b;c=\"\\\", \", text/event-stream", true),
        ("text/event-stream;q=0", false),
        ("text/event-stream; q = 0.000", false),
        ("text/event-stream;q=0.001", true),
        ("text/event-stream;q=", true),
        ("text/event-streams", false),
        ("text/*, */*", false),
        ("", false),
    ] {
        let fields = format!("Accept: {accept}\r\n");
        assert_eq!(with(&fields, |head| head.accepts_event_stream), accepts, "{accept}");
    }
    let fields = "Accept: a/b\r\nAccept: text/event-stream\r\nAccept: c/d\r\n";
    assert!(with(fields, |head| head.accepts_event_stream));
}

#[test]
fn the_wait_preference_is_read_from_lists_and_quotes() {
    for (prefer, wait) in [
        ("wait=10", Some(10)),
        ("WAIT = \"10\"", Some(10)),
        ("respond-async, wait=5; x=\"a, wait=7\"", Some(5)),
        ("wait=0", Some(0)),
        ("wait=5, wait=6", Some(5)),
        ("wait=x, wait=6", None),
        ("foo=\"wait=9\"", None),
        ("wait", None),
        ("wait=", None),
        ("wait=-1", None),
        ("wait=+1", None),
        ("wait=1.5", None),
        ("wait=\"1", None),
        ("wait=18446744073709551616", Some(u64::MAX)),
        ("await=1", None),
    ] {
        let fields = format!("Prefer: {prefer}\r\n");
        assert_eq!(with(&fields, |head| head.prefer_wait_s), wait, "{prefer}");
    }
    let fields = "Prefer: return=minimal\r\nPrefer: wait=3\r\nPrefer: wait=4\r\n";
    assert_eq!(with(fields, |head| head.prefer_wait_s), Some(3));
}

#[test]
fn single_values_are_given_as_they_came_without_the_white_space_around() {
    let fields = "Origin:null\r\nlast-event-id: \tk-1 \r\nIf-None-Match: \"a\"\r\n\
                  If-None-Match: \"b\"\r\nIf-Modified-Since: then\r\nRange: bytes=0-\r\n\
                  If-Range: \"c\"\r\nEvent: caf\u{e9}\r\nIdempotency-Key:\r\n\
                  Access-Control-Request-Method: PUT\r\n";
    with(fields, |head| {
        assert_eq!(head.origin, Some(&b"null"[..]));
        assert_eq!(head.last_event_id, Some(&b"k-1"[..]));
        assert_eq!(head.if_none_match, [b"\"a\"", b"\"b\""]);
        assert_eq!(head.if_modified_since, Some(&b"then"[..]));
        assert_eq!(head.range, Some(&b"bytes=0-"[..]));
        assert_eq!(head.if_range, Some(&b"\"c\""[..]));
        assert_eq!(head.event, Some("caf\u{e9}".as_bytes()));
        assert_eq!(head.idempotency_key, Some(&b""[..]));
        assert!(head.preflight);
    });
}

#[test]
fn an_offer_is_made_by_the_upgrade_field_alone() {
    let sec = "Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\
               Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: c\r\n\
               Sec-WebSocket-Extensions: d\r\n";
    assert!(with(sec, |head| head.upgrade.is_none()));
    let h2c = format!("Connection: Upgrade\r\nUpgrade: h2c\r\n{sec}");
    assert!(with(&h2c, |head| head.upgrade.is_none()));

    let fields = format!("Connection: keep-alive, UPGRADE\r\nUpgrade: x, WebSocket\r\n{sec}");
    with(&fields, |head| {
        let expected = OpeningHandshake {
            connection_upgrade: true,
            key: Some(b"k"),
            key_double: false,
            version: Some(b"13"),
            protocols: vec![b"a, b", b"c"],
            extensions: vec![b"d"],
        };
        assert_eq!(head.upgrade, Some(expected));
    });
    let doubled = "Upgrade: websocket\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Key: l\r\n";
    with(doubled, |head| {
        let offer = head.upgrade.expect("websocket is listed");
        assert!(offer.key_double && !offer.connection_upgrade);
        assert_eq!((offer.key, offer.version), (Some(&b"k"[..]), None));
    });
}

#[test]
fn fields_that_nobody_asks_about_may_be_anything_well_formed() {
    let long = format!("{}: {}\r\n", "X".repeat(300), "\u{e9}\t".repeat(300));
    assert_eq!(with(&long, |head| head.target.len()), 5);
    assert_eq!(with("!#$%&'*+-.^_`|~09aZ:\r\n", |head| head.target.len()), 5);
}

#[test]
fn empty_lines_in_front_are_skipped_and_counted() {
    let input = b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(accepted(input).target, "/");
}

#[test]
fn what_keeps_within_the_bounds_is_taken() {
    let target = format!("/{}", "x".repeat(TARGET_BYTES_MAX - 1));
    let input = format!("GET {target} HTTP/1.0\r\n\r\n");
    assert_eq!(accepted(input.as_bytes()).target, target);

    let input = format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(HEAD_FIELDS_MAX));
    assert_eq!(accepted(input.as_bytes()).target, "/");

    let input = b"\r\nGET / HTTP/1.0\r\nA: bcd\r\n\r\n";
    for room in 0..input.len() {
        assert_eq!(verdict_within(input, room), Err(HeadError::HeadTooLarge), "{room}");
    }
    let verdict = verdict_within(input, input.len());
    assert!(matches!(verdict, Ok(Parsed::Complete { .. })));
}
