//! Strangers: crowds of connections that cost a server as much as they can.
//!
//! Came from: `fire`, which gives each kind a process. Goes to: sockets that do not block. Each
//! connection comes from an address of its own, as those of strangers do, and one that the server
//! ends comes again.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, FlushCompress};
use socket2::{Domain, Socket, Type};

/// How many come anew between two looks at those who are there.
const ARRIVALS: usize = 50;
const LOOK: Duration = Duration::from_millis(5);

pub(crate) struct Kind {
    pub(crate) name: &'static str,
    count: usize,
    /// What a connection sends first.
    first: fn() -> Vec<u8>,
    /// What it sends after that, `n` times so far, every so many ms, or whenever there is room (0).
    again: fn(usize) -> Vec<u8>,
    every_ms: u64,
    reads: bool,
}

/// Nothing more.
fn quiet(_: usize) -> Vec<u8> {
    Vec::new()
}

pub(crate) const KINDS: [Kind; 11] = [
    // Heads that come byte by byte.
    Kind {
        name: "heads",
        count: 800,
        first: || b"GET /a HTTP/1.1\r\nX: ".to_vec(),
        again: |_| b"x".to_vec(),
        every_ms: 1_000,
        reads: false,
    },
    // Bodies that lack their end.
    Kind {
        name: "bodies",
        count: 800,
        first: || {
            let mut bytes =
                b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".to_vec();
            bytes.resize(bytes.len() + 990_000, b'x');
            bytes
        },
        again: quiet,
        every_ms: 1_000,
        reads: false,
    },
    // Compressed messages that lack their end: a mebibyte in a kilobyte.
    Kind {
        name: "bombs",
        count: 800,
        first: || [upgrade("permessage-deflate"), bomb()].concat(),
        again: quiet,
        every_ms: 1_000,
        reads: false,
    },
    // Streams that nobody reads, of long messages.
    Kind {
        name: "stuck",
        count: 500,
        first: || {
            [long_messages(), b"GET /long/sse?since=earliest HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()]
                .concat()
        },
        again: quiet,
        every_ms: 1_000,
        reads: false,
    },
    // Polls whose answers nobody reads.
    Kind {
        name: "polls",
        count: 400,
        first: || {
            [
                long_messages(),
                b"GET /long/poll?since=earliest HTTP/1.1\r\nHost: x\r\n\r\n".repeat(8),
            ]
            .concat()
        },
        again: quiet,
        every_ms: 1_000,
        reads: false,
    },
    // Publishers that wait for no answer.
    Kind {
        name: "pipelines",
        count: 200,
        first: Vec::new,
        again: |_| b"POST /flood HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi".repeat(100),
        every_ms: 0,
        reads: true,
    },
    // The whole of many topics, again and again.
    Kind {
        name: "replays",
        count: 50,
        first: || (0..32).flat_map(|n| publish(&format!("t{n}"), b"hello")).collect(),
        again: |_| {
            let topics: Vec<String> = (0..32).map(|n| format!("t{n}")).collect();
            let topics = topics.join(",");
            format!("GET /{topics}/poll?since=earliest HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes()
        },
        every_ms: 0,
        reads: true,
    },
    // A new topic with every message.
    Kind {
        name: "topics",
        count: 100,
        first: Vec::new,
        again: |n| publish(&format!("{:x}-{n}", std::process::id()), b"x"),
        every_ms: 0,
        reads: true,
    },
    // Frames that say nothing.
    Kind {
        name: "frames",
        count: 200,
        first: || upgrade(""),
        again: |_| [0x8A, 0x80, 0, 0, 0, 0].repeat(2_000),
        every_ms: 0,
        reads: true,
    },
    // One request, and away.
    Kind {
        name: "churn",
        count: 100,
        first: || b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec(),
        again: quiet,
        every_ms: 1_000,
        reads: true,
    },
    // Reports over all connections.
    Kind {
        name: "reports",
        count: 20,
        first: Vec::new,
        again: |_| {
            let reports = ["costs", "connections"];
            let asked = reports.map(|name| format!("GET /-/{name} HTTP/1.1\r\nHost: x\r\n\r\n"));
            asked.concat().into_bytes()
        },
        every_ms: 0,
        reads: true,
    },
];

fn publish(topic: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("POST /{topic} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn long_messages() -> Vec<u8> {
    publish("long", &vec![b'x'; 500_000])
}

fn upgrade(extension: &str) -> Vec<u8> {
    let field = match extension {
        "" => String::new(),
        named => format!("Sec-WebSocket-Extensions: {named}\r\n"),
    };
    format!(
        "GET /w/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{field}\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// A frame that is the beginning of a compressed message. RFC 7692 §6, RFC 6455 §5.2.
fn bomb() -> Vec<u8> {
    let zeros = vec![0; 1_000_000];
    let mut payload = Vec::with_capacity(4_000);
    let mut compress = Compress::new(Compression::best(), false);
    compress.compress_vec(&zeros, &mut payload, FlushCompress::Sync).expect("zeros are compressed");
    let length = u16::try_from(payload.len()).expect("a kilobyte").to_be_bytes();
    // RSV1 and text, not the last; masked by zeros, which change nothing.
    [&[0x41, 0xFE, length[0], length[1], 0, 0, 0, 0], &payload[..]].concat()
}

struct Connection {
    socket: TcpStream,
    /// What is to be sent, and how much of it is.
    out: Vec<u8>,
    sent: usize,
    times: usize,
    due: Instant,
}

/// Attacks until the process is ended.
pub(crate) fn attack(port: u16, name: &str) {
    let kind = KINDS.iter().find(|kind| kind.name == name);
    let kind = kind.unwrap_or_else(|| panic!("no stranger is called {name}"));
    let mut places: Vec<Option<Connection>> = (0..kind.count).map(|_| None).collect();
    let (mut address, mut buf) = (0, vec![0; 1 << 18]);
    loop {
        let mut arrivals = 0;
        for place in &mut places {
            let gone = |connection: &mut Connection| connection.turn(kind, &mut buf).is_err();
            if place.as_mut().is_some_and(gone) {
                *place = None;
            } else if place.is_none() && arrivals < ARRIVALS {
                arrivals += 1;
                address += 1;
                *place = Connection::open(kind, port, address).ok();
            }
        }
        thread::sleep(LOOK);
    }
}

impl Connection {
    fn open(kind: &Kind, port: u16, address: u32) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        // 127.1.0.0 and what follows it.
        let own = Ipv4Addr::from_bits(0x7F01_0000 + address % 0xFF_0000);
        socket.bind(&SocketAddr::from((own, 0)).into())?;
        socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
        socket.set_nonblocking(true)?;
        let socket = socket.into();
        let due = Instant::now();
        Ok(Self { socket, out: (kind.first)(), sent: 0, times: 0, due })
    }

    /// Sends what there is room for, and reads what has come, or looks whether it was ended.
    fn turn(&mut self, kind: &Kind, buf: &mut [u8]) -> io::Result<()> {
        if self.sent == self.out.len() && Instant::now() >= self.due {
            self.out = (kind.again)(self.times);
            self.sent = 0;
            self.times += 1;
            self.due = Instant::now() + Duration::from_millis(kind.every_ms);
        }
        if self.sent < self.out.len() {
            self.sent += blocked(self.socket.write(&self.out[self.sent..]))?;
        }
        let read = if kind.reads { TcpStream::read } else { peek };
        match read(&mut self.socket, buf) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            other => blocked(other).map(drop),
        }
    }
}

/// Whether it was ended, of bytes that stay there.
fn peek(socket: &mut TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    socket.peek(&mut buf[..1])
}

/// Nothing, where a socket had no room or no bytes.
fn blocked(done: io::Result<usize>) -> io::Result<usize> {
    match done {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
