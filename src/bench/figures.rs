//! What was measured: the figures of a run, as `--json` has them.
//!
//! Came from: `load`, with what was counted. Goes to: `table`, and to standard output. Absent on
//! purpose: judging them, but for one thing: whether every message came as it has to.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "figures are counts and bytes far below 2^53, and are shown in a few digits"
)]

mod spread;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

pub use self::spread::Spread;
use super::check::Faults;
use super::flags::BenchOptions;
use super::messages::Counts;
use super::readers::ReaderCounts;
use crate::remote::flags::via;
use crate::shell::other_process::{self, ProcessSample};
use crate::shell::{clock, sys};
use crate::technique::Technique;

/// All that a call of `tollway bench` has measured.
#[derive(Clone, Debug, Serialize)]
pub struct BenchReport {
    /// Of this program.
    pub version: &'static str,
    /// The server.
    pub url: String,
    /// What was done.
    pub workload: &'static str,
    /// How many read.
    pub readers: usize,
    /// How many topics.
    pub topics: usize,
    /// Bytes of each message.
    pub size: usize,
    /// Messages a second; `null`: as many as were taken, or idle.
    pub rate: Option<f64>,
    /// Messages at the same moment.
    pub burst: u64,
    /// Messages of a topic in flight, when there is no rate; `null` when idle.
    pub in_flight: Option<usize>,
    /// Connections that published by POST; 0 when readers published by their own sockets.
    pub publishers: usize,
    /// A run for each technique, in their order.
    pub runs: Vec<BenchRun>,
}

/// One technique.
#[derive(Clone, Debug, Serialize)]
pub struct BenchRun {
    /// As `--via` names it.
    pub via: &'static str,
    /// Why it ended.
    pub ended: Ended,
    /// Until all readers had subscribed.
    pub connect_seconds: f64,
    /// From the first message that was due to the last that came.
    pub seconds: f64,
    /// Connections that readers opened.
    pub connections: u64,
    /// Requests that readers sent.
    pub requests: u64,
    /// Messages that were taken in.
    pub published: u64,
    /// Messages that were taken in, a second.
    pub published_per_second: f64,
    /// Publishes that were refused, by status.
    pub refused: BTreeMap<u16, u64>,
    /// What the first refusal said.
    pub refusal: Option<String>,
    /// Publishes that were sent and never answered.
    pub unanswered: u64,
    /// Messages of the schedule that were due and not sent.
    pub unsent: u64,
    /// Messages that came in their place, whole: of all readers together.
    pub delivered: u64,
    /// The same, a second.
    pub delivered_per_second: f64,
    /// Messages taken in, times their readers; without what was still to come at a signal.
    pub expected: u64,
    /// What went wrong with messages.
    pub faults: Faults,
    /// Readers whose connection broke, or whose server broke a standard.
    pub readers_lost: u64,
    /// The first few of either, in words, and the first publisher that failed.
    pub complaints: Vec<String>,
    /// From the moment when a message was to be sent until a reader had it.
    pub latency_us: Spread,
    /// From the moment when a message was to be sent until this program sent it: part of the above.
    pub late_us: Spread,
    /// Times that a reader left and came back, of churn.
    pub reconnects: u64,
    /// The same, a second.
    pub reconnects_per_second: f64,
    /// From the moment when a reader was to leave until it had subscribed again.
    pub reconnect_us: Spread,
    /// The server's process, when `--pid` names it.
    pub server: Option<ServerFigures>,
    /// Cores that this program took: from 0.9 on, it is what limits the rate.
    pub own_cores: f64,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All that was asked for is done.
    Done,
    /// By a signal.
    Signal(i32),
    /// Nothing came any more for as long as `--patience` says.
    Stalled,
    /// All readers, or the publishers, were lost.
    Lost,
}

impl Serialize for Ended {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Done => "done",
            Self::Signal(_) => "signal",
            Self::Stalled => "stalled",
            Self::Lost => "lost",
        })
    }
}

