//! What is done for each thing that a connection asks.
//!
//! Came from: `conn`, as an [`Ask`]. Goes to: `read` for readers, the sequencer (as an effect) for
//! publishers, and straight back into the outbox for everyone else. Absent on purpose: parsing;
//! whatever arrives here is understood.

use std::fmt::Display;

use super::report::scope_of;
use super::{Broker, Effect};
use crate::close::CloseReason;
use crate::conn::Ask;
use crate::conn::problem::{Allow, Problem, Rule};
use crate::conn::request::{Preflight, Publish, Request, Want};
use crate::conn::response_context::{Body, ResponseContext};
use crate::conn::state::{Awaited, Awaiting, Name, Seats, State};
use crate::hub::message::{Draft, Payload};
use crate::hub::{Receipt, Subscribers};
use crate::ids::{ConnId, Millis, TopicName};
use crate::wire::frame::CloseCode;
use crate::wire::response::{self, Status};

/// The live page.
const PAGE: &[u8] = include_bytes!("../page/index.html");

/// The page may run what it carries and talk to its own server, and nothing else. Whither it may
/// talk stands last: what is ours beside its own origin is written behind it.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'; connect-src 'self'";

pub(super) const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

impl Broker {
    /// Does what `ask` asks.
    pub(super) fn answer(&mut self, id: ConnId, ask: Ask, now: Millis) {
        match ask {
            Ask::Request(request, body) => self.serve(id, *request, body, now),
            Ask::PublishRaw { data, binary } => self.publish_raw(id, data, binary, now),
            Ask::PublishV1(request) => self.publish_v1(id, *request),
            Ask::Fail(failure) => self.fail(id, failure, now),
            Ask::Leave(reason) => self.leave(id, reason, now),
        }
    }

    fn serve(&mut self, id: ConnId, request: Request, body: Vec<u8>, now: Millis) {
        let Request { reply, payer, want } = request;
        self.ledger.account_mut(payer).requests += 1;
        match want {
            Want::Publish(publish) => self.publish(id, reply, publish, body, now),
            Want::Read(read) => self.read(id, reply, read, now),
            Want::Info(topic) => {
                let question = Awaited::Count(topic.clone());
                self.ask(id, reply, question, Effect::Count { conn: id, topic }, now);
            }
            Want::Page { sources } => self.page(id, &reply, &sources, now),
            Want::Report(report) => {
                self.stand_still(id, reply, Awaited::Report(report), now);
                self.await_report(id, scope_of(report));
            }
            Want::Watch(watch) => self.watch(id, &reply, &watch, now),
            Want::Healthy | Want::Ready => {
                self.say(id, &reply, Status::Ok, &NO_STORE, Body::fixed(TEXT, b"ok\n"), now);
            }
            Want::File(want) => {
                let path = want.path.clone();
                let effect = Effect::OpenFile { conn: id, path };
                self.ask(id, reply, Awaited::Open(want), effect, now);
            }
            Want::Options { allow, preflight } => {
                self.options(id, &reply, allow, preflight.as_ref(), now);
            }
            Want::Refuse(problem) => self.refuse(id, &reply, problem, now),
            Want::RefuseOrigin(detail) => {
                self.refuse_saying(id, &reply, Rule::OriginForeign.into(), &detail, now);
            }
        }
    }

    fn publish(
        &mut self,
        id: ConnId,
        reply: ResponseContext,
        publish: Publish,
        body: Vec<u8>,
        now: Millis,
    ) {
        let draft = Draft {
            topic: publish.topic.clone(),
            event: publish.event,
            payload: Payload::posted(body),
            idempotency_key: publish.idempotency_key,
        };
        let effect = Effect::Publish { conn: id, draft };
        self.ask(id, reply, Awaited::Commit(publish.topic), effect, now);
    }

    /// A message of a raw WebSocket. Nothing is answered: the sender is a reader too.
    fn publish_raw(&mut self, id: ConnId, data: Box<[u8]>, binary: bool, now: Millis) {
        let Some(subscription) = self.conns.get(id).and_then(|conn| conn.state.subscription())
        else {
            return;
        };
        let Seats::One(seat) = subscription.seats else {
            let why = match subscription.seats.as_slice() {
                [] => "a socket on costs may read, not publish",
                _ => "a socket on several topics may read, not publish",
            };
            return self.close_socket(id, CloseCode::POLICY, why, CloseReason::NotAllowed, now);
        };
        let draft = Draft {
            topic: self.hub.name(seat.topic).clone(),
            event: None,
            payload: Payload::framed(data, binary),
            idempotency_key: None,
        };
        if let Some(State::Open(socket)) = self.conns.get_mut(id).map(|conn| &mut conn.state) {
            socket.uncommitted += 1;
        }
        self.effects.push_back(Effect::Publish { conn: id, draft });
    }

