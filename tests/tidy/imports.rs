//! What the files of a room import of each other: no circles, and no name that comes through a
//! room that has only passed it on.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{assert_none, is_test, product_lines, room, sources};

/// A file as a module: where it is, and what it names.
struct Module {
    file: String,
    /// Names it re-exports → the path they come from.
    exports: BTreeMap<String, Vec<String>>,
    /// Paths it names, from the crate's root.
    paths: BTreeSet<Vec<String>>,
}

/// `wire::message::error` for `src/wire/message/error.rs`.
fn module_of(file: &str) -> String {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    path.trim_end_matches("/mod").replace('/', "::")
}

/// Splits what stands between braces at its commas, except those in inner braces.
fn split_tree(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// The paths of a `use` tree, each with the name it has here.
fn leaves(tree: &str, before: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let tree = tree.trim();
    if let Some((front, inner)) = tree.split_once('{') {
        let mut path = before.to_vec();
        path.extend(front.split("::").map(str::trim).filter(|s| !s.is_empty()).map(String::from));
        let inner = inner.rsplit_once('}').expect("a brace that opens is closed").0;
        for part in split_tree(inner) {
            leaves(part, &path, found);
        }
    } else if !tree.is_empty() {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
        let mut segments = before.to_vec();
        segments.extend(path.split("::").map(|s| s.trim().to_owned()));
        let last = segments.last().expect("a path has an end").clone();
        if last == "self" {
            segments.pop();
        }
        let own = segments.last().cloned().unwrap_or_default();
        found.push((segments, if name.is_empty() { own } else { name.trim().to_owned() }));
    }
}

/// A path as the crate's root would name it; `None` for another crate's.
fn absolute(path: &[String], module: &str, children: &BTreeSet<String>) -> Option<Vec<String>> {
    let mut here: Vec<String> = module.split("::").map(String::from).collect();
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => return Some(rest.to_vec()),
        "self" => {}
        "super" => {
            here.pop();
            let mut rest = rest;
            while let Some((_, after)) = rest.split_first().filter(|(up, _)| *up == "super") {
                here.pop();
                rest = after;
            }
            here.extend(rest.iter().cloned());
            return Some(here);
        }
        child if children.contains(child) => here.push(first.clone()),
        _ => return None,
    }
    here.extend(rest.iter().cloned());
    Some(here)
}

/// Paths that stand in code: `super::x::f(…)`.
fn inline(code: &str) -> Vec<Vec<String>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let words = code.split(|c: char| !is_word(c) && c != ':');
    for word in words.filter(|word| word.contains("::")) {
        found.push(word.split("::").filter(|s| !s.is_empty()).map(String::from).collect());
    }
    found
}

fn read_module(file: &str, text: &str) -> Module {
    let module = module_of(file);
    let lines = product_lines(text);
    let code: Vec<&str> = lines.iter().map(|(_, line)| *line).collect();
    let children = code.iter().filter_map(|line| {
        let rest = ["pub ", "pub(crate) ", "pub(super) "]
            .iter()
            .fold(*line, |l, v| l.trim_start_matches(v));
        Some(rest.strip_prefix("mod ")?.trim_end_matches(';').to_owned())
    });
    let children: BTreeSet<String> = children.collect();
    let (mut exports, mut paths) = (BTreeMap::new(), BTreeSet::new());
    let mut body = String::new();
    let mut statement: Option<String> = None;
    for line in code {
        let is_use =
            line.starts_with("use ") || (line.starts_with("pub") && line.contains(" use "));
        if statement.is_none() && !is_use {
            // `mod` declares a name, and uses none.
            if !(line.contains("mod ") && line.ends_with(';')) {
                body.push_str(line);
                body.push('\n');
            }
            continue;
        }
        let text = statement.get_or_insert_default();
        text.push_str(line);
        text.push(' ');
        if !line.ends_with(';') {
            continue;
        }
        let text = statement.take().expect("it was just there");
        let (visible, tree) = text.split_once("use ").expect("a use");
        let mut found = Vec::new();
        leaves(tree.trim().trim_end_matches(';'), &[], &mut found);
        for (path, name) in found {
            let Some(path) = absolute(&path, &module, &children) else { continue };
            if visible.starts_with("pub") {
                exports.insert(name, path);
            } else {
                paths.insert(path);
            }
        }
    }
    paths.extend(inline(&body).iter().filter_map(|path| absolute(path, &module, &children)));
    // Who passes a name on and uses it too imports it like anybody else.
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words: BTreeSet<&str> = body.split(|c: char| !is_word(c)).collect();
    let used = exports.iter().filter(|(name, _)| words.contains(name.as_str()));
    paths.extend(used.map(|(_, path): (&String, &Vec<String>)| path.clone()));
    Module { file: file.to_owned(), exports, paths }
}

fn modules() -> BTreeMap<String, Module> {
    let files = sources("src");
    let product = files.iter().filter(|(name, _)| !is_test(name));
    product.map(|(name, text)| (module_of(name), read_module(name, text))).collect()
}

/// The file that a path leads to: the longest front that is a module, and from there wherever the
/// name was taken from.
fn target(modules: &BTreeMap<String, Module>, path: &[String]) -> Option<String> {
    let mut path = path.to_vec();
    for _ in 0..8 {
        let depth =
            (1..=path.len()).rev().find(|&n| modules.contains_key(&path[..n].join("::")))?;
        let module = path[..depth].join("::");
        let further = path.get(depth).and_then(|name| modules[&module].exports.get(name));
        let Some(further) = further else { return Some(module) };
        path = further.iter().chain(&path[depth + 1..]).cloned().collect();
    }
    panic!("{path:?} is re-exported in a circle");
}

/// The modules that can be reached from one and from which it can be reached.
fn circle(edges: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let reach = |start: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start.to_owned()]);
        while let Some(next) = open.pop() {
            for to in edges.get(&next).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    open.push(to.clone());
                }
            }
        }
        seen
    };
    reach(from).into_iter().filter(|other| reach(other).contains(from)).collect()
}

#[test]
fn no_two_files_of_a_room_import_each_other() {
    let modules = modules();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, module) in &modules {
        for to in module.paths.iter().filter_map(|path| target(&modules, path)) {
            if to != *name && room(&modules[&to].file) == room(&module.file) {
                edges.entry(name.clone()).or_default().insert(to);
            }
        }
    }
    assert!(edges["wire::message"].contains("wire::frame"), "edges are found");
    let circles = edges.keys().map(|name| circle(&edges, name)).filter(|c| !c.is_empty());
    let circles: BTreeSet<String> =
        circles.map(|circle| circle.into_iter().collect::<Vec<_>>().join(" ⇄ ")).collect();
    let offences: Vec<String> = circles.into_iter().collect();
    assert_none("files that import each other", &offences);
}

#[test]
fn no_room_passes_on_what_another_room_has() {
    let modules = modules();
    let mut offences = Vec::new();
    for (name, module) in &modules {
        let own = room(&module.file);
        for (export, path) in &module.exports {
            if path.first().is_some_and(|to| to != own) {
                let from = path[..path.len() - 1].join("::");
                offences.push(format!("{name} passes on {from}::{export}"));
            }
        }
    }
    assert_none("an arrow that a re-export hides", &offences);
}
