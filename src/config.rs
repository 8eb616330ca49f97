//! The command line and the environment, read, checked and explained.
//!
//! Every bound that an operator may turn is a flag here, and every flag has an environment variable
//! of the same name: `--max-message`, `TOLLWAY_MAX_MESSAGE`. A flag goes before the variable. Wrong
//! use is answered by one line that names the flag and the remedy, and by exit code 2.
//!
//! Came from: `main`, with the arguments. Goes to: `shell`, as a [`Config`] whose values fit
//! together. Absent on purpose: ports and folders. Whether they can be had is found out by having
//! them.

mod checks;
mod complaint;
mod environment;
mod spelling;
#[cfg(test)]
mod tests;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser};
use log::LevelFilter;

pub use complaint::NoConfig;
use environment::{switch, times};
pub use spelling::{Listen, Misspelt, Size, Span};

use crate::limits::{self, Limits};
use crate::wire::authority::{HostPattern, OriginPattern};

/// What the server is to do. Its values fit together.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen: at least one.
    pub listen: Vec<Listen>,
    /// Event loops, 1 to 64.
    pub threads: usize,
    /// The folder behind `/static/`.
    pub static_dir: Option<PathBuf>,
    /// The bounds.
    pub limits: Limits,
    /// Origins of other sites whose pages may ask.
    pub allow_origin: Vec<OriginPattern>,
    /// The hosts that are served; when there are none, all are.
    pub allow_host: Vec<HostPattern>,
    /// Where to write the ports.
    pub port_file: Option<PathBuf>,
    /// How much to tell on standard error.
    pub verbosity: LevelFilter,
    /// Whether to say hello on standard output.
    pub greets: bool,
}

