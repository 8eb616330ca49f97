//! A tap in the line between a proxy and a server: passes bytes on, and remembers what was
//! answered.
//!
//! Came from: the proxy, that takes it for the server. Goes to: the server, and to the test, which
//! counts. Absent on purpose: a reading of the requests. How many there were is what the server
//! made of them, and it answers each once.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::readers::http;

/// What went through one connection.
#[derive(Default)]
struct Line {
    asked: Vec<u8>,
    answered: Vec<u8>,
}

type Lines = Arc<Mutex<Vec<Line>>>;

pub(crate) struct Tap {
    port: u16,
    lines: Lines,
    over: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the server answered: in all, and where it was a publish in `/smuggled`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) requests: usize,
    pub(crate) smuggled: usize,
}

impl Tap {
    /// A tap before the server on this port.
    pub(crate) fn before(upstream: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("just bound").port();
        let (lines, over) = (Lines::default(), Arc::new(AtomicBool::new(false)));
        let (all, end) = (Arc::clone(&lines), Arc::clone(&over));
        let acceptor = thread::spawn(move || {
            for client in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let client = client.expect("a connection");
                let server = TcpStream::connect(("127.0.0.1", upstream)).expect("it listens");
                join(&client, &server, &all);
            }
        });
        Self { port, lines, over, acceptor: Some(acceptor) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn seen(&self) -> Seen {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = Seen::default();
        for line in lines.iter() {
            let mut at = 0;
            while let Some(answer) = http::answer(&line.answered[at..], false) {
                if !answer.body.ended {
                    break;
                }
                at += answer.head.used + answer.body.used;
                if answer.head.status == 100 {
                    continue;
                }
                seen.requests += 1;
                let location = answer.head.field("Location").unwrap_or_default();
                seen.smuggled += usize::from(location.starts_with("/smuggled?"));
                if answer.head.status == 101 {
                    break; // Frames.
                }
            }
        }
        seen
    }

    /// The last that was asked on each connection.
    pub(crate) fn tail(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let tail = |line: &Line| {
            let from = line.asked.len().saturating_sub(1_000);
            line.asked[from..].escape_ascii().to_string()
        };
        lines.iter().map(tail).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// Two threads pass on what comes until both sides have ended.
fn join(client: &TcpStream, server: &TcpStream, lines: &Lines) {
    let number = {
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(Line::default());
        lines.len() - 1
    };
    let copies = || (client.try_clone().expect("a copy"), server.try_clone().expect("a copy"));
    let (from, to) = copies();
    let asked = Arc::clone(lines);
    thread::spawn(move || pass_on(from, to, &asked, |lines| &mut lines[number].asked));
    let (to, from) = copies();
    let answered = Arc::clone(lines);
    thread::spawn(move || pass_on(from, to, &answered, |lines| &mut lines[number].answered));
}

fn pass_on(
    mut from: TcpStream,
    mut to: TcpStream,
    lines: &Lines,
    side: impl Fn(&mut Vec<Line>) -> &mut Vec<u8>,
) {
    let mut piece = [0; 16 * 1024];
    loop {
        let n = match from.read(&mut piece) {
            Ok(n) if n > 0 => n,
            _ => break,
        };
        // Remembered first: whoever has its answer finds it counted.
        side(&mut lines.lock().unwrap_or_else(PoisonError::into_inner))
            .extend_from_slice(&piece[..n]);
        if to.write_all(&piece[..n]).is_err() {
            let _ = from.shutdown(Shutdown::Both);
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
