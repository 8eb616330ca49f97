//! A tap in the line between a proxy and a server: passes bytes on, and remembers what was
//! answered.
//!
//! Came from: the proxy, that takes it for the server. Goes to: the server, and to the test, which
//! counts. Absent on purpose: a reading of the requests. How many there were is what the server
//! made of them, and it answers each once.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::readers::http;
use crate::server::within;

/// Between two rounds, when nothing came in the first.
const REST: Duration = Duration::from_millis(1);
/// A round that takes longer is stuck.
const ROUND_MS_MAX: u64 = 60_000;

/// What went one way through a connection, and whether nothing more will.
struct Passed {
    from: TcpStream,
    to: TcpStream,
    bytes: Vec<u8>,
    ended: bool,
}

/// What went through one connection.
struct Line {
    asked: Passed,
    answered: Passed,
}

/// What the thread that passes on shares with the test.
#[derive(Default)]
struct Shared {
    lines: Mutex<Vec<Line>>,
    over: AtomicBool,
    /// Rounds that the test asked for.
    wanted: AtomicU64,
    /// Of those, how many there were before a round began in which nothing came.
    quiet: AtomicU64,
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Tap {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
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
        listener.set_nonblocking(true).expect("a socket");
        let port = listener.local_addr().expect("just bound").port();
        let shared = Arc::<Shared>::default();
        let all = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            while !all.over.load(Ordering::SeqCst) {
                let wanted = all.wanted.load(Ordering::SeqCst);
                if !round(&listener, upstream, &mut all.lines()) {
                    all.quiet.store(wanted, Ordering::SeqCst);
                    thread::sleep(REST);
                }
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn seen(&self) -> Seen {
        let lines = self.shared.lines();
        let mut seen = Seen::default();
        for line in lines.iter() {
            let mut at = 0;
            while let Some(answer) = http::answer(&line.answered.bytes[at..], false) {
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

    /// Whether all is counted that proxies have sent until now on connections that they have given
    /// up: the server may understand a request, and answer it, when nobody waits for that any more.
    pub(crate) fn is_settled(&self) -> bool {
        let number = self.shared.wanted.fetch_add(1, Ordering::SeqCst) + 1;
        let is_quiet = || (self.shared.quiet.load(Ordering::SeqCst) >= number).then_some(());
        assert!(within(ROUND_MS_MAX, is_quiet).is_some(), "a tap that is never quiet");
        self.shared.lines().iter().all(|line| line.answered.ended || !line.asked.ended)
    }

    /// The last that was asked on each connection.
    pub(crate) fn tail(&self) -> String {
        let lines = self.shared.lines();
        let tail = |line: &Line| {
            let from = line.asked.bytes.len().saturating_sub(1_000);
            line.asked.bytes[from..].escape_ascii().to_string()
        };
        lines.iter().map(tail).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes who has come, and passes on what has come, either way. `false`: nothing has.
fn round(listener: &TcpListener, upstream: u16, lines: &mut Vec<Line>) -> bool {
    let mut has_come = false;
    while let Ok((client, _)) = listener.accept() {
        has_come = true;
        let server = TcpStream::connect(("127.0.0.1", upstream)).expect("it listens");
        for stream in [&client, &server] {
            stream.set_nonblocking(true).expect("a socket");
        }
        let copies = || (client.try_clone().expect("a copy"), server.try_clone().expect("a copy"));
        let way = |from, to| Passed { from, to, bytes: Vec::new(), ended: false };
        let ((client, server), (to_client, to_server)) = (copies(), copies());
        lines.push(Line { asked: way(client, to_server), answered: way(server, to_client) });
    }
    for line in lines {
        has_come |= line.asked.pass_on();
        has_come |= line.answered.pass_on();
    }
    has_come
}

impl Passed {
    /// `false`: nothing has come.
    fn pass_on(&mut self) -> bool {
        if self.ended {
            return false;
        }
        let mut piece = [0; 16 * 1024];
        let n = match self.from.read(&mut piece) {
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => 0,
        };
        // Remembered first: whoever has its answer finds it counted.
        self.bytes.extend_from_slice(&piece[..n]);
        let is_sent = send(&mut self.to, &piece[..n]);
        if !is_sent {
            let _ = self.from.shutdown(Shutdown::Both);
        }
        if n == 0 || !is_sent {
            self.ended = true;
            let _ = self.to.shutdown(Shutdown::Write);
        }
        true
    }
}

/// Sends all of it, to whoever reads it sooner or later. `false`: it has gone.
fn send(to: &mut TcpStream, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(REST),
            Err(_) => return false,
        }
    }
    true
}
