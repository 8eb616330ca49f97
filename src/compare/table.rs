//! A comparison for a terminal, 120 columns wide at most.
//!
//! Came from: `mod`. Goes to: standard output. Absent on purpose: colours. Figures are copied into
//! mails and tickets.

use std::fmt::Write as _;

use super::figures::Comparison;
use super::sheet::{self, Sheet};
use super::words;

/// Setup, tables, and what they say.
pub fn render(comparison: &Comparison) -> String {
    let mut out = String::new();
    for line in sheet::setup_lines(comparison) {
        line_to(&mut out, &line);
    }
    for sheet in sheet::all(comparison) {
        draw(&sheet, &mut out);
    }
    out.push('\n');
    for sentence in words::all(comparison) {
        paragraph(&sentence, "- ", &mut out);
    }
    out.push('\n');
    for note in &comparison.setup.notes {
        paragraph(note, "", &mut out);
    }
    out
}

fn draw(sheet: &Sheet, out: &mut String) {
    let chars = |text: &str| text.chars().count();
    let labels = sheet.rows.iter().map(|(label, _)| chars(label));
    let label_width = labels.max().unwrap_or(0);
    let width = |column: usize| {
        let cells = sheet.rows.iter().map(|(_, cells)| chars(&cells[column]));
        let heading = sheet.headings[column].iter().map(|line| chars(line));
        cells.chain(heading).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..sheet.headings.len()).map(width).collect();
    let heading_lines = sheet.headings.iter().map(Vec::len).max().unwrap_or(0);

    line_to(out, &format!("\n{}", sheet.title));
    for line in 0..heading_lines {
        let mut text = " ".repeat(label_width);
        for (heading, width) in sheet.headings.iter().zip(&widths) {
            // Headings stand on the cells: the short ones begin further down.
            let missing = heading_lines - heading.len();
            let part = line.checked_sub(missing).map_or("", |at| heading[at]);
            write!(text, "  {part:>width$}").expect("a string takes everything");
        }
        line_to(out, &text);
    }
    let all = label_width + widths.iter().map(|width| width + 2).sum::<usize>();
    line_to(out, &"─".repeat(all));
    for (label, cells) in &sheet.rows {
        let mut text = format!("{label:label_width$}");
        for (cell, width) in cells.iter().zip(&widths) {
            write!(text, "  {cell:>width$}").expect("a string takes everything");
        }
        line_to(out, &text);
    }
}

/// Wraps `text` between words; `mark` begins its first line and indents the others.
fn paragraph(text: &str, mark: &str, out: &mut String) {
    let mut line = mark.to_owned();
    let indent = " ".repeat(mark.len());
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > COLUMNS {
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

const COLUMNS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::example::comparison;

    #[test]
    fn a_table_fits_a_terminal_and_has_every_variant() {
        let text = render(&comparison());
        for line in text.lines() {
            assert!(line.chars().count() <= 120, "{line}");
            assert_eq!(line, line.trim_end());
        }
        for label in ["short poll 1s keep-alive", "WebSocket raw"] {
            let rows = text.lines().filter(|line| line.starts_with(label));
            assert_eq!(rows.count(), 3, "{label}: {text}");
        }
    }

    #[test]
    fn columns_line_up() {
        let sheet = Sheet {
            title: "Title".into(),
            headings: vec![vec!["one"], vec!["two", "lines"]],
            rows: vec![
                ("a".into(), vec!["1".into(), "2".into()]),
                ("long µ".into(), vec!["12,345".into(), "3".into()]),
            ],
        };
        let mut out = String::new();
        draw(&sheet, &mut out);
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
        paragraph(&"word ".repeat(30), "- ", &mut out);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("- word") && lines[1].starts_with("  word"));
        assert!(lines.iter().all(|line| line.len() <= COLUMNS));
    }
}
