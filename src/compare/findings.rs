//! The findings: what the figures say, in sentences that are made of them.
//!
//! Came from: `terminal` and `markdown`. Goes to: the same. Absent on purpose: anything that is
//! known beforehand. A sentence that the figures do not bear out is not said.

use super::figures::{Comparison, Figures};
use super::table::{grouped, ratio, time};
use super::variant::{ANEW, KEPT_ALIVE};

/// The sentences, most general first.
pub fn all(comparison: &Comparison) -> Vec<String> {
    let rows = &comparison.techniques;
    let mut said = Vec::new();
    said.extend(extremes(
        rows,
        Figures::bytes_per_message,
        ("Fewest bytes for each delivered message", "most"),
        |f| {
            let share = 100.0 * f.per_message.payload_share;
            format!("{} ({share:.0} % of them payload)", ratio(f.bytes_per_message()))
        },
    ));
    said.extend(extremes(
        rows,
        Figures::tls_bytes_per_message,
        ("Fewest bytes of TLS for each delivered message", "most"),
        |f| {
            let share = share(f.tls_bytes_per_message(), f.bytes_per_message());
            format!("{} ({share:.0} % of all)", ratio(f.tls_bytes_per_message()))
        },
    ));
    let noise = noise(rows);
    if noise.is_none() {
        said.extend(extremes(
            rows,
            |f| f.per_message.cpu_us,
            ("Least server CPU for each message", "most"),
            |f| format!("{} µs", ratio(f.per_message.cpu_us)),
        ));
        said.extend(extremes(
            rows,
            |f| f.latency.p50 as f64,
            ("Soonest there, by the median", "latest"),
            |f| time(f.latency.p50 as f64),
        ));
    }
    said.extend(suited(rows, noise.is_none()));
    said.extend(noise);
    said.extend(rows.iter().filter_map(emptiness));
    said.extend(rows.iter().filter_map(waiting));
    said.extend(rows.iter().filter_map(|row| connecting(row, rows)));
    said.extend(rows.iter().filter_map(resuming));
    said
}

/// Who has least of something, and who most.
fn extremes(
    rows: &[Figures],
    figure: fn(&Figures) -> f64,
    (least_word, most_word): (&str, &str),
    write: fn(&Figures) -> String,
) -> Option<String> {
    let by = |a: &&Figures, b: &&Figures| figure(a).total_cmp(&figure(b));
    let least = rows.iter().min_by(by)?;
    let most = rows.iter().max_by(by)?;
    if rows.len() < 2 || figure(least) <= 0.0 || figure(most) <= figure(least) {
        return None;
    }
    let times = ratio(figure(most) / figure(least));
    Some(format!(
        "{least_word}: {}, {}; {most_word}: {}, {}, {times} times that.",
        least.label(),
        write(least),
        most.label(),
        write(most),
    ))
}

/// Why nothing is said about time: in a run half of the messages were published later than they
/// were due by more than [`LATE_US_MAX`]. A publisher does nothing but sleep and send; when it does
/// not get the processor in time, no server and no client does.
fn noise(rows: &[Figures]) -> Option<String> {
    let latest = rows.iter().max_by_key(|row| row.late.p50)?;
    (latest.late.p50 > LATE_US_MAX).then(|| {
        format!(
            "No verdict on CPU and latency: this machine had other work. Half of the messages for \
             {} were published later than they were due by {} or more, and more than {} is too \
             noisy to tell. Bytes and counts are not touched by that.",
            latest.label(),
            time(latest.late.p50 as f64),
            time(LATE_US_MAX as f64),
        )
    })
}

/// A sleeper that wakes up later than this on an idle machine is rare: 0.1 ms is usual.
const LATE_US_MAX: u64 = 2_000;

