//! Polling, short and long: one answer from the log, now or when there is something in it.
//!
//! Came from: `read`, with a request; `pump` and `deadline`, with a parked one. Goes to:
//! `technique::{short_poll, long_poll}`, for the words. Absent on purpose: a difference between the
//! two, but for who may wait.

use std::rc::Rc;

use super::Broker;
use super::pump::{slow, topics};
use crate::conn::outbox::Segment;
use crate::conn::response_context::ResponseContext;
use crate::conn::state::{Parked, PollTerms, State};
use crate::hub::Start;
use crate::ids::{ConnId, Millis, Seq, TopicId, TopicName};
use crate::ledger::Class;
use crate::limits::POLL_BYTES_MAX;
use crate::technique::short_poll::Tag;
use crate::technique::{EncodedMessage, Format, Technique, long_poll, short_poll};
use crate::wire::condition;
use crate::wire::response::Status;

/// The messages of one poll answer.
struct PollMessages {
    encodings: Vec<Rc<EncodedMessage>>,
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
        reply: ResponseContext,
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
        let subscription = self.subscribe(id, names, start.cursor, Technique::LongPoll);
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let parked = Parked { reply, subscription, until: now.plus(wait_s * 1000), terms };
        conn.shift(State::Parked(Box::new(parked)), now);
        if conn.finished {
            // Said before we came to its request: ask whether it lives.
            self.peer_finished(id, now);
        }
    }

    /// A parked poll is answered, with whatever there is.
    pub(super) fn release(&mut self, id: ConnId, now: Millis) {
        let Some(subscription) = self.conns.get(id).and_then(|conn| conn.state.subscription())
        else {
            return;
        };
        let topics: Vec<TopicId> = topics(subscription).collect();
        let lost = topics
            .iter()
            .any(|&topic| self.hub.missed(topic, subscription.cursor, subscription.evictions_seen));
        let start = if lost {
            slow(subscription, &self.hub)
        } else {
            Start { cursor: subscription.cursor, gap: None }
        };
        self.unsubscribe(id);
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
        reply: &ResponseContext,
        topics: &[TopicId],
        start: &Start,
        terms: &PollTerms,
        now: Millis,
    ) {
        let state = self.fingerprint(topics, start, terms);
        let field = terms.if_none_match.as_deref().unwrap_or_default();
        if let Some(tag) = Tag::find(field, state) {
            return self.answer_empty(id, reply, Status::NotModified, tag, terms, now);
        }
        let found = self.messages(topics, start.cursor, terms);
        let tag = Tag { next: self.hub.id(found.next), state };
        let unchanged = condition::names_any(field);
        let empty = found.encodings.is_empty() && start.gap.is_none();
        if unchanged || empty {
            let status = if unchanged { Status::NotModified } else { Status::NoContent };
            return self.answer_empty(id, reply, status, tag, terms, now);
        }
        let mut open = Vec::with_capacity(64);
        short_poll::open(tag.next, start.gap.as_ref(), found.more, &mut open);
        let messages: usize = found.encodings.iter().map(|r| r.bytes.len()).sum();
        // The first message goes without its comma.
        let comma = usize::from(!found.encodings.is_empty());
        let length = open.len() + messages - comma + short_poll::LIST_END.len();
        let mut out = Vec::with_capacity(256);
        let head = reply.head(Status::Ok, &self.date, &mut out);
        match terms.wait_s {
            None => short_poll::greet(head, tag, length),
            Some(wait_s) => long_poll::greet(head, tag, length, wait_s),
        }
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.push(Segment::own(out, Class::Head));
        if !reply.head_only {
            conn.push(Segment::own(open, Class::Framing));
            for (n, encoded) in found.encodings.iter().enumerate() {
                let from = usize::from(n == 0);
                conn.push(Segment::shared(encoded, from..encoded.bytes.len()));
            }
            conn.push(Segment::fixed(short_poll::LIST_END, Class::Framing));
        }
        self.answered(id, reply, Status::Ok, now);
    }

    fn answer_empty(
        &mut self,
        id: ConnId,
        reply: &ResponseContext,
        status: Status,
        tag: Tag,
        terms: &PollTerms,
        now: Millis,
    ) {
        let mut out = Vec::with_capacity(256);
        let head = reply.head(status, &self.date, &mut out);
        match terms.wait_s {
            None => short_poll::farewell(head, tag),
            Some(wait_s) => long_poll::farewell(head, tag, wait_s),
        }
        if let Some(conn) = self.conns.get_mut(id) {
            conn.push(Segment::own(out, Class::Head));
            self.ledger.account_mut(conn.payer).answers_empty += 1;
        }
        self.answered(id, reply, status, now);
    }

    /// All that the answer depends on, but for what is in the address.
    fn fingerprint(&self, topics: &[TopicId], start: &Start, terms: &PollTerms) -> u64 {
        let found = self.hub.fingerprint(topics, start.cursor).with(terms.limit as u64);
        match &start.gap {
            None => found.0,
            Some(gap) => {
                let said = found.with_text(gap.reason.name()).with(gap.to.seq.0);
                said.with_text(&gap.from).0
            }
        }
    }

    /// What one answer may carry of what comes after `cursor`.
    fn messages(&self, topics: &[TopicId], cursor: Seq, terms: &PollTerms) -> PollMessages {
        let format = if terms.named { Format::PollNamed } else { Format::Poll };
        let mut found = PollMessages { encodings: Vec::new(), next: cursor, more: false };
        let mut bytes = 0;
        while let Some(entry) = self.hub.next(topics.iter().copied(), found.next) {
            let encoded = entry.encoded(format, self.hub.epoch());
            bytes += encoded.bytes.len();
            let count = found.encodings.len();
            if count == terms.limit || (count > 0 && bytes > POLL_BYTES_MAX) {
                found.more = true;
                break;
            }
            found.encodings.push(Rc::clone(encoded));
            found.next = entry.seq();
        }
        found
    }
}
