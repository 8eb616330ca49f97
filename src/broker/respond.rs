//! Responding: an answer over HTTP is queued whole, and the connection is free for the next
//! request, or ends.
//!
//! Everything here is for a connection in `Answering`, which has what the answer needs to know of
//! its request, and leaves it in another state.
//!
//! Came from: every layer that has an answer. Goes to: the outbox, the access log, and `teardown`
//! behind the last answer. Absent on purpose: the next request. It is looked at after the visit, so
//! that a pipeline is a loop and no recursion.

use std::fmt::Display;

use super::effect::Effect;
use super::visit::Visit;
use super::{accounting, teardown};
use crate::close::CloseReason;
use crate::conn::outbox::Segment;
use crate::conn::problem::{Allow, Problem};
use crate::conn::response_context::Body;
use crate::conn::state::{Awaited, Awaiting, State};
use crate::ledger::Class;
use crate::rights::Denial;
use crate::wire::response::{self, CONTINUE, HeadWriter, Status};

pub(super) const JSON: &str = "application/json";

pub(super) const NO_STORE: [(&str, &dyn Display); 1] = [("Cache-Control", &"no-store")];

/// Queues a whole answer and goes on to what is behind the request.
pub(super) fn say(
    visit: &mut Visit<'_>,
    status: Status,
    fields: &[(&str, &dyn Display)],
    body: Body,
) {
    let State::Answering(context) = &visit.conn.state else {
        return;
    };
    let (first, second) = context.whole(status, &visit.shard.common_fields, fields, body);
    visit.conn.push(first);
    if let Some(second) = second {
        visit.conn.push(second);
    }
    answered(visit, status);
}

/// Answers with a problem.
pub(super) fn refuse(visit: &mut Visit<'_>, problem: Problem) {
    let detail = problem.detail_within(&visit.shard.policy.limits);
    refuse_saying(visit, problem, &detail);
}

/// Answers with a problem, whose detail is `detail` instead of its own.
pub(super) fn refuse_saying(visit: &mut Visit<'_>, problem: Problem, detail: &str) {
    let State::Answering(context) = &visit.conn.state else {
        return;
    };
    if !context.keep_alive {
        visit.conn.flow.leave_for(CloseReason::Refused);
    }
    let status = problem.status;
    let denial = problem.denial();
    let challenge = denial.and_then(Denial::challenge);
    let mut fields: Vec<(&str, &dyn Display)> = vec![("Cache-Control", &"no-store")];
    let allow = problem.allow.map(Allow::methods);
    if let Some(methods) = &allow {
        fields.push(("Allow", methods));
    }
    if let Some(challenge) = &challenge {
        fields.push(("WWW-Authenticate", challenge));
    }
    if status == Status::UpgradeRequired {
        fields.push(("Connection", &"Upgrade")); // Upgrade goes from hop to hop. RFC 9110 §7.8.
        fields.push(("Upgrade", &"websocket"));
        fields.push(("Sec-WebSocket-Version", &"13"));
    }
    if status == Status::UnsupportedMediaType {
        fields.push(("Accept-Encoding", &"identity")); // RFC 9110 §15.5.16.
    }
    if problem.retry_s > 0 {
        fields.push(("Retry-After", &problem.retry_s));
    }
    let body = response::problem(status, problem.code, detail);
    accounting::denied(&mut visit.shard.ledger, denial);
    say(visit, status, &fields, Body::line("application/problem+json", body));
}

/// The answer that is being made is the last of its connection.
pub(super) fn last(visit: &mut Visit<'_>) {
    if let State::Answering(context) = &mut visit.conn.state {
        context.keep_alive = false;
    }
}

/// What a stream would begin with, for HEAD: the head that `greet` finishes, and the connection is
/// free again. Nobody reads, so nobody is entered in a list.
pub(super) fn stream_head(visit: &mut Visit<'_>, greet: fn(HeadWriter<'_>, bool)) {
    let State::Answering(context) = &visit.conn.state else {
        return;
    };
    let context = context.streamed();
    let mut head = Vec::with_capacity(256);
    greet(context.head(Status::Ok, &visit.shard.common_fields, &mut head), !context.http10);
    visit.conn.push(Segment::own(head, Class::Head));
    log_access(visit, Status::Ok);
    next_request(visit, context.keep_alive);
}

/// The answer is queued: the connection is free for the next request, or ends.
pub(super) fn answered(visit: &mut Visit<'_>, status: Status) {
    log_access(visit, status);
    if let State::Answering(context) = &visit.conn.state {
        let keep_alive = context.keep_alive;
        next_request(visit, keep_alive);
    }
}

/// To the next request, or to the end.
pub(super) fn next_request(visit: &mut Visit<'_>, keep_alive: bool) {
    if !keep_alive {
        return teardown::leave(visit, CloseReason::Answered);
    }
    visit.conn.shift(State::idle(), visit.now);
    if visit.conn.aside.inbox().is_some() {
        visit.go_on_later();
    }
}

/// Asks the sequencer or the shell, and holds back what is behind the request until it answers.
pub(super) fn await_effect(visit: &mut Visit<'_>, awaited: Awaited, effect: Effect) {
    stand_still(visit, awaited);
    visit.effect(effect);
}

/// Holds back what is behind the request until `awaited` comes.
pub(super) fn stand_still(visit: &mut Visit<'_>, awaited: Awaited) {
    let next = |context| State::Awaiting(Awaiting { context, awaited });
    visit.conn.withhold(next, visit.now);
}

/// A parked poll whose peer has ended its side still gets its answer. Whether the peer is there at
/// all to read it shows when we write: an interim answer (RFC 9110 §15.2) asks, and a peer that is
/// gone resets. HTTP/1.0 has no interim answers.
pub(super) fn ask_whether_alive(visit: &mut Visit<'_>) {
    if let State::Parked(parked) = &visit.conn.state
        && !parked.context.http10
    {
        visit.conn.push(Segment::fixed(CONTINUE, Class::Heartbeat));
    }
}

/// One line a request, if the log is that verbose.
pub(super) fn log_access(visit: &Visit<'_>, status: Status) {
    if let State::Answering(context) = &visit.conn.state
        && let Some(access) = context.access()
    {
        let (peer, payer) = (&visit.conn.peer, visit.conn.costs.payer.name());
        log::info!(target: "tollway::access", "{peer} {access} {} {payer}", status.code());
    }
}
