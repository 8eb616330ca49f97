//! What the capture says that a technique cost: the figures of the ledger, derived anew.
//!
//! Came from: `classes`, which adds bytes, and `run`, which adds segments. Goes to: `run`, which
//! compares them with what `/-/costs` says. Absent on purpose: figures that no capture can show,
//! as memory and latency.

use std::collections::BTreeMap;

use serde_json::Value;

/// The rows of the ledger.
pub(crate) const TECHNIQUES: [&str; 6] =
    ["short_poll", "long_poll", "sse", "websocket", "publish", "other"];

/// Bytes of one direction by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Classes {
    pub(crate) head: usize,
    pub(crate) framing: usize,
    pub(crate) payload: usize,
    pub(crate) heartbeat: usize,
    pub(crate) body: usize,
    pub(crate) tls: usize,
}

/// The row of one technique.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) opened: u64,
    pub(crate) joined: u64,
    pub(crate) left: u64,
    pub(crate) closed: u64,
    pub(crate) requests: u64,
    pub(crate) answers_empty: u64,
    pub(crate) messages: u64,
    pub(crate) bytes_in: Classes,
    pub(crate) bytes_out: Classes,
    pub(crate) kernel: Kernel,
    /// Segments out of which the ledger may know or not: see `end`.
    pub(crate) late: u64,
}

/// What the kernel counts on connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) segments_in: u64,
    pub(crate) segments_out: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) retransmits: u64,
}

/// All rows, and who is in none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    rows: BTreeMap<&'static str, Account>,
    pub(crate) strangers: u64,
}

impl Kernel {
    /// What this counts and `before` did not.
    pub(crate) fn minus(&self, before: &Self) -> Self {
        Self {
            segments_in: self.segments_in - before.segments_in,
            segments_out: self.segments_out - before.segments_out,
            bytes_in: self.bytes_in - before.bytes_in,
            bytes_out: self.bytes_out - before.bytes_out,
            retransmits: self.retransmits - before.retransmits,
        }
    }

    pub(crate) fn add(&mut self, more: &Self) {
        self.segments_in += more.segments_in;
        self.segments_out += more.segments_out;
        self.bytes_in += more.bytes_in;
        self.bytes_out += more.bytes_out;
        self.retransmits += more.retransmits;
    }
}

impl Classes {
    pub(crate) fn total(&self) -> usize {
        self.head + self.framing + self.payload + self.heartbeat + self.body + self.tls
    }

    fn figures(&self, direction: &str) -> Vec<(String, u64)> {
        let classes = [
            ("head", self.head),
            ("framing", self.framing),
            ("payload", self.payload),
            ("heartbeat", self.heartbeat),
            ("body", self.body),
            ("tls", self.tls),
            ("total", self.total()),
        ];
        let named = |(class, bytes)| (format!("/{direction}/{class}"), bytes as u64);
        classes.into_iter().map(named).collect()
    }
}

impl Account {
    /// Every figure, with its place in the row.
    fn figures(&self) -> Vec<(String, u64)> {
        let open = self.opened + self.joined - self.left - self.closed;
        let plain = [
            ("/connections/opened", self.opened),
            ("/connections/joined", self.joined),
            ("/connections/left", self.left),
            ("/connections/open", open),
            ("/connections/closed/total", self.closed),
            ("/requests", self.requests),
            ("/answers_empty", self.answers_empty),
            ("/messages", self.messages),
            ("/tcp/handshakes", self.opened),
            ("/tcp/segments_in", self.kernel.segments_in),
            ("/tcp/segments_out", self.kernel.segments_out),
            ("/tcp/bytes_in", self.kernel.bytes_in),
            ("/tcp/bytes_out", self.kernel.bytes_out),
            ("/tcp/retransmits", self.kernel.retransmits),
        ];
        let mut figures = self.bytes_in.figures("bytes_in");
        figures.extend(self.bytes_out.figures("bytes_out"));
        figures.extend(plain.map(|(path, value)| (path.to_owned(), value)));
        figures
    }
}

impl Accounts {
    /// The row of a technique, to be added to.
    pub(crate) fn of(&mut self, technique: &'static str) -> &mut Account {
        self.rows.entry(technique).or_default()
    }

    /// A figure, all rows together.
    pub(crate) fn sum(&self, figure: impl Fn(&Account) -> usize) -> u64 {
        self.rows.values().map(|row| figure(row) as u64).sum()
    }

    /// Where the ledger says something else than the capture, a line for each.
    pub(crate) fn differences(&self, costs: &Value) -> Vec<String> {
        let mut figures = vec![("/strangers".to_owned(), self.strangers)];
        for technique in TECHNIQUES {
            let row = self.rows.get(technique).cloned().unwrap_or_default();
            let place = |(path, value)| (format!("/techniques/{technique}{path}"), value);
            figures.extend(row.figures().into_iter().map(place));
        }
        let differences = figures.into_iter().filter_map(|(path, capture)| {
            let ledger = number(costs, &path);
            let line = format!("{path}: the ledger says {ledger}, the capture {capture}");
            (ledger.abs_diff(capture) > self.late_in(&path)).then_some(line)
        });
        differences.collect()
    }

    /// How far the figure at `path` may be from the capture's.
    fn late_in(&self, path: &str) -> u64 {
        let row =
            path.strip_prefix("/techniques/").and_then(|p| p.strip_suffix("/tcp/segments_out"));
        row.and_then(|technique| self.rows.get(technique)).map_or(0, |row| row.late)
    }
}

/// A figure of the ledger, which has to be there.
pub(crate) fn number(row: &Value, path: &str) -> u64 {
    let value = row.pointer(path).and_then(Value::as_u64);
    value.unwrap_or_else(|| panic!("no figure {path} in {row}"))
}
