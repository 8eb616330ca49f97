//! The environment: the variables of the flags, as people set them.
//!
//! An empty variable is one that was not given: that is how a compose file or a unit writes "none".
//! A switch takes every usual word for on and off. What is refused is named as it was given, by its
//! variable or by its flag. And a variable of our prefix that nobody reads is a mistake: it is
//! warned of.
//!
//! Came from: the process's environment. Goes to: `config`. Absent on purpose: what values mean;
//! they are read like those of flags.

use std::env;
use std::ffi::{OsStr, OsString};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Command};

use super::spelling::Misspelt;

/// All our variables begin like this.
const PREFIX: &str = "TOLLWAY_";

/// Those of `sub` and `pub`, which may well be set where a server starts.
const OF_CLIENTS: [&str; 3] = ["TOLLWAY_URL", "TOLLWAY_TOKEN", "TOLLWAY_TLS_CA"];

/// What turns a switch on, and what turns it off, in any case.
const ON: [&str; 4] = ["1", "true", "yes", "on"];
const OFF: [&str; 4] = ["0", "false", "no", "off"];

/// Reads a switch.
pub(super) fn switch(text: &str) -> Result<bool, Misspelt> {
    let one_of = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match (one_of(ON), one_of(OFF)) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        (false, false) => Err(Misspelt::SWITCH),
    }
}

/// Reads a switch that may be turned on more than once: how often, 255 at most.
pub(super) fn times(text: &str) -> Result<u8, Misspelt> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.parse().unwrap_or(u8::MAX))
    } else {
        switch(text).map(u8::from)
    }
}

/// The command without the variables that are empty.
pub(super) fn without_empty(command: Command) -> Command {
    let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    command.mut_args(|flag| match flag.get_env() {
        Some(name) if is_empty(name) => flag.env(Resettable::Reset),
        Some(_) | None => flag,
    })
}

/// Variables that give a value because no flag does, as `--flag` and `VARIABLE`.
pub(super) fn in_effect(command: &Command, arguments: &[OsString]) -> Vec<(String, String)> {
    let given = |flag: &str| {
        let text = |argument: &OsString| argument.to_string_lossy().into_owned();
        let is = |argument: String| argument.split('=').next() == Some(flag);
        arguments.iter().map(text).any(is)
    };
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let pair = |flag: &Arg| {
        let variable = flag.get_env()?.to_str()?.to_owned();
        Some((format!("--{}", flag.get_long()?), variable))
    };
    let pairs = command.get_arguments().filter_map(pair);
    pairs.filter(|(flag, variable)| set(variable) && !given(flag)).collect()
}

/// A complaint that calls each value as it was given.
pub(super) fn name_variables(complaint: &str, in_effect: &[(String, String)]) -> String {
    let mut text = complaint.to_owned();
    for (flag, variable) in in_effect {
        text = text.replace(&format!("{flag} "), &format!("{variable}="));
    }
    text
}

/// Whether a flag is given on the command line, or by a variable.
pub(super) fn is_typed(matches: &ArgMatches, flag: &str) -> bool {
    matches.value_source(flag) == Some(clap::parser::ValueSource::CommandLine)
}

/// Whether nobody gave `flag` a value.
pub(super) fn is_default(matches: &ArgMatches, flag: &str) -> bool {
    matches.value_source(flag) == Some(clap::parser::ValueSource::DefaultValue)
}

/// A line for each variable of our prefix in `names` that `command` does not have.
pub(super) fn unknown<'n>(
    command: &Command,
    names: impl Iterator<Item = &'n OsStr>,
) -> Vec<String> {
    let known: Vec<&OsStr> = command.get_arguments().filter_map(Arg::get_env).collect();
    let ours = names.filter(|name| name.to_string_lossy().starts_with(PREFIX));
    let mut lines: Vec<String> = ours
        .filter(|name| !known.contains(name) && !OF_CLIENTS.iter().any(|own| *name == *own))
        .map(|name| {
            let name = name.to_string_lossy();
            match nearest(command, &name) {
                Some(near) => format!("{name} has no effect; did you mean {near}?"),
                None => format!("{name} has no effect; `tollway --help` lists what there is"),
            }
        })
        .collect();
    lines.sort_unstable();
    lines
}

/// The variable that was probably meant: clap knows which flag would be, had this been one.
fn nearest(command: &Command, name: &str) -> Option<String> {
    let flag = |text: &str| format!("--{}", text.to_lowercase().replace('_', "-"));
    let asked = flag(name.strip_prefix(PREFIX)?);
    let error = command.clone().try_get_matches_from(["tollway", &asked]).err()?;
    let Some(ContextValue::String(near)) = error.get(ContextKind::SuggestedArg) else {
        return None;
    };
    let near = command
        .get_arguments()
        .find(|arg| arg.get_long().is_some_and(|long| near.trim_start_matches('-') == long))?;
    Some(near.get_env()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_takes_every_usual_word_in_any_case() {
        for (words, on) in [(ON, true), (OFF, false)] {
            for word in words {
                for word in [word.to_owned(), word.to_uppercase()] {
                    assert_eq!(switch(&word), Ok(on), "{word}");
                    assert_eq!(times(&word), Ok(u8::from(on)), "{word}");
                }
            }
        }
        for word in ["", " ", "2x", "-1", "+1", "enable", "tru", "on "] {
            assert_eq!(switch(word), Err(Misspelt::SWITCH), "{word:?}");
            assert_eq!(times(word), Err(Misspelt::SWITCH), "{word:?}");
        }
        assert_eq!((times("2"), times("007"), times("99999")), (Ok(2), Ok(7), Ok(255)));
        assert!(switch("2").is_err());
    }

    #[test]
    fn a_complaint_names_the_variable_that_gave_the_value() {
        let pair = |flag: &str, variable: &str| (flag.to_owned(), variable.to_owned());
        let given = [pair("--max-wait", "TOLLWAY_MAX_WAIT"), pair("--deflate", "TOLLWAY_DEFLATE")];
        assert_eq!(
            name_variables("--max-wait 0 would not; --max-wait-more 1", &given),
            "TOLLWAY_MAX_WAIT=0 would not; --max-wait-more 1"
        );
        assert_eq!(name_variables("--threads 0", &given), "--threads 0");
    }
}
