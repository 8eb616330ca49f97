//! Event streams: what we write, a browser reads, whole or after any number of other blocks.
//!
//! Came from: bytes, cut into blocks at every 0xFF; the first byte of a block says what it is.
//! Goes to: `wire::event_stream`, `technique::sse`.

use tollway::ids::{Epoch, Id, Micros, Seq};
use tollway::technique::{Content, Gap, GapReason, sse};
use tollway::wire::event_stream::{self, HEARTBEAT};

use super::choice;
use super::readers::events::{self, Event};
use super::readers::{http, json};

/// A stream, and what a browser should make of it.
#[derive(Default)]
struct Story {
    bare: Vec<u8>,
    chunked: Vec<u8>,
    events: Vec<Event>,
    last_id: String,
    retry_ms: Option<u64>,
}

pub fn check(input: &[u8]) {
    let mut story = Story::default();
    for (n, block) in input.split(|&byte| byte == 0xFF).enumerate() {
        let (kind, rest) = choice(block);
        story.add(kind, n as u64 + 1, rest);
    }
    let body = http::chunked(&story.chunked);
    assert_eq!((body.data, body.used), (story.bare.clone(), story.chunked.len()));
    let reader = events::read(&story.bare);
    assert_eq!(reader.events, story.events);
    assert_eq!(reader.last_id, story.last_id);
    assert_eq!(reader.retry_ms, story.retry_ms);
}

impl Story {
    fn add(&mut self, kind: u8, n: u64, rest: &[u8]) {
        let id = Id { epoch: Epoch(14), seq: Seq(n) };
        match kind % 6 {
            0 => {
                self.bare.extend_from_slice(HEARTBEAT);
                self.chunked.extend_from_slice(sse::heartbeat(true));
            }
            1 => {
                self.retry_ms = Some(n * 1000);
                self.twice(|out, chunked| sse::open(&id.to_string(), n * 1000, chunked, out));
                self.last_id = id.to_string();
            }
            2 => {
                let from = String::from_utf8_lossy(rest);
                let gap = Gap { from: (&*from).into(), to: id, reason: GapReason::Slow };
                self.twice(|out, chunked| sse::gap(&gap, id, chunked, out));
                self.last_id = id.to_string();
                let event = events::read(&self.bare).events.pop().expect("a gap fires");
                assert_eq!((event.id, event.kind.as_str()), (id.to_string(), "gap"));
                let data = json::read(event.data.as_bytes());
                let gap = data.get("gap").expect("a gap");
                assert_eq!(gap.text("from"), from);
                assert_eq!((gap.text("to"), gap.text("reason")), (id.to_string().as_str(), "slow"));
                let kind = "gap".to_owned();
                self.events.push(Event { id: id.to_string(), kind, data: event.data });
            }
            3 => self.hostile_fields(rest),
            _ => self.message(id, rest),
        }
    }

    /// Writes both with chunks and without.
    fn twice(&mut self, write: impl Fn(&mut Vec<u8>, bool)) {
        write(&mut self.bare, false);
        write(&mut self.chunked, true);
    }

    /// A message by way of its encoded form, which readers with and without chunks share.
    fn message(&mut self, id: Id, rest: &[u8]) {
        let (name, bytes) = match rest.iter().position(|&byte| byte == b'|') {
            Some(at) => (String::from_utf8_lossy(&rest[..at]), &rest[at + 1..]),
            None => ("".into(), rest),
        };
        let name = name.replace(['\r', '\n', '\0'], "_");
        let text = str::from_utf8(bytes).ok();
        let content = Content {
            id,
            topic: "a",
            event: Some(&name),
            bytes,
            text,
            binary: text.is_none(),
            at: Micros(0),
        };
        let from = self.chunked.len();
        sse::render(&content, &mut self.chunked);
        let chunk = &self.chunked[from..];
        self.bare.extend_from_slice(&chunk[sse::event_in(chunk)]);
        let data = match text {
            // The format has no way to carry the difference.
            Some(text) => text.replace("\r\n", "\n").replace('\r', "\n"),
            None => json::to_base64(bytes),
        };
        let kind = if name.is_empty() { "message".to_owned() } else { name };
        self.last_id = id.to_string();
        self.events.push(Event { id: id.to_string(), kind, data });
    }

    /// Id and name that try to forge fields of their own.
    fn hostile_fields(&mut self, rest: &[u8]) {
        let text = String::from_utf8_lossy(rest);
        let one_line = text.replace(['\r', '\n', '\0'], " ");
        self.twice(|out, chunked| {
            let mut event = Vec::new();
            event_stream::event(&text, Some(&text), "x", &mut event);
            if chunked {
                out.extend(format!("{:x}\r\n", event.len()).bytes());
                event.extend_from_slice(b"\r\n");
            }
            out.extend(event);
        });
        let kind = if one_line.is_empty() { "message".to_owned() } else { one_line.clone() };
        self.last_id = one_line.clone();
        self.events.push(Event { id: one_line, kind, data: "x".to_owned() });
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    [
        &b"\x01\xFF\x04tick|hello\xFF\x00\xFF\x05a\nb\rc\r\nd\n\xFF\x02e-7"[..],
        b"\x01\xFF\x04|",
        b"\x01\xFF\x04 led| led",
        b"\x04x|id: forged\n\ndata: y",
        b"\x04x|\x80\x81",
        b"\x03a\nb\r\n\r\ndata: y\0",
        b"\x02\"\\\n\0",
        b"\x04:|:\n:\n",
        b"\x04caf\xC3\xA9|\xE2\x98\x83\xFF\x04\xEF\xBB\xBFbom|\xEF\xBB\xBF",
        b"\x040123456789abcdef|0123456789abcde\r0123456789abcdef\n0",
    ]
    .map(<[u8]>::to_vec)
    .into()
}
