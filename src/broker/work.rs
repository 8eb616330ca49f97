//! Work: what may take longer than a handler should, done in portions.
//!
//! Came from: the shell, several times a turn; `handlers`, with letters. Goes to: visits, one for
//! each connection that has work. Absent on purpose: any order between connections other than first
//! come, first served.

use super::visit::Visit;
use super::{Broker, Letter, answer, deadline, input, next_of, poll, publish, pump, report};
use crate::conn::Conn;
use crate::conn::outbox::Outbox;
use crate::conn::state::Name;
use crate::hub::Receipt;
use crate::ids::{ConnId, KeptMillis, Millis, WallSecond};
use crate::limits::{
    DELIVERY_STEP_BYTES, DELIVERY_STEP_SEGMENTS, DELIVERY_STEPS_PER_PORTION, EXPIRIES_PER_TURN,
    LEFT_BEHIND_PER_PORTION,
};
use crate::spare::Spare;
use crate::wire::date;
use crate::wire::response::CommonFields;

/// Steps of work that it took to queue what an outbox holds.
fn steps_queued(outbox: &Outbox) -> usize {
    outbox.bytes() / DELIVERY_STEP_BYTES + outbox.segments() / DELIVERY_STEP_SEGMENTS
}

impl Broker {
    /// Goes on with requests that stood behind an answered one, a portion of them. `true`: there
    /// may be effects. What is answered here may leave more behind; that stands at the end of the
    /// line, so that one pipeline does not keep the others waiting.
    pub fn go_on(&mut self, now: Millis) -> bool {
        let left = self.shard.left_behind.len().min(LEFT_BEHIND_PER_PORTION);
        for _ in 0..left {
            if !self.takes_input() {
                break; // What was asked for is carried out first.
            }
            if let Some(id) = self.shard.left_behind.pop_front() {
                self.visit(id, now, input::digest_inbox);
            }
        }
        self.shard.left_behind.give_back();
        left > 0
    }

    /// Whether nothing is to be done outside, no request is to be gone on with, nobody wants bytes
    /// again, and as many read each topic as when that was last told.
    pub fn wants_nothing(&self) -> bool {
        let shard = &self.shard;
        let asks = !shard.effects.is_empty() || shard.hub.has_subscriber_changes();
        !asks && shard.left_behind.is_empty() && self.resumed.is_empty()
    }

    /// Reads a portion of the letters: what they bring is in the logs then, and whoever asked for
    /// it is answered, before any subscriber is served.
    pub fn read_portion(&mut self, now: Millis) {
        self.shard.letters.begin_portion();
        if self.shard.letters.has_next() {
            self.read_letters(now);
        }
    }

    /// Whether a round is on: [`Broker::deliver`] has subscribers to serve.
    pub fn has_rounds(&self) -> bool {
        self.shard.hub.has_rounds()
    }

    /// Whether `id` is one that a round may reach.
    pub fn is_subscribed(&self, id: ConnId) -> bool {
        let state = self.conns.get(id).map(|conn| conn.state.name());
        matches!(state, Some(Name::Parked | Name::Streaming | Name::Open))
    }

    /// Reads a portion of the letters, and serves a portion of the subscribers of logs that grew.
    /// `true`: there is more to do, now.
    pub fn deliver(&mut self, now: Millis) -> bool {
        self.shard.letters.begin_portion();
        let mut steps = 0;
        while steps < DELIVERY_STEPS_PER_PORTION {
            if self.shard.letters.has_next() {
                self.read_letters(now);
            }
            let Some(id) = self.shard.hub.next_subscriber() else {
                self.shard.hub.expire(now); // It may be due since long, and could not be done.
                if self.shard.letters.has_next() && self.shard.hub.has_room() {
                    continue;
                }
                break;
            };
            if self.deliver_to(id, now, &mut steps) {
                continue;
            }
            self.visit(id, now, |visit| {
                let before = steps_queued(&visit.conn.flow.outbox);
                match visit.conn.state.name() {
                    Name::Parked => poll::release_if_any(visit),
                    _ => pump::pump(visit),
                }
                steps += 1 + steps_queued(&visit.conn.flow.outbox).saturating_sub(before);
            });
        }
        self.can_deliver()
    }

