//! A real browser: the pages of every tutorial, and our own page.
//!
//! Headless Chromium, driven by `playwright-core`. The pages under `browser/pages` say no more than
//! a tutorial does; the server serves them itself, at `/static/`. A browser has rules that no
//! client library has: origins, its own cache, its own reconnecting.

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/server.rs"]
mod server;

use std::fs;
use std::path::Path;

use foreign::Foreign;
use server::{Server, for_threads_with};

/// Runs the function of that name in the script, with one thread and with four.
fn tell(fact: &str) {
    let script = "browser/chromium.mjs";
    let Some(chromium) = foreign::chromium(fact) else {
        return;
    };
    let Some(node) = Foreign::node(fact, &["playwright-core"], script) else {
        return;
    };
    let pages = foreign::tests().join("browser/pages");
    let pages = pages.to_str().expect("a tree in a path of UTF-8");
    let screenshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&screenshots).expect("target is writable");
    let screenshots = screenshots.to_str().expect("a tree in a path of UTF-8");
    // Pings come often enough for a fact to see that they are answered.
    for_threads_with(&["--static", pages, "--heartbeat", "500ms"], |server| {
        let port = server.port().to_string();
        node.run(&[&port, fact, &chromium, screenshots]);
    });
}

/// Runs the function of that name in the script about rights, with a server that asks for some.
fn tell_right(fact: &str) {
    let script = "browser/rights.mjs";
    let Some(chromium) = foreign::chromium(fact) else {
        return;
    };
    let Some(node) = Foreign::node(fact, &["playwright-core"], script) else {
        return;
    };
    let token = "both-rights-of-the-operator";
    for_threads_with(&["--publish-token", token, "--subscribe-token", token], |server| {
        node.run(&[&server.port().to_string(), fact, &chromium]);
    });
}

/// Runs the function of that name in the script about rights, with a server of which nothing can be
/// had without a token; what it logs shows none.
fn tell_guarded(fact: &str) {
    let script = "browser/rights.mjs";
    let Some(chromium) = foreign::chromium(fact) else {
        return;
    };
    let Some(node) = Foreign::node(fact, &["playwright-core", "axe-core"], script) else {
        return;
    };
    let (both, admin) = ("both-rights-of-the-operator", "reports-for-the-operator");
    let tokens = ["--publish-token", both, "--subscribe-token", both, "--admin-token", admin];
    let server = Server::start(&[&tokens[..], &["--threads", "4", "-vv"]].concat());
    node.run(&[&server.port().to_string(), fact, &chromium]);
    let log = server.stop_and_read();
    assert!(log.contains("/-/costs") && !log.contains(both) && !log.contains(admin), "{log}");
}

/// Runs the function of that name in the script about claims, which brings its own server.
fn tell_claim(fact: &str) {
    let script = "browser/claims.mjs";
    let Some(chromium) = foreign::chromium(fact) else {
        return;
    };
    if let Some(node) = Foreign::node(fact, &["playwright-core"], script) {
        // What was measured, for whoever asks by `--nocapture`.
        print!("{}", node.run(&["0", fact, &chromium]));
    }
}

/// Runs the function of that name in a script that has a proxy in front of the server.
fn tell_behind_a_proxy(fact: &str, script: &str, packages: &[&str]) {
    let Some(chromium) = foreign::chromium(fact) else {
        return;
    };
    let Some(node) = Foreign::node(fact, packages, script) else {
        return;
    };
    let pages = foreign::tests().join("browser/pages");
    let pages = pages.to_str().expect("a tree in a path of UTF-8");
    let screenshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&screenshots).expect("target is writable");
    let screenshots = screenshots.to_str().expect("a tree in a path of UTF-8");
    let server = Server::start(&["--threads", "4", "--static", pages, "--allow-origin", "*"]);
    let tollway = env!("CARGO_BIN_EXE_tollway");
    // What was measured, for whoever asks by `--nocapture`.
    let port = server.port().to_string();
    print!("{}", node.run(&[&port, fact, &chromium, screenshots, tollway]));
}

