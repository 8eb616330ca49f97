//! The vectors behind proxies: is everybody served what they asked for, and nothing else?
//!
//! A vector goes to the proxy on a connection of its own. Then come strangers, on new connections
//! that the proxy joins to those it has kept open to the server, and each must get its own answer.
//! The proxy's log says what it meant to send; a tap in the line to the server says what that
//! answered. A request that the proxy broke off (its client sent half a chunk, say) may have been
//! answered or not.
//!
//! Came from: `tests/smuggling.rs`. Goes to: a server, a proxy, a client. Absent on purpose: what
//! a proxy answers to a vector; that is its own affair, and differs from version to version.

use std::cell::Cell;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::http::Wire;
use crate::proxies::{Kind, Proxy};
use crate::server::{Server, fresh_path, within};
use crate::tap::{Seen, Tap};
use crate::vectors::Vector;
use crate::wanted;

/// A client that has heard something takes so much silence for the end of it.
const SILENCE: Duration = Duration::from_millis(100);
/// One that has heard nothing waits so many times as long.
const PATIENCE: usize = 5;
/// Until the proxy closes a connection whose client has ended.
const CLOSED_MAX: Duration = Duration::from_mins(1);
/// Until counters and logs are there.
const COUNTED_MS_MAX: u64 = 60_000;
/// Strangers that come behind each vector.
const STRANGERS: usize = 3;

/// A request, as the proxy logged it.
#[derive(Debug)]
struct Logged {
    line: String,
    fate: Fate,
    /// The status that the client was told, as far as the log has it.
    status: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The proxy refused it itself.
    Refused,
    /// It was sent, and the server's answer came back.
    Answered,
    /// It was sent, and the proxy did not see its answer.
    BrokenOff,
}

/// A proxy, how it is set up, and where it logs.
struct Setup {
    kind: Kind,
    /// nginx holds a body back until it is whole, unless it is told not to.
    buffers: bool,
}

impl Setup {
    fn text(&self, port: u16, upstream: u16, log: &Path) -> String {
        let log = log.display();
        match self.kind {
            Kind::Nginx => format!(
                "map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}\n\
                 log_format fates '$upstream_addr\t$upstream_status\t$request';\n\
                 upstream app {{ server 127.0.0.1:{upstream}; keepalive 8; }}\n\
                 server {{ listen 127.0.0.1:{port}; access_log {log} fates; location / {{\n\
                 proxy_pass http://app; proxy_http_version 1.1;\n\
                 proxy_request_buffering {};\n\
                 proxy_set_header Host $host;\n\
                 proxy_set_header Upgrade $http_upgrade;\n\
                 proxy_set_header Connection $connection_upgrade; }} }}\n",
                if self.buffers { "on" } else { "off" }
            ),
            Kind::Haproxy => format!(
                "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n \
                 timeout server 5s\n timeout tunnel 5s\n http-reuse always\n retries 0\n\
                 frontend web\n bind 127.0.0.1:{port}\n log stdout format raw local0\n \
                 log-format \"%s\t%ts\t%ST\t%[capture.req.method] %[capture.req.uri]\"\n \
                 default_backend app\n\
                 backend app\n server app 127.0.0.1:{upstream}\n"
            ),
            Kind::Caddy => format!(
                "http://:{port} {{\n\tlog {{\n\t\toutput file {log}\n\t\tformat json\n\t}}\n\
                 \treverse_proxy 127.0.0.1:{upstream}\n}}\n"
            ),
        }
    }

