//! Good clients of a server that strangers attack: what they feel of it, and what it costs.
//!
//! ```text
//! cargo bench --bench fire               # nobody, each kind of stranger alone, then all at once
//! cargo bench --bench fire -- bombs      # nobody, and these
//! ```
//!
//! One good client publishes 50 messages a second; one reads them by each technique that waits. A
//! row tells how long a message took from the moment at which it was due to its acknowledgement,
//! and to the reader by a technique, at the median and at the 99th of a hundred; how many
//! deliveries came not at all or twice; how many publishes were refused; the server's memory at its
//! peak; and what share of a core it used. Each row has a server of its own.
//!
//! The server has core 0 alone, good clients core 1. Strangers share that with them, at the lowest
//! priority, in a process each. Linux only. Nothing is asserted: rows mean something beside each
//! other.

mod fire {
    pub(crate) mod good;
    pub(crate) mod strangers;
}
mod rig;

use std::env;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use fire::good::{Guests, LANES};
use fire::strangers::{KINDS, attack};
use tollway::limits::Limits;

const SECONDS: u64 = 12;
/// Strangers have come, and the first of their connections have been ended for the first time.
const WARM_UP_SECONDS: u64 = 3;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["stranger", port, name] => attack(number(port), name),
        [] => {
            let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
            let mut rows = vec![Vec::new()];
            rows.extend(names.iter().map(|&name| vec![name]));
            rows.push(names);
            table(&rows);
        }
        _ => table(&[Vec::new(), words]),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is not a number"))
}

fn table(rows: &[Vec<&str>]) {
    rig::make_room();
    let bound = Limits::default().worst_case(1);
    println!(
        "Worst case by the server's limits, one thread: {} MiB, and {} KiB for each connection",
        bound.server >> 20,
        bound.connection >> 10
    );
    println!("{SECONDS} s a row; ms at the median / of 99 in a hundred, by the reader's technique");
    print!("{:<12}", "strangers");
    for lane in LANES {
        print!("{:>20}", lane.name());
    }
    println!("{:>8}{:>9}{:>8}{:>10}{:>8}", "missing", "repeated", "refused", "peak MiB", "cores");
    for names in rows {
        row(names);
    }
}

/// Strangers in a process of their own, until dropped.
struct Stranger(Child);

impl Stranger {
    fn start(port: u16, name: &str) -> Self {
        let own = env::current_exe().expect("we run");
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(own).args(["stranger", &port.to_string(), name]);
        Self(command.spawn().expect("nice (coreutils) is there"))
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.kill().expect("ours to end");
        self.0.wait().expect("ours to wait for");
    }
}

fn row(names: &[&str]) {
    let server =
        rig::Server::start_pinned(Path::new(env!("CARGO_BIN_EXE_tollway")), &["--deflate"]);
    let strangers: Vec<Stranger> =
        names.iter().map(|name| Stranger::start(server.port, name)).collect();
    thread::sleep(Duration::from_secs(WARM_UP_SECONDS));
    let (cpu, began) = (server.cpu(), Instant::now());
    let mut felt = Guests::visit(server.port, Duration::from_secs(SECONDS));
    let cores = server.cpu().saturating_sub(cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    let peak = server.peak_bytes() >> 20;
    drop(strangers);
    print!(
        "{:<12}",
        match names {
            [] => "none",
            [one] => one,
            _ => "all",
        }
    );
    for lane in LANES {
        let ms = felt.milliseconds(lane);
        print!(
            "{:>20}",
            ms.map_or("-".into(), |(median, high)| format!("{median:.1} / {high:.1}"))
        );
    }
    let (missing, repeated, refused) = (felt.missing(), felt.repeated, felt.refused);
    println!("{missing:>8}{repeated:>9}{refused:>8}{peak:>10}{cores:>8.2}");
}
