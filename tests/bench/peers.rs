//! This server, five of others, and a bare loop, side by side: CPU of an operation, latency, and
//! memory of an idle connection.
//!
//! ```text
//! cargo bench --bench peers                              # all lanes, five rounds: fifty minutes
//! cargo bench --bench peers -- ws-1000 echo              # these lanes
//! cargo bench --bench peers -- --servers tollway,bun     # these servers, and the floor
//! cargo bench --bench peers -- --rounds 2 --json
//! cargo bench --bench peers -- --list                    # lanes and servers, and what is missing
//! ```
//!
//! In each lane of each round the servers take turns: A B C, A B C. Each is started anew on core 0,
//! gets its connections, works until it is warm, and is measured for two seconds by what the kernel
//! says of its whole process tree. The one program that loads all of them has the last core, and
//! checks that every reader gets every message, once, in order, byte by byte. The **floor** is a
//! loop of our own that parses nothing: what is left when a server's own work is taken away. A
//! ratio to it, within a round, is what can be compared; times mean something on one machine only,
//! and on a busy one nothing means anything. A server that is not installed is left out, by name.

#[path = "peers/dialect.rs"]
mod dialect;
#[path = "peers/feed.rs"]
mod feed;
#[path = "peers/floor.rs"]
mod floor;
#[path = "peers/lanes.rs"]
mod lanes;
#[path = "peers/line.rs"]
mod line;
#[path = "peers/polls.rs"]
mod polls;
#[path = "peers/process.rs"]
mod process;
#[path = "peers/report.rs"]
mod report;
#[path = "peers/servers.rs"]
mod servers;
#[path = "peers/swarm.rs"]
mod swarm;
#[path = "peers/uwebsockets.rs"]
mod uwebsockets;
#[path = "peers/work.rs"]
mod work;

use std::process::{Command, ExitCode};
use std::thread;

use self::lanes::{LANES, Lane};
use self::report::{Report, Row};
use self::servers::Server;

/// What was asked for.
struct Choice {
    lanes: Vec<&'static Lane>,
    servers: Vec<Server>,
    rounds: usize,
    json: bool,
    lists: bool,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [word, threads] = &words[..]
        && word == "serve-floor"
    {
        floor::serve(threads.parse().expect("a number"));
    }
    match Choice::read(&words).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("peers: {why}");
            ExitCode::from(2)
        }
    }
}

impl Choice {
    fn read(words: &[String]) -> Result<Self, String> {
        let mut lanes = Vec::new();
        let (mut servers, mut rounds, mut json, mut lists) =
            (Server::ALL.to_vec(), 5, false, false);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--json" => json = true,
                "--list" => lists = true,
                "--servers" => servers = chosen(words.next().ok_or("--servers of which names?")?)?,
                "--rounds" => {
                    let number = words.next().and_then(|number| number.parse().ok());
                    let number = number.filter(|number| (1..=1_000).contains(number));
                    rounds = number.ok_or("--rounds takes a number from 1 to 1000")?;
                }
                name => {
                    let lane = LANES.iter().find(|lane| lane.name == name);
                    let all = LANES.iter().map(|lane| lane.name).collect::<Vec<_>>().join(", ");
                    lanes.push(lane.ok_or(format!("there is no lane {name}; choose from {all}"))?);
                }
            }
        }
        if lanes.is_empty() {
            lanes = LANES.iter().collect();
        }
        Ok(Self { lanes, servers, rounds, json, lists })
    }
}

/// The floor is always one of them.
fn chosen(names: &str) -> Result<Vec<Server>, String> {
    let names: Vec<&str> = names.split(',').collect();
    let known = |name: &str| Server::ALL.iter().any(|server| server.name() == name);
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let all = Server::ALL.map(Server::name).join(", ");
        return Err(format!("there is no server {name}; choose from {all}"));
    }
    let is_chosen = |server: &Server| *server == Server::Floor || names.contains(&server.name());
    Ok(Server::ALL.into_iter().filter(is_chosen).collect())
}

fn run(choice: Choice) -> Result<(), String> {
    let Choice { mut lanes, mut servers, rounds, json, lists } = choice;
    let mut absent = Vec::new();
    servers.retain(|server| match server.prepare() {
        Ok(()) => true,
        Err(why) => {
            eprintln!("SKIPPED {}: {why}", server.name());
            absent.push(format!("{} is left out: {why}", server.title()));
            false
        }
    });
    if lists {
        for lane in &lanes {
            println!("{:<16}{}", lane.name, lane.title);
        }
        for server in &servers {
            println!("{:<16}{}", server.name(), server.title());
        }
        return Ok(());
    }
    let descriptors = tollway::shell::sys::raise_descriptor_limit();
    let descriptors = descriptors.map_err(|error| error.to_string())?;
    lanes.retain(|lane| {
        let needed = lane.connections + DESCRIPTORS_BESIDE;
        if needed > descriptors {
            absent.push(format!(
                "{} is left out: it needs {needed} descriptors, and a process may have \
                 {descriptors} (`ulimit -n {needed}`)",
                lane.name
            ));
        }
        needed <= descriptors
    });
    move_to_last_core()?;
    for lane in &lanes {
        for server in &servers {
            let without = lane.without(*server);
            absent.extend(without.map(|why| format!("{} in {}: {why}", server.name(), lane.name)));
        }
    }
    let rows = measure_all(&lanes, &servers, rounds);
    let report = Report { lanes: &lanes, servers: &servers, rounds, rows: &rows, absent: &absent };
    println!("{}", if json { report.json() } else { report.markdown() });
    Ok(())
}

fn measure_all(lanes: &[&'static Lane], servers: &[Server], rounds: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for round in 1..=rounds {
        for lane in lanes {
            for server in servers.iter().filter(|server| lane.without(**server).is_none()) {
                eprint!("round {round} of {rounds}: {}, {}: ", lane.name, server.name());
                let measured = lane.measure(*server);
                match &measured {
                    Ok(sample) => eprintln!("{}", sample.in_a_line()),
                    Err(why) => eprintln!("failed: {why}"),
                }
                let (lane, server) = (lane.name, server.name());
                let error = measured.as_ref().err().cloned();
                rows.push(Row { lane, server, round, sample: measured.ok(), error });
            }
        }
    }
    rows
}

/// Leaves the others to the servers.
fn move_to_last_core() -> Result<(), String> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let own = std::process::id().to_string();
    let last = (cores - 1).to_string();
    let moved = Command::new("taskset").args(["-pc", &last, &own]).output();
    if cores < 2 || !moved.is_ok_and(|output| output.status.success()) {
        return Err("taskset (util-linux) and a second core are needed".to_owned());
    }
    Ok(())
}

/// Standard streams, `epoll`, publishers, and what a server and its runtime open.
const DESCRIPTORS_BESIDE: u64 = 200;
