//! What `/-/costs` says, as one set of shapes for both ends: the server writes them, and
//! `tollway compare` reads them and takes one from another.
//!
//! Came from: `costs`, which fills them from the ledger. Goes to: JSON, and in `compare` back from
//! it. Absent on purpose: what the numbers mean; that stands at the counters of the ledger, which
//! are part of the shapes.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ledger::{
    AnswerCounts, Bytes, Calls, Class, ConnectionCounts, Payer, Process, SharedCalls, SharedCounts,
    StoreReport, Tcp,
};

/// The ledger of a server at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostsReport {
    /// Name and version.
    pub server: String,
    /// Since the start, in seconds.
    pub uptime_s: f64,
    /// Event loops.
    pub threads: u64,
    /// Connections that have not asked anything yet.
    pub strangers: u64,
    /// What was charged to each payer.
    pub techniques: Techniques,
    /// What was spent on all connections together.
    pub shared: SharedCosts,
    /// Requests and frames that wanted a right, by the code of their refusal.
    #[serde(default)]
    pub denied: BTreeMap<String, u64>,
    /// What the store was asked, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreReport>,
    /// The process as the kernel sees it.
    pub process: Process,
}

/// What was charged to each payer: an object with a member for each, by name. Invariant: one for
/// each of [`Payer::ALL`], in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Techniques(Vec<TechniqueCosts>);

impl Techniques {
    /// Asks `of` about every payer.
    pub fn of_each(of: impl FnMut(Payer) -> TechniqueCosts) -> Self {
        Self(Payer::ALL.into_iter().map(of).collect())
    }

    /// What was charged to the payer of this name.
    pub fn named(&self, name: &str) -> Option<&TechniqueCosts> {
        let at = Payer::ALL.iter().position(|payer| payer.name() == name)?;
        self.0.get(at)
    }
}

impl Serialize for Techniques {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Payer::ALL.iter().map(|payer| payer.name()).zip(&self.0))
    }
}

impl<'de> Deserialize<'de> for Techniques {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut rows = BTreeMap::<String, TechniqueCosts>::deserialize(deserializer)?;
        let row = |name| rows.remove(name).ok_or_else(|| D::Error::missing_field(name));
        Payer::ALL.map(Payer::name).into_iter().map(row).collect::<Result<_, _>>().map(Self)
    }
}

/// What one technique has cost, and what follows from that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TechniqueCosts {
    /// Numbers that can be subtracted.
    #[serde(flatten)]
    pub counts: TechniqueCounts,
    /// Commit → written.
    pub latency: ServerLatency,
    /// Divided by messages; `None` as long as there was none.
    pub per_message: Option<PerMessage>,
}

/// What one technique has cost. Counters since the start; only `open`, `rtt_us`, `memory`
/// and `parked` are the case now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TechniqueCounts {
    /// Connections by what became of them.
    pub connections: ConnectionCosts,
    /// Requests, answers and messages.
    #[serde(flatten)]
    pub answers: AnswerCounts,
    /// Received by the server.
    pub bytes_in: ByClass,
    /// Sent by the server.
    pub bytes_out: ByClass,
    /// Of the server.
    pub syscalls: CallCosts,
    /// As the kernel counts it.
    pub tcp: TcpCosts,
    /// Held now.
    pub memory: MemoryCosts,
    /// Long polls that wait now.
    pub parked: u64,
}

/// Connections by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectionCosts {
    /// How they came and went.
    #[serde(flatten)]
    pub counts: ConnectionCounts,
    /// Are there now.
    pub open: u64,
    /// Ended, by reason and in total.
    pub closed: BTreeMap<String, u64>,
}

/// Bytes by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ByClass<N = u64> {
    /// Request and response heads.
    pub head: N,
    /// What is put around the data.
    pub framing: N,
    /// The data.
    pub payload: N,
    /// Pings, pongs, comments.
    pub heartbeat: N,
    /// Other bodies.
    pub body: N,
    /// What TLS adds.
    pub tls: N,
    /// All of them.
    pub total: N,
}

/// System calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallCosts {
    /// Those made for one connection each.
    #[serde(flatten)]
    pub counts: Calls,
    /// The share of `epoll_wait`.
    pub wait: f64,
    /// All of them; what would block is among the reads and writes.
    pub total: f64,
}

/// The kernel's account of the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TcpCosts {
    /// Handshakes, segments and bytes.
    #[serde(flatten)]
    pub counts: Tcp,
    /// Mean smoothed round trip of the open connections, in microseconds.
    pub rtt_us: f64,
}

