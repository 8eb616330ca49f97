//! The floor: what the kernel alone costs, on one loop that knows by a byte or two what is asked.
//!
//! Came from: `servers`, as a process of its own. Goes to: one `recv` for what has come, and one
//! `send` of fixed bytes for each answer and for each message to each reader. Absent on purpose:
//! everything else. It parses nothing, keeps nothing but the last message, expects every request
//! whole in one segment, and panics when that does not hold. `dialect` is its other half.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

/// Bytes of every message.
pub(crate) const MESSAGE_BYTES: usize = 16;
/// The answer to the key of `dialect`, RFC 6455 §1.3.
const UPGRADED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
      Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
const CREATED: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
const EMPTY: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n\r\n";
const LISTENER: Token = Token(usize::MAX);
/// Connections that may wait until they are taken in.
const BACKLOG: i32 = 4096;
/// A client's text frame with a message: two bytes, the mask, the payload.
const FRAME_BYTES: usize = 6 + MESSAGE_BYTES;
const CLOSE: u8 = 0x88;

/// Serves on a port of its own, which it prints, with so many loops, for ever. Each has a listener
/// of its own: of one that they share, whoever wakes first would take all connections that have
/// come, and two loops would be measured as one.
pub(crate) fn serve(threads: usize) -> ! {
    let listener = listen(0);
    let port = listener.local_addr().expect("it is bound").port();
    for _ in 1..threads {
        let listener = listen(port);
        thread::spawn(move || Floor::new(listener).run());
    }
    println!("{port}");
    Floor::new(listener).run()
}

fn listen(port: u16) -> std::net::TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_port(true).expect("a socket");
    socket.set_nonblocking(true).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into()).expect("a port");
    socket.listen(BACKLOG).expect("a port");
    socket.into()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    WebSocket,
    Stream,
    Parked,
}

struct Client {
    socket: TcpStream,
    kind: Kind,
    topic: usize,
}

struct Floor {
    poll: Poll,
    listener: TcpListener,
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    /// Who reads each topic by WebSocket or stream.
    topics: Vec<Vec<usize>>,
    parked: Vec<usize>,
}

impl Floor {
    fn new(listener: std::net::TcpListener) -> Self {
        let poll = Poll::new().expect("a poll");
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("a poll");
        let (clients, free, topics, parked) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { poll, listener, clients, free, topics, parked }
    }

    fn run(mut self) -> ! {
        let mut events = Events::with_capacity(1024);
        let mut scratch = vec![0; 64 * 1024];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other.expect("a poll"),
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    Token(number) => self.read(number, &mut scratch),
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((mut socket, _)) = self.listener.accept() {
            socket.set_nodelay(true).expect("a socket");
            let number = self.free.pop().unwrap_or_else(|| {
                self.clients.push(None);
                self.clients.len() - 1
            });
            let registry = self.poll.registry();
            registry.register(&mut socket, Token(number), Interest::READABLE).expect("a poll");
            self.clients[number] = Some(Client { socket, kind: Kind::Plain, topic: 0 });
        }
    }

