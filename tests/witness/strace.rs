//! The second witness: `strace`, which sees every system call that the server makes.
//!
//! The report is one `writev`. Every call before it in the log is one that the ledger has, and none
//! behind it.
//!
//! Came from: `cargo test`. Goes to: `clients`, and a log of calls. Absent on purpose: a second
//! thread of the server, whose calls would come before or behind the report by chance.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::account::{TECHNIQUES, number};
use crate::clients::{Socket, await_readers, get, get_once, publish_all, read_to, stream};
use crate::foreign::missed;
use crate::http::{self, Wire};
use crate::server::{Server, fresh_path, within};

/// For what has to happen in the end: a place that becomes free, the last line of the log.
const PATIENCE_MS: u64 = 60_000;

/// System calls by what the ledger calls them.
type Calls = BTreeMap<&'static str, u64>;

#[test]
fn every_system_call_is_counted() {
    let flags = ["--heartbeat", "200ms"];
    compare("every_system_call_is_counted", &flags, |server| visit(server.port()));
}

#[test]
fn those_made_for_connections_that_are_turned_away_are_counted_too() {
    let test = "those_made_for_connections_that_are_turned_away_are_counted_too";
    let turned_away = Cell::new(0);
    let report = compare(test, &["--max-connections", "2"], |server| {
        let port = server.port();
        // Readers: whoever only waits for a request would make room for a newcomer.
        let [one, two] = [(); 2].map(|()| {
            let mut wire = Wire::open(port);
            wire.send(get("/news/sse", ""));
            assert_eq!(wire.head().status, 200);
            wire
        });
        for request in ["", &get("/news", "")] {
            let mut third = Wire::open(port);
            third.send(request);
            assert_eq!(third.answer().status, 503);
            assert_eq!(third.rest(), b"");
            turned_away.set(turned_away.get() + 1);
        }
        drop(two); // It makes room for who asks for the report.
        let freed = within(PATIENCE_MS, || {
            let mut third = Wire::open(port);
            third.send(get("/-/healthy", ""));
            let is_in = third.answer().status == 200;
            turned_away.set(turned_away.get() + u64::from(!is_in));
            is_in.then_some(())
        });
        assert_eq!(freed, Some(()));
        one
    });
    if let Some((costs, refused)) = report {
        let turned_away = turned_away.get() + refused;
        assert_eq!(number(&costs, "/shared/refused"), turned_away);
    }
}

