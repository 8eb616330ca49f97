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
//! Came from: `broker`, which knows what to say on which connection. Goes to: `wire`, which knows
//! how it is spelled. Absent on purpose: topics, logs, connections; a technique sees names, numbers
//! and bytes.

mod bundle;
mod encoding;
mod gap;
pub mod long_poll;
pub mod message;
pub mod short_poll;
pub mod sse;
pub mod v1;
pub mod websocket;

pub use self::bundle::{Bundle, Bundled, BundledParts};
pub use self::encoding::{ChunkAround, Content, EncodedMessage, Format};
pub use self::gap::{GAP_EVENT, Gap, GapReason};
use crate::ids::Id;
use crate::named::named;
use crate::wire::deflate::Window;
use crate::wire::frame;

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

/// Encodes `content`.
pub fn render(content: &Content<'_>, format: Format) -> EncodedMessage {
    let mut out = Vec::with_capacity(match format {
        // Exact, so that nothing is moved when the room that is left is given back.
        Format::Frame => frame::encoded_length(content.bytes.len()),
        _ => content.bytes.len() + 128,
    });
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
        // Exact: no message is longer than `limits::MESSAGE_BYTES_CEILING`, far below 4 GiB.
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
