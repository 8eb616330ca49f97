//! WebSocket, the dialect `tollway.v1`: every message is a text frame with a JSON object.
//!
//! What the raw dialect has no place for stands beside the data: ids, topics, names, gaps, and an
//! answer to each publish. The price is the object around the data, and a parser at the other end.
//!
//! Came from: `broker`, on connecting and on committing, and the pump. Goes to: `short_poll`, whose
//! words for a message and a gap it shares; `wire::handshake`, `wire::frame`. Absent on purpose:
//! reading frames; `conn` and `wire::v1` do that.

use super::encoding::{Content, EncodedMessage};
use super::gap::{self, Gap};
use super::{short_poll, websocket};
use crate::ids::Id;
use crate::wire::deflate::Window;
use crate::wire::frame::{self, Opcode};
use crate::wire::handshake::{self, Accept};
use crate::wire::json;
use crate::wire::response::{self, Status};
use crate::wire::v1::Reference;

/// The name of the dialect: a subprotocol, RFC 6455 §1.9.
pub const PROTOCOL: &str = "tollway.v1";

/// The whole head of the 101 answer. The cursor is not in it: [`open`] tells it, because a page
/// cannot see the fields of a handshake.
pub fn greet(accept: &Accept, out: &mut Vec<u8>) {
    handshake::response(accept, Some(PROTOCOL), &[], out);
}

/// The first frames, at once: the cursor, and what the reader has missed. With a gap the cursor is
/// the one that the reader came with: if it is cut off between the two frames, it comes back from
/// before the gap, and hears of it then.
pub fn open(cursor: Id, gap: Option<&Gap>, out: &mut Vec<u8>) {
    in_frame(out, |object| {
        object.extend_from_slice(br#"{"next":"#);
        match gap {
            None => object.extend_from_slice(format!(r#""{cursor}""#).as_bytes()),
            Some(gap) => json::escape(&gap.from, object),
        }
        object.push(b'}');
    });
    if let Some(gap) = gap {
        self::gap(gap, out);
    }
}

/// One frame, with what a poll's list has of the message.
pub fn render(content: &Content<'_>, named: bool, out: &mut Vec<u8>) {
    frame::encode(Opcode::Text, &object(content, named), out);
}

/// The same frame, its payload compressed.
pub fn render_deflated(
    content: &Content<'_>,
    named: bool,
    window: Window,
) -> Option<EncodedMessage> {
    websocket::deflate(content, Opcode::Text, &object(content, named), window)
}

/// The payload of that frame.
fn object(content: &Content<'_>, named: bool) -> Vec<u8> {
    let mut element = Vec::with_capacity(content.bytes.len() + 128);
    short_poll::render(content, named, &mut element);
    // Without the comma that parts it from the element before.
    element.remove(0);
    element
}

/// A frame of its own; the reader stays.
pub fn gap(gap: &Gap, out: &mut Vec<u8>) {
    in_frame(out, |object| {
        object.extend_from_slice(br#"{"gap":"#);
        gap::write(gap, object);
        object.push(b'}');
    });
}

/// The answer to a publish that is in the log.
pub fn acknowledge(reference: &Reference, id: Id, out: &mut Vec<u8>) {
    let reference = reference.json();
    in_frame(out, |object| {
        object.extend_from_slice(format!(r#"{{"ref":{reference},"id":"{id}"}}"#).as_bytes());
    });
}

/// The answer to a frame that published nothing: the problem is the one that HTTP would have had
/// for a body. RFC 9457.
pub fn refuse(reference: &Reference, problem: (Status, &str, &str), out: &mut Vec<u8>) {
    let (status, code, detail) = problem;
    in_frame(out, |object| {
        object.extend_from_slice(format!(r#"{{"ref":{},"error":"#, reference.json()).as_bytes());
        object.extend_from_slice(&response::problem(status, code, detail));
        object.push(b'}');
    });
}

/// Writes a text frame: an object has to be whole before its length is known.
fn in_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut object = Vec::with_capacity(128);
    write(&mut object);
    frame::encode(Opcode::Text, &object, out);
}