/// What the server's process took.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServerFigures {
    /// Which process.
    pub pid: u32,
    /// CPU time in user space, to 10 ms, from the first message that was due to the last that came;
    /// of idle readers, while nothing was published.
    pub cpu_user_us: u64,
    /// The same in the kernel.
    pub cpu_system_us: u64,
    /// Cores that it took.
    pub cores: f64,
    /// CPU time divided by deliveries; `null` when there are none, of idle readers, and when there
    /// is too little of it to tell.
    pub cpu_us_per_delivery: Option<f64>,
    /// CPU time divided by the readers' requests; `null` but of polls, and as above.
    pub cpu_us_per_request: Option<f64>,
    /// CPU time divided by reconnects; `null` but of churn, and when there is too little of it.
    pub cpu_us_per_reconnect: Option<f64>,
    /// Memory before the first connection.
    pub before: Memory,
    /// Memory when all have subscribed.
    pub subscribed: Memory,
    /// Memory after the last message.
    pub after: Memory,
    /// What a reader takes of `anonymous` when it has subscribed.
    pub bytes_per_reader: f64,
    /// The same after the last message, with what the server retains of them.
    pub bytes_per_reader_after: f64,
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// All that is in memory, the program itself too (`VmRSS`).
    pub resident: u64,
    /// Heap and stacks (`RssAnon`).
    pub anonymous: u64,
}

/// A moment of a run.
#[derive(Clone, Copy, Debug)]
pub struct RunMoment {
    us: u64,
    own_cpu_us: u64,
    server: Option<ProcessSample>,
}

/// What a run is made of.
pub struct RunParts<'m> {
    /// What was asked for.
    pub options: &'m BenchOptions,
    /// By which the readers read.
    pub technique: Technique,
    /// Why it ended.
    pub ended: Ended,
    /// Until all had subscribed.
    pub connect_us: u64,
    /// From the first message on; of idle readers and of churn, from when all had subscribed.
    pub elapsed_us: u64,
    /// Of the messages.
    pub counts: &'m Counts,
    /// Of the readers.
    pub readers: &'m ReaderCounts,
    /// Requests of the readers until all had subscribed.
    pub requests_before: u64,
    /// Of all accounts.
    pub faults: Faults,
    /// Messages of the schedule that were not sent.
    pub unsent: u64,
    /// What the first refusal said.
    pub refusal: Option<String>,
    /// Before the first connection, when all have subscribed, at the end; of idle readers and of
    /// churn, also before the message at the end.
    pub moments: &'m [RunMoment],
}

/// What CPU time is divided by; 0 where it says nothing.
#[derive(Clone, Copy, Debug)]
struct Operations {
    deliveries: u64,
    requests: u64,
    reconnects: u64,
}

impl BenchReport {
    /// Of runs.
    pub fn of(options: &BenchOptions, runs: Vec<BenchRun>) -> Self {
        let endpoint = &options.server.endpoint;
        let scheme = if options.server.trust.is_some() { "https" } else { "http" };
        let (has_no_rate, is_silent) =
            (options.schedule.rate.is_none(), options.workload.is_silent());
        let by_reader = |technique: &Technique| options.publishes_by_reader(*technique);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            url: format!("{scheme}://{}{}", endpoint.host, endpoint.prefix),
            workload: options.workload.name(),
            readers: options.readers,
            topics: options.topics,
            size: options.size,
            rate: options.schedule.rate,
            burst: options.schedule.burst,
            in_flight: (has_no_rate && !is_silent).then_some(options.in_flight),
            publishers: if options.techniques.iter().all(by_reader) {
                0
            } else {
                options.publishers
            },
            runs,
        }
    }
}

