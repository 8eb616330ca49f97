//! Reports: every thread is asked for its own, and when all have come, they are added up and told.
//!
//! A shard report is taken at one moment, between two things that happen on its thread, so that its
//! numbers fit together; those of different threads are of moments a little apart. Whoever asks
//! while a report is collected waits for the next, so that everyone hears of all that happened
//! before the question; and one is collected at a time, however many ask.
//!
//! Came from: `answer`, with a request; `deadline`, for those who watch. Goes to: every thread, as
//! an effect, and with what they say to `ledger::report` and the outbox. Absent on purpose:
//! sockets; the shell, which has them, answers for what the kernel counts.

use std::cell::LazyCell;

use super::conns::Conns;
use super::{Broker, Effect};
use crate::conn::outbox::Segment;
use crate::conn::request::{Report, Watch};
use crate::conn::response_context::{Body, ResponseContext};
use crate::conn::state::{Awaited, Awaiting, Name, Seats, State, Stream, Subscription, WebSocket};
use crate::conn::unanswered::Unanswered;
use crate::ids::{ConnId, Millis, Seq};
use crate::ledger::{Class, Process, Sample, Scope, ShardReport, report};
use crate::limits::{RETRY_MS_MAX, RETRY_MS_MIN};
use crate::technique::{Dialect, sse, websocket};
use crate::wire::message::Assembler;
use crate::wire::response::Status;

/// Who waits for which report.
#[derive(Debug, Default)]
pub(super) struct PendingReports {
    current: Option<PendingReport>,
    /// Those who wait for one that has not begun, in the order of asking.
    waiting: Vec<(ConnId, Scope)>,
}

/// A report that is being collected.
#[derive(Debug)]
struct PendingReport {
    scope: Scope,
    readers: Vec<ConnId>,
    /// Threads that have not answered yet.
    awaited: u16,
    sum: ShardReport,
}

impl Broker {
    /// `id`, which asked for a report or watches, waits for a report.
    pub(super) fn await_report(&mut self, id: ConnId, scope: Scope) {
        self.reports.waiting.push((id, scope));
        self.begin_report();
    }

    /// Asks all threads for what the first one who waits has asked.
    fn begin_report(&mut self) {
        let Some(&(_, scope)) = self.reports.waiting.first() else {
            return;
        };
        if self.reports.current.is_some() {
            return;
        }
        let same = |&mut (_, other): &mut (ConnId, Scope)| other == scope;
        let readers = self.reports.waiting.extract_if(.., same);
        self.reports.current = Some(PendingReport {
            scope,
            readers: readers.map(|(id, _)| id).collect(),
            awaited: self.threads,
            sum: ShardReport::default(),
        });
        self.effects.push_back(Effect::AskForReport { scope });
    }

    /// What this thread has to report. `sample` asks the kernel about a connection.
    pub fn shard_report(
        &self,
        scope: Scope,
        process: Process,
        now: Millis,
        mut sample: impl FnMut(ConnId) -> Option<Sample>,
    ) -> ShardReport {
        let mut part = ShardReport {
            threads: 1,
            ledger: self.ledger.clone(),
            process,
            ..ShardReport::default()
        };
        for id in self.conns.ids() {
            let Some(conn) = self.conns.get(id) else {
                continue;
            };
            let sample = sample(id).unwrap_or_default();
            let settled = conn.settled.as_deref().copied().unwrap_or_default();
            if conn.state.name() == Name::Closed {
                // Counted among the closed ones already. What the kernel counts would be settled
                // when its socket is closed, at the end of this turn.
                let tcp = &mut part.ledger.account_mut(conn.payer).tcp;
                tcp.add_since(&settled, &sample);
                continue;
            }
            part.connections += 1;
            part.unread += conn.inbox.len() as u64;
            part.unfinished += conn.outbox.unfinished() as u64;
            if let Scope::Rows(rows) = scope
                && rows.open
            {
                part.add_row(self.row(id, conn, &sample, now), &rows);
            }
            let Some(kind) = conn.kind else {
                part.strangers += 1;
                continue;
            };
            part.ledger.account_mut(kind).tcp.add_since(&settled, &sample);
            let gauges = &mut part.gauges[kind as usize];
            gauges.open += 1;
            gauges.parked += u64::from(conn.state.name() == Name::Parked);
            gauges.user_bytes += (Conns::SLOT_BYTES + conn.heap_bytes()) as u64;
            gauges.kernel_bytes += u64::from(sample.kernel_bytes);
            gauges.rtt_us += u64::from(sample.rtt_us);
        }
        if let Scope::Rows(rows) = scope {
            for row in self.closed.iter().filter(|_| rows.closed) {
                part.add_row(row.clone(), &rows);
            }
            part.sort(&rows);
        }
        part
    }

