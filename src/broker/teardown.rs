//! Teardown: how connections end. Decided once, said in the technique's own words, counted, and
//! carried out in an order that loses no answer.
//!
//! ```text
//!  leave ──▶ Lingering ──▶ (all is sent) ──▶ our side ended ──▶ (the peer ends its own) ──▶ close
//!                                       └──▶ (the peer has said that it sends no more) ──▶ close
//!  close_socket ──▶ Closing ──▶ (the peer's Close frame) ──▶ leave
//! ```
//!
//! Came from: every layer above. Goes to: the shell, as a [`Teardown`], and the ledger, as a
//! reason. Absent on purpose: what is said last; that was queued before.

use super::effect::{Effect, Teardown};
use super::visit::Visit;
use super::{accounting, subscribe};
use crate::close::CloseReason;
use crate::conn::inbox::Inbox;
use crate::conn::outbox::Segment;
use crate::conn::state::State;
use crate::ledger::Class;
use crate::technique::websocket;
use crate::wire::frame::CloseCode;
use crate::wire::response::LAST_CHUNK;

/// Ends a connection once what is queued has been sent. A stream ends as HTTP has answers end, for
/// a peer that has ended its own side still reads, and is to tell this from a broken one.
pub(super) fn leave(visit: &mut Visit<'_>, reason: CloseReason) {
    subscribe::unsubscribe(visit);
    forget_unread(visit);
    match &visit.conn.state {
        State::Lingering { .. } | State::Closed => return,
        State::Sending(_) => visit.effect(Effect::CloseFile { conn: visit.id }),
        State::Streaming(stream) if stream.chunked => {
            visit.conn.push(Segment::fixed(LAST_CHUNK, Class::Framing));
        }
        State::Head { .. } | State::Body(_) | State::Answering(_) | State::Awaiting(_) => {}
        State::Parked(_) | State::Telling(_) | State::Streaming(_) => {}
        State::Open(_) | State::Closing(_) => {}
    }
    visit.conn.flow.leave_for(reason);
    visit.conn.shift(State::Lingering { half_closed: false, since: visit.now }, visit.now);
    if visit.conn.flow.outbox.is_empty() {
        end_own_side(visit);
    }
}

/// Bytes that were never understood are of no technique.
fn forget_unread(visit: &mut Visit<'_>) {
    let bytes = visit.conn.aside.take_inbox().len();
    accounting::dropped_unread(visit, bytes);
}

/// Everything is sent: end our side, and wait for the peer to end its own, if it has not.
pub(super) fn end_own_side(visit: &mut Visit<'_>) {
    if visit.conn.flow.finished {
        close(visit);
    } else if matches!(visit.conn.state, State::Lingering { half_closed: false, .. }) {
        visit.conn.shift(State::Lingering { half_closed: true, since: visit.now }, visit.now);
        visit.shard.teardowns.push_back((visit.id, Teardown::HalfClose));
    }
}

/// Sends a Close frame and waits for the peer's, RFC 6455 §7.1.2. Of a socket that is ending
/// already, nothing more is said: nothing may follow a Close frame, §5.5.1.
pub(super) fn close_socket(visit: &mut Visit<'_>, code: CloseCode, why: &str, reason: CloseReason) {
    if !matches!(visit.conn.state, State::Open(_)) {
        return;
    }
    subscribe::unsubscribe(visit);
    let mut frame = Vec::new();
    websocket::farewell(code, why, &mut frame);
    visit.conn.push(Segment::own(frame, Class::Framing));
    visit.conn.flow.leave_for(reason);
    visit.conn.await_close(visit.now);
}

/// Drops a peer that does not answer: there is nobody to linger for, and nothing that the kernel
/// has for it is worth its memory.
pub(super) fn give_up(visit: &mut Visit<'_>, reason: CloseReason) {
    visit.conn.flow.leave_for(reason);
    end(visit, Teardown::Reset);
}

/// Closes a connection now, whatever is still queued. What the kernel has taken is still sent.
pub(super) fn close(visit: &mut Visit<'_>) {
    end(visit, Teardown::Close);
}

fn end(visit: &mut Visit<'_>, how: fn(CloseReason) -> Teardown) {
    subscribe::unsubscribe(visit);
    forget_unread(visit);
    match visit.conn.state {
        State::Closed => return,
        State::Sending(_) => visit.effect(Effect::CloseFile { conn: visit.id }),
        _ => {}
    }
    let reason = visit.conn.flow.leave_for(CloseReason::PeerFinished);
    log::debug!("{} closed: {}", visit.conn.peer, reason.name());
    visit.conn.shift(State::Closed, visit.now);
    accounting::dropped_in_records(visit);
    accounting::dropped_unsent(visit);
    accounting::ended(visit, reason);
    visit.shard.teardowns.push_back((visit.id, how(reason)));
}

/// A peer that has ended its side, and of which nothing more can be understood, is done.
#[inline]
pub(super) fn end_if_finished(visit: &mut Visit<'_>) {
    let flow = &visit.conn.flow;
    if !flow.finished || visit.conn.is_held() || visit.conn.is_paused() {
        return; // Not understood to the end yet: see `Conn::next_ask`.
    }
    let reason = match &visit.conn.state {
        // Nothing was begun; an empty line or two may lie there.
        State::Head { began: None, .. } if visit.conn.aside.inbox().is_none_or(Inbox::is_blank) => {
            CloseReason::PeerFinished
        }
        State::Head { began: Some(_), .. } | State::Body(_) => CloseReason::PeerLeft,
        // A peer that waits for an answer still gets it.
        State::Open(socket) if socket.awaits_commits() => return,
        // A stream for a peer that ended its side before we came to its request.
        State::Streaming(_) | State::Open(_) | State::Closing(_) => CloseReason::PeerLeft,
        State::Head { began: None, .. } | State::Answering(_) | State::Awaiting(_) => return,
        State::Parked(_) | State::Sending(_) | State::Telling(_) => return,
        State::Lingering { .. } | State::Closed => return,
    };
    leave(visit, reason);
}
