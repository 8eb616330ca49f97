//! The figures of the book are those of the pages that measured them, and so are their commands.
//!
//! Came from: pages that name a command for each of their tables; the claims are held by
//! `tests/claims.rs`. Absent on purpose: tables that the book makes itself, whose rows begin as no
//! row of those pages does.

use std::collections::BTreeSet;

use crate::pages::{Page, blocks, pages, read};

const MEASURED: [&str; 3] =
    ["docs/claims.md", "docs/performance.md", "docs/decisions/09-heads-by-httparse.md"];

/// What begins a row of a table.
fn first_cell(row: &str) -> Option<&str> {
    let cell = row.strip_prefix("| ")?.split(" |").next()?;
    Some(cell).filter(|cell| !cell.is_empty() && !cell.starts_with("---"))
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

/// What a page says that those which measured do not.
fn made_up(page: &str, measured: &str) -> Vec<String> {
    let rows: BTreeSet<&str> = measured.lines().filter(|line| line.starts_with("| ")).collect();
    let begin: BTreeSet<&str> = rows.iter().filter_map(|row| first_cell(row)).collect();
    let known = commands(measured);
    let of_rows = page.lines().filter(|line| {
        first_cell(line).is_some_and(|cell| begin.contains(cell)) && !rows.contains(line)
    });
    let of_commands = commands(page).into_iter().filter(|line| !known.contains(line));
    of_rows.chain(of_commands).map(str::to_owned).collect()
}

#[test]
fn figures_are_those_that_were_measured() {
    let measured = MEASURED.map(read).concat();
    // In Chinese they are the same: `translations.rs` compares the numbers.
    let english = |name: &str| name.starts_with("docs/book/") && !name.contains("/zh/");
    let book = pages().into_iter().filter(|page| english(&page.name));
    let mut offences = Vec::new();
    for Page { name, text } in book {
        offences.extend(made_up(&text, &measured).iter().map(|line| format!("{name}: {line}")));
    }
    assert!(offences.is_empty(), "neither in {MEASURED:?}:\n{}", offences.join("\n"));
}

#[test]
fn a_figure_that_was_changed_is_found() {
    let measured =
        "```sh\ntollway compare --rate 4\n```\n\n| | ms |\n| --- | --: |\n| SSE | 1.1 |\n";
    assert_eq!(made_up(measured, measured), Vec::<String>::new());
    for (from, to) in [("1.1", "1.2"), ("--rate 4", "--rate 5")] {
        assert_eq!(made_up(&measured.replace(from, to), measured).len(), 1, "{from}");
    }
    // Tables of its own are nobody else's.
    assert!(made_up("| a word | a verdict |\n", measured).is_empty());
}
