//! Drafts, as the script takes them.
//!
//! Came from: the shell's thread that appends. Goes to: `link`, as arguments. Absent on purpose:
//! numbers; the script gives them.

use redis::ScriptInvocation;

use crate::hub::forgotten;
use crate::technique::message::Draft;

/// Adds the arguments of one publish; `append.lua` says which.
pub(super) fn push(call: &mut ScriptInvocation<'_>, draft: &Draft, group_key: u64) {
    let marked =
        |mark: &str, text: Option<&str>| text.map_or_else(String::new, |t| format!("{mark}{t}"));
    let message = &draft.message;
    call.arg(message.topic.as_str())
        .arg(message.payload.bytes())
        .arg(if message.payload.is_binary() { "1" } else { "0" })
        .arg(marked("e", message.event.as_deref()))
        .arg(marked("k", draft.idempotency_key.as_deref()))
        .arg(draft.from.to_string())
        .arg(forgotten::group(group_key, &message.topic));
}
