//! How connections end: decided once, said in the technique's own words, counted, and carried out
//! in an order that loses no answer.
//!
//! Came from: everywhere in `broker`. Goes to: the shell, as teardowns, and the ledger, as a
//! reason. Absent on purpose: what is said last; that was queued before.

use super::{Broker, Effect, Teardown};
use crate::close::CloseReason;
use crate::conn::outbox::Segment;
use crate::conn::state::{Seats, State};
use crate::conn::{Conn, Failure};
use crate::ids::{ConnId, Millis};
use crate::ledger::Class;
use crate::technique::{Technique, sse, websocket};
use crate::wire::frame::CloseCode;

impl Broker {
    /// Ends a connection once what is queued has been sent. A stream ends as HTTP has answers end,
    /// for a peer that has ended its own side still reads, and is to tell this from a broken one.
    pub(super) fn leave(&mut self, id: ConnId, reason: CloseReason, now: Millis) {
        self.unsubscribe(id);
        self.forget_unread(id);
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if matches!(conn.state, State::Lingering { .. } | State::Closed) {
            return;
        }
        conn.leaving.get_or_insert(reason);
        if matches!(conn.state, State::Sending(_)) {
            self.effects.push_back(Effect::CloseFile { conn: id });
        }
        if matches!(&conn.state, State::Streaming(stream) if stream.chunked) {
            conn.push(Segment::fixed(sse::farewell(true), Class::Framing));
        }
        conn.shift(State::Lingering { half_closed: false }, now);
        if conn.outbox.is_empty() {
            self.end_own_side(id, now);
        }
    }

    /// Bytes that were never understood are of no technique.
    fn forget_unread(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(id) {
            let bytes = std::mem::take(&mut conn.inbox).len();
            self.dropped_unread(id, bytes);
        }
    }

