//! The pump: log → outbox, for whoever has a cursor and room.
//!
//! Live delivery, replay after reconnecting and catching up after back-pressure are this one
//! function; its callers differ only in the moment. A reader whose outbox is high keeps its cursor
//! where it is, and costs nothing until its socket drains.
//!
//! Came from: `deliver` (the log grew), `read` (a reader came), `sent` (a socket drained). Goes to:
//! `conn::outbox`, with renditions that all readers share. Absent on purpose: queues per reader.

use super::Broker;
use crate::close::CloseReason;
use crate::conn::Conn;
use crate::conn::outbox::Segment;
use crate::conn::state::{Following, Name, State};
use crate::hub::log::Entry;
use crate::hub::{Hub, Start};
use crate::ids::{ConnId, Epoch, Millis, TopicId, TopicName};
use crate::ledger::Class;
use crate::limits::DELIVERIES_PER_TURN;
use crate::technique::{Dialect, Dress, GapReason, Window, sse, websocket, websocket_v1};
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
            let Some(id) = self.hub.next_reader() else {
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
            Name::Head | Name::Body | Name::Asked | Name::Sending => {}
            Name::Closing | Name::Lingering | Name::Closed => {}
        }
    }

    /// A parked poll is released by the first message that it waits for.
    fn release_if_any(&mut self, id: ConnId, now: Millis) {
        let following = self.conns.get(id).and_then(|conn| conn.state.following());
        let any = following.is_some_and(|following| {
            let next = self.hub.next(topics(following), following.cursor);
            next.is_some() || missed(following, &self.hub)
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
        let Some(following) = conn.state.following_mut() else {
            return;
        };
        let Start { cursor, gap } = slow(following, &self.hub);
        following.cursor = cursor;
        following.knew = self.hub.evictions();
        let Some(gap) = gap else {
            return;
        };
        let mut out = Vec::new();
        match &conn.state {
            State::Streaming(stream) => {
                sse::gap(&gap, self.hub.id(cursor), stream.chunked, &mut out);
            }
            State::Open(socket) if socket.dialect == Dialect::V1 => {
                websocket_v1::gap(&gap, &mut out);
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
    let Some((following, outfit)) = reader(&mut conn.state) else {
        return Pumped::Served;
    };
    while !conn.outbox.is_high() {
        if missed(following, hub) {
            return Pumped::Missed;
        }
        let Some(entry) = hub.next(topics(following), following.cursor) else {
            break;
        };
        let segment = outfit.segment(entry, hub.epoch());
        conn.fresh_output |= conn.outbox.push(segment, conn.payer);
        following.cursor = entry.seq();
    }
    Pumped::Served
}

/// How a reader wants its messages.
struct Outfit {
    dress: Dress,
    /// An event with the chunk around it; for HTTP/1.0 without.
    whole: bool,
    deflate: Option<Window>,
}

impl Outfit {
    /// A message dressed so, as a segment that shares its rendition.
    fn segment(&self, entry: &Entry, epoch: Epoch) -> Segment {
        let rendition = match self.deflate {
            None => entry.rendition(self.dress, epoch),
            Some(window) => entry.deflated(self.dress, window, epoch),
        };
        let range =
            if self.whole { 0..rendition.bytes.len() } else { sse::event_in(&rendition.bytes) };
        Segment::shared(rendition, range)
    }
}

/// A reader that stays and is served message by message. A parked poll is answered once instead.
fn reader(state: &mut State) -> Option<(&mut Following, Outfit)> {
    match state {
        State::Streaming(stream) => {
            let outfit = Outfit { dress: Dress::Event, whole: stream.chunked, deflate: None };
            Some((&mut stream.following, outfit))
        }
        State::Open(socket) => {
            let outfit = Outfit { dress: socket.dress(), whole: true, deflate: socket.deflate };
            Some((&mut socket.following, outfit))
        }
        _ => None,
    }
}

/// The topics that a reader is entered in.
pub(super) fn topics(following: &Following) -> impl Iterator<Item = TopicId> {
    following.places.as_slice().iter().map(|place| place.topic)
}

fn missed(following: &Following, hub: &Hub) -> bool {
    topics(following).any(|topic| hub.missed(topic, following.cursor, following.knew))
}

/// Where a reader that fell behind goes on, and what it missed.
pub(super) fn slow(following: &Following, hub: &Hub) -> Start {
    let names: Vec<TopicName> = topics(following).map(|id| hub.name(id).clone()).collect();
    let from = hub.id(following.cursor).to_string();
    hub.after_gap(&names, following.cursor, &from, GapReason::Slow)
}
