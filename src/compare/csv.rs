//! A comparison as comma-separated values: a line for each variant, a column for each figure.
//!
//! Came from: `mod`. Goes to: standard output. Absent on purpose: the setup, which is the same for
//! every line, and the reasons for which connections ended, which differ.

use std::collections::BTreeMap;

use serde_json::Value;

use super::figures::Comparison;

/// A figure: the path of `--json` that leads to it, and how it is written.
type Cell = (String, String);

/// RFC 4180, with line ends of one character. Columns are the paths of `--json`, with points: those
/// of all lines, and what a line does not have is empty there.
pub fn render(comparison: &Comparison) -> String {
    let rows: Vec<Vec<Cell>> = comparison
        .techniques
        .iter()
        .map(|figures| {
            let value = serde_json::to_value(figures).expect("plain data");
            let mut cells = Vec::new();
            flatten("", &value, &mut cells);
            // What a line is about comes first; the others keep their order.
            cells.sort_by_key(|(path, _)| match path.as_str() {
                "technique" => 0,
                "variant" => 1,
                _ => 2,
            });
            cells
        })
        .collect();
    let paths = columns(&rows);
    if paths.is_empty() {
        return String::new();
    }
    let line = |cells: Vec<&str>| cells.join(",") + "\n";
    let mut out = line(paths.clone());
    for row in &rows {
        let of: BTreeMap<&str, &str> = row.iter().map(|(p, v)| (p.as_str(), v.as_str())).collect();
        out += &line(paths.iter().map(|path| of.get(path).copied().unwrap_or_default()).collect());
    }
    out
}

/// The paths of all rows, in their order: what only a later row has is put behind what it follows
/// there.
fn columns(rows: &[Vec<Cell>]) -> Vec<&str> {
    let mut columns: Vec<&str> = Vec::new();
    for row in rows {
        let mut next = 0;
        for (path, _) in row {
            if let Some(at) = columns.iter().position(|column| column == path) {
                next = at + 1;
            } else {
                columns.insert(next, path);
                next += 1;
            }
        }
    }
    columns
}

/// The figures of `value`, which `path` leads to. One that there is not has no cell: in another
/// line it may be an object, with columns of its own.
fn flatten(path: &str, value: &Value, cells: &mut Vec<Cell>) {
    match value {
        Value::Object(members) if path.ends_with("closed") => {
            let total = members.get("total").cloned().unwrap_or_default();
            flatten(&format!("{path}.total"), &total, cells);
        }
        Value::Object(members) => {
            for (name, member) in members {
                let point = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{point}{name}"), member, cells);
            }
        }
        Value::String(text) => cells.push((path.to_owned(), quoted(text))),
        Value::Null => {}
        other => cells.push((path.to_owned(), other.to_string())),
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::Figures;
    use crate::compare::figures::example::comparison;

    #[test]
    fn every_line_has_every_column() {
        let text = render(&comparison());
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0][..2], ["technique", "variant"]);
        assert_eq!(lines[1][..2], ["short_poll", "1s keep-alive"]);
        assert!(lines.iter().all(|line| line.len() == lines[0].len()));
        let at = lines[0].iter().position(|path| *path == "bytes_out.payload");
        assert_eq!(lines[1][at.expect("a column")], "10000");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }

    /// Of a running server, which has delivered by one technique before and by another not.
    #[test]
    fn a_figure_that_one_line_does_not_have_is_empty_there_and_moves_no_other() {
        let whole = render(&comparison());
        for without in [0, 1] {
            let mut comparison = comparison();
            let figures: &mut Figures = &mut comparison.techniques[without];
            figures.latency_server = None;
            let text = render(&comparison);
            let all = text.lines().zip(whole.lines()).enumerate();
            for (number, (line, whole)) in all {
                if number != without + 1 {
                    assert_eq!(line, whole, "line {number} without that of row {without}");
                    continue;
                }
                let (heading, cells) = (text.lines().next().expect("one"), line.split(','));
                for ((path, cell), whole) in heading.split(',').zip(cells).zip(whole.split(',')) {
                    let told = if path.starts_with("latency_server.") { "" } else { whole };
                    assert_eq!(cell, told, "{path}");
                }
                assert_eq!(line.matches(',').count(), heading.matches(',').count());
            }
            assert_eq!(text.lines().count(), 3);
        }
    }
}