impl BenchRun {
    /// Of what was counted.
    pub fn of(measured: RunParts) -> Self {
        let RunParts { options, technique, counts, readers, moments, .. } = measured;
        let seconds = measured.elapsed_us.max(1) as f64 / 1e6;
        let requests = readers.requests - measured.requests_before;
        let polls = matches!(technique, Technique::ShortPoll | Technique::LongPoll);
        let own_us = moments.last().zip(moments.get(1)).map_or(0.0, |(last, first)| {
            (last.own_cpu_us - first.own_cpu_us) as f64 / (last.us - first.us).max(1) as f64
        });
        Self {
            via: via(technique),
            ended: measured.ended,
            connect_seconds: measured.connect_us as f64 / 1e6,
            seconds,
            connections: readers.connections,
            requests,
            published: counts.accepted,
            published_per_second: counts.accepted as f64 / seconds,
            refused: counts.refused.clone(),
            refusal: measured.refusal,
            unanswered: counts.unanswered,
            unsent: measured.unsent,
            delivered: counts.delivered,
            delivered_per_second: counts.delivered as f64 / seconds,
            expected: counts.expected,
            faults: measured.faults,
            readers_lost: readers.lost,
            complaints: readers.complaints.clone(),
            latency_us: Spread::of(&counts.latency_us),
            late_us: Spread::of(&counts.late_us),
            reconnects: readers.reconnects,
            reconnects_per_second: readers.reconnects as f64 / silence_seconds(moments),
            reconnect_us: readers.reconnect_us.as_ref().map_or_else(Spread::default, Spread::of),
            server: options.pid.and_then(|pid| {
                let is_silent = options.workload.is_silent();
                let done = Operations {
                    deliveries: if is_silent { 0 } else { counts.delivered },
                    requests: if is_silent || !polls { 0 } else { requests },
                    reconnects: readers.reconnects,
                };
                ServerFigures::of(pid, moments, options.readers, done)
            }),
            own_cores: own_us,
        }
    }

    /// Whether messages were taken in, and every reader got every one, once, in order, whole. A run
    /// that a signal has cut off need not have taken in any.
    pub fn is_good(&self) -> bool {
        let is_taken_in = self.published > 0 && self.unanswered == 0;
        let is_over = self.is_cut() || (self.ended == Ended::Done && is_taken_in);
        is_over && self.faults.total() == 0 && self.readers_lost == 0
    }

    /// Whether a signal has ended it.
    pub const fn is_cut(&self) -> bool {
        matches!(self.ended, Ended::Signal(_))
    }
}

impl ServerFigures {
    /// `None`: the process has ended meanwhile, or another has its number now, whose CPU time says
    /// nothing.
    fn of(pid: u32, moments: &[RunMoment], readers: usize, done: Operations) -> Option<Self> {
        let (before, began) = (moments.first()?.server?, moments.get(1)?);
        // Of idle readers and of churn, CPU time ends with the silence.
        let (ended, after) = (moments.get(2)?, moments.last()?.server?);
        let us = (ended.us - began.us).max(1) as f64;
        let (subscribed, ended) = (began.server?, ended.server?);
        let cpu_user_us = ended.cpu_user_us.checked_sub(subscribed.cpu_user_us)?;
        let cpu_system_us = ended.cpu_system_us.checked_sub(subscribed.cpu_system_us)?;
        let cpu_us = (cpu_user_us + cpu_system_us) as f64;
        let is_enough = cpu_user_us + cpu_system_us >= CPU_US_MIN;
        let per = |count: u64| (count > 0 && is_enough).then(|| cpu_us / count as f64);
        let grown = |later: ProcessSample| {
            (later.anonymous as i64 - before.anonymous as i64) as f64 / readers as f64
        };
        Some(Self {
            pid,
            cpu_user_us,
            cpu_system_us,
            cores: cpu_us / us,
            cpu_us_per_delivery: per(done.deliveries),
            cpu_us_per_request: per(done.requests),
            cpu_us_per_reconnect: per(done.reconnects),
            before: Memory::of(before),
            subscribed: Memory::of(subscribed),
            after: Memory::of(after),
            bytes_per_reader: grown(subscribed),
            bytes_per_reader_after: grown(after),
        })
    }
}

/// From when all had subscribed until the message at the end, or until the end.
fn silence_seconds(moments: &[RunMoment]) -> f64 {
    let us = moments.get(2).zip(moments.get(1)).map_or(0, |(ended, began)| ended.us - began.us);
    us.max(1) as f64 / 1e6
}

impl Memory {
    const fn of(sample: ProcessSample) -> Self {
        Self { resident: sample.resident, anonymous: sample.anonymous }
    }
}

impl RunMoment {
    /// Looks at the clock, at this process, and at the server's.
    pub fn now(pid: Option<u32>) -> Self {
        let own = sys::process();
        Self {
            us: clock::shared_us(),
            own_cpu_us: own.cpu_user_us + own.cpu_system_us,
            server: pid.and_then(|pid| other_process::look(pid).ok()),
        }
    }
}

/// CPU time is told in ticks of 10 ms: a share of less than twenty of them is chance.
pub const CPU_US_MIN: u64 = 200_000;

#[cfg(test)]
mod tests;