    /// The next of those [that are dirty](Broker::next_dirty) and may be written to at once: its
    /// outbox was empty, and has nothing but what a round of [`Broker::deliver`] brought.
    pub fn next_served(&mut self) -> Option<ConnId> {
        next_of(&mut self.served)
    }

    /// The short way for a reader that keeps up, and has everything behind it. Adds to `steps` what
    /// was queued. `false`: it is not that simple, and has to be visited.
    fn deliver_to(&mut self, id: ConnId, now: Millis, steps: &mut usize) -> bool {
        let Some(conn) = self.conns.get_mut(id).filter(|conn| conn.keeps_up()) else {
            return false;
        };
        if !conn.flow.outbox.is_empty() {
            return false;
        }
        let brings_all = pump::brings_all(conn, &self.shard.hub);
        *steps += steps_queued(&conn.flow.outbox); // What was queued counts, if not all was.
        if !brings_all {
            return false;
        }
        *steps += 1;
        if conn.flow.outbox.take_fresh() {
            self.served.push_back(id);
            conn.timing.took_at = now.into();
            let due = conn.stalls_at(&self.shard.policy.limits);
            if conn.timing.hints_at(due) {
                self.wheel.insert(due, id.slot);
            }
        }
        self.shard.hub.trim_renditions();
        true
    }

    /// Reads letters while the hub has room for what they bring, up to the portion.
    pub(super) fn read_letters(&mut self, now: Millis) {
        while self.shard.letters.has_next() && self.shard.hub.has_room() {
            let Some(letter) = self.shard.letters.next() else {
                return;
            };
            self.read_letter(letter, now);
            while let Some(id) = self.shard.letters.next_waiter() {
                self.visit(id, now, answer::letters_read);
            }
        }
    }

    /// Does what the sequencer says.
    pub(super) fn read_letter(&mut self, letter: Letter, now: Millis) {
        match letter {
            Letter::Committed { message, receipt } => {
                self.shard.hub.append(message);
                self.shard.hub.expire(now); // A letter may have lain for long.
                if let Some(receipt) = receipt {
                    self.committed(receipt, now);
                }
            }
            Letter::Repeated(receipt) => self.committed(receipt, now),
            Letter::Refused(id) => self.answer(id, now, publish::not_committed),
            Letter::TooFast { conn, retry_ms } => {
                self.answer(conn, now, |v| publish::too_fast(v, retry_ms));
            }
            Letter::Unavailable(id) => self.answer(id, now, publish::unavailable),
            Letter::Anew { epoch, past } => {
                self.shard.given = None; // It quotes ids.
                self.shard.hub.begin_anew(epoch, &past);
                self.shard.hub.expire(now);
            }
            // Never wait.
            Letter::ReportWanted { .. } | Letter::ShardReport(_) => {}
            Letter::StoreState(_) | Letter::Counted { .. } => {}
        }
    }

    /// Whoever asked to publish has done so, and is told, unless it has given up. The sender of a
    /// raw WebSocket's message hears of it as a subscriber, and needs no visit for it here.
    fn committed(&mut self, receipt: Receipt, now: Millis) {
        if !self.shard.uncommitted.answered(receipt.conn) {
            return;
        }
        let is_quiet = self.conns.get_mut(receipt.conn).is_some_and(Conn::notes_commit);
        if !is_quiet {
            self.visit(receipt.conn, now, |visit| publish::committed(visit, receipt));
        }
    }

