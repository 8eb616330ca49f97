//! A WebSocket whose peer broke a rule of RFC 6455: what was in order is heard first.
//!
//! Came from: `answer`, with the failure; `publish`, when what was said before it is in the log.
//! Goes to: `pump`, then `teardown`. Absent on purpose: which rules there are; `wire` knows.

use super::visit::Visit;
use super::{pump, teardown};
use crate::close::CloseReason;
use crate::conn::Failure;
use crate::conn::outbox::Segment;
use crate::conn::state::State;
use crate::ledger::Class;
use crate::technique::websocket;
use crate::wire::frame::CloseCode;

/// Closes for a broken rule (§7.1.7). What was said before was in order: it is heard first, by its
/// sender too if that is a subscriber, and answered in a dialect that answers.
pub(super) fn fail(visit: &mut Visit<'_>, failure: Failure) {
    let State::Open(socket) = &mut visit.conn.state else {
        return;
    };
    if socket.awaits_commits() {
        socket.unanswered.fail_behind(failure);
        return;
    }
    pump::pump(visit);
    if !matches!(visit.conn.state, State::Open(_)) {
        return; // The pump found a gap, and closed for that.
    }
    let Failure { code, why, reason } = failure;
    let mut frame = Vec::new();
    websocket::farewell(code, why, &mut frame);
    visit.conn.push(Segment::own(frame, Class::Framing));
    teardown::leave(visit, reason);
}

/// Closes because a message of its own was not taken: those before it were, and are heard first.
pub(super) fn close_behind(visit: &mut Visit<'_>, code: CloseCode, why: &str, reason: CloseReason) {
    pump::pump(visit);
    teardown::close_socket(visit, code, why, reason);
}

/// A message is in the log, or will never be: was a failure waiting for that?
pub(super) fn fail_if_due(visit: &mut Visit<'_>) {
    if let State::Open(socket) = &mut visit.conn.state
        && let Some(failure) = socket.unanswered.take_failure()
    {
        fail(visit, failure);
    }
}
