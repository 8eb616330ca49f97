//! The pump: log → outbox, for every subscriber that has room.
//!
//! Live delivery, replay after reconnecting and catching up after back-pressure are this one
//! function; its callers differ only in the moment. A subscriber whose outbox is high keeps its
//! cursor where it is, and costs no more than that until its socket drains.
//!
//! Came from: the face (the log grew, a socket drained), `read` (a subscriber came). Goes to:
//! `conn::outbox`, with encoded messages that all subscribers share. Absent on purpose: queues per
//! subscriber; and parked polls, which are answered once instead, by `poll`.

use super::visit::Visit;
use super::{subscribe, teardown};
use crate::close::CloseReason;
use crate::conn::Conn;
use crate::conn::outbox::Segment;
use crate::conn::state::{Seats, State, Subscription};
use crate::hub::{Hub, Start};
use crate::ledger::Class;
use crate::technique::{self, Format, websocket};
use crate::wire::deflate::Window;
use crate::wire::frame::CloseCode;

/// How pumping one subscriber ended.
enum Pumped {
    /// It has everything there is, or its outbox is high.
    Served,
    /// The log has moved past its cursor.
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

/// A subscriber was too slow: it hears what it missed, and goes on from there. A raw WebSocket has
/// no word for it and is closed.
fn tell_gap(visit: &mut Visit<'_>) {
    let hub = &visit.shard.hub;
    let Some((subscription, delivery)) = subscriber(&mut visit.conn.state) else {
        return;
    };
    let Start { cursor, gap } = subscribe::after_slow(subscription, hub);
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
    let Some((subscription, format)) = subscriber(&mut conn.state) else {
        return Pumped::Served;
    };
    if conn.flow.outbox.is_high() {
        return Pumped::Served;
    }
    if subscribe::missed(subscription, hub) {
        return Pumped::Missed;
    }
    let (outbox, payer) = (&mut conn.flow.outbox, conn.costs.payer);
    let shared = |topic, entry| {
        let encoded = hub.encoded((topic, entry), format.format, format.deflate);
        Segment::shared(encoded, encoded.range(format.whole))
    };
    // Almost every delivery is this: one topic, and one message in it.
    if let Seats::One(seat) = subscription.seats
        && let Some(newest) = hub.log(seat.topic).newest_if_only(subscription.cursor)
    {
        outbox.push(shared(seat.topic, newest), payer);
        subscription.cursor = newest.seq();
        return Pumped::Served;
    }
    // Nothing is lost while we are at it, so the log is walked from where it is found.
    let mut found = hub.merge(subscribe::topics(subscription), subscription.cursor);
    let mut bundles = format.whole && format.deflate.is_none();
    while !outbox.is_high() {
        if bundles && let Some(bundle) = hub.bundle(&found, format.format) {
            // Not where it would be more than what its messages one by one come to.
            bundles = outbox.has_room_for(&bundle);
            if bundles && let Some(last) = found.pass(bundle.messages.len()) {
                outbox.push(Segment::bundle(&bundle), payer);
                subscription.cursor = last.seq();
                continue;
            }
        }
        let Some((topic, entry)) = found.next() else {
            break;
        };
        outbox.push(shared(topic, entry), payer);
        subscription.cursor = entry.seq();
    }
    Pumped::Served
}

/// How a subscriber wants its messages.
struct DeliveryFormat {
    format: Format,
    /// An event with the chunk around it; for HTTP/1.0 without.
    whole: bool,
    deflate: Option<Window>,
}

/// A subscriber that is served message by message.
fn subscriber(state: &mut State) -> Option<(&mut Subscription, DeliveryFormat)> {
    match state {
        State::Streaming(stream) => {
            let format =
                DeliveryFormat { format: stream.format, whole: stream.chunked, deflate: None };
            Some((&mut stream.subscription, format))
        }
        State::Open(socket) => {
            let format =
                DeliveryFormat { format: socket.format(), whole: true, deflate: socket.deflate };
            Some((&mut socket.subscription, format))
        }
        _ => None,
    }
}
