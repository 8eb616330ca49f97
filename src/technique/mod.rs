//! The four techniques: four files of one shape, made to be read side by side.
//!
//! What each says, and where:
//!
//! | | first | message | gap | silence | end |
//! | --- | --- | --- | --- | --- | --- |
//! | `short_poll` | `greet` | `render` an element | in `open` | – | `farewell` |
//! | `long_poll` | `greet`, later | the same | the same | – | `farewell`, later |
//! | `sse` | `greet`, `open` | `render` an event | `gap` event | `heartbeat` | last chunk |
//! | `websocket` | `greet` with the cursor | `render` a frame | `gap` closes | Ping | `farewell` |
//! | `v1` | `greet`, `open` the cursor | `render` an object | `gap` object | Ping | `farewell` |
//!
//! Between two polls there is nobody to keep awake, and a status line, once begun, would be the
//! answer: so polls are silent, and the wait of a long one is bounded instead, below what proxies
//! endure. Everything else about a technique is the same log, the same cursor and the same pump.
//!
//! Came from: `broker`, which knows what to say to whom. Goes to: `wire`, which knows how it is
//! spelled. Absent on purpose: topics, logs, connections; a technique sees names, numbers and
//! bytes.

pub mod long_poll;
pub mod short_poll;
pub mod sse;
pub mod v1;
pub mod websocket;

use std::ops::Range;

use crate::ids::{Id, Micros};
use crate::named::named;
pub use crate::wire::deflate::Window;
pub use crate::wire::utf8::text;

named! {
    /// One of the four ways to read a topic.
    #[derive(PartialOrd, Ord)]
    pub enum Technique {
        /// Ask, get what there is, be gone.
        ShortPoll = "short_poll";
        /// Ask, and be kept waiting until there is something.
        LongPoll = "long_poll";
        /// One answer that never ends.
        Sse = "sse";
        /// Frames, both ways.
        WebSocket = "websocket";
    }
}

impl Technique {
    /// Whether its readers stay between two messages, so that they can be counted.
    pub const fn stays(self) -> bool {
        !matches!(self, Self::ShortPoll)
    }
}

/// The name of the event by which an event stream is told of missed messages. No message may have
/// it: a reader could not tell them apart.
pub const GAP_EVENT: &str = "gap";

/// What the frames of a WebSocket mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Data as it is: no subprotocol that we speak was asked for.
    Raw,
    /// JSON objects: [`v1::PROTOCOL`].
    V1,
}

impl Dialect {
    /// The one to be spoken with a client that asks for these subprotocols.
    pub fn choose<'o>(mut asked: impl Iterator<Item = &'o str>) -> Self {
        if asked.any(|protocol| protocol == v1::PROTOCOL) { Self::V1 } else { Self::Raw }
    }
}

/// A message as a technique sees it.
#[derive(Clone, Copy, Debug)]
pub struct Content<'m> {
    /// Its id.
    pub id: Id,
    /// The topic it was published on.
    pub topic: &'m str,
    /// Its name, if it has one.
    pub event: Option<&'m str>,
    /// The payload.
    pub bytes: &'m [u8],
    /// The payload again, if it is UTF-8.
    pub text: Option<&'m str>,
    /// Published as bytes rather than as text: what a WebSocket frame's opcode says.
    pub binary: bool,
    /// When it was committed.
    pub at: Micros,
}

/// How a message is encoded. All readers that want the same format share one encoded message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An element of a poll's list.
    Poll,
    /// The same with the topic's name, for readers of several topics.
    PollNamed,
    /// A chunk of an event stream; without its first and last line, the event itself.
    Event,
    /// A raw WebSocket frame.
    Frame,
    /// A frame of `tollway.v1`.
    Object,
    /// The same with the topic's name, for readers of several topics.
    ObjectNamed,
}

impl Format {
    /// How many formats there are: what an entry of the log has room for.
    pub const COUNT: usize = 6;
}

