//! HTTP by hand over a blocking socket, with a deadline on every read.
//!
//! Came from: tests that must choose each byte or each connection themselves. Goes to:
//! `std::net::TcpStream`. Absent on purpose: leniency. What a server may not send panics here.
#![allow(dead_code)] // Each test program uses its own part of this file.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

/// A read or write that takes longer than this fails its test.
const STALL: Duration = Duration::from_secs(20);

/// A connection of ours to the server.
pub(crate) struct Wire {
    reader: BufReader<TcpStream>,
}

/// One answer: status, fields in order with names in lower case, body without its framing.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    /// A new connection to a port of 127.0.0.1.
    pub(crate) fn open(port: u16) -> Self {
        Self::open_at(("127.0.0.1", port))
    }

    /// A new connection to that address.
    pub(crate) fn open_at(address: impl ToSocketAddrs) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(STALL)).expect("not zero");
        stream.set_write_timeout(Some(STALL)).expect("not zero");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { reader: BufReader::new(stream) }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = self.reader.get_mut().write_all(bytes.as_ref());
        sent.expect("the server reads");
    }

    /// Sends bytes as they are to a peer that may have heard enough. Whether it took them.
    pub(crate) fn is_taken(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.reader.get_mut().write_all(bytes.as_ref()).is_ok()
    }

    /// Ends our side and keeps reading.
    pub(crate) fn half_close(&mut self) {
        let closed = self.reader.get_ref().shutdown(Shutdown::Write);
        closed.expect("the connection stands");
    }

    /// Reads one answer to a request that was not `HEAD`.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        while (100..200).contains(&answer.status) {
            answer = self.head(); // RFC 9110 §15.2: interim answers come before the final one.
        }
        if answer.status == 204 || answer.status == 304 {
            return answer; // RFC 9112 §6.3: no body, whatever the fields say.
        }
        answer.body = match (answer.field("transfer-encoding"), answer.field("content-length")) {
            (Some("chunked"), None) => self.chunks(),
            (None, Some(length)) => {
                let mut body = vec![0; length.parse().expect("a number")];
                self.reader.read_exact(&mut body).expect("a whole body");
                body
            }
            (None, None) => self.rest(),
            other => panic!("two framings at once, or one unknown: {other:?}"),
        };
        answer
    }

    /// As [`Wire::answer`]. `None`: the peer resets the connection before a byte of it is read.
    pub(crate) fn answer_unless_reset(&mut self) -> Option<Answer> {
        match self.reader.fill_buf() {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            _ => Some(self.answer()),
        }
    }

    /// Reads one head; the body stays on the wire.
    pub(crate) fn head(&mut self) -> Answer {
        let line = self.line();
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| panic!("not a status line: {line:?}"));
        let mut fields = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').expect("a field has a colon");
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Answer { status, fields, body: Vec::new() }
    }

    /// Reads one line and drops its CRLF or LF.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line).expect("a line in time");
        assert!(line.ends_with('\n'), "ended after {read} bytes of a line: {line:?}");
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    /// Everything up to the end that the server makes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = self.reader.read_to_end(&mut rest);
        read.expect("an orderly end, not a reset");
        rest
    }

    /// A chunked body.
    fn chunks(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.chunk()).flatten().collect()
    }

    /// The next chunk, or `None` behind the last one. Trailers are refused: we never asked for any.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.line();
        let size = usize::from_str_radix(&line, 16).expect("a chunk size and nothing else");
        let mut chunk = vec![0; size];
        self.reader.read_exact(&mut chunk).expect("a whole chunk");
        assert_eq!(self.line(), "", "a chunk ends with an empty line");
        Some(chunk).filter(|chunk| !chunk.is_empty())
    }

    /// What has come, one byte at least; or `None` at the end that the server makes.
    pub(crate) fn some(&mut self) -> Option<Vec<u8>> {
        let come = self.reader.fill_buf().expect("bytes in time").to_vec();
        self.reader.consume(come.len());
        Some(come).filter(|come| !come.is_empty())
    }

    /// So many bytes, whatever they are.
    pub(crate) fn exactly(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).expect("so many bytes");
        bytes
    }

    /// Whether bytes have come that were not read yet.
    pub(crate) fn has_more(&mut self) -> bool {
        let set = |reader: &BufReader<TcpStream>, nonblocking| {
            reader.get_ref().set_nonblocking(nonblocking).expect("a socket");
        };
        set(&self.reader, true);
        let has_more = self.reader.fill_buf().is_ok_and(|come| !come.is_empty());
        set(&self.reader, false);
        has_more
    }

    /// From now on a read may take so long.
    pub(crate) fn wait_for(&mut self, stall: Duration) {
        self.reader.get_ref().set_read_timeout(Some(stall)).expect("not zero");
    }
}

impl Answer {
    /// The value of a field that must not appear twice.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(given, _)| given == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice in {:?}", self.fields);
        value
    }

    /// The body read as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }
}

/// One request on a connection of its own.
pub(crate) fn get(port: u16, target: &str) -> Answer {
    let mut wire = Wire::open(port);
    wire.send(format!(
        "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    ));
    wire.answer()
}

/// Publishes on a connection of its own; gives the id that the server acknowledged.
pub(crate) fn publish(port: u16, topic: &str, data: impl AsRef<[u8]>) -> String {
    let mut wire = Wire::open(port);
    let id = publish_on(&mut wire, topic, data);
    wire.half_close();
    id
}

/// Publishes on a connection that stays; gives the id that the server acknowledged.
pub(crate) fn publish_on(wire: &mut Wire, topic: &str, data: impl AsRef<[u8]>) -> String {
    let data = data.as_ref();
    let head = format!(
        "POST /{topic} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        data.len()
    );
    // In one write, as a client with sense does: two would wait for each other's acknowledgement.
    wire.send([head.as_bytes(), data].concat());
    let answer = wire.answer();
    assert_eq!(answer.status, 201, "{:?}", answer.json());
    text(&answer.json()["id"])
}

/// The place of an id in the one sequence of the server: `<epoch>-<seq>`.
pub(crate) fn sequence(id: &str) -> u64 {
    let (_, seq) = id.rsplit_once('-').expect("an id is <epoch>-<seq>");
    seq.parse().expect("seq is a decimal number")
}

/// A JSON string, owned.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

/// The `data` of each message of a poll answer, in order.
pub(crate) fn data_of(answer: &Value) -> Vec<String> {
    let messages = answer["messages"].as_array().expect("a poll lists messages");
    messages.iter().map(|message| text(&message["data"])).collect()
}
