//! `tollway compare`: the same messages by each technique, and what each of them costs.
//!
//! One run for each variant, one after the other: a fresh server process, a process with all
//! clients, and this one, which publishes and asks. What a technique costs is what the server's
//! ledger says at the end less what it said at the beginning; how long a message took is what the
//! clients saw. A run in which a client did not get every message, once, in order, is void, and so
//! is the comparison.
//!
//! Came from: `main`, with a [`CompareOptions`]. Goes to: `processes`, `client` for what the
//! clients do, and to whoever reads the figures. Absent on purpose: measuring anything twice. What
//! the ledger counts is not counted here.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures are counts far below 2^53 and never negative, and are shown in three digits"
)]

pub mod clients;
pub mod csv;
pub mod figures;
pub mod findings;
pub mod flags;
pub mod http;
pub mod markdown;
pub mod processes;
pub mod progress;
pub mod setup;
pub mod svg;
pub mod table;
pub mod target;
pub mod terminal;
pub mod timeline;
pub mod variant;

use std::net::SocketAddr;
use std::{env, io, process};

use terminal_size::Width;

use self::figures::{Comparison, Figures, Measured, TlsHandshakes};
use self::flags::{CompareOptions, Form};
use self::http::HttpConnection;
use self::processes::{ClientsProcess, Needs, ServerProcess};
use self::progress::Progress;
use self::setup::ServerWords;
use self::target::Target;
use self::variant::Variant;
use crate::client::quantiles::Quantiles;
use crate::client::response::ResponseHead;
use crate::client::setback::Setback;
use crate::client::stamp;
use crate::client::subscriber::ReadMode;
use crate::client::swarm::Plan;
use crate::client::trace::Moment;
use crate::ledger::report::shapes::{CostsReport, TechniqueCosts};
use crate::shell::clock;
use crate::shell::tls::own_pair::OwnPair;
use crate::shell::tls::trust::trust;
use crate::technique::Technique;

/// What a comparison gives.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// For standard output.
    pub text: String,
    /// For `--svg`.
    pub picture: String,
    /// For `--timeline`.
    pub timeline: String,
}

/// What came of a run: the figures, what its server says of itself, and what the first client saw.
type Run = (Figures, ServerWords, Vec<Moment>);

/// Where a run's messages go.
struct Destination {
    target: Target,
    topic: String,
}

/// Runs every variant. An error is a line for people; nothing is shown then, because figures of
/// a run that lost messages would be about something else.
pub fn run(options: &CompareOptions) -> Result<Outcome, String> {
    if options.form == Form::Explained {
        let text = terminal::explain(terminal_columns());
        return Ok(Outcome { text, picture: String::new(), timeline: String::new() });
    }
    let variants = Variant::all(options);
    let mut progress = Progress::begin(options, &variants);
    let (mut rows, mut traces) = (Vec::new(), Vec::new());
    let pair = options.tls.then(OwnPair::make).transpose()?;
    let mut server = ServerWords::default();
    for (number, variant) in variants.iter().enumerate() {
        progress.next(variant);
        let run = run_variant(options, variant, number, pair.as_ref(), &mut progress);
        let (figures, words, moments) =
            run.map_err(|error| format!("{}: {error}", variant.label()))?;
        server = words;
        rows.push(figures);
        traces.push(timeline::TimelineRow { technique: variant.technique, moments });
    }
    progress.end();
    let comparison = Comparison { setup: setup::setup(options, server), techniques: rows };
    let text = match options.form {
        Form::Table | Form::Explained => terminal::render(&comparison, terminal_columns()),
        Form::Json => serde_json::to_string_pretty(&comparison).expect("plain data") + "\n",
        Form::Markdown => markdown::render(&comparison),
        Form::Csv => csv::render(&comparison),
    };
    let timeline = timeline::render(&traces, &comparison.techniques, options.rtt_ms * 1000);
    Ok(Outcome { text, picture: svg::render(&comparison), timeline })
}

/// Columns of the terminal; of whatever else standard output is, as `COLUMNS` says.
fn terminal_columns() -> usize {
    let known = terminal_size::terminal_size_of(io::stdout());
    let columns = known.map(|(Width(columns), _)| usize::from(columns));
    let told = || env::var("COLUMNS").ok()?.parse().ok();
    let columns = columns.filter(|columns| *columns > 0).or_else(told);
    columns.filter(|columns| *columns > 0).unwrap_or(terminal::TABLE_COLUMNS)
}

