//! The answers to *break it*, measured: each patch is applied to a copy of the tree, and the tests
//! that the page names notice.
//!
//! `BREAK_IT=03 cargo test --test docs answers` runs one, `BREAK_IT=03,07` two, `BREAK_IT=all` all
//! of them, about two minutes each; with `UPDATE_DOCS=1` the pages are written anew. Absent on
//! purpose: tests that need somebody else's program. They notice where it is installed; a page
//! names those that notice everywhere, and there may be more.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::exercises::{ANSWERS, FOUND, answer, mistakes, tests_in};
use crate::pages::{blocks, keep, root, updating};

/// Tests that are skipped where the program is missing.
const FOREIGN: [&str; 4] =
    ["loopback curl_", "loopback java::", "loopback node::", "loopback python::"];

/// What the script finds for a patch: names of tests, and below each how it began to say it.
fn found(name: &str) -> String {
    let (number, _) = name.split_once('-').expect("a number and a name");
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("break-it");
    fs::create_dir_all(&scratch).expect("the scratch directory is writable");
    let found = scratch.join("found");
    let script = root().join("docs/book/exercises/break/run");
    let mut command = Command::new(script);
    command.arg(number).env("BREAK_IT_FOUND", &found).stdin(Stdio::null());
    if env::var_os("BREAK_IT_DIR").is_none() {
        command.env("BREAK_IT_DIR", &scratch);
    }
    let output = command.output().expect("it can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    fs::read_to_string(found).expect("it was written")
}

#[test]
fn the_answers_are_what_is_found() {
    let wanted = env::var("BREAK_IT").unwrap_or_default();
    let chosen = |name: &String| {
        let mut numbers = wanted.split(',').filter(|number| !number.is_empty());
        wanted == "all" || numbers.any(|number| name.starts_with(&format!("{number}-")))
    };
    let names: Vec<String> = mistakes().into_iter().filter(chosen).collect();
    assert!(wanted.is_empty() || !names.is_empty(), "BREAK_IT={wanted} names no patch");
    for name in names {
        let found = found(&name);
        if updating() {
            write_answer(&name, &found);
        }
        let tests = tests_in(&found);
        println!("{name}: {}", tests.join(", "));
        let missed: Vec<String> =
            answer(&name).into_iter().filter(|test| !tests.contains(test)).collect();
        assert!(missed.is_empty(), "{name} is not noticed by {missed:?}, but by\n{found}");
    }
}

fn write_answer(name: &str, found: &str) {
    let wanted = format!("{FOUND}{name}");
    let (mut everywhere, mut kept) = (String::new(), false);
    for line in found.split_inclusive('\n') {
        if !line.starts_with(' ') {
            kept = !FOREIGN.iter().any(|start| line.starts_with(start));
        }
        everywhere.push_str(if kept { line } else { "" });
    }
    for page in ANSWERS {
        keep(page, |text| {
            let mut text = text.to_owned();
            let block = blocks(&text).into_iter().find(|block| block.info == wanted);
            let range = block.map(|block| block.range).expect("a block for each patch");
            text.replace_range(range, &everywhere);
            text
        });
    }
}
