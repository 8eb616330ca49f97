//! The wall clock is set between two runs, years back and years ahead. Numbers, cursors and epoch
//! do not depend on it; ages do, and are never less than nothing nor more than the wall says.

use super::server::Server;
use super::shim::shimmed;
use super::{Folder, all, get, post, split};

const YEARS_MS: i64 = 10 * 365 * 86_400_000;

/// A server whose wall clock is so far ahead, and which keeps messages for an hour.
fn start_at(test: &str, file: &str, wall_ms: i64) -> Option<Server> {
    let command = shimmed(test, &[("SHIM_WALL_MS", wall_ms.to_string())])?;
    Some(Server::start_by(command, &["--data", file, "--history-age", "1h"]))
}

/// Publishes, and tells the id.
fn publish(server: &Server, text: &str) -> String {
    let (status, answer) = post(server.port(), text, Some(text));
    assert_eq!(status, 201, "{answer}");
    answer["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_wall_clock_that_was_set_back_makes_nothing_old_and_changes_no_cursor() {
    let test = "a_wall_clock_that_was_set_back_makes_nothing_old_and_changes_no_cursor";
    let folder = Folder::new();
    let Some(server) = start_at(test, &folder.file(), 0) else {
        return;
    };
    let first = publish(&server, "one");
    publish(&server, "two");
    assert!(server.stop().success());
    let Some(server) = start_at(test, &folder.file(), -YEARS_MS) else {
        return;
    };
    let (status, page) = get(server.port(), &format!("/t/poll?since={first}"));
    assert_eq!((status, page.get("gap")), (200, None), "{page}");
    assert_eq!(page["messages"][0]["data"], "two");
    assert_eq!(publish(&server, "one"), first, "its key is young");
    assert_eq!(split(&publish(&server, "three")).1, 3);
    assert!(server.stop().success());
    // What was published in the past is ten years old now.
    let Some(server) = start_at(test, &folder.file(), 0) else {
        return;
    };
    let (_, found) = all(server.port());
    assert_eq!(found.len(), 3, "in the order of numbers: the third is not older than the second");
    assert_eq!(split(&publish(&server, "four")).1, 4);
    assert!(server.stop().success());
}

#[test]
fn a_wall_clock_that_was_set_far_ahead_makes_all_too_old_and_says_so() {
    let test = "a_wall_clock_that_was_set_far_ahead_makes_all_too_old_and_says_so";
    let folder = Folder::new();
    let Some(server) = start_at(test, &folder.file(), 0) else {
        return;
    };
    let first = publish(&server, "one");
    let second = publish(&server, "two");
    assert!(server.stop().success());
    let Some(server) = start_at(test, &folder.file(), YEARS_MS) else {
        return;
    };
    let (status, page) = get(server.port(), &format!("/t/poll?since={first}"));
    assert_eq!((status, &page["gap"]["reason"]), (200, &"expired".into()), "{page}");
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(0));
    let (status, _) = get(server.port(), &format!("/t/poll?since={second}"));
    assert_eq!(status, 204, "it has missed nothing");
    let (epoch, number) = split(&publish(&server, "one"));
    assert_eq!((epoch, number), (split(&first).0, 3), "its key is too old; numbers go on");
    assert!(server.stop().success());
    // Back where it was: what was published in the future is as if it were published now.
    let Some(server) = start_at(test, &folder.file(), 0) else {
        return;
    };
    let (_, found) = all(server.port());
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(3, "one".to_owned())]);
    let (status, page) = get(server.port(), &format!("/t/poll?since={second}"));
    assert_eq!((status, page.get("gap")), (200, None), "{page}");
    assert!(server.stop().success());
}
