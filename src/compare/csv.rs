//! A comparison as comma-separated values: a line for each variant, a column for each figure.
//!
//! Came from: `mod`. Goes to: standard output. Absent on purpose: the setup, which is the same for
//! every line, and the reasons for which connections ended, which differ.

use serde_json::Value;

use super::figures::Comparison;

/// RFC 4180, but for line ends of one character. Columns are the paths of `--json`, with points.
pub fn render(comparison: &Comparison) -> String {
    let rows: Vec<Vec<(String, String)>> = comparison
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
    let line = |cells: Vec<&str>| cells.join(",") + "\n";
    let paths = rows.first().map(|row| line(row.iter().map(|(p, _)| p.as_str()).collect()));
    let mut out = paths.unwrap_or_default();
    for row in &rows {
        out += &line(row.iter().map(|(_, value)| value.as_str()).collect());
    }
    out
}

fn flatten(path: &str, value: &Value, cells: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if path.ends_with("closed") => {
            let total = members.get("total").cloned().unwrap_or_default();
            flatten(&format!("{path}.total"), &total, cells);
        }
        Value::Object(members) => {
            for (name, member) in members {
                let parted = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{parted}{name}"), member, cells);
            }
        }
        Value::String(text) => cells.push((path.to_owned(), quoted(text))),
        Value::Null => cells.push((path.to_owned(), String::new())),
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
}
