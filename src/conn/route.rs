//! A request head becomes what it asks for: parsed once, checked once, never looked at again.
//!
//! Came from: `conn::Conn::next_ask`, with a head from `wire::head`. Goes to: `broker::answer`, as
//! a [`Request`]. Absent on purpose: whether a topic exists; nothing here knows the hub.

use std::rc::Rc;

use super::admission;
use super::origin::{OriginCheck, Origins};
use super::policy::Policy;
use super::problem::{Allow, Problem, Rule};
use super::query::{self, Query};
use super::request::{AssetTerms, How, Preflight, Publish, Read, Report, Request, Want, Watch};
use super::resource::{Resource, Suffix};
use super::response_context::{Quoted, ResponseContext};
use super::static_path::{file, folder};
use crate::ids::{Door, TopicName};
use crate::ledger::report::Page;
use crate::ledger::{Payer, Rows};
use crate::limits::{
    EVENT_BYTES_MAX, IDEMPOTENCY_KEY_BYTES_MAX, POLL_MESSAGES_MAX, ROWS_MAX, TOPICS_PER_READER_MAX,
};
use crate::technique::{Dialect, GAP_EVENT};
use crate::wire::credentials::without_secrets;
use crate::wire::handshake::{self, Accept};
use crate::wire::head::{Head, Method, Version};
use crate::wire::target;

/// The topic that `/` means to a WebSocket, so that `new WebSocket('ws://localhost:8080')` works.
pub const ROOT_TOPIC: &str = "chat";

/// Understands `head`, which came in by `door`, and `by_tls` or not.
pub fn route(head: &Head<'_>, policy: &Policy, door: Door, by_tls: bool) -> Request {
    let verdict = policy.origins.judge(head.origin, head.host, by_tls);
    let admitted = want(head, policy, door, &verdict)
        .and_then(|want| admission::admit(head, policy, &verdict, want));
    let refused = |problem| (refusal(head, problem, &policy.origins), None);
    let (want, grant) = admitted.unwrap_or_else(refused);
    // A client that wants to upgrade may send frames right behind the request. Where there is no
    // upgrade, what follows must not be read as the next request.
    let not_upgraded = head.upgrade.is_some()
        && (want.is_refusal() || (head.method == Method::Get && !want.upgrades()));
    let access = log::log_enabled!(target: "tollway::access", log::Level::Info)
        .then(|| format!("{} {}", head.method_text, without_secrets(head.target)).into());
    let named = verdict.names_a_site();
    let allow_origin = match verdict {
        OriginCheck::Allowed(origin) => Some(origin),
        OriginCheck::Same | OriginCheck::Foreign => None,
    };
    Request {
        context: ResponseContext {
            http10: head.version == Version::Http10,
            keep_alive: head.keep_alive && !not_upgraded,
            head_only: head.method == Method::Head,
            allow_credentials: named && policy.rights.is_some(),
            wait_s: None,
            quoted: Quoted::any(allow_origin, access),
        },
        payer: payer(&want),
        want,
        grant,
    }
}

/// A refusal. That of an origin names the origin and `Host`.
fn refusal(head: &Head<'_>, problem: Problem, origins: &Origins) -> Want {
    if problem != Rule::OriginForeign.into() {
        return Want::Refuse(problem);
    }
    let (origin, host) = (head.origin.unwrap_or_default(), head.host.unwrap_or_default());
    Want::RefuseOrigin(origins.refused.refuse(origin, host))
}

fn payer(want: &Want) -> Payer {
    match want {
        Want::Publish(_) => Payer::Publish,
        Want::Read(read) => match read.how {
            How::Poll { wait_s: None, .. } => Payer::ShortPoll,
            How::Poll { .. } => Payer::LongPoll,
            How::Stream => Payer::Sse,
            How::Socket { .. } => Payer::WebSocket,
        },
        Want::Info(_) | Want::Page { .. } | Want::Healthy | Want::Ready => Payer::Other,
        Want::Asset(..) | Want::Report(_) | Want::Watch(_) | Want::Ticket => Payer::Other,
        Want::Redeem(redeem) => payer(&redeem.want),
        Want::File(_) | Want::Options { .. } => Payer::Other,
        Want::Refuse(_) | Want::RefuseOrigin(_) => Payer::Other,
    }
}

