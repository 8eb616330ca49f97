//! docs/claims.md: its commands work, its tables have the shape of what they print, and what it
//! says is held is so.
//!
//! A block of `tollway compare …` is run as it stands there. The table below it is made anew from
//! what was measured, and compared but for the numbers: those are of another day and machine.
//! `UPDATE_CLAIMS=1 cargo test --release --test claims` writes them down.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/claims.md");

/// The columns that a table may have: where the figure stands in the JSON, and what it is
/// multiplied by to be shown.
const COLUMNS: &[(&str, &str, f64)] = &[
    ("connections", "/connections/opened", 1.0),
    ("requests", "/requests", 1.0),
    ("empty answers", "/answers_empty", 1.0),
    ("messages", "/messages", 1.0),
    ("segments/message", "/per_message/segments", 1.0),
    ("system calls/message", "/per_message/syscalls", 1.0),
    ("bytes up/message", "/per_message/bytes_in", 1.0),
    ("bytes down/message", "/per_message/bytes_out", 1.0),
    ("framing/message", "/per_message/bytes_out_by_class/framing", 1.0),
    ("TLS up/message", "/per_message/bytes_in_by_class/tls", 1.0),
    ("TLS down/message", "/per_message/bytes_out_by_class/tls", 1.0),
    ("TLS in full", "/tls_handshakes/full", 1.0),
    ("TLS resumed", "/tls_handshakes/resumed", 1.0),
    ("payload %", "/per_message/payload_share", 100.0),
    ("CPU µs/message", "/per_message/cpu_us", 1.0),
    ("memory/client", "/memory_per_client/user", 1.0),
    ("p50 ms", "/latency/p50", 0.001),
    ("p99 ms", "/latency/p99", 0.001),
    ("max ms", "/latency/max", 0.001),
];

