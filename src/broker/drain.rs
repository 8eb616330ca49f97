//! Draining: the server is to end, and everybody is told so before it does.
//!
//! ```text
//!  began            grace is over                       4/5                    until
//!    │ a walk over      │ another walk; parked polls are  │ peers take what      │ what is left
//!    │ all connections  │ answered, streams and sockets   │ waits for them, and  │ is cut
//!    │                  │ take leave, one after the other │ end their side       │
//! ```
//!
//! From the beginning on, every answer but a poll's says that it is the last of its connection, and
//! a connection without a request is let go: publishers come to their end first. Their messages are
//! still taken, for readers stay until the grace is over, and those that poll may ask again. Then
//! readers leave one by one, in equal steps, so that they do not all come back at once; few of them
//! leave sooner. A reader that is behind stays until it has everything.
//!
//! Came from: the shell, when an operator wants the server to end. Goes to: visits, to each
//! connection in its turn. Absent on purpose: listening sockets, which the shell closes, and
//! clocks: a drain is driven by [`Broker::expire`], as every deadline is.

use super::farewells::{DrainCounts, Farewells};
use super::visit::Visit;
use super::{Broker, goodbye, poll, teardown};
use crate::close::CloseReason;
use crate::conn::Conn;
use crate::conn::policy::DrainPhase;
use crate::conn::state::{Awaited, Name, State};
use crate::ids::Millis;
use crate::limits::{DRAIN_GRACE_MS_MAX, EXPIRIES_PER_TURN};

/// How often a thread looks at the readers that were told to leave and have not.
const LOOK_MS: u64 = 100;

impl Broker {
    /// The server is to end by `until`. Everybody is told, in good order, by
    /// [`expire`](Self::expire); a second call changes nothing. The shell takes in no connections
    /// from now on but those that had been made by now.
    pub fn drain(&mut self, now: Millis, until: Millis) {
        if self.drain.is_some() {
            return;
        }
        let until = until.max(now);
        let grace_ms = (until.since(now) / 10).min(DRAIN_GRACE_MS_MAX);
        let policy = &mut self.shard.policy;
        policy.drain = DrainPhase::Grace;
        policy.limits.idle_ms_max = policy.limits.idle_ms_max.min(grace_ms);
        self.drain = Some(Farewells {
            grace_until: now.plus(grace_ms),
            until,
            walk: Some(0),
            readers: std::collections::VecDeque::new(),
            told: 0,
            look_at: now,
            to_look_at: 0,
            cut_walk: 0,
            counts: DrainCounts::default(),
        });
    }

    /// How connections ended since the drain began; `None` when none has begun.
    pub fn drain_counts(&self) -> Option<DrainCounts> {
        self.drain.as_ref().map(|drain| drain.counts)
    }

    /// When the drain goes on.
    pub(super) fn next_farewell(&self) -> Option<Millis> {
        let drain = self.drain.as_ref().filter(|_| self.conns.len() > 0)?;
        if drain.walk.is_some() {
            return Some(Millis(0));
        }
        let grace = Some(drain.grace_until).filter(|_| self.is_in_grace());
        let look_at = Some(drain.look_at).filter(|_| !self.shard.departing.is_empty());
        [grace, drain.tells_at(), look_at, Some(drain.until)].into_iter().flatten().min()
    }

    fn is_in_grace(&self) -> bool {
        self.shard.policy.drain == DrainPhase::Grace
    }

    /// A connection is closed for good.
    pub(super) fn count_end(&mut self, reason: Option<CloseReason>) {
        if let Some(Farewells { counts, .. }) = &mut self.drain {
            match reason {
                Some(CloseReason::Cut) => counts.cut += 1,
                Some(_) | None => counts.ended += 1,
            }
        }
    }

    /// Goes on with the drain, a portion of it.
    pub(super) fn go_on_draining(&mut self, now: Millis) {
        let Some(mut drain) = self.drain.take() else {
            return;
        };
        if drain.walk.is_none() && self.is_in_grace() && drain.grace_until <= now {
            self.shard.policy.drain = DrainPhase::Leaving;
            drain.walk = Some(0);
        }
        if drain.walk.is_some() {
            self.walk(&mut drain, now);
        } else if drain.readers.is_empty() && drain.until <= now {
            self.cut(&mut drain, now);
        } else {
            self.tell_readers(&mut drain, now);
            self.look_again(&mut drain, now);
        }
        self.drain = Some(drain);
    }

