//! A report for people: a few lines for each technique, each with its unit.
//!
//! Came from: `mod`. Goes to: standard output. Absent on purpose: colours, and figures of what did
//! not happen.

use std::fmt::Write as _;

use super::figures::{BenchReport, BenchRun, CPU_US_MIN, Ended, ServerFigures, Spread};

/// All of it.
pub fn render(report: &BenchReport) -> String {
    let mut out = setup(report);
    for run in &report.runs {
        out.push('\n');
        for (label, text) in rows(report, run) {
            writeln!(out, "{label:12} {text}").expect("a string takes everything");
        }
        for complaint in &run.complaints {
            writeln!(out, "{:12} {complaint}", "").expect("a string takes everything");
        }
    }
    out
}

fn setup(report: &BenchReport) -> String {
    let BenchReport { url, workload, readers, topics, size, rate, burst, .. } = report;
    let (readers, topics) = (counted(*readers as u64, "reader"), counted(*topics as u64, "topic"));
    let schedule = match (*workload, rate, report.in_flight) {
        ("idle", ..) => "one message at the end".to_owned(),
        ("churn", Some(rate), _) => format!("{rate} reconnects a second, one message at the end"),
        ("churn", ..) => "as many reconnects as are taken, one message at the end".to_owned(),
        (_, Some(rate), _) => format!("{rate} messages a second"),
        (.., in_flight) => format!(
            "as many messages as are taken, {} of a topic in flight",
            in_flight.unwrap_or_default()
        ),
    };
    let bursts = if *burst > 1 { format!(" in bursts of {burst}") } else { String::new() };
    format!("{url}: {workload}, {readers} of {topics}\n{schedule}{bursts}, {size} bytes each\n")
}

fn rows(report: &BenchReport, run: &BenchRun) -> Vec<(&'static str, String)> {
    let mut rows = vec![(run.via, outcome(run))];
    rows.push(("published", published(run)));
    let a_second = digits(run.delivered_per_second);
    rows.push(("delivered", format!("{}, {a_second} a second", grouped(run.delivered))));
    if run.requests > 0 && run.via.ends_with("poll") {
        let a_second = digits(per_second(run.requests, run.seconds));
        rows.push(("requests", format!("{}, {a_second} a second", grouped(run.requests))));
    }
    if report.workload == "churn" {
        rows.push(("reconnects", reconnects(run)));
        rows.push(("back after", spread(run.reconnect_us)));
    }
    if run.latency_us.count > 0 {
        rows.push(("latency", spread(run.latency_us)));
    }
    if report.rate.is_some() && !matches!(report.workload, "idle" | "churn") {
        rows.push(("sent late", spread(run.late_us)));
    }
    if let Some(server) = &run.server {
        rows.push(("server", cpu(server)));
        rows.push(("memory", memory(server)));
    }
    let limits = if run.own_cores >= 0.9 { ": it is what limits the rate" } else { "" };
    rows.push(("this program", format!("{} of a core{limits}", percent(run.own_cores))));
    rows
}

/// Whether it is good, and why it ended.
fn outcome(run: &BenchRun) -> String {
    let seconds = digits(run.seconds);
    let ended = match run.ended {
        Ended::Done => String::new(),
        Ended::Signal(_) => ", ended by a signal".to_owned(),
        Ended::Stalled => ", ended because nothing came any more".to_owned(),
        Ended::Lost => ", ended because the connections broke".to_owned(),
    };
    format!("{}; {seconds} s{ended}", verdict(run))
}

fn verdict(run: &BenchRun) -> String {
    let mut wrong = Vec::new();
    if run.readers_lost > 0 {
        wrong.push(format!("{} lost", counted(run.readers_lost, "reader")));
    }
    if run.faults.total() > 0 {
        wrong.push(run.faults.to_string());
    }
    if run.published == 0 && !run.is_cut() {
        wrong.push("no message was taken in".to_owned());
    }
    if run.unanswered > 0 && !run.is_cut() {
        wrong.push("not every publish was answered".to_owned());
    }
    if wrong.is_empty() && !run.is_good() {
        wrong.push("not every message was published".to_owned());
    }
    match (run.is_good(), run.expected) {
        (false, _) => wrong.join(", "),
        (true, 0) => "nothing was to be delivered".to_owned(),
        (true, _) => "every message once, in order, whole".to_owned(),
    }
}

