//! Work: what may take longer than a handler should, done in portions.
//!
//! Came from: the shell, once a turn. Goes to: visits, one for each connection that has work.
//! Absent on purpose: any order between connections other than first come, first served.

use super::{Broker, deadline, input, poll, pump};
use crate::conn::state::Name;
use crate::ids::Millis;
use crate::limits::DELIVERIES_PER_TURN;
use crate::wire::date;

impl Broker {
    /// Goes on with requests that stood behind an answered one. `true`: there may be effects.
    /// What is answered here may leave more behind; that is for the next call, so that one
    /// pipeline does not keep the others waiting.
    pub fn resume(&mut self, now: Millis) -> bool {
        let left = self.shard.resumable.len();
        for _ in 0..left {
            if let Some(id) = self.shard.resumable.pop_front() {
                self.visit(id, now, input::digest_inbox);
            }
        }
        left > 0
    }

    /// Serves subscribers of logs that grew, as many as a turn has room for. `true`: more are
    /// waiting.
    pub fn deliver(&mut self, now: Millis) -> bool {
        for _ in 0..DELIVERIES_PER_TURN {
            let Some(id) = self.shard.hub.next_subscriber() else {
                return false;
            };
            self.visit(id, now, |visit| match visit.conn.state.name() {
                Name::Parked => poll::release_if_any(visit),
                _ => pump::pump(visit),
            });
        }
        self.shard.hub.has_rounds()
    }

    /// Does everything that is due.
    pub fn expire(&mut self, now: Millis) {
        self.shard.hub.expire(now);
        while let Some((hint, id)) = self.wheel.pop_due(now) {
            self.visit(id, now, |visit| {
                if visit.conn.timing.hint != hint {
                    return; // An earlier hint was put in since, and stands for both.
                }
                visit.conn.timing.hint = Millis::NEVER;
                let due = visit.conn.due(&visit.shard.policy.limits);
                if due.is_some_and(|due| due <= now) {
                    deadline::expired(visit);
                }
            });
        }
    }

    /// The wall clock's second has changed.
    pub fn wall_clock(&mut self, unix_s: u64) {
        // Beyond the year 9999 it stands still, as dates do.
        let unix_s = i64::try_from(unix_s).unwrap_or(date::UNIX_S_MAX).min(date::UNIX_S_MAX);
        self.shard.unix_s = unix_s;
        self.shard.date = date::write(unix_s);
    }
}
