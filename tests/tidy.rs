//! The house rules, as a test: who may look at whom, how long things may be, and where what may
//! be named. A rule that is broken names the file, the line and the rule.

use std::fs;

#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/names.rs"]
mod names;
#[path = "tidy/source.rs"]
mod source;

use self::source::{assert_none, is_test, product_lines, room, root, sources};

/// Room → rooms it may import. `main → shell → broker → {conn, hub} → technique → wire → limits`;
/// `close`, `ids`, `ledger`, `limits`, `named`, `spare`, `swept`, `timer` are leaves. The clients'
/// side stands apart: `main → compare → client → wire`; what `/-/costs` says is `ledger`'s to say,
/// for both sides.
const ARROWS: &[(&str, &[&str])] = &[
    ("limits", &[]),
    ("named", &[]),
    ("close", &["named"]),
    ("ids", &["limits"]),
    ("spare", &["limits"]),
    ("swept", &["limits", "spare"]),
    ("timer", &["ids"]),
    ("ledger", &["close", "ids", "limits", "named"]),
    ("wire", &["limits"]),
    ("technique", &["ids", "limits", "named", "wire"]),
    ("hub", &["ids", "limits", "spare", "swept", "technique", "wire"]),
    ("store", &["hub", "ids", "ledger", "limits", "spare", "swept", "technique"]),
    ("rights", &["ids", "limits", "wire"]),
    ("conn", &["close", "ids", "ledger", "limits", "named", "rights", "technique", "wire"]),
    (
        "broker",
        &[
            "close",
            "conn",
            "hub",
            "ids",
            "ledger",
            "limits",
            "rights",
            "spare",
            "technique",
            "timer",
            "wire",
        ],
    ),
    ("config", &["limits", "rights", "wire"]),
    (
        "shell",
        &[
            "broker",
            "close",
            "config",
            "conn",
            "hub",
            "ids",
            "ledger",
            "limits",
            "rights",
            "spare",
            "store",
            "technique",
        ],
    ),
    ("client", &["limits", "technique", "wire"]),
    ("manual", &["bench", "compare", "config", "remote"]),
    ("remote", &["client", "config", "ids", "limits", "shell", "technique", "wire"]),
    ("compare", &["client", "config", "ledger", "limits", "shell", "technique"]),
    ("bench", &["client", "config", "limits", "remote", "shell", "technique", "wire"]),
];

/// Words that may stand in these places only, and why.
const CONFINED: &[(&str, &[&str], &str)] = &[
    (
        "unsafe ",
        &["src/shell/sys.rs", "src/shell/sys/"],
        "a small room to be read with a magnifier",
    ),
    ("libc::", &["src/shell/"], "system calls"),
    (
        "mio::",
        &["src/shell/", "src/bench/", "src/client/swarm", "src/compare/clients.rs", "src/remote/"],
        "the core knows no sockets",
    ),
    (
        "std::fs",
        &["src/shell/", "src/main.rs", "src/remote/outlet.rs", "src/store/file"],
        "the core knows no files; outlet is standard output, and a store is a file",
    ),
    (
        "std::thread",
        &["src/shell/", "src/main.rs", "src/config/checks.rs"],
        "the core knows no threads; the last one counts cores",
    ),
    ("rusqlite::", &["src/store/file"], "one store is in a file"),
    ("use redis::", &["src/store/redis"], "one store is in Redis"),
    ("httpdate::", &["src/wire/date.rs"], "it panics at what no date can say"),
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
    ("flate2::", &["src/wire/coding.rs", "src/wire/deflate.rs"], "two codecs need it"),
    (
        "clap::",
        &[
            "src/config",
            "src/bench/flags.rs",
            "src/compare/flags.rs",
            "src/remote/flags.rs",
            "src/manual.rs",
            "src/main.rs",
        ],
        "each command knows its flags in one place",
    ),
    (
        "rustls::",
        &["src/shell/tls/", "src/shell/mod.rs", "src/shell/event_loop.rs"],
        "one folder speaks TLS; the two files hand its settings to the threads",
    ),
    (
        "rcgen::",
        &["src/shell/tls/own_pair.rs"],
        "one file makes a certificate, for our own servers",
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
    "clap_complete",
    "clap_mangen",
    "ed25519-compact",
    "env_logger",
    "flate2",
    "foldhash",
    "hdrhistogram",
    "hmac",
    "httparse",
    "httpdate",
    "itoa",
    "libc",
    "libm",
    "log",
    "mio",
    "rcgen",
    "redis",
    "rusqlite",
    "rustls",
    "rustls-native-certs",
    "rustix",
    "serde",
    "serde_json",
    "sha1",
    "sha2",
    "signal-hook",
    "signal-hook-mio",
    "simdutf8",
    "slab",
    "terminal_size",
];

#[test]
fn rooms_import_only_what_lies_below_them() {
    let mut offences = Vec::new();
    for (name, text) in sources("src") {
        let room = room(&name);
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
    // A published package has its manifest rewritten, and the one that was written beside it.
    let written = fs::read_to_string(root().join("Cargo.toml.orig"));
    let manifest = written.or_else(|_| fs::read_to_string(root().join("Cargo.toml")));
    let manifest = manifest.expect("it is there");
    let names: Vec<&str> = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" =").map(|(name, _)| name))
        .collect();
    assert_eq!(names, CRATES);
}

