//! The dialogues of the book, held with the toys: every block `text toy=…` of its pages.
//!
//! ```text
//! # a remark
//! publish hello                   another client publishes, and is answered 201
//! a> GET / HTTP/1.1               sends the line and CR LF; `a>` alone is the empty line
//! a>| hello                       sends the text, and nothing behind it
//! a>: 81 85 mask 37fa213d "Hello" sends bytes: hex, and quoted text; `mask` masks what follows
//! a< HTTP/1.1 200 OK              what comes is this line, and CR LF or LF
//! a<| hello                       what comes is this text
//! a<: 81 05 "Hello"               what comes are these bytes
//! ```
//!
//! Lines that a client sends one behind the other go out in one write, once the toy has nothing
//! left to do. Came from: the pages. Goes to: a toy for each block. Absent on purpose: bytes that
//! need not be told. Who hears more than the dialogue says, fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::http::Wire;
use crate::kernel::is_at_rest;
use crate::readers::frames;
use crate::server::within;
use crate::toy::{PATIENCE_MS, STEPS, Toy};

const FENCE: &str = "```text toy=";
/// What tests said to a mistake, as it was measured: looked up, and not read in one go.
const FOUND: &str = "```text found=";
/// What is read in one sitting.
const PAGE_LINES_MAX: usize = 250;

/// The pages of the book, in both languages.
fn pages() -> Vec<(PathBuf, String)> {
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/book");
    let files = |folder: PathBuf| fs::read_dir(folder).expect("a folder of the book").flatten();
    let paths = files(book.clone()).chain(files(book.join("zh"))).map(|entry| entry.path());
    let pages = paths.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    pages.map(|path| (path.clone(), fs::read_to_string(&path).expect("text"))).collect()
}

/// The dialogues of a page, each with the step that it is held with.
fn dialogues(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.split(FENCE).skip(1).filter_map(|rest| rest.split_once("\n```")?.0.split_once('\n'))
}

/// Bytes as they are written: `81 85 mask 37fa213d "Hello"`.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut mask = None;
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let from = out.len();
        match word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None if word == "mask" => {
                let key = words.next().map(bytes).and_then(|key| key.try_into().ok());
                let key: [u8; 4] = key.expect("a mask has four bytes");
                out.extend_from_slice(&key);
                mask = Some(key);
                continue;
            }
            None => {
                let digits = word.as_bytes().chunks(2).map(|two| str::from_utf8(two).expect("hex"));
                out.extend(digits.map(|two| u8::from_str_radix(two, 16).expect("hex")));
            }
        }
        if let Some(mask) = mask {
            frames::unmask(&mut out[from..], mask, 0);
        }
    }
    out
}

/// What a line says, behind `a>` or `a<`, and whether a line's end follows.
fn content(rest: &str) -> (Vec<u8>, bool) {
    if let Some(text) = rest.strip_prefix('|') {
        (text.strip_prefix(' ').unwrap_or(text).as_bytes().to_vec(), false)
    } else if let Some(text) = rest.strip_prefix(':') {
        (bytes(text), false)
    } else {
        (rest.strip_prefix(' ').unwrap_or(rest).as_bytes().to_vec(), true)
    }
}

/// Waits until the toy has nothing left to do.
fn await_rest(toy: &Toy) {
    let rest = || is_at_rest(toy.process(), toy.port()).then_some(());
    within(PATIENCE_MS, rest).expect("the toy comes to rest");
}

/// Sends what was gathered for a client, once the toy has nothing left to do.
fn send(toy: &Toy, wires: &mut BTreeMap<char, Wire>, gathered: &mut Option<(char, Vec<u8>)>) {
    let Some((client, bytes)) = gathered.take() else {
        return;
    };
    await_rest(toy);
    wires.entry(client).or_insert_with(|| Wire::open(toy.port())).send(bytes);
}

