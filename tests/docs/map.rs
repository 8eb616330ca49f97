//! docs/map.md lists every source file with the first sentence of its header.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::item;
use crate::pages::{files, keep_part, read};

/// The rooms in the order in which a reader meets them.
const ROOMS: [&str; 24] = [
    "main",
    "lib",
    "ids",
    "limits",
    "named",
    "config",
    "shell",
    "broker",
    "conn",
    "rights",
    "hub",
    "store",
    "technique",
    "wire",
    "close",
    "ledger",
    "spare",
    "swept",
    "timer",
    "client",
    "compare",
    "remote",
    "bench",
    "manual",
];

/// Text of a doc comment as Markdown that stands by itself: links into the code lose their target.
pub(crate) fn unlinked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        out.push_str(before);
        let (name, after) = link.split_once("`]").expect("a link ends");
        write!(out, "`{name}`").expect("a string");
        rest = match after.strip_prefix('(') {
            Some(target) => target.split_once(')').map_or("", |(_, after)| after),
            None => after,
        };
    }
    out.push_str(rest);
    out
}

/// The first sentence of a file's header.
fn first_sentence(text: &str) -> String {
    let header = text.lines().map_while(|line| line.strip_prefix("//!"));
    let paragraph = header.take_while(|line| !line.trim().is_empty());
    let paragraph = paragraph.map(str::trim).collect::<Vec<_>>().join(" ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
    unlinked(&paragraph[..end])
}

#[test]
fn the_map_lists_every_file() {
    let mut rooms: BTreeMap<usize, Vec<(String, String)>> = BTreeMap::new();
    for name in files("src", "rs") {
        if name.contains("/tests") {
            continue;
        }
        let path = name.trim_start_matches("src/");
        let room = path.split(['/', '.']).next().expect("a name");
        let place = ROOMS.iter().position(|known| *known == room);
        let place = place.unwrap_or_else(|| panic!("{name}: the map has no room {room}"));
        let sentence = first_sentence(&read(&name));
        rooms.entry(place).or_default().push((name, sentence));
    }
    let mut part = String::from("\n| file | what it is |\n| --- | --- |\n");
    for files in rooms.values_mut() {
        // The file that stands for the room goes first.
        files.sort_by_key(|(name, _)| {
            let is_door = name.ends_with("/mod.rs") || name.matches('/').count() == 1;
            (!is_door, name.clone())
        });
        for (name, sentence) in files {
            writeln!(part, "| `{name}` | {sentence} |").expect("a string");
        }
    }
    part.push('\n');
    keep_part("docs/map.md", "the headers of the files", &part);
}

/// The arrows that tests/tidy.rs enforces: room, and rooms that it may look at.
fn arrows() -> Vec<(String, Vec<String>)> {
    let list = item::text_of(&read("tests/tidy.rs"), "ARROWS").expect("it is there");
    let rows = list.split("&[(").nth(1).unwrap_or(&list).split('(').skip(1);
    let quoted = |row: &str| row.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    rows.map(|row| {
        let mut names: Vec<String> = quoted(row);
        (names.remove(0), names)
    })
    .collect()
}

#[test]
fn the_map_draws_the_arrows_that_hold() {
    let mut part = String::from("\n| room | may look at |\n| --- | --- |\n");
    for (room, below) in arrows() {
        let below: Vec<String> = below.iter().map(|name| format!("`{name}`")).collect();
        let below = if below.is_empty() { "nothing".to_owned() } else { below.join(", ") };
        writeln!(part, "| `{room}` | {below} |").expect("a string");
    }
    part.push('\n');
    keep_part("docs/map.md", "tests/tidy.rs", &part);
}

#[test]
fn the_map_speaks_of_every_room() {
    let map = read("docs/map.md");
    for room in ROOMS {
        assert!(map.contains(&format!("`{room}`")), "{room} is not told of");
    }
}
