//! Polling, short and long: one answer from the log, now or when there is something in it.
//!
//! Came from: `read`, with a request; the face and `deadline`, with a parked one. Goes to:
//! `technique::{short_poll, long_poll}`, for the words; `telling`, with an answer that is too long
//! to be queued at once. Absent on purpose: any other difference between the two than that one may
//! wait.

use std::rc::Rc;

use super::given::{Given, PollTerms, Question};
use super::visit::Visit;
use super::{accounting, respond, subscribe, telling};
use crate::conn::outbox::Segment;
use crate::conn::policy::DrainPhase;
use crate::conn::request::Read;
use crate::conn::response_context::HEAD_BYTES_GUESS;
use crate::conn::state::{Parked, Seats, State};
use crate::hub::log::Entry;
use crate::hub::{Hub, Start};
use crate::ids::{Seq, TopicId};
use crate::ledger::Class;
use crate::limits::{BUNDLE_BYTES_MAX, BUNDLE_MESSAGES_MAX, OUTBOX_BYTES_HIGH, POLL_BYTES_MAX};
use crate::technique::short_poll::Tag;
use crate::technique::{Bundle, Format, Technique, long_poll, short_poll};
use crate::wire::condition;
use crate::wire::response::Status;

/// The messages of one poll answer, measured and not collected: most answers have no body.
struct PollMessages {
    count: usize,
    /// Bytes of all, encoded.
    bytes: usize,
    /// The last of them, or where the reader stood.
    next: Seq,
    /// There are more than the answer may carry.
    more: bool,
}

/// Answers as the latest answer was, if that was to the same, and nothing has come or gone since.
/// `false`: it is not that simple, and nothing was done.
pub(super) fn answer_again(visit: &mut Visit<'_>, read: &Rc<Read>) -> bool {
    let State::Answering(context) = &visit.conn.state else {
        return false;
    };
    let given = visit.shard.given.as_ref();
    let Some(given) = given.filter(|given| given.answers(read, context, &visit.shard.hub)) else {
        return false;
    };
    let (status, answer) = (given.status, Rc::clone(&given.answer));
    give(visit, status, &answer);
    true
}

/// Answers at once if there is anything to say, or no wait is wanted; parks otherwise.
pub(super) fn poll(visit: &mut Visit<'_>, read: &Rc<Read>, start: &Start, terms: PollTerms) {
    let (hub, names) = (&visit.shard.hub, &*read.topics);
    let (one, several);
    let topics = match names {
        [name] => {
            one = hub.find(name);
            one.as_slice()
        }
        names => {
            several = hub.known(names).collect::<Vec<_>>();
            &several[..]
        }
    };
    let nothing = start.gap.is_none() && hub.next(topics.iter().copied(), start.cursor).is_none();
    let parks = nothing && visit.shard.policy.drain != DrainPhase::Leaving;
    let Some(wait_s) = visit.conn.state.wait_s().filter(|_| parks) else {
        return answer(visit, topics, start, terms, Some(read));
    };
    let subscription = subscribe::subscribe(visit, names, start.cursor, Technique::LongPoll);
    let until = visit.now.plus(u64::from(wait_s.get()) * 1000).into();
    let parked = |context| Parked { context, subscription, until, limit: terms.limit };
    visit.conn.withhold(|context| State::Parked(parked(context)), visit.now);
    if visit.conn.flow.finished || visit.conn.flow.finishing {
        respond::ask_whether_alive(visit); // It ended its side before we came to its request.
    }
}

/// A parked poll is released by the first message that it waits for, or when the numbering that it
/// waits in has ended. Else it never has a gap: it has room for whatever comes, and nothing is
/// dropped before it was offered.
pub(super) fn release_if_any(visit: &mut Visit<'_>) {
    let hub = &visit.shard.hub;
    let any = visit.conn.state.subscription().is_some_and(|subscription| {
        hub.ended_epoch(subscription.evictions_seen).is_some()
            || hub.next(subscribe::topics(subscription), subscription.cursor).is_some()
    });
    if any {
        release(visit);
    }
}

