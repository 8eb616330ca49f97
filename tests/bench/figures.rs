//! Figures of the running server: memory of an idle connection, CPU of a delivery.
//!
//! ```text
//! cargo bench --bench figures            # all of them
//! cargo bench --bench figures -- idle    # bytes of user memory per idle connection of each kind
//! cargo bench --bench figures -- fanout  # µs of server CPU per delivery to WebSockets
//! cargo bench --bench figures -- report  # ms of server CPU for a report over idle connections
//! cargo bench --bench figures -- ledger  # the same with and without the cost ledger, as a ratio
//! ```
//!
//! The clients are processes of their own, so that their memory and time are not the server's.
//! Linux only: what a process uses is read from `/proc`. Nothing is asserted: a figure means
//! something beside another one of the same run.

mod rig;

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use mio::{Events, Interest, Poll, Token};
use tollway::limits::DEFLATE_CONTEXT_BITS;

use rig::{Clients, Server, clients};

const IDLE_CONNECTIONS: usize = 10_000;
const READERS: usize = 1_000;
const MESSAGES: usize = 2_000;
const REPORTS: u32 = 20;
const LEDGER_ROUNDS: usize = 1_000;
const LEDGER_MESSAGES: usize = 5;
/// How often servers and readers are started anew.
const GATHERINGS: usize = 10;
/// A message of 16 bytes, as a chat's "typing…" or a ticker's price.
const MESSAGE: &str = "0123456789abcdef";

/// A kind of idle connection.
struct Kind {
    name: &'static str,
    /// What it takes of the server beyond the defaults.
    flags: &'static [&'static str],
    /// What is sent, and what tells that the server has answered.
    request: &'static str,
    sign: &'static str,
    /// The frame of a message that is said then; the answer has its id.
    says: Option<fn() -> Vec<u8>>,
}

macro_rules! upgrade {
    ($fields:literal) => {
        concat!(
            "GET /bench/ws HTTP/1.1\r\nHost: b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
            $fields,
            "\r\n"
        )
    };
}

const KINDS: [Kind; 7] = [
    Kind {
        name: "keep-alive",
        flags: &[],
        request: "GET /-/healthy HTTP/1.1\r\nHost: b\r\n\r\n",
        sign: "ok\n",
        says: None,
    },
    Kind {
        name: "long_poll",
        flags: &[],
        request: "GET /bench?wait=55 HTTP/1.1\r\nHost: b\r\n\r\n",
        sign: "",
        says: None,
    },
    Kind {
        name: "sse",
        flags: &[],
        request: "GET /bench/sse HTTP/1.1\r\nHost: b\r\n\r\n",
        sign: "id: ",
        says: None,
    },
    Kind { name: "websocket", flags: &[], request: upgrade!(""), sign: "\r\n\r\n", says: None },
    Kind {
        name: "websocket_deflate",
        flags: &["--deflate"],
        request: upgrade!(
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        ),
        sign: "client_max_window_bits=12\r\n",
        says: None,
    },
    // Each publishes once where nobody reads, in the dialect that answers.
    Kind {
        name: "websocket_v1_said",
        flags: &["--history-messages", "1"],
        request: upgrade!("Sec-WebSocket-Protocol: tollway.v1\r\n"),
        sign: "{\"next\":",
        says: Some(plain_publish),
    },
    Kind {
        name: "websocket_v1_deflate_said",
        flags: &["--history-messages", "1", "--deflate"],
        request: upgrade!(
            "Sec-WebSocket-Protocol: tollway.v1\r\n\
             Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        ),
        sign: "{\"next\":",
        says: Some(compressed_publish),
    },
];

/// A text that fills the window of a client that compresses.
fn publish() -> Vec<u8> {
    let data = "0123456789".repeat(410);
    let text = format!("{{\"ref\":1,\"topic\":\"sink\",\"data\":\"{data}\"}}");
    assert!(text.len() >= 1 << DEFLATE_CONTEXT_BITS);
    text.into_bytes()
}

fn plain_publish() -> Vec<u8> {
    client_frame(0x81, &publish())
}

/// As one stored block and the beginning of the empty one behind it (RFC 7692 §7.2.3.3): what the
/// server keeps depends on what was said, not on how well it was compressed.
fn compressed_publish() -> Vec<u8> {
    let text = publish();
    let length = u16::try_from(text.len()).expect("it fits a block");
    let mut payload = vec![0];
    payload.extend(length.to_le_bytes());
    payload.extend((!length).to_le_bytes());
    payload.extend(text);
    payload.push(0);
    client_frame(0xC1, &payload)
}

fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).expect("not the longest length").to_be_bytes();
    // A mask of zeros leaves the payload as it is.
    [&[first, 0xFE, high, low, 0, 0, 0, 0], payload].concat()
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["client", port, kind, count] => client(number(port), kind, number(count)),
        ["idle"] => idle(),
        ["fanout"] => fan_out(),
        ["report"] => report(),
        ["ledger"] => ledger(),
        [] => {
            idle();
            fan_out();
        }
        _ => panic!("one of: idle, fanout, report, ledger"),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is not a number"))
}

