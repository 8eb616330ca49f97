//! The lanes: ways of using a server, each measured by itself.
//!
//! Came from: `peers`, for each server and round. Goes to: `servers`, `work` and `polls`; and back,
//! as a [`Sample`]. Absent on purpose: comparing: `report`.

#![expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]

use std::thread;
use std::time::{Duration, Instant};

use tollway::client::quantiles::Quantiles;
use tollway::shell::clock;

use super::polls::{Churn, LongPolls, ShortPolls};
use super::process::ServerProcess;
use super::servers::Server;
use super::swarm::Swarm;
use super::work::{Echo, FanOut, Pace, Phase, Stream, Topics, Work, open_all};

pub(crate) struct Lane {
    /// As it is typed.
    pub(crate) name: &'static str,
    /// As the table has it.
    pub(crate) title: &'static str,
    pub(crate) threads: usize,
    /// Connections at once, at most.
    pub(crate) connections: u64,
    pub(crate) what: What,
}

/// What is measured.
pub(crate) enum What {
    /// CPU of an operation.
    Cpu(fn(&mut Swarm) -> Result<Box<dyn Work>, String>),
    /// The same, and the latency of each operation.
    Latency(fn(&mut Swarm) -> Result<Box<dyn Work>, String>),
    /// Memory of an idle connection of this kind.
    Idle(fn(&mut Swarm, usize) -> Result<(), String>),
    /// Memory without connections.
    Start,
}

/// What one server has come to in one lane and round.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(crate) struct Sample {
    pub(crate) operations: u64,
    /// Time on a processor of one of them.
    pub(crate) cpu_us: Option<f64>,
    /// Share of the time in which the server was on a processor; of two, up to 2.
    pub(crate) cores: Option<f64>,
    pub(crate) p50_us: Option<u64>,
    pub(crate) p99_us: Option<u64>,
    /// Of an idle connection, or of the whole process tree.
    pub(crate) bytes: Option<u64>,
}

