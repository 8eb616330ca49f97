//! The query of a request: the fields that are known here, checked.
//!
//! Came from: `route`, with the text behind the question mark. Goes to: the same. Absent on
//! purpose: a refusal of fields that nobody knows; clients add their own, against caches for one.

use super::problem::{Problem, Rule};
use crate::wire::target;

/// The known fields. Of a field that is given twice, the last counts.
#[derive(Default)]
pub(super) struct Query {
    pub(super) since: Option<String>,
    pub(super) wait_s: Option<u64>,
    pub(super) limit: Option<usize>,
    pub(super) event: Option<String>,
}

impl Query {
    /// Reads a query.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut fields = Self::default();
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
                _ => {}
            }
        }
        Ok(fields)
    }
}