/// The layers of the broker. Its files call downwards only, and none calls another of its layer.
const BROKER_LAYERS: &[&[&str]] = &[
    &["mod", "handlers", "secure", "work", "drain", "tests"],
    &["input", "deadline", "unfinished"],
    &["answer"],
    &["read", "publish", "file", "report", "asset", "ticket"],
    &["poll", "v1", "websocket"],
    &["telling"],
    &["respond", "goodbye"],
    &["pump"],
    &["teardown"],
    &["subscribe", "accounting", "draft"],
    &["visit"],
    &["idle", "letters", "setup"],
    &[
        "conns",
        "deciphered",
        "effect",
        "farewells",
        "fence",
        "given",
        "pending",
        "places",
        "pool",
        "uncommitted",
    ],
];

/// The files of the same room that `code` names: `super::x`, and the members of `super::{…}`.
fn siblings(code: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut found = Vec::new();
    for rest in code.split("super::").skip(1) {
        match rest.strip_prefix('{') {
            None => found.push(word(rest)),
            Some(list) => {
                let list = list.split('}').next().unwrap_or_default();
                found.extend(list.split(',').map(|item| word(item.trim())));
            }
        }
    }
    found
}

#[test]
fn the_broker_calls_downwards_only() {
    let layer = |file: &str| BROKER_LAYERS.iter().position(|layer| layer.contains(&file));
    let mut offences = Vec::new();
    for (name, text) in sources("src/broker") {
        let file = name.trim_start_matches("src/broker/").trim_end_matches(".rs");
        let Some(from) = layer(file) else {
            offences.push(format!("{name} stands in no layer"));
            continue;
        };
        // The face puts the parts together: it may name all of them.
        if from == 0 {
            continue;
        }
        let product: Vec<&str> = product_lines(&text).into_iter().map(|(_, line)| line).collect();
        for sibling in siblings(&product.join("\n")) {
            // What is no file is an item of the face.
            let to = if sibling == "super" { None } else { Some(layer(&sibling).unwrap_or(0)) };
            if to.is_some_and(|to| to <= from) {
                offences.push(format!("{name} looks up at {sibling}"));
            }
        }
    }
    assert_none("a call that goes upwards", &offences);
}

#[test]
fn the_simulated_loop_turns_as_the_real_one() {
    let calls = |file: &str, start: &str| -> Vec<String> {
        let text = fs::read_to_string(root().join(file)).expect("UTF-8");
        let (_, body) = text.split_once(start).expect("the function is there");
        let body = body.split("\n    }\n").next().expect("it ends");
        let calls = body.split("self.").skip(1);
        let names = calls.map(|rest| rest.trim_start_matches("broker."));
        let names = names.filter_map(|rest| rest.split_once('(').map(|(name, _)| name));
        names
            .filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
            .map(str::to_owned)
            .collect()
    };
    let mut real = calls("src/shell/event_loop.rs", "fn turn(&mut self)");
    // The simulated kernel is asked about all connections at once, and watches each from the start:
    // what a newcomer has said is told in the turn in which it came, or later.
    real.retain(|call| !["sample", "watch_newcomers"].contains(&call.as_str()));
    let simulated = calls("tests/support/world.rs", "pub fn turn_of(");
    assert_eq!(real, simulated);
    assert!(real.len() > 6, "{real:?}");
}
