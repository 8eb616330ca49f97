//! The flags of `tollway bench`, read, checked and explained.
//!
//! Came from: `main`, with the arguments after `bench`. Goes to: `mod`, as [`BenchOptions`] whose
//! values fit together. Absent on purpose: what a server knows better, such as how large a message
//! may be there.

mod values;

use std::ffi::OsString;

use clap::{Args, Command, CommandFactory, Parser};

use self::values::{in_range, rate, size};
use super::schedule::Schedule;
use super::workload::Workload;
use crate::config::{NoConfig, Size, Span, whole};
use crate::remote::address::ServerAddress;
use crate::remote::flags::{RemoteFlags, parse, technique_of, via};
use crate::remote::spelling::wait_s;
use crate::technique::Technique;

/// What is to be measured, and how it is to be shown.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// What is done.
    pub workload: Workload,
    /// By which techniques, one after the other; at least one.
    pub techniques: Vec<Technique>,
    /// Readers, at least one.
    pub readers: usize,
    /// Topics, at least one and not more than readers.
    pub topics: usize,
    /// Which message is due when.
    pub schedule: Schedule,
    /// Without a rate: messages of a topic that are in flight at once.
    pub in_flight: usize,
    /// Bytes of each message.
    pub size: usize,
    /// Connections that publish.
    pub publishers: usize,
    /// Between two short polls of a reader, in milliseconds; 0 is at once.
    pub interval_ms: u64,
    /// Whether each short poll has a new connection.
    pub new_connections: bool,
    /// Seconds that a long poll may be withheld.
    pub wait_s: u64,
    /// Whether WebSockets speak `tollway.v1`; otherwise raw.
    pub v1: bool,
    /// The server.
    pub server: ServerAddress,
    /// How long it may say nothing, in milliseconds.
    pub patience_ms: u64,
    /// The server's process on this machine.
    pub pid: Option<u32>,
    /// One JSON object; otherwise text.
    pub json: bool,
}

#[derive(Debug, Parser)]
#[command(
    name = "tollway bench",
    bin_name = "tollway bench",
    about = "Put load on a running server, check every message, and show rate, latency, CPU and \
             memory",
    long_about = None,
    override_usage = "tollway bench [WORKLOAD] [FLAGS]",
    after_help = "Every reader checks that it gets each message once, in order, with every byte; \
                  if one does not, the exit code is 1. Latency is from the moment when a message \
                  was to be sent, however late it was. The first Ctrl-C ends the load and shows \
                  what was measured.\n\n\
                  Sizes: 64KiB, or plain bytes. Durations: 500ms, 15s, 2m.",
    disable_help_subcommand = true,
    disable_version_flag = true,
    max_term_width = 100
)]
struct BenchFlags {
    #[arg(value_name = "WORKLOAD", default_value = "fan-out")]
    #[arg(help = "fan-out: few publish, all read. echo: each has a topic of its own, and reads \
                  what it publishes. idle: all read, and nothing is published until the end. \
                  churn: readers leave and come back, and nothing is published until the end")]
    workload: String,
    #[command(flatten)]
    load: BenchLoadFlags,
    #[command(flatten)]
    reading: BenchReadingFlags,
    #[command(flatten)]
    remote: RemoteFlags,
    /// The server's process on this machine: tells its CPU and memory
    #[arg(long, value_name = "PID", help_heading = "Server", value_parser = whole::<u32>)]
    pid: Option<u32>,
    /// Print one JSON object
    #[arg(long, help_heading = "Output")]
    json: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
struct BenchLoadFlags {
    /// Readers
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = whole::<usize>)]
    readers: usize,
    /// Topics, the readers spread over them [default: 1; of echo, as many as readers]
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    topics: Option<usize>,
    /// Messages a second, of all topics together, or reconnects of churn; max: as many as the
    /// server takes [default: 50; of echo and churn, max]
    #[arg(long, value_name = "PER_SECOND|max", allow_negative_numbers = true)]
    rate: Option<String>,
    /// Messages that come at the same moment, on one topic after the other
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    burst: Option<u64>,
    /// With --rate max: messages of each topic that not all of its readers have yet, by POST at
    /// most 64 without an answer for each of --publishers [default: 16, spread over the topics; of
    /// echo 1]
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    in_flight: Option<usize>,
    /// Bytes of each message
    #[arg(long, default_value_t = Size(128))]
    size: Size,
    /// How long
    #[arg(long = "for", value_name = "DURATION", default_value_t = Span(10_000))]
    length: Span,
    /// End after so many messages, or reconnects of churn, instead of --for
    #[arg(long, short = 'n', value_name = "N", conflicts_with = "length")]
    #[arg(value_parser = whole::<u64>)]
    count: Option<u64>,
    /// Connections that publish, by POST, the topics spread over them [default: 1]
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    publishers: Option<usize>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Reading")]
struct BenchReadingFlags {
    /// By what to read: ws, sse, long-poll, poll; several run one after the other
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "ws")]
    via: Vec<String>,
    /// WebSockets speak tollway.v1, not raw
    #[arg(long)]
    v1: bool,
    /// Between two short polls of a reader; 0s: again at once [default: 1s]
    #[arg(long, value_name = "DURATION")]
    interval: Option<Span>,
    /// Each short poll has a new connection
    #[arg(long)]
    new_connections: bool,
    /// How long a long poll may be withheld [default: 25s]
    #[arg(long, value_name = "DURATION")]
    wait: Option<Span>,
}

