//! Telling: a poll's answer that is longer than an outbox goes out as the socket drains.
//!
//! Came from: `poll`, with an answer whose head is queued; the face, when there is room again. Goes
//! to: `respond`, when all is told. Absent on purpose: holding on to what a slow peer does not
//! take. It falls off as for any subscriber, and the peer is cut off.

use std::rc::Rc;

use super::visit::Visit;
use super::{respond, subscribe, teardown};
use crate::close::CloseReason;
use crate::conn::Conn;
use crate::conn::outbox::Segment;
use crate::conn::state::{State, Telling};
use crate::hub::Hub;
use crate::hub::log::Entry;
use crate::ids::{Seq, TopicId, TopicName};
use crate::ledger::Class;
use crate::technique::{Format, Technique, short_poll};
use crate::wire::response::Status;

/// The messages after `cursor` up to `until`, an outbox at a time. Until they are told, the
/// connection has a seat in their topics, so that what it is to be told does not fall off while its
/// kernel has room.
pub(super) fn begin(
    visit: &mut Visit<'_>,
    topics: &[TopicId],
    cursor: Seq,
    until: Seq,
    format: Format,
) {
    let State::Answering(context) = &visit.conn.state else {
        return;
    };
    let keep_alive = context.keep_alive;
    respond::log_access(visit, Status::Ok);
    let hub = &visit.shard.hub;
    let names: Vec<TopicName> = topics.iter().map(|&id| hub.name(id).clone()).collect();
    let subscription = subscribe::subscribe(visit, &names, cursor, Technique::ShortPoll);
    let telling = Telling { keep_alive, subscription, until, format, first: true, from: 0 };
    visit.conn.shift(State::Telling(Box::new(telling)), visit.now);
    go_on(visit);
}

/// How far an answer was told.
enum HowFar {
    /// The outbox is high.
    InPart,
    All,
    /// The next message fell off meanwhile.
    Cut,
}

/// Goes on with an answer that is told in pieces, in any other state there is nothing to do. What
/// fell off before a slow peer took it cannot be told, and the length was announced: only closing
/// says so. The peer comes back with its cursor, and hears of a gap.
pub(super) fn go_on(visit: &mut Visit<'_>) {
    let keep_alive = match &visit.conn.state {
        State::Telling(telling) => telling.keep_alive,
        _ => return,
    };
    match tell_while_room(visit.conn, &visit.shard.hub) {
        HowFar::InPart => subscribe::note_backlog(visit),
        HowFar::All => {
            subscribe::unsubscribe(visit);
            visit.conn.push(Segment::fixed(short_poll::LIST_END, Class::Framing));
            respond::next_request(visit, keep_alive);
        }
        HowFar::Cut => teardown::leave(visit, CloseReason::Interrupted),
    }
}

/// Queues messages, and pieces of long ones, while there is room.
fn tell_while_room(conn: &mut Conn, hub: &Hub) -> HowFar {
    let State::Telling(telling) = &mut conn.state else {
        return HowFar::InPart;
    };
    if subscribe::missed(&telling.subscription, hub) {
        return HowFar::Cut;
    }
    let topics = subscribe::topics(&telling.subscription);
    for (topic, entry) in hub.merge(topics, telling.subscription.cursor) {
        if telling.subscription.cursor >= telling.until {
            return HowFar::All;
        }
        while telling.subscription.cursor < entry.seq() {
            if conn.flow.outbox.is_high() {
                return HowFar::InPart;
            }
            conn.flow.outbox.push(next_piece(telling, (topic, entry), hub), conn.costs.payer);
        }
    }
    if telling.subscription.cursor >= telling.until { HowFar::All } else { HowFar::Cut }
}

/// A whole message, or the next piece of a long one.
fn next_piece(telling: &mut Telling, found: (TopicId, &Entry), hub: &Hub) -> Segment {
    let (_, entry) = found;
    // The first message goes without its comma.
    let comma = usize::from(std::mem::take(&mut telling.first));
    if !entry.is_long() {
        telling.subscription.cursor = entry.seq();
        let message = hub.encoded(found, telling.format, None);
        return Segment::shared(Rc::clone(message), comma..message.bytes.len());
    }
    let content = entry.content(hub.epoch());
    let (named, from) = (telling.format == Format::PollNamed, telling.from);
    let mut out = Vec::new();
    telling.from = short_poll::render_piece(&content, named, from, &mut out);
    out.drain(..comma);
    let payload = telling.from - from;
    if telling.from < content.bytes.len() {
        return Segment::piece(out, payload);
    }
    telling.from = 0;
    telling.subscription.cursor = entry.seq();
    // The last piece stands for the message: when that is sent, it is delivered.
    let length = out.len();
    Segment::shared(Rc::new(content.encoded(out, payload)), 0..length)
}
