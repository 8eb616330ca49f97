//! A subscriber's conversations, fed whole and byte by byte.

use super::*;
use crate::wire::frame;

const POLL: ReadMode = ReadMode::ShortPoll { kept_alive: true };
const LONG: ReadMode = ReadMode::LongPoll { wait_s: 25 };
const RAW: ReadMode = ReadMode::WebSocket { v1: false };
const V1: ReadMode = ReadMode::WebSocket { v1: true };

struct Outcome {
    subscriber: Subscriber,
    heard: Vec<String>,
    reply: Vec<u8>,
    answered: Vec<Answered>,
    fault: Option<Fault>,
}

fn fed(mode: ReadMode, stream: &[u8], at_once: usize) -> Outcome {
    let mut outcome = Outcome {
        subscriber: Subscriber::new(mode, 7, "h:1", "t"),
        heard: vec![],
        reply: vec![],
        answered: vec![],
        fault: None,
    };
    for bytes in stream.chunks(at_once) {
        let heard = &mut outcome.heard;
        let turn = outcome.subscriber.received(bytes, &mut |payload| {
            heard.push(String::from_utf8(payload.to_vec()).expect("text in these tests"));
        });
        match turn {
            Ok(turn) => {
                outcome.reply.extend(turn.reply);
                outcome.answered.extend(turn.answered);
            }
            Err(fault) => {
                outcome.fault = Some(fault);
                break;
            }
        }
    }
    outcome
}

/// `check` on the stream in one piece, byte by byte, and in pieces of seven.
fn each_cut(mode: ReadMode, stream: &[u8], check: impl Fn(Outcome)) {
    for at_once in [stream.len(), 1, 7] {
        check(fed(mode, stream, at_once));
    }
}

fn request(subscriber: &Subscriber) -> String {
    String::from_utf8(subscriber.request()).expect("a request is text")
}

fn handshake(protocol: &str) -> Vec<u8> {
    let key = frames::key(7);
    let accept = crate::wire::handshake::accept_key(key.as_bytes());
    let accept = str::from_utf8(&accept).expect("base64");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{protocol}\r\n"
    )
    .into_bytes()
}

