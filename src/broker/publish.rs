//! Publishing: asked of the sequencer, committed or refused, answered.
//!
//! Came from: `answer`, with a body or a frame; the face, with what the sequencer says. Goes to:
//! the sequencer, as an effect; `respond` and `v1`, with what came of it. Absent on purpose:
//! delivery. A message goes to its subscribers from the log, the publisher's own among them.

use std::rc::Rc;

use super::respond;
use super::visit::Visit;
use super::{accounting, draft, teardown, v1, websocket};
use crate::close::CloseReason;
use crate::conn::outbox::Segment;
use crate::conn::problem::{Problem, Rule};
use crate::conn::request::Publish;
use crate::conn::response_context::HEAD_BYTES_GUESS;
use crate::conn::state::{Awaited, Seats, State};
use crate::hub::Receipt;
use crate::ids::TopicName;
use crate::rights::Denial;
use crate::technique::message::{Draft, Payload};
use crate::wire::frame::CloseCode;
use crate::wire::response::Status;

/// A request with a message.
pub(super) fn over_http(visit: &mut Visit<'_>, publish: Rc<Publish>, body: Vec<u8>) {
    let Publish { topic, event, idempotency_key } = &*publish;
    let payload = Payload::posted(body);
    let draft = Draft {
        message: visit.shard.hub.unnumbered(topic.clone(), event.clone(), payload),
        from: visit.conn.peer.network(),
        idempotency_key: idempotency_key.clone(),
    };
    match draft::ask(visit, draft) {
        Ok(()) => respond::stand_still(visit, Awaited::Commit(publish)),
        Err(rule) => respond::refuse(visit, rule.into()),
    }
}

/// A message of a raw WebSocket. Nothing is answered: the sender is a subscriber too.
pub(super) fn raw(visit: &mut Visit<'_>, payload: Payload) {
    let State::Open(socket) = &visit.conn.state else {
        return;
    };
    let Seats::One(seat) = socket.subscription.seats else {
        let why = match socket.subscription.seats.as_slice() {
            [] => "a socket on costs may read, not publish",
            _ => "a socket on several topics may read, not publish",
        };
        return teardown::close_socket(visit, CloseCode::POLICY, why, CloseReason::NotAllowed);
    };
    let from = visit.conn.peer.network();
    let topic = visit.shard.hub.name(seat.topic).clone();
    if !visit.may_publish(&topic) {
        accounting::denied(&mut visit.shard.ledger, Some(Denial::RightMissing));
        let why = "this socket may read, not publish: its token does not give the right";
        return teardown::close_socket(visit, CloseCode::POLICY, why, CloseReason::NotAllowed);
    }
    let message = visit.shard.hub.unnumbered(topic, None, payload);
    let draft = Draft { message, from, idempotency_key: None };
    if let Err(rule) = draft::ask_in(visit, Some(seat.topic), draft) {
        let why = match rule {
            Rule::StoreUnavailable => "the store is unavailable; try again",
            _ => "no room for another topic; try again later",
        };
        teardown::close_socket(visit, CloseCode::TRY_AGAIN, why, CloseReason::Overloaded);
    } else if let State::Open(socket) = &mut visit.conn.state {
        socket.uncommitted += 1;
    }
}

/// The message is in the log.
pub(super) fn committed(visit: &mut Visit<'_>, receipt: Receipt) {
    if let Some(Awaited::Commit(publish)) = visit.conn.awaited(visit.now) {
        accounting::took_in(visit);
        created(visit, &publish.topic, &receipt);
    } else {
        v1::resolve(visit, Ok(visit.shard.hub.id(receipt.seq)));
    }
    websocket::fail_if_due(visit);
}

/// Says which id the message was given, and where it is found. Every publish has this answer, so it
/// is written without `fmt`.
fn created(visit: &mut Visit<'_>, topic: &TopicName, receipt: &Receipt) {
    let State::Answering(context) = &visit.conn.state else {
        return;
    };
    let hub = &visit.shard.hub;
    let (id, before) = (hub.id_text(receipt.seq), hub.id_text(receipt.seq.before()));
    let mut count = itoa::Buffer::new();
    let count = count.format(receipt.subscribers).as_bytes();
    let body = [br#"{"id":""#, id.as_bytes(), br#"","subscribers":"#, count, b"}\n"];
    let length = body.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(HEAD_BYTES_GUESS + length);
    context
        .head(Status::Created, &visit.shard.common_fields, &mut out)
        .sound("Location", |out| {
            for part in [b"/", topic.as_str().as_bytes(), b"?since=", before.as_bytes()] {
                out.extend_from_slice(part);
            }
        })
        .fixed("Cache-Control: no-store\r\nContent-Type: application/json\r\n")
        .number("Content-Length", length)
        .finish();
    for part in body {
        out.extend_from_slice(part);
    }
    visit.conn.push(Segment::answer(out, length));
    respond::answered(visit, Status::Created);
}

/// The message is not in the log and never will be.
pub(super) fn not_committed(visit: &mut Visit<'_>) {
    fail(visit, Rule::Overloaded, "more messages than can be delivered; try again");
}

/// The store cannot be used at present; whether the message will be found in it is not known.
pub(super) fn unavailable(visit: &mut Visit<'_>) {
    fail(visit, Rule::StoreUnavailable, "the store is unavailable; try again");
}

fn fail(visit: &mut Visit<'_>, rule: Rule, why: &'static str) {
    if visit.conn.awaited(visit.now).is_some() {
        respond::refuse(visit, rule.into());
    } else if !v1::resolve(visit, Err(rule.into())) {
        websocket::close_behind(visit, CloseCode::TRY_AGAIN, why, CloseReason::Overloaded);
    }
    websocket::fail_if_due(visit);
}

/// The message is not in the log: its address publishes too fast, and may again in `retry_ms`.
pub(super) fn too_fast(visit: &mut Visit<'_>, retry_ms: u64) {
    let problem = Problem { retry_s: retry_ms.div_ceil(1000), ..Rule::TooFast.into() };
    if visit.conn.awaited(visit.now).is_some() {
        respond::refuse(visit, problem);
    } else if !v1::resolve(visit, Err(problem)) {
        let why = "more messages a second than one address may publish";
        websocket::close_behind(visit, CloseCode::POLICY, why, CloseReason::TooFast);
    }
    websocket::fail_if_due(visit);
}