fn want(
    head: &Head<'_>,
    policy: &Policy,
    door: Door,
    verdict: &OriginCheck,
) -> Result<Want, Problem> {
    if !policy.origins.serves(head.host) {
        return Err(Rule::HostNotServed.into());
    }
    if head.target == "*" {
        return match head.method {
            Method::Options => Ok(options(head, Allow::ReadAndPublish)),
            _ => Err(Rule::NoSuchResource.into()),
        };
    }
    let (path, query) = target::split(head.target);
    let query = &Query::new(query);
    match Resource::of(path, policy)?.at(door, policy) {
        Resource::Nowhere => Err(Rule::NoSuchResource.into()),
        Resource::Root if upgrades(head) => socket(head, query, verdict, ROOT_TOPIC),
        Resource::Root => fixed(head, || {
            let sources = policy.origins.sources(head.host).into();
            Ok(Want::Page { sources, terms: asset_terms(head) })
        }),
        Resource::Asset(asset) => fixed(head, || Ok(Want::Asset(asset, asset_terms(head)))),
        Resource::Fixed(want) => fixed(head, || Ok(want)),
        Resource::Costs => costs(head, query, verdict),
        Resource::Connections => fixed(head, || table(query).map(Want::Report)),
        Resource::Ticket => ticket(head, verdict),
        Resource::Static(rest) => fixed(head, || file(head, rest)),
        Resource::StaticFolder => fixed(head, || Ok(folder(head))),
        Resource::Topic { list, suffix } => topic(head, query, verdict, &list, suffix),
    }
}

/// Whether a WebSocket is wanted: an upgrade is obeyed on GET alone, and on all else it is a field
/// that says nothing. RFC 6455 §4.1, RFC 9110 §7.8.
fn upgrades(head: &Head<'_>) -> bool {
    head.method == Method::Get && head.upgrade.is_some()
}

fn asset_terms(head: &Head<'_>) -> AssetTerms {
    AssetTerms { codings: head.accepted_codings, if_none_match: head.if_none_match_list() }
}

/// The cost ledger: once, or a snapshot a second in one of the two ways that do not end.
fn costs(head: &Head<'_>, query: &Query<'_>, verdict: &OriginCheck) -> Result<Want, Problem> {
    if upgrades(head) {
        return Ok(Want::Watch(Watch::Socket(handshake(head, verdict)?)));
    }
    fixed(head, || {
        Ok(match (head.accepts_event_stream, query.tags()?, query.check()?) {
            (true, ..) => Want::Watch(Watch::Stream),
            (false, Some(tags), _) => Want::Report(Report::Tags(Box::new(tags))),
            (false, None, true) => Want::Report(Report::Check),
            (false, None, false) => Want::Report(Report::Costs),
        })
    })
}

fn table(query: &Query<'_>) -> Result<Report, Problem> {
    let limit = query.limit()?.unwrap_or(ROWS_MAX).min(ROWS_MAX);
    let page = Page { offset: query.offset()?, limit };
    let (open, closed) = query.state()?;
    let most = page.offset.saturating_add(page.limit);
    Ok(Report::Connections(Rows { open, closed, order: query.sort()?, most }, page))
}

/// A resource that is only read. Nothing else about the request is looked at when the method does
/// not read.
fn fixed(head: &Head<'_>, want: impl FnOnce() -> Result<Want, Problem>) -> Result<Want, Problem> {
    match head.method {
        Method::Get | Method::Head => want(),
        Method::Options => Ok(options(head, Allow::Read)),
        Method::Post | Method::Put | Method::Other => Err(Problem::method(Allow::Read)),
    }
}

fn options(head: &Head<'_>, allow: Allow) -> Want {
    let preflight = head.preflight.then(|| Preflight {
        // Sound in a field of the request, and so in one of the answer; not text is no name.
        fields: str::from_utf8(head.request_headers.unwrap_or_default()).unwrap_or_default().into(),
        private_network: head.private_network,
    });
    Want::Options { allow, preflight }
}

/// A ticket for whoever shows a token. What is in the body is passed over.
fn ticket(head: &Head<'_>, verdict: &OriginCheck) -> Result<Want, Problem> {
    match head.method {
        Method::Post if *verdict == OriginCheck::Foreign => Err(Rule::OriginForeign.into()),
        Method::Post => Ok(Want::Ticket),
        Method::Options => Ok(options(head, Allow::Post)),
        _ => Err(Problem::method(Allow::Post)),
    }
}

/// A topic, or a list of topics.
fn topic(
    head: &Head<'_>,
    query: &Query<'_>,
    verdict: &OriginCheck,
    list: &str,
    suffix: Option<Suffix>,
) -> Result<Want, Problem> {
    let allow = if suffix.is_none() { Allow::ReadAndPublish } else { Allow::Read };
    match head.method {
        Method::Options => return Ok(options(head, allow)),
        Method::Post | Method::Put if suffix.is_none() => {
            return publish(head, query, verdict, list);
        }
        Method::Get | Method::Head => {}
        Method::Post | Method::Put | Method::Other => return Err(Problem::method(allow)),
    }
    match suffix {
        Some(Suffix::Info) => Ok(Want::Info(one_topic(list)?)),
        Some(Suffix::Ws) | None if upgrades(head) => socket(head, query, verdict, list),
        Some(Suffix::Ws) => Err(Rule::UpgradeRequired.into()),
        Some(Suffix::Sse) => read(head, query, list, How::Stream),
        None if head.accepts_event_stream => read(head, query, list, How::Stream),
        None | Some(Suffix::Poll) => poll(head, query, list),
    }
}

