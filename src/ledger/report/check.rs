//! `/-/costs?check=1`: the identities, each with both its sides.
//!
//! Came from: `broker`. Goes to: whoever does not believe the ledger. Absent on purpose: mending.

use serde::Serialize;

use super::json;
use crate::ledger::{Identity, ShardReport};

#[derive(Serialize)]
struct Check<'a> {
    holds: bool,
    identities: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    holds: bool,
    left: Side,
    right: Side,
}

#[derive(Serialize)]
struct Side {
    what: &'static str,
    value: u64,
}

/// The identities of `sum` as JSON.
pub fn check(sum: &ShardReport) -> String {
    let side = |(what, value)| Side { what, value };
    let identities = sum.identities();
    let lines = identities.iter().map(|identity| Line {
        name: &identity.name,
        holds: identity.holds(),
        left: side(identity.left),
        right: side(identity.right),
    });
    json(&Check { holds: identities.iter().all(Identity::holds), identities: lines.collect() })
}