/// Memory of idle connections: what the server's resident memory grew by.
fn idle() {
    println!("bytes of user memory per idle connection ({IDLE_CONNECTIONS} of a kind):");
    for Kind { name: kind, flags, .. } in KINDS {
        let server = Server::start(flags);
        // The first connections bring tables and scratch that all share.
        let warm_up = clients(&server, kind, 16);
        let before = server.resident_bytes();
        let crowd = clients(&server, kind, IDLE_CONNECTIONS);
        let grown = server.resident_bytes().saturating_sub(before);
        println!("  {kind:<26}{:>6}", grown / IDLE_CONNECTIONS as u64);
        drop((warm_up, crowd));
    }
}

/// CPU of deliveries: each message is published when the one before has been answered.
fn fan_out() {
    let crowd = Crowd::gather(Server::start(&[]));
    let spent = crowd.cpu_of(MESSAGES);
    println!(
        "server CPU per delivery to {READERS} WebSockets, {} bytes: {spent:.2} µs \
         ({} deliveries)",
        MESSAGE.len(),
        MESSAGES * READERS
    );
}

/// CPU of a report: the kernel is asked about every connection.
fn report() {
    let server = Server::start(&[]);
    let crowd = clients(&server, "websocket", IDLE_CONNECTIONS);
    let mut line = TcpStream::connect(("127.0.0.1", server.port)).expect("the server listens");
    let before = server.cpu();
    for _ in 0..REPORTS {
        line.write_all(b"GET /-/costs HTTP/1.1\r\nHost: b\r\n\r\n").expect("a request");
        let (mut answer, mut scratch) = (Vec::new(), [0; 16 * 1024]);
        while !answer.ends_with(b"}}") {
            let n = line.read(&mut scratch).expect("an answer");
            assert!(n > 0, "the server ended it");
            answer.extend_from_slice(&scratch[..n]);
        }
    }
    let spent = server.cpu().saturating_sub(before);
    println!(
        "server CPU of a report over {IDLE_CONNECTIONS} connections: {:.1} ms",
        spent.as_secs_f64() * 1e3 / f64::from(REPORTS)
    );
    drop(crowd);
}

/// A server, its readers, and a publisher.
struct Crowd {
    server: Server,
    _readers: Clients,
    publisher: TcpStream,
}

impl Crowd {
    fn gather(server: Server) -> Self {
        let readers = clients(&server, "websocket", READERS);
        let address = ("127.0.0.1", server.port);
        let publisher = TcpStream::connect(address).expect("the server listens");
        Self { server, _readers: readers, publisher }
    }

    /// µs of server CPU per delivery of `messages` messages.
    fn cpu_of(&self, messages: usize) -> f64 {
        let length = MESSAGE.len();
        let publish =
            format!("POST /bench HTTP/1.1\r\nHost: b\r\nContent-Length: {length}\r\n\r\n{MESSAGE}");
        let cpu = self.server.cpu();
        for _ in 0..messages {
            self.ask(&publish, "HTTP/1.1 201 ");
        }
        // Read in the turn after the one in which the last message was delivered.
        self.ask("GET /-/healthy HTTP/1.1\r\nHost: b\r\n\r\n", "HTTP/1.1 200 ");
        let spent = self.server.cpu().saturating_sub(cpu);
        // Exact: there are a few million.
        spent.as_secs_f64() * 1e6 / f64::from((messages * READERS) as u32)
    }

