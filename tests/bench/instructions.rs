//! Instructions in user space that the server spends on one operation, lane by lane.
//!
//! ```text
//! cargo bench --bench instructions             # all lanes
//! cargo bench --bench instructions -- sse echo # these
//! cargo bench --bench instructions -- --check  # all lanes; fails where one is over its budget
//! ```
//!
//! The server runs under `valgrind --tool=callgrind`, once with some operations and once with twice
//! as many; the difference of the two counts, divided by that of the operations, is what one costs:
//! what it takes to start, to gather readers and to end is in both. Instructions are counted and
//! not time, because they are the same on a machine that is busy with other things: a budget can be
//! held by a test. One thing still varies: into how many turns of the loop the work falls. A turn
//! ends by the clock, and whether what a client does next comes in the same one is chance. Lanes
//! with bursts, or with a connection for each operation, have a tenth more in their budgets for
//! that, and the least of three counts is believed. What instructions leave out is the kernel,
//! which is most of the time of a small message; `figures` measures that.

#[path = "../tls/client.rs"]
#[allow(dead_code)] // One part of it is all that is needed here.
mod client;
#[path = "../tls/pairs.rs"]
#[allow(dead_code)]
mod pairs;
#[path = "../support/server.rs"]
mod server;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;

use client::Wire;
use pairs::Pair;

/// How far over its budget a lane may be, in percent: the same program on another processor takes
/// other routines for copying bytes and for reading text, and a slower one has shorter turns.
const TOLERANCE: u64 = 10;

/// How often a lane that is over its budget is counted before that is believed.
const COUNTS: usize = 3;

/// A way of using the server.
struct Lane {
    name: &'static str,
    /// What one operation is.
    operation: &'static str,
    /// Operations of one step, which is what the clients do at once.
    per_step: u64,
    /// Steps of the shorter run.
    steps: u64,
    /// Messages that the server retains of a topic. Where each operation publishes, these are fewer
    /// than either run publishes, so that as many fall off as come.
    retains: u64,
    /// Instructions that one operation may take.
    budget: u64,
    /// By TLS, and not in plain HTTP.
    by_tls: bool,
    run: fn(&Server, u64),
}

const MANY: u64 = 1_000;
const READERS: u64 = 1_000;
const BURST: u64 = 50;
const ECHOES: u64 = 100;

