//! What a log in Redis costs: publishes a second by one node and by two, how long a message takes
//! to a reader on another node, and the start with a full stream.
//!
//! ```text
//! cargo bench --bench redis              # everything; takes a minute
//! cargo bench --bench redis -- publishes # by number of nodes and publishers, beside memory
//! cargo bench --bench redis -- latency   # publish on one node, event stream on the other
//! cargo bench --bench redis -- start     # with MESSAGES (default 200,000) in the stream
//! ```
//!
//! A `redis-server` of its own, without a disk, on the same cores as the nodes and their clients:
//! what is told is the ratio to memory on the same machine.

#![allow(clippy::cast_precision_loss, clippy::zombie_processes)] // Figures; [`end`] waits.

#[path = "publishers.rs"]
mod publishers;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use publishers::{PAYLOAD, Publisher, ROUNDS, end, medians, rate, serve};
use tollway::ids::{Seq, TopicName};
use tollway::technique::message::{Draft, Payload, Unnumbered};

/// Messages whose way is measured, and the pause before each.
const TIMED: usize = 1_000;
const PAUSE: Duration = Duration::from_millis(2);
fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let wants = |word: &str| words.is_empty() || words.iter().any(|asked| asked == word);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("r{}", std::process::id()));
    fs::create_dir(&folder).expect("the build's folder is writable");
    let redis = Redis::start(&folder);
    if wants("publishes") {
        publishes(&redis);
    }
    if wants("latency") {
        latency(&redis);
    }
    if wants("start") {
        start(&redis);
    }
    drop(redis);
    fs::remove_dir_all(&folder).expect("it is ours");
}

/// Ends with the benchmark.
struct Redis {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Redis {
    fn start(folder: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a port is free").port();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string(), "--dir"])
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server, of Debian's package of that name");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(5));
        }
        Self { child, port, folder: folder.to_owned() }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn empty(&self) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.write_all(b"FLUSHALL\r\n").expect("it reads");
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).expect("it answers");
        assert_eq!(&answer, b"+OK\r\n");
    }

    /// A server, and its port.
    fn node(&self, store: &[&str]) -> (Child, u16) {
        serve(&self.folder, &[&["--threads", "2"], store].concat())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().expect("ours to end");
        self.child.wait().expect("ours to wait for");
    }
}

fn publishes(redis: &Redis) {
    println!("publishes a second, {PAYLOAD} bytes each, median of {ROUNDS}; 2 threads a node");
    println!("| publishers | nodes | messages/s | of memory |\n| --- | --- | --- | --- |");
    let url = redis.url();
    for publishers in [2, 64] {
        let mut rates = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            for (nodes, rates) in rates.iter_mut().enumerate() {
                let store: &[&str] = if nodes == 0 { &[] } else { &["--redis", &url] };
                let servers: Vec<_> = (0..nodes.max(1)).map(|_| redis.node(store)).collect();
                let ports: Vec<u16> = servers.iter().map(|(_, port)| *port).collect();
                rates.push(rate(&ports, publishers));
                for (server, _) in servers {
                    end(server);
                }
                redis.empty();
            }
        }
        let medians = medians(rates);
        for (name, rate) in ["memory", "1", "2"].iter().zip(medians) {
            println!("| {publishers} | {name} | {rate:.0} | {:.3} |", rate / medians[0]);
        }
    }
}

fn latency(redis: &Redis) {
    println!("from sending a publish until its event, ms; 1 publisher, 1 reader, {TIMED} messages");
    println!("| reader | p50 | p99 |\n| --- | --- | --- |");
    let url = redis.url();
    let stores: [(&str, &[&str], usize); 3] = [
        ("memory, one node", &[], 1),
        ("on the same node", &["--redis", &url], 1),
        ("on another node", &["--redis", &url], 2),
    ];
    for (name, store, nodes) in stores {
        let servers: Vec<_> = (0..nodes).map(|_| redis.node(store)).collect();
        let (first, last) = (servers[0].1, servers[nodes - 1].1);
        let began = Instant::now();
        let reader = thread::spawn(move || arrivals(last, began));
        thread::sleep(Duration::from_millis(500)); // Until it reads.
        let mut publisher = Publisher::open(first);
        for _ in 0..TIMED {
            thread::sleep(PAUSE);
            publisher.publish(&format!("{}", began.elapsed().as_nanos()));
        }
        let mut took = reader.join().expect("each message comes");
        took.sort_unstable();
        let ms = |share: usize| took[took.len() * share / 100].as_secs_f64() * 1_000.0;
        println!("| {name} | {:.2} | {:.2} |", ms(50), ms(99));
        for (server, _) in servers {
            end(server);
        }
        redis.empty();
    }
}

/// How long each message took to here. It says itself when it was sent.
fn arrivals(port: u16, began: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(b"GET /t/sse HTTP/1.0\r\nHost: h\r\n\r\n").expect("it reads");
    let mut took = Vec::new();
    for line in BufReader::new(stream).lines() {
        let line = line.expect("text");
        if let Some(sent) = line.strip_prefix("data: ") {
            let sent = Duration::from_nanos(sent.parse().expect("a number"));
            took.push(began.elapsed().saturating_sub(sent));
            if took.len() == TIMED {
                break;
            }
        }
    }
    took
}

fn start(redis: &Redis) {
    let messages = std::env::var("MESSAGES").map_or(200_000, |n| n.parse().expect("a number"));
    fill(&redis.url(), messages);
    let began = Instant::now();
    let (server, port) = redis.node(&["--redis", &redis.url()]);
    let bound = began.elapsed().as_millis();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(b"GET /t/poll?since=latest HTTP/1.0\r\n\r\n").expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let answered = began.elapsed().as_millis();
    println!(
        "{messages} messages of {PAYLOAD} bytes: {bound} ms until it listens, {answered} until \
              it answers"
    );
    end(server);
}

fn fill(url: &str, messages: usize) {
    let redis = tollway::store::redis::Redis::new(url, "tollway").expect("a good URL");
    let mut link = redis.connect().expect("it runs");
    let joined = link.join(None, [1, 2]).expect("it is empty");
    let draft = Draft {
        message: Unnumbered::new(
            TopicName::parse("t").expect("a good name"),
            None,
            Payload::posted(vec![b'x'; PAYLOAD]),
        ),
        from: IpAddr::from([127, 0, 0, 1]).into(),
        idempotency_key: None,
    };
    let mut left = messages;
    while left > 0 {
        let piece = left.min(256);
        let (_, numbers) = link
            .append(&joined, Seq(0), std::iter::repeat_n(&draft, piece))
            .expect("there is room");
        assert_eq!(numbers.len(), piece);
        left -= piece;
    }
}