impl Sample {
    pub(crate) fn in_a_line(&self) -> String {
        let Self { operations, cpu_us, cores, p50_us, p99_us, bytes } = self;
        let parts = [
            cpu_us.map(|us| format!("{us:.3} µs of CPU each, of {operations}")),
            cores.map(|cores| format!("{cores:.2} cores")),
            p50_us.zip(*p99_us).map(|(p50, p99)| format!("p50 {p50} µs, p99 {p99} µs")),
            bytes.map(|bytes| format!("{bytes} bytes")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

const fn lane(name: &'static str, title: &'static str, connections: u64, what: What) -> Lane {
    Lane { name, title, threads: 1, connections, what }
}

const SATURATED: Pace = Pace::Saturated(16);
const BURSTS: Pace = Pace::Bursts(50);
const FIFTY_A_SECOND: Pace = Pace::Every(20_000);
const IDLE: usize = 10_000;
/// How long they have been idle: a server may give back what it needed to open them.
const IDLE_FOR: Duration = Duration::from_secs(2);
/// Connections before the idle ones, which bring tables and scratch that all share.
const WARM_UP: usize = 16;

use What::{Cpu, Idle, Latency, Start};

pub(crate) const LANES: [Lane; 20] = [
    lane(
        "ws-1000",
        "WebSocket fan-out to 1,000, saturated",
        1_000,
        Cpu(|swarm| FanOut::gather(swarm, Stream::WebSocket, 1_000, SATURATED)),
    ),
    lane(
        "ws-10000",
        "WebSocket fan-out to 10,000, saturated",
        10_000,
        Cpu(|swarm| FanOut::gather(swarm, Stream::WebSocket, 10_000, SATURATED)),
    ),
    lane(
        "sse-1000",
        "SSE fan-out to 1,000, saturated",
        1_000,
        Cpu(|swarm| FanOut::gather(swarm, Stream::Sse, 1_000, SATURATED)),
    ),
    lane(
        "sse-10000",
        "SSE fan-out to 10,000, saturated",
        10_000,
        Cpu(|swarm| FanOut::gather(swarm, Stream::Sse, 10_000, SATURATED)),
    ),
    lane(
        "ws-bursts",
        "WebSocket bursts: 50 messages at once to 100",
        100,
        Cpu(|swarm| FanOut::gather(swarm, Stream::WebSocket, 100, BURSTS)),
    ),
    lane(
        "sse-bursts",
        "SSE bursts: 50 messages at once to 100",
        100,
        Cpu(|swarm| FanOut::gather(swarm, Stream::Sse, 100, BURSTS)),
    ),
    lane(
        "long-polls",
        "long-poll fan-out to 1,000",
        1_000,
        Cpu(|swarm| LongPolls::gather(swarm, 1_000)),
    ),
    lane(
        "topics",
        "10,000 topics, one WebSocket each",
        10_000,
        Cpu(|swarm| Topics::gather(swarm, 10_000)),
    ),
    lane("echo", "WebSocket echo, 100 sockets", 100, Latency(|swarm| Echo::gather(swarm, 100))),
    lane(
        "polls",
        "short poll with an answer, kept alive",
        16,
        Latency(|swarm| ShortPolls::gather(swarm, true)),
    ),
    lane(
        "empty-polls",
        "short poll without an answer, kept alive",
        16,
        Latency(|swarm| ShortPolls::gather(swarm, false)),
    ),
    lane("new-polls", "short poll, a new connection each", 16, Cpu(Churn::of_polls)),
    lane(
        "new-ws",
        "WebSocket: connect, subscribe, close",
        16,
        Cpu(|swarm| Ok(Churn::of_websockets(swarm))),
    ),
    lane(
        "ws-rate",
        "50 messages a second to 1,000 WebSockets",
        1_000,
        Latency(|swarm| FanOut::gather(swarm, Stream::WebSocket, 1_000, FIFTY_A_SECOND)),
    ),
    Lane {
        threads: 2,
        ..lane(
            "echo-2",
            "WebSocket echo, 100 sockets, two threads",
            100,
            Latency(|swarm| Echo::gather(swarm, 100)),
        )
    },
    Lane {
        threads: 2,
        ..lane(
            "polls-2",
            "short poll with an answer, two threads",
            16,
            Latency(|swarm| ShortPolls::gather(swarm, true)),
        )
    },
    lane(
        "idle-ws",
        "bytes of an idle WebSocket",
        10_000,
        Idle(|swarm, count| open_all(swarm, Stream::WebSocket, count, |_| 0).map(drop)),
    ),
    lane(
        "idle-sse",
        "bytes of an idle event stream",
        10_000,
        Idle(|swarm, count| open_all(swarm, Stream::Sse, count, |_| 0).map(drop)),
    ),
    lane("idle-long-polls", "bytes of a withheld long poll", 10_000, Idle(LongPolls::park)),
    lane("start", "MiB without connections", 0, Start),
];

impl Lane {
    /// Why this server has no part in it.
    pub(crate) const fn without(&self, server: Server) -> Option<&'static str> {
        if self.threads > 1 { server.one_thread_only() } else { None }
    }

    pub(crate) const fn measures_memory(&self) -> bool {
        matches!(self.what, Idle(_) | Start)
    }

    pub(crate) const fn measures_latency(&self) -> bool {
        matches!(self.what, Latency(_))
    }

    /// Starts the server, measures, and ends it.
    pub(crate) fn measure(&self, server: Server) -> Result<Sample, String> {
        let cores = match self.threads {
            1 => "0".to_owned(),
            threads => format!("0-{}", threads - 1),
        };
        let (process, port) = server.start(self.threads, &cores)?;
        let mut swarm = Swarm::new(server.dialect(), port);
        let sample = match self.what {
            Cpu(gather) => self.work(&process, &mut swarm, gather),
            Latency(gather) => self.work(&process, &mut swarm, gather),
            Idle(open) => idle(&process, &mut swarm, open),
            Start => process
                .settle()
                .map(|()| Sample { bytes: Some(process.resident_bytes()), ..Sample::default() }),
        };
        // First the server: it has nothing to do with the end of all connections.
        drop(process);
        sample
    }

    fn work(
        &self,
        process: &ServerProcess,
        swarm: &mut Swarm,
        gather: fn(&mut Swarm) -> Result<Box<dyn Work>, String>,
    ) -> Result<Sample, String> {
        let mut work = gather(swarm)?;
        process.settle()?;
        // Tables grow, and what is compiled while it runs gets its best form.
        swarm.begin();
        work.run(swarm, phase(WARM_UP_US))?;
        process.settle()?;
        let (cpu, began) = (process.cpu(), Instant::now());
        swarm.begin();
        let done = work.run(swarm, phase(MEASURED_US))?;
        let elapsed = began.elapsed();
        thread::sleep(REST);
        let cpu = process.cpu().saturating_sub(cpu);
        if done.operations == 0 {
            return Err("nothing was done".to_owned());
        }
        let latencies = Quantiles::of(done.latencies_us);
        Ok(Sample {
            operations: done.operations,
            cpu_us: Some(cpu.as_secs_f64() * 1e6 / done.operations as f64),
            cores: Some(cpu.as_secs_f64() / elapsed.as_secs_f64()),
            p50_us: self.measures_latency().then_some(latencies.p50),
            p99_us: self.measures_latency().then_some(latencies.p99),
            bytes: None,
        })
    }
}

fn phase(length_us: u64) -> Phase {
    Phase { until_us: clock::shared_us() + length_us, most: OPERATIONS_MAX }
}

fn idle(
    process: &ServerProcess,
    swarm: &mut Swarm,
    open: fn(&mut Swarm, usize) -> Result<(), String>,
) -> Result<Sample, String> {
    open(swarm, WARM_UP)?;
    process.settle()?;
    let before = process.resident_bytes();
    open(swarm, IDLE)?;
    thread::sleep(IDLE_FOR);
    process.settle()?;
    let grown = process.resident_bytes().saturating_sub(before);
    let bytes = Some(grown / IDLE as u64);
    Ok(Sample { operations: IDLE as u64, bytes, ..Sample::default() })
}

const WARM_UP_US: u64 = 2_000_000;
const MEASURED_US: u64 = 2_000_000;
/// Latencies are kept, one by one.
const OPERATIONS_MAX: u64 = 20_000_000;
/// What the server does behind the last answer is in its time too.
const REST: Duration = Duration::from_millis(20);
