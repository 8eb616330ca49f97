//! The live page's own count: what a browser shows beside each lane, held against the capture of
//! what that browser sent and received.
//!
//! The page is the only reader, so what the capture has for a technique is what the page's lane has
//! cost, whatever connections the browser chose for it. The page counts from its first look on, and
//! that comes before its lanes start.
//!
//! Came from: `cargo test`. Goes to: `run`, with a browser. Absent on purpose: what is drawn from
//! those figures; `browser/picture.mjs` has that.

use serde_json::Value;

use crate::account::number;
use crate::foreign::{self, Foreign};
use crate::run::Run;

/// Classes of the page, and those of the ledger that are in each.
const CLASSES: [(&str, &[&str]); 5] = [
    ("text", &["payload"]),
    ("wrapping", &["framing"]),
    ("heads", &["head"]),
    ("rest", &["heartbeat", "body"]),
    ("total", &["total"]),
];

#[test]
fn what_the_live_page_says_that_it_costs() {
    let test = "what_the_live_page_says_that_it_costs";
    let Some(chromium) = foreign::chromium(test) else {
        return;
    };
    let Some(node) = Foreign::node(test, &["playwright-core"], "witness/page.mjs") else {
        return;
    };
    let Some(run) = Run::start(test, &[]) else {
        return;
    };
    let said = node.run(&[&run.port().to_string(), test, &chromium]);
    let page: Value = serde_json::from_str(&said).expect("an object with a row for each lane");
    let seen = run.compare(());
    for lane in ["short_poll", "long_poll", "sse", "websocket"] {
        let (own, row) = (&page[lane], &seen["techniques"][lane]);
        for (class, parts) in CLASSES {
            let of = |direction: &str| -> u64 {
                parts.iter().map(|part| number(row, &format!("/{direction}/{part}"))).sum()
            };
            let wire = of("bytes_in") + of("bytes_out");
            assert_eq!(number(own, &format!("/{class}")), wire, "{class} of {lane}: {page:#}");
        }
        for (name, figure) in
            [("requests", "requests"), ("empty", "answers_empty"), ("messages", "messages")]
        {
            let wire = number(row, &format!("/{figure}"));
            assert_eq!(number(own, &format!("/{name}")), wire, "{name} of {lane}: {page:#}");
        }
        assert_eq!(number(own, "/messages"), 4, "{lane}");
    }
}
