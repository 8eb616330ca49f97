//! A server of a few lines that publishes and reads over event streams, and lies in one way.
//!
//! Came from: tests of what `tollway bench` has to find out. Goes to: it, over a socket. Absent on
//! purpose: everything else of a server.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

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
}

/// The server.
pub(crate) struct Liar {
    address: SocketAddr,
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
}

impl Liar {
    pub(crate) fn start(lie: Lie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let shared = Shared { lie, readers: HashMap::new(), held: HashMap::new() };
        let shared = Arc::new(Mutex::new(shared));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if told.load(Ordering::SeqCst) {
                    return;
                }
                let (stream, shared) = (stream.expect("a connection"), Arc::clone(&shared));
                // It ends with its connection, which the client closes at its own end.
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, ends, thread }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn stop(self) {
        self.ends.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address).expect("it listens until now"));
        self.thread.join().expect("it has not panicked");
    }
}

/// One connection, until it ends.
fn serve(stream: &TcpStream, shared: &Mutex<Shared>) {
    let mut reader = BufReader::new(stream);
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
            let mut own = stream.try_clone().expect("a descriptor is left");
            let begin = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 0\n\n";
            own.write_all(begin.as_bytes()).expect("the client reads");
            shared.lock().expect("no panic").readers.entry(topic).or_default().push(own);
            continue;
        }
        let length = head.iter().find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.expect("a length").parse().expect("a number");
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the whole body");
        let good = shared.lock().expect("no panic").publish(&topic, body);
        let status = if good { "201 Created" } else { "503 Service Unavailable" };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

impl Shared {
    /// Delivers a message, or does not. Whether it says that it has taken it in.
    fn publish(&mut self, topic: &str, mut body: Vec<u8>) -> bool {
        let number = str::from_utf8(&body[..10]).expect("text").parse::<u64>();
        let number = number.expect("a message begins with its number");
        let last = body.len() - 1;
        if number == 5
            && let Some(held) = self.held.remove(topic)
        {
            self.deliver(topic, &body);
            self.deliver(topic, &held);
            return true;
        }
        match self.lie {
            _ if number != 4 => {}
            Lie::None => {}
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
            Lie::Refuses => return false,
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
