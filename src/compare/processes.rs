//! The processes of a run: a server and the clients, both started from this program.
//!
//! Came from: `mod`, for each variant. Goes to: `clients` in one process, `shell` in another, by
//! pipes and signals. Absent on purpose: threads. One step follows the other; only publishing has
//! to keep to a clock.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::clients::{ARGUMENT, SwarmCommand, SwarmEvent};
use crate::client::swarm::{Plan, SwarmReport};
use crate::limits::IDLE_MS_MAX;
use crate::shell::tls::own_pair::{self, OwnPair};
use crate::shell::{clock, sys};

/// What a server has to be told so that it can hold a run.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Event loops.
    pub threads: usize,
    /// Messages that it retains.
    pub messages: u64,
    /// Bytes of each.
    pub size: usize,
    /// The longest pause on a kept-alive connection of a client.
    pub interval_ms: u64,
    /// How long is published: whoever asks for the costs says nothing meanwhile.
    pub publishing_ms: u64,
}

/// A server on a port of its own. Dropping it ends it at once.
pub struct ServerProcess {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Kept open: the server says hello there.
    _greeting: BufReader<ChildStdout>,
}

/// The clients of a run. Dropping it ends them at once.
pub struct ClientsProcess {
    child: Child,
    orders: ChildStdin,
    words: BufReader<ChildStdout>,
}

impl Needs {
    /// How long a connection may be idle: no client's, and none of ours, is to be closed for that.
    fn idle_ms(&self) -> u64 {
        (2 * self.interval_ms + self.publishing_ms).max(IDLE_MS_MAX) + IDLE_MS_MAX
    }
}

impl ServerProcess {
    /// Starts this program as a server, which speaks TLS if there is a `pair`, and waits until it
    /// listens.
    pub fn start(needs: &Needs, pair: Option<&OwnPair>) -> Result<Self, String> {
        let bytes = (needs.size as u64 + crate::limits::MESSAGE_OVERHEAD_BYTES as u64)
            .saturating_mul(needs.messages)
            .max(crate::limits::HISTORY_BYTES as u64);
        let retain = bytes.max(crate::limits::RETAIN_BYTES as u64);
        let messages = needs.messages.max(crate::limits::HISTORY_MESSAGES as u64);
        let idle_ms = needs.idle_ms();
        let mut command = own_program()?;
        command.args(["serve", "--listen"]);
        match pair {
            None => command.arg("127.0.0.1:0").stdin(Stdio::null()),
            Some(pair) => {
                let input = pair.as_input();
                let input = input.map_err(|error| format!("a server's certificate: {error}"))?;
                command.args(["https://127.0.0.1:0", "--tls-cert", own_pair::AT]);
                command.args(["--tls-key", own_pair::AT]).stdin(input)
            }
        };
        for (flag, value) in [
            ("--threads", needs.threads.to_string()),
            ("--history-messages", messages.to_string()),
            ("--history-bytes", bytes.to_string()),
            ("--retain-bytes", retain.to_string()),
            ("--idle-timeout", format!("{idle_ms}ms")),
        ] {
            command.args([flag, &value]);
        }
        command.stdout(Stdio::piped());
        let mut child = spawn(command, "a server")?;
        let mut greeting = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        let read = greeting.read_line(&mut line);
        let port = line
            .split_once("://")
            .and_then(|(_, rest)| rest.split('/').next()?.rsplit_once(':'))
            .and_then(|(_, port)| port.parse::<u16>().ok());
        let (Ok(_), Some(port)) = (read, port) else {
            end(&mut child);
            return Err("a server was started and does not listen".into());
        };
        Ok(Self { child, address: (Ipv4Addr::LOCALHOST, port).into(), _greeting: greeting })
    }

