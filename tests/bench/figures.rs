//! Figures of the running server: memory of an idle connection, CPU of a delivery.
//!
//! ```text
//! cargo bench --bench figures            # all of them
//! cargo bench --bench figures -- idle    # bytes of user memory per idle connection of each kind
//! cargo bench --bench figures -- fanout  # µs of server CPU per delivery to WebSockets
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

use rig::{Server, clients};

const IDLE_CONNECTIONS: usize = 10_000;
const READERS: usize = 1_000;
const MESSAGES: usize = 2_000;
const LEDGER_ROUNDS: usize = 24;
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
    Kind {
        name: "websocket",
        flags: &[],
        request: upgrade!(""),
        sign: "\r\n\r\n",
        says: None,
    },
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
    let [high, low] = u16::try_from(payload.len())
        .expect("not the longest length")
        .to_be_bytes();
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
        ["ledger"] => ledger(),
        [] => {
            idle();
            fan_out();
        }
        _ => panic!("one of: idle, fanout, ledger"),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("{text} is not a number"))
}

/// Memory of idle connections: what the server's resident memory grew by.
fn idle() {
    println!("bytes of user memory per idle connection ({IDLE_CONNECTIONS} of a kind):");
    for Kind {
        name: kind, flags, ..
    } in KINDS
    {
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
    let spent = cpu_of_fan_out(&Server::start(&[]), MESSAGES);
    println!(
        "server CPU per delivery to {READERS} WebSockets, {} bytes: {spent:.2} µs \
         ({} deliveries)",
        MESSAGE.len(),
        MESSAGES * READERS
    );
}

/// µs of server CPU per delivery of `messages` messages.
fn cpu_of_fan_out(server: &Server, messages: usize) -> f64 {
    let readers = clients(server, "websocket", READERS);
    let mut publisher = TcpStream::connect(("127.0.0.1", server.port)).expect("the server listens");
    let length = MESSAGE.len();
    let request =
        format!("POST /bench HTTP/1.1\r\nHost: b\r\nContent-Length: {length}\r\n\r\n{MESSAGE}");
    let mut answer = [0; 4096];
    let cpu = server.cpu();
    for _ in 0..messages {
        publisher.write_all(request.as_bytes()).expect("a request");
        let n = publisher.read(&mut answer).expect("an answer");
        assert!(answer[..n].starts_with(b"HTTP/1.1 201 "), "published");
    }
    server.wait_until_idle();
    let spent = server.cpu().saturating_sub(cpu);
    drop(readers);
    // Exact: there are a few million.
    spent.as_secs_f64() * 1e6 / f64::from((messages * READERS) as u32)
}

/// What counting costs: rounds of two servers, one of which counts, in alternating order. What
/// other programs do to the machine hits both, and the median of the rounds' ratios is told.
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
    let cpu = |program: &Path| cpu_of_fan_out(&Server::start_program(program, &[]), MESSAGES / 8);
    let mut ratios = Vec::new();
    for round in 0..LEDGER_ROUNDS {
        let (with, without) = if round % 2 == 0 {
            let with = cpu(charged);
            (with, cpu(&uncharged))
        } else {
            let without = cpu(&uncharged);
            (cpu(charged), without)
        };
        println!("  with {with:.3} µs, without {without:.3} µs a delivery");
        ratios.push(with / without);
    }
    ratios.sort_by(f64::total_cmp);
    let quarter = ratios.len() / 4;
    println!(
        "server CPU with the ledger / without: median {:.4} (quartiles {:.4} to {:.4}, {} rounds)",
        ratios[ratios.len() / 2],
        ratios[quarter],
        ratios[ratios.len() - 1 - quarter],
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
        poll.registry()
            .register(&mut socket, Token(n), interest)
            .expect("watched");
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
        assert!(
            n > 0,
            "the server ended it: {}",
            String::from_utf8_lossy(&seen)
        );
        seen.extend_from_slice(&bytes[..n]);
    }
}
