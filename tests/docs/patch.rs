//! Patches, as the exercises of the book have them: unified diffs, read, and applied to the tree.
//!
//! Came from: `exercises`, with the text of a patch. Goes to: the same, with what files would be.
//! Absent on purpose: guessing. What a hunk expects has to be there once, word for word, wherever
//! in its file that is by now.

use std::collections::BTreeMap;

use crate::pages::root;

/// A patch.
pub(crate) struct Patch {
    changes: Vec<FileChange>,
}

struct FileChange {
    /// From the top of the tree.
    file: String,
    hunks: Vec<Hunk>,
    is_new: bool,
}

#[derive(Default)]
struct Hunk {
    before: String,
    after: String,
    changed: usize,
}

/// Files as they would be, by name; those that nothing has changed are in the tree.
pub(crate) type Files = BTreeMap<String, String>;

impl Patch {
    /// Reads a patch. Panics with what is wrong with it.
    pub(crate) fn parse(text: &str) -> Self {
        let mut changes: Vec<FileChange> = Vec::new();
        let mut lines = text.lines();
        let mut is_new = false;
        while let Some(line) = lines.next() {
            if let Some(from) = line.strip_prefix("--- ") {
                is_new = from == "/dev/null";
            } else if let Some(file) = line.strip_prefix("+++ b/") {
                changes.push(FileChange { file: file.to_owned(), hunks: Vec::new(), is_new });
            } else if let Some(counts) = line.strip_prefix("@@ ") {
                let change = changes.last_mut().expect("a file before the first hunk");
                change.hunks.push(hunk(counts, &mut lines));
            }
        }
        assert!(changes.iter().all(|change| !change.hunks.is_empty()), "no hunk");
        assert!(!changes.is_empty(), "no file");
        Self { changes }
    }

    /// The files that it changes or adds.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.changes.iter().map(|change| change.file.as_str())
    }

    /// How many lines it takes away and adds.
    pub(crate) fn changed_lines(&self) -> usize {
        self.changes.iter().flat_map(|change| &change.hunks).map(|hunk| hunk.changed).sum()
    }

    /// Changes `files`. `Err`: why it does not fit.
    pub(crate) fn apply(&self, files: &mut Files) -> Result<(), String> {
        for change in &self.changes {
            let file = &change.file;
            let in_tree = || std::fs::read_to_string(root().join(file)).ok();
            let mut text = match (files.get(file).cloned().or_else(in_tree), change.is_new) {
                (Some(text), false) => text,
                (None, true) => String::new(),
                (Some(_), true) => return Err(format!("{file} is there already")),
                (None, false) => return Err(format!("{file} is not there any more")),
            };
            for Hunk { before, after, .. } in &change.hunks {
                let found = text.matches(before.as_str()).count();
                if found != 1 && !change.is_new {
                    return Err(format!("{file} has this {found} times:\n{before}"));
                }
                text = text.replacen(before.as_str(), after, 1);
            }
            files.insert(file.clone(), text);
        }
        Ok(())
    }
}

/// The lines of a hunk, of which its first line tells how many there are before and after.
fn hunk<'l>(counts: &str, lines: &mut impl Iterator<Item = &'l str>) -> Hunk {
    let mut lengths = counts.split(' ').map(|range| {
        let length = range.split_once(',').map_or("1", |(_, length)| length);
        length.parse::<usize>().expect("a number of lines")
    });
    let [old, new] = [(); 2].map(|()| lengths.next().expect("two ranges"));
    let (mut old, mut new, mut hunk) = (old, new, Hunk::default());
    while old + new > 0 {
        let line = lines.next().expect("as many lines as were announced");
        let (kind, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
        if kind != "+" {
            old -= 1;
            hunk.before.extend([rest, "\n"]);
        }
        if kind != "-" {
            new -= 1;
            hunk.after.extend([rest, "\n"]);
        }
        hunk.changed += usize::from(kind != " ");
    }
    hunk
}

#[test]
fn a_patch_is_applied_where_its_words_are() {
    let patch = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ fn y\n b\n-c\n+d\n\
                 --- /dev/null\n+++ b/z\n@@ -0,0 +1 @@\n+new\n";
    let patch = Patch::parse(patch);
    assert_eq!(patch.files().collect::<Vec<_>>(), ["x", "z"]);
    assert_eq!(patch.changed_lines(), 3);
    let tree = |text: &str| Files::from([("x".to_owned(), text.to_owned())]);
    let mut files = tree("moved\na\nb\nc\n");
    assert_eq!(patch.apply(&mut files), Ok(()));
    assert_eq!((files["x"].as_str(), files["z"].as_str()), ("moved\na\nb\nd\n", "new\n"));
    assert!(patch.apply(&mut files).is_err(), "it is there already");
    assert!(patch.apply(&mut tree("a\nc\n")).is_err(), "its words are gone");
    assert!(patch.apply(&mut tree("b\nc\nb\nc\n")).is_err(), "its words are there twice");
}
