//! A toy of the book as a child process: built if need be, started on a free port, ended with the
//! test.
//!
//! Came from: every test of this folder. Goes to: the operating system. Absent on purpose: a good
//! end. The toys know none, and are killed.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use crate::http::{Answer, Wire};
use crate::server::within;

/// The steps of the ladder, in its order.
pub(crate) const STEPS: [&str; 5] = ["short_poll", "long_poll", "sse", "websocket", "all_four"];
/// A Linux shell's words for "let it have so many descriptors, and become that program".
const BOUNDED: &str = "ulimit -n \"$1\"; exec \"$0\"";
/// How long something may take that has to come about.
pub(crate) const PATIENCE_MS: u64 = 60_000;

/// A running toy. Dropping it kills the process and waits for its end.
pub(crate) struct Toy {
    child: Child,
    port: u16,
}

impl Toy {
    /// Starts a step on a free port of 127.0.0.1.
    pub(crate) fn start(step: &str) -> Self {
        Self::start_by(Command::new(path(step)))
    }

    /// As [`Toy::start`], with so many descriptors that it may have open.
    pub(crate) fn start_with_descriptors(step: &str, count: u32) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", BOUNDED]).arg(path(step)).arg(count.to_string());
        Self::start_by(command)
    }

    fn start_by(mut command: Command) -> Self {
        // What a toy says when it breaks is no news here.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut toy = Self { child: command.spawn().expect("it was built"), port: 0 };
        let out = toy.child.stdout.as_mut().expect("a pipe was asked for");
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).expect("its first line");
        let address = line.strip_prefix("listening at 127.0.0.1:");
        toy.port = address.and_then(|port| port.trim().parse().ok()).expect("it tells its address");
        toy
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, once it has.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let end = within(PATIENCE_MS, || self.child.try_wait().expect("our child"));
        end.expect("the toy has ended")
    }

    /// Publishes on a connection of its own, in one write.
    pub(crate) fn publish(&self, message: impl AsRef<[u8]>) -> Answer {
        let mut wire = Wire::open(self.port);
        wire.send(post(message));
        let answer = wire.answer();
        assert_eq!(answer.status, 201);
        answer
    }

    /// A connection that has asked for this.
    pub(crate) fn ask(&self, target: &str) -> Wire {
        let mut wire = Wire::open(self.port);
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: toy\r\n\r\n"));
        wire
    }

    /// What is answered to this.
    pub(crate) fn get(&self, target: &str) -> String {
        body(&self.ask(target).answer())
    }
}

impl Drop for Toy {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request that publishes on a toy.
pub(crate) fn post(message: impl AsRef<[u8]>) -> Vec<u8> {
    let message = message.as_ref();
    let length = message.len();
    let head = format!("POST / HTTP/1.1\r\nHost: toy\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), message].concat()
}

/// A body as text.
pub(crate) fn body(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).expect("text")
}

/// The program of a step. `cargo test` builds it beside the tests; when one test alone was asked
/// for, cargo builds no examples, and is asked for them here.
fn path(step: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let test = env::current_exe().expect("Linux tells it");
        let profile = test.ancestors().nth(2).expect("target/<profile>/deps/book-…");
        let folder = profile.join("examples");
        if !STEPS.iter().all(|step| is_fresh(step, &folder)) {
            build(profile);
        }
        folder
    });
    folder.join(format!("step_{step}"))
}

/// Whether a step was built, and not changed since.
fn is_fresh(step: &str, folder: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/book/steps/{step}.rs"));
    let source = changed(&source).expect("it is in the tree");
    changed(&folder.join(format!("step_{step}"))).is_some_and(|built| built >= source)
}

fn build(profile: &Path) {
    let target = profile.parent().expect("the target directory");
    let name = profile.file_name().and_then(|name| name.to_str()).expect("a name of cargo's");
    let status = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["build", "--locked", "--quiet", "--examples", "--target-dir"])
        .arg(target)
        // Both `dev` and `test` are built in `debug`.
        .args(["--profile", if name == "debug" { "test" } else { name }])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .status();
    assert!(status.expect("cargo runs this test").success(), "the toys can be built");
}
