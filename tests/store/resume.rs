//! Readers of all four techniques, who come with a cursor from before a kill.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::dice::Dice;
use super::{Acked, get, split};

const STALL: Duration = Duration::from_secs(20);

fn connect(port: u16) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_read_timeout(Some(STALL)).expect("not zero");
    BufReader::new(stream)
}

/// Opens an event stream behind `since`, if that is said.
fn stream(port: u16, since: Option<&str>) -> BufReader<TcpStream> {
    let mut reader = connect(port);
    let cursor = since.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
    let head = format!("GET /t/sse HTTP/1.0\r\nHost: h\r\n{cursor}\r\n");
    reader.get_mut().write_all(head.as_bytes()).expect("it reads");
    reader
}

/// The next message of an event stream. `None`: it has ended.
fn next_event(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let (mut id, mut data) = (None, None);
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
        let line = line.trim_end();
        assert_ne!(line, "event: gap", "a gap");
        if let Some(text) = line.strip_prefix("id:") {
            id = Some(text.trim().to_owned());
        } else if let Some(text) = line.strip_prefix("data:") {
            data = Some(text.trim().to_owned());
        } else if line.is_empty()
            && let (Some(id), Some(data)) = (id.as_ref(), data.take())
        {
            return Some((id.clone(), data));
        }
    }
}

/// Reads until the server is gone: the last message that was told.
pub(crate) fn last_seen_live(port: u16) -> Option<(u64, String)> {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return None;
    };
    stream.set_read_timeout(Some(STALL)).expect("not zero");
    let mut reader = BufReader::new(stream);
    let head = b"GET /t/sse HTTP/1.0\r\nHost: h\r\n\r\n";
    reader.get_mut().write_all(head).ok()?;
    let mut last: Option<(u64, String)> = None;
    while let Some((id, text)) = next_event(&mut reader) {
        let (_, number) = split(&id);
        assert!(last.as_ref().is_none_or(|(before, _)| *before < number), "in order");
        last = Some((number, text));
    }
    last
}

/// Goes on from a number that is followed by others, or from the newest.
pub(crate) fn by_all_techniques(port: u16, epoch: &str, found: &Acked, dice: &mut Dice) {
    let numbers: Vec<u64> = found.keys().copied().collect();
    let at = dice.below(numbers.len());
    let cursor = format!("{epoch}-{}", numbers[at]);
    let next = numbers.get(at + 1).map(|number| format!("{epoch}-{number}"));
    let text = numbers.get(at + 1).map(|number| found[number].clone());
    for wait in ["", "wait=1&"] {
        let (status, page) = get(port, &format!("/t/poll?{wait}since={cursor}"));
        let Some(next) = &next else {
            assert_eq!(status, 204, "nothing follows: {page}");
            continue;
        };
        assert_eq!((status, page.get("gap")), (200, None), "{page}");
        assert_eq!((page["messages"][0]["id"].as_str()), Some(next.as_str()));
    }
    let Some(next) = next else {
        return;
    };
    let event = next_event(&mut stream(port, Some(&cursor)));
    assert_eq!(event, Some((next.clone(), text.expect("it follows"))), "an event stream");
    assert_eq!(first_of_socket(port, &cursor), next, "a WebSocket");
}

/// The id of the first message that a WebSocket is told behind `cursor`.
fn first_of_socket(port: u16, cursor: &str) -> String {
    let mut reader = connect(port);
    let head = format!(
        "GET /t/ws?since={cursor} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: tollway.v1\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    reader.get_mut().write_all(head.as_bytes()).expect("it reads");
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).expect("a head");
    }
    loop {
        let mut head = [0; 2];
        reader.read_exact(&mut head).expect("a frame");
        assert_eq!(head[0], 0x81, "text");
        let mut length = usize::from(head[1]);
        if length == 126 {
            let mut long = [0; 2];
            reader.read_exact(&mut long).expect("a length");
            length = usize::from(u16::from_be_bytes(long));
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a frame");
        let value: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(value.get("gap"), None, "{value}");
        if let Some(id) = value.get("id").and_then(Value::as_str) {
            return id.to_owned();
        }
    }
}
