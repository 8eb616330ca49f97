//! What TLS costs: bytes of an operation, memory of an idle connection, processor time.
//!
//! ```text
//! cargo bench --bench tls            # all of it
//! cargo bench --bench tls -- toll    # bytes of a poll, kept alive or not, and of a message
//! cargo bench --bench tls -- idle    # bytes of user memory of an idle connection, by technique
//! cargo bench --bench tls -- cpu     # server CPU of a poll and of a handshake, beside plain HTTP
//! ```
//!
//! The server says what passed (`/-/costs`, which `tests/witness/tls.rs` holds against a capture),
//! and the system what it took. Bytes are the same on any machine. Nothing is asserted: times mean
//! something beside each other.

#[path = "../tls/client.rs"]
#[allow(dead_code)] // One part of it is all that is needed here.
mod client;
#[path = "../tls/pairs.rs"]
#[allow(dead_code)]
mod pairs;
#[path = "../support/server.rs"]
mod server;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, thread};

use rustls::client::Resumption;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};
use serde_json::Value;

use client::{Wire, connect, costs, get, post, settings};
use pairs::Pair;
use server::Server;

const POLLS: u32 = 200;
const IDLE_CONNECTIONS: usize = 2_000;
const KEPT_ALIVE: u32 = 20_000;
const HANDSHAKES: u32 = 1_000;
/// As a chat's "typing…" or a ticker's price.
const MESSAGE: &str = "0123456789abcdef";

const UPGRADE: &str = "GET /bench/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

trait Bytes: Read + Write {}
impl<T: Read + Write> Bytes for T {}

/// A connection of either kind.
struct Line {
    stream: Box<dyn Bytes>,
    got: Vec<u8>,
}

/// How clients connect.
#[derive(Clone)]
enum Way {
    Plain,
    Tls(Arc<ClientConfig>),
}

/// A server on one thread, by TLS and in plain HTTP.
struct Rig {
    server: Server,
    pair: Pair,
    plain_port: u16,
}

impl Rig {
    fn start() -> Self {
        let pair = Pair::of(&["localhost"]);
        let flags = ["--threads", "1", "--listen", "127.0.0.1:0", "--idle-timeout", "10m"];
        let server = pairs::server(&pair, &flags);
        let said = server::within(20_000, || {
            Some(server.log()).filter(|log| log.contains("listening on http://"))
        });
        let said = said.expect("a greeting");
        let (_, behind) = said.split_once("listening on http://localhost:").expect("a plain port");
        let plain_port = behind.split('/').next().expect("a port").parse().expect("a port");
        Self { server, pair, plain_port }
    }

    fn by(&self, version: &'static SupportedProtocolVersion, resumes: bool) -> Way {
        let mut trust = settings(&self.pair.der, &[version]);
        if !resumes {
            trust.resumption = Resumption::disabled();
        }
        Way::Tls(Arc::new(trust))
    }

    fn open(&self, way: &Way) -> Line {
        let stream: Box<dyn Bytes> = match way {
            Way::Plain => Box::new(connect(self.plain_port)),
            Way::Tls(trust) => Box::new(Wire::open(self.server.port(), trust).stream),
        };
        Line { stream, got: Vec::new() }
    }

    fn costs(&self) -> Value {
        costs(&self.server, &self.pair.der)
    }

    fn resident(&self) -> usize {
        thread::sleep(Duration::from_millis(2500)); // What is free is given back once a second.
        let text = fs::read_to_string(format!("/proc/{}/statm", self.server.process()));
        let text = text.expect("Linux");
        let pages: usize = text.split(' ').nth(1).expect("a field").parse().expect("a number");
        pages * 4096
    }

    /// Microseconds of processor time so far.
    fn cpu_us(&self) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.server.process()));
        let text = text.expect("Linux");
        let (_, behind) = text.rsplit_once(')').expect("a name");
        let fields: Vec<&str> = behind.split_whitespace().collect();
        let ticks: f64 = fields[11..13].iter().map(|f| f.parse::<f64>().expect("a number")).sum();
        ticks * 10_000.0
    }
}

impl Line {
    fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
        self.stream.flush().expect("the server reads");
    }

    fn until(&mut self, mark: &str) {
        if mark.is_empty() {
            return; // It is asked and withheld; the handshake is complete by then.
        }
        let mut buffer = [0; 16 * 1024];
        loop {
            let mark = mark.as_bytes();
            if let Some(at) = self.got.windows(mark.len()).position(|window| window == mark) {
                self.got.drain(..at + mark.len());
                return;
            }
            let bytes = self.stream.read(&mut buffer).expect("bytes in time");
            assert!(bytes > 0, "ended");
            self.got.extend_from_slice(&buffer[..bytes]);
        }
    }

    /// A poll that finds one message.
    fn poll(&mut self) {
        self.say(get("/bench/poll"));
        self.until("\"}]}");
    }
}

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    let all = words.is_empty();
    let wants = |word: &str| all || words.iter().any(|w| w == word);
    if wants("toll") {
        toll();
    }
    if wants("idle") {
        idle();
    }
    if wants("cpu") {
        cpu();
    }
}

fn number(costs: &Value, path: &str) -> f64 {
    costs.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path}"))
}

