//! The pump: log → outbox, for every subscriber that has room.
//!
//! Live delivery, replay after reconnecting and catching up after back-pressure are this one
//! function; its callers differ only in the moment. A subscriber whose outbox is high keeps its
//! cursor where it is, and costs no more than that until its socket drains.
//!
//! Came from: the face (the log grew, a socket drained), `read` (a subscriber came). Goes to:
//! `conn::outbox`, with encoded messages that all subscribers share, where there are several.
//! Absent on purpose: queues per subscriber; and parked polls, which are answered once instead, by
//! `poll`.

use super::visit::Visit;
use super::{subscribe, teardown};
use crate::close::CloseReason;
use crate::conn::Conn;
use crate::conn::outbox::{Outbox, Segment};
use crate::conn::state::{Seats, State, Subscription};
use crate::hub::log::Entry;
use crate::hub::merge::Merge;
use crate::hub::{Hub, Start};
use crate::ids::TopicId;
use crate::ledger::{Class, Payer};
use crate::technique::{self, Format, websocket};
use crate::wire::deflate::Window;
use crate::wire::frame::CloseCode;

/// How pumping one subscriber ended.
enum Pumped {
    /// It has everything there is, or its outbox is high.
    Served,
    /// The log has moved past its cursor, or begun anew.
    Missed,
}

/// Serves a stream or a WebSocket; in any other state there is nothing to do. A gap is told once,
/// and delivery goes on behind it. The loop ends because a gap moves the cursor past all that is
/// lost, and nothing is lost while the loop runs.
pub(super) fn pump(visit: &mut Visit<'_>) {
    while let Pumped::Missed = fill(visit.conn, &visit.shard.hub) {
        tell_gap(visit);
    }
    subscribe::note_backlog(visit);
}

/// Brings a subscriber what the log has for it. `false`: that was not all, or it has to hear first
/// of what it missed.
#[inline]
pub(super) fn brings_all(conn: &mut Conn, hub: &Hub) -> bool {
    matches!(fill(conn, hub), Pumped::Served) && !conn.flow.outbox.is_high()
}

/// A subscriber was too slow, or numbers began anew: it hears what it missed, and goes on from
/// there. A raw WebSocket has no word for it and is closed.
fn tell_gap(visit: &mut Visit<'_>) {
    let hub = &visit.shard.hub;
    let Some((subscription, delivery)) = subscriber(&mut visit.conn.state) else {
        return;
    };
    let Start { cursor, gap } = subscribe::after_missed(subscription, hub);
    subscription.cursor = cursor;
    subscription.evictions_seen = hub.evictions();
    let Some(gap) = gap else {
        return;
    };
    if let Some(out) = technique::render_gap(&gap, hub.id(cursor), delivery.format, delivery.whole)
    {
        visit.conn.push(Segment::own(out, Class::Framing));
    } else {
        let why = websocket::gap(&gap);
        teardown::close_socket(visit, CloseCode::TRY_AGAIN, &why, CloseReason::Gap);
    }
}

/// Moves messages from the log to the outbox while there is room.
fn fill(conn: &mut Conn, hub: &Hub) -> Pumped {
    let Some((subscription, mut delivery)) = subscriber(&mut conn.state) else {
        return Pumped::Served;
    };
    let (outbox, payer) = (&mut conn.flow.outbox, conn.costs.payer);
    if outbox.is_high() {
        return Pumped::Served;
    }
    // Almost every delivery is this: one topic, and one message in it.
    let Subscription { cursor, evictions_seen, .. } = *subscription;
    if let Seats::One(seat) = subscription.seats
        && let Some(newest) = hub.only_newest(seat.topic, cursor, evictions_seen)
    {
        outbox.push(delivery.segment((seat.topic, newest), hub), payer);
        subscription.cursor = newest.seq();
        return Pumped::Served;
    }
    if subscribe::missed(subscription, hub) {
        return Pumped::Missed;
    }
    // Nothing is lost while we are at it, so the log is walked from where it is found.
    let mut found = hub.merge(subscribe::topics(subscription), subscription.cursor);
    while !outbox.is_high() && delivery.push_next(&mut found, hub, outbox, payer, subscription) {}
    Pumped::Served
}

/// How messages are delivered to one subscriber.
struct DeliveryTerms {
    format: Format,
    /// An event with the chunk around it; for HTTP/1.0 without.
    whole: bool,
    deflate: Option<Window>,
    /// Several may come in one piece. Not to HTTP/1.0: a bundle has the chunks in it.
    bundles: bool,
}

impl DeliveryTerms {
    /// A message in this format, as a segment that shares its encoded bytes. A topic's only reader
    /// on this thread gets its frame from where it lies; many would count who holds it, all at one
    /// place.
    fn segment(&self, found: (TopicId, &Entry), hub: &Hub) -> Segment {
        let (topic, entry) = found;
        let compresses = self.deflate.is_some() && websocket::compresses(entry.payload_bytes());
        if self.format == Format::Frame && !compresses && hub.has_one_subscriber(topic) {
            return Segment::message(entry.message());
        }
        let encoded = hub.encoded_for_subscriber(found, self.format, self.deflate);
        let range = encoded.range(self.whole);
        Segment::shared(encoded, range)
    }

    /// Queues what comes next, a bundle or a message. `false`: nothing does.
    fn push_next(
        &mut self,
        found: &mut Merge<'_>,
        hub: &Hub,
        outbox: &mut Outbox,
        payer: Payer,
        subscription: &mut Subscription,
    ) -> bool {
        if self.bundles
            && let Some(bundle) = hub.bundle(found, self.format)
        {
            // Not where it would be more than what its messages one by one come to.
            self.bundles = outbox.has_room_for(&bundle);
            if self.bundles
                && let Some(last) = found.pass(bundle.messages.len())
            {
                outbox.push(Segment::bundle(&bundle), payer);
                subscription.cursor = last.seq();
                return true;
            }
        }
        let Some((topic, entry)) = found.next() else {
            return false;
        };
        outbox.push(self.segment((topic, entry), hub), payer);
        subscription.cursor = entry.seq();
        true
    }
}

/// A subscriber that is served message by message.
fn subscriber(state: &mut State) -> Option<(&mut Subscription, DeliveryTerms)> {
    match state {
        State::Streaming(stream) => {
            let (format, whole) = (stream.format, stream.chunked);
            let delivery = DeliveryTerms { format, whole, deflate: None, bundles: whole };
            Some((&mut stream.subscription, delivery))
        }
        State::Open(socket) => {
            let (format, deflate) = (socket.format(), socket.deflate);
            let bundles = deflate.is_none();
            let delivery = DeliveryTerms { format, whole: true, deflate, bundles };
            Some((&mut socket.subscription, delivery))
        }
        _ => None,
    }
}
