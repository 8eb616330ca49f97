//! Reading with `curl`: the four techniques as a person at a shell would try them, but WebSocket,
//! which it does not speak in the versions that are about.

use std::time::{Duration, Instant};

use crate::foreign::Foreign;
use crate::http::{Answer, data_of, publish, sequence, text};
use crate::server::for_threads;

/// `curl --include`, its output read as an answer. `curl` removes the chunks by itself.
pub(crate) fn ask(curl: &Foreign, arguments: &[&str]) -> Answer {
    ask_with(curl, arguments, b"")
}

/// As [`ask`], with bytes on standard input.
pub(crate) fn ask_with(curl: &Foreign, arguments: &[&str], input: &[u8]) -> Answer {
    let outcome = curl.outcome(&[&["--include"], arguments].concat(), input);
    assert!(outcome.success, "curl {arguments:?}: {}", outcome.stderr);
    let mut rest = &outcome.stdout[..];
    loop {
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n");
        let (head, body) = rest.split_at(end.expect("a head") + 4);
        let head = std::str::from_utf8(head).expect("heads are ASCII");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
        let status = status.parse().expect("three digits");
        if status == 100 {
            rest = body;
            continue;
        }
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(':').expect("a field has a colon");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        let (fields, body) = (fields.collect(), body.to_vec());
        return Answer { status, fields, body };
    }
}

#[test]
fn short_poll_gives_everything_after_the_cursor() {
    let Some(curl) = Foreign::curl("short_poll_gives_everything_after_the_cursor") else {
        return;
    };
    for_threads(|server| {
        let first = publish(server.port(), "news", "one");
        let second = publish(server.port(), "news", "two");
        let answer = ask(&curl, &[&server.url("/news")]);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.field("content-type"), Some("application/json"));
        assert_eq!(answer.field("last-event-id"), Some(&*second));
        assert_eq!(answer.field("cache-control"), Some("no-cache"));
        let body = answer.json();
        assert_eq!(data_of(&body), ["one", "two"]);
        assert_eq!(body["next"], *second);
        assert_eq!(body["messages"][0]["id"], *first);
        assert!(body["messages"][0].get("topic").is_none(), "one topic was asked for");
        assert!(body["messages"][0].get("event").is_none(), "no event was named");

        for query in ["since", "last_event_id", "lastEventId"] {
            let url = server.url(&format!("/news?{query}={first}"));
            assert_eq!(data_of(&ask(&curl, &[&url]).json()), ["two"], "{query}");
        }
        let header = format!("Last-Event-ID: {first}");
        // A header, being what the client knows now, wins over the address it was given.
        let url = server.url("/news/poll?since=earliest");
        assert_eq!(data_of(&ask(&curl, &["-H", &header, &url]).json()), ["two"]);
    });
}

#[test]
fn nothing_new_is_204_or_304() {
    let Some(curl) = Foreign::curl("nothing_new_is_204_or_304") else {
        return;
    };
    for_threads(|server| {
        let id = publish(server.port(), "news", "one");
        let url = server.url(&format!("/news?since={id}"));
        let empty = ask(&curl, &[&url]);
        assert_eq!(empty.status, 204);
        let tag = empty.field("etag").expect("an ETag on every answer").to_owned();
        assert_eq!(empty.field("last-event-id"), Some(&*id));

        let again = ask(&curl, &["-H", &format!("If-None-Match: {tag}"), &url]);
        assert_eq!(again.status, 304);
        assert_eq!(again.field("etag"), Some(&*tag));
        assert_eq!(again.field("last-event-id"), Some(&*id));
        assert!(again.body.is_empty());

        let other = ask(&curl, &["-H", "If-None-Match: \"other\"", &url]);
        assert_eq!(other.status, 204, "another tag does not match");

        publish(server.port(), "news", "two");
        let news = ask(&curl, &["-H", &format!("If-None-Match: {tag}"), &url]);
        assert_eq!((news.status, data_of(&news.json())), (200, vec!["two".to_owned()]));
    });
}

