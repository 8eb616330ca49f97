//! The flags of `tollway sub` and `tollway pub`, read, checked and explained.
//!
//! Came from: `main`, with the arguments after the command. Goes to: `reader` and `publisher`, as
//! options whose values fit together. Absent on purpose: what a server knows better, such as how a
//! topic may be called.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Command, CommandFactory, FromArgMatches, Parser};

use super::address::{self, ServerAddress};
use super::spelling::{is_cursor, is_key, no_reserved, wait_s};
use crate::client::endpoint::BearerToken;
use crate::client::ladder::Timings;
use crate::config::{NoConfig, Secret, Span, join_negative, whole};
use crate::limits::{IDEMPOTENCY_KEY_BYTES_MAX, TOPICS_PER_READER_MAX};
use crate::shell::secrets::token_to_show;
use crate::technique::Technique;

/// What is to be read, how, and how it is to be shown.
#[derive(Clone, Debug)]
pub struct SubOptions {
    /// The server.
    pub server: ServerAddress,
    /// Names, 1 to 32.
    pub topics: Vec<String>,
    /// The best first; at least one.
    pub techniques: Vec<Technique>,
    /// A cursor, `latest` or `earliest`.
    pub since: String,
    /// End after so many messages.
    pub count: Option<u64>,
    /// Seconds that a long poll may be withheld.
    pub wait_s: u64,
    /// Milliseconds between two short polls.
    pub interval_ms: u64,
    /// How long a technique may say nothing, and what follows from it.
    pub timings: Timings,
    /// How it is shown.
    pub shown: Shown,
}

/// What is to be published, how, and what is to be shown of it.
#[derive(Clone, Debug)]
pub struct PubOptions {
    /// The server.
    pub server: ServerAddress,
    /// Where to.
    pub topic: String,
    /// The event's name.
    pub event: Option<String>,
    /// By WebSocket; otherwise by POST.
    pub by_websocket: bool,
    /// By which a repeat is known; otherwise one is drawn for each message.
    pub key: Option<String>,
    /// The data; otherwise standard input.
    pub data: Option<Vec<u8>>,
    /// A message for each line of standard input.
    pub lines: bool,
    /// How long a server may say nothing, and what follows from it.
    pub timings: Timings,
    /// What is shown.
    pub shown: Shown,
}

/// What is told beside the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// JSON, one object a line.
    pub json: bool,
    /// What it cost, at the end.
    pub costs: bool,
    /// Each change of technique.
    pub verbose: bool,
}

#[derive(Debug, Parser)]
#[command(
    name = "tollway sub",
    bin_name = "tollway sub",
    about = "Read topics of a running server, one line for each message",
    long_about = None,
    override_usage = "tollway sub TOPIC[,…] [FLAGS]",
    after_help = "The best technique that works reads; the next one takes over when it is refused, \
                  held back or cut, and reads on after the last message. Gaps, and what goes \
                  wrong, are told on standard error. A server that is not there is waited for.\n\n\
                  Durations: 500ms, 15s, 2m.",
    disable_help_subcommand = true,
    disable_version_flag = true,
    max_term_width = 100
)]
struct SubFlags {
    /// What to read; up to 32 topics, separated by commas
    #[arg(value_name = "TOPIC[,…]", value_delimiter = ',', required = true, num_args = 1)]
    #[arg(action = ArgAction::Set)]
    topics: Vec<String>,
    #[command(flatten)]
    remote: RemoteFlags,
    #[command(flatten)]
    reading: ReadingFlags,
    /// One JSON object a line: id, topic, event, data, encoding
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// At the end, tell on standard error what it cost: requests, connections, bytes by class
    #[arg(long, help_heading = "Output")]
    costs: bool,
    /// Tell each change of technique on standard error
    #[arg(long, short, help_heading = "Output")]
    verbose: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Reading")]
struct ReadingFlags {
    /// Which techniques may be used, the best first: ws, sse, long-poll, poll [default: all; with
    /// several topics without sse, which does not say an event's topic]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    via: Vec<String>,
    /// Where to begin: after a message's id; latest; or earliest, for all that is retained
    #[arg(long, value_name = "CURSOR", default_value = "latest")]
    since: String,
    /// End after so many messages
    #[arg(long, short = 'n', value_name = "N", value_parser = whole::<u64>)]
    count: Option<u64>,
    /// How long a long poll may be withheld
    #[arg(long, value_name = "DURATION", default_value_t = Span(25_000))]
    wait: Span,
    /// Between two short polls
    #[arg(long, value_name = "DURATION", default_value_t = Span(2_000))]
    interval: Span,
}

/// Where a server is, and what is shown to it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub struct RemoteFlags {
    /// Where the server is: http://HOST:PORT or https://…, and a path if its topics are below one
    #[arg(long, env = "TOLLWAY_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    #[arg(hide_env_values = true)]
    url: String,
    /// Sent as Authorization: Bearer; @FILE reads it from a file. That, or the variable, is better:
    /// a command line is for all to see
    #[arg(long, env = "TOLLWAY_TOKEN", value_name = "TOKEN|@FILE", hide_env_values = true)]
    token: Option<Secret>,
    /// Who vouches for a server of https://, in PEM; otherwise the authorities that the system has
    #[arg(long, env = "TOLLWAY_TLS_CA", value_name = "FILE", hide_env_values = true)]
    tls_ca: Option<PathBuf>,
    /// How long a server or a technique may say nothing
    #[arg(long, value_name = "DURATION", default_value_t = Span(5_000))]
    patience: Span,
}

