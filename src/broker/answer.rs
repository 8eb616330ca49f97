//! What is done for each thing that a connection asks.
//!
//! Came from: `input`, with an [`Ask`]. Goes to: `read` for readers, `publish` and `v1` for
//! publishers, `ticket` for rights, `file` and `report` for what the shell has to be asked for,
//! `asset` for what the program carries, and `respond` for all else that is answered on the spot.
//! Absent on purpose: parsing; whatever arrives here is understood.

use std::fmt::Display;
use std::sync::Arc;

use super::effect::Effect;
use super::respond::{JSON, NO_STORE};
use super::visit::Visit;
use super::{accounting, asset, file, goodbye, poll, publish, read, report, respond};
use super::{teardown, ticket, v1, websocket};
use crate::close::CloseReason;
use crate::conn::Ask;
use crate::conn::problem::{Allow, Problem, Rule};
use crate::conn::request::{Preflight, Want};
use crate::conn::response_context::{Body, ResponseContext};
use crate::conn::state::{Awaited, State};
use crate::hub::{Hub, Subscribers};
use crate::ids::TopicName;
use crate::ledger::Payer;
use crate::rights::Grant;
use crate::technique::Technique;
use crate::wire::response::Status;

/// When to come back, in seconds, to an address that has all its places.
const ADDRESS_FULL_RETRY_S: u64 = 5;

const TEXT: &str = "text/plain; charset=utf-8";

/// Does what `ask` asks.
pub(super) fn answer(visit: &mut Visit<'_>, ask: Ask) {
    match ask {
        Ask::Arrived => arrive(visit),
        Ask::Request { payer, want, body } => serve(visit, payer, want, body),
        Ask::PublishRaw(payload) => publish::raw(visit, payload),
        Ask::PublishV1(request) => v1::publish(visit, *request),
        Ask::Fail(failure) => websocket::fail(visit, failure),
        Ask::Leave(reason) => teardown::leave(visit, reason),
    }
}

fn serve(visit: &mut Visit<'_>, payer: Payer, want: Want, body: Vec<u8>) {
    accounting::asked(visit, payer);
    if let Some(proxied) = visit.conn.aside.proxied()
        && visit.shard.policy.limits.connections_per_address_max > 0
    {
        let (network, proxy) = (visit.conn.peer.network(), proxied.network());
        if proxied.place != Some(network) && proxy != network {
            let effect = Effect::TakePlace { conn: visit.id, network };
            let wanted = Awaited::Place(Some((Box::new(want), body)));
            return respond::await_effect(visit, wanted, effect);
        }
    }
    give_or_wait(visit, want, body);
}

/// A proxy that passes on bytes has named its client, which is as if that had connected.
fn arrive(visit: &mut Visit<'_>) {
    if visit.shard.policy.limits.connections_per_address_max > 0 {
        let effect = Effect::TakePlace { conn: visit.id, network: visit.conn.peer.network() };
        visit.conn.shift(State::Answering(ResponseContext::closing()), visit.now);
        respond::await_effect(visit, Awaited::Place(None), effect);
    }
}

/// The client behind a proxy has a place, or gets none; it, or its request, waits for that.
pub(super) fn placed(visit: &mut Visit<'_>, has_place: bool) {
    match visit.conn.awaited(visit.now) {
        Some(Awaited::Place(Some((want, body)))) if has_place => give_or_wait(visit, *want, body),
        Some(Awaited::Place(None)) if has_place => return respond::next_request(visit, true),
        // Before its handshake nothing can be said to it.
        Some(Awaited::Place(_)) if visit.conn.aside.secure().is_some_and(|tls| tls.handshaking) => {
            visit.conn.flow.leave_for(CloseReason::Refused);
            return teardown::close(visit);
        }
        Some(Awaited::Place(wanted)) => {
            let problem = Problem { retry_s: ADDRESS_FULL_RETRY_S, ..Rule::AddressFull.into() };
            refuse(visit, wanted.as_ref().map(|(want, _)| &**want), problem);
        }
        Some(_) | None => {}
    }
    go_on_behind(visit);
}

/// What is wanted may be had: now, or when the letters are read that it depends on.
fn give_or_wait(visit: &mut Visit<'_>, want: Want, body: Vec<u8>) {
    if let Want::Read(_) | Want::Info(_) = want
        && !visit.shard.letters.is_empty()
    {
        // It may have been sent because a message was acknowledged that we have not read yet.
        visit.shard.letters.wait(visit.id);
        return respond::stand_still(visit, Awaited::Letters(Box::new(want)));
    }
    give(visit, want, body);
}

/// The letters are read that a request waited for.
pub(super) fn letters_read(visit: &mut Visit<'_>) {
    if let Some(Awaited::Letters(want)) = visit.conn.awaited(visit.now) {
        give(visit, *want, Vec::new());
        go_on_behind(visit);
    }
}

/// A ticket was looked at, and a request gets what it stands for.
pub(super) fn redeemed(visit: &mut Visit<'_>, grant: Option<Arc<Grant>>) {
    let Some(Awaited::Grant(want)) = visit.conn.awaited(visit.now) else {
        return;
    };
    match ticket::admit(visit, &want, grant) {
        Ok(()) => give_or_wait(visit, *want, Vec::new()),
        Err(problem) => refuse(visit, Some(&want), problem),
    }
    go_on_behind(visit);
}

