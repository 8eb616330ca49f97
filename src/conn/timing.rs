//! The moments of a connection that deadlines are counted from.
//!
//! A moment that only one state needs lies in that state. These four are independent of it.
//!
//! Came from: `conn` and `broker`, when something happens. Goes to: [`super::Conn::due`], and the
//! timer wheel. Absent on purpose: a clock.

use crate::ids::{KeptMillis, Millis};

/// The moments of one connection.
#[derive(Debug)]
pub struct Timing {
    /// When it was accepted.
    pub accepted_at: KeptMillis,
    /// When it last entered a state, or since then showed the sign of life that counts in its
    /// state: for an idle connection that it took our answer, for a stream that something was
    /// written to it, for a WebSocket that anything came from it or a heartbeat went to it.
    pub active_at: KeptMillis,
    /// When the peer last took bytes of a non-empty outbox or was seen to have acknowledged some,
    /// or the first one came into it.
    pub took_at: KeptMillis,
    /// The earliest moment at which the timer wheel will ask for this connection.
    pub hint: KeptMillis,
}

impl Timing {
    /// Of a connection that was just accepted.
    pub fn new(now: Millis) -> Self {
        let now = now.into();
        Self { accepted_at: now, active_at: now, took_at: now, hint: KeptMillis::NEVER }
    }

    /// Milliseconds since anything happened: see `active_at` and `took_at`.
    pub fn idle_ms(&self, now: Millis) -> u64 {
        now.since(self.active_at.millis().max(self.took_at.millis()))
    }

    /// Something is due at that moment. `true`: the timer wheel has to know, for it would come
    /// later.
    pub fn hints_at(&mut self, due: Millis) -> bool {
        let earlier = due < self.hint.millis();
        if earlier {
            self.hint = due.into();
        }
        // What cannot be kept is never.
        earlier && self.hint != KeptMillis::NEVER
    }
}
