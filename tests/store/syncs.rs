//! A disk that reports an error when it is to sync: what was acknowledged is there, what was not
//! may be repeated under its key and comes once, the server says so and goes on by itself.
//!
//! Each sync of a run fails in its turn, and sometimes the ones behind it, with which the server
//! looks whether the file can be used again.

use std::time::Duration;
use std::{fs, thread};

use serde_json::Value;

use super::server::{Server, within};
use super::shim::shimmed;
use super::{Acked, Folder, KEEPS_ALL, all, get, post, split, start};

/// Syncs that fail in their turn, counted from when the server is there.
const SYNCS: u64 = 14;
const MESSAGES: usize = 12;
const REPEATS_MAX: u64 = 400;
const PATIENCE_MS: u64 = 30_000;

/// Publishes under a key until it is acknowledged. Tells the answer, and how often it was told that
/// the store is unavailable.
fn publish(port: u16, n: usize) -> (Value, u64) {
    for unavailable in 0..REPEATS_MAX {
        let (status, answer) = post(port, &format!("message {n}"), Some(&format!("k{n}")));
        if status == 201 {
            return (answer, unavailable);
        }
        assert_eq!((status, &answer["code"]), (503, &"store_unavailable".into()), "{answer}");
        thread::sleep(Duration::from_millis(5));
    }
    panic!("message {n} is not taken");
}

/// How many calls of the store have failed, when the server has said so, and that it goes on.
fn failures(server: &Server) -> Option<u64> {
    let (_, costs) = get(server.port(), "/-/costs");
    let failures = costs["store"]["failures"].as_u64().expect("a count");
    let said = server.log();
    let fails = said.matches("the store cannot be used").count();
    let again = said.matches("the store can be used again").count();
    (fails == again && (fails > 0) == (failures > 0)).then_some(failures)
}

/// What a run has told.
#[derive(Default)]
struct Told {
    unavailable: u64,
    failures: u64,
}

/// One run in which the `first` sync fails, and so many in all.
fn play(test: &str, sync: &str, first: u64, many: u64) -> Option<Told> {
    let folder = Folder::new();
    let file = folder.file();
    assert!(start(&file, &[]).stop().success(), "there is a file by now");
    let armed = format!("{file}.armed");
    let fails = ("SHIM_SYNC_FAILS", format!("{first} {many}"));
    let command = shimmed(test, &[fails, ("SHIM_ARMED", armed.clone())])?;
    let flags = [&["--data", &file, "--sync", sync], &KEEPS_ALL[..]].concat();
    let server = Server::start_by(command, &flags);
    fs::write(armed, "").expect("it is ours");
    let (mut told, mut acked) = (Told::default(), Acked::new());
    for n in 0..MESSAGES {
        let (answer, unavailable) = publish(server.port(), n);
        told.unavailable += unavailable;
        acked.insert(split(answer["id"].as_str().expect("an id")).1, format!("message {n}"));
        if sync != "always" {
            thread::sleep(Duration::from_millis(15)); // So that there is a sync to fail.
        }
    }
    assert_eq!(acked.len(), MESSAGES, "each has a number of its own");
    told.failures = within(PATIENCE_MS, || failures(&server)).expect("it goes on by itself");
    let (_, live) = all(server.port());
    let said = server.log();
    server.end_by("KILL");
    let server = start(&file, &[]);
    let (_, found) = all(server.port());
    assert!(server.stop().success());
    assert_eq!(found, acked, "once, in order: {said}");
    assert_eq!(live, found, "what readers were told is what is there");
    Some(told)
}

fn play_all(test: &str, sync: &str) {
    let mut sum = Told::default();
    for first in 1..=SYNCS {
        for many in [1, 3] {
            let Some(told) = play(test, sync, first, many) else {
                return;
            };
            sum.unavailable += told.unavailable;
            sum.failures += told.failures;
        }
    }
    println!("--sync {sync}: {} failures, {} publishes told so", sum.failures, sum.unavailable);
    assert!(sum.failures >= SYNCS / 2, "{} failures", sum.failures);
}

#[test]
fn a_sync_that_fails_loses_nothing_that_was_acknowledged() {
    play_all("a_sync_that_fails_loses_nothing_that_was_acknowledged", "always");
}

#[test]
fn a_later_sync_that_fails_loses_nothing_that_was_handed_to_the_system() {
    play_all("a_later_sync_that_fails_loses_nothing_that_was_handed_to_the_system", "10ms");
}