    /// Looks at every connection once: answers that are to come are the last ones, and when the
    /// grace is over readers are noted down. Those that wait for a request have a nearer deadline
    /// after the visit.
    fn walk(&mut self, drain: &mut Farewells, now: Millis) {
        let Some(from) = drain.walk else {
            return;
        };
        let to = from + EXPIRIES_PER_TURN;
        let leaves = !self.is_in_grace();
        for id in (from..to).filter_map(|slot| self.conns.at(slot)).collect::<Vec<_>>() {
            self.visit(id, now, |visit| {
                if expects_no_more(visit.conn, leaves) {
                    drain.readers.push_back(id);
                }
            });
        }
        drain.walk = Some(to).filter(|&to| to < self.conns.slots());
    }

    /// Tells the readers whose moment has come.
    fn tell_readers(&mut self, drain: &mut Farewells, now: Millis) {
        for _ in 0..EXPIRIES_PER_TURN {
            if drain.tells_at().is_none_or(|at| now < at) {
                return;
            }
            drain.told += 1;
            if let Some(id) = drain.readers.pop_front() {
                self.visit(id, now, part);
            }
        }
    }

    /// Looks at those whose moment has come and who have not left, a portion of them. While letters
    /// are unread, none can.
    fn look_again(&mut self, drain: &mut Farewells, now: Millis) {
        if now < drain.look_at {
            return;
        }
        if drain.to_look_at == 0 && self.shard.letters.is_empty() {
            drain.to_look_at = self.shard.departing.len();
        }
        for _ in 0..drain.to_look_at.min(EXPIRIES_PER_TURN) {
            drain.to_look_at -= 1;
            if let Some(id) = self.shard.departing.pop_front() {
                self.visit(id, now, part);
            }
        }
        if drain.to_look_at == 0 {
            drain.look_at = now.plus(LOOK_MS);
        }
    }

    /// The time is over: ends what is left.
    fn cut(&mut self, drain: &mut Farewells, now: Millis) {
        let (from, to) = (drain.cut_walk, drain.cut_walk + EXPIRIES_PER_TURN);
        for id in (from..to).filter_map(|slot| self.conns.at(slot)).collect::<Vec<_>>() {
            self.visit(id, now, |visit| {
                // One that has our last word, and only did not end its own side, misses nothing.
                let said = match visit.conn.state {
                    State::Closing(_) | State::Lingering { .. } => {
                        visit.conn.flow.outbox.is_empty()
                    }
                    State::Closed => true, // Its socket is to be closed in this turn.
                    _ => false,
                };
                if !said {
                    visit.conn.flow.leaving = Some(CloseReason::Cut);
                }
                teardown::close(visit);
            });
        }
        drain.cut_walk = if to < self.conns.slots() { to } else { 0 };
    }
}

/// The moment of a reader has come. No poll is answered while a message for it may be unread.
fn part(visit: &mut Visit<'_>) {
    match visit.conn.state.name() {
        Name::Parked if visit.shard.letters.is_empty() => poll::release(visit),
        _ => goodbye::depart(visit),
    }
}

/// Makes the next answer of a connection its last, unless it polls and may ask again. `true`: it is
/// a reader that has to be told now.
fn expects_no_more(conn: &mut Conn, leaves: bool) -> bool {
    match &mut conn.state {
        // What these want is still to be given: see `answer::give`.
        State::Head { .. } | State::Body(_) | State::Answering(_) => {}
        State::Awaiting(awaiting) => match &awaiting.awaited {
            Awaited::Letters(_) | Awaited::Grant(_) | Awaited::Place(Some(_)) => {}
            _ => awaiting.context.keep_alive = false,
        },
        State::Parked(parked) if leaves => parked.context.keep_alive = false,
        State::Parked(_) | State::Streaming(_) | State::Open(_) => {}
        // Its answer says already that another request may follow. That one's will not.
        State::Sending(_) | State::Telling(_) => {}
        State::Closing(_) | State::Lingering { .. } | State::Closed => {}
    }
    let stays = matches!(conn.state, State::Parked(_) | State::Streaming(_) | State::Open(_));
    leaves && stays
}
