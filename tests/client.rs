//! The client of `/-/client.js` in Node: what it promises, behind proxies that are in the way.
//!
//! The module is the one that the server sends. Chromium runs it too, in `tests/browser.rs`.

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/server.rs"]
mod server;

use std::process::Command;

use foreign::{Foreign, missed, tests};
use server::Server;

/// Runs the function of that name in the script. Order across threads is where a server with one
/// log can lie: four of them.
fn tell(fact: &str) {
    let Some(node) = Foreign::node_with_websocket(fact, "client/node.mjs") else {
        return;
    };
    let server = Server::start(&["--threads", "4"]);
    node.run(&[&server.port().to_string(), fact, env!("CARGO_BIN_EXE_tollway")]);
}

macro_rules! facts {
    ($($fact:ident)*) => {$(
        #[test]
        fn $fact() {
            tell(stringify!($fact));
        }
    )*};
}

facts! {
    a_client_hops_among_four_techniques
    a_client_without_websocket_hops_among_three
    a_client_takes_each_technique_by_name
    a_client_reads_several_topics_and_their_names
    a_publish_whose_answer_was_lost_adds_one_message
    a_client_that_its_callback_closes_hears_no_more
    a_refused_request_ends_the_client_and_says_why
    a_killed_server_is_a_gap_on_every_technique
    a_server_that_ends_is_no_failure_of_a_technique
    a_websocket_that_an_ending_server_refused_is_tried_again
    a_stream_that_died_in_silence_is_found_out
    a_quiet_stream_is_doubted_and_kept
    a_stream_that_beats_is_not_doubted
    a_ticket_that_never_comes_stops_nothing
    a_token_that_never_comes_is_told
    a_token_that_fails_without_an_error_is_a_failure_like_any_other
    a_long_answer_may_come_slowly
    a_long_message_may_go_slowly
    a_client_waits_as_long_as_it_is_told
    a_pause_that_cannot_be_read_is_one_of_its_own
    a_refusal_for_good_is_one_of_its_technique_also_with_a_pause
    a_long_poll_that_is_not_withheld_is_no_faster_than_a_short_one
    a_pause_beyond_the_time_to_repeat_ends_a_publish
    the_module_is_revalidated_and_a_token_is_sent
    a_client_of_no_technique_publishes_without_the_right_to_read
    a_token_opens_every_technique
}

/// The bound that the docs promise, as `gzip -9` counts. The last quarter of a KiB is for tabs that
/// follow, which must end as one that reads does, and for pages that publish and do not read.
const CLIENT_BYTES_MAX: usize = 8 * 1024 + 768;

#[test]
fn the_client_is_small() {
    let file = tests().join("../src/page/client.js");
    let output = Command::new("gzip").args(["-9", "-c", "-n"]).arg(file).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        let _: Option<()> = missed("the_client_is_small", "gzip");
        return;
    };
    let bytes = output.stdout.len();
    assert!(bytes <= CLIENT_BYTES_MAX, "{bytes} bytes");
}

#[test]
fn the_package_holds_the_client_its_types_and_its_licences() {
    let fact = "the_package_holds_the_client_its_types_and_its_licences";
    let mut npm = Command::new("npm");
    npm.args(["pack", "--dry-run", "--json", "--offline"]);
    npm.current_dir(tests().join("../src/page"));
    let Some(output) = npm.output().ok().filter(|output| output.status.success()) else {
        let _: Option<()> = missed(fact, "npm");
        return;
    };
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("npm speaks JSON");
    let files = told[0]["files"].as_array().expect("a list");
    let mut names: Vec<_> = files.iter().filter_map(|file| file["path"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["README.md", "client.d.ts", "client.js", "package.json"]);
    assert_eq!(told[0]["version"], env!("CARGO_PKG_VERSION"), "one version for both");
}
