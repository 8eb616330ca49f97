//! The whole command line as one, for shells that complete it and for manual pages.
//!
//! Came from: `main`, with the words after `completions` or `man`. Goes to: standard output, as a
//! script or a page. Absent on purpose: flags of its own. Each command's are described where they
//! are read, so a flag cannot be there and missing here.

use std::ffi::OsString;
use std::str::FromStr;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::config::{self, NoConfig};
use crate::{bench, compare, remote};

/// `tollway completions SHELL`: the script for a shell. `words` are those behind the command.
pub fn completions(words: &[OsString]) -> Result<String, NoConfig> {
    const SHELLS: &str = "bash, zsh, fish, elvish, powershell";
    const USAGE: &str = "\
Print a script by which a shell completes what is typed behind `tollway`

Usage: tollway completions bash|zsh|fish|elvish|powershell

  bash  tollway completions bash > ~/.local/share/bash-completion/completions/tollway
  zsh   tollway completions zsh > DIR/_tollway, DIR being one of $fpath
  fish  tollway completions fish > ~/.config/fish/completions/tollway.fish
";
    let name = only_word(words, USAGE)?;
    let Some(name) = name else {
        let line = format!("completions takes the name of a shell: {SHELLS}");
        return Err(NoConfig::Wrong(line));
    };
    let shell = Shell::from_str(&name).map_err(|_| {
        NoConfig::Wrong(format!("there is no script for {name}; choose from {SHELLS}"))
    })?;
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command(), "tollway", &mut out);
    Ok(text(out))
}

/// `tollway man [COMMAND]`: a page of the manual, in the language of man(1).
pub fn man(words: &[OsString]) -> Result<String, NoConfig> {
    const USAGE: &str = "\
Print the manual page of tollway or of one of its commands

Usage: tollway man [COMMAND]

  tollway man | man -l -                                        read it
  tollway man sub > ~/.local/share/man/man1/tollway-sub.1       keep it
";
    let mut wanted = command();
    let name = only_word(words, USAGE)?;
    if let Some(name) = name.filter(|name| name != "serve") {
        let found = wanted.get_subcommands().find(|command| command.get_name() == name);
        let found = found.cloned().ok_or_else(|| NoConfig::Wrong(config::no_command(&name)))?;
        // The name has to live as long as the program, which ends with this page.
        let name: &'static str = format!("tollway-{name}").leak();
        wanted = found.name(name).version(env!("CARGO_PKG_VERSION"));
    }
    let mut out = Vec::new();
    Man::new(wanted).section("1").render(&mut out).expect("memory takes everything");
    Ok(text(out))
}

/// The one word that may stand behind a command without flags.
fn only_word(words: &[OsString], usage: &str) -> Result<Option<String>, NoConfig> {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match &words[..] {
        [] => Ok(None),
        [word] if word == "--help" || word == "-h" => Err(NoConfig::Asked(usage.to_owned())),
        [word] if word.starts_with('-') => {
            Err(NoConfig::Wrong(format!("there is no {word}; --help tells what there is")))
        }
        [word] => Ok(Some(word.clone())),
        [_, second, ..] => {
            Err(NoConfig::Wrong(format!("{second} is one word too many; leave it out")))
        }
    }
}

