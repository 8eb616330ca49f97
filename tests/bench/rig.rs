//! A server under test and crowds of clients, each in processes of their own.
//!
//! Came from: `figures`, `fire`. Goes to: `/proc`, for what the server has used.

#![allow(dead_code)] // Each benchmark uses its own part of this file.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

const CLIENT_PROCESSES: usize = 2;

/// Client processes that hold connections until they are dropped.
pub(crate) struct Clients(Vec<Child>);

impl Drop for Clients {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().expect("ours to end");
            child.wait().expect("ours to wait for");
        }
    }
}

/// Connects `count` clients of `kind`, from several processes, and waits until all are served.
pub(crate) fn clients(server: &Server, kind: &str, count: usize) -> Clients {
    let each = (count / CLIENT_PROCESSES).to_string();
    let port = server.port.to_string();
    let mut children: Vec<Child> = (0..CLIENT_PROCESSES)
        .map(|_| {
            Command::new(env::current_exe().expect("we run"))
                .args(["client", &port, kind, &each])
                .stdout(Stdio::piped())
                .spawn()
                .expect("a second process")
        })
        .collect();
    for child in &mut children {
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
    }
    server.wait_until_idle();
    Clients(children)
}

/// Leaves core 0 to the servers.
pub(crate) fn make_room() {
    let own = std::process::id().to_string();
    let moved = Command::new("taskset").args(["-pc", "1", &own]).output();
    let moved = moved.is_ok_and(|output| output.status.success());
    assert!(moved, "taskset (util-linux) and a second core are needed");
}

/// The server under test.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().expect("ours to end");
        self.child.wait().expect("ours to wait for");
    }
}

impl Server {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_tollway")), flags)
    }

    /// A server of that build, on core 0 alone.
    pub(crate) fn start_pinned(program: &Path, flags: &[&str]) -> Self {
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", "0"]).arg(program);
        Self::start_by(pinned, flags)
    }

    fn start_by(mut command: Command, flags: &[&str]) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--threads", "1"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a greeting");
        let address = line.split_once("http://").expect("an address").1;
        let port = address.split([':', '/']).nth(1).expect("a port");
        Self { port: super::number(port), child }
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("Linux")
    }

    /// Resident memory that is the process's own.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let rollup = self.proc("smaps_rollup");
        let line = rollup.lines().find(|l| l.starts_with("Private_Dirty:")).expect("a figure");
        super::number::<u64>(line.split_whitespace().nth(1).expect("a number")) * 1024
    }

    /// The most memory that it has had at once, shared pages included.
    pub(crate) fn peak_bytes(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|l| l.starts_with("VmHWM:")).expect("a figure");
        super::number::<u64>(line.split_whitespace().nth(1).expect("a number")) * 1024
    }

    /// Time on a processor, of all threads, user and kernel.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("Linux");
        let nanoseconds = tasks
            .map(|task| {
                let path = task.expect("a thread").path().join("schedstat");
                let text = fs::read_to_string(path).expect("a figure");
                super::number::<u64>(text.split_whitespace().next().expect("a number"))
            })
            .sum();
        Duration::from_nanos(nanoseconds)
    }

    /// Waits until the server has used no CPU for a while.
    pub(crate) fn wait_until_idle(&self) {
        let mut before = self.cpu();
        for _ in 0..600 {
            thread::sleep(Duration::from_millis(100));
            let now = self.cpu();
            if now.saturating_sub(before) < Duration::from_micros(500) {
                return;
            }
            before = now;
        }
        panic!("the server does not come to rest");
    }
}