/// The command line of `tollway bench`.
#[must_use]
pub fn command() -> Command {
    BenchFlags::command()
}

impl BenchOptions {
    /// Reads the arguments, the command's name first, and the environment.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, NoConfig> {
        parse::<BenchFlags>(arguments, "tollway bench --help")?
            .into_options()
            .map_err(NoConfig::Wrong)
    }

    /// Whether readers publish by their own sockets: an echo by WebSocket.
    pub fn publishes_by_reader(&self, technique: Technique) -> bool {
        self.workload == Workload::Echo && technique == Technique::WebSocket
    }

    /// Descriptors that a run needs: a reader or a publisher is one, and there are a few beside.
    pub fn descriptors(&self) -> u64 {
        self.readers as u64 + self.publishers as u64 + DESCRIPTORS_BESIDE
    }
}

impl BenchFlags {
    fn into_options(self) -> Result<BenchOptions, String> {
        let Self { workload, load, reading, remote, pid, json } = self;
        let workload = Workload::named(&workload)?;
        workload.takes(&[
            ("--topics", load.topics.is_some()),
            ("--rate", load.rate.is_some()),
            ("--burst", load.burst.is_some()),
            ("--in-flight", load.in_flight.is_some()),
            ("--count", load.count.is_some()),
            ("--v1", reading.v1),
        ])?;
        in_range("--readers", load.readers as u64, READERS_MAX)?;
        let techniques = techniques(&reading.via)?;
        if workload == Workload::Churn && techniques.contains(&Technique::ShortPoll) {
            return Err("--via poll has nothing to do with churn: a short poll leaves with its \
                        answer; try fan-out --via poll --new-connections"
                .to_owned());
        }
        reading.takes(&techniques)?;
        let topics = load.topics(workload)?;
        let by_post =
            workload != Workload::Echo || techniques.iter().any(|&by| by != Technique::WebSocket);
        let schedule = load.schedule(workload)?;
        Ok(BenchOptions {
            workload,
            techniques,
            publishers: load.publishers(workload, by_post, topics)?,
            readers: load.readers,
            topics,
            in_flight: load.in_flight(workload, topics, schedule.rate)?,
            schedule,
            size: size(load.size)?,
            interval_ms: reading.interval_ms()?,
            new_connections: reading.new_connections,
            wait_s: reading.wait.map_or(Ok(WAIT_S), wait_s)?,
            v1: reading.v1,
            patience_ms: remote.patience_ms()?,
            server: remote.server()?,
            pid,
            json,
        })
    }
}

impl BenchReadingFlags {
    /// Whether flags that were given say something about one of these techniques.
    fn takes(&self, techniques: &[Technique]) -> Result<(), String> {
        for (flag, is_given, technique, why) in [
            ("--interval", self.interval.is_some(), Technique::ShortPoll, "only poll has one"),
            (
                "--new-connections",
                self.new_connections,
                Technique::ShortPoll,
                "only poll opens them",
            ),
            ("--wait", self.wait.is_some(), Technique::LongPoll, "only long-poll waits"),
            ("--v1", self.v1, Technique::WebSocket, "only ws speaks it"),
        ] {
            if is_given && !techniques.contains(&technique) {
                let given: Vec<_> = techniques.iter().map(|technique| via(*technique)).collect();
                return Err(format!(
                    "{flag} has no effect on {}: {why}; leave it out, or add {} to --via",
                    given.join(","),
                    via(technique)
                ));
            }
        }
        Ok(())
    }

