//! The page about request smuggling: its tables are the vectors that `tests/smuggling.rs` sends.

use std::fmt::Write as _;

use crate::pages::{keep, keep_part, read};

#[path = "../smuggling/vectors.rs"]
mod vectors;

const PAGE: &str = "docs/reference/smuggling.md";

/// A cell's text as code; where it has a backtick or ends in a blank, Markdown needs no help.
fn code(text: &str) -> String {
    format!("`{text}`")
}

fn answered(answers: &[&str]) -> String {
    let answers = answers.iter().map(|answer| match answer.split_once(' ') {
        Some((status, offence)) => format!("{status} {}", code(offence)),
        None if *answer == "close" => "closed".to_owned(),
        None => (*answer).to_owned(),
    });
    answers.collect::<Vec<_>>().join(", ")
}

#[test]
fn smuggling() {
    assert!(read(PAGE).contains("made from"), "{PAGE} has its marks");
    let count: usize = vectors::GROUPS.iter().map(|(_, _, vectors)| vectors.len()).sum();
    let mut text = String::new();
    for (heading, about, vectors) in vectors::GROUPS {
        let _ = write!(text, "\n## {heading}\n\n{about}\n\n");
        text.push_str("| vector | what is sent | the answer | why |\n| --- | --- | --- | --- |\n");
        for vector in *vectors {
            let (name, why) = (vector.name, vector.why);
            let (shown, answers) = (code(&vector.shown()), answered(vector.answers));
            let _ = writeln!(text, "| {name} | {shown} | {answers} | {why} |");
        }
    }
    text.push('\n');
    keep_part(PAGE, "tests/smuggling", &text);
    keep(PAGE, |page| {
        let (before, rest) = page.split_once("<!-- count -->").expect("a mark");
        let (_, after) = rest.split_once("<!-- /count -->").expect("its end");
        format!("{before}<!-- count -->{count}<!-- /count -->{after}")
    });
}