/// A parked poll is answered, with whatever there is.
pub(super) fn release(visit: &mut Visit<'_>) {
    let Some(subscription) = visit.conn.state.subscription() else {
        return;
    };
    let (one, several);
    let (topics, named) = match &subscription.seats {
        Seats::One(seat) => {
            one = [seat.topic];
            (&one[..], false)
        }
        Seats::Many(_) => {
            several = subscribe::topics(subscription).collect::<Vec<_>>();
            (&several[..], true)
        }
    };
    let start = subscribe::after_anew(subscription, &visit.shard.hub)
        .unwrap_or(Start { cursor: subscription.cursor, gap: None });
    subscribe::unsubscribe(visit);
    if let Some(limit) = visit.conn.released(visit.now) {
        answer(visit, topics, &start, PollTerms { named, limit }, None);
    }
}

/// Answers what `read` asks, or a poll that has waited.
fn answer(
    visit: &mut Visit<'_>,
    topics: &[TopicId],
    start: &Start,
    terms: PollTerms,
    read: Option<&Rc<Read>>,
) {
    let State::Answering(context) = &visit.conn.state else {
        return;
    };
    let hub = &visit.shard.hub;
    let question = Question::of(hub, topics, start, terms, context);
    let again = visit.shard.given.take_if(|given| question.as_ref() == Some(&given.question));
    let made = match again {
        Some(given) => Some((given.status, given.answer)),
        None => make(visit, topics, start, terms),
    };
    let Some((status, answer)) = made else {
        return;
    };
    give(visit, status, &answer);
    if let Some(question) = question {
        let told_to = read.map(|read| (Rc::clone(read), visit.shard.hub.state()));
        visit.shard.given = Some(Given { question, told_to, status, answer });
    }
}

fn give(visit: &mut Visit<'_>, status: Status, answer: &Rc<Bundle>) {
    visit.conn.push(Segment::bundle(answer));
    if status != Status::Ok {
        accounting::answered_empty(visit);
    }
    respond::answered(visit, status);
}

/// Makes an answer in one piece. `None`: it is too long for that, and is told already, or begun.
fn make(
    visit: &mut Visit<'_>,
    topics: &[TopicId],
    start: &Start,
    terms: PollTerms,
) -> Option<(Status, Rc<Bundle>)> {
    let State::Answering(context) = &visit.conn.state else {
        return None;
    };
    let hub = &visit.shard.hub;
    let state = fingerprint(hub, topics, start, terms);
    if let Some(tag) = Tag::find(context.if_none_match(), state) {
        return Some((Status::NotModified, empty(visit, Status::NotModified, tag)));
    }
    let messages = measure(hub, topics, start.cursor, terms);
    let tag = Tag { next: hub.id(messages.next), state };
    let unchanged = condition::names_any(context.if_none_match());
    if unchanged || messages.count == 0 && start.gap.is_none() {
        let status = if unchanged { Status::NotModified } else { Status::NoContent };
        return Some((status, empty(visit, status, tag)));
    }
    let mut bundle = begin(visit, tag, start, &messages);
    if context.head_only {
        bundle.bytes.truncate(bundle.head);
        return Some((Status::Ok, Rc::new(bundle)));
    }
    if messages.bytes > BUNDLE_BYTES_MAX || messages.count > BUNDLE_MESSAGES_MAX {
        tell_in_segments(visit, bundle, topics, start.cursor, terms, &messages);
        return None;
    }
    let found = hub.merge(topics.iter().copied(), start.cursor).take(messages.count);
    for (n, found) in found.enumerate() {
        let message = hub.encoded(found, terms.format(), None);
        bundle.push(message, usize::from(n == 0)..message.bytes.len());
    }
    bundle.bytes.extend_from_slice(short_poll::LIST_END);
    Some((Status::Ok, Rc::new(bundle)))
}