    /// Asks it to end, as an operator does, and waits for that.
    pub fn stop(mut self) -> Result<(), String> {
        let failed = |error| format!("a server cannot be ended: {error}");
        sys::terminate(&self.child).map_err(failed)?;
        let until = clock::shared_us() + STOP_US_MAX;
        while clock::shared_us() < until {
            if let Some(status) = self.child.try_wait().map_err(failed)? {
                return if status.success() {
                    Ok(())
                } else {
                    Err(format!("a server ended badly: {status}"))
                };
            }
            clock::sleep_until_us(clock::shared_us() + LOOK_EVERY_US);
        }
        Err("a server does not end when it is asked to".into())
    }
}

impl ClientsProcess {
    /// Starts this program as the clients, who begin to connect.
    pub fn start(plan: &Plan) -> Result<Self, String> {
        let mut command = own_program()?;
        command.arg(ARGUMENT);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn(command, "the clients")?;
        let orders = child.stdin.take().expect("it is piped");
        let words = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut clients = Self { child, orders, words };
        clients.tell(&serde_json::to_string(plan).expect("a plan is plain data"))?;
        Ok(clients)
    }

    /// Waits until all are subscribed, as far as they can know.
    pub fn ready(&mut self) -> Result<(), String> {
        match self.next_event()? {
            SwarmEvent::Ready => Ok(()),
            other => Err(format!("the clients said {other:?} instead of Ready")),
        }
    }

    /// The last message was published: waits until all have it, `patience_ms` at most.
    pub fn over(&mut self, patience_ms: u64) -> Result<(), String> {
        self.order(&SwarmCommand::Published(patience_ms))?;
        match self.next_event()? {
            SwarmEvent::Over => Ok(()),
            other => Err(format!("the clients said {other:?} instead of Over")),
        }
    }

    /// Ends them, and has their account.
    pub fn stop(mut self) -> Result<SwarmReport, String> {
        self.order(&SwarmCommand::Stop)?;
        let report = match self.next_event()? {
            SwarmEvent::Report(report) => report,
            other => return Err(format!("the clients said {other:?} instead of Report")),
        };
        let _ = self.child.wait();
        Ok(report)
    }

    fn order(&mut self, order: &SwarmCommand) -> Result<(), String> {
        self.tell(&serde_json::to_string(order).expect("an order is plain data"))
    }

    fn tell(&mut self, line: &str) -> Result<(), String> {
        let told = self.orders.write_all(format!("{line}\n").as_bytes());
        told.map_err(|error| format!("the clients' process does not listen: {error}"))
    }

    fn next_event(&mut self) -> Result<SwarmEvent, String> {
        let mut line = String::new();
        let read = self.words.read_line(&mut line);
        let gone = || "the clients' process has ended by itself".to_owned();
        read.map_err(|_| gone())?;
        serde_json::from_str(&line).map_err(|_| gone())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

impl Drop for ClientsProcess {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Both fail only for a process that has ended already.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// This program, in an environment that does not configure it: what is measured is what the flags
/// of the comparison say.
fn own_program() -> Result<Command, String> {
    let own = env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let mut command = Command::new(own);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("TOLLWAY_") {
            command.env_remove(name);
        }
    }
    sys::ends_with_us(&mut command);
    Ok(command)
}

fn spawn(mut command: Command, what: &str) -> Result<Child, String> {
    let child = command.spawn();
    child.map_err(|error| format!("{what} cannot be started: {error}"))
}

/// From SIGTERM to the end of a server that has nobody left.
const STOP_US_MAX: u64 = 10_000_000;
const LOOK_EVERY_US: u64 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_may_be_idle_for_as_long_as_is_published() {
        for (interval_ms, publishing_ms) in [(0, 0), (1_000, 5_000), (0, 600_000), (90_000, 0)] {
            let needs = Needs { threads: 1, messages: 1, size: 27, interval_ms, publishing_ms };
            // Connecting, and waiting for the last message, beside the publishing itself.
            let least = publishing_ms.max(2 * interval_ms) + 60_000;
            assert!(needs.idle_ms() >= least, "{needs:?}");
        }
    }
}
