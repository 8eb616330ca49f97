//! The query of a request: the fields that are known here, checked.
//!
//! Came from: `route`, with the text behind the question mark. Goes to: the same. Absent on
//! purpose: a refusal of fields that nobody knows; clients add their own, against caches for one.

use super::problem::{Problem, Rule};
use crate::ledger::Order;
use crate::wire::target;

/// The known fields. Of a field that is given twice, the last counts.
pub(super) struct Query {
    pub(super) since: Option<String>,
    pub(super) wait_s: Option<u64>,
    pub(super) limit: Option<usize>,
    pub(super) event: Option<String>,
    pub(super) check: bool,
    pub(super) offset: usize,
    pub(super) sort: Order,
    pub(super) open: bool,
    pub(super) closed: bool,
}

impl Query {
    /// What is meant when nothing is said.
    fn empty() -> Self {
        Self {
            since: None,
            wait_s: None,
            limit: None,
            event: None,
            check: false,
            offset: 0,
            sort: Order::default(),
            open: true,
            closed: false,
        }
    }

    /// Reads a query.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut fields = Self::empty();
        for pair in target::query_pairs(query.unwrap_or_default()) {
            let (name, value) = pair?;
            match name.as_ref() {
                "since" | "last_event_id" | "lastEventId" => {
                    fields.since = Some(value.into_owned());
                }
                "wait" => fields.wait_s = Some(value.parse().map_err(|_| Rule::WaitMalformed)?),
                "limit" => {
                    let limit = value.parse().ok().filter(|&limit| limit > 0);
                    fields.limit = Some(limit.ok_or(Rule::LimitMalformed)?);
                }
                "event" => fields.event = Some(value.into_owned()),
                "check" => fields.check = value != "0",
                "offset" => {
                    fields.offset = value.parse().map_err(|_| Rule::OffsetMalformed)?;
                }
                "sort" => fields.sort = Order::parse(&value).ok_or(Rule::SortUnknown)?,
                "state" => (fields.open, fields.closed) = states(&value)?,
                _ => {}
            }
        }
        Ok(fields)
    }
}

/// Which connections a table is to have: those that are open, and those that are not.
fn states(value: &str) -> Result<(bool, bool), Rule> {
    match value {
        "open" => Ok((true, false)),
        "closed" => Ok((false, true)),
        "all" => Ok((true, true)),
        _ => Err(Rule::StateUnknown),
    }
}