fn tell_client(fact: &str) {
    tell_behind_a_proxy(fact, "browser/client.mjs", &["playwright-core"]);
}

fn tell_page(fact: &str) {
    tell_behind_a_proxy(fact, "browser/page.mjs", &["playwright-core", "axe-core"]);
}

fn tell_picture(fact: &str) {
    tell_behind_a_proxy(fact, "browser/picture.mjs", &["playwright-core"]);
}

/// Runs the function of that name in the script about origins, which starts servers as it needs.
fn tell_origin(fact: &str) {
    let script = "browser/origins.mjs";
    let Some(chromium) = foreign::chromium(fact) else {
        return;
    };
    if let Some(node) = Foreign::node(fact, &["playwright-core"], script) {
        let pages = foreign::tests().join("browser/pages");
        let pages = pages.to_str().expect("a tree in a path of UTF-8");
        node.run(&["0", fact, &chromium, env!("CARGO_BIN_EXE_tollway"), pages]);
    }
}

macro_rules! facts {
    ($tell:ident: $($fact:ident)*) => {$(
        #[test]
        fn $fact() {
            $tell(stringify!($fact));
        }
    )*};
}

facts! {
    tell_claim:
    a_data_line_without_a_blank_line_fires_nothing
    an_event_source_comes_back_by_itself_after_a_delay
    a_stream_that_ends_after_each_event_is_polling
}

facts! {
    tell_right:
    an_event_source_and_a_websocket_open_by_a_ticket
    a_cookie_serves_its_own_page_and_no_other
}

facts! {
    tell_guarded:
    the_live_page_asks_for_tokens_and_shows_them_in_no_url
}

facts! {
    tell_client:
    a_browser_hops_among_four_techniques
    three_tabs_share_one_connection
    a_tab_that_follows_ends_as_one_that_reads
    the_network_goes_and_comes_back
    a_page_that_was_put_away_goes_on_where_it_was
    a_page_of_another_origin_imports_the_client
}

facts! {
    tell_page:
    the_live_page_waits_for_no_answer_that_does_not_come
    the_live_page_keeps_up_and_keeps_fifty_lines
    the_live_page_tells_in_words_that_the_server_is_gone
    the_live_page_says_what_waits_for_a_connection
    the_live_page_publishes_whatever_becomes_of_its_lanes
    the_live_page_works_in_four_tabs
    the_live_page_can_be_used_by_everybody
}

facts! {
    tell_picture:
    the_picture_is_what_the_ledger_has_counted
    what_is_added_up_has_one_unit_in_all_rows
    pointing_shows_the_bytes_of_an_arrow_and_of_a_message
    every_control_does_what_it_says
    what_was_published_before_has_no_milliseconds
    a_tab_that_goes_holds_nothing_open_in_others
    a_tab_that_was_put_away_is_heard_again
    all_tabs_poll_at_one_interval
    the_page_speaks_the_language_of_the_browser
    six_tabs_show_one_picture
    a_server_that_is_killed_and_started_again_is_counted_on
    the_picture_goes_on_after_the_network_and_the_back_button
    the_back_button_brings_the_page_as_it_was
}

facts! {
    tell_origin:
    the_live_page_works_at_each_address_of_localhost
    the_tutorial_runs_at_each_name_of_loopback
    the_tutorial_runs_with_its_page_on_another_port
    a_page_of_another_program_is_refused
}

facts! {
    tell:
    set_interval_and_fetch_poll
    the_cache_revalidates_by_itself
    a_long_poll_asks_again_by_itself
    a_websocket_sends_and_receives
    a_websocket_is_echoed_text_bytes_and_a_mebibyte
    a_websocket_answers_pings
    a_websocket_gets_close_codes
    an_event_source_gets_messages_and_named_events
    an_event_source_survives_a_cut
    the_live_page_shows_a_message_in_every_lane
}
