//! Bytes by class: what each byte that was captured is for, by the definitions of the ledger.
//!
//! The length of a message's payload is not taken from what readers got, where it may be escaped,
//! encoded or cut in lines, but from the captured request that published it; and what readers got
//! is held against that, so a message that arrives changed fails here.
//!
//! Came from: `exchange`, `events`, `frames`. Goes to: `account`. Absent on purpose: compressed
//! frames.

use std::collections::HashMap;

use serde_json::Value;

use crate::account::{Accounts, Classes};
use crate::connection::Connection;
use crate::events::{Block, blocks};
use crate::exchange::{self, Answer, Request};
use crate::frames::{Frame, frames};
use crate::json::{data, decoded, json};

/// Published data by its id, as far as publishers were told ids.
#[derive(Debug, Default)]
pub(crate) struct Published(HashMap<String, Vec<u8>>);

/// What one connection said and heard.
pub(crate) struct Talk {
    pub(crate) exchanges: Vec<(Request, Option<Answer>)>,
    /// Frames of the client and of the server, behind a handshake.
    frames: Option<(Vec<Frame>, Vec<Frame>)>,
}

/// A request, and of which technique its connection is from then on.
pub(crate) struct Turn {
    pub(crate) technique: &'static str,
    pub(crate) is_change: bool,
    /// Where in what the server sends the answer begins.
    pub(crate) answer_at: usize,
}

impl Talk {
    /// Reads the bytes of both directions to their end.
    pub(crate) fn of(connection: &Connection) -> Self {
        Self::of_bytes(&connection.bytes(false), &connection.bytes(true))
    }

    /// The same, of bytes that were in records of TLS.
    pub(crate) fn of_bytes(mut incoming: &[u8], mut outgoing: &[u8]) -> Self {
        let mut exchanges = Vec::new();
        while let Some(request) = exchange::request(&mut incoming) {
            let answer = exchange::answer(&mut outgoing, &request);
            let upgraded = answer.as_ref().is_some_and(|answer| answer.status == 101);
            exchanges.push((request, answer));
            if upgraded {
                let frames = Some((frames(incoming), frames(outgoing)));
                return Self { exchanges, frames };
            }
        }
        assert!(outgoing.is_empty(), "an answer that nobody asked for");
        Self { exchanges, frames: None }
    }

    /// What of it was asked for under `tag`.
    pub(crate) fn tagged(mut self, tag: &str) -> Self {
        let has_tag = |request: &Request| {
            let query = request.target.split_once('?').map_or("", |(_, query)| query);
            query.split('&').any(|pair| pair.strip_prefix("tag=") == Some(tag))
        };
        // Frames are of the request that opened the WebSocket, which was the last.
        if !self.exchanges.last().is_some_and(|(request, _)| has_tag(request)) {
            self.frames = None;
        }
        self.exchanges.retain(|(request, _)| has_tag(request));
        self
    }

    /// What each request makes of the connection.
    pub(crate) fn turns(&self) -> Vec<Turn> {
        let mut turns: Vec<Turn> = Vec::new();
        let mut answer_at = 0;
        for (request, answer) in &self.exchanges {
            let technique = technique(request, answer.as_ref());
            turns.push(Turn {
                technique,
                is_change: turns.last().is_some_and(|turn| turn.technique != technique),
                answer_at,
            });
            answer_at += answer.as_ref().map_or(0, Answer::bytes);
        }
        turns
    }

    /// Notes down what was published here.
    pub(crate) fn note(&self, published: &mut Published) {
        for (request, answer) in &self.exchanges {
            if let Some(answer) = answer.as_ref().filter(|answer| answer.status == 201) {
                let told = json(&answer.body.data());
                published.note(&told, request.body.data());
            }
        }
        let Some((incoming, outgoing)) = &self.frames else {
            return;
        };
        if !self.is_v1() {
            return; // A raw publisher is told no ids.
        }
        let told: Vec<Value> = texts(outgoing).map(json).collect();
        for wish in texts(incoming).map(json) {
            let answer = told.iter().find(|told| told["ref"] == wish["ref"]);
            let answer = answer.expect("every frame of tollway.v1 is answered");
            published.note(answer, data(&wish));
        }
    }