/// What a technique has cost more, divided by `count`: bytes up, bytes down, and of both what is
/// TLS.
fn difference(before: &Value, after: &Value, technique: &str, count: u32) -> [f64; 4] {
    let of = |way: &str, class: &str| {
        let path = format!("/techniques/{technique}/{way}/{class}");
        (number(after, &path) - number(before, &path)) / f64::from(count)
    };
    [
        of("bytes_in", "total"),
        of("bytes_out", "total"),
        of("bytes_in", "tls"),
        of("bytes_out", "tls"),
    ]
}

fn toll() {
    let rig = Rig::start();
    let mut publisher = rig.open(&Way::Plain);
    publisher.say(post("/bench", MESSAGE));
    publisher.until("}");
    println!("| a poll with one message of {} bytes | up | down | of that TLS |", MESSAGE.len());
    println!("| --- | --: | --: | --: |");
    let versions = [("1.3", &TLS13), ("1.2", &TLS12)];
    let mut rows: Vec<(String, Way, bool)> = vec![
        ("plain, kept alive".into(), Way::Plain, true),
        ("plain, new connection".into(), Way::Plain, false),
    ];
    for (name, version) in versions {
        rows.push((format!("TLS {name}, kept alive"), rig.by(version, true), true));
        rows.push((format!("TLS {name}, new connection, resumed"), rig.by(version, true), false));
        rows.push((format!("TLS {name}, new connection, in full"), rig.by(version, false), false));
    }
    for (name, way, kept) in rows {
        // The first is not counted: it may be a handshake in full, and the last may be late.
        let mut line = rig.open(&way);
        line.poll();
        let before = settled(&rig);
        for _ in 0..POLLS {
            if !kept {
                line = rig.open(&way);
            }
            line.poll();
        }
        let [up, down, tls_up, tls_down] = difference(&before, &settled(&rig), "short_poll", POLLS);
        println!("| {name} | {up:.0} | {down:.0} | {:.0} |", tls_up + tls_down);
    }
    println!("\n| a message of {} bytes | down | of that TLS |", MESSAGE.len());
    println!("| --- | --: | --: |");
    for (technique, request, greeting) in
        [("sse", get("/bench/sse"), "\n\n\r\n"), ("websocket", UPGRADE.to_owned(), "\r\n\r\n")]
    {
        let ways = [("plain", Way::Plain), ("TLS 1.3", rig.by(&TLS13, true))];
        for (name, way) in ways.into_iter().chain([("TLS 1.2", rig.by(&TLS12, true))]) {
            let mut reader = rig.open(&way);
            reader.say(&request);
            reader.until(greeting);
            let before = settled(&rig);
            for _ in 0..POLLS {
                publisher.say(post("/bench", MESSAGE));
                publisher.until("}");
                reader.until(MESSAGE);
            }
            let [_, down, _, tls] = difference(&before, &settled(&rig), technique, POLLS);
            println!("| {technique}, {name} | {down:.1} | {tls:.1} |");
        }
    }
}

/// The costs, when those who have left are counted.
fn settled(rig: &Rig) -> Value {
    thread::sleep(Duration::from_millis(1500)); // A report may be a second old.
    rig.costs()
}

fn idle() {
    println!("\n| bytes of an idle connection | plain | TLS 1.3 | TLS 1.2 |");
    println!("| --- | --: | --: | --: |");
    let kinds: [(&str, String, &str); 4] = [
        ("polling, kept alive", get("/-/healthy"), "ok\n"),
        ("long poll, waiting", get("/bench/poll?wait=55"), ""),
        ("SSE", get("/bench/sse"), "\n\n\r\n"),
        ("WebSocket", UPGRADE.to_owned(), "\r\n\r\n"),
    ];
    for (name, request, sign) in kinds {
        let mut row = format!("| {name} |");
        for version in [None, Some(&TLS13), Some(&TLS12)] {
            let rig = Rig::start();
            let way = version.map_or(Way::Plain, |version| rig.by(version, false));
            let crowd = |count: usize| -> Vec<Line> {
                let one = |_| {
                    let mut line = rig.open(&way);
                    line.say(&request);
                    line.until(sign);
                    line
                };
                (0..count).map(one).collect()
            };
            let warm_up = crowd(64);
            let before = rig.resident();
            let all = crowd(IDLE_CONNECTIONS);
            let grown = rig.resident().saturating_sub(before);
            write!(row, " {} |", grown / IDLE_CONNECTIONS).expect("a string");
            drop((warm_up, all));
        }
        println!("{row}");
    }
}

fn cpu() {
    let rig = Rig::start();
    let mut publisher = rig.open(&Way::Plain);
    publisher.say(post("/bench", MESSAGE));
    publisher.until("}");
    println!("\n| µs of server CPU | plain | TLS 1.3 | TLS 1.2 |");
    println!("| --- | --: | --: | --: |");
    let ways = |resumes| [Way::Plain, rig.by(&TLS13, resumes), rig.by(&TLS12, resumes)];
    let rows: [(&str, bool, bool, u32); 3] = [
        ("a poll, kept alive", true, true, KEPT_ALIVE),
        ("a poll on a new connection, resumed", true, false, HANDSHAKES),
        ("a poll on a new connection, in full", false, false, HANDSHAKES),
    ];
    for (name, resumes, kept, count) in rows {
        let mut row = format!("| {name} |");
        for way in ways(resumes) {
            let mut line = rig.open(&way);
            line.poll();
            let before = rig.cpu_us();
            for _ in 0..count {
                if !kept {
                    line = rig.open(&way);
                }
                line.poll();
            }
            let each = (rig.cpu_us() - before) / f64::from(count);
            write!(row, " {each:.1} |").expect("a string");
        }
        println!("{row}");
    }
}
