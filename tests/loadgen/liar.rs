//! A server of a few lines that publishes and reads over event streams, and lies in one way.
//!
//! Came from: tests of what `tollway bench` has to find out. Goes to: it, over a socket. Absent on
//! purpose: everything else of a server.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What is wrong with the fourth message of each topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    None,
    /// It does not come.
    Loses,
    /// It comes twice.
    Repeats,
    /// It comes behind the fifth.
    Reorders,
    /// Its first byte is another one.
    AltersFirst,
    /// Its last byte is another one.
    AltersLast,
    /// Its last byte is missing.
    Cuts,
    /// It is that of another topic.
    MixesTopics,
    /// It is refused, and comes.
    RefusesAndDelivers,
    /// It is refused, and does not come, which is no lie at all.
    Refuses,
    /// The stream ends before it.
    HangsUp,
    /// The stream of one of its readers ends before it.
    HangsUpOnOne,
    /// It is refused after those behind it have come, which is no lie at all.
    RefusesLate,
    /// It, and whatever comes behind it on its connection, is taken up half a second later.
    Pauses,
    /// Of all messages: they come, and are not answered.
    NeverAnswers,
    /// Of all messages: the connection ends at once.
    Closes,
    /// Of all messages: the answer is no HTTP.
    Junk,
    /// Of bursts of [`BURST`]: answers are sent a fifth of [`PAUSE`] after [`ANSWERED_AT_ONCE`]
    /// messages have come, and when the burst is over. If anything comes behind the last one
    /// before that is with its readers, it is refused.
    AnswersByHandfuls,
    /// It does not come, and neither do those behind it.
    Stops,
    /// Of the sixth message: when nobody listens any more, its connection ends.
    Leaves,
    /// Of all streams: they are not answered.
    Mute,
    /// Of all streams but the first two: they are refused.
    RefusesThird,
}

/// The server.
pub(crate) struct Liar {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    ends: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// What its connections share.
struct Shared {
    lie: Lie,
    /// The streams of each topic.
    readers: HashMap<String, Vec<TcpStream>>,
    /// Held back to come out of order.
    held: HashMap<String, Vec<u8>>,
    /// Requests for streams.
    asked: usize,
    /// Messages that were taken in and not delivered.
    stopped: usize,
}

impl Liar {
    pub(crate) fn start(lie: Lie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let shared =
            Shared { lie, readers: HashMap::new(), held: HashMap::new(), asked: 0, stopped: 0 };
        let shared = Arc::new(Mutex::new(shared));
        let of_all = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if told.load(Ordering::SeqCst) {
                    return;
                }
                let (stream, shared) = (stream.expect("a connection"), Arc::clone(&of_all));
                // It ends with its connection, which the client closes at its own end.
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, shared, ends, thread }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Until somebody has asked for a stream.
    pub(crate) fn await_reader(&self) {
        self.await_that(|shared| shared.asked > 0);
    }

    /// Until some messages were taken in that nobody gets.
    pub(crate) fn await_undelivered(&self) {
        self.await_that(|shared| shared.stopped > 3);
    }

