//! Wrong use, in one line.
//!
//! Came from: clap, on behalf of `config` and `compare`; it explains itself in a paragraph. Goes
//! to: `main`, which prints it. Absent on purpose: complaints about values that do not fit
//! together; those two word them themselves.

use std::io::IsTerminal;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What may stand behind `tollway`.
pub const COMMANDS: [&str; 8] =
    ["serve", "sub", "pub", "bench", "compare", "completions", "man", "help"];

/// Why there is no [`Config`](super::Config).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoConfig {
    /// Help or the version was asked for: print this, exit with 0.
    Asked(String),
    /// Wrong use: the line to print after `tollway: `, exit with 2.
    Wrong(String),
}

impl NoConfig {
    /// What clap would say in a paragraph, in one line that names the flag and the remedy.
    /// `help` prints help on this command.
    pub(crate) fn of(error: &clap::Error, help: &str) -> Self {
        // The remedy for what does not exist.
        let all = format!("`{help}` lists what there is");
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.clone()),
            Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
            Some(_) | None => None,
        };
        // clap names a flag with its placeholder: `--listen <HOST:PORT>`, `--quiet[=<on|off>]`.
        let argument = text(ContextKind::InvalidArg).unwrap_or_default();
        let flag = argument.split([' ', '[']).next().unwrap_or_default();
        let value = text(ContextKind::InvalidValue).unwrap_or_default();
        let reason = std::error::Error::source(error).map(ToString::to_string);
        Self::Wrong(match (error.kind(), reason) {
            (ErrorKind::DisplayHelp | ErrorKind::DisplayVersion, _) => {
                let text = error.render();
                let plain = !std::io::stdout().is_terminal();
                return Self::Asked(if plain { text.to_string() } else { text.ansi().to_string() });
            }
            (ErrorKind::ValueValidation, Some(reason)) => format!("{flag} {value}: {reason}"),
            (ErrorKind::InvalidValue, _) if flag.starts_with('-') => {
                format!("{flag} needs a value: {argument}")
            }
            (ErrorKind::InvalidValue, _) => no_command(&value),
            (ErrorKind::UnknownArgument, _) => match text(ContextKind::SuggestedArg) {
                Some(near) => format!("there is no {flag}; did you mean {near}?"),
                None => format!("there is no {flag}; {all}"),
            },
            (ErrorKind::MissingRequiredArgument, _) => {
                format!("{argument} is missing; `{help}` tells what belongs there")
            }
            (ErrorKind::ArgumentConflict, _) => {
                let other = text(ContextKind::PriorArg).unwrap_or_default();
                format!("{flag} and {other} do not go together; leave one out")
            }
            (_, _) => {
                let rendered = error.to_string();
                let first = rendered.lines().next().unwrap_or_default();
                format!("{}; {all}", first.trim_start_matches("error: "))
            }
        })
    }
}

/// `url` as a complaint may show it: what stands before an @, or in a query, may be a secret.
#[must_use]
pub fn without_secrets(url: &str) -> &str {
    let rest = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
    rest.split(['?', '#']).next().unwrap_or_default()
}

/// The complaint about a word that is no command, with the one that was probably meant.
#[must_use]
pub fn no_command(word: &str) -> String {
    // clap knows what is near; the server's own command line has flags alone.
    let all = COMMANDS.map(Command::new);
    let command = Command::new("tollway").disable_help_subcommand(true).subcommands(all);
    let near = command.try_get_matches_from(["tollway", word]).err().and_then(|error| {
        let Some(ContextValue::Strings(near)) = error.get(ContextKind::SuggestedSubcommand) else {
            return None;
        };
        near.last().cloned()
    });
    match near {
        Some(near) => format!("there is no command {word}; did you mean {near}?"),
        None => format!("there is no command {word}; `tollway --help` lists what there is"),
    }
}