    fn ask(&self, request: &str, sign: &str) {
        let mut answer = [0; 4096];
        let mut line = &self.publisher;
        line.write_all(request.as_bytes()).expect("a request");
        let n = line.read(&mut answer).expect("an answer");
        assert!(answer[..n].starts_with(sign.as_bytes()), "{request}");
    }
}

/// What counting costs: two servers, one of which counts, share a core and take turns of some dozen
/// milliseconds, so that whatever else the machine does hits both alike.
fn ledger() {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/uncharged");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--features", "uncharged"])
        .arg("--target-dir")
        .arg(&target)
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the build that does not count");
    let charged = Path::new(env!("CARGO_BIN_EXE_tollway"));
    let uncharged = target.join("release/tollway");
    rig::make_room();
    let mut ratios = Vec::new();
    for gathering in 0..GATHERINGS {
        // Whoever comes first gets the better places in memory, or the worse.
        let mut programs = [charged, &uncharged];
        programs.rotate_left(gathering % 2);
        let mut crowds = programs.map(|program| Crowd::gather(Server::start_pinned(program, &[])));
        crowds.rotate_left(gathering % 2);
        let [with, without] = crowds;
        for round in 0..LEDGER_ROUNDS / GATHERINGS {
            let (charged, uncharged);
            if round % 2 == 0 {
                charged = with.cpu_of(LEDGER_MESSAGES);
                uncharged = without.cpu_of(LEDGER_MESSAGES);
            } else {
                uncharged = without.cpu_of(LEDGER_MESSAGES);
                charged = with.cpu_of(LEDGER_MESSAGES);
            }
            ratios.push(charged / uncharged);
        }
    }
    ratios.sort_by(f64::total_cmp);
    let rank = |share: usize| ratios[ratios.len() * share / 1000];
    // The ranks between which the true median lies with 95 %: n/2 ± 0.98 √n.
    let spread = 980 / LEDGER_ROUNDS.isqrt();
    println!(
        "server CPU with the ledger / without it: median {:.4}, with 95 % between {:.4} and {:.4} \
         ({} pairs of {LEDGER_MESSAGES} messages to {READERS} WebSockets)",
        rank(500),
        rank(500 - spread),
        rank(500 + spread),
        ratios.len()
    );
}

/// A client process: connects, asks, says `ready`, and reads whatever comes until it is ended.
fn client(port: u16, kind: &str, count: usize) {
    let kind = KINDS.iter().find(|k| k.name == kind).expect("a known kind");
    let mut poll = Poll::new().expect("a descriptor");
    let mut sockets: Vec<mio::net::TcpStream> = Vec::with_capacity(count);
    for n in 0..count {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        let sent = kind.request.as_bytes();
        ask(&mut stream, sent, kind.sign);
        if let Some(frame) = kind.says {
            ask(&mut stream, &frame(), "\"id\":");
        }
        stream.set_nonblocking(true).expect("it can be");
        let mut socket = mio::net::TcpStream::from_std(stream);
        let interest = Interest::READABLE;
        poll.registry().register(&mut socket, Token(n), interest).expect("watched");
        sockets.push(socket);
    }
    println!("ready");
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; 64 * 1024];
    loop {
        poll.poll(&mut events, None).expect("events");
        for event in &events {
            while matches!(sockets[event.token().0].read(&mut scratch), Ok(n) if n > 0) {}
        }
    }
}

/// Sends, and reads until the answer has `sign` in it.
fn ask(stream: &mut TcpStream, bytes: &[u8], sign: &str) {
    stream.write_all(bytes).expect("the server reads");
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(sign) {
        let mut bytes = [0; 1024];
        let n = stream.read(&mut bytes).expect("an answer");
        assert!(n > 0, "the server ended it: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&bytes[..n]);
    }
}