    /// Everything is sent: end our side, and wait for the peer to end its own, if it has not.
    pub(super) fn end_own_side(&mut self, id: ConnId, now: Millis) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if conn.finished {
            self.drop(id, now);
        } else if matches!(conn.state, State::Lingering { half_closed: false }) {
            conn.shift(State::Lingering { half_closed: true }, now);
            self.teardowns.push_back((id, Teardown::HalfClose));
        }
    }

    /// Sends a Close frame and waits for the peer's, RFC 6455 §7.1.2. Of a socket that is ending
    /// already, nothing more is said.
    pub(super) fn close_socket(
        &mut self,
        id: ConnId,
        code: CloseCode,
        why: &str,
        reason: CloseReason,
        now: Millis,
    ) {
        let open = |conn: &Conn| matches!(conn.state, State::Open(_));
        if !self.conns.get(id).is_some_and(open) {
            return; // A Close was sent already, and nothing may follow it, §5.5.1.
        }
        self.unsubscribe(id);
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let mut frame = Vec::new();
        websocket::farewell(code, why, &mut frame);
        conn.push(Segment::own(frame, Class::Framing));
        conn.leaving.get_or_insert(reason);
        conn.await_close(now);
    }

    /// Closes for a broken rule (§7.1.7). What was said before was in order: it is heard first, by
    /// its sender too if that is a reader, and answered in a dialect that answers.
    pub(super) fn fail(&mut self, id: ConnId, failure: Failure, now: Millis) {
        let Some(State::Open(socket)) = self.conns.get_mut(id).map(|conn| &mut conn.state) else {
            return;
        };
        if socket.awaits_commits() {
            socket.failing = Some(Box::new(failure));
            return;
        }
        self.pump(id, now);
        let conn = self.conns.get_mut(id);
        // The pump may have found a gap, and closed for that.
        let Some(conn) = conn.filter(|conn| matches!(conn.state, State::Open(_))) else {
            return;
        };
        let Failure { code, why, reason } = failure;
        let mut frame = Vec::new();
        websocket::farewell(code, why, &mut frame);
        conn.push(Segment::own(frame, Class::Framing));
        self.leave(id, reason, now);
    }

    /// A message is in the log, or will never be: was a failure waiting for that?
    pub(super) fn fail_if_due(&mut self, id: ConnId, now: Millis) {
        if let Some(State::Open(socket)) = self.conns.get_mut(id).map(|conn| &mut conn.state)
            && let Some(failure) = socket.failing.take()
        {
            self.fail(id, *failure, now);
        }
    }

    /// Drops a connection now, whatever is still queued.
    pub(super) fn drop(&mut self, id: ConnId, now: Millis) {
        self.unsubscribe(id);
        self.forget_unread(id);
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if matches!(conn.state, State::Closed) {
            return;
        }
        if matches!(conn.state, State::Sending(_)) {
            self.effects.push_back(Effect::CloseFile { conn: id });
        }
        let reason = *conn.leaving.get_or_insert(CloseReason::PeerFinished);
        log::debug!("{} closed: {}", conn.peer, reason.name());
        conn.shift(State::Closed, now);
        self.went_out_in_part(id);
        self.ended(id, reason);
        self.teardowns.push_back((id, Teardown::Drop(reason)));
    }

    /// Drops a connection whose bytes no code of ours could be made to understand: it panicked, and
    /// what it did to the connection is not known. `bytes` of what came were not accounted for.
    pub(super) fn drop_panicked(&mut self, id: ConnId, bytes: usize, now: Millis) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        log::error!("{}: what it sent made us panic; please report what was said", conn.peer);
        conn.leaving = Some(CloseReason::Panicked);
        self.dropped_unread(id, bytes);
        self.drop(id, now);
    }

    /// A peer that has ended its side, and of whom nothing more can be understood, is done.
    pub(super) fn end_if_finished(&mut self, id: ConnId, now: Millis) {
        let behind = |conn: &Conn| conn.finished && !conn.inbox.is_empty();
        if self.conns.get(id).is_some_and(behind) {
            self.digest_inbox(id, now); // What came while it was held was not looked at yet.
        }
        let Some(conn) = self.conns.get(id) else {
            return;
        };
        if !conn.finished || conn.is_held() {
            return; // Not parsed to the end yet: see `Conn::next_ask`.
        }
        match conn.state {
            // Nothing was begun; an empty line or two may lie there.
            State::Head { began: None, .. }
                if conn.inbox.iter().all(|b| matches!(b, b'\r' | b'\n')) =>
            {
                self.leave(id, CloseReason::PeerFinished, now);
            }
            State::Head { began: Some(_), .. } | State::Body(_) => {
                self.leave(id, CloseReason::PeerLeft, now);
            }
            // Whoever waits for an answer still gets it.
            State::Open(ref socket) if socket.awaits_commits() => {}
            // A stream for a peer that ended its side before we came to its request.
            State::Streaming(_) | State::Open(_) | State::Closing(_) => {
                self.leave(id, CloseReason::PeerLeft, now);
            }
            State::Head { began: None, .. } | State::Awaiting(_) | State::Parked(_) => {}
            State::Sending(_) | State::Lingering { .. } | State::Closed => {}
        }
    }

    /// Takes a reader out of its topics' lists.
    pub(super) fn unsubscribe(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let technique = match conn.state {
            State::Parked(_) => Technique::LongPoll,
            State::Streaming(_) => Technique::Sse,
            State::Open(_) => Technique::WebSocket,
            _ => return,
        };
        let Some(subscription) = conn.state.subscription_mut() else {
            return;
        };
        // An empty list of seats: striking out twice does nothing.
        let mut seats = std::mem::replace(&mut subscription.seats, Seats::Many(Box::default()));
        for seat in seats.as_mut_slice() {
            let Some(moved) = self.hub.unsubscribe(*seat, technique) else {
                continue;
            };
            self.moved(moved, *seat);
        }
    }

    /// Another subscriber has this `seat` now: its own note of where it sits follows.
    fn moved(&mut self, id: ConnId, seat: crate::ids::Seat) {
        let subscription = self.conns.get_mut(id).and_then(|c| c.state.subscription_mut());
        let seats = subscription.into_iter().flat_map(|f| f.seats.as_mut_slice());
        for own in seats {
            if own.topic == seat.topic {
                own.slot = seat.slot;
            }
        }
    }
}