fn hold(page: &str, step: &str, dialogue: &str) {
    let toy = Toy::start(step);
    let mut wires: BTreeMap<char, Wire> = BTreeMap::new();
    let mut gathered: Option<(char, Vec<u8>)> = None;
    for line in dialogue.lines().filter(|line| !line.starts_with('#')) {
        if let Some(message) = line.strip_prefix("publish ") {
            send(&toy, &mut wires, &mut gathered);
            await_rest(&toy);
            toy.publish(message);
            continue;
        }
        let mut chars = line.chars();
        let (client, direction) = (chars.next(), chars.next());
        let (Some(client), Some(direction @ ('>' | '<'))) = (client, direction) else {
            panic!("{page}, {step}: {line:?} is no line of a dialogue");
        };
        let (bytes, is_line) = content(chars.as_str());
        if direction == '>' {
            if gathered.as_ref().is_some_and(|(other, _)| *other != client) {
                send(&toy, &mut wires, &mut gathered);
            }
            let (_, all) = gathered.get_or_insert_with(|| (client, Vec::new()));
            all.extend_from_slice(&bytes);
            all.extend_from_slice(if is_line { b"\r\n" } else { b"" });
            continue;
        }
        send(&toy, &mut wires, &mut gathered);
        let wire = wires.get_mut(&client).expect("who hears has asked");
        if is_line {
            assert_eq!(wire.line().as_bytes(), bytes, "{page}, {step}: {line}");
        } else {
            assert_eq!(wire.exactly(bytes.len()), bytes, "{page}, {step}: {line}");
        }
    }
    send(&toy, &mut wires, &mut gathered);
    await_rest(&toy);
    for (client, wire) in &mut wires {
        assert!(!wire.has_more(), "{page}, {step}: {client} hears more than is told");
    }
}

/// Lines of a page that are there to be read.
fn lines_to_read(page: &str) -> usize {
    let (mut lines, mut found) = (0, false);
    for line in page.lines() {
        found = if found { line != "```" } else { line.starts_with(FOUND) };
        lines += usize::from(!found);
    }
    lines
}

#[test]
fn the_dialogues_of_the_book_are_held() {
    let pages = pages();
    assert!(pages.len() >= 4, "two pages in two languages");
    for (path, page) in &pages {
        assert!(lines_to_read(page) <= PAGE_LINES_MAX, "{}", path.display());
    }
    let mut held: Vec<&str> = Vec::new();
    for (path, page) in &pages {
        for (step, dialogue) in dialogues(page) {
            hold(&path.display().to_string(), step, dialogue);
            held.push(step);
        }
    }
    for step in STEPS {
        assert!(held.iter().filter(|held| **held == step).count() >= 2, "{step}, in two languages");
    }
}

/// The faults that a page in English tells of, by the names of their tests: what is bold within its
/// lists.
fn faults(page: &str) -> Vec<String> {
    let (mut found, mut in_list) = (Vec::new(), false);
    let mut text = String::new();
    for line in page.lines() {
        in_list = line.starts_with("- ") || (in_list && line.starts_with("  "));
        if in_list {
            text = text + line.trim_start_matches("- ").trim() + " ";
        }
    }
    for bold in text.split("**").skip(1).step_by(2) {
        let kept = bold.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
        let name: String = kept.map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        found.push(name.to_lowercase());
    }
    found
}

#[test]
fn each_fault_is_a_test_of_that_name() {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(tree.join(path)).expect("it is there");
    let tests: String = ["crowd", "short_poll", "long_poll", "sse", "websocket", "all_four"]
        .map(|name| read(&format!("tests/book/{name}.rs")))
        .concat();
    let faults = faults(&read("docs/book/ladder.md"));
    let chinese = read("docs/book/zh/ladder.md");
    assert!(faults.len() >= 20, "{faults:?}");
    for fault in faults {
        assert!(tests.contains(&format!("fn {fault}()")), "no test is called {fault}");
        assert!(
            chinese.contains(&format!("`{fault}`")),
            "the page in Chinese does not name {fault}"
        );
    }
}

#[test]
fn the_toys_are_short_and_say_that_they_are_toys() {
    for step in STEPS {
        let path = format!("{}/docs/book/steps/{step}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).expect("it is there");
        assert!(text.lines().count() <= 120, "{step}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{step}");
        assert!(text.lines().next().is_some_and(|line| line.contains("A toy")), "{step}");
    }
}
