//! The program: reads the command line, takes the ports, says hello, and serves; or compares,
//! measures, reads or publishes.
//!
//! Came from: the shell that an operator types into. Goes to: `tollway::config`, then
//! `tollway::shell`; with `compare` as the first argument, to `tollway::compare`; with `bench`, to
//! `tollway::bench`; with `sub` or `pub`, to `tollway::remote`. Absent on purpose: everything else;
//! the server is the library.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, ErrorKind, IsTerminal, Write as _};
use std::panic;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use env_logger::WriteStyle;
use log::LevelFilter;
use tollway::bench::flags::BenchOptions;
use tollway::bench::{self, NoBench};
use tollway::compare;
use tollway::compare::flags::CompareOptions;
use tollway::config::{self, Config, NoConfig};
use tollway::limits::OUTPUT_FLUSH_MS_MAX;
use tollway::manual;
use tollway::remote::flags::{PubOptions, SubOptions};
use tollway::remote::publisher;
use tollway::remote::reader;
use tollway::remote::run_end::RunEnd;
use tollway::shell::failure::StartError;
use tollway::shell::output::Output;
use tollway::shell::port_file::PortFile;
use tollway::shell::{Server, greeting};

/// Wrong use, or something asked for that this machine has not got.
const WRONG: u8 = 2;
/// It began well, and ended without being told to.
const CRASHED: u8 = 1;

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "help") {
        // `help COMMAND` is `COMMAND --help`, and what follows it is of no account.
        arguments.remove(1);
        arguments.truncate(2);
        arguments.push("--help".into());
    }
    match arguments.get(1).and_then(|first| first.to_str()) {
        Some("compare") => compare(arguments),
        Some("bench") => bench(arguments),
        Some("sub") => sub(arguments),
        Some("pub") => publish(arguments),
        Some("completions") => print(manual::completions(&arguments[2..])),
        Some("man") => print(manual::man(&arguments[2..])),
        Some(compare::clients::ARGUMENT) => match compare::clients::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(CRASHED, format!("the clients: {error}")),
        },
        Some(word) if !word.starts_with('-') && !config::COMMANDS.contains(&word) => {
            fail(WRONG, config::no_command(word))
        }
        _ => serve(arguments),
    }
}

fn serve(arguments: Vec<OsString>) -> ExitCode {
    let config = match Config::read(arguments) {
        Ok(config) => config,
        Err(none) => return no_options(none),
    };
    let (log, out) = match (Output::stderr(), Output::stdout()) {
        (Ok(log), Ok(out)) => (log, out),
        (Err(error), _) | (_, Err(error)) => return fail(WRONG, StartError::System(error)),
    };
    log_to(&log, config.verbosity);
    log_panics();
    for line in config::unknown_variables() {
        log::warn!("{line}");
    }
    match start(&config, &out) {
        Ok(server) => {
            if config.greets {
                greet(&server, &config, &out);
            }
            let ended = server.run();
            out.finish();
            end(&log, ended.map_err(|crash| (CRASHED, crash.to_string())))
        }
        Err(line) => end(&log, Err((WRONG, line))),
    }
}

/// Takes the ports, and tells them.
fn start(config: &Config, out: &Output) -> Result<Server, String> {
    let wrong = |file: &Path, error| {
        format!("--port-file {}: {error}; name a file we may write", file.display())
    };
    let path = config.port_file.as_deref();
    let found = path.map(|file| PortFile::find(file).map_err(|error| wrong(file, error)));
    let file = found.transpose()?;
    let server = Server::bind(config).map_err(|error| error.to_string())?;
    if let (Some(path), Some(file)) = (path, file) {
        let addresses = server.addresses().iter().chain(server.admin_addresses());
        let ports: Vec<u16> = addresses.map(|one| one.address.port()).collect();
        file.write(&ports, out).map_err(|error| wrong(path, error))?;
    }
    Ok(server)
}

/// Says hello before anybody is served, unless that takes long: to find out where `localhost` leads
/// may take a name server's time.
fn greet(server: &Server, config: &Config, out: &Output) {
    let (addresses, bound) = (server.addresses().to_vec(), server.bound().to_vec());
    let admin = server.admin_addresses().to_vec();
    let threads = config.threads;
    let tells_more = config.verbosity >= LevelFilter::Info;
    let worst_case = tells_more.then(|| config.worst_case());
    let (sender, said) = mpsc::channel();
    let own = out.clone();
    let body = move || {
        own.say(greeting::text(&addresses, &admin, &bound, threads, worst_case).as_bytes());
        let _ = sender.send(()); // Nobody receives any more when it took long.
    };
    // No thread, no greeting: that is no reason not to serve.
    let thread = thread::Builder::new().name("greeting".to_owned()).spawn(body);
    if thread.is_ok() && said.recv_timeout(Duration::from_millis(OUTPUT_FLUSH_MS_MAX)).is_ok() {
        out.finish();
    }
}