#[derive(Debug, Parser)]
#[command(
    name = "tollway pub",
    bin_name = "tollway pub",
    about = "Publish to a topic of a running server",
    long_about = None,
    override_usage = "tollway pub TOPIC [DATA|-] [FLAGS]",
    after_help = "Each message is added once, however often it has to be sent: it carries a key. \
                  A server that cannot be reached at all is an error; one that is lost on the way \
                  is tried again for a while.\n\nDurations: 500ms, 15s, 2m.",
    disable_help_subcommand = true,
    disable_version_flag = true,
    max_term_width = 100
)]
struct PubFlags {
    /// Where to publish
    topic: String,
    /// The message; -, or nothing, to read it from standard input, up to its end; behind --, one
    /// that begins like a flag
    #[arg(value_name = "DATA|-", allow_negative_numbers = true)]
    data: Option<OsString>,
    #[command(flatten)]
    remote: RemoteFlags,
    #[command(flatten)]
    message: MessageFlags,
    /// Print the server's answer for each message: its id, and by post how many were reading
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// At the end, tell on standard error what it cost: requests, connections, bytes by class
    #[arg(long, help_heading = "Output")]
    costs: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Message")]
struct MessageFlags {
    /// Read standard input as one message a line, each published as it comes
    #[arg(long, short)]
    lines: bool,
    /// The event's name
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// How to publish: post, or ws
    #[arg(long, value_name = "post|ws", default_value = "post")]
    via: String,
    /// A repeat with the same key adds nothing [default: drawn for each message]
    #[arg(long, value_name = "KEY", conflicts_with = "lines")]
    key: Option<String>,
}

/// The command line of `tollway sub`.
#[must_use]
pub fn sub_command() -> Command {
    SubFlags::command()
}

/// The command line of `tollway pub`.
#[must_use]
pub fn pub_command() -> Command {
    PubFlags::command()
}

impl SubOptions {
    /// Reads the arguments, the command's name first, and the environment.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, NoConfig> {
        parse::<SubFlags>(arguments, "tollway sub --help")?.into_options().map_err(NoConfig::Wrong)
    }
}

impl PubOptions {
    /// As [`SubOptions::read`].
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, NoConfig> {
        parse::<PubFlags>(arguments, "tollway pub --help")?.into_options().map_err(NoConfig::Wrong)
    }
}

/// Reads flags, the command's name first. `help` prints help on the command.
pub fn parse<F: CommandFactory + FromArgMatches>(
    arguments: impl IntoIterator<Item = OsString>,
    help: &str,
) -> Result<F, NoConfig> {
    // A negative number is a bad value, not an unknown flag.
    let command = F::command().mut_args(|flag| {
        let takes_value = !flag.is_positional() && flag.get_action().takes_values();
        if takes_value { flag.allow_negative_numbers(true) } else { flag }
    });
    let arguments = join_negative(&command, arguments);
    let matches = command.try_get_matches_from(arguments);
    matches
        .and_then(|matches| F::from_arg_matches(&matches))
        .map_err(|error| NoConfig::of(&error, help))
}