#[test]
fn a_poll_goes_on_from_what_it_was_told() {
    let empty = b"HTTP/1.1 204 No Content\r\nLast-Event-ID: e-3\r\n\r\n";
    each_cut(POLL, empty, |outcome| {
        let (more, closes) = (false, false);
        assert_eq!(outcome.answered, [Answered { more, closes }]);
        assert!(outcome.subscriber.is_subscribed() && outcome.heard.is_empty());
        let request = request(&outcome.subscriber);
        assert!(request.starts_with("GET /t/poll?since=e-3 HTTP/1.1\r\nHost: h:1\r\n"));
    });
    let body = r#"{"next":"e-5","more":true,"messages":[{"id":"e-4","data":"a"},{"id":"e-5","data":"b\"c"}]}"#; // rustfmt::skip
    let full = format!(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    each_cut(LONG, full.as_bytes(), |outcome| {
        assert_eq!(outcome.heard, ["a", "b\"c"]);
        let (more, closes) = (true, true);
        assert_eq!(outcome.answered, [Answered { more, closes }]);
        let request = request(&outcome.subscriber);
        assert!(request.starts_with("GET /t/poll?since=e-5&wait=25 HTTP/1.1\r\n"));
    });
}

#[test]
fn the_first_request_says_what_the_way_is() {
    for (mode, line) in [
        (POLL, "GET /t/poll?since=latest HTTP/1.1"),
        (LONG, "GET /t/poll?since=latest&wait=25 HTTP/1.1"),
        (ReadMode::Sse, "Accept: text/event-stream"),
        (ReadMode::ShortPoll { kept_alive: false }, "Connection: close"),
        (RAW, "Upgrade: websocket"),
        (V1, "Sec-WebSocket-Protocol: tollway.v1"),
    ] {
        let request = request(&Subscriber::new(mode, 7, "h:1", "t"));
        assert!(request.split("\r\n").any(|is| is == line), "{request}");
        assert!(request.ends_with("\r\n\r\n"));
    }
}

#[test]
fn a_stream_is_subscribed_once_it_has_its_cursor() {
    let mut stream = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let head_only = fed(ReadMode::Sse, &stream, 1);
    assert!(!head_only.subscriber.is_subscribed());
    stream.extend_from_slice(b"12\r\nretry: 9\nid: e-1\n\n\r\n3\r\n:\n\n\r\n");
    let greeted = fed(ReadMode::Sse, &stream, 1);
    assert!(greeted.subscriber.is_subscribed() && greeted.heard.is_empty());
    stream.extend_from_slice(b"15\r\nid: e-2\ndata: hello\n\n\r\n");
    each_cut(ReadMode::Sse, &stream, |outcome| {
        assert_eq!((outcome.heard, outcome.fault), (vec!["hello".into()], None));
    });
    stream.extend_from_slice(b"0\r\n\r\n");
    each_cut(ReadMode::Sse, &stream, |outcome| {
        assert_eq!(outcome.fault, Some(Fault::CutOff));
    });
}

#[test]
fn a_raw_socket_hears_messages_and_answers_pings() {
    let mut stream = handshake("");
    frame::encode(Opcode::Text, b"one", &mut stream);
    frame::encode(Opcode::Ping, b"p", &mut stream);
    stream.extend_from_slice(b"\x01\x01t\x89\x01q\x80\x02wo"); // A ping between two fragments.
    each_cut(RAW, &stream, |outcome| {
        assert!(outcome.subscriber.is_subscribed());
        assert_eq!(outcome.heard, ["one", "two"]);
        let mut pongs = Vec::new();
        frames::encode(Opcode::Pong, b"p", MASK, &mut pongs);
        frames::encode(Opcode::Pong, b"q", MASK, &mut pongs);
        assert_eq!((outcome.reply, outcome.fault), (pongs, None));
    });
    frame::encode(Opcode::Close, b"\x03\xF5behind", &mut stream);
    each_cut(RAW, &stream, |outcome| {
        let closed = Fault::Closed(1013, "behind".into());
        assert_eq!(outcome.fault, Some(closed));
    });
}

#[test]
fn a_socket_of_tollway_v1_is_subscribed_once_it_has_its_cursor() {
    let mut stream = handshake("Sec-WebSocket-Protocol: tollway.v1\r\n");
    assert!(!fed(V1, &stream, 1).subscriber.is_subscribed());
    frame::encode(Opcode::Text, br#"{"next":"e-1"}"#, &mut stream);
    assert!(fed(V1, &stream, 1).subscriber.is_subscribed());
    frame::encode(Opcode::Text, br#"{"id":"e-2","data":"x"}"#, &mut stream);
    each_cut(V1, &stream, |outcome| assert_eq!(outcome.heard, ["x"]));
    each_cut(RAW, &stream, |outcome| {
        assert_eq!(outcome.fault, Some(Fault::Handshake));
    });
}

#[test]
fn what_is_not_expected_is_a_fault() {
    let refused = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    for mode in [POLL, LONG, ReadMode::Sse, RAW] {
        each_cut(mode, refused, |outcome| {
            assert_eq!(outcome.fault, Some(Fault::Status(503)));
        });
    }
    let body = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]";
    each_cut(POLL, body, |outcome| {
        assert_eq!(outcome.fault, Some(Fault::Json));
    });
}

#[test]
fn an_end_is_good_only_between_two_polls() {
    let answer = b"HTTP/1.1 204 No Content\r\nLast-Event-ID: e-3\r\n\r\n";
    assert_eq!(fed(POLL, answer, 1).subscriber.ended(false), Ok(()));
    assert_eq!(fed(POLL, answer, 1).subscriber.ended(true), Err(Fault::CutOff));
    assert_eq!(fed(POLL, &answer[..9], 1).subscriber.ended(false), Err(Fault::CutOff));
}
