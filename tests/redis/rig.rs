//! A Redis of the test's own: started on a free port, ended with the test, killed, emptied and
//! brought back in between. And a line to it that can be cut.
//!
//! Came from: every story of this file. Goes to: the operating system. Absent on purpose: anything
//! of the server.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::foreign::missed;
use crate::server::{fresh_path, within};

const START_MS_MAX: u64 = 20_000;
/// Ports are free when they are looked for, and perhaps not any more when they are taken.
const TRIES: usize = 8;

/// A `redis-server`. Dropping it kills the process.
pub(crate) struct Redis {
    child: Option<Child>,
    port: u16,
    folder: PathBuf,
    flags: Vec<String>,
}

impl Redis {
    /// Starts one, or says that `test` is skipped.
    pub(crate) fn start(test: &str, flags: &[&str]) -> Option<Self> {
        let there = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            return missed(test, "redis-server");
        }
        let folder = fresh_path("redis");
        fs::create_dir(&folder).expect("the scratch directory is writable");
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let mut redis = Self { child: None, port: 0, folder, flags };
        for _ in 0..TRIES {
            redis.port = free_port();
            if redis.launch() {
                return Some(redis);
            }
        }
        panic!("no port was free for a redis-server");
    }

    fn launch(&mut self) -> bool {
        let log = File::create(self.folder.join("log")).expect("our folder");
        let mut child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""])
            .args(["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0", "--dir"])
            .arg(&self.folder)
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor is left"))
            .stderr(log)
            .spawn()
            .expect("it answered before");
        let answers = within(START_MS_MAX, || {
            if child.try_wait().expect("our child").is_some() {
                return Some(false);
            }
            is_redis(self.port).then_some(true)
        });
        self.child = Some(child);
        answers.expect("it starts or ends")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Asks it something.
    pub(crate) fn ask(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(self.url()).expect("a good URL");
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(20))?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut connection)
    }

    /// As [`Redis::ask`], of what has to go well.
    pub(crate) fn say(&self, words: &[&str]) {
        self.ask(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    }

    /// Sends its process a signal by name. By the shell, since the standard library knows none.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.as_ref().expect("it runs").id().to_string();
        let status =
            Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &process]).status();
        assert!(status.expect("a POSIX shell").success(), "SIG{name}");
    }

    /// The process is killed.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// It is started again on the same port, with what it finds in its folder.
    pub(crate) fn bring_back(&mut self) {
        let up = within(START_MS_MAX, || self.launch().then_some(()));
        up.expect("its port is its own");
        let answers = within(START_MS_MAX, || self.ask(&["PING"]).ok());
        answers.expect("it has loaded its data");
    }

    /// All that it would find.
    pub(crate) fn wipe(&self) {
        for name in ["dump.rdb", "appendonlydir"] {
            let path = self.folder.join(name);
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
    }
}

/// Whether it is a Redis that answers there, and not another test's server, which has taken the
/// port before ours could.
fn is_redis(port: u16) -> bool {
    let asked = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut first = [0];
        stream.read_exact(&mut first).map(|()| first)
    });
    matches!(asked, Ok([b'+' | b'-'])) // It is there, or loads its data.
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            eprintln!("the log of redis-server:\n{log}");
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A port that nobody has now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// A line from a node to Redis. While it is cut, bytes vanish and nobody is told, as when a network
/// is partitioned.
pub(crate) struct Line {
    port: u16,
    /// To Redis, and from it.
    cut: [Arc<AtomicBool>; 2],
    target: Arc<AtomicU16>,
}

impl Line {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let own = listener.local_addr().expect("it is bound").port();
        let (cut, target) = (<[Arc<AtomicBool>; 2]>::default(), Arc::new(AtomicU16::new(port)));
        let (cut_too, target_too) = (cut.clone(), Arc::clone(&target));
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(("127.0.0.1", target_too.load(SeqCst))) else {
                    continue;
                };
                let pair = (near.try_clone(), far.try_clone());
                let (Ok(near_too), Ok(far_too)) = pair else { continue };
                let [one, other] = cut_too.clone();
                thread::spawn(move || carry(near, far, &one));
                thread::spawn(move || carry(far_too, near_too, &other));
            }
        });
        Self { port: own, cut, target }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn cut(&self, cut: bool) {
        self.cut.iter().for_each(|way| way.store(cut, SeqCst));
    }

    /// As [`Line::cut`], of what comes from Redis alone.
    pub(crate) fn cut_answers(&self, cut: bool) {
        self.cut[1].store(cut, SeqCst);
    }

    /// New connections lead there.
    pub(crate) fn turn_to(&self, port: u16) {
        self.target.store(port, SeqCst);
    }
}

/// Ends when either side has.
fn carry(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut piece = [0; 16 * 1024];
    while let Ok(read) = from.read(&mut piece) {
        if read == 0 {
            break;
        }
        if !cut.load(SeqCst) && to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}