/// Reads topics of a running server.
fn sub(mut arguments: Vec<OsString>) -> ExitCode {
    arguments.remove(0); // The program's name; the command's stands for it.
    match SubOptions::read(arguments) {
        Ok(options) => finish(reader::run(options)),
        Err(none) => no_options(none),
    }
}

/// Publishes to a running server.
fn publish(mut arguments: Vec<OsString>) -> ExitCode {
    arguments.remove(0);
    match PubOptions::read(arguments) {
        Ok(options) => finish(publisher::run(&options)),
        Err(none) => no_options(none),
    }
}

/// Prints what was asked for.
fn print(made: Result<String, NoConfig>) -> ExitCode {
    made.map_or_else(no_options, |text| show(&text))
}

fn finish(end: RunEnd) -> ExitCode {
    match end {
        RunEnd::Done => ExitCode::SUCCESS,
        // As a shell tells of a process that a signal has ended; there are 64 of them.
        RunEnd::Signal(number) => ExitCode::from(128 + u8::try_from(number).unwrap_or(0)),
        RunEnd::Failed(line) => fail(CRASHED, line),
    }
}

/// Help was asked for, or the command was used wrongly.
fn no_options(none: NoConfig) -> ExitCode {
    match none {
        NoConfig::Asked(text) => show(&text),
        NoConfig::Wrong(line) => fail(WRONG, line),
    }
}

/// Measures, and shows what was measured.
fn compare(mut arguments: Vec<OsString>) -> ExitCode {
    arguments.remove(0); // The program's name; the command's stands for it.
    let options = match CompareOptions::read(arguments) {
        Ok(options) => options,
        Err(none) => return no_options(none),
    };
    // Found out before a minute is spent; what stands there already stays until then.
    let open = |file| File::options().create(true).append(true).open(file);
    let files = [("--svg", &options.svg), ("--timeline", &options.timeline)];
    for (flag, file) in files {
        if let Some(file) = file
            && let Err(error) = open(file)
        {
            let file = file.display();
            return fail(WRONG, format!("{flag} {file}: {error}; name a file we may write"));
        }
    }
    let outcome = match compare::run(&options) {
        Ok(outcome) => outcome,
        Err(line) => return fail(CRASHED, line),
    };
    let shown = show(&outcome.text);
    for ((flag, file), drawing) in files.into_iter().zip([outcome.picture, outcome.timeline]) {
        if let Some(file) = file
            && let Err(error) = fs::write(file, drawing)
        {
            return fail(CRASHED, format!("{flag} {}: {error}", file.display()));
        }
    }
    shown
}

/// Puts load on a running server, and shows what came of it.
fn bench(mut arguments: Vec<OsString>) -> ExitCode {
    arguments.remove(0); // The program's name; the command's stands for it.
    let options = match BenchOptions::read(arguments) {
        Ok(options) => options,
        Err(none) => return no_options(none),
    };
    let end = match bench::run(&options) {
        Ok(end) => end,
        Err(NoBench::Wrong(line)) => return fail(WRONG, line),
        Err(NoBench::Failed(line)) => return fail(CRASHED, line),
    };
    let shown = show(&end.text);
    match (end.fault, end.signal) {
        (Some(line), _) => fail(CRASHED, line),
        (None, Some(number)) => finish(RunEnd::Signal(number)),
        (None, None) => shown,
    }
}

/// What was asked for, on standard output. Who closes it has seen enough; that it cannot take the
/// text is another matter.
fn show(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            fail(CRASHED, format!("standard output: {error}"))
        }
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}

/// One line on standard error, if that can be had, and the exit code in any case.
fn fail(code: u8, what: impl Display) -> ExitCode {
    if let Ok(log) = Output::stderr() {
        return end(&log, Err((code, what.to_string())));
    }
    let _ = writeln!(io::stderr(), "tollway: {what}");
    ExitCode::from(code)
}

/// Ends the log, with one line more if something failed.
fn end(log: &Output, outcome: Result<(), (u8, String)>) -> ExitCode {
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, what)) => {
            log.say(format!("tollway: {what}\n").as_bytes());
            ExitCode::from(code)
        }
    };
    log.finish();
    code
}

/// `LEVEL message`. Whoever keeps the log (journald, a container) adds the time.
fn log_to(output: &Output, level: LevelFilter) {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let plain = set("NO_COLOR") || env::var_os("TERM").is_some_and(|term| term == "dumb");
    let colours = io::stderr().is_terminal() && !plain;
    env_logger::Builder::new()
        .filter_level(LevelFilter::Warn.min(level))
        .filter_module("tollway", level)
        .target(env_logger::Target::Pipe(Box::new(output.clone())))
        .write_style(if colours { WriteStyle::Always } else { WriteStyle::Never })
        .format(|out, record| {
            let style = out.default_level_style(record.level());
            writeln!(out, "{style}{:<5}{style:#} {}", record.level(), record.args())
        })
        .init();
}

/// A panic says so in the log, in one line, and does not wait for the log's reader either. What
/// follows of it is decided where it is caught.
fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("without a name");
        log::error!("thread {name} {}", info.to_string().replace('\n', " "));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            log::error!("{trace}");
        }
    }));
}
