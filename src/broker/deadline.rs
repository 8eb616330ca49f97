//! What happens when nothing happens: every deadline, and what it leads to.
//!
//! The wheel holds hints. Putting off a deadline costs nothing: the hint stays, and when it comes
//! up it is compared with the truth, [`crate::conn::Conn::due`], and put in again. A connection
//! that is served a thousand times between two heartbeats touches the wheel a few times.
//!
//! Came from: the face, when the deadline of a connection has come. Goes to: `teardown`, mostly.
//! Absent on purpose: clocks, and the wheel.

use super::effect::Effect;
use super::visit::Visit;
use super::{poll, report, respond, subscribe, teardown, websocket};
use crate::close::CloseReason;
use crate::conn::Failure;
use crate::conn::outbox::Segment;
use crate::conn::problem::Rule;
use crate::conn::progress::Verdict;
use crate::conn::response_context::ResponseContext;
use crate::conn::state::{State, Stream, WebSocket};
use crate::ids::KeptMillis;
use crate::ledger::{Class, Scope};
use crate::limits::PONG_MS_MAX;
use crate::rights::Denial;
use crate::technique;
use crate::wire::frame::CloseCode;

/// The deadline of a connection has come.
pub(super) fn expired(visit: &mut Visit<'_>) {
    let (conn, now) = (&mut *visit.conn, visit.now);
    let limits = &visit.shard.policy.limits;
    let stalls_at = conn.stalls_at(limits);
    let held = conn.is_held();
    if conn.shakes_hands() {
        return end_handshake(visit);
    }
    if !conn.flow.outbox.is_empty() && stalls_at <= now {
        return look(visit);
    }
    if conn.expires_at() <= now {
        return end_for_its_token(visit);
    }
    match &mut conn.state {
        State::Head { began: None, .. } => end_idle(visit),
        State::Head { began: Some(_), .. } => {
            let context = ResponseContext::closing();
            refuse_late(visit, context, CloseReason::HeadTimeout, Rule::HeadTimeout);
        }
        State::Body(upload) => {
            let context = std::mem::take(&mut upload.request.context).last();
            refuse_late(visit, context, CloseReason::BodyTimeout, Rule::BodyTimeout);
        }
        State::Parked(parked) if parked.until.millis() > now => {
            // Nothing more is read of it, so nothing else would tell that it is gone.
            conn.timing.active_at = now.into();
            respond::ask_whether_alive(visit);
        }
        State::Parked(_) => poll::release(visit),
        // We do not listen: it cannot go on.
        State::Open(socket) if socket.message_due(limits) <= now && held => {
            socket.began = now.into();
        }
        State::Open(socket) if socket.message_due(limits) <= now => fail_late(visit),
        State::Streaming(Stream { costs: true, .. })
        | State::Open(WebSocket { costs: true, .. }) => {
            conn.timing.active_at = now.into();
            report::await_report(visit, Scope::Sums);
        }
        State::Streaming(stream) => {
            let beat = technique::heartbeat(stream.format, stream.chunked);
            send_heartbeat(visit, beat);
        }
        State::Open(socket) if socket.pinged != KeptMillis::NEVER => look(visit),
        State::Open(socket) => {
            // Behind bytes that wait, no Ping goes out: no Pong can be due.
            if conn.flow.outbox.is_empty() {
                socket.pinged = now.into();
            }
            let ping = technique::heartbeat(socket.format(), false);
            send_heartbeat(visit, ping);
        }
        // Its reason was given when our Close frame was.
        State::Closing(_) => teardown::leave(visit, CloseReason::PeerLeft),
        State::Lingering { .. } => teardown::close(visit),
        State::Answering(_) | State::Awaiting(_) | State::Sending(_) => {}
        State::Telling(_) | State::Closed => {}
    }
}

/// A connection may have waited for a handshake long enough.
fn end_handshake(visit: &mut Visit<'_>) {
    if visit.conn.due(&visit.shard.policy.limits) <= visit.now {
        let ends = visit.shard.policy.is_draining();
        let reason = if ends { CloseReason::Drained } else { CloseReason::TlsTimeout };
        visit.conn.flow.leave_for(reason);
        teardown::close(visit);
    }
}

/// A connection has waited for a request long enough.
fn end_idle(visit: &mut Visit<'_>) {
    if visit.shard.policy.is_draining() {
        // What the peer may be sending now is read and dropped, so that it learns of the end by an
        // end and not by a reset.
        return teardown::leave(visit, CloseReason::Drained);
    }
    // It may still be reading what the kernel has for it.
    visit.conn.flow.leave_for(CloseReason::Idle);
    teardown::close(visit);
}

/// A request was not complete in time.
fn refuse_late(visit: &mut Visit<'_>, context: ResponseContext, reason: CloseReason, rule: Rule) {
    visit.conn.flow.leaving = Some(reason);
    visit.conn.shift(State::Answering(context), visit.now);
    respond::refuse(visit, rule.into());
}

/// A WebSocket message was not complete in time.
fn fail_late(visit: &mut Visit<'_>) {
    let why = "a message was begun and not ended in time";
    let reason = CloseReason::MessageTimeout;
    websocket::fail(visit, Failure { code: CloseCode::POLICY, why, reason });
}

/// A reader that stays may not any more: its token is good no longer.
fn end_for_its_token(visit: &mut Visit<'_>) {
    match visit.conn.state {
        State::Parked(_) => {
            subscribe::unsubscribe(visit);
            visit.conn.released(visit.now);
            respond::refuse(visit, Denial::JwtExpired.into());
        }
        State::Open(_) => {
            let why = "the token is good no longer; come back with a new one";
            teardown::close_socket(visit, CloseCode::POLICY, why, CloseReason::TokenExpired);
        }
        _ => teardown::leave(visit, CloseReason::TokenExpired),
    }
}

/// Before a peer is given up for silence, the kernel is asked what it still has for it.
fn look(visit: &mut Visit<'_>) {
    if visit.conn.aside.progress_mut().ask() {
        visit.effect(Effect::CountUnacknowledged { conn: visit.id });
    }
}

/// The kernel holds so many bytes that the peer has not acknowledged. One that acknowledges some is
/// slow, and there.
pub(super) fn seen(visit: &mut Visit<'_>, bytes: u32) {
    let (conn, now) = (&mut *visit.conn, visit.now);
    let verdict = conn.aside.progress_mut().look(bytes, now);
    if verdict == Verdict::Moved {
        conn.timing.took_at = now.into();
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
        && socket.pinged.millis().plus(PONG_MS_MAX) <= now
    {
        let delayed = bytes as usize > technique::heartbeat(socket.format(), false).len();
        if delayed && matches!(verdict, Verdict::Begun | Verdict::Moved) {
            socket.pinged = now.into();
        } else {
            teardown::give_up(visit, CloseReason::PongTimeout);
        }
    }
}

/// Sends a heartbeat, unless bytes that wait already do its work.
fn send_heartbeat(visit: &mut Visit<'_>, beat: &'static [u8]) {
    visit.conn.timing.active_at = visit.now.into();
    if visit.conn.flow.outbox.is_empty() {
        visit.conn.push(Segment::fixed(beat, Class::Heartbeat));
    }
}
