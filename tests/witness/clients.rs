//! Clients of the four techniques, by hand: each sends what a test says to the byte, and reads
//! what it is sent.
//!
//! Came from: the tests. Goes to: `http`, and sockets of the standard library. Absent on purpose:
//! judging what comes; the capture is judged.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::frames::masked;
use crate::http::{self, Answer, Wire};
use crate::server::within;

/// A read that takes longer than this fails its test.
const STALL: Duration = Duration::from_secs(20);
/// Until the server has counted its readers.
const COUNT_MS_MAX: u64 = 60_000;

/// Messages of which each is trouble to some technique: JSON escapes, lines, bytes, a length that
/// needs a longer header.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = [
        "plain",
        "",
        "\"quoted\" \\ back, \t and \u{1} control",
        "two\nlines",
        "CR\rCRLF\r\nand an empty line at the end\n",
        "Gr\u{fc}\u{df}e, \u{4e16}\u{754c} \u{1f30d}",
        ": base64",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    messages.push(b"\xff\x00 not UTF-8 \xfe".to_vec());
    messages.push(vec![b'x'; 5000]);
    messages
}

/// A request without a body.
pub(crate) fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: witness\r\n{fields}\r\n")
}

/// One request on a connection of its own, which the server ends first: a client that leaves while
/// the server is ending its side makes it a matter of luck whose FIN is counted.
pub(crate) fn get_once(port: u16, target: &str, fields: &str) -> Answer {
    let mut wire = Wire::open(port);
    wire.send(get(target, &format!("Connection: close\r\n{fields}")));
    let answer = wire.answer();
    assert_eq!(wire.rest(), b"", "nothing follows the answer");
    answer
}

/// Publishes each of [`messages`] over a connection of its own.
pub(crate) fn publish_all(port: u16, topic: &str) {
    for message in messages() {
        http::publish(port, topic, message);
    }
}

/// Waits until the server counts `count` readers of `topic` by `technique`.
pub(crate) fn await_readers(port: u16, topic: &str, technique: &str, count: u64) {
    let mut wire = Wire::open(port);
    let all = within(COUNT_MS_MAX, || {
        wire.send(get(&format!("/{topic}/info"), ""));
        let info = wire.answer().json();
        (info["subscribers"][technique] == count).then_some(())
    });
    all.expect("they are counted in time");
}

/// Opens an event stream and reads its head and the block with the cursor.
pub(crate) fn stream(port: u16, target: &str) -> Wire {
    let mut wire = Wire::open(port);
    wire.send(get(target, "Accept: text/event-stream\r\n"));
    assert_eq!(wire.head().status, 200);
    read_to(&mut wire, "id: ");
    wire
}

/// Reads lines up to and with one that begins with `start`.
pub(crate) fn read_to(wire: &mut Wire, start: &str) {
    while !wire.line().starts_with(start) {}
}

/// A WebSocket of a client.
pub(crate) struct Socket {
    stream: TcpStream,
    /// Read, not looked at.
    unread: Vec<u8>,
}

impl Socket {
    /// Opens one, with more fields in its handshake.
    pub(crate) fn open(port: u16, target: &str, fields: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.set_read_timeout(Some(STALL)).expect("not zero");
        stream.set_nodelay(true).expect("a TCP socket");
        let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let head = get(target, &format!("{handshake}{fields}"));
        stream.write_all(head.as_bytes()).expect("the server reads");
        let mut socket = Self { stream, unread: Vec::new() };
        let end = loop {
            if let Some(at) = socket.unread.windows(4).position(|b| b == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(socket.read(), "the server ended in a handshake");
        };
        assert!(socket.unread.starts_with(b"HTTP/1.1 101 "));
        socket.unread.drain(..end);
        socket
    }

    /// Sends one frame.
    pub(crate) fn say(&mut self, fin: bool, opcode: u8, data: &[u8]) {
        let frame = masked(fin, opcode, data);
        self.stream.write_all(&frame).expect("the server reads");
    }

    /// Reads one frame: its opcode and its data.
    pub(crate) fn hear(&mut self) -> (u8, Vec<u8>) {
        loop {
            if let Some((opcode, from, to)) = whole_frame(&self.unread) {
                let frame = self.unread.drain(..to).skip(from).collect();
                return (opcode, frame);
            }
            assert!(self.read(), "the server ended before a frame");
        }
    }

    /// Reads up to and with a message.
    pub(crate) fn await_message(&mut self, data: &[u8]) {
        while !matches!(self.hear(), (1 | 2, heard) if heard == data) {}
    }

    /// Reads up to and with a frame.
    pub(crate) fn await_frame(&mut self, opcode: u8, data: &[u8]) {
        while self.hear() != (opcode, data.to_vec()) {}
    }

    /// Says Close, and reads up to the end that the server makes.
    pub(crate) fn close(mut self, data: &[u8]) {
        self.say(true, 8, data);
        while self.read() {}
    }

    /// Reads what is there. `false`: the end.
    fn read(&mut self) -> bool {
        read_on(&mut self.stream, &mut self.unread) > 0
    }
}

/// Reads what is there and appends it. Tells how much; 0 is the end.
pub(crate) fn read_on(stream: &mut TcpStream, into: &mut Vec<u8>) -> usize {
    let mut room = [0; 4096];
    let read = loop {
        match stream.read(&mut room) {
            // A read with a deadline is not taken up again by the kernel after a signal.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => break result.expect("bytes in time"),
        }
    };
    into.extend_from_slice(&room[..read]);
    read
}

/// The opcode of the first frame, and where its data begins and ends; `None` while it is not whole.
fn whole_frame(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (from, length) = match *bytes {
        [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
        [_, 126, ..] | [] | [_] => return None,
        [_, length, ..] => (2, usize::from(length)),
    };
    let to = from + length;
    (bytes.len() >= to).then_some((bytes[0] & 0x0f, from, to))
}