    /// Adds the bytes of this connection to the techniques that caused them.
    pub(crate) fn charge(&self, published: &Published, accounts: &mut Accounts) {
        for (request, answer) in &self.exchanges {
            let account = accounts.of(technique(request, answer.as_ref()));
            account.requests += 1;
            account.bytes_in.head += request.head_bytes;
            let body = request.body.data().len();
            match technique(request, answer.as_ref()) {
                "publish" => account.bytes_in.payload += body,
                _ => account.bytes_in.body += body,
            }
            account.bytes_in.framing += request.body.bytes() - body;
            let Some(answer) = answer else {
                continue;
            };
            account.bytes_out.head += answer.head_bytes;
            // An interim answer that nobody waits for asks whether the peer is still there.
            match request.field("expect") {
                Some(_) => account.bytes_out.head += answer.interim_bytes,
                None => account.bytes_out.heartbeat += answer.interim_bytes,
            }
            if answer.status == 100 {
                continue;
            }
            account.messages += match technique(request, Some(answer)) {
                "short_poll" | "long_poll" => {
                    account.answers_empty += u64::from(answer.status != 200);
                    poll(answer, published, &mut account.bytes_out)
                }
                "sse" => stream(answer, published, &mut account.bytes_out),
                _ if answer.field("content-type") == Some("text/event-stream") => {
                    watched(answer, &mut account.bytes_out);
                    0
                }
                other => {
                    account.bytes_out.body += answer.body.bytes();
                    u64::from(other == "publish")
                }
            };
        }
        if let Some((incoming, outgoing)) = &self.frames {
            let v1 = self.is_v1();
            let opener = self.turns().pop().expect("a handshake").technique;
            let account = accounts.of(opener);
            client_frames(incoming, v1, &mut account.bytes_in);
            if opener == "other" {
                watched_frames(outgoing, &mut account.bytes_out);
            } else {
                account.messages += server_frames(outgoing, v1, published, &mut account.bytes_out);
            }
        }
    }

    /// Whether the server said that it would end the connection, and then waits for the client to
    /// end it too: one that has said as much itself is closed at once.
    pub(crate) fn lingers(&self) -> bool {
        let last = self.exchanges.last().map(|(request, _)| request);
        let says_last = last.is_some_and(|request| request.field("connection") == Some("close"));
        let incoming = self.frames.as_ref().map(|(incoming, _)| &incoming[..]).unwrap_or_default();
        let says_close = incoming.iter().any(|frame| frame.opcode == 8);
        self.announces_its_end() && !says_last && !says_close
    }

    fn announces_its_end(&self) -> bool {
        let answers = self.exchanges.iter().filter_map(|(_, answer)| answer.as_ref());
        let mut closing = answers.filter(|answer| answer.field("connection") == Some("close"));
        let outgoing = self.frames.as_ref().map(|(_, outgoing)| &outgoing[..]);
        let mut frames = outgoing.unwrap_or_default().iter();
        closing.next().is_some() || frames.any(|frame| frame.opcode == 8)
    }

    fn is_v1(&self) -> bool {
        let last = self.exchanges.last().and_then(|(_, answer)| answer.as_ref());
        last.and_then(|answer| answer.field("sec-websocket-protocol")) == Some("tollway.v1")
    }
}

impl Published {
    fn note(&mut self, told: &Value, data: Vec<u8>) {
        let id = told["id"].as_str().expect("a publisher is told the id");
        self.0.insert(id.to_owned(), data);
    }

    /// How long the data of message `id` was when it was published; a reader got `seen`, `same`
    /// says whether that is the same data.
    fn payload(&self, id: Option<&str>, seen: &[u8], same: impl Fn(&[u8]) -> bool) -> usize {
        match id.and_then(|id| self.0.get(id)) {
            Some(data) => {
                assert!(same(data), "{id:?}: {data:02x?} arrived as {seen:02x?}");
                data.len()
            }
            // Said on a raw WebSocket: what arrived is all that is known.
            None => seen.len(),
        }
    }
}

/// Who pays for a request: the first rule that applies, as the HTTP reference has them.
fn technique(request: &Request, answer: Option<&Answer>) -> &'static str {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let own = path == "/" && request.field("upgrade").is_none();
    let refused = answer.is_some_and(|answer| answer.status >= 400);
    if own || refused || path.starts_with("/-/") || path == "/metrics" || path.ends_with("/info") {
        return "other";
    }
    if request.method != "GET" {
        return "publish";
    }
    let accepts = |what: &str| request.field("accept").is_some_and(|v| v.contains(what));
    let preferred = request.field("prefer").and_then(|v| v.strip_prefix("wait="));
    let wait = query.split('&').find_map(|pair| pair.strip_prefix("wait="));
    let waits = wait.or(preferred).is_some_and(|seconds| seconds != "0");
    match path.rsplit('/').next() {
        Some("ws") => "websocket",
        Some("sse") => "sse",
        Some("poll") if waits => "long_poll",
        Some("poll") => "short_poll",
        _ if request.field("upgrade").is_some() => "websocket",
        _ if accepts("text/event-stream") => "sse",
        _ if waits => "long_poll",
        _ => "short_poll",
    }
}