/// Bytes held for open connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryCosts {
    /// In user space.
    pub user: u64,
    /// In the kernel's socket buffers.
    pub kernel: u64,
}

/// Commit → written, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "quantiles in microseconds")]
pub struct ServerLatency {
    pub count: u64,
    pub mean_us: f64,
    pub p50_us: u64,
    pub p90_us: u64,
    pub p99_us: u64,
    pub max_us: u64,
}

/// Divided by messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PerMessage {
    /// Received by the server.
    pub bytes_in: f64,
    /// Sent by the server.
    pub bytes_out: f64,
    /// Both directions.
    pub segments: f64,
    /// The share of `epoll_wait` included.
    pub syscalls: f64,
    /// Handshakes and requests.
    pub round_trips: f64,
}

/// What was spent on all connections together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SharedCosts {
    /// System calls.
    pub syscalls: SharedCalls,
    /// Connections that no payer has.
    #[serde(flatten)]
    pub counts: SharedCounts,
}

impl TechniqueCounts {
    /// What was added after `before`. Of what is held now: what is held more.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            connections: self.connections.since(&before.connections),
            answers: self.answers.since(&before.answers),
            bytes_in: self.bytes_in.since(&before.bytes_in),
            bytes_out: self.bytes_out.since(&before.bytes_out),
            syscalls: CallCosts {
                counts: self.syscalls.counts.since(&before.syscalls.counts),
                wait: (self.syscalls.wait - before.syscalls.wait).max(0.0),
                total: (self.syscalls.total - before.syscalls.total).max(0.0),
            },
            tcp: TcpCosts {
                counts: self.tcp.counts.since(&before.tcp.counts),
                rtt_us: self.tcp.rtt_us,
            },
            memory: MemoryCosts {
                user: more(self.memory.user, before.memory.user),
                kernel: more(self.memory.kernel, before.memory.kernel),
            },
            parked: more(self.parked, before.parked),
        }
    }
}

impl ConnectionCosts {
    fn since(&self, before: &Self) -> Self {
        let ended = |(reason, &count): (&String, &u64)| {
            let earlier = before.closed.get(reason).copied().unwrap_or_default();
            let added = more(count, earlier);
            (added > 0 || reason == "total").then(|| (reason.clone(), added))
        };
        Self {
            counts: self.counts.since(&before.counts),
            open: more(self.open, before.open),
            closed: self.closed.iter().filter_map(ended).collect(),
        }
    }
}

impl<N: Copy> ByClass<N> {
    /// The classes by name, without their total.
    pub fn classes(&self) -> [(&'static str, N); Class::ALL.len()] {
        Class::ALL.map(|class| {
            let bytes = match class {
                Class::Head => self.head,
                Class::Framing => self.framing,
                Class::Payload => self.payload,
                Class::Heartbeat => self.heartbeat,
                Class::Body => self.body,
                Class::Tls => self.tls,
            };
            (class.name(), bytes)
        })
    }
}

impl ByClass {
    fn since(&self, before: &Self) -> Self {
        Self {
            head: more(self.head, before.head),
            framing: more(self.framing, before.framing),
            payload: more(self.payload, before.payload),
            heartbeat: more(self.heartbeat, before.heartbeat),
            body: more(self.body, before.body),
            tls: more(self.tls, before.tls),
            total: more(self.total, before.total),
        }
    }

    /// Each class divided by `count`.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    pub fn per(&self, count: f64) -> ByClass<f64> {
        let per = |bytes: u64| bytes as f64 / count;
        ByClass {
            head: per(self.head),
            framing: per(self.framing),
            payload: per(self.payload),
            heartbeat: per(self.heartbeat),
            body: per(self.body),
            tls: per(self.tls),
            total: per(self.total),
        }
    }
}

impl From<&Bytes> for ByClass {
    fn from(bytes: &Bytes) -> Self {
        Self {
            head: bytes.of(Class::Head),
            framing: bytes.of(Class::Framing),
            payload: bytes.of(Class::Payload),
            heartbeat: bytes.of(Class::Heartbeat),
            body: bytes.of(Class::Body),
            tls: bytes.of(Class::Tls),
            total: bytes.total(),
        }
    }
}

/// Other users of a server may make a gauge fall in between.
const fn more(now: u64, before: u64) -> u64 {
    now.saturating_sub(before)
}
