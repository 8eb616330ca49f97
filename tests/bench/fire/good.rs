//! Good clients: one that publishes, one that reads by each technique.
//!
//! Came from: `fire`. Goes to: sockets that block, one thread each. Absent on purpose: strangers.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use std::{str, thread};

const TOPIC: &str = "good";
const PERIOD: Duration = Duration::from_millis(20);
/// How long a message that was published last may still come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Each message says its number between two of these.
const MARK: char = '@';

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// From the request to the `201`.
    Publish,
    LongPoll,
    Sse,
    WebSocket,
}

pub(crate) const LANES: [Lane; 4] = [Lane::Publish, Lane::LongPoll, Lane::Sse, Lane::WebSocket];

impl Lane {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::LongPoll => "long poll",
            Self::Sse => "SSE",
            Self::WebSocket => "WebSocket",
        }
    }
}

/// What one of them saw: this message was here, or acknowledged, then.
struct Seen {
    lane: Lane,
    number: usize,
    at: Instant,
}

/// What they felt.
pub(crate) struct Guests {
    said_at: Vec<Instant>,
    seen: BTreeMap<(Lane, usize), Instant>,
    pub(crate) repeated: usize,
    /// Publishes that were not acknowledged.
    pub(crate) refused: usize,
}

impl Guests {
    /// They come, read and publish for so long, and wait for what was said last.
    pub(crate) fn visit(port: u16, time: Duration) -> Self {
        let (tell, told) = channel();
        let (ready, all_ready) = channel();
        for lane in [Lane::LongPoll, Lane::Sse, Lane::WebSocket] {
            let (tell, ready) = (tell.clone(), ready.clone());
            // Readers end with the process: nothing more is said to them.
            thread::spawn(move || read(port, lane, &tell, &ready));
        }
        for _ in 0..3 {
            all_ready.recv().expect("three readers");
        }
        let (said_at, refused) = publish(port, time, &tell);
        drop(tell);
        let mut guests = Self { said_at, seen: BTreeMap::new(), repeated: 0, refused };
        guests.gather(&told);
        guests
    }

    fn gather(&mut self, told: &Receiver<Seen>) {
        let end = Instant::now() + PATIENCE;
        while self.missing() > 0 {
            let Ok(seen) = told.recv_timeout(end.saturating_duration_since(Instant::now())) else {
                return;
            };
            let before = self.seen.insert((seen.lane, seen.number), seen.at);
            self.repeated += usize::from(before.is_some());
        }
    }

    /// Messages, times readers, that did not come.
    pub(crate) fn missing(&self) -> usize {
        // What was refused is nobody's to have.
        LANES.len() * (self.said_at.len() - self.refused) - self.seen.len()
    }

    /// How long it took: the median, and the 99th of a hundred.
    pub(crate) fn milliseconds(&mut self, lane: Lane) -> Option<(f64, f64)> {
        let mut took: Vec<Duration> = (self.seen.iter())
            .filter(|((of, _), _)| *of == lane)
            .map(|((_, number), at)| at.duration_since(self.said_at[*number]))
            .collect();
        took.sort();
        let at =
            |hundredths: usize| Some(took.get(took.len() * hundredths / 100)?.as_secs_f64() * 1e3);
        Some((at(50)?, at(99)?))
    }
}

/// Says messages at a steady pace, each at its moment: when one is late, the next is due as before.
fn publish(port: u16, time: Duration, tell: &Sender<Seen>) -> (Vec<Instant>, usize) {
    let mut socket = dial(port);
    let (began, mut said_at, mut refused) = (Instant::now(), Vec::new(), 0);
    for number in 0.. {
        let due = began + PERIOD * number;
        if due.duration_since(began) >= time {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let body = format!("{MARK}{number}{MARK}");
        let head =
            format!("POST /{TOPIC} HTTP/1.1\r\nHost: b\r\nContent-Length: {}\r\n\r\n", body.len());
        socket.write_all((head + &body).as_bytes()).expect("a publisher is not cut off");
        said_at.push(due);
        let (status, _) = answer(&mut socket).expect("a publisher is not cut off");
        match status {
            201 => tell
                .send(Seen { lane: Lane::Publish, number: number as usize, at: Instant::now() })
                .expect("somebody listens"),
            _ => refused += 1,
        }
    }
    (said_at, refused)
}

/// Reads until the process ends.
fn read(port: u16, lane: Lane, tell: &Sender<Seen>, ready: &Sender<()>) {
    let mut socket = dial(port);
    let tell_all = |text: &str| {
        let at = Instant::now();
        for number in text.split(MARK).skip(1).step_by(2) {
            let number = number.parse().expect("a number between two marks");
            let _ = tell.send(Seen { lane, number, at });
        }
    };
    let request = match lane {
        Lane::Sse => format!("GET /{TOPIC}/sse HTTP/1.1\r\nHost: b\r\n\r\n"),
        Lane::WebSocket => format!(
            "GET /{TOPIC}/ws HTTP/1.1\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ),
        Lane::LongPoll | Lane::Publish => return poll(&mut socket, tell_all, ready),
    };
    socket.write_all(request.as_bytes()).expect("a reader is not cut off");
    let (mut text, mut buf, mut greeted) = (String::new(), vec![0; 1 << 16], false);
    loop {
        // Whoever is cut off misses what comes then; all are when the row is over.
        let Ok(count @ 1..) = socket.read(&mut buf) else {
            return;
        };
        // Headers of frames are not text, and hold no mark.
        text.extend(
            buf[..count].iter().map(|&byte| if byte < 128 { char::from(byte) } else { ' ' }),
        );
        if !greeted && text.contains("\r\n\r\n") {
            greeted = true;
            ready.send(()).expect("somebody waits");
        }
        // What is whole is told; a number that is cut stays.
        let marks = text.matches(MARK).count();
        if marks % 2 == 0 {
            tell_all(&text);
            text.clear();
        }
    }
}

/// One long poll after the other.
fn poll(socket: &mut TcpStream, tell_all: impl Fn(&str), ready: &Sender<()>) {
    let mut query = String::from("since=earliest");
    loop {
        let request = format!("GET /{TOPIC}/poll?{query} HTTP/1.1\r\nHost: b\r\n\r\n");
        let Some((_, text)) =
            socket.write_all(request.as_bytes()).ok().and_then(|()| answer(socket))
        else {
            return;
        };
        if query == "since=earliest" {
            ready.send(()).expect("somebody waits");
        }
        let cursor = text.split("Last-Event-ID: ").nth(1).expect("every answer has a cursor");
        let cursor = cursor.split("\r\n").next().expect("the end of a line");
        query = format!("wait=20&since={cursor}");
        tell_all(&text);
    }
}

/// One answer: its status, and all its bytes. `None`: the server has gone.
fn answer(socket: &mut TcpStream) -> Option<(u16, String)> {
    let (mut got, mut buf) = (Vec::new(), [0; 4096]);
    loop {
        let Ok(count @ 1..) = socket.read(&mut buf) else {
            return None;
        };
        got.extend(&buf[..count]);
        let text = str::from_utf8(&got).expect("what good clients say is ASCII");
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length =
            head.split("Content-Length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length = length.map_or(0, |length| length.parse().expect("a length"));
        if body.len() >= length {
            let status = head[9..12].parse().expect("a status");
            return Some((status, text.to_owned()));
        }
    }
}

fn dial(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).expect("good clients find a place");
    socket.set_nodelay(true).expect("a TCP socket");
    socket.set_read_timeout(Some(Duration::from_mins(1))).expect("a TCP socket");
    socket
}
