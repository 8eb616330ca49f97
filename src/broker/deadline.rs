//! What happens when nothing happens: every deadline, and what it leads to.
//!
//! The wheel holds hints. Putting off a deadline costs nothing: the hint stays, and when it comes
//! up it is compared with the truth, [`crate::conn::Conn::due`], and put in again. A connection
//! that is served a thousand times between two heartbeats touches the wheel once.
//!
//! Came from: the face, when the deadline of a connection has come. Goes to: `teardown`, mostly.
//! Absent on purpose: clocks, and the wheel.

use super::effect::Effect;
use super::visit::Visit;
use super::{poll, report, respond, teardown};
use crate::close::CloseReason;
use crate::conn::outbox::Segment;
use crate::conn::problem::Rule;
use crate::conn::progress::Verdict;
use crate::conn::response_context::ResponseContext;
use crate::conn::state::{State, Stream, WebSocket};
use crate::ids::Millis;
use crate::ledger::{Class, Scope};
use crate::limits::PONG_MS_MAX;
use crate::technique;

/// The deadline of a connection has come.
pub(super) fn expired(visit: &mut Visit<'_>) {
    let (conn, now) = (&mut *visit.conn, visit.now);
    let stalls_at = conn.stalls_at(&visit.shard.policy.limits);
    if !conn.flow.outbox.is_empty() && stalls_at <= now {
        return look(visit);
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
        State::Parked(parked) if parked.until > now => {
            // Nothing more is read of it, so nothing else would tell that it is gone.
            conn.timing.active_at = now;
            respond::ask_whether_alive(visit);
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
        State::Open(socket) if socket.pinged != Millis::NEVER => look(visit),
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

/// Before a peer is given up for silence, the kernel is asked what it still has for it.
fn look(visit: &mut Visit<'_>) {
    if visit.conn.flow.progress.ask() {
        visit.effect(Effect::CountUnacknowledged { conn: visit.id });
    }
}

/// The kernel holds so many bytes that the peer has not acknowledged. One that acknowledges some is
/// slow, and there.
pub(super) fn seen(visit: &mut Visit<'_>, bytes: u32) {
    let (conn, now) = (&mut *visit.conn, visit.now);
    let verdict = conn.flow.progress.look(bytes, now);
    if verdict == Verdict::Moved {
        conn.timing.took_at = now;
    }
    if !conn.flow.outbox.is_empty() {
        if verdict == Verdict::Stalled {
            teardown::give_up(visit, CloseReason::Stalled);
        }
        return;
    }
    // Nothing waits here any more, so it was the Pong that was due. A Ping that stands behind other
    // bytes may not have come yet.
    if let State::Open(socket) = &mut conn.state
        && socket.pinged.plus(PONG_MS_MAX) <= now
    {
        let delayed = bytes as usize > technique::heartbeat(socket.format(), false).len();
        if delayed && matches!(verdict, Verdict::Begun | Verdict::Moved) {
            socket.pinged = now;
        } else {
            teardown::give_up(visit, CloseReason::PongTimeout);
        }
    }
}

/// Sends a heartbeat, unless bytes that wait already do its work.
fn send_heartbeat(visit: &mut Visit<'_>, beat: &'static [u8]) {
    visit.conn.timing.active_at = visit.now;
    if visit.conn.flow.outbox.is_empty() {
        visit.conn.push(Segment::fixed(beat, Class::Heartbeat));
    }
}