/// The order of a turn: a publisher may go on while a crowd is served.
#[test]
fn whoever_publishes_is_answered_before_readers_are_written_to() {
    const MESSAGES: usize = 5;
    let test = "whoever_publishes_is_answered_before_readers_are_written_to";
    let traced = trace(test, &[], |server| {
        let port = server.port();
        let mut readers: Vec<_> = (0..8).map(|_| Socket::open(port, "/news/ws", "")).collect();
        await_readers(port, "news", "websocket", readers.len() as u64);
        for number in 0..MESSAGES {
            let said = format!("said {number}");
            http::publish(port, "news", &said);
            for reader in &mut readers {
                reader.await_message(said.as_bytes());
            }
        }
        readers
    });
    let Some(Traced { log, .. }) = traced else {
        return;
    };
    let answers: Vec<usize> = log.match_indices(r#", "HTTP/1.1 201 "#).map(|(at, _)| at).collect();
    assert_eq!(answers.len(), MESSAGES, "{log}");
    for (number, answer) in answers.into_iter().enumerate() {
        let message = log.find(&format!(r#", "\201\6said {number}""#)).expect("it was read");
        assert!(answer < message, "message {number} left before its publisher's answer\n{log}");
    }
}

/// Whoever says at once what it has come for is heard in the turn that accepts it; and if that was
/// all, the kernel is not asked to watch it.
#[test]
fn whoever_wants_one_answer_is_never_watched() {
    let test = "whoever_wants_one_answer_is_never_watched";
    let traced = trace(test, &[], |server| {
        [("once", "Connection: close\r\n"), ("kept", "")].map(|(topic, fields)| {
            server.signal("STOP"); // It finds who has come and what that has said together.
            assert_eq!(within(PATIENCE_MS, || all_stopped(server).then_some(())), Some(()));
            let mut wire = Wire::open(server.port());
            wire.send(get(&format!("/{topic}"), fields));
            server.signal("CONT");
            assert_eq!(wire.answer().status, 204);
            wire
        })
    });
    let Some(Traced { log, costs, .. }) = traced else {
        return;
    };
    assert_eq!(charged(&costs), Log::read(&log).calls);
    let lines: Vec<_> = calls(&log).collect();
    // Whatever was done with the connection that asked for `topic`.
    let done_for = |topic: &str| -> Vec<&str> {
        let asks = format!(r#", "GET /{topic} "#);
        let asked = lines.iter().position(|call| call.contains(&asks)).expect("it was read");
        let number = lines[asked].split(['(', ',']).nth(1).expect("by its descriptor");
        let accepts = |call: &Cow<'_, str>| call.ends_with(&format!("NONBLOCK) = {number}"));
        let accepted = lines[..asked].iter().rposition(accepts).expect("it was accepted");
        let ends = format!("close({number})");
        let life = lines[accepted..].iter().take_while(|call| !call.starts_with(&ends));
        let names = life.filter_map(|call| call.split_once('(')).filter(|(_, rest)| {
            let watched = format!(" EPOLL_CTL_ADD, {number}, ");
            rest.starts_with(&format!("{number}, ")) || rest.contains(&watched)
        });
        names.map(|(name, _)| name).collect()
    };
    let [once, kept] = ["once", "kept"].map(done_for);
    assert!(once.starts_with(&["recvfrom", "sendto", "getsockopt"]), "{once:?}\n{log}");
    assert!(!once.contains(&"epoll_ctl"), "{log}");
    assert!(kept.starts_with(&["recvfrom", "sendto", "epoll_ctl"]), "{kept:?}\n{log}");
}

/// Whether each thread of the server stands still.
fn all_stopped(server: &Server) -> bool {
    let threads = format!("/proc/{}/task", server.process());
    let mut threads = fs::read_dir(threads).expect("it lives").filter_map(Result::ok);
    let state = |stat: &str| stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    threads.all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat"));
        stat.is_ok_and(|stat| matches!(state(&stat), Some('T' | 't')))
    })
}

/// Holds the ledger of a server with `flags` against what `strace` saw it do for those who visit:
/// the report, and how often who asked for it was turned away. `None`: skipped.
fn compare<G>(test: &str, flags: &[&str], visit: impl Fn(&Server) -> G) -> Option<(Value, u64)> {
    let Traced { log, costs, refused } = trace(test, flags, visit)?;
    assert_eq!(
        charged(&costs),
        Log::read(&log).calls,
        "the ledger's on the left, those in the log on the right\n{costs:#}"
    );
    Some((costs, refused))
}

/// A server's life, as `strace` saw it.
struct Traced {
    log: String,
    /// The server's report at the end of it.
    costs: Value,
    /// How often who asked for that was turned away.
    refused: u64,
}

/// Lets `visit` use a server with `flags` that is looked at. `None`: skipped.
fn trace<G>(test: &str, flags: &[&str], visit: impl Fn(&Server) -> G) -> Option<Traced> {
    if !may_trace() {
        return missed(test, "strace, or the right to trace");
    }
    let log = fresh_path("strace");
    let mut strace = Command::new("strace");
    // -D: the server is our child, and the tracer looks on. -f: all its threads. -C: a count of
    // its own behind the log.
    strace.args(["-D", "-f", "-C", "-o"]).arg(&log);
    strace.arg(env!("CARGO_BIN_EXE_tollway"));
    let server = Server::start_by(strace, &[&["--threads", "1"], flags].concat());
    let guests = visit(&server);
    // The place of the last visitor is free when the server has seen it leave.
    let mut refused = 0;
    let answer = within(PATIENCE_MS, || {
        let answer = get_once(server.port(), "/-/costs", "");
        refused += u64::from(answer.status == 503);
        (answer.status == 200).then_some(answer)
    });
    let costs = answer.expect("there is room for who asks").json();
    drop(guests);
    assert!(server.stop().success());
    let whole = within(PATIENCE_MS, || {
        let written = fs::read_to_string(&log).expect("strace writes it");
        written.ends_with(" total\n").then_some(written)
    });
    let _ = fs::remove_file(&log);
    Some(Traced { log: whole.expect("the log ends with the server"), costs, refused })
}

/// Uses every technique, and stays connected by some.
fn visit(port: u16) -> impl Sized {
    let mut poll = Wire::open(port);
    let mut parked = Wire::open(port);
    parked.send(get("/news?wait=30", ""));
    let mut events = stream(port, "/news/sse");
    let mut socket = Socket::open(port, "/news/ws", "");
    await_readers(port, "news", "long_poll", 1);
    publish_all(port, "news");
    http::publish(port, "news", "last");
    assert_eq!(parked.answer().status, 200);
    parked.send(get("/news?wait=30&since=latest", ""));
    read_to(&mut events, "data: last");
    read_to(&mut events, ":"); // A heartbeat.
    socket.await_message(b"last");
    socket.say(true, 1, b"said on a socket");
    socket.await_message(b"said on a socket");
    assert_eq!(parked.answer().status, 200);
    for _ in 0..3 {
        poll.send(get("/news", ""));
        assert_eq!(poll.answer().status, 200);
        assert_eq!(get_once(port, "/news?since=latest", "").status, 204);
    }
    socket.close(b"\x03\xe8");
    // As much as one read takes: only another one can tell that this was all.
    let head = "PUT /big HTTP/1.1\r\nHost: witness\r\nContent-Length: 65477\r\n\r\n";
    poll.send([head.as_bytes(), &vec![b'x'; 65_477]].concat());
    assert_eq!(poll.answer().status, 201);
    // To leave with bytes unread is to reset.
    let mut leaving = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    let request = get("/sport/sse", "");
    leaving.write_all(request.as_bytes()).expect("it reads");
    leaving.peek(&mut [0]).expect("the head comes");
    drop(leaving);
    await_readers(port, "sport", "sse", 0);
    (poll, parked, events)
}

/// What the ledger charged.
fn charged(costs: &Value) -> Calls {
    let sum = |path: &str| -> u64 {
        let rows = TECHNIQUES.iter();
        rows.map(|technique| number(&costs["techniques"][technique], path)).sum()
    };
    let shared = |name: &str| number(costs, &format!("/shared/syscalls/{name}"));
    Calls::from([
        ("accept", sum("/syscalls/accept")),
        ("read", sum("/syscalls/read")),
        ("write", sum("/syscalls/write")),
        ("would_block", sum("/syscalls/would_block")),
        ("end", sum("/syscalls/end")),
        ("wait", shared("wait")),
        ("control", shared("control")),
        ("wake", shared("wake")),
        ("accept_empty", shared("accept_empty")),
        ("sample", shared("sample")),
    ])
}

/// The calls in a log, without the thread that made each. One during which another thread said
/// something is written in two lines.
fn calls(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut begun = HashMap::new();
    text.lines().filter_map(move |line| {
        let (thread, call) = line.split_once(' ').unwrap_or(("", line));
        let call = call.trim_start(); // Short numbers of threads are padded.
        if let Some(beginning) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, beginning);
            None
        } else if let Some((_, rest)) = call.split_once(" resumed>") {
            let beginning = begun.remove(thread).unwrap_or_default();
            Some(format!("{beginning}{rest}").into())
        } else {
            Some(call.into())
        }
    })
}

