//! Figures of known moments: by what is divided what.

#![expect(clippy::float_cmp, reason = "each of them is the quotient of two that it can hold")]

use std::ffi::OsString;

use super::super::messages::{Messages, histogram};
use super::*;

fn options(line: &str) -> BenchOptions {
    let words = format!("bench {line} --url http://127.0.0.1:1");
    BenchOptions::read(words.split_whitespace().map(OsString::from)).expect(line)
}

/// So many seconds after the start, with so much CPU time of this program and of the server, and
/// so much memory.
fn moment(seconds: u64, own_ms: u64, server_ms: u64, kib: u64) -> RunMoment {
    let server = ProcessSample {
        cpu_user_us: server_ms * 750,
        cpu_system_us: server_ms * 250,
        resident: kib * 2048,
        anonymous: kib * 1024,
    };
    RunMoment { us: 7 + seconds * 1_000_000, own_cpu_us: own_ms * 1000, server: Some(server) }
}

/// 4,000 deliveries of 500 messages, 1,000 requests, in four seconds.
fn run(line: &str, technique: Technique, moments: &[RunMoment]) -> BenchRun {
    let mut messages = Messages::new(&[8], 128);
    messages.counts.accepted = 500;
    messages.counts.delivered = 4_000;
    messages.counts.expected = 4_000;
    let readers = ReaderCounts { requests: 1_016, connections: 16, ..ReaderCounts::default() };
    BenchRun::of(RunParts {
        options: &options(line),
        technique,
        ended: Ended::Done,
        connect_us: 1_500_000,
        elapsed_us: 4_000_000,
        counts: &messages.counts,
        readers: &readers,
        requests_before: 16,
        faults: Faults::default(),
        unsent: 0,
        refusal: None,
        moments,
    })
}

/// Before, subscribed, and at the end: the server takes 1.2 of the four seconds, a quarter of them
/// in the kernel.
fn moments() -> Vec<RunMoment> {
    vec![moment(0, 0, 0, 1_000), moment(2, 100, 300, 1_800), moment(6, 2_100, 1_500, 2_600)]
}

#[test]
fn counts_are_divided_by_the_time_and_the_time_by_counts() {
    let run = run("--readers 8 --pid 1 --via poll", Technique::ShortPoll, &moments());
    assert_eq!((run.connect_seconds, run.seconds, run.requests), (1.5, 4.0, 1_000));
    assert_eq!((run.published_per_second, run.delivered_per_second), (125.0, 1_000.0));
    assert_eq!(run.own_cores, 0.5);
    let server = run.server.expect("its process was looked at");
    assert_eq!((server.cpu_user_us, server.cpu_system_us), (900_000, 300_000));
    assert_eq!(server.cores, 0.3);
    assert_eq!(server.cpu_us_per_delivery, Some(300.0));
    assert_eq!(server.cpu_us_per_request, Some(1_200.0));
    let anonymous = [server.before, server.subscribed, server.after].map(|of| of.anonymous / 1024);
    assert_eq!(anonymous, [1_000, 1_800, 2_600]);
    let grown = (server.bytes_per_reader / 1024.0, server.bytes_per_reader_after / 1024.0);
    assert_eq!(grown, (100.0, 200.0));
}

#[test]
fn what_did_not_happen_or_is_too_little_to_tell_has_no_figure() {
    let stream = run("--pid 1 --via sse", Technique::Sse, &moments()).server.expect("a process");
    assert_eq!((stream.cpu_us_per_delivery, stream.cpu_us_per_request), (Some(300.0), None));
    let little = [moment(0, 0, 0, 1), moment(2, 0, 0, 1), moment(6, 0, 190, 1)];
    let little = run("--pid 1 --via poll", Technique::ShortPoll, &little).server.expect("one");
    assert_eq!((little.cpu_us_per_delivery, little.cpu_us_per_request), (None, None));
    assert!(run("", Technique::Sse, &moments()).server.is_none(), "nobody asked for it");
    let other = [moment(0, 0, 0, 1), moment(2, 0, 900, 1), moment(6, 0, 30, 1)];
    assert!(run("--pid 1", Technique::Sse, &other).server.is_none(), "it is another process");
}

/// Of idle readers, CPU time ends with the rest, and memory with the message behind it.
#[test]
fn a_rest_is_measured_without_the_message_at_its_end() {
    let mut moments = moments();
    moments.push(moment(7, 2_600, 9_500, 3_400));
    let run = run("idle --readers 8 --pid 1 --via poll", Technique::ShortPoll, &moments);
    let server = run.server.expect("a process");
    assert_eq!((server.cores, server.cpu_us_per_delivery), (0.3, None));
    assert_eq!((server.cpu_us_per_request, server.after.anonymous), (None, 3_400 * 1024));
    let report = BenchReport::of(&options("idle"), Vec::new());
    assert_eq!((report.rate, report.in_flight), (None, None));
    let report = BenchReport::of(&options("--rate max"), Vec::new());
    assert_eq!((report.rate, report.in_flight), (None, Some(16)));
}

#[test]
fn quantiles_are_those_of_their_names() {
    let mut values = histogram();
    for us in 1..=1_000 {
        values.record(us).expect("it is in range");
    }
    let Spread { count, min, mean, p50, p90, p99, p999, max } = Spread::of(&values);
    assert_eq!((count, min, mean, max), (1_000, 1, 500.5, 1_000));
    assert_eq!([p50, p90, p99, p999], [500, 900, 990, 999]);
    assert_eq!(Spread::of(&histogram()), Spread::default());
}

#[test]
fn what_is_good_has_taken_something_in_and_lost_nothing() {
    let good = run("", Technique::Sse, &moments());
    assert!(good.is_good());
    let lost = BenchRun { readers_lost: 1, ..good.clone() };
    let unanswered = BenchRun { unanswered: 1, ..good.clone() };
    let nothing = BenchRun { published: 0, ..good.clone() };
    let stalled = BenchRun { ended: Ended::Stalled, ..good.clone() };
    let missed = Faults { missed: 1, ..Faults::default() };
    let missed = BenchRun { faults: missed, ..good.clone() };
    for bad in [&lost, &unanswered, &nothing, &stalled, &missed] {
        assert!(!bad.is_good(), "{bad:?}");
    }
    // A signal excuses what it has cut off, and nothing else.
    let cut = |run: BenchRun| BenchRun { ended: Ended::Signal(2), ..run }.is_good();
    assert!(cut(unanswered) && cut(nothing) && cut(stalled) && !cut(lost) && !cut(missed));
}