fn published(run: &BenchRun) -> String {
    let mut text =
        format!("{}, {} a second", grouped(run.published), digits(run.published_per_second));
    for (status, count) in &run.refused {
        write!(text, "; {} refused with {status}", grouped(*count)).expect("a string takes it");
    }
    if let Some(refusal) = &run.refusal {
        write!(text, " (the first {refusal})").expect("a string takes it");
    }
    if run.unanswered > 0 {
        write!(text, "; {} without an answer", grouped(run.unanswered)).expect("a string takes it");
    }
    if run.unsent > 0 && run.reconnects == 0 {
        write!(text, "; {} more were due and not sent", grouped(run.unsent))
            .expect("a string takes it");
    }
    text
}

fn reconnects(run: &BenchRun) -> String {
    let a_second = digits(run.reconnects_per_second);
    let mut text = format!("{}, {a_second} a second", grouped(run.reconnects));
    if run.unsent > 0 {
        write!(text, "; {} more were due", grouped(run.unsent)).expect("a string takes it");
    }
    text
}

fn spread(of: Spread) -> String {
    let parts =
        [("p50", of.p50), ("p90", of.p90), ("p99", of.p99), ("p99.9", of.p999), ("max", of.max)];
    let parts = parts.map(|(name, us)| format!("{name} {}", duration(us)));
    parts.join("  ")
}

fn cpu(server: &ServerFigures) -> String {
    let mut text = format!("{} of a core", percent(server.cores));
    let all = (server.cpu_user_us + server.cpu_system_us).max(1);
    if all < CPU_US_MIN {
        return format!("{text}: too little to tell more, give it more time");
    }
    let each = [
        (server.cpu_us_per_delivery, "delivery"),
        (server.cpu_us_per_request, "request"),
        (server.cpu_us_per_reconnect, "reconnect"),
    ];
    for (cpu_us, what) in each {
        if let Some(cpu_us) = cpu_us {
            write!(text, ", {} µs a {what}", digits(cpu_us)).expect("a string takes it");
        }
    }
    let in_kernel = percent(ratio(server.cpu_system_us, all));
    write!(text, ", {in_kernel} of it in the kernel").expect("a string takes it");
    text
}

fn memory(server: &ServerFigures) -> String {
    let mib = |bytes: u64| digits(ratio(bytes, 1024 * 1024));
    let (before, subscribed, after) = (server.before, server.subscribed, server.after);
    format!(
        "{} MiB at first, {} with all readers, {} at the end; {} bytes a reader, then {}",
        mib(before.resident),
        mib(subscribed.resident),
        mib(after.resident),
        whole(server.bytes_per_reader),
        whole(server.bytes_per_reader_after),
    )
}

/// In a unit that leaves a few digits.
fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", digits(ratio(us, 1_000))),
        _ => format!("{} s", digits(ratio(us, 1_000_000))),
    }
}

/// Three digits at least, and thousands in groups.
fn digits(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        #[expect(clippy::cast_sign_loss, reason = "it is positive")]
        _ if value > 0.0 => grouped(value.round() as u64),
        _ => format!("{value:.0}"),
    }
}

fn whole(value: f64) -> String {
    if value.abs() < 100.0 { format!("{value:.0}") } else { digits(value) }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// 1234567 → 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[expect(clippy::cast_precision_loss, reason = "figures far below 2^53")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[expect(clippy::cast_precision_loss, reason = "figures far below 2^53")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units_and_a_few_digits() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let shown = [7, 1_500, 45_678, 2_000_000].map(duration);
        assert_eq!(shown, ["7 µs", "1.50 ms", "45.7 ms", "2.00 s"]);
        let shown = [0.123, 12.34, 123.4, 12_345.6, -45.0].map(digits);
        assert_eq!(shown, ["0.12", "12.3", "123", "12,346", "-45.0"]);
        assert_eq!((counted(1, "topic"), percent(0.987)), ("1 topic".into(), "99 %".into()));
    }
}
