//! The clients' process: the load generator, told what to do by lines of JSON, and telling what it
//! saw.
//!
//! Clients live in a process of their own so that what they cost is not taken for the server's, and
//! so that the publisher keeps its schedule.
//!
//! Came from: `processes`, which starts this very program with [`ARGUMENT`]: a [`Plan`], then
//! [`SwarmCommand`]s. Goes to: `client::swarm`, and back as [`SwarmEvent`]s. Absent on purpose:
//! staying alive. When standard input ends, whoever started us is gone, and so are we.

use std::io::{self, BufRead, Write};
use std::os::fd::AsRawFd;

use mio::Events;
use mio::unix::SourceFd;
use serde::{Deserialize, Serialize};

use crate::client::cipher::{Cipher, Ciphers, TlsPlan};
use crate::client::swarm::{Plan, Swarm, SwarmReport};
use crate::shell::tls::parley::Parley;
use crate::shell::tls::trust::{Trust, trust};
use crate::shell::{clock, sys};

/// The first argument of this process; not for people.
pub const ARGUMENT: &str = "compare-clients";

/// What is said to the clients, after the plan.
#[derive(Debug, Serialize, Deserialize)]
pub enum SwarmCommand {
    /// The last message was published: in so many milliseconds whoever waits gives up.
    Published(u64),
    /// Tell what you saw, and end.
    Stop,
}

/// What the clients say.
#[derive(Debug, Serialize, Deserialize)]
pub enum SwarmEvent {
    /// All are subscribed.
    Ready,
    /// All have the last message, or have waited long enough.
    Over,
    /// The answer to [`SwarmCommand::Stop`].
    Report(SwarmReport),
}

/// Runs the process until it is told to stop or nobody is there any more.
pub fn run() -> io::Result<()> {
    sys::raise_descriptor_limit()?;
    let mut line = String::new();
    let mut orders = io::stdin().lock();
    orders.read_line(&mut line)?;
    let plan: Plan = serde_json::from_str(&line)?;
    let mut ready_us_max = Some(clock::shared_us() + READY_US_MAX + 4 * plan.rtt_us);
    let mut over_us_max = None;
    let ciphers = plan.tls.as_ref().map(|tls| ciphers(tls, plan.clients)).transpose()?;
    let mut swarm = Swarm::new(plan, clock::shared_us)?;
    if let Some(ciphers) = ciphers {
        swarm = swarm.enciphering(ciphers);
    }
    swarm.watch(&mut SourceFd(&io::stdin().as_raw_fd()))?;
    let mut events = Events::with_capacity(EVENTS_MAX);
    loop {
        if swarm.turn(&mut events, WAIT_MS_MAX)? {
            line.clear();
            // One order at a time: the next one comes after a word of ours.
            orders.read_line(&mut line)?;
            if line.is_empty() {
                return Ok(());
            }
            match serde_json::from_str(&line)? {
                SwarmCommand::Published(ms) => over_us_max = Some(clock::shared_us() + ms * 1000),
                SwarmCommand::Stop => return say(&SwarmEvent::Report(swarm.report())),
            }
        }
        let now = clock::shared_us();
        if ready_us_max.take_if(|until| swarm.is_ready() || *until <= now).is_some() {
            say(&SwarmEvent::Ready)?;
        }
        if over_us_max.take_if(|until| swarm.is_over() || *until <= now).is_some() {
            say(&SwarmEvent::Over)?;
        }
    }
}

/// TLS for so many clients, each of which remembers its own sessions, as a browser does.
fn ciphers(tls: &TlsPlan, clients: usize) -> io::Result<Ciphers> {
    let trust = trust(&tls.host, tls.ca.as_deref()).map_err(io::Error::other)?;
    let each: Vec<Trust> = (0..clients).map(|_| trust.of_another()).collect();
    Ok(Box::new(move |number| Ok(Box::new(Parley::new(&each[number])?))))
}

impl Cipher for Parley {
    fn is_open(&self) -> bool {
        Self::is_open(self)
    }

    fn encipher(&mut self, plain: &[u8]) -> Vec<u8> {
        Self::encipher(self, plain)
    }

    fn decipher(
        &mut self,
        bytes: &[u8],
        plain: &mut Vec<u8>,
        reply: &mut Vec<u8>,
    ) -> Result<(), String> {
        Self::decipher(self, bytes, plain, reply)
    }

    fn close(&mut self) -> Vec<u8> {
        Self::close(self)
    }
}

fn say(word: &SwarmEvent) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, word)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Whoever is not subscribed by then makes the run void by what it misses.
const READY_US_MAX: u64 = 15_000_000;
/// How long a turn may wait: how late a deadline above can be noticed.
const WAIT_MS_MAX: u64 = 100;
const EVENTS_MAX: usize = 1024;
