//! Programs and libraries of others: found, run with a deadline, or missed by name.
//!
//! Came from: tests that drive `curl`, Python, Node or Chromium. Goes to: child processes.
//!
//! A missing tool is said, never hidden: `SKIPPED <test>: <what>` on standard error, a line in the
//! file of `TEST_SKIPS`, and with `TEST_REQUIRE_ALL=1` a failure. Packages live in the prefix
//! of `TEST_TOOLS` (default `target/tools`), laid out by `.ci/run` from `tests/tools`.
#![allow(dead_code)] // Each test program uses its own part of this file.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;
use std::{env, fs, thread};

use crate::server::{fresh_path, within};

/// How long one foreign program may take in all.
const RUN_MS_MAX: u64 = 180_000;
/// How long a line of a running program may be awaited.
const LINE: Duration = Duration::from_mins(1);

/// A foreign program with its first arguments.
pub(crate) struct Foreign {
    program: PathBuf,
    first: Vec<PathBuf>,
}

/// What a foreign program printed, and how it ended.
pub(crate) struct Outcome {
    pub(crate) success: bool,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Foreign {
    /// `curl`, or a skip.
    pub(crate) fn curl(test: &str) -> Option<Self> {
        let program = PathBuf::from("curl");
        if !answers(&program, &["--version"]) {
            return missed(test, "curl");
        }
        let first = vec!["--silent".into(), "--show-error".into(), "--noproxy".into(), "*".into()];
        Some(Self { program, first })
    }

    /// `openssl`, or a skip.
    pub(crate) fn openssl(test: &str) -> Option<Self> {
        let program = PathBuf::from("openssl");
        if !answers(&program, &["version"]) {
            return missed(test, "openssl");
        }
        Some(Self { program, first: Vec::new() })
    }

    /// The Python of the prefix with a script of this tree, or a skip when a module is missing.
    pub(crate) fn python(test: &str, modules: &[&str], script: &str) -> Option<Self> {
        let program = tools().join("venv/bin/python");
        for module in modules {
            if !answers(&program, &["-c", &format!("import {module}")]) {
                return missed(test, &format!("the Python module {module}"));
            }
        }
        let first = vec![tests().join(script)];
        Some(Self { program, first })
    }

    /// Node with a script of this tree, or a skip when a package of the prefix is missing.
    pub(crate) fn node(test: &str, packages: &[&str], script: &str) -> Option<Self> {
        let program = PathBuf::from("node");
        if !answers(&program, &["--version"]) {
            return missed(test, "node");
        }
        for package in packages {
            if !tools().join("node_modules").join(package).join("package.json").is_file() {
                return missed(test, &format!("the Node package {package}"));
            }
        }
        let first = vec![tests().join(script)];
        Some(Self { program, first })
    }

    /// Node with a script that needs the built-in `WebSocket`: from version 22 on it is there, in
    /// 20 behind a flag, and before that it means a skip.
    pub(crate) fn node_with_websocket(test: &str, script: &str) -> Option<Self> {
        let program = PathBuf::from("node");
        let probe = "process.exit(typeof WebSocket === 'function' ? 0 : 1)";
        let flags: [&[&str]; 2] = [&[], &["--experimental-websocket"]];
        let flags = flags
            .into_iter()
            .find(|flags| answers(&program, &[flags, &["-e", probe][..]].concat()));
        let Some(flags) = flags else {
            return missed(test, "a node with a built-in WebSocket");
        };
        let first = flags.iter().map(PathBuf::from);
        let first = first.chain([tests().join(script)]).collect();
        Some(Self { program, first })
    }

    /// Java with a source file of this tree, which it compiles in memory, or a skip.
    pub(crate) fn java(test: &str, source: &str) -> Option<Self> {
        let program = PathBuf::from("java");
        // A machine with no more than a JRE has no compiler.
        if !answers(&program, &["--describe-module", "jdk.compiler"]) {
            return missed(test, "java with its compiler");
        }
        // One short run: what a better compiler would gain is less than what it costs.
        let first = vec!["-XX:TieredStopAtLevel=1".into(), tests().join(source)];
        Some(Self { program, first })
    }

    /// Runs to the end and gives what was printed. `input` goes to standard input.
    pub(crate) fn outcome(&self, arguments: &[&str], input: &[u8]) -> Outcome {
        // Files instead of pipes: a program that prints much never waits for us.
        let (stdin, stdout, stderr) = (fresh_path("in"), fresh_path("out"), fresh_path("err"));
        fs::write(&stdin, input).expect("the scratch directory is writable");
        let mut child = self
            .command(arguments)
            .stdin(File::open(&stdin).expect("just written"))
            .stdout(File::create(&stdout).expect("the scratch directory is writable"))
            .stderr(File::create(&stderr).expect("the scratch directory is writable"))
            .spawn()
            .expect("was there a moment ago");
        let status = within(RUN_MS_MAX, || child.try_wait().expect("our child"));
        if status.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let taken = |path: &Path| {
            let bytes = fs::read(path).expect("written by the child");
            let _ = fs::remove_file(path);
            bytes
        };
        let _ = fs::remove_file(&stdin);
        let mut said = String::from_utf8_lossy(&taken(&stderr)).into_owned();
        if status.is_none() {
            said.push_str("\n(took too long and was killed)");
        }
        Outcome {
            success: status.is_some_and(|status| status.success()),
            stdout: taken(&stdout),
            stderr: said,
        }
    }

    /// Runs to the end, fails the test when the program failed, and gives its standard output.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let outcome = self.outcome(arguments, b"");
        let stdout = String::from_utf8_lossy(&outcome.stdout).into_owned();
        let stderr = outcome.stderr;
        assert!(outcome.success, "{arguments:?} failed\n{stdout}\n{stderr}");
        stdout
    }