#[derive(Debug, Parser)]
#[command(
    name = "tollway",
    version,
    about = "A real-time messaging server: short polling, long polling, SSE and WebSocket, one log",
    override_usage = "tollway [serve] [FLAGS]\n       tollway compare [FLAGS]",
    after_help = "Sizes: 64KiB, 16MiB, or plain bytes. Durations: 500ms, 15s, 2m, 1h, 7d.\n\
                  Several values for one variable are separated by commas.\n\
                  `tollway compare --help` tells how to measure what each technique costs.",
    disable_help_subcommand = true,
    max_term_width = 100
)]
struct CommandLine {
    /// `serve`, the only command that may be left out.
    #[arg(value_name = "COMMAND", value_parser = ["serve"], hide = true)]
    command: Option<String>,
    #[command(flatten)]
    addresses: AddressFlags,
    #[command(flatten)]
    retention: RetentionFlags,
    #[command(flatten)]
    bounds: LimitFlags,
    #[command(flatten)]
    deadlines: DeadlineFlags,
    #[command(flatten)]
    sockets: WebSocketFlags,
    #[command(flatten)]
    browsers: BrowserFlags,
    #[command(flatten)]
    output: OutputFlags,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Addresses")]
struct AddressFlags {
    /// Where to listen: HOST:PORT, or :PORT for all addresses of this machine; port 0 takes any;
    /// repeatable
    #[arg(long, env = "TOLLWAY_LISTEN", value_name = "HOST:PORT", value_delimiter = ',')]
    #[arg(default_value = "127.0.0.1:8080")]
    listen: Vec<Listen>,
    /// Event loops, each on a thread of its own [default: the cores of this machine]
    #[arg(long, env = "TOLLWAY_THREADS", value_name = "N")]
    threads: Option<usize>,
    /// Serve the files of this folder under /static/
    #[arg(long = "static", env = "TOLLWAY_STATIC", value_name = "DIR")]
    static_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Retention")]
struct RetentionFlags {
    /// Messages retained per topic
    #[arg(long, env = "TOLLWAY_HISTORY_MESSAGES", value_name = "N")]
    #[arg(default_value_t = limits::HISTORY_MESSAGES)]
    history_messages: usize,
    /// Bytes retained per topic
    #[arg(long, env = "TOLLWAY_HISTORY_BYTES", value_name = "SIZE")]
    #[arg(default_value_t = Size(limits::HISTORY_BYTES))]
    history_bytes: Size,
    /// How long a message is retained
    #[arg(long, env = "TOLLWAY_HISTORY_AGE", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::HISTORY_AGE_MS))]
    history_age: Span,
    /// Bytes retained in all topics together; the oldest message goes first
    #[arg(long, env = "TOLLWAY_RETAIN_BYTES", value_name = "SIZE")]
    #[arg(default_value_t = Size(limits::RETAIN_BYTES))]
    retain_bytes: Size,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
#[expect(clippy::struct_field_names, reason = "fields are named like their flags")]
struct LimitFlags {
    /// The largest message
    #[arg(long, env = "TOLLWAY_MAX_MESSAGE", value_name = "SIZE")]
    #[arg(default_value_t = Size(limits::MESSAGE_BYTES_MAX))]
    max_message: Size,
    /// The largest request head
    #[arg(long, env = "TOLLWAY_MAX_HEAD", value_name = "SIZE")]
    #[arg(default_value_t = Size(limits::HEAD_BYTES_MAX))]
    max_head: Size,
    /// Connections in all, shared out among the threads
    #[arg(long, env = "TOLLWAY_MAX_CONNECTIONS", value_name = "N")]
    #[arg(default_value_t = limits::CONNECTIONS_MAX)]
    max_connections: usize,
    /// The longest wait of a long poll
    #[arg(long, env = "TOLLWAY_MAX_WAIT", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::WAIT_MS_MAX))]
    max_wait: Span,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Deadlines")]
struct DeadlineFlags {
    /// Silence after which a stream gets a comment and a WebSocket a Ping
    #[arg(long, env = "TOLLWAY_HEARTBEAT", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::HEARTBEAT_MS))]
    heartbeat: Span,
    /// From the first byte of a request to the end of its head
    #[arg(long, env = "TOLLWAY_HEAD_TIMEOUT", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::HEAD_MS_MAX))]
    head_timeout: Span,
    /// From the end of a request's head to the end of its body
    #[arg(long, env = "TOLLWAY_BODY_TIMEOUT", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::BODY_MS_MAX))]
    body_timeout: Span,
    /// How long a connection is kept without a request
    #[arg(long, env = "TOLLWAY_IDLE_TIMEOUT", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::IDLE_MS_MAX))]
    idle_timeout: Span,
    /// How long a peer may take none of the bytes that wait for it
    #[arg(long, env = "TOLLWAY_STALL_TIMEOUT", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::STALL_MS_MAX))]
    stall_timeout: Span,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "WebSocket")]
struct WebSocketFlags {
    /// Compress messages for the WebSocket clients that offer permessage-deflate
    #[arg(long, env = "TOLLWAY_DEFLATE", value_name = "on|off", value_parser = switch)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    #[arg(default_value = "off", hide_default_value = true, action = ArgAction::Set)]
    deflate: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Browsers")]
struct BrowserFlags {
    /// Another site whose pages may ask: its scheme and host, with *. before the host for all names
    /// below it; null, for pages that are kept apart; or * for all; repeatable
    #[arg(long, env = "TOLLWAY_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    allow_origin: Vec<String>,
    /// A name by which this server may be asked for, with *. in front for all below it; any other
    /// gets 421; repeatable [default: all]
    #[arg(long, env = "TOLLWAY_ALLOW_HOST", value_name = "NAME", value_delimiter = ',')]
    allow_host: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
struct OutputFlags {
    /// Write the port of each --listen to this file, one a line, once all threads listen
    #[arg(long, env = "TOLLWAY_PORT_FILE", value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// Tell each request on standard error; twice: everything
    #[arg(long, short, env = "TOLLWAY_VERBOSE", action = ArgAction::Count, value_parser = times)]
    verbose: u8,
    /// Tell errors alone, and do not say hello
    #[arg(long, short, env = "TOLLWAY_QUIET", value_name = "on|off", value_parser = switch)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    #[arg(default_value = "off", hide_default_value = true, action = ArgAction::Set)]
    quiet: bool,
}

impl Config {
    /// Reads the arguments, the program's name first, and the environment.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, NoConfig> {
        // The value of a variable may be nobody's business, and a negative number is a bad value,
        // not an unknown flag.
        let command = CommandLine::command().mut_args(|flag| {
            let takes_value = flag.get_action().takes_values();
            flag.hide_env_values(true).allow_negative_numbers(takes_value)
        });
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let in_effect = environment::in_effect(&command, &arguments);
        Self::parse(command, arguments).map_err(|none| match none {
            NoConfig::Wrong(line) => {
                NoConfig::Wrong(environment::name_variables(&line, &in_effect))
            }
            NoConfig::Asked(text) => NoConfig::Asked(text),
        })
    }

