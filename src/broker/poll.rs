//! Polling, short and long: one answer from the log, now or when there is something in it.
//!
//! Came from: `read`, with a request; `pump` and `deadline`, with a parked one. Goes to:
//! `technique::{short_poll, long_poll}`, for the words. Absent on purpose: a difference between the
//! two, but for who may wait.

use std::rc::Rc;

use super::Broker;
use super::pump::{slow, topics};
use crate::conn::outbox::Segment;
use crate::conn::reply::Reply;
use crate::conn::state::{Parked, PollTerms, State};
use crate::hub::Start;
use crate::ids::{ConnId, Id, Millis, Seq, TopicId, TopicName};
use crate::ledger::Class;
use crate::limits::POLL_BYTES_MAX;
use crate::technique::{Dress, Rendition, Technique, long_poll, short_poll};
use crate::wire::condition;
use crate::wire::response::Status;

/// The messages of one poll answer.
struct Batch {
    renditions: Vec<Rc<Rendition>>,
    /// The last of them, or where the reader stood.
    next: Seq,
    /// There are more than the answer may carry.
    more: bool,
}

impl Broker {
    /// Answers at once if there is anything to say, or no wait is wanted; parks otherwise.
    pub(super) fn poll(
        &mut self,
        id: ConnId,
        reply: Reply,
        names: &[TopicName],
        start: &Start,
        terms: PollTerms,
        now: Millis,
    ) {
        let topics: Vec<TopicId> = self.hub.known(names).collect();
        let nothing =
            start.gap.is_none() && self.hub.next(topics.iter().copied(), start.cursor).is_none();
        let Some(wait_s) = terms.wait_s.filter(|_| nothing) else {
            return self.answer_poll(id, &reply, &topics, start, &terms, now);
        };
        let following = self.follow(id, names, start.cursor, Technique::LongPoll);
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let parked = Parked { reply, following, until: now.plus(wait_s * 1000), terms };
        conn.shift(State::Parked(Box::new(parked)), now);
        if conn.finished {
            // Said before we came to its request: ask whether it lives.
            self.peer_finished(id, now);
        }
    }

    /// A parked poll is answered, with whatever there is.
    pub(super) fn release(&mut self, id: ConnId, now: Millis) {
        let Some(following) = self.conns.get(id).and_then(|conn| conn.state.following()) else {
            return;
        };
        let topics: Vec<TopicId> = topics(following).collect();
        let lost =
            topics.iter().any(|&topic| self.hub.missed(topic, following.cursor, following.knew));
        let start = if lost {
            slow(following, &self.hub)
        } else {
            Start { cursor: following.cursor, gap: None }
        };
        self.strike_out(id);
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if let State::Parked(parked) = conn.shift(State::idle(), now) {
            self.answer_poll(id, &parked.reply, &topics, &start, &parked.terms, now);
        }
    }

    fn answer_poll(
        &mut self,
        id: ConnId,
        reply: &Reply,
        topics: &[TopicId],
        start: &Start,
        terms: &PollTerms,
        now: Millis,
    ) {
        let batch = self.batch(topics, start.cursor, terms);
        let next = self.hub.id(batch.next);
        let tag = format!("\"{next}\"");
        let unchanged =
            terms.if_none_match.as_deref().is_some_and(|field| condition::names_tag(field, &tag));
        let empty = batch.renditions.is_empty() && start.gap.is_none();
        if unchanged || empty {
            let status = if unchanged { Status::NotModified } else { Status::NoContent };
            return self.answer_empty(id, reply, status, next, terms, now);
        }
        let mut open = Vec::with_capacity(64);
        short_poll::open(next, start.gap.as_ref(), batch.more, &mut open);
        let messages: usize = batch.renditions.iter().map(|r| r.bytes.len()).sum();
        // The first message goes without its comma.
        let comma = usize::from(!batch.renditions.is_empty());
        let length = open.len() + messages - comma + short_poll::LIST_END.len();
        let mut out = Vec::with_capacity(256);
        let head = reply.head(Status::Ok, &self.date, &mut out);
        match terms.wait_s {
            None => short_poll::greet(head, next, length),
            Some(wait_s) => long_poll::greet(head, next, length, wait_s),
        }
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.push(Segment::own(out, Class::Head));
        if !reply.head_only {
            conn.push(Segment::own(open, Class::Framing));
            for (n, rendition) in batch.renditions.iter().enumerate() {
                let from = usize::from(n == 0);
                conn.push(Segment::shared(rendition, from..rendition.bytes.len()));
            }
            conn.push(Segment::fixed(short_poll::LIST_END, Class::Framing));
        }
        self.answered(id, reply, Status::Ok, now);
    }

    fn answer_empty(
        &mut self,
        id: ConnId,
        reply: &Reply,
        status: Status,
        next: Id,
        terms: &PollTerms,
        now: Millis,
    ) {
        let mut out = Vec::with_capacity(256);
        let head = reply.head(status, &self.date, &mut out);
        match terms.wait_s {
            None => short_poll::farewell(head, next),
            Some(wait_s) => long_poll::farewell(head, next, wait_s),
        }
        if let Some(conn) = self.conns.get_mut(id) {
            conn.push(Segment::own(out, Class::Head));
            self.ledger.account_mut(conn.payer).answers_empty += 1;
        }
        self.answered(id, reply, status, now);
    }

    /// What one answer may carry of what comes after `cursor`.
    fn batch(&self, topics: &[TopicId], cursor: Seq, terms: &PollTerms) -> Batch {
        let dress = if terms.named { Dress::PollNamed } else { Dress::Poll };
        let mut batch = Batch { renditions: Vec::new(), next: cursor, more: false };
        let mut bytes = 0;
        while let Some(entry) = self.hub.next(topics.iter().copied(), batch.next) {
            let rendition = entry.rendition(dress, self.hub.epoch());
            bytes += rendition.bytes.len();
            let count = batch.renditions.len();
            if count == terms.limit || (count > 0 && bytes > POLL_BYTES_MAX) {
                batch.more = true;
                break;
            }
            batch.renditions.push(Rc::clone(rendition));
            batch.next = entry.seq();
        }
        batch
    }
}
