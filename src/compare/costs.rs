//! What a server says at `/-/costs`, read, and the difference of two such answers.
//!
//! Came from: `processes`, with the body. Goes to: `figures`. Absent on purpose: `shared` and
//! `publish`. A technique's share of what is shared is in its own row, and publishing costs the
//! same whoever reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The ledger of a server at one moment.
#[derive(Clone, Debug, Deserialize)]
pub struct Costs {
    /// Name and version.
    pub server: String,
    /// Event loops.
    pub threads: u64,
    /// A row for each technique, by name.
    pub techniques: BTreeMap<String, Row>,
    /// The process as the kernel sees it.
    pub process: Process,
}

/// What one technique has cost. Counters since the start, but for `open`, `memory` and `parked`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Connections by what became of them.
    pub connections: Connections,
    /// Request heads.
    pub requests: u64,
    /// Answers without a message.
    pub answers_empty: u64,
    /// Deliveries.
    pub messages: u64,
    /// Received by the server.
    pub bytes_in: Bytes,
    /// Sent by the server.
    pub bytes_out: Bytes,
    /// Of the server.
    pub syscalls: Syscalls,
    /// As the kernel counts it.
    pub tcp: Tcp,
    /// Held now.
    pub memory: Memory,
    /// Long polls that wait now.
    pub parked: u64,
    /// Publish → written. Beside the clients' own figures it has a name of its own.
    #[serde(rename(serialize = "latency_server"))]
    pub latency: Option<ServerLatency>,
}

/// Connections by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Connections {
    /// Came with this technique.
    pub opened: u64,
    /// Came over from another one.
    pub joined: u64,
    /// Went over to another one.
    pub left: u64,
    /// Are there now.
    pub open: u64,
    /// Ended, by reason and in total.
    pub closed: BTreeMap<String, u64>,
}

/// Bytes by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bytes<N = u64> {
    /// Request and response heads.
    pub head: N,
    /// Whatever dresses the data.
    pub framing: N,
    /// The data.
    pub payload: N,
    /// Pings, pongs, comments.
    pub heartbeat: N,
    /// Other bodies.
    pub body: N,
    /// All of them.
    pub total: N,
}

/// System calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Syscalls {
    /// `accept4`.
    pub accept: u64,
    /// On sockets.
    pub read: u64,
    /// On sockets.
    pub write: u64,
    /// Of these two, those that moved nothing.
    pub would_block: u64,
    /// `shutdown` and `close`.
    pub end: u64,
    /// The share of `epoll_wait`.
    pub wait: f64,
    /// All of them.
    pub total: f64,
}

/// The kernel's account of the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tcp {
    /// Connections that were set up.
    pub handshakes: u64,
    /// Received.
    pub segments_in: u64,
    /// Sent.
    pub segments_out: u64,
    /// Received.
    pub bytes_in: u64,
    /// Sent.
    pub bytes_out: u64,
    /// Segments sent again.
    pub retransmits: u64,
    /// Mean smoothed round trip of the open connections.
    pub rtt_us: f64,
}

/// Bytes held for open connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// In user space.
    pub user: u64,
    /// In the kernel's socket buffers.
    pub kernel: u64,
}

/// Publish → written, as the server counts it.
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

/// The server's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Resident memory in bytes.
    pub rss: u64,
    /// CPU time in user space.
    pub cpu_user_us: u64,
    /// CPU time in the kernel.
    pub cpu_system_us: u64,
}

impl Row {
    /// What was added after `before`. Of what is held now: what is held more.
    ///
    /// A histogram cannot be taken from another by its quantiles: unless `before` has none at all,
    /// `latency` is left out.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let fresh = before.latency.is_none_or(|latency| latency.count == 0);
        Self {
            connections: self.connections.since(&before.connections),
            requests: more(self.requests, before.requests),
            answers_empty: more(self.answers_empty, before.answers_empty),
            messages: more(self.messages, before.messages),
            bytes_in: self.bytes_in.since(&before.bytes_in),
            bytes_out: self.bytes_out.since(&before.bytes_out),
            syscalls: self.syscalls.since(&before.syscalls),
            tcp: self.tcp.since(&before.tcp),
            memory: Memory {
                user: more(self.memory.user, before.memory.user),
                kernel: more(self.memory.kernel, before.memory.kernel),
            },
            parked: more(self.parked, before.parked),
            latency: self.latency.filter(|_| fresh),
        }
    }
}

