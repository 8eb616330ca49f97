//! What is said to a server as it was typed: keys, cursors, topics, waits.
//!
//! Came from: the flags of `sub`, `pub` and `bench`. Goes to: the same, as a yes, a no, or a value.
//! Absent on purpose: whether a server knows a key or a cursor; it says so itself.

use crate::config::Span;
use crate::ids::{Id, TopicName};
use crate::limits::{IDEMPOTENCY_KEY_BYTES_MAX, WAIT_MS_MAX};

/// Whether a key may stand in a field: what else there is would be a field or a request of its own.
pub fn is_key(key: &str) -> bool {
    (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether it says where to begin. What does not, a server would take for an id of its past, and
/// answer with a gap.
pub fn is_cursor(since: &str) -> bool {
    matches!(since, "earliest" | "latest") || Id::parse(since).is_some()
}

/// Refuses names that are no topics anywhere: what the server has there is something else.
pub fn no_reserved<'t>(mut names: impl Iterator<Item = &'t String>) -> Result<(), String> {
    match names.find(|name| TopicName::RESERVED.contains(&name.as_str())) {
        Some(name) => Err(format!("TOPIC {name}: is no topic, but the server's own; name another")),
        None => Ok(()),
    }
}

/// Seconds for which a long poll may be withheld. A request says them whole: a fraction would be
/// taken and not be waited for.
pub fn wait_s(wait: Span) -> Result<u64, String> {
    if (1_000..=WAIT_MS_MAX).contains(&wait.0) && wait.0.is_multiple_of(1_000) {
        return Ok(wait.0 / 1_000);
    }
    let most = Span(WAIT_MS_MAX);
    Err(format!("--wait {wait} is not a number of whole seconds between 1s and {most}; try 25s"))
}
