//! `/-/costs`: what each technique has cost since the start, as JSON.
//!
//! Came from: `broker`. Goes to: people, the page, `tollway compare`. Absent on purpose: rates; who
//! asks twice can subtract.

use super::shapes::{
    CallCosts, ConnectionCosts, CostsReport, MemoryCosts, PerMessage, ServerLatency, SharedCosts,
    TcpCosts, TechniqueCosts, TechniqueCounts, Techniques,
};
use super::{json, ratio, rounded};
use crate::ids::Millis;
use crate::ledger::{Account, Gauges, Payer, ShardReport};

/// What `sum` says, `now` milliseconds after the start, as JSON.
pub fn costs(sum: &ShardReport, now: Millis) -> String {
    let shared = &sum.ledger.shared;
    json(&CostsReport {
        server: concat!("tollway/", env!("CARGO_PKG_VERSION")).to_owned(),
        uptime_s: ratio(now.0, 1000),
        threads: sum.threads,
        strangers: sum.strangers,
        techniques: Techniques::of_each(|payer| technique(sum, payer)),
        shared: SharedCosts { syscalls: shared.calls, counts: shared.into() },
        denied: shared.denied.occurred().map(|(code, n)| (code.to_owned(), n)).collect(),
        store: sum.store,
        process: sum.process,
    })
}

fn technique(sum: &ShardReport, payer: Payer) -> TechniqueCosts {
    let account = sum.ledger.account(payer);
    let gauges = &sum.gauges[payer as usize];
    let wait = share_of_waits(sum, account);
    TechniqueCosts {
        counts: TechniqueCounts {
            connections: connections(account, gauges),
            answers: account.into(),
            bytes_in: (&account.bytes_in).into(),
            bytes_out: (&account.bytes_out).into(),
            syscalls: CallCosts {
                counts: account.calls,
                wait,
                total: rounded(ratio(account.calls.total(), 1) + wait),
            },
            tcp: TcpCosts { counts: account.tcp, rtt_us: ratio(gauges.rtt_us, gauges.open) },
            memory: MemoryCosts { user: gauges.user_bytes, kernel: gauges.kernel_bytes },
            parked: gauges.parked,
        },
        latency: latency(account),
        per_message: per_message(account, wait),
    }
}

fn connections(account: &Account, gauges: &Gauges) -> ConnectionCosts {
    let occurred = account.closed.occurred().map(|(reason, n)| (reason.name(), n));
    let closed = occurred.chain([("total", account.closed_total())]);
    ConnectionCosts {
        counts: account.into(),
        open: gauges.open,
        closed: closed.map(|(reason, n)| (reason.to_owned(), n)).collect(),
    }
}

