//! The built server as a child process: started on a free port, ended with the test.
//!
//! Came from: every test that talks to the binary over real sockets. Goes to: the operating
//! system. Absent on purpose: anything of the library, so that these tests know no more than a user
//! does.
#![allow(dead_code)] // Each test program uses its own part of this file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// From the start of the process to its port file.
const START_MS_MAX: u64 = 60_000;
/// From a signal to the end of the process, drain included.
const STOP_MS_MAX: u64 = 90_000;
/// Between two looks at something that another process is to do.
const LOOK_MS: u64 = 5;

/// A running server. Dropping it kills the process and waits for its end.
pub(crate) struct Server {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Server {
    /// Starts the binary on a free port of 127.0.0.1, with `flags` after our own.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_tollway")), flags)
    }

    /// As [`Server::start`], by a command that becomes the server, or a program that does with its
    /// first arguments what `exec` would.
    pub(crate) fn start_by(command: Command, flags: &[&str]) -> Self {
        Self::start_with(command, flags, Stdio::null())
    }

    /// As [`Server::start_by`], with this as its standard input.
    pub(crate) fn start_with(command: Command, flags: &[&str], stdin: Stdio) -> Self {
        Self::start_at("127.0.0.1:0", command, flags, stdin)
    }

    /// As [`Server::start_with`], listening there.
    pub(crate) fn start_at(
        listen: &str,
        mut command: Command,
        flags: &[&str],
        stdin: Stdio,
    ) -> Self {
        let port_file = fresh_path("port");
        let log = fresh_path("log");
        let output = File::create(&log).expect("the build's scratch directory is writable");
        let mut child = command
            .args(["--listen", listen, "--port-file"])
            .arg(&port_file)
            .args(flags)
            .stdin(stdin)
            .stdout(output.try_clone().expect("a descriptor is left"))
            .stderr(output)
            .spawn()
            .expect("the binary was built for this test");
        let port = await_port(&mut child, &port_file, &log);
        let _ = fs::remove_file(&port_file);
        Self { child, port, log }
    }

    /// Asks the process to end, as an operator does, and waits until it has.
    pub(crate) fn stop(self) -> ExitStatus {
        self.stop_by("TERM")
    }

    /// As [`Server::stop`]; gives what the process has said.
    pub(crate) fn stop_and_read(self) -> String {
        let log = self.log.clone();
        let kept = fresh_path("kept");
        fs::hard_link(&log, &kept).expect("the scratch directory takes links");
        assert!(self.stop().success());
        let text = fs::read_to_string(&kept).expect("it is text");
        let _ = fs::remove_file(&kept);
        text
    }

    /// As [`Server::stop`], by another signal.
    pub(crate) fn stop_by(mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        self.ended()
    }

    /// As [`Server::stop`], with everything that the process has written until its end.
    pub(crate) fn stop_and_tell(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        (self.ended(), self.log())
    }

    /// As [`Server::stop_by`], of a server that is not to end well: its exit code. The signal is
    /// sent until it ends, since one right behind another is taken for that one.
    pub(crate) fn end_by(mut self, signal: &str) -> Option<i32> {
        let ended = within(STOP_MS_MAX, || {
            self.signal(signal);
            self.child.try_wait().expect("our child")
        });
        let code = ended.expect("a signal that is insisted on ends the server").code();
        let _ = fs::remove_file(&self.log);
        std::mem::forget(self); // It has ended; dropping it would call that end a crash.
        code
    }

    fn ended(&mut self) -> ExitStatus {
        let status = within(STOP_MS_MAX, || self.child.try_wait().expect("our child"));
        status.expect("a signal ends the server within its drain time")
    }

    /// Sends a signal by name. By the shell, since the standard library knows no signals.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let status =
            Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &process]).status();
        assert!(status.expect("a POSIX shell").success(), "SIG{name}");
    }

    /// The process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// The port of the first listener.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// All that it has said on standard output and standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("it is there as long as the server")
    }

    /// `http://` address of a path on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// `ws://` address of a path on this server.
    pub(crate) fn ws_url(&self, path: &str) -> String {
        format!("ws://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.child.try_wait().expect("our child");
        // Both fail only for a process that has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("the server's own output:\n{log}");
            return;
        }
        let _ = fs::remove_file(&self.log);
        if let Some(status) = ended {
            // `stop` is the one way to a good end; a crash must not pass unnoticed.
            assert!(status.success(), "the server ended by itself: {status}");
        }
    }
}

/// Runs `body` against a server of one thread, then against one of four: order and visibility
/// across threads are where a server with one log can lie.
pub(crate) fn for_threads(body: impl FnMut(&Server)) {
    for_threads_with(&[], body);
}

/// As [`for_threads`], with more flags.
pub(crate) fn for_threads_with(flags: &[&str], mut body: impl FnMut(&Server)) {
    for threads in ["1", "4"] {
        let server = Server::start(&[&["--threads", threads], flags].concat());
        body(&server);
    }
}

/// Looks until `look` finds something, or `ms_max` have passed.
pub(crate) fn within<T>(ms_max: u64, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + Duration::from_millis(ms_max);
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(LOOK_MS));
    }
}

/// A path in the build's scratch directory that no other test has.
pub(crate) fn fresh_path(what: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}-{number}.{what}", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Waits for the first line of the port file; a line counts once its end is there.
fn await_port(child: &mut Child, port_file: &Path, log: &Path) -> u16 {
    let port = within(START_MS_MAX, || {
        if let Some(status) = child.try_wait().expect("our child") {
            let log = fs::read_to_string(log).unwrap_or_default();
            panic!("the server ended at once ({status}):\n{log}");
        }
        let text = fs::read_to_string(port_file).ok()?;
        let (line, _) = text.split_once('\n')?;
        Some(line.parse().expect("the port file holds a port a line"))
    });
    port.unwrap_or_else(|| {
        let _ = child.kill();
        let _ = child.wait();
        panic!("no port file within {START_MS_MAX} ms");
    })
}