const LANES: [Lane; 16] = [
    Lane {
        name: "websocket",
        operation: "a message to one of 1,000 WebSockets",
        per_step: READERS,
        steps: 10,
        retains: MANY,
        budget: 1_050,
        by_tls: false,
        run: |server, steps| fan_out(server.port, steps, 1, WEBSOCKET, "\r\n\r\n"),
    },
    Lane {
        name: "sse",
        operation: "a message to one of 1,000 event streams",
        per_step: READERS,
        steps: 10,
        retains: MANY,
        budget: 1_030,
        by_tls: false,
        run: |server, steps| fan_out(server.port, steps, 1, SSE, "id: "),
    },
    Lane {
        name: "websocket_burst",
        operation: "a message of 50 at once to one of 100 WebSockets",
        per_step: BURST * 100,
        steps: 20,
        retains: MANY,
        budget: 400,
        by_tls: false,
        run: |server, steps| fan_out(server.port, steps, BURST, WEBSOCKET, "\r\n\r\n"),
    },
    Lane {
        name: "sse_burst",
        operation: "a message of 50 at once to one of 100 event streams",
        per_step: BURST * 100,
        steps: 20,
        retains: MANY,
        budget: 400,
        by_tls: false,
        run: |server, steps| fan_out(server.port, steps, BURST, SSE, "id: "),
    },
    Lane {
        name: "long_poll",
        operation: "a long poll of 1,000: parked, released, answered",
        per_step: READERS,
        steps: 4,
        retains: MANY,
        budget: 4_150,
        by_tls: false,
        run: |server, steps| long_poll(server.port, steps),
    },
    Lane {
        name: "topics",
        operation: "a publish and its delivery to the one WebSocket of a topic, of 1,000 topics",
        per_step: READERS,
        steps: 2,
        retains: 1,
        budget: 4_450,
        by_tls: false,
        run: |server, steps| echo(server.port, steps, READERS),
    },
    Lane {
        name: "echo",
        operation: "a message of a WebSocket that comes back to it",
        per_step: ECHOES,
        steps: 20,
        retains: 10,
        budget: 4_450,
        by_tls: false,
        run: |server, steps| echo(server.port, steps, ECHOES),
    },
    Lane {
        name: "post",
        operation: "a message that is posted, kept alive, with no reader",
        per_step: 1,
        steps: 500,
        retains: 100,
        budget: 7_900,
        by_tls: false,
        run: |server, steps| post(server.port, steps, 1, publish_request),
    },
    Lane {
        name: "post_unfamiliar",
        operation: "a message that is posted behind a head that nobody has sent before",
        per_step: 1,
        steps: 500,
        retains: 100,
        budget: 12_100,
        by_tls: false,
        run: |server, steps| post(server.port, steps, 1, unfamiliar_request),
    },
    Lane {
        name: "post_burst",
        operation: "a message of 50 that are posted at once, with no reader",
        per_step: BURST,
        steps: 20,
        retains: 100,
        budget: 7_000,
        by_tls: false,
        run: |server, steps| post(server.port, steps, BURST, publish_request),
    },
    Lane {
        name: "short_poll",
        operation: "a short poll with one message in its answer, kept alive",
        per_step: 1,
        steps: 1_000,
        retains: MANY,
        budget: 3_700,
        by_tls: false,
        run: |server, steps| short_poll(server.port, steps, "GET /bench?since=earliest", "}]}"),
    },
    Lane {
        name: "short_poll_empty",
        operation: "a short poll with nothing new, kept alive",
        per_step: 1,
        steps: 1_000,
        retains: MANY,
        budget: 3_650,
        by_tls: false,
        run: |server, steps| short_poll(server.port, steps, "GET /bench?since=latest", "\r\n\r\n"),
    },
    Lane {
        name: "short_poll_new",
        operation: "a short poll with one message in its answer, over a connection of its own",
        per_step: 1,
        steps: 500,
        retains: MANY,
        budget: 7_000,
        by_tls: false,
        run: |server, steps| short_poll_new(server.port, steps),
    },
    Lane {
        name: "websocket_new",
        operation: "a WebSocket that connects, subscribes and closes",
        per_step: 1,
        steps: 500,
        retains: MANY,
        budget: 27_400,
        by_tls: false,
        run: |server, steps| websocket_new(server.port, steps),
    },
    Lane {
        name: "short_poll_tls",
        operation: "a short poll with nothing new, kept alive, by TLS",
        per_step: 1,
        steps: 300,
        retains: MANY,
        budget: 10_000,
        by_tls: true,
        run: |server, steps| by_tls(server, steps, EMPTY_POLL),
    },
    Lane {
        name: "post_tls",
        operation: "a message that is posted, kept alive, with no reader, by TLS",
        per_step: 1,
        steps: 300,
        retains: 100,
        budget: 15_000,
        by_tls: true,
        run: |server, steps| by_tls(server, steps, &publish_request("0123456789abcdef")),
    },
];

const WEBSOCKET: &str = "GET /bench/ws HTTP/1.1\r\nHost: b\r\nUpgrade: websocket\r\n\
     Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
     Sec-WebSocket-Version: 13\r\n\r\n";
const EMPTY_POLL: &str = "GET /bench?since=latest HTTP/1.1\r\nHost: b\r\n\r\n";
const SSE: &str = "GET /bench/sse HTTP/1.1\r\nHost: b\r\nAccept: text/event-stream\r\n\r\n";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let check = words.iter().any(|word| word == "--check");
    let names: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| *word != "--check").collect();
    let unknown = names.iter().find(|name| LANES.iter().all(|lane| lane.name != **name));
    if let Some(name) = unknown {
        let known = LANES.map(|lane| lane.name).join(", ");
        eprintln!("there is no lane {name}; there are {known}");
        return ExitCode::from(2);
    }
    let mut over = false;
    println!("{:<18}{:>12}{:>9}  operation", "lane", "instructions", "budget");
    for lane in LANES.iter().filter(|lane| names.is_empty() || names.contains(&lane.name)) {
        let counted = |steps: u64| {
            let server = Server::start(lane.retains, lane.by_tls);
            (lane.run)(&server, steps);
            server.end()
        };
        let each = || {
            let (fewer, more) = (counted(lane.steps), counted(2 * lane.steps));
            more.saturating_sub(fewer) / (lane.per_step * lane.steps)
        };
        let most = lane.budget + lane.budget / 100 * TOLERANCE;
        let mut least = each();
        for _ in 1..COUNTS {
            if least > most {
                least = least.min(each());
            }
        }
        let spent = least > most;
        let mark = if spent { " OVER" } else { "" };
        println!("{:<18}{least:>12}{:>9}  {}{mark}", lane.name, lane.budget, lane.operation);
        over |= spent;
    }
    ExitCode::from(u8::from(check && over))
}

