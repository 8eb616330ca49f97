//! What happens when nothing happens: every deadline, and what it leads to.
//!
//! The wheel holds hints. Putting off a deadline costs nothing: the hint stays, and when it comes
//! up it is compared with the truth, [`crate::conn::Conn::due`], and put in again. A connection
//! that is served a thousand times between two heartbeats touches the wheel once.
//!
//! Came from: the face, when the deadline of a connection has come. Goes to: `teardown`, mostly.
//! Absent on purpose: clocks, and the wheel.

use super::visit::Visit;
use super::{poll, report, respond, teardown};
use crate::close::CloseReason;
use crate::conn::outbox::Segment;
use crate::conn::problem::Rule;
use crate::conn::response_context::ResponseContext;
use crate::conn::state::{State, Stream, WebSocket};
use crate::ids::Millis;
use crate::ledger::{Class, Scope};
use crate::technique;

/// The deadline of a connection has come.
pub(super) fn expired(visit: &mut Visit<'_>) {
    let (conn, now) = (&mut *visit.conn, visit.now);
    let stalls_at = conn.stalls_at(&visit.shard.policy.limits);
    if !conn.flow.outbox.is_empty() && stalls_at <= now {
        return teardown::give_up(visit, CloseReason::Stalled);
    }
    match &mut conn.state {
        // What the peer may be sending now is read and dropped, so that it learns of the end by an
        // end and not by a reset.
        State::Head { began: None, .. } if visit.shard.policy.draining => {
            teardown::leave(visit, CloseReason::Drained);
        }
        State::Head { began: None, .. } => teardown::give_up(visit, CloseReason::Idle),
        State::Head { began: Some(_), .. } => {
            conn.flow.leaving = Some(CloseReason::HeadTimeout);
            conn.shift(State::Answering(ResponseContext::closing()), now);
            respond::refuse(visit, Rule::HeadTimeout.into());
        }
        State::Body(upload) => {
            let context = std::mem::take(&mut upload.request.context).last();
            conn.flow.leaving = Some(CloseReason::BodyTimeout);
            conn.shift(State::Answering(context), now);
            respond::refuse(visit, Rule::BodyTimeout.into());
        }
        State::Parked(_) => poll::release(visit),
        State::Streaming(Stream { costs: true, .. })
        | State::Open(WebSocket { costs: true, .. }) => {
            conn.timing.active_at = now;
            report::await_report(visit, Scope::Sums);
        }
        State::Streaming(stream) => {
            let beat = technique::heartbeat(stream.format, stream.chunked);
            send_heartbeat(visit, beat);
        }
        State::Open(socket) if socket.pinged != Millis::NEVER => {
            teardown::give_up(visit, CloseReason::PongTimeout);
        }
        State::Open(socket) => {
            // Behind bytes that wait, no Ping goes out: no Pong can be due.
            if conn.flow.outbox.is_empty() {
                socket.pinged = now;
            }
            let ping = technique::heartbeat(socket.format(), false);
            send_heartbeat(visit, ping);
        }
        // Its reason was given when our Close frame was.
        State::Closing(_) => teardown::leave(visit, CloseReason::PeerLeft),
        State::Lingering { .. } => teardown::close(visit),
        State::Answering(_) | State::Awaiting(_) | State::Sending(_) | State::Closed => {}
    }
}

/// Sends a heartbeat, unless bytes that wait already do its work.
fn send_heartbeat(visit: &mut Visit<'_>, beat: &'static [u8]) {
    visit.conn.timing.active_at = visit.now;
    if visit.conn.flow.outbox.is_empty() {
        visit.conn.push(Segment::fixed(beat, Class::Heartbeat));
    }
}
