//! What clients send: sound requests and frames, and what is to be expected of them.
//!
//! Came from: `broker`, an operation at a time. Goes to: `World`, as bytes; `checks`, as
//! [`Asked`].

use super::super::readers::{frames, json};
use super::{Asked, Bench, TOPICS};

const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

impl Bench {
    pub(super) fn get(&mut self, client: u8, topics: u8, how: u8, since: u8) {
        let topics: Vec<usize> = (0..3).filter(|n| topics >> n & 1 > 0).collect();
        let topics = if topics.is_empty() { vec![0] } else { topics };
        let names: Vec<&str> = topics.iter().map(|&topic| TOPICS[topic]).collect();
        let list = names.join(",");
        let committed = self.world.committed.len() as u64;
        let seq = committed.saturating_sub(u64::from(since / 8 % 8));
        let (query, since) = match since % 8 {
            0 => (String::new(), Some(0)),
            1 => ("?since=earliest".to_owned(), None),
            2 => ("?since=latest".to_owned(), None),
            3 => ("?since=gibberish".to_owned(), None),
            _ => (format!("?since=e-{seq}"), Some(seq)),
        };
        let end = "HTTP/1.1\r\nHost: a\r\n";
        let (asked, request) = match how % 10 {
            0 | 1 => {
                let since = since.filter(|_| !query.is_empty());
                (Asked::Poll { topics, since }, format!("GET /{list}{query} {end}\r\n"))
            }
            2 => {
                let since = since.filter(|_| !query.is_empty());
                let request = format!("GET /{list}/poll{query} {end}Prefer: wait=3\r\n\r\n");
                (Asked::Poll { topics, since }, request)
            }
            3 => (Asked::Stream { topics }, format!("GET /{list}/sse{query} {end}\r\n")),
            4 => (Asked::Stream { topics }, format!("GET /{list}/sse{query} HTTP/1.0\r\n\r\n")),
            5 => {
                let request = format!("GET /{list}{query} {end}{UPGRADE}\r\n");
                (Asked::Socket { topics, v1: false }, request)
            }
            9 => {
                let v1 = "Sec-WebSocket-Protocol: tollway.v1\r\n";
                let request = format!("GET /{list}/ws{query} {end}{v1}{UPGRADE}\r\n");
                (Asked::Socket { topics, v1: true }, request)
            }
            6 => (Asked::Else, format!("GET /{}/info {end}\r\n", names[0])),
            7 => (Asked::Else, format!("GET /static/large.bin {end}\r\n")),
            _ => {
                let reports = [
                    "/metrics",
                    "/-/costs",
                    "/-/connections?state=all&sort=idle",
                    "/-/costs?check=1",
                ];
                let report = reports[usize::from(how / 10) % reports.len()];
                (Asked::Else, format!("GET {report} {end}\r\n"))
            }
        };
        self.ask(client, asked, request.as_bytes());
    }

    /// Data unlike any other, text or not.
    fn data(&mut self, length: usize) -> Vec<u8> {
        self.said += 1;
        let mut data = format!("{} \"line\"\r\n", self.said).into_bytes();
        data.resize(data.len().max(length), b'x');
        if length % 3 == 2 {
            data.push(0xFF);
        }
        data
    }

    pub(super) fn post(&mut self, client: u8, topic: u8, length: u16, key: u8) {
        let topic = usize::from(topic % 3);
        let data = self.data(usize::from(length) % 2200);
        let key = key % 4;
        let key_field = match key {
            0 => String::new(),
            key => format!("Idempotency-Key: {key}\r\n"),
        };
        let head = format!(
            "POST /{} HTTP/1.1\r\nHost: a\r\n{key_field}Content-Length: {}\r\n\r\n",
            TOPICS[topic],
            data.len()
        );
        let request = [head.as_bytes(), &data].concat();
        // A repeat is answered with the place of other data.
        let data = (key == 0).then_some(data);
        self.ask(client, Asked::Publish { topic, data }, &request);
    }

    pub(super) fn chunks(&mut self, client: u8, topic: u8, length: u8, ends: u8) {
        let topic = usize::from(topic % 3);
        let data = self.data(length.into());
        let mut request = format!(
            "POST /{} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
            TOPICS[topic]
        )
        .into_bytes();
        for chunk in data.chunks(100) {
            request.extend(format!("{:X};x=y\r\n", chunk.len()).bytes());
            request.extend_from_slice(chunk);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"0\r\nX: y\r\n\r\n");
        if ends % 8 == 7 {
            // What comes behind it is taken for the rest of it.
            request.truncate(request.len() - 3);
            self.each(client, |_, peer| peer.tainted = true);
        }
        self.ask(client, Asked::Publish { topic, data: Some(data) }, &request);
    }

    pub(super) fn frame(&mut self, client: u8, opcode: u8, length: u16) {
        let mut dialect = None;
        self.each(client, |_, peer| match peer.asked.last() {
            Some(Asked::Socket { v1, topics }) if !peer.tainted => {
                dialect = Some((*v1, topics[topics.len() - 1]));
            }
            _ => {}
        });
        let Some((v1, topic)) = dialect else {
            return;
        };
        let data = self.data(usize::from(length) % 2200);
        let (opcode, payload) = match opcode % 8 {
            0..=3 if v1 => (1, self.publication(&data, topic)),
            0 | 1 => (1, String::from_utf8_lossy(&data).into_owned().into_bytes()),
            2 | 3 => (2, data),
            4 => (9, data[..data.len().min(125)].to_vec()),
            5 => (10, Vec::new()),
            6 => (8, b"\x03\xE8".to_vec()),
            _ if v1 => (1, b"not JSON".to_vec()),
            _ => (1, b"\xFF".to_vec()),
        };
        self.send(client, &frames::client(true, opcode, &payload, [9, 8, 7, 6]));
    }

    /// A frame of `tollway.v1`; its ref is the number with which the data begins.
    fn publication(&self, data: &[u8], topic: usize) -> Vec<u8> {
        let (n, topic) = (self.said, TOPICS[topic]);
        let data = json::to_base64(data);
        format!("{{\"ref\":{n},\"topic\":\"{topic}\",\"data\":\"{data}\",\"encoding\":\"base64\"}}")
            .into_bytes()
    }
}