// --- the server, counted ---------------------------------------------------------------------

struct Server {
    child: Child,
    port: u16,
    /// What it shows, if it speaks TLS.
    pair: Option<Pair>,
}

impl Server {
    fn start(retains: u64, by_tls: bool) -> Self {
        let pair = by_tls.then(|| Pair::of(&["localhost"]));
        let scheme = if by_tls { "https" } else { "http" };
        let mut child = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(env!("CARGO_BIN_EXE_tollway"))
            .args(["--listen", &format!("{scheme}://127.0.0.1:0"), "--threads", "1"])
            .args(pair.iter().flat_map(Pair::flags))
            .args(["--history-messages", &retains.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("valgrind is needed: the package has its name");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a greeting");
        let address = line.split_once(&format!("{scheme}://")).expect("an address").1;
        let port = address.split([':', '/']).nth(1).expect("a port");
        Self { port: port.parse().expect("a number"), child, pair }
    }

    /// Ends it as an operator does. The instructions that all its life has taken.
    fn end(mut self) -> u64 {
        let id = self.child.id().to_string();
        // Of the shell: a program of that name is not on every machine.
        let told = Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &id]).status();
        assert!(told.is_ok_and(|status| status.success()), "ours to end");
        let mut said = String::new();
        let errors = self.child.stderr.as_mut().expect("piped");
        errors.read_to_string(&mut said).expect("what callgrind says");
        self.child.wait().expect("ours to wait for");
        let count = said.split("Collected :").nth(1).expect("callgrind's count");
        count.split_whitespace().next().expect("a number").parse().expect("a number")
    }
}

/// A client that went wrong leaves no server behind.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// --- the lanes -------------------------------------------------------------------------------

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// Reads until what came holds `sign`.
fn read_until(stream: &TcpStream, sign: &str) {
    read_until_many(stream, sign, 1);
}

