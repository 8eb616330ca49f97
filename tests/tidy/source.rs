//! The source files, and of each the lines that are the product: no comments, no unit tests.
//!
//! The readers of this folder know the language only as far as rustfmt lays it out: an item ends
//! on a line that is indented as its first one.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`, with its path from the root and its text.
pub(crate) fn sources(folder: &str) -> Vec<(String, String)> {
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

/// Whether all of a file is unit tests.
pub(crate) fn is_test(name: &str) -> bool {
    name.contains("/tests")
}

/// The lines of the product in a file, numbered from 1: without comments, doc comments, and each
/// item that `#[cfg(test)]` stands before.
pub(crate) fn product_lines(text: &str) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    // The indentation of the item that is left out.
    let mut skipped: Option<usize> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if let Some(of_item) = skipped {
            let is_attribute = trimmed.starts_with("#[") || trimmed.starts_with("//");
            if indent == of_item && !is_attribute && trimmed.ends_with([';', '}', ',']) {
                skipped = None;
            }
        } else if trimmed == "#[cfg(test)]" {
            skipped = Some(indent);
        } else if !trimmed.starts_with("//") {
            lines.push((number, line));
        }
    }
    lines
}

/// The room of a file: the first part of its path in src/.
pub(crate) fn room(name: &str) -> &str {
    name.trim_start_matches("src/").split(['/', '.']).next().expect("a name")
}

pub(crate) fn assert_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

#[test]
fn only_the_item_behind_the_attribute_is_left_out() {
    let text = "\
#[cfg(test)]
mod tests;
use a::b;
#[cfg(test)]
#[expect(dead_code)]
fn helper(
    a: u8,
) -> u8
where
    u8: Copy,
{
    a
}
// A remark.
fn product() {}
#[cfg(test)]
fn short() {}
struct S {
    #[cfg(test)]
    seen: u8,
    kept: u8,
}
";
    let lines: Vec<&str> = product_lines(text).into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, ["use a::b;", "fn product() {}", "struct S {", "    kept: u8,", "}"]);
    assert_eq!(product_lines(text)[0].0, 3);
}
