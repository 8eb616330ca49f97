//! Publishing in `tollway.v1`: asked, committed, answered.
//!
//! A socket does not stand still for an answer, as a request does: it goes on reading, and what it
//! asked waits in a line of its own, [`crate::conn::unanswered`].
//!
//! Came from: `answer`, with a frame; `publish`, with what became of one. Goes to: the sequencer,
//! as an effect, and the outbox. Absent on purpose: what is delivered. The sender is a subscriber
//! too, if it opened the topic, and its message comes to it by the pump; which of the two comes
//! first is not said.

use super::visit::Visit;
use super::{accounting, draft};
use crate::conn::outbox::Segment;
use crate::conn::problem::{Problem, Rule};
use crate::conn::state::{Seats, State, WebSocket};
use crate::conn::unanswered::PublishOutcome;
use crate::conn::v1::{V1Publish, V1Request};
use crate::hub::Hub;
use crate::ids::Network;
use crate::ledger::Class;
use crate::rights::Denial;
use crate::technique::message::{Draft, Payload};
use crate::technique::{Dialect, v1};

/// A frame came: its message is asked for, or its refusal stands in the line.
pub(super) fn publish(visit: &mut Visit<'_>, request: V1Request) {
    let State::Open(socket) = &visit.conn.state else {
        return;
    };
    let V1Request { reference, publish } = request;
    let from = visit.conn.peer.network();
    let draft = publish.and_then(|publish| draft(socket, publish, from, &mut visit.shard.hub));
    let allowed = draft.and_then(|draft| {
        if visit.may_publish(&draft.message.topic) {
            Ok(draft)
        } else {
            Err(Denial::RightMissing.into())
        }
    });
    let asked = allowed.and_then(|draft| Ok(draft::ask(visit, draft)?));
    let State::Open(socket) = &mut visit.conn.state else {
        return;
    };
    match asked {
        Ok(()) => socket.unanswered.push(reference, None),
        Err(problem) => {
            socket.unanswered.push(reference, Some(Err(problem)));
            accounting::denied(&mut visit.shard.ledger, problem.denial());
            send_answers(visit);
        }
    }
}

/// The sequencer has answered. `false`: not to a socket of this dialect.
pub(super) fn resolve(visit: &mut Visit<'_>, outcome: PublishOutcome) -> bool {
    let was_held = visit.conn.is_held();
    let State::Open(socket) = &mut visit.conn.state else {
        return false;
    };
    let answers = socket.dialect == Dialect::V1;
    if answers {
        socket.unanswered.resolve(outcome);
        send_answers(visit);
    } else {
        socket.uncommitted = socket.uncommitted.saturating_sub(1);
    }
    if was_held && !visit.conn.is_held() {
        visit.go_on_later(); // What came meanwhile was not looked at.
    }
    answers
}

/// Sends the answers whose turn has come.
fn send_answers(visit: &mut Visit<'_>) {
    let State::Open(socket) = &mut visit.conn.state else {
        return;
    };
    let mut out = Vec::new();
    while let Some((reference, outcome)) = socket.unanswered.next_answer() {
        match outcome {
            Ok(id) => v1::acknowledge(&reference, id, &mut out),
            Err(problem) => {
                let Problem { status, code, .. } = problem;
                let detail = problem.detail_within(&visit.shard.policy.limits);
                v1::refuse(&reference, (status, code, &detail), &mut out);
            }
        }
    }
    if !out.is_empty() {
        visit.conn.push(Segment::own(out, Class::Framing));
    }
}

fn draft(
    socket: &WebSocket,
    publish: V1Publish,
    from: Network,
    hub: &mut Hub,
) -> Result<Draft, Problem> {
    let opened = match &socket.subscription.seats {
        Seats::One(seat) => Some(hub.name(seat.topic)),
        Seats::Many(_) => None, // Which of them is meant has to be said.
    };
    let topic = publish.topic.or_else(|| opened.cloned());
    let topic = topic.ok_or(Rule::TopicMissing)?;
    let payload = Payload::framed(publish.data, publish.binary);
    Ok(Draft {
        message: hub.unnumbered(topic, publish.event, payload),
        from,
        idempotency_key: publish.idempotency_key,
    })
}
