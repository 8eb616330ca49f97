//! The servers: how each is found, started, and talked to.
//!
//! Came from: `peers`, for each measurement anew. Goes to: `process`. Absent on purpose: figures,
//! and fetching what is not installed; a server that is not there says how it gets there.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use super::dialect::Dialect;
use super::process::ServerProcess;
use super::uwebsockets;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Floor,
    Tollway,
    Nchan,
    Uwebsockets,
    Bun,
    Node,
    Axum,
}

impl Server {
    /// All, the floor first: the others are measured by it.
    pub(crate) const ALL: [Self; 7] = [
        Self::Floor,
        Self::Tollway,
        Self::Nchan,
        Self::Uwebsockets,
        Self::Bun,
        Self::Node,
        Self::Axum,
    ];

    /// As it is typed.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Tollway => "tollway",
            Self::Nchan => "nchan",
            Self::Uwebsockets => "uwebsockets",
            Self::Bun => "bun",
            Self::Node => "node",
            Self::Axum => "axum",
        }
    }

    /// As the table heads it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Tollway => "tollway",
            Self::Nchan => "nginx + nchan",
            Self::Uwebsockets => "uWebSockets",
            Self::Bun => "uWebSockets on Bun",
            Self::Node => "ws + express on Node",
            Self::Axum => "axum",
        }
    }

    pub(crate) const fn dialect(self) -> Dialect {
        match self {
            Self::Floor => Dialect::Floor,
            Self::Tollway => Dialect::Tollway,
            Self::Nchan => Dialect::Nchan,
            Self::Uwebsockets | Self::Bun | Self::Node | Self::Axum => Dialect::Script,
        }
    }

    /// Why it does not take part with more than one thread.
    pub(crate) const fn one_thread_only(self) -> Option<&'static str> {
        match self {
            Self::Bun | Self::Node => {
                Some("a second process of it shares no topics with the first")
            }
            _ => None,
        }
    }

    /// Builds what has to be built. An error: it is not installed, and how it is.
    pub(crate) fn prepare(self) -> Result<(), String> {
        match self {
            Self::Floor | Self::Tollway => Ok(()),
            Self::Nchan => {
                found(Path::new(NCHAN), "`apt-get install nginx libnginx-mod-nchan` (Debian)")
            }
            Self::Uwebsockets => uwebsockets::build(&uwebsockets_folder()),
            Self::Bun => found(&bun(), NPM),
            Self::Node => {
                found(&tools().join("node_modules/ws/package.json"), NPM)?;
                found(&tools().join("node_modules/express/package.json"), NPM)?;
                let answers = Command::new("node").arg("--version").stdout(Stdio::null()).status();
                answers.map(drop).map_err(|_| "node is missing; install it".to_owned())
            }
            Self::Axum => {
                let built = Command::new(env!("CARGO"))
                    .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
                    .arg(own("axum/Cargo.toml"))
                    .arg("--target-dir")
                    .arg(axum_target())
                    // What is set for this bench is not meant for another package.
                    .env_remove("CARGO_TARGET_DIR")
                    .status();
                if built.is_ok_and(|status| status.success()) {
                    return Ok(());
                }
                Err("could not be built: its packages come from crates.io".to_owned())
            }
        }
    }

    /// Starts it with so many threads or workers. Gives its port.
    pub(crate) fn start(self, threads: usize, cores: &str) -> Result<(ServerProcess, u16), String> {
        let mut command = Command::new(self.program());
        match self {
            Self::Floor => command.args(["serve-floor", &threads.to_string()]),
            Self::Tollway => {
                command.args(["--listen", "127.0.0.1:0", "--threads", &threads.to_string()])
            }
            Self::Nchan => return start_nchan(threads, cores),
            Self::Bun => command.arg(own("server.ts")).env("NODE_ENV", "production"),
            Self::Node => command.arg(own("server.mjs")).arg(tools()).env("NODE_ENV", "production"),
            Self::Uwebsockets => command.args([free_port()?.to_string(), threads.to_string()]),
            Self::Axum => command.arg(threads.to_string()),
        };
        let mut process = ServerProcess::start(&command, cores)?;
        let line = process.first_line()?;
        let port = match self {
            // A greeting, in which the address stands.
            Self::Tollway => {
                let (_, address) = line.split_once("http://").ok_or("it says no address")?;
                address.split([':', '/']).nth(1).unwrap_or_default().to_owned()
            }
            _ => line,
        };
        let port = port.trim().parse().map_err(|_| format!("{port} is no port"))?;
        Ok((process, port))
    }

    fn program(self) -> PathBuf {
        match self {
            Self::Floor => env::current_exe().expect("we run"),
            Self::Tollway => env!("CARGO_BIN_EXE_tollway").into(),
            Self::Nchan => "nginx".into(),
            Self::Uwebsockets => uwebsockets::program(&uwebsockets_folder()),
            Self::Bun => bun(),
            Self::Node => "node".into(),
            Self::Axum => axum_target().join("release/tollway-bench-axum"),
        }
    }
}

