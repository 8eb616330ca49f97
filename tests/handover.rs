//! One server takes over from another, and everybody goes on: readers of all techniques and
//! publishers, who come back when they are told to leave. Messages are counted at both ends.
//!
//! What is promised: nobody is refused or reset; whatever a server acknowledged is with each of its
//! readers before that one leaves, in order and once; and behind the change every reader is told of
//! a gap, for the next server numbers anew.
//!
//! Absent on purpose: what a single connection is told, byte by byte; `tests/transcripts/drain` has
//! that. Orders of events that no machine repeats; the simulator has those.

#[path = "support/http.rs"]
mod http;
#[path = "support/server.rs"]
mod server;

#[path = "handover/judge.rs"]
mod judge;
#[path = "handover/manager.rs"]
mod manager;
#[path = "handover/readers.rs"]
mod readers;

use std::env;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;

use http::Wire;
use judge::{Acked, Tally, judge, judge_raw};
use readers::{Seen, Way};
use server::{Server, within};

const PUBLISHERS: usize = 3;
/// How many publishes of each publisher are taken by either server before it stops, if
/// `HANDOVER_EACH` does not say otherwise.
const EACH: usize = 150;
/// Readers by each way, if `HANDOVER_READERS` does not say otherwise.
const READERS: usize = 3;
/// Who connect again and again until nobody listens.
const GUESTS: usize = 4;
/// Everything stays in the log, so that whoever comes late misses nothing of the next server.
const KEEPS_ALL: [&str; 2] = ["--history-messages", "1000000"];
/// Until something that has to come about has.
const PATIENCE_MS: u64 = 30_000;

/// The last message.
pub const END: &str = "end";

