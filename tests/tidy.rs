//! The house rules, as a test: who may look at whom, how long things may be, and where what may
//! be named. A rule that is broken names the file, the line and the rule.

use std::fs;
use std::path::{Path, PathBuf};

/// Room → rooms it may import. `main → shell → broker → {conn, hub} → technique → wire → limits`;
/// `close`, `ids`, `ledger`, `limits`, `timer` are leaves. The clients' side stands apart:
/// `main → compare → client → wire`.
const ARROWS: &[(&str, &[&str])] = &[
    ("limits", &[]),
    ("close", &[]),
    ("ids", &["limits"]),
    ("timer", &["ids"]),
    ("ledger", &["close", "ids"]),
    ("wire", &["limits"]),
    ("technique", &["ids", "limits", "wire"]),
    ("hub", &["ids", "limits", "technique"]),
    ("conn", &["close", "ids", "ledger", "limits", "technique", "wire"]),
    ("broker", &["close", "conn", "hub", "ids", "ledger", "limits", "technique", "timer", "wire"]),
    ("config", &["limits"]),
    ("shell", &["broker", "close", "config", "conn", "hub", "ids", "ledger", "limits"]),
    ("client", &["limits", "wire"]),
    ("compare", &["client", "config", "limits", "shell", "technique"]),
];

/// Words that may stand in these places only, and why.
const CONFINED: &[(&str, &[&str], &str)] = &[
    ("unsafe ", &["src/shell/sys.rs"], "one file to be read with a magnifier"),
    ("libc::", &["src/shell/"], "system calls"),
    (
        "mio::",
        &["src/shell/", "src/client/swarm.rs", "src/compare/clients.rs"],
        "the core knows no sockets",
    ),
    ("std::fs", &["src/shell/", "src/main.rs"], "the core knows no files"),
    ("std::thread", &["src/shell/", "src/main.rs"], "the core knows no threads"),
    ("Instant::now", &["src/shell/clock.rs"], "time is an input"),
    ("SystemTime::now", &["src/shell/clock.rs"], "time is an input"),
    ("Mutex", &["src/shell/"], "nothing on the path of a byte is locked"),
    ("RefCell", &[], "what is shared is not changed"),
    (
        "httparse::",
        &["src/wire/head", "src/wire/body.rs"],
        "request heads, and the trailers of bodies; all else is read by hand",
    ),
    ("sha1::", &["src/wire/handshake.rs"], "RFC 6455 alone needs it"),
    (
        "simdutf8::",
        &["src/wire/utf8.rs"],
        "one file judges long texts; names and fields are short enough for the standard library",
    ),
    ("flate2::", &["src/wire/deflate.rs"], "RFC 7692 alone needs it"),
    (
        "clap::",
        &["src/config", "src/compare/flags.rs", "src/main.rs"],
        "each command knows its flags in one place",
    ),
    ("FIXME", &[], "mend it"),
    ("TODO", &[], "do it, or write it down where users see it"),
];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 60;
const COLUMNS_MAX: usize = 100;