fn found(path: &Path, remedy: &str) -> Result<(), String> {
    if path.exists() {
        return Ok(());
    }
    Err(format!("{} is missing; {remedy} brings it", path.display()))
}

/// A file beside this one.
fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/peers").join(name)
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

fn tools() -> PathBuf {
    target().join("tools/peers")
}

fn bun() -> PathBuf {
    tools().join("node_modules/.bin/bun")
}

fn uwebsockets_folder() -> PathBuf {
    target().join("peers-uwebsockets")
}

fn axum_target() -> PathBuf {
    target().join("peers-axum")
}

/// For a server that takes no port 0, or shares none that it was given so. Another program may be
/// quicker; then the server ends at once, and says so.
fn free_port() -> Result<u16, String> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    Ok(free.map_err(|error| error.to_string())?.port())
}

fn start_nchan(workers: usize, cores: &str) -> Result<(ServerProcess, u16), String> {
    let port = free_port()?;
    let folder = target().join("peers-nchan");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let file = folder.join("nginx.conf");
    fs::write(&file, nchan_config(workers, port, &folder)).map_err(|error| error.to_string())?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(&folder).arg("-c").arg(&file).arg("-e").arg(folder.join("error.log"));
    let mut process = ServerProcess::start(&command, cores)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if !process.runs() || Instant::now() > deadline {
            return Err(format!("nginx does not start; see {}/error.log", folder.display()));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok((process, port))
}

/// As its documentation has it: a location for each technique. Nothing is logged, as by the others,
/// and a connection is kept alive for as long as it is used.
fn nchan_config(workers: usize, port: u16, folder: &Path) -> String {
    let folder = folder.display();
    // Workers that share one socket leave it to chance who takes a connection.
    let shared = if workers > 1 { " reuseport" } else { "" };
    format!(
        "load_module {NCHAN};
worker_processes {workers};
worker_rlimit_nofile 20000;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections 19000; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  nchan_shared_memory_size 256m;
  nchan_message_buffer_length 256;
  server {{
    listen 127.0.0.1:{port} backlog=4096{shared};
    location = /pub {{ nchan_publisher; nchan_channel_id $arg_id; }}
    nchan_subscriber_first_message newest;
    location = /ws {{ nchan_pubsub websocket; nchan_channel_id $arg_id; }}
    location = /sse {{ nchan_subscriber eventsource; nchan_channel_id $arg_id; }}
    location = /long {{ nchan_subscriber longpoll; nchan_channel_id $arg_id; }}
    location = /poll {{
      nchan_subscriber intervalpoll;
      nchan_subscriber_first_message oldest;
      nchan_channel_id $arg_id;
    }}
  }}
}}
"
    )
}

/// Where Debian's package has it.
const NCHAN: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";
const NPM: &str = "`mkdir -p target/tools/peers && cp tests/bench/peers/package*.json \
     target/tools/peers && npm ci --prefix target/tools/peers`";