    /// Asks the sequencer or the shell, and holds back what is behind the request until it answers.
    fn ask(
        &mut self,
        id: ConnId,
        reply: ResponseContext,
        question: Awaited,
        effect: Effect,
        now: Millis,
    ) {
        self.stand_still(id, reply, question, now);
        self.effects.push_back(effect);
    }

    fn stand_still(&mut self, id: ConnId, reply: ResponseContext, question: Awaited, now: Millis) {
        if let Some(conn) = self.conns.get_mut(id) {
            let asked = Awaiting { reply, question };
            conn.shift(State::Awaiting(Box::new(asked)), now);
        }
    }

    /// Takes back the request that was waiting for the sequencer or the shell.
    pub(super) fn asked(&mut self, id: ConnId, now: Millis) -> Option<Awaiting> {
        let conn = self.conns.get_mut(id)?;
        if conn.state.name() != Name::Awaiting {
            return None; // A WebSocket does not stand still; a connection may be gone.
        }
        match conn.shift(State::idle(), now) {
            State::Awaiting(asked) => Some(*asked),
            _ => None,
        }
    }

    /// The message is in the log.
    pub(super) fn committed(&mut self, receipt: Receipt, now: Millis) {
        let id = receipt.conn;
        if let Some(Awaiting { reply, question: Awaited::Commit(topic) }) = self.asked(id, now) {
            self.took_in(id);
            let before = self.hub.id(receipt.seq.before());
            let location = format!("/{topic}?since={before}");
            let (seq, subscribers) = (self.hub.id(receipt.seq), receipt.subscribers);
            let body = format!(r#"{{"id":"{seq}","subscribers":{subscribers}}}"#);
            let fields: [(&str, &dyn Display); 2] =
                [("Location", &location), ("Cache-Control", &"no-store")];
            self.say(id, &reply, Status::Created, &fields, Body::own(JSON, body), now);
        } else {
            self.acknowledge_v1(id, Ok(self.hub.id(receipt.seq)));
        }
        self.fail_if_due(id, now);
        self.settle(id, now);
    }

    /// The message is not in the log and never will be.
    pub(super) fn not_committed(&mut self, id: ConnId, now: Millis) {
        if let Some(Awaiting { reply, .. }) = self.asked(id, now) {
            self.refuse(id, &reply, Rule::Overloaded.into(), now);
        } else if !self.acknowledge_v1(id, Err(Rule::Overloaded.into())) {
            let why = "more messages than can be delivered; try again";
            self.close_socket(id, CloseCode::TRY_AGAIN, why, CloseReason::Overloaded, now);
        }
        self.fail_if_due(id, now);
        self.settle(id, now);
    }

    /// The readers of a topic are counted.
    pub(super) fn tell_info(&mut self, id: ConnId, subscribers: Subscribers, now: Millis) {
        if let Some(Awaiting { reply, question: Awaited::Count(topic) }) = self.asked(id, now) {
            let body = Body::own(JSON, self.info(&topic, subscribers));
            self.say(id, &reply, Status::Ok, &NO_STORE, body, now);
        }
    }

    fn info(&self, topic: &TopicName, subscribers: Subscribers) -> String {
        let log = self.hub.find(topic).map(|id| self.hub.log(id));
        let (messages, bytes) = log.map_or((0, 0), |log| (log.len(), log.bytes()));
        let range = log.and_then(|log| Some((log.first()?.seq(), log.tip())));
        let (first, last) = match range {
            Some((first, last)) => {
                (format!("\"{}\"", self.hub.id(first)), format!("\"{}\"", self.hub.id(last)))
            }
            None => ("null".into(), "null".into()),
        };
        let Subscribers { long_poll, sse, websocket } = subscribers;
        let retained =
            format!(r#"{{"messages":{messages},"bytes":{bytes},"first":{first},"last":{last}}}"#);
        let readers = format!(r#"{{"long_poll":{long_poll},"sse":{sse},"websocket":{websocket}}}"#);
        format!(r#"{{"topic":"{topic}","retained":{retained},"subscribers":{readers}}}"#)
    }

    fn page(&mut self, id: ConnId, reply: &ResponseContext, sources: &str, now: Millis) {
        let policy = format_args!("{PAGE_POLICY}{sources}");
        let fields: [(&str, &dyn Display); 3] = [
            ("Cache-Control", &"no-cache"),
            ("Content-Security-Policy", &policy),
            ("Vary", &"Origin, Upgrade"),
        ];
        let body = Body::fixed("text/html; charset=utf-8", PAGE);
        self.say(id, reply, Status::Ok, &fields, body, now);
    }

    fn options(
        &mut self,
        id: ConnId,
        reply: &ResponseContext,
        allow: Allow,
        preflight: Option<&Preflight>,
        now: Millis,
    ) {
        let methods = allow.methods();
        let mut fields: Vec<(&str, &dyn Display)> =
            vec![("Allow", &methods), ("Cache-Control", &"no-store"), ("Vary", &"Origin")];
        if let Some(asked) = preflight.filter(|_| reply.allow_origin.is_some()) {
            fields.push(("Access-Control-Allow-Methods", &methods));
            if !asked.fields.is_empty() {
                fields.push(("Access-Control-Allow-Headers", &asked.fields));
            }
            if asked.private_network {
                fields.push(("Access-Control-Allow-Private-Network", &"true"));
            }
            fields.push(("Access-Control-Max-Age", &"600"));
        }
        self.say(id, reply, Status::NoContent, &fields, Body::EMPTY, now);
    }

    /// Says what was wrong.
    pub(super) fn refuse(
        &mut self,
        id: ConnId,
        reply: &ResponseContext,
        problem: Problem,
        now: Millis,
    ) {
        self.refuse_saying(id, reply, problem, problem.detail, now);
    }

    /// Says what was wrong, with a sentence of its own.
    fn refuse_saying(
        &mut self,
        id: ConnId,
        reply: &ResponseContext,
        problem: Problem,
        detail: &str,
        now: Millis,
    ) {
        let status = problem.status;
        let mut fields: Vec<(&str, &dyn Display)> = vec![("Cache-Control", &"no-store")];
        let allow = problem.allow.map(Allow::methods);
        if let Some(methods) = &allow {
            fields.push(("Allow", methods));
        }
        if status == Status::UpgradeRequired {
            fields.push(("Connection", &"Upgrade")); // Upgrade goes from hop to hop. RFC 9110 §7.8.
            fields.push(("Upgrade", &"websocket"));
            fields.push(("Sec-WebSocket-Version", &"13"));
        }
        if status == Status::UnsupportedMediaType {
            fields.push(("Accept-Encoding", &"identity")); // RFC 9110 §15.5.16.
        }
        if status == Status::Unavailable {
            fields.push(("Retry-After", &"1"));
        }
        let body = response::problem(status, problem.code, detail);
        let body = Body::own("application/problem+json", body);
        if !reply.keep_alive
            && let Some(conn) = self.conns.get_mut(id)
        {
            conn.leaving.get_or_insert(CloseReason::Refused);
        }
        self.say(id, reply, status, &fields, body, now);
    }

    /// Queues a whole answer and goes on to what is behind the request.
    pub(super) fn say(
        &mut self,
        id: ConnId,
        reply: &ResponseContext,
        status: Status,
        fields: &[(&str, &dyn Display)],
        body: Body,
        now: Millis,
    ) {
        let [head, body] = reply.whole(status, &self.date, fields, body);
        if let Some(conn) = self.conns.get_mut(id) {
            conn.push(head);
            conn.push(body);
        }
        self.answered(id, reply, status, now);
    }

    /// The answer is queued: the connection is free for the next request, or ends.
    pub(super) fn answered(
        &mut self,
        id: ConnId,
        reply: &ResponseContext,
        status: Status,
        now: Millis,
    ) {
        self.log_access(id, reply, status);
        self.go_on(id, reply.keep_alive, now);
    }

    /// To the next request, or to the end.
    pub(super) fn go_on(&mut self, id: ConnId, keep_alive: bool, now: Millis) {
        if !keep_alive {
            return self.leave(id, CloseReason::Answered, now);
        }
        if let Some(conn) = self.conns.get_mut(id) {
            conn.shift(State::idle(), now);
            if !conn.inbox.is_empty() {
                self.resumable.push_back(id);
            }
        }
    }

    /// One line a request, if anyone reads them.
    pub(super) fn log_access(&self, id: ConnId, reply: &ResponseContext, status: Status) {
        if let (Some(access), Some(conn)) = (&reply.access, self.conns.get(id)) {
            let (peer, payer) = (&conn.peer, conn.payer.name());
            log::info!(target: "tollway::access", "{peer} {access} {} {payer}", status.code());
        }
    }
}

pub(super) const NO_STORE: [(&str, &dyn Display); 1] = [("Cache-Control", &"no-store")];