impl Connections {
    fn since(&self, before: &Self) -> Self {
        let ended = |(reason, &count): (&String, &u64)| {
            let earlier = before.closed.get(reason).copied().unwrap_or_default();
            let added = more(count, earlier);
            (added > 0 || reason == "total").then(|| (reason.clone(), added))
        };
        Self {
            opened: more(self.opened, before.opened),
            joined: more(self.joined, before.joined),
            left: more(self.left, before.left),
            open: more(self.open, before.open),
            closed: self.closed.iter().filter_map(ended).collect(),
        }
    }
}

impl Bytes {
    fn since(&self, before: &Self) -> Self {
        Self {
            head: more(self.head, before.head),
            framing: more(self.framing, before.framing),
            payload: more(self.payload, before.payload),
            heartbeat: more(self.heartbeat, before.heartbeat),
            body: more(self.body, before.body),
            total: more(self.total, before.total),
        }
    }

    /// Each class divided by `count`.
    pub fn per(&self, count: f64) -> Bytes<f64> {
        let per = |bytes: u64| bytes as f64 / count;
        Bytes {
            head: per(self.head),
            framing: per(self.framing),
            payload: per(self.payload),
            heartbeat: per(self.heartbeat),
            body: per(self.body),
            total: per(self.total),
        }
    }
}

impl<N: Copy> Bytes<N> {
    /// The classes by name, without their total.
    pub fn classes(&self) -> [(&'static str, N); 5] {
        [
            ("head", self.head),
            ("framing", self.framing),
            ("payload", self.payload),
            ("heartbeat", self.heartbeat),
            ("body", self.body),
        ]
    }
}

impl Syscalls {
    fn since(&self, before: &Self) -> Self {
        Self {
            accept: more(self.accept, before.accept),
            read: more(self.read, before.read),
            write: more(self.write, before.write),
            would_block: more(self.would_block, before.would_block),
            end: more(self.end, before.end),
            wait: (self.wait - before.wait).max(0.0),
            total: (self.total - before.total).max(0.0),
        }
    }
}

impl Tcp {
    fn since(&self, before: &Self) -> Self {
        Self {
            handshakes: more(self.handshakes, before.handshakes),
            segments_in: more(self.segments_in, before.segments_in),
            segments_out: more(self.segments_out, before.segments_out),
            bytes_in: more(self.bytes_in, before.bytes_in),
            bytes_out: more(self.bytes_out, before.bytes_out),
            retransmits: more(self.retransmits, before.retransmits),
            rtt_us: self.rtt_us,
        }
    }
}

/// Other users of a server may make a gauge fall in between.
const fn more(now: u64, before: u64) -> u64 {
    now.saturating_sub(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = include_str!("costs/example.json");

    #[test]
    fn the_answer_of_a_server_is_read_whole() {
        let costs: Costs = serde_json::from_str(TEXT).expect("the documented shape");
        let row = &costs.techniques["long_poll"];
        assert_eq!((row.requests, row.answers_empty, row.messages), (10, 4, 6));
        assert_eq!(row.connections.closed["idle"], 1);
        assert_eq!((costs.process.rss, costs.threads), (1000, 2));
    }

    #[test]
    fn the_difference_of_two_answers_is_what_happened_between_them() {
        let costs: Costs = serde_json::from_str(TEXT).expect("the documented shape");
        let before = &costs.techniques["long_poll"];
        let mut after = before.clone();
        after.requests += 5;
        after.bytes_out.head += 100;
        after.bytes_out.total += 100;
        after.syscalls.wait += 0.5;
        after.connections.closed.insert("peer_closed".into(), 2);
        let difference = after.since(before);
        assert_eq!((difference.requests, difference.messages), (5, 0));
        let per = difference.bytes_out.per(5.0);
        assert_eq!((per.head, difference.syscalls.wait), (20.0, 0.5));
        let closed: Vec<_> = difference.connections.closed.into_iter().collect();
        assert_eq!(closed, [("peer_closed".into(), 2), ("total".into(), 0)]);
        assert_eq!(difference.latency, None, "quantiles cannot be subtracted");
        assert!(after.since(&Row::default()).latency.is_some());
    }
}
