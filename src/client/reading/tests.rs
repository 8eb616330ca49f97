//! What each technique's bytes come to, fed whole and in small pieces.

use super::*;
use crate::client::told::{Delivery, MissedSpan};
use crate::wire::frame::{self, Opcode};

fn endpoint() -> Endpoint {
    Endpoint { host: "a.example".into(), prefix: String::new(), token: None }
}

/// Feeds `bytes` in pieces of `at_once`; what was told, but for signs of life.
fn tell(
    reading: &mut Reading,
    bytes: &[u8],
    at_once: usize,
) -> (Vec<Told>, Vec<u8>, Option<Setback>) {
    let (mut told, mut reply, mut setback) = (Vec::new(), Vec::new(), None);
    for piece in bytes.chunks(at_once) {
        setback = reading.received(piece, &mut told, &mut reply).err();
        if setback.is_some() {
            break;
        }
    }
    told.retain(|told| *told != Told::Alive);
    (told, reply, setback)
}

fn delivery(id: &str, event: Option<&str>, data: &[u8], is_binary: bool) -> Told {
    Told::Message(Delivery {
        id: id.into(),
        topic: None,
        event: event.map(Into::into),
        data: data.into(),
        is_binary,
    })
}

fn gap() -> Told {
    Told::Gap(MissedSpan { from: "d-1".into(), to: "e-1".into(), reason: "epoch".into() })
}

const GAP: &str = r#"{"from":"d-1","to":"e-1","reason":"epoch"}"#;

#[test]
fn a_poll_tells_the_gap_the_messages_and_the_cursor() {
    let messages = [
        r#"{"id":"e-1","data":"/wA=","encoding":"base64"}"#,
        r#"{"id":"e-2","event":"x","data":"\u00fc"}"#,
    ];
    let messages = messages.join(",");
    let body = format!(r#"{{"next":"e-2","gap":{GAP},"more":true,"messages":[{messages}]}}"#);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for at_once in [1, 7, answer.len()] {
        let mut reading = Reading::new(Technique::LongPoll, &["a b".into()], "d-1");
        reading.connected();
        let request = String::from_utf8(reading.request(&endpoint(), 25)).expect("ASCII");
        assert!(request.starts_with("GET /a%20b/poll?since=d-1&wait=25 HTTP/1.1\r\n"));
        let (told, _, setback) = tell(&mut reading, answer.as_bytes(), at_once);
        assert_eq!(setback, None);
        assert_eq!(
            told,
            [
                gap(),
                delivery("e-1", None, &[255, 0], true),
                delivery("e-2", Some("x"), "ü".as_bytes(), false),
                Told::Cursor("e-2".into()),
                Told::Answered { more: true, closes: false, granted_s: None },
            ]
        );
        assert_eq!(reading.cursor(), "e-2");
        let traffic = reading.take_traffic();
        assert_eq!((traffic.requests, traffic.messages, traffic.empty), (1, 2, 0));
        assert_eq!(traffic.bytes_in.payload, 4);
        assert_eq!(traffic.bytes_in.total(), answer.len() as u64);
        assert_eq!(traffic.bytes_out.total(), request.len() as u64);
    }
}

#[test]
fn an_empty_answer_moves_the_cursor_by_its_field() {
    let mut reading = Reading::new(Technique::ShortPoll, &["a".into()], "latest");
    let answer = b"HTTP/1.1 204 No Content\r\nLast-Event-ID: e-7\r\nConnection: close\r\n\r\n";
    let (told, _, _) = tell(&mut reading, answer, 9);
    let expected =
        [Told::Cursor("e-7".into()), Told::Answered { more: false, closes: true, granted_s: None }];
    assert_eq!(told, expected);
    assert_eq!(reading.take_traffic().empty, 1);
    reading.request(&endpoint(), 0);
    let (_, _, setback) = tell(&mut reading, b"HTTP/1.1 204 No Content\r\n\r\n", 99);
    assert!(setback.expect("a reader would stand still").what.contains("without a cursor"));
}

#[test]
fn an_event_stream_tells_cursors_messages_and_gaps() {
    let events = format!(
        "retry: 1\nid: d-1\n\nid: e-0\nevent: gap\ndata: {{\"gap\":{GAP}}}\n\n: base64\nid: e-1\n\
         data: /wA=\n\n:\n\nid: e-2\nevent: x\ndata: two\ndata: lines\n\n"
    );
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    let chunk = format!("{:x}\r\n{events}\r\n", events.len());
    let stream = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}");
    for at_once in [1, 11, stream.len()] {
        let mut reading = Reading::new(Technique::Sse, &["a".into()], "d-1");
        let (told, _, setback) = tell(&mut reading, stream.as_bytes(), at_once);
        assert_eq!(setback, None);
        let mut messages = told.clone();
        messages.retain(|told| !matches!(told, Told::Cursor(_)));
        let expected = [
            gap(),
            delivery("e-1", None, &[255, 0], true),
            delivery("e-2", Some("x"), b"two\nlines", false),
        ];
        assert_eq!(messages, expected, "{at_once} at once");
        assert_eq!(reading.cursor(), "e-2");
        let traffic = reading.take_traffic();
        assert_eq!((traffic.bytes_in.payload, traffic.bytes_in.heartbeat), (11, 3));
        assert_eq!(traffic.bytes_in.total(), stream.len() as u64, "{at_once} at once");
    }
}

