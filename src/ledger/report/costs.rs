//! `/-/costs`: what each technique has cost since the start, as JSON.
//!
//! Came from: `broker`. Goes to: people, the page, `tollway compare`. Absent on purpose: rates; who
//! asks twice can subtract.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{json, ratio, rounded};
use crate::close::CloseReason;
use crate::ids::Millis;
use crate::ledger::{Account, Bytes, Class, Gauges, Payer, ShardReport};

#[derive(Serialize)]
struct Costs {
    server: &'static str,
    uptime_s: f64,
    threads: u64,
    strangers: u64,
    techniques: Techniques,
    shared: Shared,
    process: Process,
}

#[derive(Serialize)]
struct Techniques {
    short_poll: Technique,
    long_poll: Technique,
    sse: Technique,
    websocket: Technique,
    publish: Technique,
    other: Technique,
}

#[derive(Serialize)]
struct Technique {
    connections: Connections,
    requests: u64,
    answers_empty: u64,
    messages: u64,
    bytes_in: ByClass,
    bytes_out: ByClass,
    syscalls: Calls,
    tcp: Tcp,
    memory: Memory,
    parked: u64,
    latency: Latency,
    per_message: Option<PerMessage>,
}

#[derive(Serialize)]
struct Connections {
    opened: u64,
    joined: u64,
    left: u64,
    open: u64,
    closed: BTreeMap<&'static str, u64>,
}

/// Bytes by class, as an object.
#[derive(Serialize)]
pub(super) struct ByClass {
    head: u64,
    framing: u64,
    payload: u64,
    heartbeat: u64,
    body: u64,
    total: u64,
}

impl From<&Bytes> for ByClass {
    fn from(bytes: &Bytes) -> Self {
        Self {
            head: bytes.of(Class::Head),
            framing: bytes.of(Class::Framing),
            payload: bytes.of(Class::Payload),
            heartbeat: bytes.of(Class::Heartbeat),
            body: bytes.of(Class::Body),
            total: bytes.total(),
        }
    }
}

#[derive(Serialize)]
struct Calls {
    accept: u64,
    read: u64,
    write: u64,
    would_block: u64,
    end: u64,
    wait: f64,
    total: f64,
}

#[derive(Serialize)]
struct Tcp {
    handshakes: u64,
    segments_in: u64,
    segments_out: u64,
    bytes_in: u64,
    bytes_out: u64,
    retransmits: u64,
    rtt_us: f64,
}

#[derive(Serialize)]
struct Memory {
    user: u64,
    kernel: u64,
}

#[derive(Serialize)]
struct Latency {
    count: u64,
    mean_us: f64,
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    max_us: u64,
}

#[derive(Serialize)]
struct PerMessage {
    bytes_in: f64,
    bytes_out: f64,
    segments: f64,
    syscalls: f64,
    round_trips: f64,
}

#[derive(Serialize)]
struct Shared {
    syscalls: SharedCalls,
    refused: u64,
}

#[derive(Serialize)]
struct SharedCalls {
    wait: u64,
    control: u64,
    wake: u64,
    accept_empty: u64,
    sample: u64,
}

#[derive(Serialize)]
struct Process {
    rss: u64,
    cpu_user_us: u64,
    cpu_system_us: u64,
}

/// What `sum` says, `now` milliseconds after the start, as JSON.
pub fn costs(sum: &ShardReport, now: Millis) -> String {
    let of = |payer| technique(sum, payer);
    let shared = &sum.ledger.shared;
    json(&Costs {
        server: concat!("tollway/", env!("CARGO_PKG_VERSION")),
        uptime_s: ratio(now.0, 1000),
        threads: sum.threads,
        strangers: sum.strangers,
        techniques: Techniques {
            short_poll: of(Payer::ShortPoll),
            long_poll: of(Payer::LongPoll),
            sse: of(Payer::Sse),
            websocket: of(Payer::WebSocket),
            publish: of(Payer::Publish),
            other: of(Payer::Other),
        },
        shared: Shared {
            syscalls: SharedCalls {
                wait: shared.waits,
                control: shared.controls,
                wake: shared.wakes,
                accept_empty: shared.accepts_in_vain,
                sample: shared.samples,
            },
            refused: shared.refused,
        },
        process: Process {
            rss: sum.process.rss,
            cpu_user_us: sum.process.cpu_user_us,
            cpu_system_us: sum.process.cpu_system_us,
        },
    })
}

fn technique(sum: &ShardReport, payer: Payer) -> Technique {
    let account = sum.ledger.account(payer);
    let gauges = &sum.gauges[payer as usize];
    let calls = &account.calls;
    let wait = share_of_waits(sum, account);
    Technique {
        connections: connections(account, gauges),
        requests: account.requests,
        answers_empty: account.answers_empty,
        messages: account.messages,
        bytes_in: (&account.bytes_in).into(),
        bytes_out: (&account.bytes_out).into(),
        syscalls: Calls {
            accept: calls.accepts,
            read: calls.reads,
            write: calls.writes,
            would_block: calls.would_blocks,
            end: calls.ends,
            wait,
            total: rounded(ratio(calls.total(), 1) + wait),
        },
        tcp: tcp(account, gauges),
        memory: Memory { user: gauges.user_bytes, kernel: gauges.kernel_bytes },
        parked: gauges.parked,
        latency: latency(account),
        per_message: per_message(account, wait),
    }
}

fn connections(account: &Account, gauges: &Gauges) -> Connections {
    let reasons = CloseReason::ALL.iter().map(|r| r.name());
    let occurred = reasons.zip(account.closed).filter(|&(_, n)| n > 0);
    Connections {
        opened: account.opened,
        joined: account.joined,
        left: account.left,
        open: gauges.open,
        closed: occurred.chain([("total", account.closed_total())]).collect(),
    }
}

fn tcp(account: &Account, gauges: &Gauges) -> Tcp {
    let tcp = &account.tcp;
    Tcp {
        handshakes: tcp.handshakes,
        segments_in: tcp.segments_in,
        segments_out: tcp.segments_out,
        bytes_in: tcp.bytes_in,
        bytes_out: tcp.bytes_out,
        retransmits: tcp.retransmits,
        rtt_us: ratio(gauges.rtt_us, gauges.open),
    }
}

fn latency(account: &Account) -> Latency {
    let all = &account.latency;
    Latency {
        count: all.count(),
        mean_us: ratio(all.sum_us(), all.count()),
        p50_us: all.quantile_us(0.5),
        p90_us: all.quantile_us(0.9),
        p99_us: all.quantile_us(0.99),
        max_us: all.max_us(),
    }
}

/// `None` where there was no message. A round trip is a handshake, or a request and its answer.
fn per_message(account: &Account, wait: f64) -> Option<PerMessage> {
    let messages = account.messages;
    (messages > 0).then(|| PerMessage {
        bytes_in: ratio(account.bytes_in.total(), messages),
        bytes_out: ratio(account.bytes_out.total(), messages),
        segments: ratio(account.tcp.segments(), messages),
        syscalls: rounded(ratio(account.calls.total(), messages) + wait / ratio(messages, 1)),
        round_trips: ratio(account.tcp.handshakes + account.requests, messages),
    })
}

/// `epoll_wait` is called for all; everyone bears it in proportion to the calls made for him.
fn share_of_waits(sum: &ShardReport, account: &Account) -> f64 {
    let calls = |account: &Account| account.calls.total();
    let all = Payer::ALL.map(|payer| calls(sum.ledger.account(payer)));
    let whole: u64 = all.iter().sum();
    ratio(sum.ledger.shared.waits * calls(account), whole)
}