    /// A line of the log. `None`: it is about something else.
    fn logged(&self, line: &str) -> Option<Logged> {
        if self.kind == Kind::Caddy {
            let value: serde_json::Value = serde_json::from_str(line).ok()?;
            let request = value.get("request")?;
            let word = |name: &str| request[name].as_str().unwrap_or_default();
            let servers = value["resp_headers"]["Server"].as_array();
            let ours = servers.is_some_and(|names| names.iter().any(|name| name == "tollway"));
            return Some(Logged {
                line: format!("{} {}", word("method"), word("uri")),
                fate: if ours { Fate::Answered } else { Fate::BrokenOff },
                status: value["status"].to_string(),
            });
        }
        let words: Vec<&str> = line.split('\t').collect();
        let (fate, status, line) = match (self.kind, &words[..]) {
            (Kind::Nginx, ["-", status, line]) => (Fate::Refused, status, line),
            (Kind::Nginx, [_, status, line]) => match status.parse::<u16>() {
                // What nginx says when there was no answer, or none that it understood.
                Ok(499 | 502 | 504) | Err(_) => (Fate::BrokenOff, status, line),
                Ok(_) => (Fate::Answered, status, line),
            },
            (Kind::Haproxy, ["<NOSRV>", _, status, line]) => (Fate::Refused, status, line),
            (Kind::Haproxy, [_, ends, status, line]) => match ends.as_bytes()[0] {
                b'-' => (Fate::Answered, status, line),
                _ => (Fate::BrokenOff, status, line),
            },
            _ => return None,
        };
        Some(Logged { line: (*line).into(), fate, status: (*status).into() })
    }
}

/// A server, and a proxy before it.
struct Stage {
    setup: Setup,
    server: Server,
    tap: Tap,
    proxy: Proxy,
    log: PathBuf,
    strangers: Cell<usize>,
}

impl Stage {
    fn start(test: &str, kind: Kind, buffers: bool) -> Option<Self> {
        let server = Server::start(&["--threads", "1"]);
        let (setup, log) = (Setup { kind, buffers }, fresh_path("fates"));
        let tap = Tap::before(server.port());
        let upstream = tap.port();
        let proxy = Proxy::start(test, kind, |ports| setup.text(ports.http, upstream, &log));
        let Some(proxy) = proxy else {
            assert!(server.stop().success(), "nothing was asked of it");
            return None;
        };
        Some(Self { setup, server, tap, proxy, log, strangers: Cell::new(0) })
    }

    fn logged(&self) -> Vec<Logged> {
        let text = match self.setup.kind {
            Kind::Haproxy => self.proxy.log(),
            _ => fs::read_to_string(&self.log).unwrap_or_default(),
        };
        // A line counts once its end is there.
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        lines.filter_map(|line| self.setup.logged(line)).collect()
    }

