//! The tables of rules in the docs, as a test: every row says what shows that the rule is kept, and
//! what it names exists.

use std::fs;
use std::path::Path;

/// The pages with such tables, and the sections of which each has to have a row.
const TABLES: &[(&str, &[&str])] = &[
    (
        "docs/reference/rfc-6455.md",
        &[
            "4.2.1", "4.2.2", "4.4", "5.1", "5.2", "5.3", "5.4", "5.5", "5.5.1", "5.5.2", "5.5.3",
            "5.6", "5.8", "6.1", "6.2", "7.1.1", "7.1.2", "7.1.5", "7.1.7", "7.2.2", "7.3",
            "7.4.1", "7.4.2", "8.1", "9", "9.1", "10.1", "10.2", "10.4", "10.6", "10.7", "11.3.1",
            "11.3.2", "11.3.3", "11.3.4", "11.3.5",
        ],
    ),
    (
        "docs/reference/rfc-7692.md",
        &[
            "5", "6", "6.1", "7.1", "7.1.1.1", "7.1.1.2", "7.1.2.1", "7.1.2.2", "7.2.1", "7.2.2",
            "8",
        ],
    ),
];

/// The ids of the Autobahn suite, one a line: `run --list` of its runner, without the words.
const AUTOBAHN_CASES: &str = include_str!("autobahn/cases.txt");

/// A row of a table.
struct Row {
    page: &'static str,
    section: String,
    rule: String,
    evidence: String,
}

impl Row {
    /// What the row names: everything between backticks.
    fn citations(&self) -> impl Iterator<Item = &str> {
        self.evidence.split('`').skip(1).step_by(2)
    }
}

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every row of every table, without heads and rules.
fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for &(page, _) in TABLES {
        for line in read(page).lines().filter(|line| line.starts_with('|')) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [section, rule, evidence] = cells[..] else {
                panic!("{page}: a row has three cells: {line}");
            };
            if section.starts_with(|c: char| c.is_ascii_digit()) {
                let [section, rule, evidence] = [section, rule, evidence].map(str::to_owned);
                rows.push(Row { page, section, rule, evidence });
            }
        }
    }
    rows
}

/// Why a citation shows nothing.
fn offence(citation: &str) -> Option<&'static str> {
    if let Some(id) = citation.strip_prefix("Autobahn ") {
        let known = AUTOBAHN_CASES.lines().any(|case| case == id);
        return (!known).then_some("the suite has no such case");
    }
    let (file, name) = match citation.split_once("::") {
        Some((file, name)) => (file, Some(name)),
        None => (citation, None),
    };
    let Ok(text) = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)) else {
        return Some("there is no such file");
    };
    match name {
        Some(name) => (!has_test(&text, name)).then_some("the file has no such test"),
        None if file.starts_with("tests/transcripts/") => None,
        None => Some("a file by itself shows nothing"),
    }
}

/// Whether a Rust file has a test of this name.
fn has_test(text: &str, name: &str) -> bool {
    let begins = format!("fn {name}() {{");
    let mut lines = text.lines().map(str::trim);
    // Up to the mark of each test; the function's own line is the next.
    while lines.any(|line| line == "#[test]") {
        if lines.next() == Some(&*begins) {
            return true;
        }
    }
    false
}

#[test]
fn what_shows_a_rule_exists() {
    let mut offences = Vec::new();
    for row in rows() {
        for citation in row.citations() {
            if let Some(offence) = offence(citation) {
                let (page, section) = (row.page, &row.section);
                offences.push(format!("{page}, §{section}: `{citation}`: {offence}"));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn every_rule_is_shown() {
    for row in rows() {
        let Row { page, section, rule, .. } = &row;
        assert!(rule.len() > 10, "{page}, §{section}: a rule has words");
        assert!(row.citations().count() > 0, "{page}, §{section}, {rule}: nothing shows it");
    }
}

#[test]
fn every_section_has_its_rows() {
    let rows = rows();
    for &(page, sections) in TABLES {
        for section in sections {
            // "4.2.1 (7)" and "7.1.1.1, 7.1.1.2" count for the sections in them.
            let mine = |row: &&Row| {
                let mut words = row.section.split([' ', ',']);
                row.page == page && words.any(|word| word == *section)
            };
            assert!(rows.iter().any(|row| mine(&row)), "{page} has no row of §{section}");
        }
    }
}

#[test]
fn no_rule_stands_twice() {
    let mut rules: Vec<_> =
        rows().into_iter().map(|row| (row.page, row.section, row.rule)).collect();
    let count = rules.len();
    rules.sort();
    rules.dedup();
    assert_eq!(rules.len(), count);
}

#[test]
fn a_citation_that_shows_nothing_is_found_out() {
    for citation in [
        "Autobahn 99.1",
        "Autobahn",
        "src/wire/frame.rs",
        "src/wire/frame.rs::unmask",
        "src/wire/frame/tests.rs::nothing",
        "tests/transcripts/nothing.txt",
        "docs/reference/rfc-6455.md",
    ] {
        assert!(offence(citation).is_some(), "{citation}");
    }
}
