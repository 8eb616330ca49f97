//! Gaps: what a reader is told of messages that it asked for and cannot have.
//!
//! Came from: `hub`, which compares a cursor with the log. Goes to: the techniques, each of which
//! has its own place for the object. Absent on purpose: where a reader goes on; the hub decides.

use crate::ids::Id;
use crate::named::named;
use crate::wire::json;

/// The name of the event by which an event stream is told of missed messages. No message may have
/// it: a reader could not tell them apart.
pub const GAP_EVENT: &str = "gap";

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
pub(super) fn write(gap: &Gap, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"from":"#);
    json::escape(&gap.from, out);
    let to_and_reason = format!(r#","to":"{}","reason":"{}"}}"#, gap.to, gap.reason.name());
    out.extend_from_slice(to_and_reason.as_bytes());
}