fn publish(
    head: &Head<'_>,
    query: &Query<'_>,
    verdict: &OriginCheck,
    list: &str,
) -> Result<Want, Problem> {
    if *verdict == OriginCheck::Foreign {
        return Err(Rule::OriginForeign.into());
    }
    if head.content_coded {
        return Err(Rule::ContentCoded.into());
    }
    let topic = published_topic(list)?;
    let event = match (query.event()?, head.event) {
        (Some(event), _) => Some(event),
        (None, Some(event)) => {
            Some(str::from_utf8(event).map_err(|_| Rule::EventMalformed)?.into())
        }
        (None, None) => None,
    };
    let event = event.map(event_name).transpose()?.flatten();
    let key = head.idempotency_key.map(|key| match str::from_utf8(key) {
        Ok(key) => idempotency_key(key.into()),
        Err(_) => Err(Rule::KeyMalformed.into()),
    });
    let idempotency_key = key.transpose()?;
    Ok(Want::Publish(Rc::new(Publish { topic, event, idempotency_key })))
}

/// The one topic that a message is published to.
pub(super) fn published_topic(list: &str) -> Result<TopicName, Problem> {
    if list.contains(',') {
        return Err(Rule::TopicsInPublish.into());
    }
    one_topic(list)
}

/// The name of a message; an empty one is none. `gap` is what readers are told of messages that
/// they have missed: nobody else may say it.
pub(super) fn event_name(event: Box<str>) -> Result<Option<Box<str>>, Problem> {
    if &*event == GAP_EVENT {
        return Err(Rule::EventReserved.into());
    }
    if event.len() > EVENT_BYTES_MAX || event.contains(['\r', '\n', '\0']) {
        return Err(Rule::EventMalformed.into());
    }
    Ok(Some(event).filter(|event| !event.is_empty()))
}

/// A key by which a repeat is known.
pub(super) fn idempotency_key(key: Box<str>) -> Result<Box<str>, Problem> {
    if (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()) {
        Ok(key)
    } else {
        Err(Rule::KeyMalformed.into())
    }
}

fn poll(head: &Head<'_>, query: &Query<'_>, list: &str) -> Result<Want, Problem> {
    let wait_s = query.wait_s()?.or(head.prefer_wait_s).filter(|&s| s > 0);
    let how = How::Poll {
        wait_s,
        limit: query.limit()?.unwrap_or(POLL_MESSAGES_MAX).min(POLL_MESSAGES_MAX),
        if_none_match: head.if_none_match_list(),
    };
    read(head, query, list, how)
}

fn socket(
    head: &Head<'_>,
    query: &Query<'_>,
    verdict: &OriginCheck,
    list: &str,
) -> Result<Want, Problem> {
    let accept = handshake(head, verdict)?;
    let offer = head.upgrade.as_ref().expect("called for an upgrade only");
    let dialect = Dialect::choose(offer.protocols());
    read(head, query, list, How::Socket { accept, dialect })
}

fn handshake(head: &Head<'_>, verdict: &OriginCheck) -> Result<Accept, Problem> {
    let offer = head.upgrade.as_ref().expect("called for an upgrade only");
    let accept = handshake::judge(head.version, head.framing, offer)?;
    if *verdict == OriginCheck::Foreign {
        return Err(Rule::OriginForeign.into());
    }
    Ok(accept)
}

/// The header wins: a browser that reconnects adds it to a URL that has the first cursor in it.
fn read(head: &Head<'_>, query: &Query<'_>, list: &str, how: How) -> Result<Want, Problem> {
    let cursor = head.last_event_id.and_then(query::cursor).or_else(|| query.cursor());
    Ok(Want::Read(Rc::new(Read { topics: topics(list)?, cursor, tag: query.tag()?, how })))
}

fn topics(list: &str) -> Result<Box<[TopicName]>, Problem> {
    if !list.as_bytes().contains(&b',') {
        return Ok(Box::new([one_topic(list)?]));
    }
    let mut topics = Vec::with_capacity(1);
    for name in list.split(',') {
        let topic = one_topic(name)?;
        if !topics.contains(&topic) {
            topics.push(topic);
        }
        if topics.len() > TOPICS_PER_READER_MAX {
            return Err(Rule::TopicsTooMany.into());
        }
    }
    Ok(topics.into_boxed_slice())
}

fn one_topic(name: &str) -> Result<TopicName, Problem> {
    if TopicName::RESERVED.contains(&name) {
        return Err(Rule::TopicReserved.into());
    }
    TopicName::parse(name).ok_or_else(|| Rule::TopicMalformed.into())
}
