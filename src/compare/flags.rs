//! The flags of `tollway compare`, read, checked and explained.
//!
//! Came from: `main`, with the arguments after `compare`. Goes to: `mod`, as a [`CompareOptions`]
//! whose values fit together. Absent on purpose: environment variables, but for what a running
//! server is shown and believed by. They are for servers that others start; a comparison is started
//! by whoever reads it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgAction, Args, Command, CommandFactory, FromArgMatches, Parser};

use super::target::Target;
use crate::client::endpoint::BearerToken;
use crate::client::stamp::STAMP_BYTES;
use crate::config::{NoConfig, Secret, Size, Span, fraction, join_negative, whole};
use crate::limits;
use crate::shell::secrets::token_to_show;
use crate::technique::Technique;

/// What is to be compared, and how it is to be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct CompareOptions {
    /// Clients of each variant, at least one.
    pub clients: usize,
    /// Messages, at least one.
    pub messages: u64,
    /// Messages a second, more than zero.
    pub rate: f64,
    /// Bytes of each message.
    pub size: usize,
    /// Of short polling, in milliseconds; at least one.
    pub poll_intervals_ms: Vec<u64>,
    /// In the order in which they run; at least one.
    pub techniques: Vec<Technique>,
    /// Event loops of each server.
    pub threads: usize,
    /// Emulated; 0 is none.
    pub rtt_ms: u64,
    /// Whether those servers, and their clients, speak TLS.
    pub tls: bool,
    /// The server to be compared; otherwise one is started for each variant.
    pub url: Option<Target>,
    /// What goes to standard output.
    pub form: Form,
    /// Where a picture goes.
    pub svg: Option<PathBuf>,
    /// Where a picture over time goes.
    pub timeline: Option<PathBuf>,
}

/// What goes to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Tables for a terminal.
    Table,
    /// One object with everything.
    Json,
    /// Tables for a page.
    Markdown,
    /// A line for each variant.
    Csv,
    /// No figures, but what the columns of the tables say.
    Explained,
}

#[derive(Debug, Parser)]
#[command(
    name = "tollway compare",
    bin_name = "tollway compare",
    about = "Deliver the same messages by each technique, and show what each costs: bytes, \
             segments, system calls, CPU, memory, latency",
    long_about = None,
    override_usage = "tollway compare [FLAGS]",
    after_help = "Without --url, each variant runs against a server process of its own, started \
                  for it, with all clients in a third process. Every client checks that it got \
                  every message, once, in order; if one did not, the comparison is void and the \
                  exit code 1.\n\n\
                  Sizes: 64KiB, or plain bytes. Durations: 500ms, 15s, 2m.",
    disable_help_subcommand = true,
    disable_version_flag = true,
    max_term_width = 100
)]
struct CompareFlags {
    #[command(flatten)]
    load: LoadFlags,
    #[command(flatten)]
    choice: TechniqueFlags,
    #[command(flatten)]
    output: FormFlags,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
struct LoadFlags {
    /// Clients of each variant
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = whole::<usize>)]
    clients: usize,
    /// Messages published to each variant [default: 10]
    #[arg(long, value_name = "N", conflicts_with = "duration", value_parser = whole::<u64>)]
    messages: Option<u64>,
    /// How long to publish, instead of --messages: as many as fit in at --rate
    #[arg(long, value_name = "DURATION")]
    duration: Option<Span>,
    /// Messages a second, evenly spaced
    #[arg(long, value_name = "PER_SECOND", default_value_t = 2.0, value_parser = fraction)]
    rate: f64,
    /// Bytes of each message
    #[arg(long, default_value_t = Size(128))]
    size: Size,
    /// Round-trip time to emulate: the clients hold back each direction of each connection by half
    /// of it, and connecting by all of it
    #[arg(long, value_name = "DURATION")]
    rtt: Option<Span>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Techniques")]
