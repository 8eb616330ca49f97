//! Publishers that send the next message when the last is acknowledged, and the servers that they
//! publish to.
//!
//! Came from: `store`, `redis`, with what a server is told about its store. Goes to: the same, as
//! messages a second. Absent on purpose: readers.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const RUN: Duration = Duration::from_secs(3);
/// How often each is measured; what counts is the median.
pub(crate) const ROUNDS: usize = 3;
/// Bytes of a message.
pub(crate) const PAYLOAD: usize = 200;
/// Room for everything.
const KEEPS: [&str; 6] =
    ["--history-messages", "10000000", "--history-bytes", "8GiB", "--retain-bytes", "16GiB"];

/// A server, and its port.
pub(crate) fn serve(folder: &Path, flags: &[&str]) -> (Child, u16) {
    let port_file = folder.join("port");
    let _ = fs::remove_file(&port_file);
    let child = Command::new(env!("CARGO_BIN_EXE_tollway"))
        .args(["-q", "--listen", "127.0.0.1:0", "--port-file"])
        .arg(&port_file)
        .args(KEEPS)
        .args(flags)
        .stdin(Stdio::null())
        .spawn()
        .expect("the binary was built");
    loop {
        let port = fs::read_to_string(&port_file).ok().and_then(|text| text.trim().parse().ok());
        if let Some(port) = port {
            return (child, port);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Ends a server as an operator does.
pub(crate) fn end(mut server: Child) {
    let process = server.id().to_string();
    let ended = Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &process]).status();
    assert!(ended.is_ok_and(|status| status.success()));
    assert!(server.wait().expect("our child").success());
}

/// Messages a second that so many publishers bring in, who take the ports by turns.
pub(crate) fn rate(ports: &[u16], publishers: usize) -> f64 {
    let (count, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let threads: Vec<_> = (0..publishers)
        .map(|n| {
            let (count, over) = (Arc::clone(&count), Arc::clone(&over));
            let port = ports[n % ports.len()];
            thread::spawn(move || {
                let (mut publisher, text) = (Publisher::open(port), "x".repeat(PAYLOAD));
                while !over.load(SeqCst) {
                    publisher.publish(&text);
                    count.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(300)); // Until all are connected and at it.
    let (began, before) = (Instant::now(), count.load(SeqCst));
    thread::sleep(RUN);
    let rate = (count.load(SeqCst) - before) as f64 / began.elapsed().as_secs_f64();
    over.store(true, SeqCst);
    for thread in threads {
        thread.join().expect("whatever is published is acknowledged");
    }
    rate
}

/// The rates of each way in all rounds become their medians.
pub(crate) fn medians<const N: usize>(rates: [Vec<f64>; N]) -> [f64; N] {
    rates.map(|mut all| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    })
}

/// A connection on which one message after the other is published.
pub(crate) struct Publisher(TcpStream);

impl Publisher {
    pub(crate) fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Self(stream)
    }

    /// Returns when it is acknowledged.
    pub(crate) fn publish(&mut self, text: &str) {
        let length = text.len();
        let head = format!("POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{text}");
        self.0.write_all(head.as_bytes()).expect("it reads");
        let (mut answer, mut filled) = ([0; 1024], 0);
        while !answer[..filled].ends_with(b"}\n") && !answer[..filled].ends_with(b"}") {
            let read = self.0.read(&mut answer[filled..]).expect("it answers");
            assert!(read > 0, "it answers");
            filled += read;
        }
        assert!(answer.starts_with(b"HTTP/1.1 201"), "acknowledged");
    }
}