    /// Sends a vector on a connection of its own, and hears what there is to hear, up to the end
    /// that the proxy makes: until then it may be about to send something on, or to log it.
    fn send(&self, vector: &Vector) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.proxy.port())).expect("listens");
        stream.set_read_timeout(Some(SILENCE)).expect("not zero");
        // The proxy may refuse the head, and close, before it has read the rest.
        let _ = stream.write_all(&vector.bytes());
        let (mut heard, mut silences) = (Vec::new(), 0);
        let mut piece = [0; 4096];
        let until = Instant::now() + CLOSED_MAX;
        while Instant::now() < until {
            match stream.read(&mut piece) {
                Ok(0) => return heard,
                Ok(n) => {
                    heard.extend_from_slice(&piece[..n]);
                    silences = 0;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => silences += 1,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return heard,
                Err(error) => panic!("{error}"),
            }
            if silences >= if heard.is_empty() { PATIENCE } else { 1 } {
                // Our end: that of the proxy is due.
                let _ = stream.shutdown(Shutdown::Write);
            }
        }
        panic!("{}: never closed behind {}", vector.name, heard.escape_ascii())
    }

    /// Others come, and each must be answered for itself.
    fn strangers_are_served(&self, vector: &Vector) {
        for _ in 0..STRANGERS {
            let number = self.strangers.replace(self.strangers.get() + 1);
            let mut wire = Wire::open(self.proxy.port());
            wire.send(format!(
                "POST /stranger-{number} HTTP/1.1\r\nHost: tollway.example\r\n\
                 Content-Length: 5\r\n\r\nhello"
            ));
            let answer = wire.answer();
            let location = answer.field("location").unwrap_or_default();
            let own = location.starts_with(&format!("/stranger-{number}?since="));
            assert!(answer.status == 201 && own, "behind {}: {answer:?}", vector.name);
        }
    }

    /// Plays one vector. `true`: some of it reached the server.
    fn play(&self, vector: &Vector) -> bool {
        let (logged, before) = (self.logged().len(), self.tap.seen());
        let heard = self.send(vector);
        self.strangers_are_served(vector);
        let mut last = String::new();
        let counted = within(COUNTED_MS_MAX, || {
            // First: what came later would be taken for the next vector's.
            let is_settled = self.tap.is_settled();
            let log = self.logged();
            let now = self.tap.seen();
            let seen = Seen {
                requests: now.requests - before.requests,
                smuggled: now.smuggled - before.smuggled,
            };
            last = format!("{seen:?}, and the proxy tells of {:#?}", &log[logged..]);
            // The log may be behind: all strangers are in it, or it is.
            let strangers = log[logged..].iter().filter(|l| l.line.contains("/stranger-"));
            let whole = strangers.count() == STRANGERS;
            let sent = log[logged..].iter().filter(|l| l.fate != Fate::Refused).count();
            // A proxy may close a WebSocket before it logs that; anything else it has logged before
            // the end that we saw.
            let is_late = heard.starts_with(b"HTTP/1.1 101") && log.len() - logged == STRANGERS;
            let is_whole = whole && is_settled && !is_late;
            (is_whole && is_meant(&log[logged..], seen)).then_some(sent > STRANGERS)
        });
        counted.unwrap_or_else(|| {
            let (asked, heard) = (self.tap.tail(), heard.escape_ascii());
            panic!("{}: {last}\nasked:\n{asked}\nheard:\n{heard}", vector.name)
        })
    }
}

/// Whether the server saw what the proxy meant to send.
fn is_meant(log: &[Logged], seen: Seen) -> bool {
    let between = |count: usize, meant: &dyn Fn(&Logged) -> bool| {
        let by = |fate| log.iter().filter(|l| l.fate == fate && meant(l)).count();
        let (answered, broken_off) = (by(Fate::Answered), by(Fate::BrokenOff));
        (answered..=answered + broken_off).contains(&count)
    };
    let smuggled = |l: &Logged| {
        let published = l.fate == Fate::BrokenOff || l.status == "201";
        l.line.starts_with("POST /smuggled") && published
    };
    between(seen.requests, &|_| true) && between(seen.smuggled, &smuggled)
}

fn play_all(test: &str, kind: Kind, buffers: bool) {
    let Some(stage) = Stage::start(test, kind, buffers) else {
        return;
    };
    let reached = wanted().filter(|vector| stage.play(vector)).count();
    println!("{kind:?}: {reached} of {} were passed on", wanted().count());
    // Those that `VECTOR` names may all be refused.
    assert!(reached > 0 || std::env::var_os("VECTOR").is_some(), "a proxy that passes on nothing");
    // What comes late comes before this.
    let seen = stage.tap.seen();
    let log = stage.logged();
    assert!(is_meant(&log, seen), "in all the server saw {seen:?}: {log:#?}");
    let _ = fs::remove_file(&stage.log);
    drop(stage.proxy);
    assert!(stage.server.stop().success(), "a good end");
}

#[test]
fn behind_nginx() {
    play_all("behind_nginx", Kind::Nginx, true);
}

#[test]
fn behind_nginx_that_does_not_buffer() {
    play_all("behind_nginx_that_does_not_buffer", Kind::Nginx, false);
}

#[test]
fn behind_haproxy() {
    play_all("behind_haproxy", Kind::Haproxy, true);
}

#[test]
fn behind_caddy() {
    play_all("behind_caddy", Kind::Caddy, true);
}