    fn parse(command: Command, arguments: Vec<OsString>) -> Result<Self, NoConfig> {
        let complain = |error: clap::Error| NoConfig::of(&error, "tollway --help");
        let wanted = environment::without_empty(command.clone());
        let matches = match wanted.try_get_matches_from(&arguments) {
            Ok(matches) => matches,
            // Help lists the variables that are empty as well.
            Err(error) if !error.use_stderr() => {
                return Err(complain(
                    command.try_get_matches_from(arguments).err().unwrap_or(error),
                ));
            }
            Err(error) => return Err(complain(error)),
        };
        let mut given = CommandLine::from_arg_matches(&matches).map_err(complain)?;
        let checked = given.settle_output(&matches).and_then(|()| given.refuse_zeros());
        checked.and_then(|()| given.into_config()).map_err(NoConfig::Wrong)
    }
}

/// A line for each variable of the environment that looks like one of ours and is none.
#[must_use]
pub fn unknown_variables() -> Vec<String> {
    let names: Vec<OsString> = env::vars_os().map(|(name, _)| name).collect();
    environment::unknown(&CommandLine::command(), names.iter().map(OsString::as_os_str))
}

impl CommandLine {
    /// Quiet and verbose at once is a mistake, but for a flag that goes before a variable.
    fn settle_output(&mut self, matches: &ArgMatches) -> Result<(), String> {
        let OutputFlags { verbose, quiet, .. } = &mut self.output;
        if !*quiet || *verbose == 0 {
            return Ok(());
        }
        let typed = ["quiet", "verbose"].map(|flag| environment::is_typed(matches, flag));
        let both = match typed {
            [true, true] => "-q and -v",
            [false, false] => "TOLLWAY_QUIET and TOLLWAY_VERBOSE",
            [true, false] => {
                *verbose = 0;
                return Ok(());
            }
            [false, true] => {
                *quiet = false;
                return Ok(());
            }
        };
        Err(format!("{both} do not go together; leave one out"))
    }

    /// No bound here is turned off by 0: each would let a stranger hold something for ever, or
    /// leave nothing that a message could live in.
    fn refuse_zeros(&self) -> Result<(), String> {
        let Self { retention: kept, bounds, deadlines: until, .. } = self;
        let numbers = [
            ("--history-messages", kept.history_messages, "1"),
            ("--max-message", bounds.max_message.0, "1KiB"),
            ("--max-connections", bounds.max_connections, "1"),
        ];
        let spans = [
            ("--history-age", kept.history_age, "1s"),
            ("--max-wait", bounds.max_wait, "1s"),
            ("--heartbeat", until.heartbeat, "1s"),
            ("--head-timeout", until.head_timeout, "1s"),
            ("--body-timeout", until.body_timeout, "1s"),
            ("--idle-timeout", until.idle_timeout, "1s"),
            ("--stall-timeout", until.stall_timeout, "1s"),
        ];
        let numbers = numbers.map(|(flag, value, remedy)| (flag, value == 0, remedy));
        let spans = spans.map(|(flag, value, remedy)| (flag, value.0 == 0, remedy));
        match numbers.iter().chain(&spans).find(|(_, zero, _)| *zero) {
            Some((flag, _, remedy)) => {
                Err(format!("{flag} 0 would not turn a bound off; give {remedy} or more"))
            }
            None => Ok(()),
        }
    }

    /// Checks what belongs together, and puts it together.
    fn into_config(self) -> Result<Config, String> {
        let Self { retention: kept, bounds, deadlines: until, .. } = self;
        let threads = checks::threads(self.addresses.threads)?;
        checks::head(bounds.max_head)?;
        checks::wait(bounds.max_wait)?;
        let BrowserFlags { allow_origin, allow_host } = self.browsers;
        let allow_origin = checks::patterns("--allow-origin", &allow_origin, OriginPattern::parse)?;
        let allow_host = checks::patterns("--allow-host", &allow_host, HostPattern::parse)?;
        checks::history(bounds.max_message, kept.history_bytes, kept.retain_bytes)?;
        if bounds.max_connections < threads {
            return Err(format!(
                "--max-connections {} leaves some of {threads} threads without any; give each one \
                 at least, or fewer --threads",
                bounds.max_connections
            ));
        }
        Ok(Config {
            listen: self.addresses.listen,
            threads,
            static_dir: self.addresses.static_dir,
            limits: Limits {
                head_bytes_max: bounds.max_head.0,
                message_bytes_max: bounds.max_message.0,
                connections_max: bounds.max_connections,
                wait_ms_max: bounds.max_wait.0,
                history_messages: kept.history_messages,
                history_bytes: kept.history_bytes.0,
                history_age_ms: kept.history_age.0,
                retain_bytes: kept.retain_bytes.0,
                heartbeat_ms: until.heartbeat.0,
                head_ms_max: until.head_timeout.0,
                body_ms_max: until.body_timeout.0,
                idle_ms_max: until.idle_timeout.0,
                stall_ms_max: until.stall_timeout.0,
                deflate: self.sockets.deflate,
            },
            allow_origin,
            allow_host,
            port_file: self.output.port_file,
            verbosity: match (self.output.quiet, self.output.verbose) {
                (true, _) => LevelFilter::Error,
                (false, 0) => LevelFilter::Warn,
                (false, 1) => LevelFilter::Info,
                (false, _) => LevelFilter::Debug,
            },
            greets: !self.output.quiet,
        })
    }
}