    fn interval_ms(&self) -> Result<u64, String> {
        let interval = self.interval.unwrap_or(Span(1_000));
        if interval.0 <= SPAN_MS_MAX {
            return Ok(interval.0);
        }
        Err(format!("--interval {interval} is too long; give 1h or less"))
    }
}

impl BenchLoadFlags {
    fn topics(&self, workload: Workload) -> Result<usize, String> {
        let topics =
            self.topics.unwrap_or(if workload == Workload::Echo { self.readers } else { 1 });
        if topics == 0 || topics > self.readers {
            return Err(format!(
                "--topics {topics} for --readers {}: each topic needs a reader; give 1 to {0}",
                self.readers
            ));
        }
        Ok(topics)
    }

    fn publishers(
        &self,
        workload: Workload,
        by_post: bool,
        topics: usize,
    ) -> Result<usize, String> {
        let publishers = self.publishers.unwrap_or(1);
        in_range("--publishers", publishers as u64, PUBLISHERS_MAX)?;
        if self.publishers.is_some() && !by_post {
            return Err("--publishers has no effect on echo by ws: each reader publishes by its \
                        own socket; leave it out, or add sse, long-poll or poll to --via"
                .to_owned());
        }
        if publishers > topics {
            let more = if workload == Workload::Echo { "--readers" } else { "--topics" };
            return Err(format!(
                "--publishers {publishers} for {more} {topics}: a topic has one publisher, \
                 which keeps its messages in order; give at most {topics}, or more {more}"
            ));
        }
        Ok(publishers)
    }

    fn schedule(&self, workload: Workload) -> Result<Schedule, String> {
        let default =
            if matches!(workload, Workload::Echo | Workload::Churn) { "max" } else { "50" };
        let rate = match workload {
            Workload::Idle => None,
            _ => rate(self.rate.as_deref().unwrap_or(default))?,
        };
        let burst = self.burst.unwrap_or(1);
        in_range("--burst", burst, BURST_MAX)?;
        if let Some(count) = self.count {
            in_range("--count", count, COUNT_MAX)?;
        }
        if self.length.0 == 0 || self.length.0 > SPAN_MS_MAX {
            return Err(format!("--for {} is not between 1ms and 1h; try 10s", self.length));
        }
        let length_us = self.length.0 * 1000;
        let by_time = self.count.is_none();
        Ok(Schedule { rate, burst, count: self.count, length_us: by_time.then_some(length_us) })
    }

    fn in_flight(
        &self,
        workload: Workload,
        topics: usize,
        rate: Option<f64>,
    ) -> Result<usize, String> {
        let spread = match workload {
            Workload::Echo | Workload::Idle | Workload::Churn => 1,
            Workload::FanOut => (IN_FLIGHT / topics).max(1),
        };
        // Exact: both are bounded.
        let of_burst = self.burst.map(|burst| burst as usize);
        let in_flight = self.in_flight.or(of_burst).unwrap_or(spread);
        in_range("--in-flight", in_flight as u64, IN_FLIGHT_MAX)?;
        if let (Some(_), Some(rate)) = (self.in_flight, rate) {
            return Err(format!(
                "--in-flight has no effect with a rate of {rate}: what is due is sent; leave it \
                 out, or give --rate max"
            ));
        }
        if let (Some(_), Some(burst)) = (self.in_flight, self.burst) {
            return Err(format!(
                "--in-flight has no effect with --burst {burst}: a burst is in flight as a whole; \
                 leave one of them out"
            ));
        }
        Ok(in_flight)
    }
}

fn techniques(names: &[String]) -> Result<Vec<Technique>, String> {
    let mut chosen = Vec::new();
    for name in names {
        let technique = technique_of(name)?;
        if !chosen.contains(&technique) {
            chosen.push(technique);
        }
    }
    Ok(chosen)
}

/// Ports of one address to one server end at 65,535.
const READERS_MAX: u64 = 60_000;
const PUBLISHERS_MAX: u64 = 1_000;
/// Seconds that a long poll may be withheld, unless it is said.
const WAIT_S: u64 = 25;
const BURST_MAX: u64 = 10_000;
const IN_FLIGHT: usize = 16;
const IN_FLIGHT_MAX: u64 = 10_000;
/// A message's number has ten digits.
const COUNT_MAX: u64 = 1_000_000_000;
const SPAN_MS_MAX: u64 = 60 * 60 * 1000;
/// Standard streams, `epoll`, timer, signals, and what a process opens for a moment.
const DESCRIPTORS_BESIDE: u64 = 20;

#[cfg(test)]
mod tests;
