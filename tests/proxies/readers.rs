//! Readers by the four techniques, through whatever listens at a port: each says what the next
//! message is, and knows its cursor.
//!
//! Came from: the tests of this folder. Goes to: `http.rs` and `tungstenite`. Absent on purpose:
//! reconnecting. A test that wants it drops a reader and opens another one at its cursor.
#![allow(dead_code)] // Each test program uses its own part of this file.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Error, Message, WebSocket};

use crate::http::{Wire, text};

/// A read that takes longer than this fails its test.
const STALL: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Technique {
    ShortPoll,
    LongPoll,
    Sse,
    WebSocket,
}

impl Technique {
    pub(crate) const ALL: [Technique; 4] =
        [Technique::ShortPoll, Technique::LongPoll, Technique::Sse, Technique::WebSocket];

    /// Its name among the subscribers of `/{topic}/info`; short polls are never there.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Technique::ShortPoll => "short_poll",
            Technique::LongPoll => "long_poll",
            Technique::Sse => "sse",
            Technique::WebSocket => "websocket",
        }
    }
}

/// A reader of one topic.
pub(crate) enum Reader {
    Poll(Poll),
    Sse(EventStream),
    WebSocket(Box<Socket>),
}

impl Reader {
    /// Reads what follows `since`.
    pub(crate) fn open(technique: Technique, port: u16, topic: &str, since: &str) -> Self {
        match technique {
            Technique::ShortPoll => Self::Poll(Poll::open(port, topic, since, 0)),
            Technique::LongPoll => Self::Poll(Poll::open(port, topic, since, 20)),
            Technique::Sse => Self::Sse(EventStream::open(port, topic, since)),
            Technique::WebSocket => Self::WebSocket(Box::new(Socket::open(port, topic, since))),
        }
    }

    /// The data of the next message; of a short poll, as soon as there is one.
    pub(crate) fn next(&mut self) -> String {
        match self {
            Reader::Poll(poll) => poll.next(),
            Reader::Sse(stream) => stream.next(),
            Reader::WebSocket(socket) => socket.next(),
        }
    }

    /// The id of the last message that `next` gave.
    pub(crate) fn cursor(&self) -> String {
        match self {
            Reader::Poll(poll) => poll.cursor.clone(),
            Reader::Sse(stream) => stream.cursor.clone(),
            Reader::WebSocket(socket) => socket.cursor.clone(),
        }
    }
}

/// Polls on one connection that stays.
pub(crate) struct Poll {
    wire: Wire,
    port: u16,
    topic: String,
    wait: u32,
    cursor: String,
    messages: VecDeque<(String, String)>,
}

impl Poll {
    fn open(port: u16, topic: &str, since: &str, wait: u32) -> Self {
        let (topic, cursor) = (topic.to_owned(), since.to_owned());
        Self { wire: Wire::open(port), port, topic, wait, cursor, messages: VecDeque::new() }
    }

    fn next(&mut self) -> String {
        loop {
            if let Some((id, data)) = self.messages.pop_front() {
                self.cursor = id;
                return data;
            }
            self.ask();
        }
    }

    fn ask(&mut self) {
        let Self { port, topic, wait, cursor, .. } = self;
        self.wire.send(format!(
            "GET /{topic}/poll?wait={wait}&limit=7 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
             Last-Event-ID: {cursor}\r\n\r\n"
        ));
        let answer = self.wire.answer();
        match answer.status {
            204 => {}
            200 => {
                let body = answer.json();
                assert_eq!(body.get("gap"), None);
                let messages = body["messages"].as_array().expect("a poll lists messages").iter();
                self.messages.extend(messages.map(|m| (text(&m["id"]), text(&m["data"]))));
            }
            other => panic!("{other}: {:?}", String::from_utf8_lossy(&answer.body)),
        }
    }
}

/// One event, or a comment, which has neither id nor data; as little as `retry:` alone.
#[derive(Debug, Default)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) data: Option<String>,
    pub(crate) is_comment: bool,
    /// It says when to come back.
    pub(crate) has_retry: bool,
}