    /// Whoever asked to publish is told what came of it, unless it has given up.
    fn answer(&mut self, id: ConnId, now: Millis, tell: impl FnOnce(&mut Visit<'_>)) {
        if self.shard.uncommitted.answered(id) {
            self.visit(id, now, tell);
        }
    }

    /// Those that asked to publish and have waited for too long are told so, a portion of them.
    fn give_up_publishes(&mut self, now: Millis) {
        for _ in 0..EXPIRIES_PER_TURN {
            let Some(id) = self.shard.uncommitted.next_late(now) else {
                return;
            };
            self.shard.ledger.shared.publishes_unanswered += 1;
            self.visit(id, now, publish::unavailable);
        }
    }

    /// Does what is due; when that is much, a portion of it, and [`Broker::next_deadline`] is still
    /// in the past.
    pub fn expire(&mut self, now: Millis) {
        self.shard.hub.expire(now);
        report::begin(&mut self.shard, now);
        self.give_up_publishes(now);
        self.go_on_draining(now);
        for _ in 0..EXPIRIES_PER_TURN {
            let Some((hint, slot)) = self.wheel.pop_due(now) else {
                return;
            };
            let Some(id) = self.conns.hinted(slot, hint.into()) else {
                continue; // An earlier hint stands for this one, or it was of one that is gone.
            };
            self.visit(id, now, |visit| {
                visit.conn.timing.hint = KeptMillis::NEVER;
                if visit.conn.due(&visit.shard.policy.limits) <= now {
                    deadline::expired(visit);
                }
            });
        }
    }

    /// The slots of those that are idle, the longest first, to be looked at by tests.
    #[doc(hidden)]
    pub fn idle_slots(&self) -> Vec<usize> {
        self.idle.slots(&self.conns)
    }

    /// The fields that all answers have, as they stand in a head.
    pub fn common_fields(&self) -> &str {
        self.shard.common_fields.as_str()
    }

    /// The wall clock's second has changed.
    pub fn wall_clock(&mut self, second: WallSecond) {
        // Beyond the year 9999 it stands still, as dates do.
        let unix_s = i64::try_from(second.unix_s).unwrap_or(date::UNIX_S_MAX).min(date::UNIX_S_MAX);
        self.shard.unix_s = unix_s;
        // Not below 0: it was none above.
        self.shard.policy.second = WallSecond { unix_s: unix_s.unsigned_abs(), ..second };
        self.shard.given = None; // It says another date.
        self.shard.common_fields = CommonFields::at(&date::write(unix_s));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Setup;
    use crate::ids::{Door, Micros, Seq, TopicName};
    use crate::technique::message::{Message, Payload};

    #[test]
    fn who_reads_no_topic_is_told_apart_before_anybody_is_served() {
        const NOW: Millis = Millis(0);
        let mut broker = Broker::new(Setup::default());
        let mut ask = |port, request| {
            let peer = ([127, 0, 0, 1], port).into();
            let id = broker.accepted(peer, Door::Public, NOW).expect("there is room");
            let text = format!("GET /t{request} HTTP/1.1\r\nHost: h\r\n\r\n");
            broker.received(id, &mut text.into_bytes(), NOW);
            broker.sent(id, broker.outbox(id).map_or(0, Outbox::bytes), Micros(0));
            id
        };
        let ids = [ask(1, "/sse"), ask(2, "?wait=1"), ask(3, "?since=latest")];
        assert_eq!(ids.map(|id| broker.is_subscribed(id)), [true, true, false]);
        assert!(!broker.has_rounds());
        let (topic, payload) = (TopicName::parse("t").expect("a topic"), Payload::posted(b"x"));
        let message = Message { seq: Seq(1), topic, event: None, payload, at: Micros(0) };
        broker.letter(Letter::Committed { message: message.into(), receipt: None }, NOW);
        broker.read_portion(NOW);
        assert!(broker.has_rounds());
        assert_eq!(ids.map(|id| broker.has_output(id)), [false; 3]);
        while broker.deliver(NOW) {}
        assert!(!broker.has_rounds());
        assert_eq!(ids.map(|id| broker.has_output(id)), [true, true, false]);
    }
}
