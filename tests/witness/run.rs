//! One run: a server, a capture of its port, a report, and what the two say of the same clients.
//!
//! **The moment of the report.** What is open is counted when the report is asked for, and the
//! kernel may send an acknowledgement a fifth of a second after the data. So the reporter asks,
//! over one connection, until nobody else was heard from one question on to the answer to the next:
//! that answer is the report, and the capture is cut where it was asked for. A server of one thread
//! had then done all that was to be done for anybody before it answered the first of the two. Of
//! several threads one may be behind by some reports, since it answers in the middle of a turn: its
//! numbers have to become the right ones, and the reporter asks on until they are.
//!
//! Came from: the tests. Goes to: `tcpdump`, `connection`, `classes`, `account`. Absent on purpose:
//! figures that nobody on the network can see.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::account::{Accounts, Kernel};
use crate::classes::{Published, Talk};
use crate::clients::read_on;
use crate::connection::{Connection, connections};
use crate::end::End;
use crate::pcap::Segment;
use crate::server::Server;
use crate::tcpdump::Capture;

/// What is asked for the report. Always the same bytes, so that the place of each is known.
const QUESTION: &[u8] = b"GET /-/costs HTTP/1.1\r\nHost: witness\r\n\r\n";
/// How often is asked, until everybody is quiet.
const QUESTIONS_MAX: usize = 10_000;
/// Until it is asked again, where a report was told twice.
const PAUSE: Duration = Duration::from_millis(10);
/// A read that takes longer than this fails its test.
const STALL: Duration = Duration::from_secs(20);

/// A server, and a capture of its port.
pub(crate) struct Run {
    server: Server,
    capture: Capture,
    /// How many reports may be behind.
    patience: usize,
}

/// Who asks for reports.
struct Reporter {
    stream: TcpStream,
    port: u16,
    asked: usize,
    /// Bytes of all answers.
    heard: usize,
}

/// A report, and where in its connection the answer with it begins.
struct Report {
    costs: Value,
    asked: usize,
    answer_at: usize,
}

impl Run {
    /// A fresh server of one thread with `flags`. `None`: `test` is skipped.
    pub(crate) fn start(test: &str, flags: &[&str]) -> Option<Self> {
        let server = Server::start(&[&["--threads", "1"], flags].concat());
        let capture = Capture::start(test, server.port())?;
        Some(Self { server, capture, patience: 0 })
    }

    /// As [`Run::start`], with four threads.
    pub(crate) fn start_four(test: &str, flags: &[&str]) -> Option<Self> {
        let server = Server::start(&[&["--threads", "4"], flags].concat());
        let capture = Capture::start(test, server.port())?;
        Some(Self { server, capture, patience: 200 })
    }

    /// Where clients connect to.
    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    /// Asks for the report while `guests` are still connected, and holds it against the capture.
    /// Gives the report: each of its figures is what the capture says.
    pub(crate) fn compare<G>(self, guests: G) -> Value {
        self.compare_where(guests, |_| true).0
    }

    /// The same for a browser, and without what TCP counts: where it uses a connection again for
    /// another technique, nobody can tell for which of the two it acknowledged. Gives what the
    /// capture has for each of `tags`.
    pub(crate) fn compare_above_tcp(self, tags: &[&str]) -> Vec<Accounts> {
        let (_, seen) = self.compare_where((), |figure| !figure.contains("/tcp/"));
        let of_tag = |tag: &&str| {
            let mut accounts = Accounts::default();
            let published = published(&talks(&seen));
            for talk in talks(&seen) {
                talk.tagged(tag).charge(&published, &mut accounts);
            }
            accounts
        };
        tags.iter().map(of_tag).collect()
    }

    fn compare_where<G>(
        self,
        guests: G,
        counts: impl Fn(&str) -> bool,
    ) -> (Value, Vec<Connection>) {
        let mut reporter = Reporter::new(self.server.port());
        let mut report = reporter.report(&self.capture);
        let between = |seen: &[Connection], report: &Report| -> Vec<String> {
            let all = accounts(seen, report).differences(&report.costs).into_iter();
            all.filter(|difference| counts(difference)).collect()
        };
        for _ in 0..self.patience {
            let seen = seen(&self.capture.segments(), reporter.port, &report);
            if between(&seen, &report).is_empty() {
                break;
            }
            report = reporter.report(&self.capture);
        }
        drop(guests);
        let seen = seen(&self.capture.stop(), reporter.port, &report);
        let differences = between(&seen, &report);
        assert!(differences.is_empty(), "{}\n{:#}", differences.join("\n"), report.costs);
        (report.costs, seen)
    }
}