/// The calls of a log up to the report.
struct Log {
    calls: Calls,
    /// Descriptors of connections.
    open: HashSet<String>,
}

impl Log {
    fn read(text: &str) -> Self {
        let names = [
            "accept",
            "read",
            "write",
            "would_block",
            "end",
            "wait",
            "control",
            "wake",
            "accept_empty",
            "sample",
        ];
        let mut log = Self { calls: names.map(|name| (name, 0)).into(), open: HashSet::new() };
        for call in calls(text) {
            if call.contains(r#"{iov_base="{\"server\":\"tollway/"#) {
                return log;
            }
            log.note(&call);
        }
        panic!("no call carried the report:\n{text}");
    }

    /// Notes down one call: `recvfrom(9, "GET /"..., 65536, 0, NULL, NULL) = 83`.
    fn note(&mut self, call: &str) {
        let Some((name, rest)) = call.split_once('(') else {
            return; // A signal, or a thread's end.
        };
        let (arguments, result) = rest.rsplit_once(" = ").unwrap_or((rest, ""));
        let numbers: Vec<&str> = arguments.split([',', ')']).map(str::trim).collect();
        let descriptor = numbers[0];
        let is_guest = self.open.contains(descriptor);
        let nothing = result.contains("EAGAIN");
        match name {
            "accept4" if nothing => self.count("accept_empty"),
            "accept4" => {
                self.open.insert(result.to_owned());
                self.count("accept");
            }
            // What is one piece goes by `sendto`.
            "recvfrom" | "writev" | "sendto" if is_guest => {
                self.count(if name == "recvfrom" { "read" } else { "write" });
                if nothing {
                    self.count("would_block");
                }
            }
            "shutdown" if is_guest => self.count("end"),
            "close" if self.open.remove(descriptor) => self.count("end"),
            "epoll_wait" => self.count("wait"),
            // The three that are made before the loop turns are no connection's.
            "epoll_ctl" if self.open.contains(numbers[2]) => self.count("control"),
            "getsockopt" if arguments.contains("TCP_INFO") => self.count("sample"),
            "getsockopt" if arguments.contains("SO_MEMINFO") => self.count("sample"),
            "write" if arguments.contains(r"\1\0\0\0\0\0\0\0") => self.count("wake"),
            "read" | "readv" | "recvmsg" | "write" | "sendmsg" | "sendfile" => {
                assert!(!is_guest, "a call that the ledger does not know: {call}");
            }
            _ => {}
        }
    }