/// What is best for what. Those that are close to the best are named beside it: another run might
/// turn them round. What is a matter of time is judged if `quiet`.
fn suited(rows: &[Figures], quiet: bool) -> Option<String> {
    let aims: [(&str, Pick, bool); 4] = [
        ("the fewest bytes", Figures::bytes_per_message, true),
        ("the least server CPU", |f| f.per_message.cpu_us, quiet),
        ("the soonest message", |f| f.latency.p50 as f64, quiet),
        (
            "the least memory held for a client",
            |f| f.memory_per_client.user + f.memory_per_client.kernel,
            true,
        ),
    ];
    let best = |(aim, figure, told): (&str, Pick, bool)| {
        if !told {
            return None;
        }
        let least = rows.iter().map(figure).min_by(f64::total_cmp)?;
        let close = rows.iter().filter(|&row| figure(row) <= CLOSE * least);
        let labels: Vec<String> = close.map(Figures::label).collect();
        // Where all are alike there is nothing to choose.
        (labels.len() < rows.len()).then(|| format!("for {aim}, {}", labels.join(" or ")))
    };
    let choices: Vec<String> = aims.into_iter().filter_map(best).collect();
    (!choices.is_empty()).then(|| format!("By these figures: {}.", choices.join("; ")))
}

/// Which figure of a row is meant.
type Pick = fn(&Figures) -> f64;

/// Figures that differ by less than this factor are alike.
const CLOSE: f64 = 1.15;

/// What asking in vain costs. One on new connections asks as often as the one that stays.
fn emptiness(row: &Figures) -> Option<String> {
    let (empty, requests) = (row.row.answers.answers_empty, row.row.answers.requests);
    // Every client's first poll is for its cursor, and has to be empty.
    let first = row.clients as u64;
    if row.poll_interval_ms == 0 || row.variant.ends_with(ANEW) || empty <= first {
        return None;
    }
    let share = share(empty as f64, requests as f64);
    let each = ratio(requests as f64 / row.row.answers.messages.max(1) as f64);
    let per = row.per_message;
    let heads = ratio(per.bytes_in_by_class.head + per.bytes_out_by_class.head);
    Some(format!(
        "{}: {share:.0} % of {} answers were empty; each message that came took {each} requests \
         and {heads} bytes of heads.",
        row.label(),
        grouped(requests as f64),
    ))
}

/// How a poll's latency and its interval go together.
fn waiting(row: &Figures) -> Option<String> {
    if row.poll_interval_ms == 0 || row.variant.ends_with(ANEW) {
        return None;
    }
    let share = row.latency.p50 as f64 / 1000.0 / row.poll_interval_ms as f64;
    let worst = row.latency.max as f64 / 1000.0 / row.poll_interval_ms as f64;
    Some(format!(
        "{}: a message waited for {} of the interval by the median, and for {} of it at worst.",
        row.label(),
        ratio(share),
        ratio(worst),
    ))
}

/// What a connection for each poll adds to the same poll on one that stays.
fn connecting(row: &Figures, rows: &[Figures]) -> Option<String> {
    let interval = row.variant.strip_suffix(ANEW)?;
    let kept = rows.iter().find(|other| {
        other.technique == row.technique && other.variant.strip_suffix(KEPT_ALIVE) == Some(interval)
    })?;
    let times = |figure: fn(&Figures) -> f64| {
        let base = figure(kept);
        (base > 0.0).then(|| ratio(figure(row) / base))
    };
    let segments = times(|f| f.per_message.segments)?;
    let cpu = times(|f| f.per_message.cpu_us)?;
    let bytes = times(Figures::bytes_per_message)?;
    Some(format!(
        "{} instead of {}: {segments} times the segments, {cpu} times the CPU, {bytes} times the \
         bytes.",
        row.label(),
        kept.variant,
    ))
}

/// How many of the handshakes of those who connect again and again were short ones.
fn resuming(row: &Figures) -> Option<String> {
    let handshakes = row.tls_handshakes?;
    let all = handshakes.full as f64 + handshakes.resumed as f64;
    if handshakes.resumed == 0 {
        return None;
    }
    Some(format!(
        "{}: {} of {} TLS handshakes took up an earlier session; TLS was {:.0} % of all bytes.",
        row.label(),
        grouped(handshakes.resumed as f64),
        grouped(all),
        share(row.tls_bytes_per_message(), row.bytes_per_message()),
    ))
}

