//! Publishing with `curl`, and being refused.

use crate::curl_read::{ask, ask_with};
use crate::foreign::Foreign;
use crate::http::{data_of, get, publish, text};
use crate::server::{Server, for_threads, for_threads_with};

#[test]
fn publish_is_acknowledged_with_its_id_and_where_to_read_it() {
    let Some(curl) = Foreign::curl("publish_is_acknowledged_with_its_id_and_where_to_read_it")
    else {
        return;
    };
    for_threads(|server| {
        let url = server.url("/news");
        for method in ["POST", "PUT"] {
            let answer = ask(&curl, &["-X", method, "-d", "hello", &url]);
            assert_eq!(answer.status, 201, "{method}");
            let body = answer.json();
            assert_eq!(body["subscribers"], 0);
            let place = answer.field("location").expect("a Location").to_owned();
            assert!(place.starts_with("/news?since="), "{place}");
            let read = get(server.port(), &place).json();
            assert_eq!(read["messages"][0]["id"], body["id"], "{method}: {place}");
            assert_eq!(data_of(&read), ["hello"]);
        }
    });
}

#[test]
fn publish_names_an_event_by_query_or_header() {
    let Some(curl) = Foreign::curl("publish_names_an_event_by_query_or_header") else {
        return;
    };
    for_threads(|server| {
        let url = server.url("/news");
        ask(&curl, &["-d", "a", &format!("{url}?event=by-query")]);
        ask(&curl, &["-H", "Event: by-header", "-d", "b", &url]);
        let body = get(server.port(), "/news").json();
        let events = [0, 1].map(|at| text(&body["messages"][at]["event"]));
        assert_eq!(events, ["by-query", "by-header"]);
        let refused = ask(&curl, &["-d", "c", &format!("{url}?event=a%0Ab")]);
        assert_eq!(refused.status, 400);
    });
}

#[test]
fn chunked_upload_is_one_message() {
    let Some(curl) = Foreign::curl("chunked_upload_is_one_message") else {
        return;
    };
    for_threads(|server| {
        let data = "0123456789abcdef".repeat(20_000);
        let url = server.url("/news");
        let chunked = ["-H", "Transfer-Encoding: chunked", "--data-binary", "@-", &url];
        let answer = ask_with(&curl, &chunked, data.as_bytes());
        assert_eq!(answer.status, 201);
        assert_eq!(data_of(&get(server.port(), "/news").json()), [data]);
    });
}

#[test]
fn expect_100_continue_is_granted_before_the_body() {
    let Some(curl) = Foreign::curl("expect_100_continue_is_granted_before_the_body") else {
        return;
    };
    for_threads(|server| {
        let data = "x".repeat(1_000_000);
        let url = server.url("/news");
        // With this time-out curl waits for the 100 and for nothing else.
        let patient = ["--verbose", "--expect100-timeout", "60", "-H", "Expect: 100-continue"];
        let upload = ["--data-binary", "@-", &url];
        let outcome = curl.outcome(&[&patient[..], &upload].concat(), data.as_bytes());
        assert!(outcome.success, "{}", outcome.stderr);
        assert!(outcome.stderr.contains("< HTTP/1.1 100 Continue"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("< HTTP/1.1 201 Created"), "{}", outcome.stderr);
        assert_eq!(data_of(&get(server.port(), "/news").json()), [data]);
    });
}

#[test]
fn too_large_is_413_before_the_body_and_after() {
    let Some(curl) = Foreign::curl("too_large_is_413_before_the_body_and_after") else {
        return;
    };
    for_threads_with(&["--max-message", "64KiB"], |server| {
        let data = vec![b'x'; 4_000_000];
        let url = server.url("/news");
        let announced = ["--verbose", "-H", "Expect: 100-continue", "--data-binary", "@-", &url];
        let outcome = curl.outcome(&announced, &data);
        assert!(outcome.stderr.contains("< HTTP/1.1 413 "), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("100 Continue"), "{}", outcome.stderr);

        // Sent at once, so that the answer crosses the body: it must not be lost to a reset.
        let at_once = ["--verbose", "-H", "Expect:", "--data-binary", "@-", &url];
        let outcome = curl.outcome(&at_once, &data);
        assert!(outcome.stderr.contains("< HTTP/1.1 413 "), "{}", outcome.stderr);

        let chunked = [&["-H", "Transfer-Encoding: chunked"], &at_once[..]].concat();
        let outcome = curl.outcome(&chunked, &data);
        assert!(outcome.stderr.contains("< HTTP/1.1 413 "), "{}", outcome.stderr);

        assert_eq!(get(server.port(), "/news?since=earliest").status, 204, "nothing was published");
    });
}

#[test]
fn bytes_that_are_not_utf_8_come_back_as_base64() {
    let Some(curl) = Foreign::curl("bytes_that_are_not_utf_8_come_back_as_base64") else {
        return;
    };
    for_threads(|server| {
        let upload = ["--data-binary", "@-", &server.url("/news")];
        ask_with(&curl, &upload, &[0xff, 0x00, 0xfe]);
        let message = &get(server.port(), "/news").json()["messages"][0];
        assert_eq!((&message["data"], &message["encoding"]), (&"/wD+".into(), &"base64".into()));

        let running = curl.start(&["-N", &server.url("/news/sse?since=earliest")]);
        let event = std::iter::repeat_with(|| running.block())
            .find(|block| block.iter().any(|line| line.starts_with("data")))
            .expect("an endless stream of blocks, each with a deadline");
        assert_eq!(event[0], ": base64");
        assert!(event.contains(&"data: /wD+".to_owned()), "{event:?}");
    });
}

#[test]
fn a_repeated_idempotency_key_adds_nothing() {
    let Some(curl) = Foreign::curl("a_repeated_idempotency_key_adds_nothing") else {
        return;
    };
    for_threads(|server| {
        let publish = |key: &str| {
            let key = format!("Idempotency-Key: {key}");
            let answer = ask(&curl, &["-H", &key, "-d", "once", &server.url("/news")]);
            text(&answer.json()["id"])
        };
        let first = publish("k1");
        assert_eq!(publish("k1"), first);
        assert_ne!(publish("k2"), first);
        assert_eq!(data_of(&get(server.port(), "/news").json()), ["once", "once"]);
    });
}

#[test]
fn options_tells_what_is_allowed() {
    let Some(curl) = Foreign::curl("options_tells_what_is_allowed") else {
        return;
    };
    for_threads(|server| {
        let answer = ask(&curl, &["-X", "OPTIONS", &server.url("/news")]);
        assert!(matches!(answer.status, 200 | 204), "{}", answer.status);
        let allow = answer.field("allow").expect("Allow");
        for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS"] {
            assert!(allow.split(", ").any(|allowed| allowed == method), "{method} in {allow}");
        }
    });
}

