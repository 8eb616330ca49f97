//! What was measured, as tables in Markdown, or as JSON.
//!
//! Came from: `peers`. Goes to: standard output. Absent on purpose: judging.

#![expect(clippy::cast_precision_loss, reason = "microseconds and bytes far below 2^53")]

use std::fmt::Write as _;

use super::lanes::{Lane, Sample};
use super::servers::Server;

/// A sample and where it is from.
#[derive(serde::Serialize)]
pub(crate) struct Row {
    pub(crate) lane: &'static str,
    pub(crate) server: &'static str,
    pub(crate) round: usize,
    #[serde(flatten)]
    pub(crate) sample: Option<Sample>,
    /// Why there is no sample.
    pub(crate) error: Option<String>,
}

pub(crate) struct Report<'r> {
    pub(crate) lanes: &'r [&'static Lane],
    pub(crate) servers: &'r [Server],
    pub(crate) rounds: usize,
    pub(crate) rows: &'r [Row],
    /// Servers and lanes that are not there at all, and why.
    pub(crate) absent: &'r [String],
}

/// What of a sample a table is about.
type Figure = fn(&Sample) -> Option<f64>;

impl Report<'_> {
    pub(crate) fn json(&self) -> String {
        let object = serde_json::json!({
            "rounds": self.rounds, "absent": self.absent, "samples": self.rows,
        });
        serde_json::to_string_pretty(&object).expect("plain data")
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        let work = |lane: &Lane| !lane.measures_memory();
        self.table(
            &mut text,
            "CPU time of an operation, as a ratio to the floor in the same round",
            work,
            &|lane, server| match server {
                Server::Floor => self.median(lane, server, |sample| sample.cpu_us, "µs", 2),
                _ => self.ratio(lane, server),
            },
        );
        self.table(
            &mut text,
            "Latency in milliseconds, p50 / p99",
            Lane::measures_latency,
            &|lane, server| {
                let p50 = self.values(lane, server, |s| s.p50_us.map(|us| us as f64 / 1e3));
                let p99 = self.values(lane, server, |s| s.p99_us.map(|us| us as f64 / 1e3));
                Some(format!("{:.2} / {:.2}", middle(&p50)?, middle(&p99)?))
            },
        );
        self.table(&mut text, "Memory (resident)", Lane::measures_memory, &|lane, server| {
            if lane.name == "start" {
                let mebibytes = |s: &Sample| s.bytes.map(|bytes| bytes as f64 / 1_048_576.0);
                return self.median(lane, server, mebibytes, "", 1);
            }
            let bytes = |sample: &Sample| sample.bytes.map(|bytes| bytes as f64);
            self.median(lane, server, bytes, "", 0).map(|cell| grouped(&cell))
        });
        for line in self.notes() {
            writeln!(text, "- {line}").expect(TAKES);
        }
        text
    }

    fn table(
        &self,
        text: &mut String,
        title: &str,
        belongs: impl Fn(&Lane) -> bool,
        cell: &dyn Fn(&Lane, Server) -> Option<String>,
    ) {
        let lanes: Vec<_> = self.lanes.iter().filter(|lane| belongs(lane)).collect();
        if lanes.is_empty() {
            return;
        }
        let titles: Vec<_> = self.servers.iter().map(|server| server.title()).collect();
        let rounds = if self.rounds == 1 { "1 round" } else { &format!("{} rounds", self.rounds) };
        writeln!(text, "{title}: medians of {rounds} (least to most).\n").expect(TAKES);
        writeln!(text, "| lane | {} |", titles.join(" | ")).expect(TAKES);
        writeln!(text, "| ---{} |", " | ---".repeat(titles.len())).expect(TAKES);
        for lane in lanes {
            let cells = self.servers.iter().map(|server| cell(lane, *server));
            let cells: Vec<_> = cells.map(|cell| cell.unwrap_or_else(|| "–".to_owned())).collect();
            writeln!(text, "| {} | {} |", lane.title, cells.join(" | ")).expect(TAKES);
        }
        text.push('\n');
    }

    fn values(&self, lane: &Lane, server: Server, figure: Figure) -> Vec<f64> {
        let rows = self.rows.iter().filter(|row| row.is_of(lane, server));
        sorted(rows.filter_map(|row| row.sample.as_ref().and_then(figure)).collect())
    }

    fn median(
        &self,
        lane: &Lane,
        server: Server,
        figure: Figure,
        unit: &str,
        digits: usize,
    ) -> Option<String> {
        shown(&self.values(lane, server, figure), unit, digits)
    }

    fn ratio(&self, lane: &Lane, server: Server) -> Option<String> {
        let cpu = |server, round| {
            let row = self.rows.iter().find(|row| row.is_of(lane, server) && row.round == round)?;
            row.sample.as_ref()?.cpu_us
        };
        let ratio = |round| Some(cpu(server, round)? / cpu(Server::Floor, round)?);
        shown(&sorted((1..=self.rounds).filter_map(ratio).collect()), "", 2)
    }

    /// Why cells are empty, or rest on fewer rounds.
    fn notes(&self) -> Vec<String> {
        let mut notes = self.absent.to_vec();
        let mut failed: Vec<(&str, &str)> = Vec::new();
        for row in self.rows {
            let Some(error) = &row.error else {
                continue;
            };
            if !failed.contains(&(row.lane, row.server)) {
                failed.push((row.lane, row.server));
                notes.push(format!(
                    "{} in {}: no figure of round {}: {error}",
                    row.server, row.lane, row.round
                ));
            }
        }
        notes
    }
}

impl Row {
    fn is_of(&self, lane: &Lane, server: Server) -> bool {
        self.lane == lane.name && self.server == server.name()
    }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted[sorted.len() / 2]);
    Some(f64::midpoint(*low, high))
}

fn shown(sorted: &[f64], unit: &str, digits: usize) -> Option<String> {
    let median = middle(sorted)?;
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    if sorted.len() == 1 {
        return Some(format!("{median:.digits$}{unit}"));
    }
    let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
    Some(format!("{median:.digits$}{unit} ({least:.digits$}–{most:.digits$})"))
}

/// Whole numbers of a cell with a comma before every three digits.
fn grouped(cell: &str) -> String {
    let mut out = String::new();
    let mut rest = cell;
    while let Some(c) = rest.chars().next() {
        out.push(c);
        rest = &rest[c.len_utf8()..];
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        if c.is_ascii_digit() && digits > 0 && digits % 3 == 0 {
            out.push(',');
        }
    }
    out
}

const TAKES: &str = "a string takes everything";
