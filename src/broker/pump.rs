//! The pump: log → outbox, for whoever has a cursor and room.
//!
//! Live delivery, replay after reconnecting and catching up after back-pressure are this one
//! function; its callers differ only in the moment. A reader whose outbox is high keeps its cursor
//! where it is, and costs nothing until its socket drains.
//!
//! Came from: `deliver` (the log grew), `read` (a reader came), `sent` (a socket drained). Goes to:
//! `conn::outbox`, with encoded messages that all readers share. Absent on purpose: queues per
//! reader.

use super::Broker;
use crate::close::CloseReason;
use crate::conn::Conn;
use crate::conn::outbox::Segment;
use crate::conn::state::{Name, State, Subscription};
use crate::hub::log::Entry;
use crate::hub::{Hub, Start};
use crate::ids::{ConnId, Epoch, Millis, TopicId, TopicName};
use crate::ledger::Class;
use crate::limits::DELIVERIES_PER_TURN;
use crate::technique::{Dialect, Format, GapReason, Window, sse, v1, websocket};
use crate::wire::frame::CloseCode;

/// How pumping one reader ended.
enum Pumped {
    /// It has everything there is, or its outbox is high.
    Served,
    /// The log has moved past its cursor.
    Missed,
}

impl Broker {
    /// Serves readers of logs that grew, as many as a turn has room for. `true`: more are waiting.
    pub fn deliver(&mut self, now: Millis) -> bool {
        for _ in 0..DELIVERIES_PER_TURN {
            let Some(id) = self.hub.next_subscriber() else {
                return false;
            };
            self.pump(id, now);
            self.settle(id, now);
        }
        self.hub.has_rounds()
    }

    /// Serves one reader.
    pub(super) fn pump(&mut self, id: ConnId, now: Millis) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        match conn.state.name() {
            Name::Parked => self.release_if_any(id, now),
            Name::Streaming | Name::Open => loop {
                let Some(conn) = self.conns.get_mut(id) else {
                    return;
                };
                match fill(conn, &self.hub) {
                    Pumped::Served => return,
                    Pumped::Missed => self.tell_gap(id, now),
                }
            },
            Name::Head | Name::Body | Name::Awaiting | Name::Sending => {}
            Name::Closing | Name::Lingering | Name::Closed => {}
        }
    }

    /// A parked poll is released by the first message that it waits for.
    fn release_if_any(&mut self, id: ConnId, now: Millis) {
        let subscription = self.conns.get(id).and_then(|conn| conn.state.subscription());
        let any = subscription.is_some_and(|subscription| {
            let next = self.hub.next(topics(subscription), subscription.cursor);
            next.is_some() || missed(subscription, &self.hub)
        });
        if any {
            self.release(id, now);
        }
    }

    /// A reader was too slow: it hears what it missed, and goes on from there. A raw WebSocket has
    /// no word for it and is closed.
    fn tell_gap(&mut self, id: ConnId, now: Millis) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let Some(subscription) = conn.state.subscription_mut() else {
            return;
        };
        let Start { cursor, gap } = slow(subscription, &self.hub);
        subscription.cursor = cursor;
        subscription.evictions_seen = self.hub.evictions();
        let Some(gap) = gap else {
            return;
        };
        let mut out = Vec::new();
        match &conn.state {
            State::Streaming(stream) => {
                sse::gap(&gap, self.hub.id(cursor), stream.chunked, &mut out);
            }
            State::Open(socket) if socket.dialect == Dialect::V1 => {
                v1::gap(&gap, &mut out);
            }
            _ => {
                let why = websocket::gap(&gap);
                return self.close_socket(id, CloseCode::TRY_AGAIN, &why, CloseReason::Gap, now);
            }
        }
        conn.push(Segment::own(out, Class::Framing));
    }
}

/// Moves messages from the log to the outbox while there is room.
fn fill(conn: &mut Conn, hub: &Hub) -> Pumped {
    let Some((subscription, format)) = reader(&mut conn.state) else {
        return Pumped::Served;
    };
    while !conn.outbox.is_high() {
        if missed(subscription, hub) {
            return Pumped::Missed;
        }
        let Some(entry) = hub.next(topics(subscription), subscription.cursor) else {
            break;
        };
        let segment = format.segment(entry, hub.epoch());
        conn.fresh_output |= conn.outbox.push(segment, conn.payer);
        subscription.cursor = entry.seq();
    }
    Pumped::Served
}

/// How a reader wants its messages.
struct DeliveryFormat {
    format: Format,
    /// An event with the chunk around it; for HTTP/1.0 without.
    whole: bool,
    deflate: Option<Window>,
}

impl DeliveryFormat {
    /// A message encoded so, as a segment that shares its encoded bytes.
    fn segment(&self, entry: &Entry, epoch: Epoch) -> Segment {
        let encoded = match self.deflate {
            None => entry.encoded(self.format, epoch),
            Some(window) => entry.deflated(self.format, window, epoch),
        };
        let range = if self.whole { 0..encoded.bytes.len() } else { sse::event_in(&encoded.bytes) };
        Segment::shared(encoded, range)
    }
}

/// A reader that stays and is served message by message. A parked poll is answered once instead.
fn reader(state: &mut State) -> Option<(&mut Subscription, DeliveryFormat)> {
    match state {
        State::Streaming(stream) => {
            let format =
                DeliveryFormat { format: Format::Event, whole: stream.chunked, deflate: None };
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

/// The topics that a reader is entered in.
pub(super) fn topics(subscription: &Subscription) -> impl Iterator<Item = TopicId> {
    subscription.seats.as_slice().iter().map(|seat| seat.topic)
}

fn missed(subscription: &Subscription, hub: &Hub) -> bool {
    topics(subscription)
        .any(|topic| hub.missed(topic, subscription.cursor, subscription.evictions_seen))
}

/// Where a reader that fell behind goes on, and what it missed.
pub(super) fn slow(subscription: &Subscription, hub: &Hub) -> Start {
    let names: Vec<TopicName> = topics(subscription).map(|id| hub.name(id).clone()).collect();
    let from = hub.id(subscription.cursor).to_string();
    hub.after_gap(&names, subscription.cursor, &from, GapReason::Slow)
}