/// The head of an answer, and all that stands before the first message.
fn begin(visit: &Visit<'_>, tag: Tag, start: &Start, messages: &PollMessages) -> Bundle {
    let mut open = Vec::with_capacity(64);
    short_poll::open(tag.next, start.gap.as_ref(), messages.more, &mut open);
    // The first message goes without its comma.
    let comma = usize::from(messages.count > 0);
    let length = open.len() + messages.bytes - comma + short_poll::LIST_END.len();
    let room = HEAD_BYTES_GUESS + open.len() + messages.bytes.min(BUNDLE_BYTES_MAX);
    let mut bytes = Vec::with_capacity(room);
    if let State::Answering(context) = &visit.conn.state {
        let head = context.head(Status::Ok, &visit.shard.common_fields, &mut bytes);
        match context.wait_s {
            None => short_poll::greet(head, tag, length),
            Some(wait_s) => long_poll::greet(head, tag, length, wait_s),
        }
    }
    let head = bytes.len();
    bytes.extend_from_slice(&open);
    let messages = Vec::with_capacity(messages.count.min(BUNDLE_MESSAGES_MAX));
    Bundle { bytes, head, messages, payload: 0 }
}

/// An answer that is too long for a bundle: each message is a segment, or more.
fn tell_in_segments(
    visit: &mut Visit<'_>,
    mut begun: Bundle,
    topics: &[TopicId],
    cursor: Seq,
    terms: PollTerms,
    messages: &PollMessages,
) {
    let open = begun.bytes.split_off(begun.head);
    visit.conn.push(Segment::own(begun.bytes, Class::Head));
    visit.conn.push(Segment::own(open, Class::Framing));
    if messages.bytes > OUTBOX_BYTES_HIGH {
        return telling::begin(visit, topics, cursor, messages.next, terms.format());
    }
    let hub = &visit.shard.hub;
    let found = hub.merge(topics.iter().copied(), cursor).take(messages.count);
    for (n, found) in found.enumerate() {
        let message = hub.encoded(found, terms.format(), None);
        let from = usize::from(n == 0);
        let range = from..message.bytes.len();
        visit.conn.push(Segment::shared(Rc::clone(message), range));
    }
    visit.conn.push(Segment::fixed(short_poll::LIST_END, Class::Framing));
    respond::answered(visit, Status::Ok);
}

fn empty(visit: &Visit<'_>, status: Status, tag: Tag) -> Rc<Bundle> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES_GUESS);
    if let State::Answering(context) = &visit.conn.state {
        let head = context.head(status, &visit.shard.common_fields, &mut bytes);
        match context.wait_s {
            None => short_poll::farewell(head, tag),
            Some(wait_s) => long_poll::farewell(head, tag, wait_s),
        }
    }
    Rc::new(Bundle { head: bytes.len(), bytes, ..Bundle::default() })
}

/// All that the answer depends on, except what is in the address.
fn fingerprint(hub: &Hub, topics: &[TopicId], start: &Start, terms: PollTerms) -> u64 {
    let found = hub.fingerprint(topics, start.cursor).with(terms.limit.into());
    match &start.gap {
        None => found.0,
        Some(gap) => {
            let said = found.with_text(gap.reason.name()).with(gap.to.seq.0);
            said.with_text(&gap.from).0
        }
    }
}

/// What one answer may carry of what comes after `cursor`.
fn measure(hub: &Hub, topics: &[TopicId], cursor: Seq, terms: PollTerms) -> PollMessages {
    let mut found = PollMessages { count: 0, bytes: 0, next: cursor, more: false };
    for (topic, entry) in hub.merge(topics.iter().copied(), cursor) {
        let bytes = found.bytes + length((topic, entry), hub, terms.format());
        if found.count == usize::from(terms.limit) || (found.count > 0 && bytes > POLL_BYTES_MAX) {
            found.more = true;
            break;
        }
        found.count += 1;
        found.bytes = bytes;
        found.next = entry.seq();
    }
    found
}

/// Bytes of a message in an answer, with its comma.
fn length(found: (TopicId, &Entry), hub: &Hub, format: Format) -> usize {
    let (_, entry) = found;
    if entry.is_long() {
        short_poll::length(&entry.content(hub.epoch()), format == Format::PollNamed)
    } else {
        hub.encoded(found, format, None).bytes.len()
    }
}