#[test]
fn limit_cuts_the_answer_and_says_more() {
    let Some(curl) = Foreign::curl("limit_cuts_the_answer_and_says_more") else {
        return;
    };
    for_threads(|server| {
        for data in ["one", "two", "three"] {
            publish(server.port(), "news", data);
        }
        let body = ask(&curl, &[&server.url("/news?limit=2")]).json();
        assert_eq!(data_of(&body), ["one", "two"]);
        assert_eq!(body["more"], true);
        let rest = server.url(&format!("/news?limit=2&since={}", text(&body["next"])));
        let body = ask(&curl, &[&rest]).json();
        assert_eq!(data_of(&body), ["three"]);
        assert_ne!(body["more"], true);
    });
}

#[test]
fn long_poll_brings_the_next_message() {
    let Some(curl) = Foreign::curl("long_poll_brings_the_next_message") else {
        return;
    };
    for_threads(|server| {
        let id = publish(server.port(), "news", "old");
        let by_query = server.url(&format!("/news?since={id}&wait=20"));
        let by_header = server.url(&format!("/news?since={id}"));
        let asked = [curl.start(&[&by_query]), curl.start(&["-H", "Prefer: wait=20", &by_header])];
        publish(server.port(), "news", "new");
        for running in asked {
            let body = running.rest().concat();
            let body = serde_json::from_str(&body).unwrap_or_else(|_| panic!("not JSON: {body}"));
            assert_eq!(data_of(&body), ["new"]);
        }
        // Something is there after the cursor; that it does not park is shown in `order`.
        assert_eq!(data_of(&ask(&curl, &[&by_query]).json()), ["new"]);
    });
}

#[test]
fn long_poll_without_news_waits_and_answers_empty() {
    let Some(curl) = Foreign::curl("long_poll_without_news_waits_and_answers_empty") else {
        return;
    };
    for_threads(|server| {
        let id = publish(server.port(), "news", "old");
        let url = server.url(&format!("/news?since={id}"));
        let started = Instant::now();
        let answer = ask(&curl, &["-H", "Prefer: respond-async, wait=1", &url]);
        assert_eq!(answer.status, 204);
        assert_eq!(answer.field("preference-applied"), Some("wait=1"));
        assert_eq!(answer.field("last-event-id"), Some(&*id));
        let waited = started.elapsed();
        assert!(waited >= Duration::from_millis(950), "only {waited:?}");
    });
}

#[test]
fn sse_begins_with_a_cursor_and_streams() {
    let Some(curl) = Foreign::curl("sse_begins_with_a_cursor_and_streams") else {
        return;
    };
    for_threads(|server| {
        let before = publish(server.port(), "news", "old");
        let url = server.url("/news");
        let running = curl.start(&["-N", "-i", "-H", "Accept: text/event-stream", &url]);
        let head = running.block();
        assert!(head[0].starts_with("HTTP/1.1 200"), "{head:?}");
        let head = head.join("\n").to_ascii_lowercase();
        for field in [
            "content-type: text/event-stream",
            "cache-control: no-cache, no-store",
            "x-accel-buffering: no",
            "transfer-encoding: chunked",
        ] {
            assert!(head.contains(field), "{field} in {head}");
        }
        let mut first = running.block();
        if !first.iter().any(|line| line.starts_with("id:")) {
            first.extend(running.block()); // `retry:` may stand in a block of its own.
        }
        let retry = first.iter().find_map(|line| line.strip_prefix("retry:"));
        assert!(retry.is_some_and(|ms| ms.trim().parse::<u32>().is_ok()), "{first:?}");
        let id = first.iter().find_map(|line| line.strip_prefix("id:"));
        assert_eq!(id.map(str::trim), Some(&*before), "{first:?}");
        assert!(!first.iter().any(|line| line.starts_with("data")), "{first:?}");

        let id = publish(server.port(), "news?event=myMsg", "a\nb\r\nc\rd");
        let id = format!("id: {id}");
        let event = ["data: a", "data: b", "data: c", "data: d"];
        let expected = [&[&*id, "event: myMsg"], &event[..]].concat();
        assert_eq!(running.block(), expected);
    });
}

