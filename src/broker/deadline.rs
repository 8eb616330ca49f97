//! What happens when nothing happens: every deadline, and what it leads to.
//!
//! The wheel holds hints. Putting off a deadline costs nothing: the hint stays, and when it comes
//! up it is compared with the truth, [`crate::conn::Conn::due`], and hung up again. A connection
//! that is served a thousand times between two heartbeats touches the wheel once.
//!
//! Came from: the shell, when `next_deadline` has come. Goes to: `teardown`, mostly. Absent on
//! purpose: clocks.

use super::Broker;
use crate::close::CloseReason;
use crate::conn::outbox::Segment;
use crate::conn::problem::Rule;
use crate::conn::response_context::ResponseContext;
use crate::conn::state::{State, Stream, WebSocket};
use crate::ids::{ConnId, Millis};
use crate::ledger::{Class, Scope};
use crate::technique::{sse, websocket};

impl Broker {
    /// Does everything that is due.
    pub fn expire(&mut self, now: Millis) {
        self.hub.expire(now);
        while let Some((hint, id)) = self.wheel.pop_due(now) {
            let Some(conn) = self.conns.get_mut(id) else {
                continue;
            };
            if conn.hint != hint {
                continue; // An earlier hint was hung up since, and speaks for both.
            }
            conn.hint = Millis::NEVER;
            if conn.due(&self.policy.limits).is_some_and(|due| due <= now) {
                self.ring(id, now);
            }
            self.settle(id, now);
        }
    }

    /// The deadline of `id` has come.
    fn ring(&mut self, id: ConnId, now: Millis) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let stalled = conn.stuck_since.plus(self.policy.limits.stall_ms_max);
        if !conn.outbox.is_empty() && stalled <= now {
            return self.give_up(id, CloseReason::Stalled, now);
        }
        match &mut conn.state {
            State::Head { began: None, .. } => self.give_up(id, CloseReason::Idle, now),
            State::Head { began: Some(_), .. } => {
                conn.leaving = Some(CloseReason::HeadTimeout);
                self.refuse(id, &ResponseContext::closing(), Rule::HeadTimeout.into(), now);
            }
            State::Body(upload) => {
                let reply = ResponseContext { keep_alive: false, ..upload.request.reply.clone() };
                conn.leaving = Some(CloseReason::BodyTimeout);
                self.refuse(id, &reply, Rule::BodyTimeout.into(), now);
            }
            State::Parked(_) => self.release(id, now),
            State::Streaming(Stream { costs: true, .. })
            | State::Open(WebSocket { costs: true, .. }) => {
                conn.since = now;
                self.await_report(id, Scope::Sums);
            }
            State::Streaming(stream) => {
                let beat = sse::heartbeat(stream.chunked);
                self.beat(id, beat, now);
            }
            State::Open(socket) if socket.pinged != Millis::NEVER => {
                self.give_up(id, CloseReason::PongTimeout, now);
            }
            State::Open(socket) => {
                // Behind bytes that wait, no Ping goes out: no Pong can be due.
                if conn.outbox.is_empty() {
                    socket.pinged = now;
                }
                self.beat(id, websocket::heartbeat(), now);
            }
            // Its reason was given when our Close frame was.
            State::Closing(_) => self.leave(id, CloseReason::PeerLeft, now),
            State::Lingering { .. } => self.drop(id, now),
            State::Awaiting(_) | State::Sending(_) | State::Closed => {}
        }
    }

    /// Sends a heartbeat, unless bytes that wait already do its work.
    fn beat(&mut self, id: ConnId, beat: &'static [u8], now: Millis) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.since = now;
            if conn.outbox.is_empty() {
                conn.push(Segment::fixed(beat, Class::Heartbeat));
            }
        }
    }

    /// Drops a peer that does not answer: there is nobody to linger for.
    fn give_up(&mut self, id: ConnId, reason: CloseReason, now: Millis) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.leaving.get_or_insert(reason);
            self.drop(id, now);
        }
    }
}
