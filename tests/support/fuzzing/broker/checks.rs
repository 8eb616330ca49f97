//! What must hold of a server, always, at rest, and when everyone is gone.
//!
//! Came from: `broker`, after each operation. Absent on purpose: changing anything.

use tollway::close::CloseReason;
use tollway::conn::inbox::Inbox;
use tollway::conn::state::Name;
use tollway::hub::Subscribers;
use tollway::ids::{Millis, TopicName};
use tollway::ledger::{Account, Payer};
use tollway::limits::{INBOX_BYTES_MAX, MESSAGE_OVERHEAD_BYTES, OUTBOX_BYTES_HIGH, READ_BYTES};
use tollway::technique::Technique;

use super::{Bench, TOPICS};

/// More than any one answer here: a poll of all that is retained, escaped.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;

impl Bench {
    /// Whatever is going on: no bound is passed.
    pub(super) fn holds_always(&self) {
        for broker in &self.world.brokers {
            assert!(broker.connections() <= self.limits.connections_max);
            for id in broker.conn_ids() {
                let conn = broker.conn(id).expect("listed");
                assert!(conn.aside.inbox().map_or(0, Inbox::len) <= INBOX_BYTES_MAX + READ_BYTES);
                assert!(conn.flow.outbox.bytes() <= OUTBOX_BYTES_HIGH + ANSWER_BYTES_MAX);
            }
            let (_, count, bytes) = broker.hub().holdings();
            // At twice the bounds there is no room, and the message that leads there is whole.
            let message = self.limits.message_bytes_max + MESSAGE_OVERHEAD_BYTES;
            assert!(bytes <= 2 * self.limits.retain_bytes + 1 + message);
            assert!(count <= (2 * self.limits.history_messages + 2) * TOPICS.len());
        }
    }

    pub(super) fn holds_at_rest(&mut self) {
        self.nobody_is_forgotten();
        self.logs_are_in_bounds();
        self.readers_are_counted();
        self.every_byte_is_charged_once();
        for n in 0..self.peers.len() {
            let (pipe, asked) = (&self.world.pipes[n], self.peers[n].asked.len());
            let seen = [pipe.received.len(), pipe.room, self.world.committed.len(), asked];
            if std::mem::replace(&mut self.peers[n].seen, seen) != seen {
                self.reads_without_a_hole(n);
            }
        }
    }

    /// Every connection has a moment at which something will happen to it by itself.
    fn nobody_is_forgotten(&self) {
        let now = self.world.now;
        for broker in &self.world.brokers {
            for id in broker.conn_ids() {
                let conn = broker.conn(id).expect("listed");
                let name = conn.state.name();
                assert!(!matches!(name, Name::Awaiting | Name::Closed), "{name:?} at rest");
                let due = conn.due(&self.limits);
                assert!(due > now && due != Millis::NEVER, "{name:?} has no deadline: {due:?}");
                let looked_at = broker.next_deadline();
                assert!(looked_at.is_some_and(|at| at <= due), "{name:?} is not looked at");
            }
        }
        assert!(self.world.open_files() <= self.peers.len());
    }

    fn logs_are_in_bounds(&self) {
        let heard = self.world.brokers.iter().map(|broker| broker.hub().holdings());
        let heard: Vec<_> = heard.map(|(_, count, bytes)| (count, bytes)).collect();
        assert!(heard.iter().all(|held| *held == heard[0]), "every thread holds the same");
        assert!(heard[0].1 <= self.limits.retain_bytes);
        for broker in &self.world.brokers {
            for topic in TOPICS {
                let log = broker.hub().find(&TopicName::parse(topic).unwrap());
                let Some(log) = log.map(|id| broker.hub().log(id)) else {
                    continue;
                };
                assert!(log.len() <= self.limits.history_messages);
                assert!(log.weight() <= self.limits.history_bytes);
            }
        }
    }

    /// The sequencer knows who reads what; so do the lists of the hubs.
    fn readers_are_counted(&self) {
        for topic in TOPICS {
            let name = TopicName::parse(topic).unwrap();
            let mut reading = Subscribers::default();
            for broker in &self.world.brokers {
                for id in broker.conn_ids() {
                    let conn = broker.conn(id).expect("listed");
                    let seats = conn.state.subscription().map(|subscription| &subscription.seats);
                    let seats = seats.iter().flat_map(|seats| seats.as_slice());
                    let here = seats.filter(|seat| broker.hub().name(seat.topic) == &name);
                    let count = here.count() as i32;
                    match conn.state.name() {
                        Name::Parked => reading.change(Technique::LongPoll, count),
                        Name::Streaming => reading.change(Technique::Sse, count),
                        Name::Open => reading.change(Technique::WebSocket, count),
                        Name::Telling => {} // It has a seat, and does not stay.
                        _ => assert_eq!(count, 0),
                    }
                }
            }
            assert_eq!(self.world.sequencer.subscribers(&name), reading, "{topic}");
        }
    }

    fn total(&self, pick: impl Fn(&Account) -> u64) -> u64 {
        let ledger = self.world.ledger();
        let accounts = Payer::ALL.iter().map(|&payer| ledger.account(payer));
        accounts.map(pick).sum()
    }

    /// The identities of `/-/costs`.
    fn every_byte_is_charged_once(&self) {
        let pipes = &self.world.pipes;
        let sent = self.peers.iter().map(|peer| peer.sent as u64).sum::<u64>();
        let unread = pipes.iter().map(|pipe| pipe.inbound.len() as u64).sum::<u64>();
        let written = pipes.iter().map(|pipe| pipe.received.len() as u64).sum::<u64>();
        for identity in self.world.parts().identities() {
            assert!(identity.holds(), "{identity:?}");
        }
        let (mut kept, mut waiting, mut began) = (0, 0, 0);
        for broker in &self.world.brokers {
            for conn in broker.conn_ids().filter_map(|id| broker.conn(id)) {
                kept += conn.aside.inbox().map_or(0, Inbox::len) as u64;
                waiting += conn.flow.outbox.bytes();
                began += u64::from(conn.costs.kind.is_some());
            }
        }
        assert_eq!(
            self.total(|account| account.bytes_in.total()) + kept,
            sent - unread,
            "bytes in"
        );
        let out = self.total(|account| account.bytes_out.total());
        assert!(out <= written && (waiting > 0 || out == written), "bytes out: {out}, {written}");
        let open = pipes.iter().filter(|pipe| pipe.closed.is_none()).count();
        let counted: usize = self.world.brokers.iter().map(|broker| broker.connections()).sum();
        assert_eq!(counted, open);
        let opened = self.total(|account| account.opened);
        let closed = self.total(Account::closed_total);
        assert_eq!((opened - closed, closed), (began, (pipes.len() - open) as u64));
        for reason in CloseReason::ALL {
            let ended = pipes.iter().filter(|pipe| pipe.closed == Some(reason)).count();
            let counted = self.total(|account| account.closed[reason as usize]);
            assert_eq!(counted, ended as u64, "{}", reason.name());
        }
    }

    pub(super) fn nothing_is_left(&self) {
        assert!(self.world.pipes.iter().all(|pipe| pipe.closed.is_some()), "everyone is gone");
        assert_eq!(self.world.open_files(), 0);
        for broker in &self.world.brokers {
            assert_eq!(broker.connections(), 0);
            assert_eq!(broker.hub().holdings(), (0, 0, 0));
            assert_eq!(broker.next_deadline(), None, "nothing to wake up for");
        }
    }
}