/// One variant, against a server of its own, by TLS if there is a `pair`, or the one that was
/// given.
fn run_variant(
    options: &CompareOptions,
    variant: &Variant,
    number: usize,
    pair: Option<&OwnPair>,
    progress: &mut Progress,
) -> Result<Run, String> {
    if let Some(target) = &options.url {
        let destination = Destination {
            target: target.clone(),
            // Of its own, so that neither another run's messages nor other people's come by.
            topic: format!("compare-{}-{number}-{}", process::id(), clock::shared_us()),
        };
        return measure(options, variant, &destination, progress);
    }
    let needs = Needs {
        threads: options.threads,
        messages: options.messages,
        size: options.size,
        interval_ms: variant.interval_ms,
        publishing_ms: (options.messages as f64 * 1000.0 / options.rate) as u64,
    };
    let server = ServerProcess::start(&needs, pair)?;
    let target = Target::open(server.address, pair.map(|pair| &*pair.certificate));
    let destination = Destination { target, topic: "compare".into() };
    let run = measure(options, variant, &destination, progress)?;
    server.stop()?;
    Ok(run)
}

fn measure(
    options: &CompareOptions,
    variant: &Variant,
    destination: &Destination,
    progress: &mut Progress,
) -> Result<Run, String> {
    let (mut control, mut publisher) = connect(&destination.target)?;
    let before = ask_costs(&mut control, &destination.target)?;
    let began_us = clock::shared_us();
    let mut clients = ClientsProcess::start(&plan(options, variant, destination, control.address))?;
    clients.ready()?;
    if let ReadMode::LongPoll { .. } = variant.mode {
        wait_until_parked(&mut control, destination, options.clients, PARK_US_MAX)?;
    }
    let late = publish(options, &mut publisher, destination, progress)?;
    clients.over(5_000 + 2 * variant.interval_ms + 6 * options.rtt_ms)?;
    let ended_us = clock::shared_us();
    if let ReadMode::LongPoll { .. } = variant.mode {
        // Each has asked again at once; on a long way that request is still to arrive. Whoever fell
        // out does not come back, and is told of by the report.
        let patience_us = PARK_AGAIN_US_MAX + options.rtt_ms * 1000;
        let _ = wait_until_parked(&mut control, destination, options.clients, patience_us);
    }
    let after = ask_costs(&mut control, &destination.target)?;
    let report = clients.stop()?;
    if !report.complaints.is_empty() {
        return Err(void(&report.complaints));
    }
    let tls = control.tls_version();
    let handshakes = TlsHandshakes::between(&before.shared.counts, &after.shared.counts)
        .without(control.handshakes_anew())
        .without(publisher.handshakes_anew());
    let (row_before, row) = (of(&before, variant.technique), of(&after, variant.technique));
    let figures = Figures::of(Measured {
        technique: variant.technique,
        variant: variant.name.clone(),
        clients: options.clients,
        poll_interval_ms: variant.interval_ms,
        // A count of microseconds far below 2^53.
        seconds: (ended_us - began_us) as f64 / 1e6,
        row: row.counts.since(&row_before.counts),
        latency_server: (row_before.latency.count == 0).then_some(row.latency),
        tls: tls.map(|version| (version, handshakes)),
        process: (before.process, after.process),
        latency: report.latency,
        late,
    });
    let words = ServerWords { name: after.server, threads: after.threads, tls };
    Ok((figures, words, report.trace))
}

/// Our own connections: the one that asks for costs, and the one that publishes.
fn connect(target: &Target) -> Result<(HttpConnection, HttpConnection), String> {
    let failed = |error: io::Error| format!("{}: {error}", target.url(""));
    let trust = target.tls.as_ref().map(|tls| trust(&tls.host, tls.ca.as_deref())).transpose()?;
    let open = |at: &[SocketAddr]| HttpConnection::open(at, &target.host, trust.as_ref());
    let control = open(&target.addresses).map_err(failed)?;
    let mut publisher = open(&[control.address]).map_err(failed)?;
    if trust.is_some() {
        // When this is answered the server has counted the handshake, before the first client's.
        publisher.get("/-/healthy", None).map_err(failed)?;
    }
    Ok((control, publisher))
}

/// What the clients are to do.
fn plan(
    options: &CompareOptions,
    variant: &Variant,
    destination: &Destination,
    address: SocketAddr,
) -> Plan {
    let Target { host, tls, token, .. } = &destination.target;
    Plan {
        address,
        host: host.clone(),
        tls: tls.clone(),
        token: token.clone(),
        topic: destination.topic.clone(),
        mode: variant.mode,
        clients: options.clients,
        messages: options.messages,
        size: options.size,
        interval_us: variant.interval_ms * 1000,
        rtt_us: options.rtt_ms * 1000,
        is_traced: options.timeline.is_some(),
    }
}