    fn read(&mut self, number: usize, scratch: &mut [u8]) {
        let Some(client) = &mut self.clients[number] else {
            return;
        };
        match client.socket.read(scratch) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => self.close(number),
            Ok(length) => self.asked(number, &scratch[..length]),
        }
    }

    fn close(&mut self, number: usize) {
        let client = self.clients[number].take().expect("an open one");
        match client.kind {
            Kind::Plain => {}
            Kind::Parked => self.parked.retain(|parked| *parked != number),
            Kind::WebSocket | Kind::Stream => {
                self.topics[client.topic].retain(|reader| *reader != number);
            }
        }
        self.free.push(number);
    }

    fn asked(&mut self, number: usize, bytes: &[u8]) {
        match bytes[0] {
            b'G' => self.get(number, bytes),
            b'P' => {
                let message = *bytes.last_chunk().expect("a message");
                self.publish(digits(&bytes[7..12]), message);
                self.send(number, CREATED);
            }
            CLOSE => {
                self.send(number, &[CLOSE, 2, 0x03, 0xE8]);
                self.close(number);
            }
            _ => {
                let topic = self.clients[number].as_ref().expect("an open one").topic;
                assert_eq!(bytes.len() % FRAME_BYTES, 0, "frames come whole");
                for frame in bytes.chunks_exact(FRAME_BYTES) {
                    let (mask, payload) = (&frame[2..6], &frame[6..]);
                    let message = std::array::from_fn(|n| payload[n] ^ mask[n % 4]);
                    self.publish(topic, message);
                }
            }
        }
    }

    fn get(&mut self, number: usize, bytes: &[u8]) {
        match bytes[5] {
            b'W' => self.subscribe(number, digits(&bytes[6..11]), Kind::WebSocket, UPGRADED),
            b'S' => self.subscribe(number, digits(&bytes[6..11]), Kind::Stream, STREAM),
            b'L' if bytes[6..22] == last() => {
                self.clients[number].as_mut().expect("an open one").kind = Kind::Parked;
                self.parked.push(number);
            }
            b'L' | b'A' => self.send(number, &answer(&last())),
            b'E' => self.send(number, EMPTY),
            b'C' => {
                self.send(number, &answer(&last()));
                self.close(number);
            }
            other => panic!("asked for {other}"),
        }
    }

    fn subscribe(&mut self, number: usize, topic: usize, kind: Kind, head: &[u8]) {
        let client = self.clients[number].as_mut().expect("an open one");
        (client.kind, client.topic) = (kind, topic);
        if self.topics.len() <= topic {
            self.topics.resize_with(topic + 1, Vec::new);
        }
        self.topics[topic].push(number);
        self.send(number, head);
    }

    fn publish(&mut self, topic: usize, message: [u8; MESSAGE_BYTES]) {
        keep(&message);
        let frame = [&[0x81, MESSAGE_BYTES as u8], &message[..]].concat();
        let event = [b"data: ", &message[..], b"\n\n"].concat();
        for n in 0..self.topics.get(topic).map_or(0, Vec::len) {
            let number = self.topics[topic][n];
            let client = self.clients[number].as_mut().expect("an open one");
            let bytes = if client.kind == Kind::WebSocket { &frame } else { &event };
            whole(client.socket.write(bytes), bytes.len());
        }
        if !self.parked.is_empty() {
            let answer = answer(&message);
            for number in std::mem::take(&mut self.parked) {
                self.clients[number].as_mut().expect("an open one").kind = Kind::Plain;
                self.send(number, &answer);
            }
        }
    }

    fn send(&mut self, number: usize, bytes: &[u8]) {
        let client = self.clients[number].as_mut().expect("an open one");
        whole(client.socket.write(bytes), bytes.len());
    }
}

/// The last message, which polls of all loops are answered with. Nobody polls while it changes but
/// those that wait for it, so its halves need not change together.
static LAST: [AtomicU64; 2] = [const { AtomicU64::new(u64::from_ne_bytes([b'0'; 8])) }; 2];

fn keep(message: &[u8; MESSAGE_BYTES]) {
    for (half, bytes) in LAST.iter().zip(message.as_chunks().0) {
        half.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
    }
}

fn last() -> [u8; MESSAGE_BYTES] {
    let mut message = [0; MESSAGE_BYTES];
    for (half, bytes) in LAST.iter().zip(message.as_chunks_mut().0) {
        *bytes = half.load(Ordering::Relaxed).to_ne_bytes();
    }
    message
}

fn answer(message: &[u8; MESSAGE_BYTES]) -> Vec<u8> {
    [ANSWER, message].concat()
}

/// No more is in flight than the kernel takes, and a client that is gone is noticed by `read`.
fn whole(written: io::Result<usize>, length: usize) {
    match written {
        Ok(written) => assert_eq!(written, length, "the kernel has room"),
        Err(error) => assert!(error.kind() != ErrorKind::WouldBlock, "the kernel has room"),
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}
