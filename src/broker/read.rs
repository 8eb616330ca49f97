//! Reading: four ways to be answered from one log.
//!
//! Came from: `answer`, with a request to read. Goes to: `poll` for those who ask and go;
//! `technique`, for the first words, and `pump`, for the messages, of those who stay. Absent on
//! purpose: what a cursor means; the hub says that, once for all four.

use super::Broker;
use crate::close::CloseReason;
use crate::conn::outbox::Segment;
use crate::conn::request::{How, Read};
use crate::conn::response_context::ResponseContext;
use crate::conn::state::{PollTerms, Seats, State, Stream, Subscription, WebSocket};
use crate::conn::unanswered::Unanswered;
use crate::hub::Start;
use crate::ids::{ConnId, Cursor, Millis, Seq, TopicName};
use crate::ledger::Class;
use crate::limits::{RETRY_MS_MAX, RETRY_MS_MIN};
use crate::technique::{Dialect, Technique, sse, v1, websocket};
use crate::wire::frame::CloseCode;
use crate::wire::handshake::Accept;
use crate::wire::message::Assembler;
use crate::wire::response::Status;

impl Broker {
    /// A request to read.
    pub(super) fn read(&mut self, id: ConnId, reply: ResponseContext, read: Read, now: Millis) {
        let default = match read.how {
            How::Poll { wait_s: None, .. } => Cursor::Earliest,
            How::Poll { .. } | How::Stream | How::Socket { .. } => Cursor::Latest,
        };
        let start = self.hub.start(&read.topics, &read.cursor.unwrap_or(default));
        match read.how {
            How::Poll { wait_s, limit, if_none_match } => {
                let terms = PollTerms {
                    named: read.topics.len() > 1,
                    limit,
                    wait_s: wait_s.map(|s| self.granted(s)),
                    if_none_match,
                };
                self.poll(id, reply, &read.topics, &start, terms, now);
            }
            How::Stream => self.stream(id, &reply, &read.topics, &start, now),
            How::Socket { accept, dialect } => {
                let handshake = (&accept, dialect);
                self.socket(id, &reply, &read.topics, &start, handshake, now);
            }
        }
    }

    /// The wait that is granted to a reader that wants `s` seconds.
    fn granted(&self, s: u64) -> u64 {
        s.min(self.policy.limits.wait_ms_max / 1000).max(1)
    }

    fn stream(
        &mut self,
        id: ConnId,
        reply: &ResponseContext,
        names: &[TopicName],
        start: &Start,
        now: Millis,
    ) {
        let chunked = !reply.http10;
        if reply.head_only {
            return self.stream_head(id, reply, now);
        }
        let retry_ms = self.jitter(RETRY_MS_MIN, RETRY_MS_MAX);
        let cursor = self.hub.id(start.cursor);
        let subscription = self.subscribe(id, names, start.cursor, Technique::Sse);
        let mut head = Vec::with_capacity(256);
        sse::greet(reply.streamed().head(Status::Ok, &self.date, &mut head), chunked);
        let mut open = Vec::new();
        match &start.gap {
            None => sse::open(&cursor.to_string(), retry_ms, chunked, &mut open),
            Some(gap) => {
                // The cursor that it came with, and the new one with the gap: a reader that is cut
                // off between the two comes back from before the gap, and hears of it then.
                sse::open(&gap.from, retry_ms, chunked, &mut open);
                sse::gap(gap, cursor, chunked, &mut open);
            }
        }
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.push(Segment::own(head, Class::Head));
        conn.push(Segment::own(open, Class::Framing));
        let stream = State::Streaming(Stream { subscription, chunked, costs: false });
        conn.shift(stream, now);
        self.log_access(id, reply, Status::Ok);
        self.pump(id, now);
    }

    /// What a stream would begin with, for HEAD: the head, and the connection is free again. Nobody
    /// reads, so nobody is entered in a list.
    pub(super) fn stream_head(&mut self, id: ConnId, reply: &ResponseContext, now: Millis) {
        let reply = reply.streamed();
        let mut head = Vec::with_capacity(256);
        sse::greet(reply.head(Status::Ok, &self.date, &mut head), !reply.http10);
        if let Some(conn) = self.conns.get_mut(id) {
            conn.push(Segment::own(head, Class::Head));
        }
        self.answered(id, &reply, Status::Ok, now);
    }

    fn socket(
        &mut self,
        id: ConnId,
        reply: &ResponseContext,
        names: &[TopicName],
        start: &Start,
        (accept, dialect): (&Accept, Dialect),
        now: Millis,
    ) {
        // With a gap there is none yet: a reader that is cut off before it is told of the gap must
        // not come back from behind it.
        let cursor = start.gap.is_none().then(|| self.hub.id(start.cursor));
        let subscription = self.subscribe(id, names, start.cursor, Technique::WebSocket);
        let deflate = accept.deflate.filter(|_| self.policy.limits.deflate);
        let accept = &Accept { deflate, ..*accept };
        let (mut head, mut open) = (Vec::with_capacity(256), Vec::new());
        match dialect {
            Dialect::Raw => websocket::greet(accept, cursor, &[], &mut head),
            Dialect::V1 => {
                v1::greet(accept, &[], &mut head);
                v1::open(self.hub.id(start.cursor), start.gap.as_ref(), &mut open);
            }
        }
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.push(Segment::own(head, Class::Head));
        conn.push(Segment::own(open, Class::Framing));
        let socket = WebSocket {
            subscription,
            assembler: Assembler::new(deflate),
            deflate: deflate.map(|terms| terms.window),
            pinged: Millis::NEVER,
            dialect,
            unanswered: Unanswered::default(),
            uncommitted: 0,
            costs: false,
            failing: None,
        };
        conn.shift(State::Open(socket), now);
        self.log_access(id, reply, Status::SwitchingProtocols);
        match (&start.gap, dialect) {
            (None, _) | (Some(_), Dialect::V1) => self.pump(id, now),
            (Some(gap), Dialect::Raw) => {
                let why = websocket::gap(gap);
                self.close_socket(id, CloseCode::TRY_AGAIN, &why, CloseReason::Gap, now);
            }
        }
    }

    /// Enters a reader in the lists of its topics.
    pub(super) fn subscribe(
        &mut self,
        id: ConnId,
        names: &[TopicName],
        cursor: Seq,
        technique: Technique,
    ) -> Subscription {
        let mut seats: Vec<_> =
            names.iter().map(|name| self.hub.subscribe(name, id, technique)).collect();
        Subscription {
            seats: match seats.pop() {
                Some(seat) if seats.is_empty() => Seats::One(seat),
                last => Seats::Many(seats.into_iter().chain(last).collect()),
            },
            cursor,
            evictions_seen: self.hub.evictions(),
        }
    }

    /// A number from `min` up to `max`, for jitter: xorshift64, Marsaglia 2003.
    pub(super) fn jitter(&mut self, min: u64, max: u64) -> u64 {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        min + self.jitter % (max - min)
    }
}
