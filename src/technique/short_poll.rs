//! Short polling: ask, get what there is, be gone.
//!
//! The answer is one JSON object, `{"next":…,"messages":[…]}`, or nothing at all: 304 for a client
//! that showed the current `ETag`, 204 for any other. Both empty answers carry the cursor in
//! `ETag`.
//!
//! Came from: `broker`, with a reading of the log. Goes to: `wire::json`, `wire::response`. Absent
//! on purpose: waiting (that is `long_poll`), and sending: there is nobody to send to between two
//! polls.

use super::{Content, Gap, gap_object};
use crate::ids::Id;
use crate::wire::json;
use crate::wire::response::HeadWriter;

/// What ends the object that [`open`] began.
pub const LIST_END: &[u8] = b"]}";

/// Finishes the head of an answer with `length` bytes of body.
pub fn greet(head: HeadWriter<'_>, next: Id, length: usize) {
    cursor(head.field("Content-Type", "application/json").field("Content-Length", length), next)
        .finish();
}

/// The fields that hand out the cursor and keep the answer from being reused unasked. A browser's
/// cache may keep it, and then revalidates with `If-None-Match` by itself.
fn cursor(head: HeadWriter<'_>, next: Id) -> HeadWriter<'_> {
    head.field("ETag", format_args!("\"{next}\""))
        .field("Cache-Control", "no-cache")
        .field("Vary", "Accept, Last-Event-ID, Origin, Prefer")
}

/// Begins the object: all that stands before the first message.
pub fn open(next: Id, gap: Option<&Gap>, more: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(format!(r#"{{"next":"{next}""#).as_bytes());
    if let Some(gap) = gap {
        self::gap(gap, out);
    }
    if more {
        out.extend_from_slice(br#","more":true"#);
    }
    out.extend_from_slice(br#","messages":["#);
}

/// One element of the list, with the comma that parts it from the one before; the first element
/// goes out without it.
pub fn render(content: &Content<'_>, named: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(format!(r#",{{"id":"{}""#, content.id).as_bytes());
    if named {
        // A topic's name has no character that JSON escapes.
        out.extend_from_slice(format!(r#","topic":"{}""#, content.topic).as_bytes());
    }
    if let Some(event) = content.event {
        out.extend_from_slice(br#","event":"#);
        json::escape(event, out);
    }
    out.extend_from_slice(br#","data":"#);
    if let Some(text) = content.text {
        json::escape(text, out);
    } else {
        json::base64(content.bytes, out);
        out.extend_from_slice(br#","encoding":"base64""#);
    }
    out.push(b'}');
}

/// The member that says what is missing.
fn gap(gap: &Gap, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","gap":"#);
    gap_object(gap, out);
}

/// Finishes the head of an empty answer, 204 or 304.
pub fn farewell(head: HeadWriter<'_>, next: Id) {
    cursor(head, next).finish();
}
