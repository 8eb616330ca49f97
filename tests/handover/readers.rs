//! Readers who come back: each notes down what it saw, and where it went on.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::END;

/// A read that takes longer than this fails its test.
const STALL: Duration = Duration::from_secs(40);
/// Between two questions of a short poll.
const INTERVAL: Duration = Duration::from_millis(5);
const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9];

/// A way to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Short,
    Long,
    Sse,
    Dialect,
    /// It has no cursors, so it does not come back.
    Raw,
}

impl Way {
    pub(crate) const ALL: [Self; 5] =
        [Self::Short, Self::Long, Self::Sse, Self::Dialect, Self::Raw];
}

/// What a reader saw.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The cursor that it was greeted with.
    Cursor(String),
    Message {
        id: String,
        data: String,
    },
    Gap {
        from: String,
        to: String,
        reason: String,
    },
    /// The code of a Close frame.
    Close(u16),
}

struct Notes {
    cursor: Option<String>,
    seen: Vec<Seen>,
    ended: bool,
}

impl Notes {
    fn message(&mut self, id: &str, data: &str) {
        self.ended |= data == END;
        self.cursor = Some(id.to_owned());
        self.seen.push(Seen::Message { id: id.to_owned(), data: data.to_owned() });
    }

    fn gap(&mut self, gap: &Value) {
        let text = |name: &str| gap[name].as_str().expect("text").to_owned();
        self.seen.push(Seen::Gap { from: text("from"), to: text("to"), reason: text("reason") });
    }

    fn greeted(&mut self, cursor: &str) {
        self.cursor = Some(cursor.to_owned());
        self.seen.push(Seen::Cursor(cursor.to_owned()));
    }

    fn since(&self) -> &str {
        self.cursor.as_deref().unwrap_or("earliest")
    }
}

/// Reads until the last message, connecting again whenever it was told to leave.
pub(crate) fn read(way: Way, address: SocketAddr, greeted: &Barrier) -> Vec<Seen> {
    let mut notes = Notes { cursor: None, seen: Vec::new(), ended: false };
    let mut waits = Some(greeted);
    while !notes.ended {
        let mut line = Line::connect(address);
        match way {
            Way::Short => poll(&mut line, "", &mut notes, &mut waits),
            Way::Long => poll(&mut line, "&wait=20", &mut notes, &mut waits),
            Way::Sse => stream(&mut line, &mut notes, &mut waits),
            Way::Dialect => socket(&mut line, true, &mut notes, &mut waits),
            Way::Raw => {
                socket(&mut line, false, &mut notes, &mut waits);
                break;
            }
        }
    }
    notes.seen
}

/// Connects again and again, until nobody listens; `knocking` waits for the first answer. Tells how
/// many were answered.
pub(crate) fn knock(port: u16, knocking: &Barrier) -> usize {
    let mut answered = 0;
    let mut waits = Some(knocking);
    loop {
        let stream = match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return answered,
            Err(error) => panic!("{error}"),
        };
        let mut line = Line::over(stream);
        line.send(b"GET /-/healthy HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let head = line.head().expect("whoever connected is answered");
        assert_eq!(head.0, 200);
        answered += 1;
        is_greeted(&mut waits);
    }
}

type Waits<'b> = Option<&'b Barrier>;

fn is_greeted(waits: &mut Waits<'_>) {
    if let Some(barrier) = waits.take() {
        barrier.wait();
    }
}