/// Reads until what came holds `sign` as often as that.
fn read_until_many(mut stream: &TcpStream, sign: &str, count: usize) {
    let mut seen = Vec::new();
    let mut scratch = [0; 16 * 1024];
    let held = |seen: &[u8]| seen.windows(sign.len()).filter(|w| *w == sign.as_bytes()).count();
    while held(&seen) < count {
        let n = stream.read(&mut scratch).expect("an answer");
        assert!(n > 0, "the server ended it: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&scratch[..n]);
    }
}

fn ask(mut stream: &TcpStream, request: &str, sign: &str) {
    stream.write_all(request.as_bytes()).expect("the server reads");
    read_until(stream, sign);
}

fn publish_request(text: &str) -> String {
    format!("POST /bench HTTP/1.1\r\nHost: b\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

/// The same behind a head that is no other's: it names the message.
fn unfamiliar_request(text: &str) -> String {
    publish_request(text).replace("Host: b\r\n", &format!("Host: b\r\nName: {text}\r\n"))
}

/// Messages of 16 bytes, `burst` of them at once, to a crowd that has read the last before the next
/// ones are published.
fn fan_out(port: u16, steps: u64, burst: u64, request: &str, sign: &str) {
    let count = if burst == 1 { READERS } else { 100 };
    let readers: Vec<TcpStream> = (0..count).map(|_| connect(port)).collect();
    for reader in &readers {
        ask(reader, request, sign);
    }
    let publisher = connect(port);
    for step in 0..steps {
        let texts: Vec<String> = (0..burst).map(|n| format!("{:016}", step * burst + n)).collect();
        let requests: String = texts.iter().map(|text| publish_request(text)).collect();
        (&publisher).write_all(requests.as_bytes()).expect("the server reads");
        let last = texts.last().expect("one at least");
        for reader in &readers {
            read_until(reader, last);
        }
        read_until_many(&publisher, "HTTP/1.1 201 ", texts.len());
    }
}

/// Messages that are posted, `burst` of them at once, when those before are answered.
fn post(port: u16, steps: u64, burst: u64, request: fn(&str) -> String) {
    let publisher = connect(port);
    for step in 0..steps {
        let text = |n| request(&format!("{:016}", step * burst + n));
        let requests: String = (0..burst).map(text).collect();
        (&publisher).write_all(requests.as_bytes()).expect("the server reads");
        read_until_many(&publisher, "HTTP/1.1 201 ", burst as usize);
    }
}

/// Long polls that a message releases, all of them, and that ask anew.
fn long_poll(port: u16, steps: u64) {
    let readers: Vec<TcpStream> = (0..READERS).map(|_| connect(port)).collect();
    let publisher = connect(port);
    for step in 0..steps {
        let poll = "GET /bench?wait=55&since=latest HTTP/1.1\r\nHost: b\r\n\r\n";
        for mut reader in &readers {
            reader.write_all(poll.as_bytes()).expect("room");
        }
        // Behind all polls: this answer says that they are parked.
        ask(&publisher, "GET /-/healthy HTTP/1.1\r\nHost: b\r\n\r\n", "ok\n");
        let text = format!("{step:016}");
        ask(&publisher, &publish_request(&text), "\r\n\r\n");
        for reader in &readers {
            read_until(reader, &text);
        }
    }
}

/// WebSockets that publish to a topic of their own and hear it.
fn echo(port: u16, steps: u64, count: u64) {
    let sockets: Vec<TcpStream> = (0..count).map(|_| connect(port)).collect();
    for (n, socket) in sockets.iter().enumerate() {
        ask(socket, &WEBSOCKET.replace("/bench/", &format!("/bench{n}/")), "\r\n\r\n");
    }
    for step in 0..steps {
        let text = format!("{step:016}");
        let frame = client_frame(0x81, text.as_bytes());
        for mut socket in &sockets {
            socket.write_all(&frame).expect("room");
        }
        for socket in &sockets {
            read_until(socket, &text);
        }
    }
}

fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126, "the shortest form of a length");
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let masked = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
    let head = [first, 0x80 | payload.len() as u8].into_iter().chain(mask);
    head.chain(masked).collect()
}

fn short_poll(port: u16, steps: u64, line: &str, sign: &str) {
    let reader = connect(port);
    ask(&reader, &publish_request("0123456789abcdef"), "\r\n\r\n");
    let request = format!("{line} HTTP/1.1\r\nHost: b\r\n\r\n");
    for _ in 0..steps {
        ask(&reader, &request, sign);
    }
}

fn short_poll_new(port: u16, steps: u64) {
    ask(&connect(port), &publish_request("0123456789abcdef"), "\r\n\r\n");
    for _ in 0..steps {
        let reader = connect(port);
        let request = "GET /bench?since=earliest HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n";
        ask(&reader, request, "}]}");
        read_end(&reader);
    }
}

fn websocket_new(port: u16, steps: u64) {
    for _ in 0..steps {
        let mut socket = connect(port);
        ask(&socket, WEBSOCKET, "\r\n\r\n");
        socket.write_all(&client_frame(0x88, &[0x03, 0xE8])).expect("room");
        read_end(&socket);
    }
}

/// The same request again and again, on one connection with TLS.
fn by_tls(server: &Server, steps: u64, request: &str) {
    let pair = server.pair.as_ref().expect("it speaks TLS");
    let settings = Arc::new(client::settings(&pair.der, &client::VERSIONS));
    let mut wire = Wire::open(server.port, &settings);
    for _ in 0..steps {
        wire.send(request);
        wire.answer();
    }
}

fn read_end(mut stream: &TcpStream) {
    let mut scratch = [0; 1024];
    while stream.read(&mut scratch).expect("an end") > 0 {}
}
