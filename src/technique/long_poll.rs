//! Long polling: ask, and be kept waiting until there is something.
//!
//! On the wire it is a short poll whose answer comes later: the same object, the same empty
//! answers. What it adds is one field, and a seat in the topic's list of subscribers while it
//! waits.
//!
//! Came from: `broker`, at once or when a parked poll is released. Goes to: `short_poll`, whose
//! format it shares, so that a message is rendered once for both. Absent on purpose: the waiting
//! itself; that is the state `Parked`, its deadline, and `broker::poll`.

use std::num::NonZeroU16;

use super::short_poll::{self, Tag};
use crate::wire::response::HeadWriter;

/// Finishes the head of an answer with `length` bytes of body.
pub fn greet(head: HeadWriter<'_>, tag: Tag, length: usize, wait_s: NonZeroU16) {
    short_poll::greet(waited(head, wait_s), tag, length);
}

/// Says how long we were prepared to wait, which may be less than was asked. RFC 7240 §3.
fn waited(head: HeadWriter<'_>, wait_s: NonZeroU16) -> HeadWriter<'_> {
    head.sound("Preference-Applied", |out| {
        out.extend_from_slice(b"wait=");
        out.extend_from_slice(itoa::Buffer::new().format(wait_s.get()).as_bytes());
    })
}

/// Finishes the head of an empty answer, when the wait is over.
pub fn farewell(head: HeadWriter<'_>, tag: Tag, wait_s: NonZeroU16) {
    short_poll::farewell(waited(head, wait_s), tag);
}