/// A number that a variable may set, to measure with more than the tests need.
fn number(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Publishes until `each` messages are taken by the server that it found first, and as many by the
/// one after it.
fn publish(
    port: u16,
    publisher: usize,
    each: usize,
    by_first: &AtomicUsize,
) -> Vec<(String, String)> {
    let mut acked: Vec<(String, String)> = Vec::new();
    let epoch = |id: &str| id.split('-').next().map(str::to_owned);
    let mut wire = Wire::open(port);
    let mut second = 0;
    while second < each {
        let text = format!("{publisher}.{}", acked.len());
        wire.send(format!(
            "POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        ));
        // Whatever was begun is answered: an end without an answer fails here.
        let answer = wire.answer();
        assert_eq!(answer.status, 201, "{:?}", answer.json());
        let id = answer.json()["id"].as_str().expect("an id").to_owned();
        if acked.first().is_none_or(|(first, _)| epoch(first) == epoch(&id)) {
            by_first.fetch_add(1, SeqCst);
        } else {
            second += 1;
        }
        acked.push((id, text));
        if answer.field("connection") == Some("close") {
            wire = Wire::open(port);
        }
    }
    acked
}

/// Everybody goes on at `port` while `change` brings the next server and ends the first.
fn hand_over(port: u16, change: impl FnOnce()) -> (Vec<(Way, Tally)>, usize) {
    hand_over_at(&[at(IPV4, port)], change)
}

/// As [`hand_over`], with the readers of each way in turn at these addresses.
fn hand_over_at(addresses: &[SocketAddr], change: impl FnOnce()) -> (Vec<(Way, Tally)>, usize) {
    let port = addresses[0].port();
    let (each, readers) = (number("HANDOVER_EACH", EACH), number("HANDOVER_READERS", READERS));
    let ways = Way::ALL.iter().flat_map(|&way| std::iter::repeat_n(way, readers));
    let greeted = Arc::new(Barrier::new(Way::ALL.len() * readers + 1));
    let readers: Vec<_> = ways
        .zip(addresses.iter().copied().cycle())
        .map(|(way, address)| {
            let greeted = Arc::clone(&greeted);
            (way, thread::spawn(move || readers::read(way, address, &greeted)))
        })
        .collect();
    greeted.wait();
    let by_first = Arc::new(AtomicUsize::new(0));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|n| {
            let by_first = Arc::clone(&by_first);
            thread::spawn(move || publish(port, n, each, &by_first))
        })
        .collect();
    let enough = || (by_first.load(SeqCst) >= each * PUBLISHERS).then_some(());
    within(PATIENCE_MS, enough).expect("publishers are heard");
    change();
    let mut acked = Acked::default();
    for publisher in publishers {
        acked.add(publisher.join().expect("a publisher is always answered"));
    }
    let mut wire = Wire::open(port);
    wire.send(format!("POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{END}", END.len()));
    assert_eq!(wire.answer().status, 201);
    let tallies = readers.into_iter().map(|(way, reader)| {
        let seen: Vec<Seen> = reader.join().expect("a reader is never reset");
        (way, if way == Way::Raw { judge_raw(&seen, &acked) } else { judge(way, &seen, &acked) })
    });
    (tallies.collect(), acked.len())
}

const IPV4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const IPV6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

fn at(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip, port)
}

fn tell(what: &str, (tallies, acked): &(Vec<(Way, Tally)>, usize)) {
    println!("{what}: {acked} messages acknowledged");
    for way in Way::ALL {
        let all = tallies.iter().filter(|(of, _)| *of == way).map(|(_, tally)| tally);
        let sum = |count: fn(&Tally) -> usize| all.clone().map(count).sum::<usize>();
        let (readers, gaps) = (all.clone().count(), sum(|tally| tally.gaps));
        let (delivered, repeated) = (sum(|tally| tally.delivered), sum(|tally| tally.repeated));
        let missing = sum(|tally| tally.missing);
        println!(
            "  {way:?}: {readers} readers, {delivered} delivered, {repeated} repeated, {missing} \
             missing, {gaps} gaps told"
        );
        // Everybody reads until told to leave, and is given all that the first server took.
        assert_eq!((repeated, missing), (0, 0), "{way:?}");
    }
}

#[test]
fn a_server_takes_the_port_before_the_other_lets_go() {
    for threads in ["1", "4"] {
        let old = Server::start(&[&KEEPS_ALL[..], &["--threads", threads]].concat());
        let port = old.port();
        let mut new = None;
        let tallies = hand_over(port, || {
            let listen = format!("127.0.0.1:{port}");
            let shares = ["--reuse-port", "--threads", threads, "--listen", &listen];
            new = Some(Server::start(&[&KEEPS_ALL[..], &shares].concat()));
            assert!(old.stop().success(), "exit 0");
        });
        tell(&format!("--reuse-port, {threads} threads"), &tallies);
        assert!(new.expect("started").stop().success(), "exit 0");
    }
}

#[test]
fn both_addresses_of_localhost_change_hands() {
    let has_ipv6 = TcpListener::bind(at(IPV6, 0)).is_ok();
    for threads in ["1", "4"] {
        let start = |listen: &str, more: &[&str]| {
            let command = Command::new(env!("CARGO_BIN_EXE_tollway"));
            let flags = [&KEEPS_ALL[..], &["--threads", threads], more].concat();
            Server::start_at(listen, command, &flags, Stdio::null())
        };
        let old = start("localhost:0", &[]);
        let port = old.port();
        let ips = if has_ipv6 { &[IPV4, IPV6][..] } else { &[IPV4] };
        let addresses: Vec<SocketAddr> = ips.iter().map(|&ip| at(ip, port)).collect();
        let mut new = None;
        let tallies = hand_over_at(&addresses, || {
            new = Some(start(&format!("localhost:{port}"), &["--reuse-port"]));
            assert!(old.stop().success(), "exit 0");
        });
        let what = format!("--reuse-port at {} addresses, {threads} threads", ips.len());
        tell(&what, &tallies);
        assert!(new.expect("started").stop().success(), "exit 0");
    }
}

/// A server that inherits `listener`, as a service manager would start it.
fn activated(listener: &TcpListener, threads: &str) -> Server {
    let mut command = Command::new("sh");
    let inherits = "exec 3<&0 </dev/null; \
                    LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" \"$@\"";
    command.args(["-c", inherits, env!("CARGO_BIN_EXE_tollway")]);
    let ours = OwnedFd::from(listener.try_clone().expect("a descriptor"));
    let flags = [&KEEPS_ALL[..], &["--threads", threads]].concat();
    Server::start_with(command, &flags, Stdio::from(ours))
}

#[test]
fn a_socket_that_is_inherited_is_handed_on() {
    for threads in ["1", "4"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let old = activated(&listener, threads);
        assert_eq!(old.port(), port, "what was inherited comes first");
        let mut new = None;
        let tallies = hand_over(port, || {
            // The manager starts the next one when the first has ended; who comes between waits.
            assert!(old.stop().success(), "exit 0");
            new = Some(activated(&listener, threads));
        });
        tell(&format!("an inherited socket, {threads} threads"), &tallies);
        assert!(new.expect("started").stop().success(), "exit 0");
    }
}

#[test]
fn a_socket_that_both_servers_inherit_is_never_without_one() {
    for threads in ["1", "4"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let old = activated(&listener, threads);
        let mut new = None;
        let tallies = hand_over(port, || {
            new = Some(activated(&listener, threads));
            assert!(old.stop().success(), "exit 0");
        });
        tell(&format!("a socket that both inherit, {threads} threads"), &tallies);
        assert!(new.expect("started").stop().success(), "exit 0");
    }
}

/// Many connect while a server stops to listen: each is answered, or is refused before anything was
/// said; nobody is reset.
#[test]
fn whoever_has_connected_when_the_port_is_closed_is_answered() {
    let server = Server::start(&["--threads", "2", "--drain", "5s"]);
    let port = server.port();
    let knocking = Arc::new(Barrier::new(GUESTS + 1));
    let guests: Vec<_> = (0..GUESTS)
        .map(|_| {
            let knocking = Arc::clone(&knocking);
            thread::spawn(move || readers::knock(port, &knocking))
        })
        .collect();
    knocking.wait();
    assert!(server.stop().success(), "exit 0");
    let answered: usize = guests.into_iter().map(|guest| guest.join().expect("no reset")).sum();
    println!("{answered} connections were answered");
}