impl SubFlags {
    fn into_options(self) -> Result<SubOptions, String> {
        let Self { topics, remote, reading, json, costs, verbose } = self;
        if topics.len() > TOPICS_PER_READER_MAX || topics.iter().any(String::is_empty) {
            return Err(format!(
                "TOPIC takes 1 to {TOPICS_PER_READER_MAX} names, separated by commas; write \
                 chat,news"
            ));
        }
        no_reserved(topics.iter())?;
        if reading.count == Some(0) {
            return Err("--count 0 would end before it began; give 1 or more".into());
        }
        in_range("--interval", reading.interval)?;
        let since = reading.since;
        if !is_cursor(&since) {
            return Err(format!(
                "--since {since}: is no cursor; write earliest, latest, or the id of a message"
            ));
        }
        Ok(SubOptions {
            techniques: techniques(&reading.via, topics.len())?,
            topics,
            since,
            count: reading.count,
            wait_s: wait_s(reading.wait)?,
            interval_ms: reading.interval.0,
            timings: remote.timings()?,
            server: remote.server()?,
            shown: Shown { json, costs, verbose },
        })
    }
}

impl PubFlags {
    fn into_options(self) -> Result<PubOptions, String> {
        let Self { topic, data, remote, message, json, costs } = self;
        no_reserved([&topic].into_iter())?;
        let by_websocket = match message.via.as_str() {
            "post" => false,
            "ws" => true,
            other => {
                return Err(format!(
                    "--via {other}: there is none of this name; choose post or ws"
                ));
            }
        };
        if message.key.as_ref().is_some_and(|key| !is_key(key)) {
            return Err(format!(
                "--key takes 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters; encode \
                 others"
            ));
        }
        let data = data.map(OsString::into_encoded_bytes).filter(|data| data != b"-");
        if data.is_some() && message.lines {
            return Err("--lines reads standard input; leave DATA out, or give -".into());
        }
        Ok(PubOptions {
            topic,
            event: message.event,
            by_websocket,
            key: message.key,
            data,
            lines: message.lines,
            timings: remote.timings()?,
            server: remote.server()?,
            shown: Shown { json, costs, verbose: false },
        })
    }
}

impl RemoteFlags {
    /// How long the server may say nothing, in milliseconds.
    pub fn patience_ms(&self) -> Result<u64, String> {
        in_range("--patience", self.patience)?;
        Ok(self.patience.0)
    }

    fn timings(&self) -> Result<Timings, String> {
        self.patience_ms().map(Timings::of)
    }

    /// The server, with what is shown to it.
    pub fn server(&self) -> Result<ServerAddress, String> {
        // An empty variable is one that was not given.
        let token = self.token.as_ref().filter(|token| !token.text().is_empty());
        let token = token.map(|token| token_to_show("--token", token)).transpose()?;
        let ca = self.tls_ca.as_deref().filter(|file| !file.as_os_str().is_empty());
        address::read(&self.url, token.as_deref().map(BearerToken::from), ca)
    }
}

fn in_range(flag: &str, span: Span) -> Result<(), String> {
    let (least, most) = (Span(MS_MIN), Span(MS_MAX));
    if (MS_MIN..=MS_MAX).contains(&span.0) {
        return Ok(());
    }
    Err(format!("{flag} {span} is not between {least} and {most}; try 5s"))
}

/// What techniques are called here, the best first.
const VIA: [(&str, Technique); 4] = [
    ("ws", Technique::WebSocket),
    ("sse", Technique::Sse),
    ("long-poll", Technique::LongPoll),
    ("poll", Technique::ShortPoll),
];

/// What `technique` is called by `--via`.
#[must_use]
pub fn via(technique: Technique) -> &'static str {
    VIA.into_iter().find(|(_, t)| *t == technique).expect("all are there").0
}

/// The technique that is called so by `--via`; the error is the line to print.
pub fn technique_of(name: &str) -> Result<Technique, String> {
    let found = VIA.into_iter().find(|(via, _)| *via == name);
    found.map(|(_, technique)| technique).ok_or_else(|| {
        let all = VIA.map(|(via, _)| via).join(", ");
        format!("--via {name}: there is none of this name; choose from {all}")
    })
}

fn techniques(names: &[String], topics: usize) -> Result<Vec<Technique>, String> {
    let mut chosen = Vec::new();
    for name in names {
        let technique = technique_of(name)?;
        if !chosen.contains(&technique) {
            chosen.push(technique);
        }
    }
    if chosen.is_empty() {
        let all = VIA.into_iter().map(|(_, technique)| technique);
        // An event does not say its topic: of several, only who asks gets it.
        chosen.extend(all.filter(|technique| topics == 1 || *technique != Technique::Sse));
    }
    Ok(chosen)
}

const MS_MIN: u64 = 10;
const MS_MAX: u64 = 60 * 60 * 1000;

#[cfg(test)]
mod tests;
