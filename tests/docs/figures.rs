//! The figures of the book are those of the pages that measured them, and so are their commands.
//!
//! Came from: pages that name a command for each of their tables; the claims are held by
//! `tests/claims.rs`. Goes to: the rows of the book's tables that have the same head and the same
//! first cell, which `UPDATE_DOCS=1` writes anew. Absent on purpose: figures within a sentence.

use std::collections::{BTreeMap, BTreeSet};

use crate::pages::{blocks, keep, pages, read};

const MEASURED: [&str; 3] =
    ["docs/claims.md", "docs/performance.md", "docs/decisions/09-heads-by-httparse.md"];

/// A row of a table, and the line of column heads above it.
#[derive(Clone, Copy)]
struct Row<'t> {
    head: &'t str,
    text: &'t str,
}

impl<'t> Row<'t> {
    /// The first cell, and all that stands behind it.
    fn parts(self) -> (&'t str, &'t str) {
        let behind = self.text[1..].find('|').map_or(self.text.len(), |at| at + 1);
        self.text.split_at(behind)
    }

    /// By what it is found on another page.
    fn key(self) -> (String, String) {
        (self.head.to_owned(), self.parts().0.to_owned())
    }
}

/// The rows of all tables of a page, in order.
fn rows(text: &str) -> Vec<Row<'_>> {
    let (mut found, mut head, mut before) = (Vec::new(), None, "");
    for line in text.lines() {
        match (line.starts_with('|'), line.starts_with("| ---"), head) {
            (true, true, _) => head = Some(before),
            (true, false, Some(head)) => found.push(Row { head, text: line }),
            (true, false, None) => {}
            (false, ..) => head = None,
        }
        before = line;
    }
    found
}

/// Lines of commands that measure.
fn commands(text: &str) -> Vec<&str> {
    let shell = blocks(text).into_iter().filter(|block| block.info == "sh");
    let lines = shell.flat_map(|block| text[block.range].lines());
    let measures = |line: &&str| {
        let is = |start| line.starts_with(start);
        is("tollway compare") || is("cargo bench --bench instructions")
    };
    lines.filter(measures).collect()
}

/// All that was measured.
struct Figures {
    rows: BTreeMap<(String, String), String>,
    first_cells: BTreeSet<String>,
    commands: BTreeSet<String>,
}

impl Figures {
    fn of(text: &str) -> Self {
        let rows = rows(text);
        // A row without a name of its own is found by nobody.
        let named = rows.iter().map(|row| row.parts().0.trim_matches(['|', ' ']));
        Self {
            first_cells: named.filter(|cell| !cell.is_empty()).map(str::to_owned).collect(),
            rows: rows.iter().map(|row| (row.key(), row.text.to_owned())).collect(),
            commands: commands(text).into_iter().map(str::to_owned).collect(),
        }
    }

    /// What a row is to be: `None`, if nobody measured it.
    fn row(&self, row: Row<'_>) -> Option<&str> {
        self.rows.get(&row.key()).map(String::as_str)
    }

    /// A page in English, its rows as they were measured.
    fn revised(&self, text: &str) -> String {
        let mut revised = text.to_owned();
        for row in rows(text) {
            if let Some(measured) = self.row(row) {
                revised = revised.replace(&format!("\n{}\n", row.text), &format!("\n{measured}\n"));
            }
        }
        revised
    }

    /// Its twin in Chinese: the first cells are translated.
    fn revised_twin(&self, twin: &str, english: &str) -> String {
        let mut revised = twin.to_owned();
        for (row, english) in rows(twin).into_iter().zip(rows(english)) {
            if let Some(measured) = self.row(english) {
                let ours = Row { head: english.head, text: measured };
                let row_text = [row.parts().0, ours.parts().1].concat();
                revised = revised.replace(&format!("\n{}\n", row.text), &format!("\n{row_text}\n"));
            }
        }
        revised
    }

    /// What a page says of something that was measured, and nobody who measured does.
    fn made_up(&self, page: &str) -> Vec<String> {
        let of_rows = rows(page).into_iter().filter(|&row| {
            let name = row.parts().0.trim_matches(['|', ' ']);
            self.first_cells.contains(name) && self.row(row).is_none()
        });
        let of_rows = of_rows.map(|row| row.text);
        let of_commands = commands(page).into_iter().filter(|line| !self.commands.contains(*line));
        of_rows.chain(of_commands).map(str::to_owned).collect()
    }
}

#[test]
fn figures_are_those_that_were_measured() {
    let measured = Figures::of(&MEASURED.map(read).concat());
    let english = |name: &str| name.starts_with("docs/book/") && !name.contains("/zh/");
    let mut offences = Vec::new();
    for page in pages().into_iter().filter(|page| english(&page.name)) {
        let made_up = measured.made_up(&page.text);
        offences.extend(made_up.iter().map(|line| format!("{}: {line}", page.name)));
        keep(&page.name, |text| measured.revised(text));
        let revised = measured.revised(&page.text);
        keep(&page.name.replace("docs/book/", "docs/book/zh/"), |twin| {
            measured.revised_twin(twin, &revised)
        });
    }
    assert!(offences.is_empty(), "neither in {MEASURED:?}:\n{}", offences.join("\n"));
}

#[test]
fn a_figure_that_was_changed_is_found() {
    let text = "```sh\ntollway compare --rate 4\n```\n\n| | ms |\n| --- | --: |\n| SSE | 1.1 |\n";
    let measured = Figures::of(text);
    assert_eq!(measured.revised(text), text);
    assert_eq!(measured.made_up(text), Vec::<String>::new());
    let old = text.replace("1.1", "1.2");
    assert_eq!(measured.revised(&old), text);
    let twin = "| | ms |\n| --- | --: |\n| 事件流 | 1.2 |\n";
    assert_eq!(measured.revised_twin(twin, text), twin.replace("1.2", "1.1"));
    for (from, to) in [("| ms", "| s"), ("--rate 4", "--rate 5")] {
        assert_eq!(measured.made_up(&text.replace(from, to)).len(), 1, "{from}");
    }
    // Tables of its own are nobody else's.
    assert!(measured.made_up("| a | b |\n| --- | --- |\n| a word | a verdict |\n").is_empty());
}