/// All commands in one. The server's flags stand behind `tollway` itself, as they may be typed.
fn command() -> Command {
    let serve = config::command();
    let flags = serve.get_arguments().filter(|flag| !flag.is_positional());
    let flags: Vec<clap::Arg> = flags.cloned().collect();
    let about = serve.get_about().cloned().unwrap_or_default();
    let after = serve.get_after_help().cloned().unwrap_or_default();
    // One version is that of all, and `tollway --version` tells it.
    let plain = |name: &'static str, usage: &'static str| {
        Command::new(name).override_usage(usage).disable_version_flag(true)
    };
    Command::new("tollway")
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .override_usage(config::USAGE)
        .after_help(after)
        .disable_help_subcommand(true)
        .args(flags.clone())
        .subcommand(
            Command::new("serve")
                .about("Serve; may be left out")
                .override_usage("tollway serve [FLAGS]")
                .args(flags),
        )
        .subcommand(remote::flags::sub_command().name("sub"))
        .subcommand(remote::flags::pub_command().name("pub"))
        .subcommand(bench::flags::command().name("bench"))
        .subcommand(compare::flags::command().name("compare"))
        .subcommand(
            plain("completions", "tollway completions SHELL")
                .about("Print a script by which a shell completes what is typed")
                .arg(clap::Arg::new("SHELL").value_parser(clap::value_parser!(Shell))),
        )
        .subcommand(
            plain("man", "tollway man [COMMAND]")
                .about("Print the manual page of tollway or of a command")
                .arg(names_of_commands()),
        )
        .subcommand(
            plain("help", "tollway help [COMMAND]")
                .about("Print the help of a command")
                .arg(names_of_commands()),
        )
}

fn names_of_commands() -> clap::Arg {
    clap::Arg::new("COMMAND").value_parser(config::COMMANDS)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("made of our own words")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn all_commands_are_there_and_hold_together() {
        command().debug_assert();
        let command = command();
        let names: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
        assert_eq!(names, config::COMMANDS);
    }

    #[test]
    fn every_page_has_its_flags() {
        for (name, parts) in [
            (
                "",
                &[
                    "sub TOPIC[,…] [FLAGS]",
                    "tollway \\- ",
                    "\\-\\-max\\-message",
                    "tollway\\-sub(1)",
                ][..],
            ),
            ("serve", &["\\-\\-max\\-message", "TOLLWAY_MAX_MESSAGE"]),
            ("sub", &["tollway\\-sub \\- ", "\\-\\-since", "earliest", "TOLLWAY_URL"]),
            ("pub", &["tollway\\-pub \\- ", "\\-\\-lines", "TOLLWAY_TOKEN"]),
            ("bench", &["tollway\\-bench \\- ", "\\-\\-rate", "TOLLWAY_URL"]),
            ("compare", &["tollway\\-compare \\- ", "\\-\\-rtt"]),
            ("completions", &["tollway completions SHELL", "zsh"]),
            ("man", &["tollway man [COMMAND]"]),
            ("help", &["tollway help [COMMAND]"]),
        ] {
            let page = man(&words(name)).expect(name);
            for part in parts {
                assert!(page.contains(part), "{name}: {part} in {page}");
            }
        }
    }

    #[test]
    fn a_page_has_no_flag_that_its_command_does_not_take() {
        for name in ["completions", "man", "help", "sub", "pub", "compare"] {
            let page = man(&words(name)).expect(name);
            assert!(!page.contains("\\-\\-version"), "{name}: {page}");
        }
        assert!(man(&words("")).expect("the page of all").contains("\\-\\-version"));
    }

    #[test]
    fn every_variable_of_the_help_is_on_the_page() {
        let page = man(&words("")).expect("the page of all");
        for flag in config::command().get_arguments() {
            if let Some(variable) = flag.get_env() {
                let variable = variable.to_string_lossy();
                assert!(page.contains(&*variable), "{variable}");
            }
        }
    }

    #[test]
    fn wrong_use_is_one_line_with_the_remedy() {
        let said = |result: Result<String, NoConfig>| match result {
            Err(NoConfig::Wrong(line)) => line,
            other => panic!("{other:?}"),
        };
        assert!(said(completions(&words(""))).contains("bash, zsh, fish"));
        assert!(said(completions(&words("csh"))).contains("bash, zsh, fish"));
        assert!(said(completions(&words("bash x"))).contains("one word too many"));
        assert!(said(man(&words("subb"))).ends_with("did you mean sub?"));
        assert!(said(man(&words("--x"))).contains("there is no --x"));
        assert!(matches!(man(&words("--help")), Err(NoConfig::Asked(_))));
        assert!(matches!(completions(&words("-h")), Err(NoConfig::Asked(_))));
    }
}