/// An event stream, chunked or ended by its connection.
pub(crate) struct EventStream {
    wire: Wire,
    is_chunked: bool,
    bytes: Vec<u8>,
    cursor: String,
}

impl EventStream {
    /// Opens it, and reads up to the cursor that it hands out first.
    pub(crate) fn open(port: u16, topic: &str, since: &str) -> Self {
        let mut wire = Wire::open(port);
        wire.send(format!(
            "GET /{topic}/sse HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nLast-Event-ID: {since}\r\n\r\n"
        ));
        let head = wire.head();
        assert_eq!(head.status, 200, "{head:?}");
        assert_eq!(head.field("content-type"), Some("text/event-stream"));
        let is_chunked = head.field("transfer-encoding") == Some("chunked");
        let mut stream = Self { wire, is_chunked, bytes: Vec::new(), cursor: String::new() };
        let first = stream.event().expect("a first event");
        assert!(first.data.is_none() && !first.id.is_empty(), "{first:?}");
        stream.cursor = first.id;
        stream
    }

    /// The data of the next message.
    pub(crate) fn next(&mut self) -> String {
        loop {
            let event = self.event().expect("the stream goes on");
            if let Some(data) = event.data {
                self.cursor = event.id;
                return data;
            }
        }
    }

    /// The next event or comment. `None`: the stream ended.
    pub(crate) fn event(&mut self) -> Option<Event> {
        loop {
            let end = self.bytes.windows(2).position(|two| two == b"\n\n");
            if let Some(end) = end {
                let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
                return Some(read_event(std::str::from_utf8(&block).expect("events are UTF-8")));
            }
            let more = if self.is_chunked { self.wire.chunk() } else { self.wire.some() };
            self.bytes.extend(more.filter(|more| !more.is_empty())?);
        }
    }
}

fn read_event(block: &str) -> Event {
    let mut event = Event { is_comment: block.starts_with(':'), ..Event::default() };
    for line in block.lines() {
        if let Some(id) = line.strip_prefix("id: ") {
            id.clone_into(&mut event.id);
        } else if let Some(data) = line.strip_prefix("data: ") {
            event.data = Some(data.to_owned());
        }
        event.has_retry |= line.starts_with("retry: ");
    }
    event
}

/// A WebSocket that speaks `tollway.v1`, which tells ids.
pub(crate) struct Socket {
    pub(crate) inner: WebSocket<TcpStream>,
    cursor: String,
}

impl Socket {
    /// Opens it, and reads the cursor that it hands out first.
    pub(crate) fn open(port: u16, topic: &str, since: &str) -> Self {
        let inner = websocket(port, &format!("/{topic}/ws?since={since}"), Some("tollway.v1"));
        let mut socket = Self { inner: inner.expect("a handshake"), cursor: String::new() };
        socket.cursor = text(&socket.json()["next"]);
        socket
    }

    fn next(&mut self) -> String {
        let message = self.json();
        self.cursor = text(&message["id"]);
        text(&message["data"])
    }

    /// The next message, whatever it is. Linux does not take up again a read with a deadline that
    /// a signal has interrupted (signal(7)); that is not the server's fault.
    pub(crate) fn message(&mut self) -> Message {
        loop {
            match self.inner.read() {
                Err(Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.expect("a message in time"),
            }
        }
    }

    fn json(&mut self) -> Value {
        loop {
            match self.message() {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                // Written by the next read.
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A WebSocket at a port, with a deadline on its reads; or why there is none.
pub(crate) fn websocket(
    port: u16,
    path: &str,
    protocol: Option<&str>,
) -> Result<WebSocket<TcpStream>, String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
    stream.set_read_timeout(Some(STALL)).expect("not zero");
    stream.set_nodelay(true).expect("a TCP socket");
    let address = format!("ws://127.0.0.1:{port}{path}");
    let mut request = address.into_client_request().expect("an address of ours");
    if let Some(protocol) = protocol {
        let value = HeaderValue::from_str(protocol).expect("a token");
        request.headers_mut().insert("Sec-WebSocket-Protocol", value);
    }
    let opened = tungstenite::client(request, stream);
    opened.map(|(socket, _)| socket).map_err(|error| error.to_string())
}