/// In percent; 0 of nothing, which a server says that does not charge.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { 100.0 * part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::example::{comparison, secured};
    use crate::compare::figures::{PerDelivery, TlsHandshakes};

    #[test]
    fn the_sentences_follow_the_figures() {
        let mut comparison = comparison();
        let said = all(&comparison).join("\n");
        for sentence in [
            "Fewest bytes for each delivered message: WebSocket raw, 190 (53 % of them payload); \
             most: short poll 1s keep-alive, 1,000 (10 % of them payload), 5.26 times that.",
            "Least server CPU for each message: WebSocket raw, 4.00 µs; most: short poll 1s \
             keep-alive, 20.0 µs, 5.00 times that.",
            "Soonest there, by the median: WebSocket raw, 1 µs; latest: short poll 1s keep-alive, \
             500 µs, 500 times that.",
            "By these figures: for the fewest bytes, WebSocket raw; for the least server CPU, \
             WebSocket raw; for the soonest message, WebSocket raw",
            "short poll 1s keep-alive: 47 % of 190 answers were empty; each message that came took \
             1.90 requests and 800 bytes of heads.",
        ] {
            assert!(said.contains(sentence), "{said}");
        }
        comparison.techniques.swap(0, 1);
        assert_eq!(all(&comparison).join("\n"), said, "whatever the order");
    }

    #[test]
    fn what_is_said_of_tls_is_said_where_it_was_spoken() {
        assert!(!all(&comparison()).join("\n").contains("TLS"));
        let said = all(&secured("1.3")).join("\n");
        for sentence in [
            "Fewest bytes of TLS for each delivered message: WebSocket raw, 40.0 (17 % of all); \
             most: short poll 1s keep-alive, 400 (29 % of all), 10.0 times that.",
            "short poll 1s keep-alive: 2 of 12 TLS handshakes took up an earlier session; TLS was \
             29 % of all bytes.",
        ] {
            assert!(said.contains(sentence), "{sentence}: {said}");
        }
    }

    /// What is derived from the figures of a server that counts some things and others not.
    #[test]
    fn shares_of_nothing_are_none() {
        let mut comparison = secured("1.3");
        for figures in &mut comparison.techniques {
            (figures.row.answers.requests, figures.per_message) = (0, PerDelivery::default());
            let shaking = TlsHandshakes { full: u64::MAX, resumed: u64::MAX };
            figures.tls_handshakes = Some(shaking);
        }
        let said = all(&comparison).join("\n");
        assert!(said.contains("TLS was 0 % of all bytes."), "{said}");
        assert!(said.contains(": 0 % of 0 answers were empty"), "{said}");
        assert!(!said.contains("NaN") && !said.contains("inf"), "{said}");
    }

    #[test]
    fn the_verdict_on_time_is_held_back_where_the_machine_had_other_work() {
        let mut comparison = comparison();
        comparison.techniques[1].late.p50 = LATE_US_MAX;
        assert!(all(&comparison).join("\n").contains("Least server CPU"));
        comparison.techniques[1].late.p50 = 12_300;
        let said = all(&comparison).join("\n");
        for part in [
            "No verdict on CPU and latency: this machine had other work. Half of the messages for \
             WebSocket raw were published later than they were due by 12.3 ms or more, and more \
             than 2.00 ms is too noisy to tell.",
            "Fewest bytes for each delivered message: WebSocket raw",
            "By these figures: for the fewest bytes, WebSocket raw",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        for part in ["Least server CPU", "Soonest there", "for the least server CPU"] {
            assert!(!said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn nothing_is_said_of_one_variant_alone_but_what_is_its_own() {
        let mut comparison = comparison();
        comparison.techniques.truncate(1);
        let said = all(&comparison);
        assert!(said.iter().all(|s| s.starts_with("short poll 1s keep-alive:")), "{said:?}");
        comparison.techniques[0].row.answers.answers_empty = 10;
        comparison.techniques[0].poll_interval_ms = 0;
        assert_eq!(all(&comparison), Vec::<String>::new());
    }

    #[test]
    fn a_new_connection_is_compared_with_the_one_that_stays() {
        let mut comparison = comparison();
        let mut anew = comparison.techniques[0].clone();
        anew.variant = "1s new connection".into();
        anew.per_message.segments *= 3.0;
        comparison.techniques.push(anew);
        let said = all(&comparison).join("\n");
        let sentence = "short poll 1s new connection instead of 1s keep-alive: 3.00 times the \
                        segments, 1.00 times the CPU, 1.00 times the bytes.";
        assert!(said.contains(sentence), "{said}");
    }
}
