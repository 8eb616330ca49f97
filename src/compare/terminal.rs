//! A comparison for a terminal, as wide as that is, and 120 columns at most.
//!
//! A table that is too wide goes on below, with the same rows: a row that breaks cannot be read.
//!
//! Came from: `mod`. Goes to: standard output. Absent on purpose: colours. Figures are copied into
//! mails and tickets.

use std::fmt::Write as _;
use std::ops::Range;

use super::figures::Comparison;
use super::findings;
use super::table::{self, Table};

/// Setup, tables, and what they say, in lines of at most `columns`, as far as a label and one
/// figure fit into that.
pub fn render(comparison: &Comparison, columns: usize) -> String {
    let mut out = String::new();
    let prose = columns.min(PROSE_COLUMNS);
    for line in table::setup_lines(comparison) {
        paragraph(&line, "", prose, &mut out);
    }
    for table in table::all(comparison) {
        draw(&table, columns.min(TABLE_COLUMNS), &mut out);
    }
    out.push('\n');
    for sentence in findings::all(comparison) {
        paragraph(&sentence, "- ", prose, &mut out);
    }
    out.push('\n');
    for note in &comparison.setup.notes {
        paragraph(note, "", prose, &mut out);
    }
    out
}

/// What each column says.
pub fn explain(columns: usize) -> String {
    let prose = columns.min(PROSE_COLUMNS);
    let mut out = String::new();
    for (title, explained) in table::explained() {
        let gap = if out.is_empty() { "" } else { "\n" };
        line_to(&mut out, &format!("{gap}{title}"));
        for (heading, says) in explained {
            paragraph(&format!("{heading}: {says}"), "- ", prose, &mut out);
        }
    }
    out
}

fn draw(table: &Table, columns: usize, out: &mut String) {
    let chars = |text: &str| text.chars().count();
    let labels = table.rows.iter().map(|(label, _)| chars(label));
    let label_width = labels.max().unwrap_or(0);
    let width = |column: usize| {
        let cells = table.rows.iter().map(|(_, cells)| chars(&cells[column]));
        let heading = table.headings[column].iter().map(|line| chars(line));
        cells.chain(heading).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.headings.len()).map(width).collect();

    out.push('\n');
    paragraph(&table.title, "", columns, out);
    let mut from = 0;
    while from < widths.len() {
        // As many columns as fit, and one at least.
        let mut to = from + 1;
        let mut line = label_width + widths[from] + 2;
        while to < widths.len() && line + widths[to] + 2 <= columns {
            line += widths[to] + 2;
            to += 1;
        }
        if from > 0 {
            out.push('\n');
        }
        draw_columns(table, from..to, label_width, &widths, out);
        from = to;
    }
}

/// Some columns of a table, each row with its label.
fn draw_columns(
    table: &Table,
    columns: Range<usize>,
    label_width: usize,
    widths: &[usize],
    out: &mut String,
) {
    let (headings, widths) = (&table.headings[columns.clone()], &widths[columns.clone()]);
    let heading_lines = headings.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..heading_lines {
        let mut text = " ".repeat(label_width);
        for (heading, width) in headings.iter().zip(widths) {
            // Headings stand on the cells: the short ones begin further down.
            let missing = heading_lines - heading.len();
            let part = line.checked_sub(missing).map_or("", |at| heading[at]);
            write!(text, "  {part:>width$}").expect("a string takes everything");
        }
        line_to(out, &text);
    }
    let all = label_width + widths.iter().map(|width| width + 2).sum::<usize>();
    line_to(out, &"─".repeat(all));
    for (label, cells) in &table.rows {
        let mut text = format!("{label:label_width$}");
        for (cell, width) in cells[columns.clone()].iter().zip(widths) {
            write!(text, "  {cell:>width$}").expect("a string takes everything");
        }
        line_to(out, &text);
    }
}

/// Wraps `text` between words; `mark` begins its first line and indents the others.
fn paragraph(text: &str, mark: &str, columns: usize, out: &mut String) {
    let mut line = mark.to_owned();
    let indent = " ".repeat(mark.len());
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > columns {
            line_to(out, &line);
            line.clone_from(&indent);
        }
        if !line.trim().is_empty() && line != mark {
            line.push(' ');
        }
        line.push_str(word);
    }
    line_to(out, &line);
}

fn line_to(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

/// Longer lines are hard to read.
const PROSE_COLUMNS: usize = 100;
/// Wider than what the tables need.
pub const TABLE_COLUMNS: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::example::comparison;

    #[test]
    fn a_table_fits_a_terminal_of_any_width_and_has_every_variant() {
        for columns in [40, 60, 80, 100, 120, 400] {
            let text = render(&comparison(), columns);
            for line in text.lines() {
                assert!(line.chars().count() <= columns.min(120), "{columns}: {line}");
                assert_eq!(line, line.trim_end());
            }
            for label in ["short poll 1s keep-alive", "WebSocket raw"] {
                let rows = text.lines().filter(|line| line.starts_with(label)).count();
                assert!(rows == 3 || (rows > 3 && columns < 120), "{columns}, {label}: {text}");
            }
        }
        // Every figure is there, however narrow it is.
        let cells = |columns| {
            let text = render(&comparison(), columns);
            let rows = text.lines().filter(|line| line.starts_with("WebSocket raw"));
            rows.map(|row| row.split_whitespace().count() - 2).sum::<usize>()
        };
        assert_eq!(cells(60), cells(120));
    }

    #[test]
    fn every_column_is_explained_in_lines_that_fit() {
        let text = explain(80);
        for part in
            ["- connections: ", "- segments/message: ", "- down: framing: ", "- latency p99"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn columns_line_up() {
        let table = Table {
            title: "Title".into(),
            headings: vec![vec!["one"], vec!["two", "lines"]],
            rows: vec![
                ("a".into(), vec!["1".into(), "2".into()]),
                ("long µ".into(), vec!["12,345".into(), "3".into()]),
            ],
        };
        let mut out = String::new();
        draw(&table, 80, &mut out);
        let expected = "\nTitle\n\
            \x20                 two\n\
            \x20          one  lines\n\
            ─────────────────────\n\
            a            1      2\n\
            long µ  12,345      3\n";
        assert_eq!(out, expected);
    }

    #[test]
    fn long_sentences_are_wrapped_between_words() {
        let mut out = String::new();
        paragraph(&"word ".repeat(30), "- ", 100, &mut out);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("- word") && lines[1].starts_with("  word"));
        assert!(lines.iter().all(|line| line.len() <= 100));
    }
}
