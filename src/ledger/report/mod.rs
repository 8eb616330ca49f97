//! The ledger as text: JSON for people and pages, the Prometheus exposition for monitoring.
//!
//! Came from: `broker`, with the reports of all threads added up. Goes to: the body of an answer.
//! Absent on purpose: topics as labels; their number has no bound, and a metric's labels must.

mod check;
mod costs;
mod prometheus;
pub mod shapes;
mod table;
mod tags;

pub use check::check;
pub use costs::costs;
pub use prometheus::{PROMETHEUS_TYPE, prometheus};
pub use table::{Page, table};
pub use tags::{TagList, tags};

use serde::Serialize;

/// What `value` is in JSON.
fn json(value: &impl Serialize) -> String {
    // Numbers, names and lists of them; none of our keys is anything but a string.
    serde_json::to_string(value).expect("reports can be written in JSON")
}

/// `part` of a `whole`, for averages; 0 of nothing.
fn ratio(part: impl Into<u128>, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    // Close enough: an average is read by people, to a few digits.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let ratio = part.into() as f64 / whole as f64;
    rounded(ratio)
}

/// To three places behind the point.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