fn latency(account: &Account) -> ServerLatency {
    let all = &account.latency;
    ServerLatency {
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
    // The product of two counters, each of which a busy server takes far in a day.
    let waits = u128::from(sum.ledger.shared.calls.waits);
    ratio(waits * u128::from(calls(account)), whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::CloseReason;
    use crate::ledger::{Call, Process, SharedCall};

    fn sum() -> ShardReport {
        let mut sum = ShardReport { threads: 2, strangers: 1, ..ShardReport::default() };
        sum.process = Process { rss: 1000, cpu_user_us: 700, cpu_system_us: 300 };
        sum.ledger.charge(Payer::LongPoll, Call::Accept);
        sum.ledger.charge(Payer::LongPoll, Call::Read { bytes: 100 });
        sum.ledger.charge_shared(SharedCall::Wait, 9);
        sum.ledger.charge_shared(SharedCall::AcceptWouldBlock, 3);
        sum.ledger.shared.refused = 4;
        let account = sum.ledger.account_mut(Payer::LongPoll);
        (account.opened, account.requests, account.answers_empty) = (3, 10, 4);
        account.closed[0] = 2;
        account.tcp.handshake();
        account.delivered(50, 600, 30);
        sum
    }

    #[test]
    fn what_is_written_is_read_back_whole_in_the_documented_order() {
        let text = costs(&sum(), Millis(12_345));
        let read: CostsReport = serde_json::from_str(&text).expect("our own shape");
        assert_eq!(json(&read), text);
        let row = read.techniques.named("long_poll").expect("a payer");
        let answers = row.counts.answers;
        assert_eq!((answers.requests, answers.answers_empty, answers.messages), (10, 4, 1));
        assert_eq!((row.counts.connections.closed["idle"], row.counts.bytes_out.total), (2, 650));
        assert_eq!((read.process.rss, read.threads), (1000, 2));
        let row = serde_json::to_string(row).expect("plain data");
        let expected = r#"{"connections":{"opened":3,"joined":0,"left":0,"open":0,"closed":{"idle":2,"total":2}},"requests":10,"answers_empty":4,"messages":1,"bytes_in":{"head":0,"framing":0,"payload":0,"heartbeat":0,"body":0,"tls":0,"total":0},"bytes_out":{"head":0,"framing":50,"payload":600,"heartbeat":0,"body":0,"tls":0,"total":650},"syscalls":{"accept":1,"read":1,"write":0,"would_block":0,"end":0,"wait":9.0,"total":11.0},"tcp":{"handshakes":1,"segments_in":0,"segments_out":1,"bytes_in":0,"bytes_out":0,"retransmits":0,"rtt_us":0.0},"memory":{"user":0,"kernel":0},"parked":0,"latency":{"count":1,"mean_us":30.0,"p50_us":30,"p90_us":30,"p99_us":30,"max_us":30},"per_message":{"bytes_in":0.0,"bytes_out":650.0,"segments":1.0,"syscalls":11.0,"round_trips":11.0}}"#; // rustfmt::skip
        assert_eq!(row, expected);
        let shared = serde_json::to_string(&read.shared).expect("plain data");
        let expected = r#"{"syscalls":{"wait":9,"control":0,"wake":0,"accept_empty":3,"sample":0},"refused":4,"refused_by_address":0,"publishes_unanswered":0,"tls_full":0,"tls_resumed":0}"#; // rustfmt::skip
        assert_eq!(shared, expected);
    }

    #[test]
    fn waits_are_shared_out_after_years_of_calls_as_after_minutes() {
        for times in [1, 1 << 33, 1 << 60] {
            let mut sum = ShardReport::default();
            sum.ledger.shared.calls.waits = 4 * times;
            sum.ledger.account_mut(Payer::Sse).calls.writes = 3 * times;
            sum.ledger.account_mut(Payer::WebSocket).calls.reads = times;
            sum.ledger.account_mut(Payer::Sse).messages = times;
            let row = technique(&sum, Payer::Sse);
            let calls = &row.counts.syscalls;
            assert_eq!((calls.wait, calls.total), (ratio(3 * times, 1), ratio(6 * times, 1)));
            let per = row.per_message.map(|per| per.syscalls.to_string());
            assert_eq!(per.as_deref(), Some("6"), "{times}");
        }
    }

    #[test]
    fn every_payer_has_a_row_and_one_without_is_missed_by_name() {
        let text = costs(&sum(), Millis(0));
        let read: CostsReport = serde_json::from_str(&text).expect("our own shape");
        assert!(Payer::ALL.iter().all(|payer| read.techniques.named(payer.name()).is_some()));
        assert!(read.techniques.named("").is_none());
        let other = text.replace("\"sse\":", "\"else\":");
        let error = serde_json::from_str::<CostsReport>(&other).expect_err("no row for a payer");
        assert!(error.to_string().starts_with("missing field `sse`"), "{error}");
    }

    #[test]
    fn the_difference_of_two_answers_is_what_happened_between_them() {
        let mut sum = sum();
        let before = technique(&sum, Payer::LongPoll).counts;
        sum.ledger.account_mut(Payer::LongPoll).requests += 5;
        sum.ledger.account_mut(Payer::LongPoll).closed[CloseReason::PeerClosed as usize] = 2;
        sum.ledger.account_mut(Payer::LongPoll).delivered(0, 100, 1);
        sum.ledger.charge_shared(SharedCall::Wait, 1);
        let difference = technique(&sum, Payer::LongPoll).counts.since(&before);
        assert_eq!((difference.answers.requests, difference.answers.messages), (5, 1));
        assert_eq!(difference.bytes_out.per(5.0).payload.to_string(), "20");
        assert_eq!(difference.syscalls.wait.to_string(), "1");
        let closed: Vec<_> = difference.connections.closed.into_iter().collect();
        assert_eq!(closed, [("peer_closed".into(), 2), ("total".into(), 2)]);
        assert_eq!(before.since(&technique(&sum, Payer::LongPoll).counts).answers.requests, 0);
    }
}