/// Refuses what a request waited for, if there was a request.
fn refuse(visit: &mut Visit<'_>, want: Option<&Want>, problem: Problem) {
    if want.is_some_and(Want::upgrades) {
        respond::last(visit); // Frames may follow, and are no request.
    }
    respond::refuse(visit, problem);
}

/// Goes on with what came behind a request that waited: a WebSocket's first frames, say.
fn go_on_behind(visit: &mut Visit<'_>) {
    if visit.conn.aside.inbox().is_some() {
        visit.go_on_later();
    }
}

fn give(visit: &mut Visit<'_>, want: Want, body: Vec<u8>) {
    let draining = visit.shard.policy.is_draining();
    if !visit.shard.policy.keeps_alive(&want) {
        respond::last(visit);
    }
    match want {
        Want::Ready if draining => respond::refuse(visit, Rule::Draining.into()),
        _ if draining && want.upgrades() => respond::refuse(visit, Rule::Draining.into()),
        Want::Publish(wanted) => publish::over_http(visit, wanted, body),
        Want::Read(wanted) if poll::answer_again(visit, &wanted) => {}
        Want::Read(wanted) => read::read(visit, &wanted),
        Want::Info(topic) => {
            let effect = Effect::Count { conn: visit.id, topic: topic.clone() };
            respond::await_effect(visit, Awaited::Count(topic), effect);
        }
        Want::Page { sources, terms } => asset::page(visit, &sources, &terms),
        Want::Asset(asset, terms) => asset::file(visit, asset, &terms),
        Want::Report(wanted) => report::ask(visit, wanted),
        Want::Watch(watch) => report::watch(visit, &watch),
        Want::Ticket => ticket::ask(visit),
        Want::Redeem(redeem) => ticket::show(visit, redeem),
        Want::Ready if visit.shard.store_fault.is_some() => {
            let fault = visit.shard.store_fault.clone().unwrap_or_default();
            let detail = format!("The store is unavailable: {fault}.");
            respond::refuse_saying(visit, Rule::StoreUnavailable.into(), &detail);
        }
        Want::Healthy | Want::Ready => {
            respond::say(visit, Status::Ok, &NO_STORE, Body::fixed(TEXT, b"ok\n"));
        }
        Want::File(wanted) => file::ask(visit, wanted),
        Want::Options { allow, preflight } => options(visit, allow, preflight.as_ref()),
        Want::Refuse(problem) => respond::refuse(visit, problem),
        Want::RefuseOrigin(detail) => {
            respond::refuse_saying(visit, Rule::OriginForeign.into(), &detail);
        }
    }
    // A stream gives up for good on any status but 200: this one begins, and ends.
    if draining && matches!(visit.conn.state, State::Streaming(_)) {
        goodbye::depart(visit);
    }
}

/// The subscribers of a topic are counted, and a request for its info is answered.
pub(super) fn counted(visit: &mut Visit<'_>, subscribers: Subscribers) {
    if let Some(Awaited::Count(topic)) = visit.conn.awaited(visit.now) {
        let body = Body::line(JSON, info(&visit.shard.hub, &topic, subscribers));
        respond::say(visit, Status::Ok, &NO_STORE, body);
    }
}

fn info(hub: &Hub, topic: &TopicName, subscribers: Subscribers) -> String {
    let log = hub.find(topic).map(|id| hub.log(id));
    let (messages, bytes) = log.map_or((0, 0), |log| (log.len(), log.weight()));
    let range = log.and_then(|log| Some((log.first()?.seq(), log.tip())));
    let (first, last) = match range {
        Some((first, last)) => (format!("\"{}\"", hub.id(first)), format!("\"{}\"", hub.id(last))),
        None => ("null".into(), "null".into()),
    };
    let staying = Technique::ALL.into_iter().filter(|technique| technique.stays());
    let subscribers: Vec<String> = staying
        .map(|technique| format!("\"{}\":{}", technique.name(), subscribers.of(technique)))
        .collect();
    let subscribers = subscribers.join(",");
    let retained =
        format!(r#"{{"messages":{messages},"bytes":{bytes},"first":{first},"last":{last}}}"#);
    format!(r#"{{"topic":"{topic}","retained":{retained},"subscribers":{{{subscribers}}}}}"#)
}

fn options(visit: &mut Visit<'_>, allow: Allow, preflight: Option<&Preflight>) {
    let State::Answering(context) = &visit.conn.state else {
        return;
    };
    let methods = allow.methods();
    let mut fields: Vec<(&str, &dyn Display)> =
        vec![("Allow", &methods), ("Cache-Control", &"no-store"), ("Vary", &"Origin")];
    if let Some(asked) = preflight.filter(|_| context.allow_origin().is_some()) {
        fields.push(("Access-Control-Allow-Methods", &methods));
        if !asked.fields.is_empty() {
            fields.push(("Access-Control-Allow-Headers", &asked.fields));
        }
        if asked.private_network {
            fields.push(("Access-Control-Allow-Private-Network", &"true"));
        }
        fields.push(("Access-Control-Max-Age", &"600"));
    }
    respond::say(visit, Status::NoContent, &fields, Body::EMPTY);
}