/// A message, encoded: ready to be sent, as often as there are readers.
#[derive(Debug, PartialEq, Eq)]
pub struct EncodedMessage {
    /// Every byte that goes out.
    pub bytes: Box<[u8]>,
    /// How many of them are the payload itself; the others are framing. An escaped or encoded
    /// payload counts with the bytes it had when it was published.
    pub payload: u32,
    /// Where the message begins, and how much stands behind it: an event lies in a chunk, which
    /// HTTP/1.0 does not have. 0 and 0 in any other format.
    pub chunk: ChunkAround,
    /// When the message was committed.
    pub at: Micros,
}

/// How many bytes of a chunk stand around a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChunkAround {
    /// The line with its size, in front.
    pub before: u8,
    /// The end of the line behind it.
    pub behind: u8,
}

impl EncodedMessage {
    /// Its bytes: with the chunk around them, or the message alone.
    pub fn range(&self, chunked: bool) -> Range<usize> {
        let ChunkAround { before, behind } =
            if chunked { ChunkAround::default() } else { self.chunk };
        usize::from(before)..self.bytes.len() - usize::from(behind)
    }
}

/// Encodes `content`.
pub fn render(content: &Content<'_>, format: Format) -> EncodedMessage {
    let mut out = Vec::with_capacity(content.bytes.len() + 128);
    let mut chunk = ChunkAround::default();
    match format {
        Format::Poll => short_poll::render(content, false, &mut out),
        Format::PollNamed => short_poll::render(content, true, &mut out),
        Format::Event => chunk = sse::render(content, &mut out),
        Format::Frame => websocket::render(content, &mut out),
        Format::Object => v1::render(content, false, &mut out),
        Format::ObjectNamed => v1::render(content, true, &mut out),
    }
    EncodedMessage {
        bytes: out.into_boxed_slice(),
        // Exact: MESSAGE_BYTES_MAX and its flag are bounded far below 4 GiB (config.rs).
        payload: content.bytes.len() as u32,
        chunk,
        at: content.at,
    }
}

/// Encodes `content` as a frame whose payload is compressed, for readers that agreed to it. `None`
/// where that does not pay, and for what is no frame.
pub fn render_deflated(
    content: &Content<'_>,
    format: Format,
    window: Window,
) -> Option<EncodedMessage> {
    match format {
        Format::Frame => websocket::render_deflated(content, window),
        Format::Object => v1::render_deflated(content, false, window),
        Format::ObjectNamed => v1::render_deflated(content, true, window),
        Format::Poll | Format::PollNamed | Format::Event => None,
    }
}

/// What keeps the way to a silent subscriber open, and finds out that there is none any more. Empty
/// for polls, whose wait is bounded instead. `chunked`: the answer has chunks.
pub const fn heartbeat(format: Format, chunked: bool) -> &'static [u8] {
    match format {
        Format::Event => sse::heartbeat(chunked),
        Format::Frame | Format::Object | Format::ObjectNamed => websocket::heartbeat(),
        Format::Poll | Format::PollNamed => b"",
    }
}

/// What tells a subscriber of `gap` and leaves it at `cursor`. `None` where there is no word for
/// it: a raw WebSocket is closed instead, and the answer to a poll begins with it.
pub fn render_gap(gap: &Gap, cursor: Id, format: Format, chunked: bool) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match format {
        Format::Event => sse::gap(gap, cursor, chunked, &mut out),
        Format::Object | Format::ObjectNamed => v1::gap(gap, &mut out),
        Format::Frame | Format::Poll | Format::PollNamed => return None,
    }
    Some(out)
}

/// Messages that a reader asked for and cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The cursor it asked from.
    pub from: Box<str>,
    /// The first id that follows; when nothing does, the cursor from which it goes on.
    pub to: Id,
    /// Why.
    pub reason: GapReason,
}

named! {
    /// Why messages are missing. The name is the word on the wire.
    pub enum GapReason {
        /// The cursor belongs to another numbering, or to none.
        Epoch = "epoch";
        /// The messages after the cursor are no longer retained.
        Expired = "expired";
        /// The reader was connected and took too little for too long.
        Slow = "slow";
    }
}

/// `{"from":…,"to":…,"reason":…}`, the same on every technique.
fn gap_object(gap: &Gap, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"from":"#);
    crate::wire::json::escape(&gap.from, out);
    let to_and_reason = format!(r#","to":"{}","reason":"{}"}}"#, gap.to, gap.reason.name());
    out.extend_from_slice(to_and_reason.as_bytes());
}
