//! The pages of the docs, their fenced blocks, and how a page is compared or written anew.
//!
//! Came from: the tree. Goes to: every other module here. Absent on purpose: Markdown, but for
//! fences, which is all of it that is looked at.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

/// A page: README.md, tests/README.md, or one below docs/.
pub(crate) struct Page {
    /// From the top of the tree.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A fenced block.
pub(crate) struct Block<'t> {
    /// What stands behind the opening fence.
    pub(crate) info: &'t str,
    /// Where its text is in the page, the last line's end included.
    pub(crate) range: Range<usize>,
}

/// The top of the tree.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file of the tree.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All files below a folder of the tree with this ending, by name.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the tree") {
            let path: PathBuf = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                let name = path.strip_prefix(root()).expect("below the top");
                found.push(name.to_str().expect("names are UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Every page.
pub(crate) fn pages() -> Vec<Page> {
    let mut names = vec!["README.md".to_owned(), "tests/README.md".to_owned()];
    names.extend(files("docs", "md"));
    let page = |name: String| Page { text: read(&name), name };
    names.into_iter().map(page).collect()
}

/// The fenced blocks of a page, in order.
pub(crate) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(info) = line.strip_prefix("```") {
            match open.take() {
                None => open = Some((info.trim(), at + line.len())),
                Some((info, from)) => found.push(Block { info, range: from..at }),
            }
        }
        at += line.len();
    }
    assert!(open.is_none(), "a fence without its end");
    found
}

/// The page without its blocks, their lines left empty so that line numbers stay.
pub(crate) fn prose(text: &str) -> String {
    let mut prose = text.to_owned();
    for block in blocks(text).into_iter().rev() {
        let lines = text[block.range.clone()].matches('\n').count();
        prose.replace_range(block.range, &"\n".repeat(lines));
    }
    prose
}

/// Whether pages are written anew instead of compared.
pub(crate) fn updating() -> bool {
    env::var("UPDATE_DOCS").is_ok_and(|value| value == "1")
}

/// Compares a page with what `revise` makes of it, or writes it anew. Tests run side by side and
/// may be about the same page: they take turns.
pub(crate) fn keep(name: &str, revise: impl FnOnce(&str) -> String) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let path = root().join(name);
    let is = fs::read_to_string(&path).unwrap_or_default();
    let shall_be = revise(&is);
    if is == shall_be {
        return;
    }
    if updating() {
        return fs::write(&path, shall_be).expect("the tree is writable");
    }
    let (number, (old, new)) = (1..)
        .zip(is.lines().chain([""]).zip(shall_be.lines().chain([""])))
        .find(|(_, (old, new))| old != new)
        .unwrap_or_default();
    panic!(
        "{name} is out of date from line {number} on:\n  is:       {old}\n  is to be: {new}\n\
         `UPDATE_DOCS=1 cargo test --test docs` writes it anew"
    );
}

/// Compares the part of a page between `<!-- made from WHAT -->` and `<!-- end -->`, or writes it
/// anew.
pub(crate) fn keep_part(name: &str, what: &str, part: &str) {
    keep(name, |text| {
        let mark = format!("<!-- made from {what} -->\n");
        let from = text.find(&mark).unwrap_or_else(|| {
            panic!("{name} has no {mark}");
        }) + mark.len();
        let length = text[from..].find("<!-- end -->").expect("the mark's end");
        [&text[..from], part, &text[from + length..]].concat()
    });
}
