//! `/-/connections`: the table of connections, as JSON, a page at a time.
//!
//! Came from: `broker`. Goes to: people. Absent on purpose: headers and data of requests; a row
//! says what a connection costs, not what it talks about.

use serde::Serialize;

use super::costs::ByClass;
use super::json;
use crate::ids::Millis;
use crate::ledger::{Row, ShardReport};

/// Which rows of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows before it.
    pub offset: usize,
    /// Rows on it, at most.
    pub limit: usize,
}

#[derive(Serialize)]
struct Table<'a> {
    total: u64,
    offset: usize,
    limit: usize,
    connections: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: u64,
    technique: &'static str,
    peer: String,
    state: &'a str,
    age_ms: u64,
    idle_ms: u64,
    bytes_in: ByClass,
    bytes_out: ByClass,
    messages: u64,
    pending: u64,
    rtt_us: u32,
    segments_in: u32,
    segments_out: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_ms_ago: Option<u64>,
}

/// A page of the table that `sum` has, as JSON.
pub fn table(sum: &ShardReport, page: Page, now: Millis) -> String {
    let rows = sum.rows.iter().skip(page.offset).take(page.limit);
    json(&Table {
        total: sum.rows_total,
        offset: page.offset,
        limit: page.limit,
        connections: rows.map(|row| line(row, now)).collect(),
    })
}

fn line(row: &Row, now: Millis) -> Line<'_> {
    Line {
        id: row.id,
        technique: row.payer.name(),
        peer: row.peer.to_string(),
        state: row.state,
        age_ms: row.age_ms,
        idle_ms: row.idle_ms,
        bytes_in: (&row.bytes_in).into(),
        bytes_out: (&row.bytes_out).into(),
        messages: row.messages,
        pending: row.pending,
        rtt_us: row.rtt_us,
        segments_in: row.segments_in,
        segments_out: row.segments_out,
        closed: row.closed.map(|closed| closed.reason.name()),
        closed_ms_ago: row.closed.map(|closed| now.since(closed.at)),
    }
}