/// Dependencies of the product, each with a page or a line in docs/decisions/.
const CRATES: &[&str] = &[
    "base64",
    "clap",
    "env_logger",
    "flate2",
    "httparse",
    "httpdate",
    "libc",
    "log",
    "mio",
    "serde",
    "serde_json",
    "sha1",
    "signal-hook",
    "signal-hook-mio",
    "simdutf8",
    "slab",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`, with its path from the root and its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of ours") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).expect("below the root");
                let text = fs::read_to_string(&path).expect("UTF-8");
                found.push((name.display().to_string(), text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

fn is_test(name: &str) -> bool {
    name.contains("/tests")
}

/// The lines of the product in a file: without its unit tests, comments and doc comments.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(n, line)| (n + 1, line))
        .take_while(|(_, line)| *line != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn assert_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

#[test]
fn rooms_import_only_what_lies_below_them() {
    let mut offences = Vec::new();
    for (name, text) in sources("src") {
        let path = name.trim_start_matches("src/");
        let room = path.split(['/', '.']).next().expect("a name");
        if matches!(room, "lib" | "main") || is_test(&name) {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == room) else {
            offences.push(format!("{name}: {room} is no room of the house"));
            continue;
        };
        for (line, code) in product_lines(&text) {
            for target in code.split("crate::").skip(1) {
                let target: String =
                    target.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !target.is_empty() && target != room && !allowed.contains(&target.as_str()) {
                    offences.push(format!("{name}:{line}: {room} looks at {target}"));
                }
            }
        }
    }
    assert_none("an arrow that is not drawn", &offences);
}

#[test]
fn words_stay_where_they_belong() {
    let mut offences = Vec::new();
    for (name, text) in sources("src") {
        if is_test(&name) {
            continue;
        }
        for (line, code) in product_lines(&text) {
            let code = code.split(" //").next().unwrap_or_default();
            for (word, places, reason) in CONFINED {
                let here = places.iter().any(|place| name.starts_with(place));
                if code.contains(word) && !here {
                    offences.push(format!("{name}:{line}: {word} ({reason})"));
                }
            }
        }
    }
    assert_none("a word out of place", &offences);
}

#[test]
fn files_functions_and_lines_fit_a_reader() {
    let mut offences = Vec::new();
    for (name, text) in sources("src").into_iter().chain(sources("tests")) {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > FILE_LINES_MAX && name.starts_with("src/") {
            offences.push(format!("{name}: {} lines", lines.len()));
        }
        for (n, line) in lines.iter().enumerate() {
            if line.chars().count() > COLUMNS_MAX && !line.contains("rustfmt::skip") {
                offences.push(format!("{name}:{}: {} columns", n + 1, line.chars().count()));
            }
        }
        if name.starts_with("src/") && !is_test(&name) {
            long_functions(&name, &lines, &mut offences);
        }
    }
    assert_none("too long", &offences);
}

fn long_functions(name: &str, lines: &[&str], offences: &mut Vec<String>) {
    for (n, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let is_function = trimmed.split("fn ").next().is_some_and(|before| {
            trimmed.contains("fn ")
                && before.split_whitespace().all(|w| {
                    w.starts_with("pub") || matches!(w, "const" | "super)" | "in" | "unsafe")
                })
        });
        if !is_function {
            continue;
        }
        let indent = &line[..line.len() - trimmed.len()];
        let end = format!("{indent}}}");
        let length = lines[n..].iter().position(|l| **l == end).unwrap_or(0);
        if length > FUNCTION_LINES_MAX {
            offences.push(format!("{name}:{}: a function of {length} lines", n + 1));
        }
    }
}

#[test]
fn every_file_says_where_it_stands_on_the_walk() {
    let mut offences = Vec::new();
    for (name, text) in sources("src") {
        let header: Vec<&str> = text.lines().map_while(|l| l.strip_prefix("//!")).collect();
        let words: Vec<&str> = header.iter().flat_map(|l| l.split_whitespace()).collect();
        let header = words.join(" ");
        if header.is_empty() {
            offences.push(format!("{name}: no header"));
        }
        let exempt = matches!(name.as_str(), "src/lib.rs" | "src/main.rs") || is_test(&name);
        for part in ["Came from:", "Goes to:", "Absent on purpose:"] {
            if !exempt && !header.contains(part) {
                offences.push(format!("{name}: the header has no \"{part}\""));
            }
        }
    }
    assert_none("a file without its header", &offences);
}

#[test]
fn only_crates_that_were_chosen() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("it is there");
    let names: Vec<&str> = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" =").map(|(name, _)| name))
        .collect();
    assert_eq!(names, CRATES);
}

/// Rooms in which no two files import each other, directly or by way of others: such files can be
/// read in an order in which each builds on the ones before.
const WITHOUT_CIRCLES: &[&str] = &["wire"];

#[test]
fn no_files_of_a_room_import_each_other_in_a_circle() {
    let mut offences = Vec::new();
    for room in WITHOUT_CIRCLES {
        let files: Vec<(String, String)> = sources(&format!("src/{room}"))
            .into_iter()
            .filter(|(name, _)| !is_test(name))
            .map(|(name, text)| (module_of(&name), text))
            .collect();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let mut reached: Vec<Vec<bool>> =
            files.iter().map(|(name, text)| imports(name, text, &names)).collect();
        assert!(reached.iter().flatten().any(|&there| there), "{room} has no imports at all?");
        // And all that is reached by way of others.
        for by_way in 0..files.len() {
            let further = reached[by_way].clone();
            for from in reached.iter_mut().filter(|from| from[by_way]) {
                from.iter_mut().zip(&further).for_each(|(there, further)| *there |= further);
            }
        }
        let in_circles = (0..files.len()).filter(|&file| reached[file][file]);
        offences.extend(in_circles.map(|file| names[file].to_owned()));
    }
    assert_none("files that import each other", &offences);
}

/// `src/wire/head/fields.rs` is `wire::head::fields`.
fn module_of(name: &str) -> String {
    let path = name.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    path.replace('/', "::")
}

/// Which of `names` the file of module `own` imports from: by `use`, or by a path in its code. The
/// module itself, and a child that is declared and no more, are not counted.
fn imports(own: &str, text: &str, names: &[&str]) -> Vec<bool> {
    let code: Vec<&str> = product_lines(text).map(|(_, line)| line).collect();
    let code = code.join(" ");
    let parent = own.rsplit_once("::").map_or("", |(parent, _)| parent);
    let mut paths = Vec::new();
    for (begin, is_of) in [("crate::", ""), ("super::", parent), ("self::", own)] {
        for (at, _) in code.match_indices(begin) {
            let path = path_at_front(&code[at + begin.len()..]);
            paths.push(format!("{is_of}::{path}").trim_start_matches("::").to_owned());
        }
    }
    // A child goes by its bare name.
    for (at, _) in code.match_indices("use ") {
        paths.push(format!("{own}::{}", path_at_front(&code[at + "use ".len()..])));
    }
    let mut found = vec![false; names.len()];
    for path in paths.iter().flat_map(|path| single(path)) {
        let leads_to = |name: &&&str| {
            let rest = path.strip_prefix(**name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let target = names.iter().filter(leads_to).max_by_key(|name| name.len());
        if let Some(at) = target.and_then(|target| names.iter().position(|name| name == target)) {
            found[at] |= names[at] != own;
        }
    }
    found
}

/// The path that `code` begins with; all of the braces, if it ends in some.
fn path_at_front(code: &str) -> &str {
    let mut depth = 0;
    let end = code.find(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        let in_braces = depth > 0 || c == '}';
        !(in_braces || c.is_alphanumeric() || matches!(c, '_' | ':'))
    });
    &code[..end.unwrap_or(code.len())]
}

/// `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn single(path: &str) -> Vec<String> {
    let Some((front, rest)) = path.split_once('{') else {
        return vec![path.trim().to_owned()];
    };
    let (mut depth, mut from, mut paths) = (0, 0, Vec::new());
    for (at, c) in rest.char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth < 0 || (depth == 0 && c == ',') {
            paths.extend(single(&format!("{front}{}", rest[from..at].trim())));
            from = at + 1;
        }
        if depth < 0 {
            break;
        }
    }
    paths
}

#[test]
fn imports_are_found_however_they_are_written() {
    let names = ["wire", "wire::a", "wire::a::child", "wire::b", "wire::c"];
    for (own, text, found) in [
        ("wire::a", "use super::b::B;", vec!["wire::b"]),
        ("wire::a", "use crate::wire::{b::{self, B},\n    c::C};", vec!["wire::b", "wire::c"]),
        ("wire::a", "use super::{Parsed, b};", vec!["wire", "wire::b"]),
        ("wire::a", "mod child;\npub use child::Child;", vec!["wire::a::child"]),
        ("wire::a", "mod child;\nuse std::fmt;", vec![]),
        ("wire::a::child", "fn f() -> super::A {}", vec!["wire::a"]),
        (
            "wire::b",
            "/// As crate::wire::a has it.\nfn f() { crate::wire::c::f() }",
            vec!["wire::c"],
        ),
    ] {
        let flags = imports(own, text, &names);
        let those: Vec<&str> =
            names.iter().zip(flags).filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        assert_eq!(those, found, "{own}: {text}");
    }
}