/// The body of a poll: JSON around the data. Tells how many messages there were.
fn poll(answer: &Answer, published: &Published, classes: &mut Classes) -> u64 {
    if answer.body.bytes() == 0 {
        return 0;
    }
    let list = json(&answer.body.data());
    let messages = list["messages"].as_array().expect("a poll lists messages");
    let payload: usize = messages.iter().map(|one| element(one, published)).sum();
    classes.payload += payload;
    classes.framing += answer.body.bytes() - payload;
    messages.len() as u64
}

/// The payload of one message in JSON.
fn element(message: &Value, published: &Published) -> usize {
    let seen = data(message);
    published.payload(message["id"].as_str(), &seen, |data| data == seen)
}

/// The body of an event stream. The chunk around a heartbeat is part of it.
fn stream(answer: &Answer, published: &Published, classes: &mut Classes) -> u64 {
    let mut messages = 0;
    for piece in &answer.body.pieces {
        let text = str::from_utf8(&piece.data).expect("a stream is UTF-8");
        let (alive, blocks): (Vec<_>, Vec<_>) =
            blocks(text).into_iter().partition(Block::is_comment);
        let mut heartbeat = alive.iter().map(|block| block.bytes).sum();
        if blocks.is_empty() {
            heartbeat = piece.bytes;
        }
        let told = blocks.iter().filter_map(|block| event(block, published));
        let lengths: Vec<usize> = told.collect();
        let payload: usize = lengths.iter().sum();
        messages += lengths.len() as u64;
        classes.heartbeat += heartbeat;
        classes.payload += payload;
        classes.framing += piece.bytes - payload - heartbeat;
    }
    classes.framing += answer.body.end_bytes;
    messages
}

/// The payload of an event; `None` of one that carries no message.
fn event(block: &Block, published: &Published) -> Option<usize> {
    let seen = block.data.as_deref()?;
    if block.event.as_deref() == Some("gap") {
        return None;
    }
    let id = block.id.as_deref();
    if block.comments.iter().any(|comment| comment == "base64") {
        let seen = decoded(seen);
        return Some(published.payload(id, &seen, |data| data == seen));
    }
    // CR, LF and CRLF all part lines, and the format cannot tell which of them it was.
    let same = |data: &[u8]| {
        let text = String::from_utf8_lossy(data);
        text.replace("\r\n", "\n").replace('\r', "\n") == seen
    };
    Some(published.payload(id, seen.as_bytes(), same))
}

/// The reports of who watches the ledger by an event stream: a report is a body, chunk and all.
fn watched(answer: &Answer, classes: &mut Classes) {
    for piece in &answer.body.pieces {
        let blocks = blocks(str::from_utf8(&piece.data).expect("a stream is UTF-8"));
        if blocks.iter().any(|block| block.data.is_some()) {
            classes.body += piece.bytes;
        } else {
            classes.framing += piece.bytes;
        }
    }
}

/// The reports of who watches the ledger by a WebSocket.
fn watched_frames(frames: &[Frame], classes: &mut Classes) {
    for frame in frames {
        match frame.opcode {
            1 => classes.body += frame.header_bytes + frame.data.len(),
            _ => charge(frame, 0, classes),
        }
    }
}

/// What a client said behind the handshake.
fn client_frames(frames: &[Frame], v1: bool, classes: &mut Classes) {
    for frame in frames {
        let payload = match frame.opcode {
            0..=2 if v1 => {
                assert!(frame.fin, "an object in fragments has no payload of its own");
                data(&json(&frame.data)).len()
            }
            _ => frame.data.len(),
        };
        charge(frame, payload, classes);
    }
}

/// What the server said behind the handshake. Tells how many messages there were.
fn server_frames(frames: &[Frame], v1: bool, published: &Published, classes: &mut Classes) -> u64 {
    let mut messages = 0;
    for frame in frames {
        let mut payload = frame.data.len();
        if matches!(frame.opcode, 1 | 2) {
            assert!(frame.fin, "the server sends a message in one frame");
            let object = v1.then(|| json(&frame.data));
            // The cursor and the answers to what was published have no `data`.
            let told = object.as_ref().is_none_or(|object| object["data"].is_string());
            messages += u64::from(told);
            if let Some(object) = object {
                payload = if told { element(&object, published) } else { 0 };
            }
        }
        charge(frame, payload, classes);
    }
    messages
}

fn charge(frame: &Frame, payload: usize, classes: &mut Classes) {
    let bytes = frame.header_bytes + frame.data.len();
    match frame.opcode {
        0..=2 => {
            classes.payload += payload;
            classes.framing += bytes - payload;
        }
        8 => classes.framing += bytes,
        9 | 10 => classes.heartbeat += bytes,
        other => panic!("opcode {other}"),
    }
}

/// The data of messages that came as text frames.
fn texts(frames: &[Frame]) -> impl Iterator<Item = &[u8]> {
    let texts = frames.iter().filter(|frame| frame.opcode == 1);
    texts.map(|frame| &frame.data[..])
}