impl Reporter {
    fn new(server_port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server_port)).expect("the server listens");
        stream.set_read_timeout(Some(STALL)).expect("not zero");
        stream.set_nodelay(true).expect("a TCP socket");
        let port = stream.local_addr().expect("it is connected").port();
        Self { stream, port, asked: 0, heard: 0 }
    }

    /// The first report before which everybody was quiet. Not one that was told before: where many
    /// ask, a report may be older than the question, and then the question is not in it.
    fn report(&mut self, capture: &Capture) -> Report {
        let mut before = self.ask().costs;
        for _ in 0..QUESTIONS_MAX {
            let report = self.ask();
            if report.costs == before {
                thread::sleep(PAUSE);
                continue;
            }
            before = report.costs.clone();
            if capture.await_in(|segments| self.was_quiet(segments)) {
                return report;
            }
        }
        panic!("somebody was heard between any two of {QUESTIONS_MAX} questions");
    }

    fn ask(&mut self) -> Report {
        let answer_at = self.heard;
        self.stream.write_all(QUESTION).expect("the server reads");
        let mut answer = Vec::new();
        let body_at = loop {
            if let Some(at) = answer.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
            self.hear(&mut answer);
        };
        let head = String::from_utf8(answer[..body_at].to_vec()).expect("a head of ASCII");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: "));
        let length: usize = length.expect("a length").parse().expect("a number");
        while answer.len() < body_at + length {
            self.hear(&mut answer);
        }
        self.heard += answer.len();
        self.asked += 1;
        Report {
            costs: serde_json::from_slice(&answer[body_at..]).expect("JSON"),
            asked: self.asked,
            answer_at,
        }
    }

    fn hear(&mut self, answer: &mut Vec<u8>) {
        let read = read_on(&mut self.stream, answer);
        assert!(read > 0, "the server ended the reporter's connection");
    }

    /// Whether nobody else was heard from the question before the last one on; `None` as long as
    /// the capture does not have the whole last answer.
    fn was_quiet(&self, segments: &[Segment]) -> Option<bool> {
        let all = connections(segments);
        let (own, others) = parted(&all, self.port);
        let own = own?;
        let since = own.place_of(false, (self.asked - 2) * QUESTION.len())?;
        let until = own.place_of(true, self.heard - 1)?;
        let heard = |other: &&Connection| other.is_seen_in(since..until);
        Some(!others.iter().any(heard))
    }
}

/// The connections as the server knew them at the moment of the report.
fn seen(segments: &[Segment], reporter: u16, report: &Report) -> Vec<Connection> {
    let all = connections(segments);
    let (own, others) = parted(&all, reporter);
    let own = own.expect("it was captured before");
    let asked_at = own.place_of(false, (report.asked - 1) * QUESTION.len());
    let asked_at = asked_at.expect("it was captured before");
    let mut seen: Vec<_> = others.iter().filter_map(|c| c.until(asked_at)).collect();
    seen.push(own.before_answer(report.answer_at));
    seen
}

/// The reporter's connection, and all others.
fn parted(all: &[Connection], reporter: u16) -> (Option<&Connection>, Vec<&Connection>) {
    let (own, others): (Vec<_>, Vec<_>) = all.iter().partition(|c| c.client_port == reporter);
    // A port that another client had before is the reporter's from its own SYN on.
    (own.last().copied(), others)
}

fn talks(seen: &[Connection]) -> Vec<Talk> {
    seen.iter().map(Talk::of).collect()
}

fn published(talks: &[Talk]) -> Published {
    let mut published = Published::default();
    for talk in talks {
        talk.note(&mut published);
    }
    published
}

/// What the connections cost. The last is the reporter's.
fn accounts(seen: &[Connection], report: &Report) -> Accounts {
    let talks = talks(seen);
    let published = published(&talks);
    let mut accounts = Accounts::default();
    for (connection, talk) in seen.iter().zip(&talks) {
        talk.charge(&published, &mut accounts);
        share_out(connection, talk, &mut accounts);
    }
    let own = seen.last().expect("the reporter was seen");
    accounts.of("other").late += own.late_at_answer(report.answer_at);
    accounts
}

/// Adds what the kernel counts on a connection to the techniques that it was of. When a request
/// makes it one of another technique, what was counted until then stays with the one before: all
/// that came until this request was there, and all that was sent before its answer.
fn share_out(connection: &Connection, talk: &Talk, accounts: &mut Accounts) {
    let end = connection.end(talk.lingers());
    let is_open = matches!(end, End::Open | End::Half(_));
    let turns = talk.turns();
    let Some(mut technique) = turns.first().map(|turn| turn.technique).or_else(|| {
        // Who never asked for anything is in no row until the end.
        (!is_open).then_some("other")
    }) else {
        accounts.strangers += 1;
        return;
    };
    accounts.of(technique).opened += 1;
    let mut shared = Kernel::default();
    for turn in turns.iter().filter(|turn| turn.is_change) {
        let until = connection.before_answer(turn.answer_at).kernel(End::Open);
        let late = connection.late_at_answer(turn.answer_at);
        let account = accounts.of(technique);
        account.kernel.add(&until.minus(&shared));
        account.late += late;
        account.left += 1;
        shared = until;
        technique = turn.technique;
        let account = accounts.of(technique);
        account.late += late;
        account.joined += 1;
    }
    let account = accounts.of(technique);
    account.kernel.add(&connection.kernel(end).minus(&shared));
    account.late += connection.late_at_end(end);
    account.closed += u64::from(!is_open);
}
