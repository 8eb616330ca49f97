//! Goodbye: how a reader takes leave when the server ends, in the words of its technique.
//!
//! Nobody leaves before it was given everything that its topics have: not only what this thread's
//! log has, but what was acknowledged on another thread and is still to be read on this one.
//!
//! Came from: `drain`, when the moment of a reader has come, and again until it has caught up. Goes
//! to: `teardown`. Absent on purpose: parked polls, which are answered instead.

use super::visit::Visit;
use super::{pump, subscribe, teardown};
use crate::close::CloseReason;
use crate::conn::outbox::Segment;
use crate::conn::state::State;
use crate::ledger::Class;
use crate::limits::{RETRY_MS_MAX, RETRY_MS_MIN};
use crate::technique::sse;
use crate::wire::frame::CloseCode;

/// The moment of a reader has come: it leaves if it has everything, or stands among those that are
/// looked at again.
pub(super) fn depart(visit: &mut Visit<'_>) {
    if visit.shard.letters.is_empty() {
        pump::pump(visit);
        say_if_served(visit);
    }
    if visit.conn.state.subscription().is_some() {
        visit.shard.departing.push_back(visit.id);
    }
}

/// A reader takes leave, if it has all that there is. What it said itself is answered first.
fn say_if_served(visit: &mut Visit<'_>) {
    let hub = &visit.shard.hub;
    let served = visit.conn.state.subscription().is_some_and(|subscription| {
        // Of what fell off before a slow reader had room, it is told first.
        !subscribe::missed(subscription, hub)
            && hub.next(subscribe::topics(subscription), subscription.cursor).is_none()
    });
    if !served {
        return;
    }
    match &visit.conn.state {
        State::Streaming(stream) => {
            let chunked = stream.chunked;
            let mut retry = Vec::new();
            sse::retry(visit.shard.jitter(RETRY_MS_MIN, RETRY_MS_MAX), chunked, &mut retry);
            visit.conn.push(Segment::own(retry, Class::Framing));
            teardown::leave(visit, CloseReason::Drained);
        }
        State::Open(socket) if socket.awaits_commits() => {}
        State::Open(_) => {
            let why = CloseReason::Drained.name();
            teardown::close_socket(visit, CloseCode::GOING_AWAY, why, CloseReason::Drained);
        }
        // None of these stays; a parked poll is answered instead.
        State::Head { .. } | State::Body(_) | State::Answering(_) | State::Awaiting(_) => {}
        State::Parked(_) | State::Sending(_) | State::Telling(_) | State::Closing(_) => {}
        State::Lingering { .. } | State::Closed => {}
    }
}
