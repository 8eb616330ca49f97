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
mod crowd;
mod environment;
mod flags;
mod proxies;
mod rights;
mod spelling;
mod store;
#[cfg(test)]
mod tests;
mod tls;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};
use log::LevelFilter;

pub use complaint::{COMMANDS, NoConfig, no_command, without_secrets};
pub(crate) use flags::USAGE;
use flags::{BrowserFlags, CommandLine, OutputFlags};
pub use proxies::ProxyConfig;
pub use rights::{RightsConfig, Secret};
pub use spelling::{Listen, Misspelt, Size, Span};
pub(crate) use spelling::{ends_in_no_port, fraction, whole};
pub use store::{RedisConfig, StoreConfig, SyncPolicy};
pub use tls::TlsPair;

use crate::limits::{Limits, WorstCase};
use crate::wire::authority::{HostPattern, OriginPattern};

/// What the server is to do. Its values fit together.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen: at least one.
    pub listen: Vec<Listen>,
    /// Where to listen for reports; when there are none, they are where everything is.
    pub admin_listen: Vec<Listen>,
    /// Nobody said where: sockets that are handed to us take the place of the default.
    pub listens_by_default: bool,
    /// Another server may have the ports, and shares them.
    pub reuse_port: bool,
    /// Certificates for the addresses that speak TLS, and their keys: the default first.
    pub tls: Vec<TlsPair>,
    /// Event loops, 1 to 64.
    pub threads: usize,
    /// The folder behind `/static/`.
    pub static_dir: Option<PathBuf>,
    /// Where messages are kept beyond the process.
    pub store: Option<StoreConfig>,
    /// Where they are kept for many servers.
    pub redis: Option<RedisConfig>,
    /// The bounds.
    pub limits: Limits,
    /// Origins of other sites whose pages may ask.
    pub allow_origin: Vec<OriginPattern>,
    /// The hosts that are served; when there are none, all are.
    pub allow_host: Vec<HostPattern>,
    /// Proxies that are believed whose requests they bring.
    pub proxies: ProxyConfig,
    /// Who may do what.
    pub rights: RightsConfig,
    /// Where to write the ports.
    pub port_file: Option<PathBuf>,
    /// How much to tell on standard error.
    pub verbosity: LevelFilter,
    /// Whether to say hello on standard output.
    pub greets: bool,
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
        let arguments = join_negative(&command, arguments);
        let in_effect = environment::in_effect(&command, &arguments);
        Self::parse(command, arguments).map_err(|none| match none {
            NoConfig::Wrong(line) => {
                NoConfig::Wrong(environment::name_variables(&line, &in_effect))
            }
            NoConfig::Asked(text) => NoConfig::Asked(text),
        })
    }

    /// How much memory the server takes at most under all of this.
    pub fn worst_case(&self) -> WorstCase {
        let mut worst = self.limits.worst_case(self.threads);
        if !self.tls.is_empty() {
            worst = worst.with_tls();
        }
        if self.store.is_some() {
            worst = worst.with_store(self.limits.retain_bytes);
        }
        if self.redis.is_some() {
            worst = worst.with_redis(self.limits.message_bytes_max);
        }
        worst
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
        let mut config = checked.and_then(|()| given.into_config()).map_err(NoConfig::Wrong)?;
        config.listens_by_default = environment::is_default(&matches, "listen");
        Ok(config)
    }
}

/// The server's command line, to be described. What variables hold is not part of it.
#[must_use]
pub fn command() -> Command {
    CommandLine::command().mut_args(|flag| flag.hide_env_values(true))
}

/// The arguments, with a negative value joined to its flag, `--max-wait=-5s`: standing alone it
/// would be refused as a flag that nobody knows, and not as a value that nobody can mean. A switch
/// takes no value that stands alone, and behind `--` there are no flags.
pub(crate) fn join_negative(
    command: &Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Vec<OsString> {
    let takes_value = |flag: &OsString| {
        let name = flag.to_str().and_then(|flag| flag.strip_prefix("--"));
        let found = command.get_arguments().find(|known| known.get_long() == name);
        found.filter(|_| name.is_some()).is_some_and(|known| {
            known.get_action().takes_values() && !known.is_require_equals_set()
        })
    };
    let mut joined: Vec<OsString> = Vec::new();
    let mut is_behind = false;
    for argument in arguments {
        let is_negative =
            matches!(argument.as_encoded_bytes(), [b'-', digit, ..] if digit.is_ascii_digit());
        is_behind |= argument == "--";
        match joined.last_mut() {
            Some(flag) if is_negative && !is_behind && takes_value(flag) => {
                flag.push("=");
                flag.push(argument);
            }
            Some(_) | None => joined.push(argument),
        }
    }
    joined
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
        let Self { retention: kept, bounds, deadlines: until, crowd, .. } = self;
        let numbers = [
            ("--history-messages", kept.history_messages, "1"),
            ("--max-message", bounds.max_message.0, "1KiB"),
            ("--max-connections", bounds.max_connections, "1"),
            ("--max-topics", crowd.max_topics, "1"),
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
        let Self { retention: kept, bounds, deadlines: until, crowd, .. } = self;
        checks::rate(crowd.max_publishes, crowd.publish_burst)?;
        let threads = checks::threads(self.addresses.threads)?;
        checks::head(bounds.max_head)?;
        checks::wait(bounds.max_wait)?;
        checks::drain(until.drain)?;
        let BrowserFlags { allow_origin, allow_host } = self.browsers;
        let rights = self.rights.into_config(!self.addresses.admin_listen.is_empty())?;
        let allow_origin = checks::patterns("--allow-origin", &allow_origin, OriginPattern::parse)?;
        let allow_host = checks::patterns("--allow-host", &allow_host, HostPattern::parse)?;
        let tls = self.tls.into_config(&self.addresses.listen, &self.addresses.admin_listen)?;
        checks::unfinished(bounds.max_message, bounds.max_unfinished)?;
        checks::history(bounds.max_message, kept.history_bytes, kept.retain_bytes)?;
        checks::places(bounds.max_connections, threads)?;
        Ok(Config {
            listen: self.addresses.listen,
            admin_listen: self.addresses.admin_listen,
            listens_by_default: false,
            reuse_port: self.addresses.reuse_port,
            tls,
            threads,
            static_dir: self.addresses.static_dir,
            redis: self.store.redis()?,
            store: self.store.into_config()?,
            limits: Limits {
                head_bytes_max: bounds.max_head.0,
                message_bytes_max: bounds.max_message.0,
                connections_max: bounds.max_connections,
                connections_per_address_max: crowd.max_connections_per_address,
                topics_max: crowd.max_topics,
                publishes_per_second_max: crowd.max_publishes,
                publish_burst: crowd.publish_burst,
                wait_ms_max: bounds.max_wait.0,
                history_messages: kept.history_messages,
                history_bytes: kept.history_bytes.0,
                history_age_ms: kept.history_age.0,
                retain_bytes: kept.retain_bytes.0,
                unfinished_bytes_max: bounds.max_unfinished.0,
                heartbeat_ms: until.heartbeat.0,
                head_ms_max: until.head_timeout.0,
                body_ms_max: until.body_timeout.0,
                idle_ms_max: until.idle_timeout.0,
                stall_ms_max: until.stall_timeout.0,
                drain_ms: until.drain.0,
                deflate: self.sockets.deflate,
            },
            allow_origin,
            allow_host,
            proxies: self.proxies.into_config()?,
            rights,
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
