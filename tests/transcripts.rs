//! Plays every transcript under `tests/transcripts` on the whole server: fed whole, byte by byte,
//! and cut at random, on one thread and on four; and holds that together they show every status,
//! every close reason and every error there is.
//!
//! One of them alone, by its path or a part of it:
//! `TRANSCRIPT=http/pipelining.txt cargo test --test transcripts`.

#[path = "support/transcript/mod.rs"]
mod transcript;
#[path = "support/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::path::Path;

use tollway::close::CloseReason;
use tollway::wire::response::Status;
use transcript::feeding::{Cuts, Feeding};
use transcript::{Act, Piece, Step, Transcript, offences, parse, play};

const ROOT: &str = "tests/transcripts";

/// One test a folder, so that folders are played side by side.
macro_rules! folders {
    ($($test:ident $folder:literal)*) => {
        $(#[test]
        fn $test() {
            play_folder($folder);
        })*

        const FOLDERS: &[&str] = &[$($folder),*];
    };
}

folders! {
    http "http"
    malformed_requests "malformed"
    publishing "publish"
    short_polling "short_poll"
    long_polling "long_poll"
    event_streams "sse"
    websockets "websocket"
    websocket_offences "websocket_offences"
    v1 "v1"
    deflate "deflate"
    hopping "hopping"
    browsers "browsers"
    limits "limits"
    proxies "proxies"
    drains "drain"
    files "files"
    reports "reports"
    rights "rights"
    tls "tls"
    regressions "regressions"
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names_in(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("readable").file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

fn read_folder(folder: &str) -> Vec<Transcript> {
    let folder = format!("{ROOT}/{folder}");
    let names = names_in(&folder);
    names.iter().map(|name| parse::read(root(), &format!("{folder}/{name}"))).collect()
}

fn play_folder(folder: &str) {
    let wanted = std::env::var("TRANSCRIPT").unwrap_or_default();
    let stories = read_folder(folder);
    let stories: Vec<_> = stories.iter().filter(|s| s.path.contains(&wanted)).collect();
    let wrongs: Vec<String> = stories.iter().filter_map(|s| play::play_all(s).err()).collect();
    let (wrong, all) = (wrongs.len(), stories.len());
    assert!(wrongs.is_empty(), "{wrong} of {all} in {folder}:\n\n{}\n", wrongs.join("\n\n"));
}

fn everything() -> Vec<Transcript> {
    FOLDERS.iter().flat_map(|folder| read_folder(folder)).collect()
}

#[test]
fn every_folder_is_played() {
    let listed: BTreeSet<String> = FOLDERS.iter().map(ToString::to_string).collect();
    let there: BTreeSet<String> = names_in(ROOT).into_iter().collect();
    assert_eq!(listed, there);
}

/// A folder may have none of them; all folders together have one.
#[test]
fn the_story_that_is_asked_for_is_there() {
    if let Ok(wanted) = std::env::var("TRANSCRIPT") {
        let found = everything().iter().any(|story| story.path.contains(&wanted));
        assert!(found, "no transcript has {wanted} in its path");
    }
}

#[test]
fn every_story_says_which_rule_it_shows() {
    for story in everything() {
        let cited = ["RFC ", "tollway", "WHATWG "].iter().any(|name| story.title.contains(name));
        assert!(cited && story.title.ends_with('.'), "{}: “{}”", story.path, story.title);
    }
}

/// A story with one line of the server's left out is not true any more: the player hears it all.
/// Not so where the story itself passes over lines.
#[test]
fn no_line_of_the_server_can_be_left_out() {
    let feeding = Feeding { cuts: Cuts::Whole, threads: 1 };
    let passes_over = |step: &Step| match &step.act {
        Act::Expect(_, pieces) => pieces.iter().any(|piece| matches!(piece, Piece::Line(_))),
        _ => false,
    };
    let mut stories = everything();
    stories.retain(|story| !story.steps.iter().any(passes_over));
    for mut story in stories {
        for at in 0..story.steps.len() {
            let step = story.steps.remove(at);
            let told = matches!(step.act, Act::Expect(..) | Act::ExpectEnd(_));
            let missed = told && play::play(&story, feeding).is_ok();
            assert!(!missed, "{}:{} is idle", story.path, step.line);
            story.steps.insert(at, step);
        }
    }
}

#[test]
fn every_status_reason_and_error_is_shown() {
    let stories = everything();
    let shown = |shows: fn(&Transcript) -> Vec<String>| -> BTreeSet<String> {
        stories.iter().flat_map(shows).collect()
    };
    let statuses = shown(|s| s.shows.statuses.iter().map(ToString::to_string).collect());
    let reasons = shown(|s| s.shows.reasons.iter().map(ToString::to_string).collect());
    let errors = shown(|s| {
        let all = offences::all();
        s.shows.offences.iter().map(|&index| all[index].name()).collect()
    });
    let all_statuses = Status::ALL.iter().map(|status| status.code().to_string());
    // No bytes are known that make the server panic: src/broker/fence.rs shows what would follow.
    let all_reasons = CloseReason::ALL.iter().filter(|reason| **reason != CloseReason::Panicked);
    let all_reasons = all_reasons.map(|reason| reason.name().to_owned());
    let all_errors = offences::all().into_iter().map(|offence| offence.name());
    let unshown = |all: &mut dyn Iterator<Item = String>, shown: &BTreeSet<String>| {
        all.filter(|one| !shown.contains(one)).collect::<Vec<_>>()
    };
    let mut missing = unshown(&mut all_statuses.into_iter(), &statuses);
    missing.extend(unshown(&mut all_reasons.into_iter(), &reasons));
    missing.extend(unshown(&mut all_errors.into_iter(), &errors));
    assert_eq!(missing, [""; 0], "what no transcript shows");
}