#[test]
fn a_stream_that_begins_at_our_cursor_tells_it_and_one_that_ends_says_when_to_come_back() {
    let mut reading = Reading::new(Technique::Sse, &["a".into()], "e-0");
    let stream =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 1807\nid: e-0\n\n";
    let (told, _, setback) = tell(&mut reading, stream, 20);
    assert_eq!((told, setback), (vec![Told::Cursor("e-0".into())], None));
    assert_eq!(tell(&mut reading, b":\n\n", 1).0, []);
    let ended = reading.ended(&mut Vec::new()).expect_err("it goes on");
    assert_eq!((&*ended.what, ended.retry_after_ms), ("ended the stream", Some(1807)));
    assert!(!ended.is_goodbye);
    tell(&mut reading, b"retry: 99\n\n", 4);
    let ended = reading.ended(&mut Vec::new()).expect_err("it goes on");
    assert_eq!((ended.is_goodbye, ended.retry_after_ms), (true, Some(99)));
}

#[test]
fn an_answer_without_a_length_ends_with_its_connection() {
    let head = "HTTP/1.0 200 OK\r\n\r\n";
    let whole = format!(r#"{head}{{"next":"e-1","messages":[{{"id":"e-1","data":"x"}}]}}"#);
    for at_once in [1, whole.len()] {
        let mut reading = Reading::new(Technique::ShortPoll, &["a".into()], "latest");
        reading.connected();
        let (mut told, _, setback) = tell(&mut reading, whole.as_bytes(), at_once);
        assert_eq!((&*told, setback), (&[][..], None), "it may go on");
        reading.ended(&mut told).expect("it is whole");
        let answered = Told::Answered { more: false, closes: false, granted_s: None };
        let cursor = Told::Cursor("e-1".into());
        assert_eq!(told, [delivery("e-1", None, b"x", false), cursor, answered]);
        assert_eq!(reading.cursor(), "e-1");
        // Between two answers there is nothing to be ended.
        assert_eq!(reading.ended(&mut told).expect_err("no answer").what, "was cut");
    }
    // One that has a length, and ends before it; and half of an object.
    let cut = whole.replacen("\r\n\r\n", "\r\nContent-Length: 99\r\n\r\n", 1);
    for (stream, what) in [(&*cut, "was cut"), (&whole[..whole.len() - 1], "other JSON")] {
        let mut reading = Reading::new(Technique::ShortPoll, &["a".into()], "latest");
        reading.connected();
        let (mut told, ..) = tell(&mut reading, stream.as_bytes(), 7);
        let setback = reading.ended(&mut told).expect_err(stream);
        assert!(setback.what.contains(what), "{}", setback.what);
        assert_eq!(told, []);
    }
}

#[test]
fn frames_are_joined_pings_answered_and_a_close_ends_it() {
    let mut reading = Reading::new(Technique::WebSocket, &["a".into()], "latest");
    let request = String::from_utf8(reading.request(&endpoint(), 0)).expect("ASCII");
    let key = request.split("Sec-WebSocket-Key: ").nth(1).and_then(|r| r.split("\r\n").next());
    let accept = crate::wire::handshake::accept_key(key.expect("a key").as_bytes());
    let accept = str::from_utf8(&accept).expect("base64");
    let mut stream = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: tollway.v1\r\n\r\n"
    )
    .into_bytes();
    frame::encode(Opcode::Text, br#"{"next":"e-0"}"#, &mut stream);
    frame::encode(Opcode::Ping, b"p", &mut stream);
    let fragments = [&[0x01, 12][..], br#"{"id":"e-1","#, &[0x80, 11], br#""data":"a"}"#];
    stream.extend(fragments.concat());
    frame::encode(Opcode::Text, format!(r#"{{"gap":{GAP}}}"#).as_bytes(), &mut stream);
    for at_once in [1, stream.len()] {
        reading.connected();
        let (told, reply, setback) = tell(&mut reading, &stream, at_once);
        assert_eq!(setback, None);
        let expected = [Told::Cursor("e-0".into()), delivery("e-1", None, b"a", false), gap()];
        assert_eq!(told, expected);
        assert_eq!((reply[0], reply[1], reply.len()), (0x8A, 0x81, 7));
    }
    let mut close = Vec::new();
    frame::encode(Opcode::Close, b"\x03\xf5gone\x1b", &mut close);
    let (_, _, setback) = tell(&mut reading, &close, 99);
    assert_eq!(setback.expect("it is over").what, "was closed with 1013 gone\\u{1b}");
}

/// The payload of the one frame that is in `bytes`, a Close with a mask.
fn close_in(bytes: &[u8]) -> Vec<u8> {
    assert_eq!((bytes[0], usize::from(bytes[1])), (0x88, 0x80 | (bytes.len() - 6)));
    let mask = bytes[2..6].first_chunk().expect("four bytes");
    let mut payload = bytes[6..].to_vec();
    frame::unmask(&mut payload, *mask, 0);
    payload
}

#[test]
fn a_close_is_answered_once_and_who_leaves_says_so() {
    let open = || {
        let mut reading = Reading::new(Technique::WebSocket, &["a".into()], "latest");
        reading.stage = ReadingStage::Frames;
        reading
    };
    for (payload, echo) in [
        (&b"\x03\xe9bye"[..], &[0x03, 0xE9][..]),
        (b"", b""),
        // 1005 may not be sent, and half a code is none.
        (b"\x03\xed", &[0x03, 0xEA]),
        (b"\x03", &[0x03, 0xEA]),
    ] {
        let (mut reading, mut close) = (open(), Vec::new());
        frame::encode(Opcode::Close, payload, &mut close);
        close.extend_from_slice(b"more");
        let (_, mut reply, setback) = tell(&mut reading, &close, 99);
        assert!(setback.is_some());
        reading.leave(&mut reply);
        assert_eq!(close_in(&reply), echo, "{payload:x?}");
        let traffic = reading.take_traffic();
        assert_eq!(traffic.bytes_out.framing, reply.len() as u64);
        assert_eq!(traffic.bytes_in.framing, close.len() as u64 - 4);
    }
    let (mut reading, mut left) = (open(), Vec::new());
    reading.leave(&mut left);
    assert_eq!(close_in(&left), 1000_u16.to_be_bytes());
    let (_, offended, _) = tell(&mut open(), &[0xC1, 0], 2);
    assert_eq!(close_in(&offended), 1002_u16.to_be_bytes());
    let (mut polls, mut none) = (Reading::new(Technique::LongPoll, &["a".into()], "e-1"), vec![]);
    polls.leave(&mut none);
    assert!(none.is_empty());
}

const LATE: &str =
    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlate";

#[test]
fn a_server_that_ends_an_idle_connection_in_words_answers_no_poll() {
    let empty = "HTTP/1.1 204 No Content\r\nLast-Event-ID: e-7\r\n\r\n";
    let answered = |closes| {
        [Told::Cursor("e-7".into()), Told::Answered { more: false, closes, granted_s: None }]
    };
    let mut reading = Reading::new(Technique::LongPoll, &["a".into()], "e-7");
    reading.connected();
    reading.request(&endpoint(), 25);
    // In the same read as an answer: whoever asks again does it on another connection.
    let (told, _, setback) = tell(&mut reading, format!("{empty}{LATE}").as_bytes(), 999);
    assert_eq!((&*told, setback), (&answered(true)[..], None));
    // It crosses the next poll.
    reading.connected();
    reading.request(&endpoint(), 25);
    let (told, _, setback) = tell(&mut reading, empty.as_bytes(), 7);
    assert_eq!((&*told, setback), (&answered(false)[..], None));
    reading.request(&endpoint(), 25);
    let (told, _, setback) = tell(&mut reading, LATE.as_bytes(), 7);
    assert_eq!((&*told, setback), (&[Told::TimedOut][..], None));
    // As the first answer of a connection it is about the poll.
    reading.connected();
    reading.request(&endpoint(), 25);
    let (told, _, setback) = tell(&mut reading, LATE.as_bytes(), 7);
    assert_eq!(
        (&*told, setback.map(|setback| setback.what)),
        (&[][..], Some("was refused: 408".into()))
    );
}

#[test]
fn what_is_no_answer_of_ours_is_refused_by_name() {
    for (technique, stream, what) in [
        (Technique::Sse, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "no event stream"),
        (Technique::WebSocket, "HTTP/1.1 101 Switching Protocols\r\n\r\n", "the handshake"),
        (Technique::ShortPoll, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "no cursor"),
        (Technique::ShortPoll, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n<>", "other JSON"),
        (Technique::ShortPoll, "SSH-2.0\r\n\r\n", "broke HTTP"),
        (Technique::ShortPoll, "HTTP/1.1 404 Nope\r\nContent-Length: 0\r\n\r\n", "refused: 404"),
    ] {
        let mut reading = Reading::new(technique, &["a".into()], "latest");
        let (_, _, setback) = tell(&mut reading, stream.as_bytes(), 99);
        let setback = setback.expect(stream);
        assert!(setback.what.contains(what), "{stream}: {}", setback.what);
    }
}

#[test]
fn a_server_cannot_make_it_hold_more_than_the_bound() {
    let mut reading = Reading::new(Technique::Sse, &["a".into()], "latest");
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: ";
    assert_eq!(tell(&mut reading, head, 99).2, None);
    let piece = vec![b'x'; 1 << 20];
    let fed = (0..64).find(|_| tell(&mut reading, &piece, piece.len()).2.is_some());
    assert!(fed.is_some_and(|mebibytes| mebibytes >= 31), "{fed:?}");
}
