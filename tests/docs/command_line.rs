//! docs/reference/command-line.md says what `--help` says, of the server and of each command.

use std::process::{Command, Stdio};

use crate::pages::{keep_part, read};

/// What `--help` prints, 100 columns wide.
pub(crate) fn help() -> String {
    help_of(&["--help"])
}

fn help_of(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    // Without a terminal the width is that of COLUMNS.
    command.args(arguments).env("COLUMNS", "100");
    let output = command.stdin(Stdio::null()).output().expect("it was built");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

/// The long flags of `--help`, in its order, but for those that every program has.
fn flags(help: &str) -> Vec<&str> {
    let begins = help.lines().filter_map(|line| {
        let (before, rest) = line.split_once("--")?;
        let first = before.trim().trim_end_matches(',');
        let is_first = first.is_empty() || (first.len() == 2 && first.starts_with('-'));
        is_first.then(|| rest.split([' ', '.', '[']).next().unwrap_or_default())
    });
    begins.filter(|flag| !matches!(*flag, "help" | "version")).collect()
}

#[test]
fn the_page_says_what_help_says() {
    for (what, arguments) in [
        ("--help", &["--help"][..]),
        ("sub --help", &["sub", "--help"]),
        ("pub --help", &["pub", "--help"]),
        ("bench --help", &["bench", "--help"]),
        ("compare --help", &["compare", "--help"]),
    ] {
        let part = format!("\n```text\n{}\n```\n\n", help_of(arguments).trim_end());
        keep_part("docs/reference/command-line.md", what, &part);
    }
}

#[test]
fn every_flag_has_its_variable() {
    let help = help();
    let page = read("docs/reference/command-line.md");
    let flags = flags(&help);
    assert!(flags.len() > 15, "{flags:?}");
    let words: String = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for flag in flags {
        let variable = format!("TOLLWAY_{}", flag.to_uppercase().replace('-', "_"));
        assert!(words.contains(&format!("[env: {variable}]")), "{variable}");
        assert!(page.contains(&format!("--{flag}")), "--{flag}");
    }
}
