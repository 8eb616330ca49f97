//! A comparison as it might come out, with figures that are easy to divide.
//!
//! Came from: the tests of everyone who shows figures. Goes to: the same. Absent on purpose: sense.

use super::*;
use crate::ledger::report::shapes::{CallCosts, ConnectionCosts, MemoryCosts, TcpCosts};
use crate::ledger::{AnswerCounts, ConnectionCounts, Tcp};

/// Two variants: the first has ten times the bytes and five times the CPU of the second.
pub(in crate::compare) fn comparison() -> Comparison {
    let setup = RunSetup {
        server: "tollway/0.1.0".into(),
        threads: 1,
        url: None,
        clients: 10,
        messages: 10,
        rate: 2.0,
        size: 100,
        rtt_ms: 0,
        tls: None,
        notes: vec!["A note.".into()],
    };
    Comparison {
        setup,
        techniques: vec![
            figures(Technique::ShortPoll, "1s keep-alive", 10, 20, 500, None),
            figures(Technique::WebSocket, "raw", 1, 4, 1, None),
        ],
    }
}

/// The same by TLS: 2,000 bytes of it in each direction, or ten times that, ten handshakes in full
/// and two that were resumed.
pub(in crate::compare) fn secured(version: &'static str) -> Comparison {
    let mut comparison = comparison();
    comparison.setup.tls = Some(version);
    let tls = Some((version, TlsHandshakes { full: 10, resumed: 2 }));
    comparison.techniques = vec![
        figures(Technique::ShortPoll, "1s keep-alive", 10, 20, 500, tls),
        figures(Technique::WebSocket, "raw", 1, 4, 1, tls),
    ];
    comparison
}

/// A hundred deliveries of 100 bytes to ten clients.
fn figures(
    technique: Technique,
    variant: &str,
    times: u64,
    cpu_us: u64,
    ms: u64,
    tls: Option<(&'static str, TlsHandshakes)>,
) -> Figures {
    let polls = technique == Technique::ShortPoll;
    let mut row = row(polls, times);
    if tls.is_some() {
        for bytes in [&mut row.bytes_in, &mut row.bytes_out] {
            bytes.tls = 2000 * times;
            bytes.total += bytes.tls;
        }
    }
    let after = Process { rss: 1 << 20, cpu_user_us: 50 * cpu_us, cpu_system_us: 50 * cpu_us };
    Figures::of(Measured {
        technique,
        variant: variant.to_owned(),
        clients: 10,
        poll_interval_ms: if polls { 1000 } else { 0 },
        seconds: 5.0,
        row,
        process: (Process::default(), after),
        tls,
        latency_server: Some(ServerLatency { p50_us: 30, ..ServerLatency::default() }),
        late: Quantiles { count: 10, mean: 80.0, p50: 80, p99: 200, max: 200 },
        latency: Quantiles { count: 100, mean: ms as f64, p50: ms, p99: 2 * ms, max: 3 * ms },
    })
}

/// What `figures` were derived from, with a CPU that did nothing.
pub(super) fn measured(figures: &Figures) -> Measured {
    Measured {
        technique: figures.technique,
        variant: figures.variant.clone(),
        clients: figures.clients,
        poll_interval_ms: figures.poll_interval_ms,
        seconds: figures.seconds,
        row: figures.row.clone(),
        latency_server: figures.latency_server,
        tls: None,
        process: (Process::default(), Process::default()),
        latency: figures.latency,
        late: figures.late,
    }
}

fn row(polls: bool, times: u64) -> TechniqueCounts {
    let bytes_out = ByClass {
        head: 4000 * times,
        framing: 1000 * times,
        payload: 10_000,
        heartbeat: 0,
        body: 0,
        tls: 0,
        total: 5000 * times + 10_000,
    };
    let opened = ConnectionCounts { opened: 10, ..ConnectionCounts::default() };
    let tcp = Tcp { handshakes: 10, segments_in: 200, segments_out: 200, ..Tcp::default() };
    TechniqueCounts {
        connections: ConnectionCosts { counts: opened, open: 10, ..ConnectionCosts::default() },
        answers: AnswerCounts {
            requests: if polls { 190 } else { 10 },
            answers_empty: if polls { 90 } else { 0 },
            messages: 100,
        },
        bytes_in: ByClass { head: 4000 * times, total: 4000 * times, ..ByClass::default() },
        bytes_out,
        syscalls: CallCosts { total: 300.0, ..CallCosts::default() },
        tcp: TcpCosts { counts: tcp, rtt_us: 0.0 },
        memory: MemoryCosts { user: 2560, kernel: 0 },
        parked: 0,
    }
}
