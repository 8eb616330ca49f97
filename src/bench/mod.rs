//! `tollway bench`: load on a running server, each message checked, and what it took.
//!
//! Came from: `main`, with [`BenchOptions`]. Goes to: `load`, once for each technique; to `table`
//! or to JSON. Absent on purpose: starting a server. What is measured is the one that runs, as it
//! is set up; `compare` starts its own.

pub mod check;
pub mod figures;
pub mod flags;
pub mod in_flight;
pub mod link;
pub mod load;
pub mod messages;
pub mod payload;
pub mod progress;
pub mod publisher;
pub mod publishers;
pub mod readers;
pub mod schedule;
pub mod table;
pub mod topic_room;
pub mod workload;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use signal_hook_mio::v1_0::Signals;

use self::figures::{BenchReport, BenchRun, Ended};
use self::flags::BenchOptions;
use self::load::{Load, NoRun};
use crate::client::setback::Setback;
use crate::remote::address::ServerAddress;
use crate::remote::exchange::Exchange;
use crate::remote::flags::via;
use crate::shell::{other_process, signals, sys};

/// What was measured, as it is shown, and how the program is to end.
#[derive(Clone, Debug)]
pub struct BenchEnd {
    /// For standard output.
    pub text: String,
    /// A line that says what is wrong with it.
    pub fault: Option<String>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

/// Wrong use, and everything else that keeps a run from its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoBench {
    /// Something was asked for that this machine has not got.
    Wrong(String),
    /// The server cannot be reached, or refuses.
    Failed(String),
}

/// Runs each technique.
pub fn run(options: &BenchOptions) -> Result<BenchEnd, NoBench> {
    check_descriptors(options)?;
    check_process(options)?;
    let address = reach(options).map_err(NoBench::Failed)?;
    let failed = |error: std::io::Error| NoBench::Failed(error.to_string());
    let mut signals = signals::heard().and_then(Signals::new).map_err(failed)?;
    let mut runs: Vec<BenchRun> = Vec::new();
    let (mut signal, mut unrun) = (None, None);
    for &technique in &options.techniques {
        let run = Load::new(options, technique, address, &mut signals)
            .map_err(|error| NoRun::from(error.to_string()))
            .and_then(|load| load.run(&mut signals));
        match run {
            Ok(run) => {
                if let Ended::Signal(number) = run.ended {
                    signal = Some(number);
                }
                runs.push(run);
            }
            Err(NoRun { why, signal: None }) if runs.is_empty() => {
                return Err(NoBench::Failed(why));
            }
            Err(none) => {
                signal = none.signal;
                unrun = Some(format!("{}: {}", via(technique), none.why));
            }
        }
        if signal.is_some() || unrun.is_some() {
            break;
        }
    }
    Ok(end(options, runs, unrun, signal))
}

/// Shows what was measured, also when a later technique could not be.
fn end(
    options: &BenchOptions,
    runs: Vec<BenchRun>,
    unrun: Option<String>,
    signal: Option<i32>,
) -> BenchEnd {
    let faults: Vec<String> = runs.iter().find_map(fault).into_iter().collect();
    let report = BenchReport::of(options, runs);
    let mut text = if options.json {
        serde_json::to_string_pretty(&report).expect("plain data") + "\n"
    } else {
        table::render(&report)
    };
    let unrun = match (unrun, signal) {
        // That it was told to end is no fault.
        (Some(line), Some(_)) if !options.json => {
            text = format!("{text}\n{line}\n");
            None
        }
        (_, Some(_)) => None,
        (unrun, None) => unrun,
    };
    let faults: Vec<String> = faults.into_iter().chain(unrun).collect();
    let fault = (!faults.is_empty()).then(|| faults.join("; "));
    BenchEnd { text, fault, signal }
}

/// What is wrong with a run, in a line.
fn fault(run: &BenchRun) -> Option<String> {
    if run.is_good() {
        return None;
    }
    let complaint = run.complaints.first().cloned();
    let what = if run.faults.total() > 0 || run.readers_lost > 0 {
        let first = complaint.unwrap_or_else(|| format!("readers {}", run.faults));
        format!("not every reader got every message as it has to: {first}")
    } else if run.published == 0 {
        let refusal = run.refusal.as_ref().map(|says| format!("the first {says}"));
        let why = refusal.or(complaint).unwrap_or_else(|| "none could be sent".to_owned());
        format!("no message was taken in: {why}")
    } else {
        let first = complaint.unwrap_or_else(|| "nothing came any more".to_owned());
        format!("not every message was taken in or refused: {first}")
    };
    Some(format!("{}: {what}", run.via))
}

fn check_descriptors(options: &BenchOptions) -> Result<(), NoBench> {
    let needed = options.descriptors();
    let allowed = sys::raise_descriptor_limit();
    let allowed = allowed.map_err(|error| NoBench::Failed(error.to_string()))?;
    if needed <= allowed {
        return Ok(());
    }
    Err(NoBench::Wrong(format!(
        "--readers {} needs {needed} descriptors, and this process may have {allowed}; allow more \
         by `ulimit -n {needed}`, or give fewer readers",
        options.readers
    )))
}

fn check_process(options: &BenchOptions) -> Result<(), NoBench> {
    let Some(pid) = options.pid else {
        return Ok(());
    };
    other_process::look(pid).map(drop).map_err(|error| {
        NoBench::Wrong(if error.kind() == ErrorKind::NotFound {
            format!(
                "--pid {pid}: there is no such process on this machine; `pgrep tollway` tells \
                     which there are"
            )
        } else {
            format!("--pid {pid}: {error}; ask as its user, or leave it out")
        })
    })
}

/// The first address of the server that takes a connection, and, if it speaks TLS, is believed.
fn reach(options: &BenchOptions) -> Result<SocketAddr, String> {
    let patience = Duration::from_millis(options.patience_ms);
    let mut last = String::new();
    for &address in &options.server.addresses {
        let server = ServerAddress { addresses: vec![address], ..options.server.clone() };
        let reached = Exchange::open(&server, patience).map_err(|setback| setback.what);
        let host = &server.endpoint.host;
        let shaken = reached.and_then(|mut exchange| {
            exchange.shake_hands().map_err(|Setback { what, .. }| format!("https://{host}: {what}"))
        });
        match shaken {
            Ok(()) => return Ok(address),
            Err(why) => last = why,
        }
    }
    Err(last)
}
