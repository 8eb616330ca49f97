//! Publishing in `tollway.v1`: asked, committed, answered.
//!
//! A socket does not stand still for an answer, as a request does: it goes on reading, and what it
//! asked waits in a line of its own, [`crate::conn::unanswered`].
//!
//! Came from: `answer`, with what was told, and with receipts. Goes to: the sequencer, as an
//! effect, and the outbox. Absent on purpose: what is delivered. The sender is a reader too, if it
//! opened the topic, and its message comes to it by the pump; which of the two comes first is not
//! said.

use super::{Broker, Effect};
use crate::conn::Conn;
use crate::conn::outbox::Segment;
use crate::conn::problem::{Problem, Rule};
use crate::conn::state::{Seats, State};
use crate::conn::unanswered::PublishOutcome;
use crate::conn::v1::{V1Publish, V1Request};
use crate::hub::message::{Draft, Payload};
use crate::ids::{ConnId, TopicName};
use crate::ledger::Class;
use crate::technique::{Dialect, v1};

impl Broker {
    /// A frame came: its message is asked for, or its refusal takes its place in the line.
    pub(super) fn publish_v1(&mut self, id: ConnId, request: V1Request) {
        let V1Request { reference, publish } = request;
        let draft = publish.and_then(|publish| self.draft(id, publish));
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let State::Open(socket) = &mut conn.state else {
            return;
        };
        match draft {
            Ok(draft) => {
                socket.unanswered.push(reference, None);
                self.effects.push_back(Effect::Publish { conn: id, draft });
            }
            Err(problem) => {
                socket.unanswered.push(reference, Some(Err(problem)));
                self.send_answers(id);
            }
        }
    }

    /// The sequencer has answered. `false`: not to a socket of this dialect.
    pub(super) fn acknowledge_v1(&mut self, id: ConnId, outcome: PublishOutcome) -> bool {
        let Some(conn) = self.conns.get_mut(id) else {
            return false;
        };
        let was_held = conn.is_held();
        let State::Open(socket) = &mut conn.state else {
            return false;
        };
        if socket.dialect == Dialect::Raw {
            socket.uncommitted = socket.uncommitted.saturating_sub(1);
            return false;
        }
        socket.unanswered.resolve(outcome);
        self.send_answers(id);
        let held = self.conns.get(id).is_some_and(Conn::is_held);
        if was_held && !held {
            self.resumable.push_back(id); // What came meanwhile was not looked at.
        }
        true
    }

    /// Sends the answers whose turn has come.
    fn send_answers(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let State::Open(socket) = &mut conn.state else {
            return;
        };
        let mut out = Vec::new();
        while let Some((reference, outcome)) = socket.unanswered.next_answer() {
            match outcome {
                Ok(id) => v1::acknowledge(&reference, id, &mut out),
                Err(Problem { status, code, detail, allow: _ }) => {
                    v1::refuse(&reference, (status, code, detail), &mut out)
                }
            }
        }
        conn.push(Segment::own(out, Class::Framing));
    }

    fn draft(&self, id: ConnId, publish: V1Publish) -> Result<Draft, Problem> {
        let topic = publish.topic.or_else(|| self.only_topic(id));
        Ok(Draft {
            topic: topic.ok_or(Rule::TopicMissing)?,
            event: publish.event,
            payload: Payload::framed(publish.data, publish.binary),
            idempotency_key: publish.idempotency_key,
        })
    }

    /// The topic that a reader opened, if it opened one.
    fn only_topic(&self, id: ConnId) -> Option<TopicName> {
        let subscription = self.conns.get(id)?.state.subscription()?;
        match &subscription.seats {
            Seats::One(seat) => Some(self.hub.name(seat.topic).clone()),
            Seats::Many(_) => None,
        }
    }
}