fn poll(line: &mut Line, wait: &str, notes: &mut Notes, waits: &mut Waits<'_>) {
    while !notes.ended {
        let since = notes.since().to_owned();
        if waits.is_some() {
            // The first question comes before there is anything.
            line.send(b"GET /t/poll HTTP/1.1\r\nHost: h\r\n\r\n");
        } else {
            line.send(
                format!("GET /t/poll?since={since}{wait} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes(),
            );
        }
        let Some((status, fields)) = line.head() else {
            return; // It was let go before it asked.
        };
        let field = |name: &str| {
            let found = fields.iter().find(|(given, _)| given == name);
            found.map(|(_, value)| value.as_str())
        };
        let next = field("last-event-id").expect("every poll answer hands out a cursor");
        if status == 200 {
            let length = field("content-length").and_then(|n| n.parse().ok()).expect("a length");
            let body: Value = serde_json::from_slice(&line.bytes(length)).expect("JSON");
            if body.get("gap").is_some() {
                notes.gap(&body["gap"]);
            }
            for message in body["messages"].as_array().expect("a list") {
                let text = |name: &str| message[name].as_str().expect("text");
                notes.message(text("id"), text("data"));
            }
        }
        if notes.cursor.is_none() {
            notes.greeted(next);
        }
        notes.cursor = Some(next.to_owned());
        is_greeted(waits);
        if field("connection") == Some("close") {
            return;
        }
        if wait.is_empty() {
            thread::sleep(INTERVAL);
        }
    }
}

fn stream(line: &mut Line, notes: &mut Notes, waits: &mut Waits<'_>) {
    let since = notes.since().to_owned();
    line.send(
        format!("GET /t/sse HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {since}\r\n\r\n").as_bytes(),
    );
    let (status, _) = line.head().expect("a stream begins");
    assert_eq!(status, 200);
    let (mut id, mut event, mut data) = (None::<String>, None::<String>, None::<String>);
    let mut was_last = false;
    // Sizes of chunks stand on lines of their own, and look like no field of an event.
    while let Some(text) = line.text() {
        was_last = text == "0" || was_last && text.is_empty();
        match text.split_once(": ") {
            Some(("id", value)) => id = Some(value.to_owned()),
            Some(("event", value)) => event = Some(value.to_owned()),
            Some(("data", value)) => data = Some(value.to_owned()),
            _ if text.is_empty() => {
                let (event, data) = (event.take(), data.take());
                let Some(id) = id.take() else {
                    continue;
                };
                match (event.as_deref(), data) {
                    (None, None) => notes.greeted(&id),
                    (Some("gap"), Some(data)) => {
                        let value: Value = serde_json::from_str(&data).expect("JSON");
                        notes.gap(&value["gap"]);
                        notes.cursor = Some(id);
                    }
                    (_, Some(data)) => notes.message(&id, &data),
                    (Some(event), None) => panic!("an event {event} without data"),
                }
                is_greeted(waits);
            }
            _ => {}
        }
        if notes.ended {
            return;
        }
    }
    assert!(was_last, "a stream ends by its last chunk");
}

fn socket(line: &mut Line, dialect: bool, notes: &mut Notes, waits: &mut Waits<'_>) {
    let since = notes.since().to_owned();
    let protocol = if dialect { "Sec-WebSocket-Protocol: tollway.v1\r\n" } else { "" };
    line.send(
        format!(
            "GET /t/ws?since={since} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{protocol}\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .as_bytes(),
    );
    let (status, _) = line.head().expect("a socket opens, or is refused");
    if status == 503 {
        return; // It came too late.
    }
    assert_eq!(status, 101);
    if !dialect {
        is_greeted(waits);
    }
    while let Some((opcode, payload)) = line.frame() {
        match opcode {
            8 => {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                notes.seen.push(Seen::Close(code));
                line.send(&CLOSE);
                assert!(line.frame().is_none(), "nothing follows a Close frame");
                return;
            }
            1 if dialect => {
                let value: Value = serde_json::from_slice(&payload).expect("JSON");
                if let Some(next) = value["next"].as_str() {
                    notes.greeted(next);
                    is_greeted(waits);
                }
                if value.get("gap").is_some() {
                    notes.gap(&value["gap"]);
                }
                if let (Some(id), Some(data)) = (value["id"].as_str(), value["data"].as_str()) {
                    notes.message(id, data);
                }
            }
            1 => {
                let data = String::from_utf8(payload).expect("text");
                notes.seen.push(Seen::Message { id: String::new(), data });
            }
            other => assert_eq!(other, 9, "an opcode that nobody expects"),
        }
        if notes.ended {
            return;
        }
    }
    panic!("a socket ends by a Close frame");
}

/// A connection, read line by line and frame by frame.
struct Line {
    reader: BufReader<TcpStream>,
}

impl Line {
    fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("somebody listens at any moment"))
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(STALL)).expect("not zero");
        Self { reader: BufReader::new(stream) }
    }

    /// A peer that has ended its side may have closed, too: what it said is still read.
    fn send(&mut self, bytes: &[u8]) {
        let _ = self.reader.get_mut().write_all(bytes);
    }

    /// One line. `None`: the end.
    fn text(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line).expect("a line in time, and no reset");
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// A head: its status, and its fields with names in lower case. `None`: the end.
    fn head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        let first = self.text()?;
        let status = first.split(' ').nth(1).and_then(|digits| digits.parse().ok());
        let mut fields = Vec::new();
        loop {
            let line = self.text().expect("a whole head");
            if line.is_empty() {
                return Some((status.expect("a status"), fields));
            }
            let (name, value) = line.split_once(": ").expect("a field");
            fields.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).expect("all of it");
        bytes
    }

    /// A frame of a server: its opcode and payload. `None`: the end.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut first = [0];
        if self.reader.read(&mut first).expect("a frame in time, and no reset") == 0 {
            return None;
        }
        let length = match self.bytes(1)[0] {
            126 => {
                let bytes = self.bytes(2);
                usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
            }
            short => {
                assert!(short < 126, "no message here is so long, and no server masks");
                usize::from(short)
            }
        };
        Some((first[0] % 16, self.bytes(length)))
    }
}