    /// A thread has answered.
    pub(super) fn shard_report_came(&mut self, part: ShardReport, now: Millis) {
        let Some(pending) = &mut self.reports.current else {
            return;
        };
        pending.sum += part;
        pending.awaited -= 1;
        if pending.awaited > 0 {
            return;
        }
        let Some(mut pending) = self.reports.current.take() else {
            return;
        };
        if let Scope::Rows(rows) = pending.scope {
            pending.sum.sort(&rows);
        }
        // Written once, however many watch.
        let snapshot = LazyCell::new(|| report::costs(&pending.sum, now));
        for &id in &pending.readers {
            match self.conns.get(id).map(|conn| conn.state.name()) {
                Some(Name::Streaming | Name::Open) => self.show(id, &snapshot, now),
                Some(Name::Awaiting) => self.report(id, &pending.sum, now),
                _ => {} // Gone, or on its way.
            }
            self.settle(id, now);
        }
        self.begin_report();
    }

    /// The report that `id` asked for.
    fn report(&mut self, id: ConnId, sum: &ShardReport, now: Millis) {
        if let Some(Awaiting { reply, question: Awaited::Report(wanted) }) = self.asked(id, now) {
            let body = body(wanted, sum, now);
            self.say(id, &reply, Status::Ok, &super::answer::NO_STORE, body, now);
        }
    }

    /// The next snapshot for one who watches. Whoever does not keep up gets fewer.
    fn show(&mut self, id: ConnId, costs: &str, now: Millis) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.since = now;
        if conn.outbox.is_high() {
            return;
        }
        let mut out = Vec::with_capacity(costs.len() + 32);
        match &conn.state {
            State::Streaming(stream) => sse::snapshot(costs, stream.chunked, &mut out),
            _ => websocket::snapshot(costs, &mut out),
        }
        conn.push(Segment::own(out, Class::Body));
    }

    /// `id` wants a snapshot a second, and the first at once.
    pub(super) fn watch(
        &mut self,
        id: ConnId,
        reply: &ResponseContext,
        watch: &Watch,
        now: Millis,
    ) {
        if reply.head_only {
            return self.stream_head(id, reply, now);
        }
        let retry_ms = self.jitter(RETRY_MS_MIN, RETRY_MS_MAX);
        let chunked = !reply.http10;
        let (mut head, mut open) = (Vec::with_capacity(256), Vec::new());
        let (state, status) = match watch {
            Watch::Stream => {
                sse::greet(reply.streamed().head(Status::Ok, &self.date, &mut head), chunked);
                sse::retry(retry_ms, chunked, &mut open);
                let stream = Stream { subscription: no_subscription(), chunked, costs: true };
                (State::Streaming(stream), Status::Ok)
            }
            Watch::Socket(accept) => {
                let plain = crate::wire::handshake::Accept { deflate: None, ..*accept };
                websocket::greet(&plain, None, &[], &mut head);
                let socket = WebSocket {
                    subscription: no_subscription(),
                    assembler: Assembler::new(None),
                    deflate: None,
                    pinged: Millis::NEVER,
                    dialect: Dialect::Raw,
                    costs: true,
                    unanswered: Unanswered::default(),
                    uncommitted: 0,
                    failing: None,
                };
                (State::Open(socket), Status::SwitchingProtocols)
            }
        };
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.push(Segment::own(head, Class::Head));
        conn.push(Segment::own(open, Class::Framing));
        conn.shift(state, now);
        self.log_access(id, reply, status);
        self.await_report(id, Scope::Sums);
    }
}

/// The body of a report.
fn body(wanted: Report, sum: &ShardReport, now: Millis) -> Body {
    let (media_type, text) = match wanted {
        Report::Costs => (super::answer::JSON, report::costs(sum, now)),
        Report::Check => (super::answer::JSON, report::check(sum)),
        Report::Connections(_, page) => (super::answer::JSON, report::table(sum, page, now)),
        Report::Metrics => (report::PROMETHEUS_TYPE, report::prometheus(sum, now)),
    };
    Body::own(media_type, text)
}

/// What a report needs of every thread.
pub(super) fn scope_of(wanted: Report) -> Scope {
    match wanted {
        Report::Connections(rows, _) => Scope::Rows(rows),
        Report::Costs | Report::Check | Report::Metrics => Scope::Sums,
    }
}

/// A reader of no topic.
fn no_subscription() -> Subscription {
    Subscription { seats: Seats::Many(Box::default()), cursor: Seq(0), evictions_seen: 0 }
}
