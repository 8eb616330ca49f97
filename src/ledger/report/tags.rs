//! `/-/costs?tag=…`: what passed under tags, as JSON.
//!
//! Came from: `broker`. Goes to: clients that want to know what they cost; the live page is one.
//! Absent on purpose: tags that were not asked for.

use serde::Serialize;
use serde_json::{Map, Value};

use super::shapes::ByClass;
use super::{json, ratio};
use crate::ids::Millis;
use crate::ledger::{CostTag, ShardReport, TagAccount};
use crate::limits::TAGS_ASKED_MAX;

/// The tags that are asked for at once.
pub type TagList = [Option<CostTag>; TAGS_ASKED_MAX];

#[derive(Serialize)]
struct TagReport {
    uptime_s: f64,
    tags: Map<String, Value>,
}

#[derive(Serialize)]
struct TagCosts {
    requests: u64,
    answers_empty: u64,
    messages: u64,
    bytes_in: ByClass,
    bytes_out: ByClass,
}

/// What `sum` says of the tags asked for, `now` milliseconds after the start.
pub fn tags(sum: &ShardReport, asked: &TagList, now: Millis) -> String {
    let row = |tag: &CostTag| {
        let account = sum.ledger.tags.account(*tag).map(costs);
        let value = account.map_or(Value::Null, |costs| {
            serde_json::to_value(costs).expect("numbers can be written in JSON")
        });
        (tag.to_string(), value)
    };
    let tags = asked.iter().flatten().map(row).collect();
    json(&TagReport { uptime_s: ratio(now.0, 1000), tags })
}

fn costs(account: &TagAccount) -> TagCosts {
    TagCosts {
        requests: account.requests,
        answers_empty: account.answers_empty,
        messages: account.messages,
        bytes_in: (&account.bytes_in).into(),
        bytes_out: (&account.bytes_out).into(),
    }
}