    fn count(&mut self, name: &'static str) {
        *self.calls.entry(name).or_default() += 1;
    }
}

/// Whether `strace` is here and may do what it is for.
fn may_trace() -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-D", "-o", "/dev/null", "true"]);
    let output = strace.stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success() && output.stderr.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_log_are_sorted_by_what_they_do() {
        let log = Log::read(
            r#"23322 epoll_ctl(4, EPOLL_CTL_ADD, 3, {events=EPOLLIN}) = 0
23322 read(7, "x", 1) = 1
23322 epoll_wait(4, [{events=EPOLLIN}], 1024, -1) = 1
23322 accept4(3, {sa_family=AF_INET}, [128 => 16], SOCK_CLOEXEC) = 9
23322 epoll_ctl(4, EPOLL_CTL_ADD, 9, {events=EPOLLIN}) = 0
23322 accept4(3, 0x7f, [128], SOCK_CLOEXEC) = -1 EAGAIN (Resource temporarily unavailable)
23317 <... futex resumed>)              = 0
2332  recvfrom(9, "GET / HTTP/1.1\r\n = "..., 65536, 0, NULL, NULL) = 83
23322 recvfrom(9,  <unfinished ...>
23317 futex(0x7f, FUTEX_WAIT, 0, NULL <unfinished ...>
23322 <... recvfrom resumed>0x7f, 65536, 0, NULL, NULL) = -1 EAGAIN (Resource unavailable)
23322 writev(9, [{iov_base="HTTP/1.1 200 OK"..., iov_len=215}], 1) = 215
23322 getsockopt(9, SOL_TCP, TCP_INFO, {...}, [248]) = 0
23322 shutdown(9, SHUT_WR) = 0
23322 close(9) = 0
23322 close(8) = 0
23322 writev(9, [{iov_base="HTTP"...}, {iov_base="{\"server\":\"tollway/0.1"...}], 2) = 13
23322 epoll_wait(4, [], 1024, 0) = 0
"#,
        );
        let expected = [
            ("accept", 1),
            ("read", 2),
            ("write", 1),
            ("would_block", 1),
            ("end", 2),
            ("wait", 1),
            ("control", 1),
            ("wake", 0),
            ("accept_empty", 1),
            ("sample", 1),
        ];
        assert_eq!(log.calls, expected.into());
    }
}