struct TechniqueFlags {
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    #[arg(help = "What to compare: short_poll, long_poll, sse, websocket, separated by commas \
                  [default: all]")]
    techniques: Vec<String>,
    /// Interval of short polling, each on a kept-alive connection and on a new one for each poll;
    /// repeatable [default: 1s and 200ms]
    #[arg(long, value_name = "DURATION", value_delimiter = ',', action = ArgAction::Append)]
    poll_interval: Vec<Span>,
    /// Event loops of each server
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>)]
    threads: usize,
    /// Everything by TLS: each server has a certificate that is made for it, and clients take up
    /// their sessions when they connect anew, as browsers do
    #[arg(long)]
    tls: bool,
    /// Compare the techniques of this running server, http://HOST:PORT or https://…, by what its
    /// /-/costs says before and after
    #[arg(long, value_name = "URL", conflicts_with = "threads")]
    url: Option<String>,
    /// By which to publish and to read at --url, if that asks for one; @FILE reads it from a file.
    /// That, or the variable, is better: a command line is for all to see
    #[arg(long, env = "TOLLWAY_TOKEN", value_name = "TOKEN|@FILE", hide_env_values = true)]
    token: Option<Secret>,
    /// By which to ask for /-/costs there [default: that of --token]
    #[arg(long, value_name = "TOKEN|@FILE", requires = "url")]
    admin_token: Option<Secret>,
    /// Who vouches for a server of https://, in PEM; otherwise the authorities that the system has
    #[arg(long, env = "TOLLWAY_TLS_CA", value_name = "FILE", hide_env_values = true)]
    tls_ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
struct FormFlags {
    /// Print one JSON object instead of tables
    #[arg(long, conflicts_with_all = ["markdown", "csv"])]
    json: bool,
    /// Print Markdown
    #[arg(long, conflicts_with = "csv")]
    markdown: bool,
    /// Print a line for each variant, separated by commas
    #[arg(long)]
    csv: bool,
    /// Tell what each column says, and measure nothing
    #[arg(long, conflicts_with_all = ["json", "markdown", "csv", "svg", "timeline"])]
    explain: bool,
    /// Draw bars into this file as well
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Draw over time what one client of each variant saw into this file as well: each request,
    /// each answer, and how long a message waits
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
}

/// The command line of `tollway compare`.
#[must_use]
pub fn command() -> Command {
    CompareFlags::command()
}

impl CompareOptions {
    /// Reads the arguments, the command's name first.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, NoConfig> {
        let command = CompareFlags::command().mut_args(|flag| {
            let takes_value = flag.get_action().takes_values();
            flag.allow_negative_numbers(takes_value)
        });
        let complain = |error: clap::Error| NoConfig::of(&error, "tollway compare --help");
        let arguments = join_negative(&command, arguments);
        let matches = command.try_get_matches_from(arguments).map_err(complain)?;
        let given = CompareFlags::from_arg_matches(&matches).map_err(complain)?;
        let is_typed = |flag| matches.value_source(flag) == Some(ValueSource::CommandLine);
        given.choice.takes(is_typed("token"), is_typed("tls_ca")).map_err(NoConfig::Wrong)?;
        given.into_request().map_err(NoConfig::Wrong)
    }
}

impl CompareFlags {
    fn into_request(self) -> Result<CompareOptions, String> {
        let Self { load, choice, output } = self;
        in_range("--clients", load.clients as u64, 1, CLIENTS_MAX)?;
        in_range("--threads", choice.threads as u64, 1, 64)?;
        let rate = load.rate;
        if !(rate > 0.0 && rate <= RATE_MAX) {
            return Err(format!(
                "--rate {rate} is not above 0 and at most {RATE_MAX}; try 2, or 0.5 for one \
                 message in two seconds"
            ));
        }
        let messages = messages(load.messages, load.duration, rate)?;
        let rtt = load.rtt.unwrap_or(Span(0));
        if rtt.0 > RTT_MS_MAX {
            let most = Span(RTT_MS_MAX);
            return Err(format!("--rtt {rtt} is too long; give {most} or less"));
        }
        Ok(CompareOptions {
            clients: load.clients,
            messages,
            rate,
            size: size(load.size)?,
            poll_intervals_ms: intervals(&choice.poll_interval)?,
            techniques: techniques(&choice.techniques)?,
            threads: choice.threads,
            rtt_ms: rtt.0,
            tls: choice.tls,
            url: choice.target()?,
            form: match (output.json, output.markdown, output.csv, output.explain) {
                (true, ..) => Form::Json,
                (_, true, ..) => Form::Markdown,
                (.., true, _) => Form::Csv,
                (.., true) => Form::Explained,
                _ => Form::Table,
            },
            svg: output.svg,
            timeline: output.timeline,
        })
    }
}

