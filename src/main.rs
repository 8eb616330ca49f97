//! The program: reads the command line, takes the ports, says hello, and serves; or compares.
//!
//! Came from: the shell that an operator types into. Goes to: `tollway::config`, then
//! `tollway::shell`; with `compare` as the first argument, to `tollway::compare`. Absent on
//! purpose: everything else; the server is the library.

use std::ffi::OsString;
use std::fmt::{Display, Write as _};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use log::LevelFilter;
use tollway::compare;
use tollway::compare::flags::Request;
use tollway::config::{Config, NoConfig};
use tollway::shell::Server;

/// Wrong use, or something asked for that this machine has not got.
const WRONG: u8 = 2;
/// It began well, and ended without being told to.
const CRASHED: u8 = 1;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match arguments.get(1).and_then(|first| first.to_str()) {
        Some("compare") => compare(arguments),
        Some(compare::clients::ARGUMENT) => match compare::clients::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(CRASHED, format!("the clients: {error}")),
        },
        _ => serve(arguments),
    }
}

fn serve(arguments: Vec<OsString>) -> ExitCode {
    let config = match Config::read(arguments) {
        Ok(config) => config,
        Err(NoConfig::Asked(text)) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Err(NoConfig::Wrong(line)) => return fail(WRONG, line),
    };
    log_to_stderr(config.verbosity);
    let server = match Server::bind(&config) {
        Ok(server) => server,
        Err(error) => return fail(WRONG, error),
    };
    if let Some(file) = &config.port_file
        && let Err(error) = write_ports(file, server.addresses())
    {
        let file = file.display();
        return fail(WRONG, format!("--port-file {file}: {error}; name a file we may write"));
    }
    if config.greets {
        say(&greeting(server.addresses(), config.threads));
    }
    match server.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(crash) => fail(CRASHED, crash),
    }
}

/// Measures, and shows what was measured.
fn compare(mut arguments: Vec<OsString>) -> ExitCode {
    arguments.remove(0); // The program's name; the command's stands for it.
    let request = match Request::read(arguments) {
        Ok(request) => request,
        Err(NoConfig::Asked(text)) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Err(NoConfig::Wrong(line)) => return fail(WRONG, line),
    };
    // Found out before a minute is spent; what stands there already stays until then.
    let open = |file| File::options().create(true).append(true).open(file);
    if let Some(file) = &request.svg
        && let Err(error) = open(file)
    {
        let file = file.display();
        return fail(WRONG, format!("--svg {file}: {error}; name a file we may write"));
    }
    let outcome = match compare::run(&request) {
        Ok(outcome) => outcome,
        Err(line) => return fail(CRASHED, line),
    };
    say(&outcome.text);
    if let Some(file) = &request.svg
        && let Err(error) = fs::write(file, outcome.picture)
    {
        return fail(CRASHED, format!("--svg {}: {error}", file.display()));
    }
    ExitCode::SUCCESS
}

/// One line on standard error.
fn fail(code: u8, what: impl Display) -> ExitCode {
    eprintln!("tollway: {what}");
    ExitCode::from(code)
}

/// Standard output may be a pipe whose reader is gone; that is no reason to stop serving.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// `LEVEL message`. Whoever keeps the log (journald, a container) adds the time.
fn log_to_stderr(level: LevelFilter) {
    env_logger::Builder::new()
        .filter_level(LevelFilter::Warn.min(level))
        .filter_module("tollway", level)
        .format(|out, record| {
            let style = out.default_level_style(record.level());
            writeln!(out, "{style}{:<5}{style:#} {}", record.level(), record.args())
        })
        .init();
}

/// Writes one port a line. The file is there whole or not at all, so that a script may wait for it
/// to appear: it is written beside its place and then moved there.
fn write_ports(file: &Path, addresses: &[SocketAddr]) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let mut ports = String::new();
    for address in addresses {
        ports += &address.port().to_string();
        ports.push('\n');
    }
    fs::write(&name, ports)?;
    fs::rename(&name, file).inspect_err(|_| drop(fs::remove_file(&name)))
}

/// Where it listens, and things to try.
fn greeting(addresses: &[SocketAddr], threads: usize) -> String {
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    let unit = if threads == 1 { "thread" } else { "threads" };
    let mut text = String::new();
    for address in addresses {
        let line = format_args!("listening on http://{address} ({threads} {unit})");
        writeln!(text, "tollway {VERSION} {line}").expect("a string takes everything");
    }
    let Some(&first) = addresses.first() else {
        return text;
    };
    let at = reachable(first);
    let things = [
        ("page", format!("http://{at}/")),
        ("publish", format!("curl -d 'hello' http://{at}/chat")),
        ("poll", format!("curl 'http://{at}/chat/poll?wait=30'")),
        ("sse", format!("curl -N http://{at}/chat/sse")),
        ("websocket", format!("new WebSocket('ws://{at}/chat/ws')")),
        ("costs", format!("curl http://{at}/-/costs")),
    ];
    text.push('\n');
    for (name, thing) in things {
        writeln!(text, "  {name:<11}{thing}").expect("a string takes everything");
    }
    text.push('\n');
    text
}

/// "All addresses" is no place to go to; from this machine, loopback is one of them.
fn reachable(address: SocketAddr) -> SocketAddr {
    let port = address.port();
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, port).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, port).into(),
        SocketAddr::V4(_) | SocketAddr::V6(_) => address,
    }
}
