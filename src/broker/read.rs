//! Reading: four ways to be answered from one log.
//!
//! Came from: `answer`, with a request to read. Goes to: `poll` for readers that ask and go;
//! `technique`, for the first words, and `pump`, for the messages, of those that stay. Absent on
//! purpose: what a cursor means; the hub says that, once for all four.

use std::num::NonZeroU16;
use std::rc::Rc;

use super::given::PollTerms;
use super::visit::Visit;
use super::{poll, pump, respond, subscribe, teardown};
use crate::close::CloseReason;
use crate::conn::outbox::Segment;
use crate::conn::request::{How, Read};
use crate::conn::state::{State, Stream, WebSocket};
use crate::conn::unanswered::Unanswered;
use crate::hub::Start;
use crate::ids::{Cursor, KeptMillis, TopicName};
use crate::ledger::Class;
use crate::limits::{RETRY_MS_MAX, RETRY_MS_MIN};
use crate::technique::{Dialect, Format, Technique, sse, v1, websocket};
use crate::wire::frame::CloseCode;
use crate::wire::handshake::Accept;
use crate::wire::message::Assembler;
use crate::wire::response::Status;

/// A request to read.
pub(super) fn read(visit: &mut Visit<'_>, read: &Rc<Read>) {
    let default = match read.how {
        How::Poll { wait_s: None, .. } => Cursor::Earliest,
        How::Poll { .. } | How::Stream | How::Socket { .. } => Cursor::Latest,
    };
    let start = visit.shard.hub.start(&read.topics, read.cursor.as_ref().unwrap_or(&default));
    match read.how {
        How::Poll { wait_s, limit, ref if_none_match } => {
            note_context(visit, wait_s, if_none_match.as_deref());
            // Exact: few messages are asked for at most.
            let terms = PollTerms { named: read.topics.len() > 1, limit: limit as u16 };
            poll::poll(visit, read, &start, terms);
        }
        How::Stream => stream(visit, &read.topics, &start),
        How::Socket { accept, dialect } => socket(visit, &read.topics, &start, &accept, dialect),
    }
}

/// Notes what the answer to a poll has to know of its request, the wait that is granted among it.
fn note_context(visit: &mut Visit<'_>, wait_s: Option<u64>, if_none_match: Option<&[u8]>) {
    let State::Answering(context) = &mut visit.conn.state else {
        return;
    };
    if let Some(tags) = if_none_match {
        context.quoted.get_or_insert_default().if_none_match = Some(tags.into());
    }
    let wait_s_max = visit.shard.policy.limits.wait_ms_max / 1000;
    let granted = |s: u64| u16::try_from(s.min(wait_s_max)).unwrap_or(u16::MAX);
    context.wait_s = wait_s.and_then(|s| NonZeroU16::new(granted(s)));
}

fn stream(visit: &mut Visit<'_>, names: &[TopicName], start: &Start) {
    let retry_ms = visit.shard.jitter(RETRY_MS_MIN, RETRY_MS_MAX);
    let State::Answering(context) = &visit.conn.state else {
        return;
    };
    if context.head_only {
        return respond::stream_head(visit, sse::greet);
    }
    let chunked = !context.http10;
    let (mut head, mut open) = (Vec::with_capacity(256), Vec::new());
    sse::greet(context.streamed().head(Status::Ok, &visit.shard.common_fields, &mut head), chunked);
    let cursor = visit.shard.hub.id(start.cursor);
    match &start.gap {
        None => sse::open(&cursor.to_string(), retry_ms, chunked, &mut open),
        Some(gap) => {
            // The cursor that it came with, and the new one with the gap: a reader that is cut off
            // between the two comes back from before the gap, and hears of it then.
            sse::open(&gap.from, retry_ms, chunked, &mut open);
            sse::gap(gap, cursor, chunked, &mut open);
        }
    }
    respond::log_access(visit, Status::Ok);
    visit.conn.push(Segment::own(head, Class::Head));
    visit.conn.push(Segment::own(open, Class::Framing));
    let technique = Technique::Sse;
    let subscription = subscribe::subscribe(visit, names, start.cursor, technique);
    let stream = Stream { subscription, technique, format: Format::Event, chunked, costs: false };
    visit.conn.shift(State::Streaming(stream), visit.now);
    pump::pump(visit);
}

fn socket(
    visit: &mut Visit<'_>,
    names: &[TopicName],
    start: &Start,
    accept: &Accept,
    dialect: Dialect,
) {
    let cursor = visit.shard.hub.id(start.cursor);
    let deflate = accept.deflate.filter(|_| visit.shard.policy.limits.deflate);
    let accept = &Accept { deflate, ..*accept };
    let (mut head, mut open) = (Vec::with_capacity(256), Vec::new());
    match dialect {
        Dialect::Raw => {
            // With a gap there is no cursor yet: a reader that is cut off before it is told of the
            // gap must not come back from behind it.
            let cursor = start.gap.is_none().then_some(cursor);
            websocket::greet(accept, cursor, &mut head);
        }
        Dialect::V1 => {
            v1::greet(accept, &mut head);
            v1::open(cursor, start.gap.as_ref(), &mut open);
        }
    }
    respond::log_access(visit, Status::SwitchingProtocols);
    visit.conn.push(Segment::own(head, Class::Head));
    visit.conn.push(Segment::own(open, Class::Framing));
    let socket = WebSocket {
        subscription: subscribe::subscribe(visit, names, start.cursor, Technique::WebSocket),
        assembler: Assembler::new(deflate),
        deflate: deflate.map(|terms| terms.window),
        began: KeptMillis::NEVER,
        pinged: KeptMillis::NEVER,
        dialect,
        unanswered: Unanswered::default(),
        uncommitted: 0,
        costs: false,
    };
    visit.conn.shift(State::Open(socket), visit.now);
    match (&start.gap, dialect) {
        (None, _) | (Some(_), Dialect::V1) => pump::pump(visit),
        (Some(gap), Dialect::Raw) => {
            let why = websocket::gap(gap);
            teardown::close_socket(visit, CloseCode::TRY_AGAIN, &why, CloseReason::Gap);
        }
    }
}