impl TechniqueFlags {
    /// Whether flags about servers that were typed say something.
    fn takes(&self, token_is_typed: bool, ca_is_typed: bool) -> Result<(), String> {
        match &self.url {
            None if token_is_typed => {
                Err("--token has no effect without --url: a server that is started for a run \
                     asks for none; leave it out"
                    .to_owned())
            }
            None if ca_is_typed => {
                Err("--tls-ca has no effect without --url: a certificate that --tls makes is \
                     believed; leave it out"
                    .to_owned())
            }
            Some(_) if self.tls => {
                Err("--tls is for servers that are started for a run: that of --url speaks TLS or \
                     does not; leave it out, and write https:// if it does"
                    .to_owned())
            }
            Some(url) if ca_is_typed && is_plain(url) => {
                Err("--tls-ca has no effect on http://; write https://, or leave it out".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The server that was named, with what is shown to it.
    fn target(&self) -> Result<Option<Target>, String> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        let read = |flag: &str, secret: &Option<Secret>| {
            // An empty variable is one that was not given.
            let given = secret.as_ref().filter(|secret| !secret.text().is_empty());
            let token = given.map(|secret| token_to_show(flag, secret)).transpose()?;
            Ok::<_, String>(token.as_deref().map(BearerToken::from))
        };
        let token = read("--token", &self.token)?;
        let costs_token = read("--admin-token", &self.admin_token)?.or_else(|| token.clone());
        let ca = self.tls_ca.as_deref().filter(|file| !file.as_os_str().is_empty());
        Ok(Some(Target { token, costs_token, ..Target::read(url, ca)? }))
    }
}

/// Whether a URL is one of `http`, in any case. RFC 3986 §3.1.
fn is_plain(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("http"))
}

fn in_range(flag: &str, value: u64, least: u64, most: u64) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(format!("{flag} {value} is not between {least} and {most}; give a number in that range"))
}

fn messages(given: Option<u64>, duration: Option<Span>, rate: f64) -> Result<u64, String> {
    if let Some(duration) = duration {
        // A count of messages: truncated, as the last one would be published after the end.
        let fitting = (duration.0 as f64 / 1000.0 * rate) as u64;
        if fitting == 0 {
            return Err(format!(
                "--duration {duration} has no time for one message at --rate {rate}; give more of \
                 either"
            ));
        }
        in_range("--duration in messages", fitting, 1, MESSAGES_MAX)?;
        return Ok(fitting);
    }
    let messages = given.unwrap_or(MESSAGES);
    in_range("--messages", messages, 1, MESSAGES_MAX)?;
    Ok(messages)
}

fn size(size: Size) -> Result<usize, String> {
    if size.0 < STAMP_BYTES {
        return Err(format!(
            "--size {size} has no room for a message's number and moment; give {STAMP_BYTES} or \
             more"
        ));
    }
    if size.0 > limits::MESSAGE_BYTES_MAX {
        let most = Size(limits::MESSAGE_BYTES_MAX);
        return Err(format!("--size {size} is more than a message may have; give {most} or less"));
    }
    Ok(size.0)
}

fn intervals(given: &[Span]) -> Result<Vec<u64>, String> {
    let range = INTERVAL_MS_MIN..=INTERVAL_MS_MAX;
    if let Some(wrong) = given.iter().find(|span| !range.contains(&span.0)) {
        let (least, most) = (Span(INTERVAL_MS_MIN), Span(INTERVAL_MS_MAX));
        return Err(format!("--poll-interval {wrong} is not between {least} and {most}; try 1s"));
    }
    if given.is_empty() {
        return Ok(INTERVALS_MS.to_vec());
    }
    Ok(given.iter().map(|span| span.0).collect())
}

fn techniques(names: &[String]) -> Result<Vec<Technique>, String> {
    let known = |name: &String| {
        let found = Technique::ALL.into_iter().find(|t| t.name() == name.trim());
        found.ok_or_else(|| {
            let all = Technique::ALL.map(Technique::name).join(", ");
            format!("--techniques {name}: there is none of this name; choose from {all}")
        })
    };
    let chosen: Vec<Technique> = names.iter().map(known).collect::<Result<_, _>>()?;
    if chosen.is_empty() {
        return Ok(Technique::ALL.to_vec());
    }
    // In the order of the docs, each once, whatever order they were given in.
    let all = Technique::ALL.into_iter();
    Ok(all.filter(|technique| chosen.contains(technique)).collect())
}

/// Published when neither `--messages` nor `--duration` says otherwise: with the other defaults,
/// all variants fit into a minute.
const MESSAGES: u64 = 10;
/// One interval that people choose to save requests, and one that they choose to be quick.
const INTERVALS_MS: [u64; 2] = [1000, 200];
/// Ports of one address to one server end at 65,535.
const CLIENTS_MAX: u64 = 50_000;
/// A server retains all of them, so that a slow poll misses none.
const MESSAGES_MAX: u64 = 1_000_000;
const RATE_MAX: f64 = 10_000.0;
const RTT_MS_MAX: u64 = 10_000;
const INTERVAL_MS_MIN: u64 = 10;
const INTERVAL_MS_MAX: u64 = 10 * 60 * 1000;

#[cfg(test)]
mod tests;
