//! Reports: every thread is asked for its own, and when all have come, they are added up and told.
//!
//! A shard report is taken at one moment, between two things that happen on its thread, so that its
//! numbers fit together; those of different threads are of moments a little apart. A connection
//! that asks while a report is collected waits for the next, so that everyone hears of all that
//! happened before the question; and one is collected at a time, however many ask. Only when that
//! would be too often, a report answers that is a little older, or the question waits a little.
//!
//! Came from: `answer`, with a request; `deadline`, for those that watch. Goes to: every thread, as
//! an effect, and with what they say to `ledger::report` and the outbox. Absent on purpose: other
//! connections, which the face adds, and sockets: the shell asks the kernel what it has counted.

use std::cell::LazyCell;
use std::rc::Rc;

use super::effect::Effect;
use super::respond::{self, JSON, NO_STORE};
use super::visit::{Shard, Visit};
use crate::conn::outbox::Segment;
use crate::conn::request::{Report, Watch};
use crate::conn::response_context::Body;
use crate::conn::state::{Awaited, Seats, State, Stream, Subscription, WebSocket};
use crate::conn::unanswered::Unanswered;
use crate::ids::{KeptMillis, Millis, Seq};
use crate::ledger::{Class, Scope, ShardReport, report};
use crate::limits::{RETRY_MS_MAX, RETRY_MS_MIN};
use crate::technique::{Dialect, Format, Technique, sse, websocket};
use crate::wire::handshake::Accept;
use crate::wire::message::Assembler;
use crate::wire::response::Status;

/// A report is wanted, in one answer.
pub(super) fn ask(visit: &mut Visit<'_>, wanted: Report) {
    let scope = match wanted {
        Report::Connections(rows, _) => Scope::Rows(rows),
        Report::Costs | Report::Tags(_) | Report::Check | Report::Metrics => Scope::Sums,
    };
    respond::stand_still(visit, Awaited::Report(wanted));
    await_report(visit, scope);
}

/// A snapshot a second is wanted, and the first at once.
pub(super) fn watch(visit: &mut Visit<'_>, watch: &Watch) {
    let retry_ms = visit.shard.jitter(RETRY_MS_MIN, RETRY_MS_MAX);
    let State::Answering(context) = &visit.conn.state else {
        return;
    };
    if context.head_only {
        return respond::stream_head(visit, sse::greet);
    }
    let chunked = !context.http10;
    let (mut head, mut open) = (Vec::with_capacity(256), Vec::new());
    let (state, status) = match watch {
        Watch::Stream => {
            sse::greet(
                context.streamed().head(Status::Ok, &visit.shard.common_fields, &mut head),
                chunked,
            );
            sse::retry(retry_ms, chunked, &mut open);
            let stream = Stream {
                subscription: to_nothing(),
                technique: Technique::Sse,
                format: Format::Event,
                chunked,
                costs: true,
            };
            (State::Streaming(stream), Status::Ok)
        }
        Watch::Socket(accept) => {
            websocket::greet(&Accept { deflate: None, ..*accept }, None, &mut head);
            let socket = WebSocket {
                subscription: to_nothing(),
                assembler: Assembler::new(None),
                deflate: None,
                began: KeptMillis::NEVER,
                pinged: KeptMillis::NEVER,
                dialect: Dialect::Raw,
                costs: true,
                unanswered: Unanswered::default(),
                uncommitted: 0,
            };
            (State::Open(socket), Status::SwitchingProtocols)
        }
    };
    respond::log_access(visit, status);
    visit.conn.push(Segment::own(head, Class::Head));
    visit.conn.push(Segment::own(open, Class::Framing));
    visit.conn.shift(state, visit.now);
    await_report(visit, Scope::Sums);
}

/// A connection that asked for a report, or watches, waits for one.
pub(super) fn await_report(visit: &mut Visit<'_>, scope: Scope) {
    if let Some(sum) = visit.shard.reports.recent(scope, visit.now) {
        let up = visit.shard.uptime(visit.now);
        return tell(visit, &sum, &LazyCell::new(|| report::costs(&sum, up)));
    }
    visit.shard.reports.wait(visit.id, scope);
    begin(visit.shard, visit.now);
}

/// Asks all threads for what is waited for longest, unless they are being asked, or were too often.
pub(super) fn begin(shard: &mut Shard, now: Millis) {
    if let Some(scope) = shard.reports.begin(shard.threads, now) {
        shard.effects.push_back(Effect::AskForReport { scope });
    }
}

/// A connection gets the report that it waits for, or the next snapshot of what it watches, which
/// is written once for all. A watcher that does not keep up gets fewer.
pub(super) fn tell(
    visit: &mut Visit<'_>,
    sum: &Rc<ShardReport>,
    snapshot: &LazyCell<String, impl FnOnce() -> String>,
) {
    let mut out = Vec::new();
    match &visit.conn.state {
        State::Awaiting(_) => return answer(visit, sum),
        _ if visit.conn.flow.outbox.is_high() => {}
        State::Streaming(stream) => sse::snapshot(snapshot, stream.chunked, &mut out),
        State::Open(_) => websocket::snapshot(snapshot, &mut out),
        _ => return, // On its way out.
    }
    visit.conn.timing.active_at = visit.now.into();
    visit.conn.push(Segment::own(out, Class::Body));
}

fn answer(visit: &mut Visit<'_>, sum: &Rc<ShardReport>) {
    if let Some(Awaited::Report(wanted)) = visit.conn.awaited(visit.now) {
        let (now, up) = (visit.now, visit.shard.uptime(visit.now));
        let body = visit.shard.reports.body(sum, &wanted, || body(&wanted, sum, now, up));
        let body = match wanted {
            Report::Costs | Report::Tags(_) | Report::Check | Report::Connections(..) => {
                Body::line(JSON, body.as_bytes())
            }
            Report::Metrics => Body::own(report::PROMETHEUS_TYPE, body.as_bytes()),
        };
        respond::say(visit, Status::Ok, &NO_STORE, body);
    }
}

/// The body of a report, `up` after the start.
fn body(wanted: &Report, sum: &ShardReport, now: Millis, up: Millis) -> String {
    match *wanted {
        Report::Costs => report::costs(sum, up),
        Report::Tags(ref asked) => report::tags(sum, asked, up),
        Report::Check => report::check(sum),
        Report::Connections(_, page) => report::table(sum, page, now),
        Report::Metrics => report::prometheus(sum, up),
    }
}

/// A subscription to no topic.
fn to_nothing() -> Subscription {
    Subscription { seats: Seats::Many(Box::default()), cursor: Seq(0), evictions_seen: 0 }
}
