//! WebSocket, the raw dialect: text in is text out, bytes in are bytes out. RFC 6455.
//!
//! Nothing but messages is ever sent, so a plain `new WebSocket(url)` works as tutorials show it.
//! The price: a message's id, its name and a gap have no place. The cursor of the moment of
//! connecting is handed out in the handshake; a reader that would have a gap is closed. A client
//! that wants more asks for `tollway.v1`, which is in `v1`.
//!
//! Came from: `broker`, on connecting, and the pump. Goes to: `wire::handshake`, `wire::frame`.
//! Absent on purpose: reading frames; `conn` does that.

use super::encoding::{ChunkAround, Content, EncodedMessage};
use super::gap::Gap;
use crate::ids::Id;
use crate::limits::{DEFLATE_BYTES_MIN, FRAME_HEADER_BYTES_MAX};
use crate::wire::deflate::{Window, deflate as compress};
use crate::wire::frame::{self, CloseCode, Opcode};
use crate::wire::handshake::{self, Accept};

/// The whole head of the 101 answer. `Last-Event-ID` mirrors the field in which a reader sends its
/// cursor; one that is to be told of a gap gets none.
pub fn greet(accept: &Accept, cursor: Option<Id>, out: &mut Vec<u8>) {
    let cursor = cursor.map(|cursor| cursor.to_string());
    let cursor = cursor.as_deref().map(|cursor| ("Last-Event-ID", cursor));
    handshake::response(accept, None, cursor.as_slice(), out);
}

/// One frame.
pub fn render(content: &Content<'_>, out: &mut Vec<u8>) {
    frame::encode(opcode(content), content.bytes, out);
}

fn opcode(content: &Content<'_>) -> Opcode {
    if content.binary { Opcode::Binary } else { Opcode::Text }
}

/// A snapshot of the cost ledger: a text frame.
pub fn snapshot(json: &str, out: &mut Vec<u8>) {
    frame::encode(Opcode::Text, json.as_bytes(), out);
}

/// One frame, its payload compressed.
pub fn render_deflated(content: &Content<'_>, window: Window) -> Option<EncodedMessage> {
    deflate(content, opcode(content), content.bytes, window)
}

/// Whether so many bytes are compressed where that was agreed on: short ones would not shrink.
pub fn compresses(bytes: usize) -> bool {
    bytes >= DEFLATE_BYTES_MIN
}

/// A frame of this `payload`, which has the message in it, compressed (RFC 7692 §6). `None` where
/// that does not pay: short messages, and what is compressed already.
pub fn deflate(
    content: &Content<'_>,
    opcode: Opcode,
    payload: &[u8],
    window: Window,
) -> Option<EncodedMessage> {
    if !compresses(payload.len()) {
        return None;
    }
    let deflated = compress(payload, window)?;
    let mut out = Vec::with_capacity(deflated.len() + FRAME_HEADER_BYTES_MAX);
    frame::encode_deflated(opcode, &deflated, &mut out);
    // The data's share of what went in is its share of what came out. The cast is exact: it shrank.
    let share = deflated.len() as u64 * content.bytes.len() as u64 / payload.len() as u64;
    let chunk = ChunkAround::default();
    Some(EncodedMessage { bytes: out.into(), payload: share as u32, chunk, at: content.at })
}

/// A gap has no frame of its own here: the reader is told why in the Close frame, and has to come
/// back and ask.
pub fn gap(gap: &Gap) -> String {
    format!("gap: {} from {} to {}", gap.reason.name(), gap.from, gap.to)
}

/// A Ping without payload, to a peer that has been silent.
pub const fn heartbeat() -> &'static [u8] {
    &[0x89, 0x00]
}

/// A Close frame: its code, and a reason that is cut to fit (RFC 6455 §5.5).
pub fn farewell(code: CloseCode, reason: &str, out: &mut Vec<u8>) {
    frame::encode_close(code, reason, out);
}