#[test]
fn preflight_is_granted_to_an_allowed_origin_only() {
    let Some(curl) = Foreign::curl("preflight_is_granted_to_an_allowed_origin_only") else {
        return;
    };
    for_threads_with(&["--allow-origin", "https://friend.example"], |server| {
        let url = server.url("/news");
        let preflight = |origin: &str| {
            let origin = format!("Origin: {origin}");
            let method = "Access-Control-Request-Method: POST";
            let headers = "Access-Control-Request-Headers: idempotency-key";
            ask(&curl, &["-X", "OPTIONS", "-H", &origin, "-H", method, "-H", headers, &url])
        };
        let granted = preflight("https://friend.example");
        assert!(matches!(granted.status, 200 | 204), "{}", granted.status);
        let origin = granted.field("access-control-allow-origin");
        assert_eq!(origin, Some("https://friend.example"));
        let methods = granted.field("access-control-allow-methods").expect("methods");
        assert!(methods.contains("POST"), "{methods}");
        let headers = granted.field("access-control-allow-headers").expect("headers");
        assert!(headers.to_ascii_lowercase().contains("idempotency-key"), "{headers}");

        let refused = preflight("https://stranger.example");
        assert_eq!(refused.field("access-control-allow-origin"), None);
        let publish = ["-H", "Origin: https://stranger.example", "-d", "x", &url];
        assert_eq!(ask(&curl, &publish).status, 403);
    });
}

/// Asks and expects a refusal of RFC 9457 that names its status and its offence.
fn refused(server: &Server, curl: &Foreign, arguments: &[&str], path: &str, status: u16) -> String {
    let url = server.url(path);
    let answer = ask(curl, &[arguments, &["--path-as-is", &url]].concat());
    assert_eq!(answer.status, status, "{arguments:?} {path}");
    assert_eq!(answer.field("content-type"), Some("application/problem+json"), "{path}");
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{path}");
    for member in ["type", "title", "detail"] {
        assert_ne!(text(&problem[member]), "", "{path}: {member}");
    }
    answer.field("allow").unwrap_or_default().to_owned()
}

#[test]
fn refusals_name_the_offence() {
    let Some(curl) = Foreign::curl("refusals_name_the_offence") else {
        return;
    };
    for_threads(|server| {
        refused(server, &curl, &[], "/a/b/c", 404);
        refused(server, &curl, &[], "/news/nothing", 404);
        refused(server, &curl, &[], "/-/nothing", 404);
        refused(server, &curl, &[], "/not%20a%20topic", 400);
        refused(server, &curl, &[], "/%2E%2E", 400);
        refused(server, &curl, &[], "/broken%2", 400);
        refused(server, &curl, &[], &format!("/{}", "t".repeat(65)), 400);
        refused(server, &curl, &["-d", "x"], "/a,b", 400);
        let allow = refused(server, &curl, &["-X", "DELETE"], "/news", 405);
        assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
        let allow = refused(server, &curl, &["-d", "x"], "/metrics", 405);
        assert!(allow.contains("GET") && !allow.contains("POST"), "{allow}");
        let long = format!("/news?{}", "q".repeat(9_000));
        refused(server, &curl, &[], &long, 414);
        let field = format!("X-Long: {}", "f".repeat(20_000));
        refused(server, &curl, &["-H", &field], "/news", 431);
        // After so much refusing, the server still serves.
        publish(server.port(), "news", "fine");
        assert_eq!(data_of(&get(server.port(), "/news").json()), ["fine"]);
    });
}
