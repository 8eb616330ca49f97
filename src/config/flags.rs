//! The flags, as they are typed and as `--help` shows them: a group for each heading.
//!
//! Every flag has an environment variable of the same name, and a default that suits a server on a
//! machine of its own. What is typed is held to its spelling here and to sense in `checks`.
//!
//! Came from: `config`, which has them read. Goes to: `config`, which puts a
//! [`Config`](super::Config) together. Absent on purpose: values that depend on each other.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser};

use super::crowd::CrowdFlags;
use super::environment::{switch, times};
use super::proxies::ProxyFlags;
use super::rights::RightsFlags;
use super::spelling::{Listen, Size, Span, whole};
use super::store::StoreFlags;
use super::tls::TlsFlags;
use crate::limits;

/// How each command is called, a line each.
pub(crate) const USAGE: &str = "\
tollway [serve] [FLAGS]
       tollway sub TOPIC[,…] [FLAGS]
       tollway pub TOPIC [DATA|-] [FLAGS]
       tollway bench [WORKLOAD] [FLAGS]
       tollway compare [FLAGS]
       tollway completions SHELL
       tollway man [COMMAND]
       tollway help [COMMAND]";

#[derive(Debug, Parser)]
#[command(
    name = "tollway",
    version,
    about = "A real-time messaging server: short polling, long polling, SSE and WebSocket, one log",
    override_usage = USAGE,
    after_help = "Sizes: 64KiB, 16MiB, or plain bytes. Durations: 500ms, 15s, 2m, 1h, 7d.\n\
                  Several values for one variable are separated by commas.\n\
                  With -v the greeting says how much memory all limits together allow.\n\
                  `tollway help sub` tells how to read topics from a terminal, `tollway help pub` \
                  how to publish, `tollway help bench` how to put load on a server, `tollway help \
                  compare` how to measure what each technique costs.",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(super) struct CommandLine {
    /// `serve`, the only command that may be left out.
    #[arg(value_name = "COMMAND", value_parser = ["serve"], hide = true)]
    pub(super) command: Option<String>,
    #[command(flatten)]
    pub(super) addresses: AddressFlags,
    #[command(flatten)]
    pub(super) tls: TlsFlags,
    #[command(flatten)]
    pub(super) retention: RetentionFlags,
    #[command(flatten)]
    pub(super) store: StoreFlags,
    #[command(flatten)]
    pub(super) bounds: LimitFlags,
    #[command(flatten)]
    pub(super) crowd: CrowdFlags,
    #[command(flatten)]
    pub(super) deadlines: DeadlineFlags,
    #[command(flatten)]
    pub(super) sockets: WebSocketFlags,
    #[command(flatten)]
    pub(super) browsers: BrowserFlags,
    #[command(flatten)]
    pub(super) proxies: ProxyFlags,
    #[command(flatten)]
    pub(super) rights: RightsFlags,
    #[command(flatten)]
    pub(super) output: OutputFlags,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Addresses")]
pub(super) struct AddressFlags {
    /// Where to listen: HOST:PORT, or :PORT for all addresses of this machine; port 0 takes any;
    /// localhost is both of its addresses, of IPv4 and IPv6; https:// in front: TLS; repeatable
    #[arg(long, env = "TOLLWAY_LISTEN", value_name = "HOST:PORT", value_delimiter = ',')]
    #[arg(default_value = "localhost:8080")]
    pub(super) listen: Vec<Listen>,
    /// Where to listen for /metrics, /-/costs and /-/connections, which are then nowhere else;
    /// repeatable
    #[arg(long, env = "TOLLWAY_ADMIN_LISTEN", value_name = "HOST:PORT", value_delimiter = ',')]
    pub(super) admin_listen: Vec<Listen>,
    /// Share the port with another tollway that has it, to take over from it: start, then stop that
    /// one
    #[arg(long, env = "TOLLWAY_REUSE_PORT", value_name = "on|off", value_parser = switch)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    #[arg(default_value = "off", hide_default_value = true, action = ArgAction::Set)]
    pub(super) reuse_port: bool,
    /// Event loops, each on a thread of its own; without it, as many as the machine has
    /// cores
    #[arg(long, env = "TOLLWAY_THREADS", value_name = "N", value_parser = whole::<usize>)]
    pub(super) threads: Option<usize>,
    /// Serve the files of this folder under /static/
    #[arg(long = "static", env = "TOLLWAY_STATIC", value_name = "DIR")]
    pub(super) static_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Retention")]
pub(super) struct RetentionFlags {
    /// Messages retained per topic
    #[arg(long, env = "TOLLWAY_HISTORY_MESSAGES", value_name = "N", value_parser = whole::<usize>)]
    #[arg(default_value_t = limits::HISTORY_MESSAGES)]
    pub(super) history_messages: usize,
    /// Bytes retained per topic
    #[arg(long, env = "TOLLWAY_HISTORY_BYTES", value_name = "SIZE")]
    #[arg(default_value_t = Size(limits::HISTORY_BYTES))]
    pub(super) history_bytes: Size,
    /// How long a message is retained
    #[arg(long, env = "TOLLWAY_HISTORY_AGE", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::HISTORY_AGE_MS))]
    pub(super) history_age: Span,
    /// Bytes retained in all topics together; the oldest message goes first
    #[arg(long, env = "TOLLWAY_RETAIN_BYTES", value_name = "SIZE")]
    #[arg(default_value_t = Size(limits::RETAIN_BYTES))]
    pub(super) retain_bytes: Size,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
#[expect(clippy::struct_field_names, reason = "fields are named like their flags")]
pub(super) struct LimitFlags {
    /// The largest message
    #[arg(long, env = "TOLLWAY_MAX_MESSAGE", value_name = "SIZE")]
    #[arg(default_value_t = Size(limits::MESSAGE_BYTES_MAX))]
    pub(super) max_message: Size,
    /// Bytes of messages and requests that are not complete yet, of all connections together
    #[arg(long, env = "TOLLWAY_MAX_UNFINISHED", value_name = "SIZE")]
    #[arg(default_value_t = Size(limits::UNFINISHED_BYTES_MAX))]
    pub(super) max_unfinished: Size,
    /// The largest request head
    #[arg(long, env = "TOLLWAY_MAX_HEAD", value_name = "SIZE")]
    #[arg(default_value_t = Size(limits::HEAD_BYTES_MAX))]
    pub(super) max_head: Size,
    /// Connections in all, shared out among the threads
    #[arg(long, env = "TOLLWAY_MAX_CONNECTIONS", value_name = "N", value_parser = whole::<usize>)]
    #[arg(default_value_t = limits::CONNECTIONS_MAX)]
    pub(super) max_connections: usize,
    /// The longest wait of a long poll
    #[arg(long, env = "TOLLWAY_MAX_WAIT", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::WAIT_MS_MAX))]
    pub(super) max_wait: Span,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Deadlines")]
pub(super) struct DeadlineFlags {
    /// Silence after which a stream gets a comment and a WebSocket a Ping
    #[arg(long, env = "TOLLWAY_HEARTBEAT", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::HEARTBEAT_MS))]
    pub(super) heartbeat: Span,
    /// From the first byte of a request to the end of its head
    #[arg(long, env = "TOLLWAY_HEAD_TIMEOUT", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::HEAD_MS_MAX))]
    pub(super) head_timeout: Span,
    /// From the end of a request's head to the end of its body, and from the first byte of a
    /// WebSocket message to its last; longer if it comes at 512 bytes a second
    #[arg(long, env = "TOLLWAY_BODY_TIMEOUT", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::BODY_MS_MAX))]
    pub(super) body_timeout: Span,
    /// How long a connection is kept without a request
    #[arg(long, env = "TOLLWAY_IDLE_TIMEOUT", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::IDLE_MS_MAX))]
    pub(super) idle_timeout: Span,
    /// How long a peer may take none of the bytes that wait for it
    #[arg(long, env = "TOLLWAY_STALL_TIMEOUT", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::STALL_MS_MAX))]
    pub(super) stall_timeout: Span,
    /// How long, after SIGTERM, readers have to receive what is due to them and leave; 0 cuts at
    /// once
    #[arg(long, env = "TOLLWAY_DRAIN", value_name = "DURATION")]
    #[arg(default_value_t = Span(limits::DRAIN_MS))]
    pub(super) drain: Span,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "WebSocket")]
pub(super) struct WebSocketFlags {
    /// Compress messages for the WebSocket clients that offer permessage-deflate
    #[arg(long, env = "TOLLWAY_DEFLATE", value_name = "on|off", value_parser = switch)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    #[arg(default_value = "off", hide_default_value = true, action = ArgAction::Set)]
    pub(super) deflate: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Browsers")]
pub(super) struct BrowserFlags {
    /// Another site whose pages may ask: its scheme and host, with *. before the host for all names
    /// below it; null, for pages that are kept apart; or * for all; repeatable
    #[arg(long, env = "TOLLWAY_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub(super) allow_origin: Vec<String>,
    /// A name by which this server may be asked for, with *. in front for all below it; any other
    /// gets 421; repeatable; without it all names are answered
    #[arg(long, env = "TOLLWAY_ALLOW_HOST", value_name = "NAME", value_delimiter = ',')]
    pub(super) allow_host: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputFlags {
    /// Write the port of each --listen to this file, one a line, then those for reports, once all
    /// threads listen
    #[arg(long, env = "TOLLWAY_PORT_FILE", value_name = "FILE")]
    pub(super) port_file: Option<PathBuf>,
    /// Tell each request on standard error; twice: everything
    #[arg(long, short, env = "TOLLWAY_VERBOSE", action = ArgAction::Count, value_parser = times)]
    pub(super) verbose: u8,
    /// Log errors only, and print no greeting
    #[arg(long, short, env = "TOLLWAY_QUIET", value_name = "on|off", value_parser = switch)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    #[arg(default_value = "off", hide_default_value = true, action = ArgAction::Set)]
    pub(super) quiet: bool,
}