    /// Starts and leaves it running, to be read line by line.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("was there a moment ago");
        let stdout = child.stdout.take().expect("asked for above");
        let lines = lines_of(stdout);
        Running { child, lines }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.first).args(arguments);
        command.env("TEST_TOOLS", tools());
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// A foreign program that runs beside the test, killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// The next line of standard output.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(LINE).expect("a line in time")
    }

    /// Lines up to and without the first that is empty: an event, or a head.
    pub(crate) fn block(&self) -> Vec<String> {
        let lines = std::iter::repeat_with(|| self.line());
        lines.take_while(|line| !line.is_empty()).collect()
    }

    /// Lines up to the end of the program.
    pub(crate) fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| match self.lines.recv_timeout(LINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("neither a line nor an end in time"),
        })
        .collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Chromium as a test may use it, or a skip.
pub(crate) fn chromium(test: &str) -> Option<String> {
    let path = env::var("TEST_CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    if Path::new(&path).is_file() { Some(path) } else { missed(test, "chromium") }
}

/// Says that `test` did nothing for want of `what`.
pub(crate) fn missed<T>(test: &str, what: &str) -> Option<T> {
    let line = format!("SKIPPED {test}: {what}");
    let all_required = env::var("TEST_REQUIRE_ALL").is_ok_and(|value| value == "1");
    assert!(!all_required, "{line}");
    // Past the test runner's capture, which swallows what a passing test prints by `eprintln!`.
    let _ = writeln!(std::io::stderr(), "{line}");
    if let Ok(path) = env::var("TEST_SKIPS") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.expect("TEST_SKIPS names a writable file");
        // One write, so that the lines of tests in parallel do not mix.
        file.write_all(format!("{line}\n").as_bytes()).expect("room for a line");
    }
    None
}

/// The tree's `tests` directory.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The prefix with the packages of others. A relative one counts from the top of the tree.
fn tools() -> PathBuf {
    let prefix = env::var_os("TEST_TOOLS").unwrap_or_else(|| "target/tools".into());
    Path::new(env!("CARGO_MANIFEST_DIR")).join(prefix)
}

/// Whether a program exists and ends well with these arguments.
fn answers(program: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Lines as they come, from a thread that ends with the pipe. A pipe knows no deadline; a channel
/// does.
fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