    fn await_that(&self, has: impl Fn(&Shared) -> bool) {
        for _ in 0..2_000 {
            if has(&self.shared.lock().expect("no panic")) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("nobody came");
    }

    pub(crate) fn stop(self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes it, unless another connection has done so already: then nobody listens, or what
        // was connecting is reset together with the listener.
        if let Err(error) = TcpStream::connect(self.address) {
            let gone = [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset];
            assert!(gone.contains(&error.kind()), "{error}");
        }
        self.thread.join().expect("it has not panicked");
    }
}

/// One connection, until it ends.
fn serve(stream: &TcpStream, shared: &Mutex<Shared>) {
    let mut reader = BufReader::new(stream);
    let kind = shared.lock().expect("no panic").lie;
    let mut unsent = Vec::new();
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim_end().is_empty() {
                break;
            }
            head.push(line.trim_end().to_owned());
        }
        let mut words = head[0].split(' ');
        let (method, path) = (words.next().expect("a method"), words.next().expect("a path"));
        let topic = path.trim_start_matches('/').trim_end_matches("/sse").to_owned();
        if method == "GET" {
            shared.lock().expect("no panic").asked += 1;
            if kind == Lie::Mute {
                continue;
            }
            if kind == Lie::RefusesThird && shared.lock().expect("no panic").asked > 2 {
                let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
                let _ = (&mut &*stream).write_all(answer.as_bytes());
                continue;
            }
            let mut own = stream.try_clone().expect("a descriptor is left");
            let begin = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 0\n\n";
            // Nothing is published between the two.
            let mut shared = shared.lock().expect("no panic");
            own.write_all(begin.as_bytes()).expect("the client reads");
            shared.readers.entry(topic).or_default().push(own);
            continue;
        }
        let length = head.iter().find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.expect("a length").parse().expect("a number");
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the whole body");
        let number = number(&body);
        if kind == Lie::Pauses && number == 4 {
            thread::sleep(PAUSE);
        }
        if kind == Lie::Leaves && number == 6 {
            shared.lock().expect("no panic").stopped = usize::MAX;
            let own = stream.local_addr().expect("it is bound");
            while TcpStream::connect(own).is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
            return;
        }
        let ends_burst = number.is_multiple_of(BURST);
        let is_followed =
            kind == Lie::AnswersByHandfuls && ends_burst && something_comes(&mut reader);
        let good = !is_followed && shared.lock().expect("no panic").publish(&topic, body);
        let status = if good { "201 Created" } else { "503 Service Unavailable" };
        let mut answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        match kind {
            Lie::NeverAnswers => answer.clear(),
            Lie::Closes => return,
            Lie::Junk => answer = String::from("hello\r\n\r\n"),
            _ => {}
        }
        unsent.extend(answer.into_bytes());
        let ends_handful = (number % BURST).is_multiple_of(ANSWERED_AT_ONCE);
        if kind == Lie::AnswersByHandfuls && !ends_handful {
            continue;
        }
        if kind == Lie::AnswersByHandfuls && !ends_burst {
            thread::sleep(PAUSE / 5);
        }
        if kind == Lie::RefusesLate && (4..6).contains(&number) {
            continue; // The fifth of each topic is there before the fourth is answered.
        }
        if kind == Lie::RefusesLate && number == 6 {
            thread::sleep(PAUSE / 5);
        }
        if (&mut &*stream).write_all(&std::mem::take(&mut unsent)).is_err() {
            return;
        }
    }
}

/// Whether a client says anything more, though it lacks what it said last.
fn something_comes(reader: &mut BufReader<&TcpStream>) -> bool {
    let stream = *reader.get_ref();
    stream.set_read_timeout(Some(PAUSE / 5)).expect("it is not zero");
    let comes = reader.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
    stream.set_read_timeout(None).expect("none is good");
    comes
}

/// The number by which a message begins.
fn number(body: &[u8]) -> u64 {
    str::from_utf8(&body[..10]).expect("text").parse().expect("a message begins with its number")
}

/// Messages of a burst: more than a connection takes without an answer.
pub(crate) const BURST: u64 = 100;
/// What a connection takes without an answer.
const ANSWERED_AT_ONCE: u64 = 64;
/// How long it pauses that pauses.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

impl Shared {
    /// Delivers a message, or does not. Whether it says that it has taken it in.
    fn publish(&mut self, topic: &str, mut body: Vec<u8>) -> bool {
        let number = number(&body);
        let last = body.len() - 1;
        if number == 5
            && let Some(held) = self.held.remove(topic)
        {
            self.deliver(topic, &body);
            self.deliver(topic, &held);
            return true;
        }
        match self.lie {
            Lie::Closes | Lie::Junk => return true,
            Lie::Stops if number >= 4 => {
                self.stopped += 1;
                return true;
            }
            _ if number != 4 => {}
            Lie::None | Lie::Pauses | Lie::NeverAnswers | Lie::AnswersByHandfuls => {}
            Lie::Mute | Lie::Leaves | Lie::RefusesThird | Lie::Stops => {}
            Lie::Loses => return true,
            Lie::Repeats => self.deliver(topic, &body),
            Lie::Reorders => {
                self.held.insert(topic.to_owned(), body);
                return true;
            }
            Lie::AltersFirst => body[0] ^= 1,
            Lie::AltersLast => body[last] ^= 1,
            Lie::Cuts => drop(body.pop()),
            Lie::MixesTopics => {
                let other = self.readers.keys().find(|name| *name != topic).cloned();
                self.deliver(&other.expect("two topics"), &body);
                return true;
            }
            Lie::RefusesAndDelivers => {
                self.deliver(topic, &body);
                return false;
            }
            Lie::Refuses | Lie::RefusesLate => return false,
            Lie::HangsUpOnOne => {
                let stream = self.readers.get_mut(topic).and_then(Vec::pop);
                let _ = stream.expect("a reader").shutdown(std::net::Shutdown::Both);
            }
            Lie::HangsUp => {
                for stream in self.readers.remove(topic).unwrap_or_default() {
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                }
            }
        }
        self.deliver(topic, &body);
        true
    }

    fn deliver(&mut self, topic: &str, body: &[u8]) {
        for stream in self.readers.get_mut(topic).into_iter().flatten() {
            let event = [b"data: ", body, b"\n\n"].concat();
            let _ = stream.write_all(&event); // Who is gone has heard enough.
        }
    }
}