#[test]
fn sse_under_http_1_0_ends_with_the_connection() {
    let Some(curl) = Foreign::curl("sse_under_http_1_0_ends_with_the_connection") else {
        return;
    };
    for_threads(|server| {
        let running = curl.start(&["--http1.0", "-N", "-i", &server.url("/news/sse")]);
        let head = running.block().join("\n").to_ascii_lowercase();
        assert!(!head.contains("transfer-encoding"), "{head}");
        assert!(!head.contains("content-length"), "{head}");
        assert!(running.block().iter().any(|line| line.starts_with("id:")));
        publish(server.port(), "news", "hello");
        assert!(running.block().contains(&"data: hello".to_owned()));
    });
}

#[test]
fn a_foreign_cursor_is_a_gap_said_in_band() {
    let Some(curl) = Foreign::curl("a_foreign_cursor_is_a_gap_said_in_band") else {
        return;
    };
    for_threads(|server| {
        let id = publish(server.port(), "news", "one");
        let poll = ask(&curl, &[&server.url("/news?since=nowhere-7")]).json();
        let gap = serde_json::json!({"from": "nowhere-7", "to": id, "reason": "epoch"});
        assert_eq!(poll["gap"], gap);
        assert_eq!(data_of(&poll), ["one"]);

        let running = curl.start(&["-N", &server.url("/news/sse?since=nowhere-7")]);
        let lines: Vec<String> = std::iter::repeat_with(|| running.block())
            .find(|block| block.iter().any(|line| line == "event: gap"))
            .expect("an endless stream of blocks, each with a deadline");
        let data = lines.iter().find_map(|line| line.strip_prefix("data: "));
        let data: serde_json::Value = serde_json::from_str(data.expect("data")).expect("JSON");
        assert_eq!(data["gap"], gap);
        assert!(running.block().contains(&"data: one".to_owned()));
    });
}

#[test]
fn several_topics_are_read_at_once_in_order() {
    let Some(curl) = Foreign::curl("several_topics_are_read_at_once_in_order") else {
        return;
    };
    for_threads(|server| {
        let ids: Vec<_> = [("b", "1"), ("a", "2"), ("c", "3"), ("b", "4")]
            .map(|(topic, data)| publish(server.port(), topic, data))
            .into();
        assert!(ids.is_sorted_by_key(|id| sequence(id)));
        let body = ask(&curl, &[&server.url("/a,b")]).json();
        assert_eq!(data_of(&body), ["1", "2", "4"]);
        let topics = [0, 1, 2].map(|at| text(&body["messages"][at]["topic"]));
        assert_eq!(topics, ["b", "a", "b"]);
    });
}

#[test]
fn http_1_0_is_answered_and_the_connection_ends() {
    let Some(curl) = Foreign::curl("http_1_0_is_answered_and_the_connection_ends") else {
        return;
    };
    for_threads(|server| {
        publish(server.port(), "news", "one");
        let answer = ask(&curl, &["--http1.0", &server.url("/news")]);
        assert_eq!((answer.status, data_of(&answer.json())), (200, vec!["one".to_owned()]));
        assert_eq!(answer.field("transfer-encoding"), None);
    });
}

#[test]
fn two_requests_share_one_connection() {
    let Some(curl) = Foreign::curl("two_requests_share_one_connection") else {
        return;
    };
    for_threads(|server| {
        publish(server.port(), "news", "one");
        let url = server.url("/news");
        let outcome = curl.outcome(&["--verbose", &url, &url], b"");
        assert!(outcome.success, "{}", outcome.stderr);
        // Later versions say of what kind it is before they say "connection".
        assert!(outcome.stderr.contains("Re-using existing "), "{}", outcome.stderr);
    });
}

#[test]
fn head_gives_the_fields_of_get_and_no_body() {
    let Some(curl) = Foreign::curl("head_gives_the_fields_of_get_and_no_body") else {
        return;
    };
    for_threads(|server| {
        publish(server.port(), "news", "one");
        for path in ["/", "/news", "/news/info", "/metrics", "/-/healthy"] {
            let url = server.url(path);
            let get = ask(&curl, &[&url]);
            let head = ask(&curl, &["--head", &url]);
            assert_eq!((get.status, head.status), (200, 200), "{path}");
            assert!(head.body.is_empty(), "{path}");
            assert_eq!(get.field("content-type"), head.field("content-type"), "{path}");
            if !matches!(path, "/metrics" | "/news/info") {
                // Counters and ages move between the two.
                assert_eq!(get.field("content-length"), head.field("content-length"), "{path}");
            }
        }
    });
}