/// Figures of each variant, in the order of the run, by column.
type Figures = Vec<(String, BTreeMap<&'static str, f64>)>;

#[test]
fn every_claim_is_shown_by_its_command() {
    let page = fs::read_to_string(PAGE).expect("the page");
    let update = env::var_os("UPDATE_CLAIMS").is_some();
    let mut written = String::new();
    let mut lines = page.lines().peekable();
    let mut figures = Figures::new();
    let (mut tables, mut held) = (0, 0);
    while let Some(line) = lines.next() {
        writeln!(written, "{line}").expect("a string");
        if let Some(arguments) = line.strip_prefix("tollway compare ") {
            figures = compare(arguments);
        }
        if line.starts_with("Held: ") {
            hold(line, &figures);
            held += 1;
        }
        if !line.starts_with("| | ") {
            continue;
        }
        tables += 1;
        let rule = lines.next().expect("a rule below the header");
        writeln!(written, "{rule}").expect("a string");
        let shall = rows(line, &figures);
        let mut is = Vec::new();
        while let Some(row) = lines.next_if(|next| next.starts_with('|')) {
            is.push(row.to_owned());
        }
        if !update {
            let shapes = |rows: &[String]| rows.iter().map(|row| shape(row)).collect::<Vec<_>>();
            assert_eq!(shapes(&is), shapes(&shall), "below {line}");
        }
        for row in shall {
            writeln!(written, "{row}").expect("a string");
        }
    }
    assert!(tables >= 8 && held >= 11, "{tables} tables, {held} held");
    if update {
        fs::write(PAGE, written).expect("the page can be written");
    }
}

#[test]
fn every_test_that_a_claim_names_is_there() {
    let page = fs::read_to_string(PAGE).expect("the page");
    let commands = page.lines().filter_map(|l| l.strip_prefix("cargo test --test "));
    let mut named = 0;
    for command in commands {
        let mut words = command.split(' ');
        let (suite, test) = (words.next().expect("a suite"), words.next().expect("a test"));
        let path = format!("{}/tests/{suite}.rs", env!("CARGO_MANIFEST_DIR"));
        let source = fs::read_to_string(&path).expect("a suite");
        let there = source.lines().any(|line| line.trim() == test);
        assert!(there, "{path} has no {test}");
        named += 1;
    }
    assert!(named >= 4);
}

/// Runs a comparison.
fn compare(arguments: &str) -> Figures {
    let output = Command::new(env!("CARGO_BIN_EXE_tollway"))
        .arg("compare")
        .args(arguments.split(' '))
        .arg("--json")
        // Some of the commands draw a picture into the folder where they are.
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .output()
        .expect("it was built");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {complaint}");
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut figures = Figures::new();
    for row in json["techniques"].as_array().expect("techniques") {
        let technique = match row["technique"].as_str().expect("a name") {
            "short_poll" => "short poll",
            "long_poll" => "long poll",
            "sse" => "SSE",
            "websocket" => "WebSocket",
            other => panic!("{other} is no technique"),
        };
        let variant = row["variant"].as_str().expect("a name");
        let column = |&(name, place, factor): &(&'static str, &str, f64)| {
            let value = row.pointer(place).and_then(Value::as_f64);
            // Without TLS there are no handshakes of it.
            let is_there = value.is_some() || place.starts_with("/tls_handshakes");
            assert!(is_there, "{technique} {variant} has no {place}");
            Some((name, value? * factor))
        };
        let row = COLUMNS.iter().filter_map(column).collect();
        figures.push((format!("{technique} {variant}"), row));
    }
    figures
}

/// The rows of a table with this header.
fn rows(header: &str, figures: &Figures) -> Vec<String> {
    let columns: Vec<&str> = header.trim_matches(['|', ' ']).split(" | ").collect();
    let row = |(label, row): &(String, BTreeMap<&str, f64>)| {
        let mut line = format!("| {label} |");
        for column in &columns {
            let value = row.get(column);
            let value = value.unwrap_or_else(|| panic!("{column} is no column"));
            write!(line, " {} |", figure(*value)).expect("a string");
        }
        line
    };
    figures.iter().map(row).collect()
}

/// Three digits that count, and no more zeros than needed.
fn figure(value: f64) -> String {
    match value {
        _ if value.fract() == 0.0 || value >= 100.0 => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A row without its numbers; those of its label belong to it.
fn shape(row: &str) -> String {
    let mut cells = row.trim_matches('|').split('|').map(str::trim);
    let label = cells.next().expect("a label").to_owned();
    for cell in cells.clone() {
        assert!(cell.parse::<f64>().is_ok(), "{cell} is no number: {row}");
    }
    format!("{label}{}", " | #".repeat(cells.count()))
}

/// A sentence that is held: ``Held: `column` of `row` is 4.`` or ``… is at least 2 times that of
/// `row`.``
fn hold(line: &str, figures: &Figures) {
    let parts: Vec<&str> = line.split('`').collect();
    let figure = |column: &str, row: &str| {
        let row = figures.iter().find(|(label, _)| label == row);
        let (_, row) = row.unwrap_or_else(|| panic!("there is no such row: {line}"));
        *row.get(column).unwrap_or_else(|| panic!("there is no such column: {line}"))
    };
    let number = |words: &str, after: &str| -> Option<f64> {
        let rest = words.strip_prefix(after)?;
        rest.split(' ').next()?.trim_end_matches('.').parse().ok()
    };
    let (column, row, words) = (parts[1], parts[3], parts[4]);
    let left = figure(column, row);
    let holds = if let Some(factor) = number(words, " is at least ") {
        left >= factor * figure(column, parts[5])
    } else if let Some(factor) = number(words, " is at most ") {
        left <= factor * figure(column, parts[5])
    } else {
        let right = number(words, " is ").unwrap_or_else(|| panic!("not understood: {line}"));
        (left - right).abs() < 1e-9
    };
    assert!(holds, "{line}\nbut it is {left}: {figures:#?}");
}
