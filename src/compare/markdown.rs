//! A comparison as Markdown.
//!
//! Came from: `mod`. Goes to: standard output. Absent on purpose: anything that a terminal would
//! not get: the same tables, the same sentences.

use std::fmt::Write as _;

use super::figures::Comparison;
use super::findings;
use super::table;

/// Setup, tables, and what they say.
pub fn render(comparison: &Comparison) -> String {
    let mut out = table::setup_lines(comparison).join(".\n") + ".\n";
    for table in table::all(comparison) {
        let headings: Vec<String> =
            table.headings.iter().map(|lines| table::joined(lines)).collect();
        let rule = "| ---: ".repeat(headings.len());
        let headings = headings.join(" | ");
        write!(out, "\n**{}**\n\n| | {headings} |\n| --- {rule}|\n", table.title)
            .expect("a string takes everything");
        for (label, cells) in table.rows {
            let cells = cells.join(" | ");
            writeln!(out, "| {label} | {cells} |").expect("a string takes everything");
        }
    }
    out.push('\n');
    for sentence in findings::all(comparison) {
        writeln!(out, "- {sentence}").expect("a string takes everything");
    }
    for note in &comparison.setup.notes {
        write!(out, "\n{note}\n").expect("a string takes everything");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::example::comparison;

    #[test]
    fn every_table_has_its_rule_and_every_variant_a_row_of_equal_width() {
        let text = render(&comparison());
        let bars = |line: &str| line.matches('|').count();
        let tables: Vec<Vec<&str>> = text
            .split("\n\n")
            .map(|part| part.lines().filter(|line| line.starts_with('|')).collect())
            .filter(|table: &Vec<&str>| !table.is_empty())
            .collect();
        assert_eq!(tables.len(), 3);
        for table in tables {
            assert_eq!(table.len(), 4, "{table:?}");
            assert!(table.iter().all(|line| bars(line) == bars(table[0])), "{table:?}");
        }
        assert!(text.contains("| connections |"), "{text}");
    }
}
