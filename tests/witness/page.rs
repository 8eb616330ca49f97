//! The live page's own count: what a browser shows beside each lane, held against the capture of
//! what that browser sent and received.
//!
//! Each lane asks under a tag of its own, so what was asked for under that tag is what the lane has
//! cost, whatever connections the browser chose for it. The page counts from its first look on, and
//! that comes before its lanes start.
//!
//! Came from: `cargo test`. Goes to: `run`, with a browser. Absent on purpose: what is drawn from
//! those figures; `browser/picture.mjs` has that.

use serde_json::Value;

use crate::account::{Account, Classes, number};
use crate::foreign::{self, Foreign};
use crate::run::Run;

const LANES: [&str; 4] = ["short_poll", "long_poll", "sse", "websocket"];

/// A figure of the page, and how the capture has it.
type Figure<T> = (&'static str, fn(&T) -> usize);

/// Bytes by class.
const CLASSES: [Figure<Classes>; 5] = [
    ("text", |classes| classes.payload),
    ("wrapping", |classes| classes.framing),
    ("heads", |classes| classes.head),
    ("rest", |classes| classes.heartbeat + classes.body),
    ("total", Classes::total),
];

/// Everything else that is counted.
const COUNTS: [Figure<Account>; 3] = [
    ("requests", |account| account.requests as usize),
    ("empty", |account| account.answers_empty as usize),
    ("messages", |account| account.messages as usize),
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
    let tags = LANES.map(|lane| page[lane]["tag"].as_str().expect("a lane has a tag"));
    for (lane, seen) in LANES.into_iter().zip(run.compare_above_tcp(&tags)) {
        for (class, of) in CLASSES {
            let wire = seen.sum(|account| of(&account.bytes_in) + of(&account.bytes_out));
            assert_eq!(number(&page[lane], &format!("/{class}")), wire, "{class} {lane} {page:#}");
        }
        for (count, of) in COUNTS {
            let wire = seen.sum(of);
            assert_eq!(number(&page[lane], &format!("/{count}")), wire, "{count} {lane} {page:#}");
        }
        assert_eq!(number(&page[lane], "/messages"), 4, "{lane}");
    }
}
