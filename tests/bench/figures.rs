//! Figures of the running server: memory of an idle connection, CPU of a delivery.
//!
//! ```text
//! cargo bench --bench figures            # all of them
//! cargo bench --bench figures -- idle    # bytes of user memory per idle connection of each kind
//! cargo bench --bench figures -- fanout  # µs of server CPU per delivery to WebSockets
//! ```
//!
//! The clients are processes of their own, so that their memory and time are not the server's.
//! Linux only: what a process uses is read from `/proc`. Nothing is asserted: a figure means
//! something beside another one of the same run.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use mio::{Events, Interest, Poll, Token};
use tollway::limits::DEFLATE_CONTEXT_BITS;

const CLIENT_PROCESSES: usize = 2;
const IDLE_CONNECTIONS: usize = 10_000;
const READERS: usize = 1_000;
const MESSAGES: usize = 2_000;
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
        [] => {
            idle();
            fan_out();
        }
        _ => panic!("one of: idle, fanout"),
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
    let server = Server::start(&[]);
    let readers = clients(&server, "websocket", READERS);
    let mut publisher = TcpStream::connect(("127.0.0.1", server.port)).expect("the server listens");
    let length = MESSAGE.len();
    let request =
        format!("POST /bench HTTP/1.1\r\nHost: b\r\nContent-Length: {length}\r\n\r\n{MESSAGE}");
    let mut answer = [0; 4096];
    let (cpu, began) = (server.cpu(), Instant::now());
    for _ in 0..MESSAGES {
        publisher.write_all(request.as_bytes()).expect("a request");
        let n = publisher.read(&mut answer).expect("an answer");
        assert!(answer[..n].starts_with(b"HTTP/1.1 201 "), "published");
    }
    server.wait_until_idle();
    let spent = server.cpu().saturating_sub(cpu);
    let deliveries = (MESSAGES * READERS) as u32;
    println!(
        "server CPU per delivery to {READERS} WebSockets, {length} bytes: {:.2} µs \
         ({deliveries} deliveries in {:.1} s)",
        spent.as_secs_f64() * 1e6 / f64::from(deliveries),
        began.elapsed().as_secs_f64()
    );
    drop(readers);
}

/// Client processes that hold connections until they are dropped.
struct Clients(Vec<Child>);

impl Drop for Clients {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().expect("ours to end");
            child.wait().expect("ours to wait for");
        }
    }
}

/// Connects `count` clients of `kind`, from several processes, and waits until all are served.
fn clients(server: &Server, kind: &str, count: usize) -> Clients {
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

/// The server under test.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().expect("ours to end");
        self.child.wait().expect("ours to wait for");
    }
}

impl Server {
    fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollway"))
            .args(["--listen", "127.0.0.1:0", "--threads", "1"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("a greeting");
        let address = line.split_once("http://").expect("an address").1;
        let port = address.split([':', ' ']).nth(1).expect("a port");
        Self {
            port: number(port),
            child,
        }
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("Linux")
    }

    /// Resident memory that is the process's own.
    fn resident_bytes(&self) -> u64 {
        let rollup = self.proc("smaps_rollup");
        let line = rollup
            .lines()
            .find(|l| l.starts_with("Private_Dirty:"))
            .expect("a figure");
        number::<u64>(line.split_whitespace().nth(1).expect("a number")) * 1024
    }

    /// Time on a processor, of all threads, user and kernel.
    fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("Linux");
        let nanoseconds = tasks
            .map(|task| {
                let path = task.expect("a thread").path().join("schedstat");
                let text = fs::read_to_string(path).expect("a figure");
                number::<u64>(text.split_whitespace().next().expect("a number"))
            })
            .sum();
        Duration::from_nanos(nanoseconds)
    }

    /// Waits until the server has used no CPU for a while.
    fn wait_until_idle(&self) {
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
