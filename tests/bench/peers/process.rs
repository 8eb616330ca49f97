//! The process of a server, with all that it starts: pinned, measured from outside, and ended.
//!
//! Came from: `servers`. Goes to: `/proc`. Absent on purpose: threads that have ended, whose time
//! is lost; a server at work ends none.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A running server; dropped, it and its children end.
pub(crate) struct ServerProcess {
    child: Child,
}

impl ServerProcess {
    /// Starts `program`, on these cores alone.
    pub(crate) fn start(program: &Command, cores: &str) -> Result<Self, String> {
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", cores]).arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            pinned.env(name, value.unwrap_or_default());
        }
        let child = pinned.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        Ok(Self { child: child.map_err(|error| format!("taskset: {error}"))? })
    }

    /// The first line that it prints.
    pub(crate) fn first_line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        let output = self.child.stdout.take().expect("piped, and asked for once");
        let mut output = BufReader::new(output);
        output.read_line(&mut line).map_err(|error| error.to_string())?;
        // Whoever prints to a pipe that nobody reads would stop some time.
        thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        if line.is_empty() { Err("it ended at once".to_owned()) } else { Ok(line) }
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Time on a processor so far, of all threads of all its processes, user and kernel.
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.tree().into_iter().map(cpu_ns).sum())
    }

    /// Bytes in memory of all its processes (`VmRSS`).
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.tree().into_iter().map(resident_bytes).sum()
    }

    /// Waits until it has used no more CPU for a while than a runtime's timers take.
    pub(crate) fn settle(&self) -> Result<(), String> {
        let deadline = Instant::now() + SETTLE_MAX;
        let mut before = self.cpu();
        let mut calm = 0;
        while calm < 2 {
            thread::sleep(LOOK_EVERY);
            let now = self.cpu();
            let used = now.saturating_sub(before);
            calm = if used * 50 < LOOK_EVERY { calm + 1 } else { 0 };
            before = now;
            if Instant::now() > deadline {
                return Err("the server does not come to rest".to_owned());
            }
        }
        Ok(())
    }

    /// Itself first, then what it started, and so on.
    fn tree(&self) -> Vec<u32> {
        let all: Vec<(u32, u32)> = fs::read_dir("/proc")
            .expect("Linux")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, parent(pid)?)))
            .collect();
        let mut tree = vec![self.child.id()];
        let mut next = 0;
        while let Some(&of) = tree.get(next) {
            tree.extend(all.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
            next += 1;
        }
        tree
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Workers outlive a master that is killed. By the shell's own `kill`: not every machine has
        // a program of that name.
        let pids: Vec<String> = self.tree().iter().map(u32::to_string).collect();
        let script = format!("kill -KILL {}", pids.join(" "));
        let _ = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may have spaces.
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(1)?.parse().ok()
}

fn cpu_ns(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    let of_task = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    tasks.filter_map(|task| of_task(task.ok()?)).sum()
}

fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

const LOOK_EVERY: Duration = Duration::from_millis(50);
const SETTLE_MAX: Duration = Duration::from_mins(1);