/// What one technique has cost.
fn of(costs: &CostsReport, technique: Technique) -> &TechniqueCosts {
    let row = costs.techniques.named(technique.name());
    row.expect("each technique pays under its own name: tests/ledger.rs")
}

/// Publishes to a schedule that does not wait for anybody: a message is due at its moment, however
/// long the one before it took. Gives how late each was.
fn publish(
    options: &CompareOptions,
    publisher: &mut HttpConnection,
    destination: &Destination,
    progress: &mut Progress,
) -> Result<Quantiles, String> {
    let mut late_us = Vec::new();
    let period_us = 1e6 / options.rate;
    let first_us = clock::shared_us() + (period_us as u64).min(FIRST_US_MAX);
    for number in 0..options.messages {
        let due_us = first_us + (number as f64 * period_us) as u64;
        clock::sleep_until_us(due_us);
        let late = clock::shared_us().saturating_sub(due_us);
        late_us.push(u32::try_from(late).unwrap_or(u32::MAX));
        let text = stamp::write(number + 1, clock::shared_us(), options.size);
        let (status, body) = publisher
            .post(&destination.topic, &text, destination.target.token.as_ref())
            .map_err(|error| format!("publishing message {}: {error}", number + 1))?;
        if status / 100 != 2 {
            let head = ResponseHead { status, fields: Vec::new() };
            let Setback { what, .. } = Setback::refused(&head, &body);
            return Err(format!("message {} {what}", number + 1));
        }
        progress.published(number + 1);
    }
    Ok(Quantiles::of(late_us))
}

/// What the ledger says. A server without one cannot be compared.
fn ask_costs(control: &mut HttpConnection, target: &Target) -> Result<CostsReport, String> {
    let url = target.url("/-/costs");
    let token = target.costs_token.as_ref();
    let asked = control.get("/-/costs", token);
    let (status, body) = asked.map_err(|error| format!("{url}: {error}"))?;
    if matches!(status, 401 | 403) {
        return Err(format!(
            "{url} answers {status}: this server tells what it costs to who has an admin token; \
             give --admin-token"
        ));
    }
    if status == 400 && target.tls.is_none() {
        return Err(format!(
            "{url} answers 400; if this server speaks TLS there, write https://{}",
            target.host
        ));
    }
    if status != 200 {
        return Err(format!(
            "{url} answers {status}: this server does not tell what it costs, and cannot be \
             compared"
        ));
    }
    let read = serde_json::from_slice(&body);
    read.map_err(|error| format!("{url} is not the ledger that is known here: {error}"))
}

/// A long poll cannot know that it is parked, and a message before would be told to nobody: the
/// first request is for what comes after the moment in which it is read.
fn wait_until_parked(
    control: &mut HttpConnection,
    destination: &Destination,
    clients: usize,
    patience_us: u64,
) -> Result<(), String> {
    let path = format!("/{}/info", destination.topic);
    let until = clock::shared_us() + patience_us;
    loop {
        let asked = control.get(&path, destination.target.token.as_ref());
        let (status, body) = asked.map_err(|error| format!("{path}: {error}"))?;
        let info: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let parked = info["subscribers"]["long_poll"].as_u64();
        match parked {
            Some(parked) if parked >= clients as u64 => return Ok(()),
            None => return Err(format!("{path} answers {status} and tells no subscribers")),
            Some(parked) if clock::shared_us() > until => {
                return Err(format!("only {parked} of {clients} long polls were parked"));
            }
            Some(_) => clock::sleep_until_us(clock::shared_us() + LOOK_EVERY_US),
        }
    }
}

/// The first few complaints, and how many there are.
fn void(complaints: &[String]) -> String {
    let shown = complaints.iter().take(COMPLAINTS_SHOWN).cloned();
    let shown = shown.collect::<Vec<_>>().join("; ");
    match complaints.len().saturating_sub(COMPLAINTS_SHOWN) {
        0 => format!("void: {shown}"),
        more => format!("void: {shown}; and so on for {more} more"),
    }
}

const COMPLAINTS_SHOWN: usize = 5;
/// The first message comes one period after the clients are there, and not later than this.
const FIRST_US_MAX: u64 = 200_000;
/// From the last request that left to the moment when the server has parked it.
const PARK_US_MAX: u64 = 20_000_000;
/// The same after the last message, beside the round trip.
const PARK_AGAIN_US_MAX: u64 = 1_000_000;
const LOOK_EVERY_US: u64 = 5_000;
