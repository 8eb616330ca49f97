//! What strangers can make a real process hold, in user space and in the kernel: each fact on
//! loopback, measured from outside.
//!
//! Absent on purpose: figures without a bound. What a test compares with is what the limits
//! promise, or what an idle server takes.

#[path = "support/http.rs"]
mod http;
#[path = "support/server.rs"]
mod server;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use flate2::{Compress, Compression, FlushCompress};
use tollway::limits::Limits;

use http::{Wire, publish};
use server::{Server, for_threads_with, within};

/// How long a server may take for what it is to do after a second.
const PATIENCE_MS: u64 = 60_000;
/// Sooner than Linux gives up an orphan by itself: eight tries, the first after 200 ms, each after
/// twice the time of the one before.
const GIVEN_UP_MS: u64 = 20_000;

/// How many connections ended for this reason.
fn closed(server: &Server, reason: &str) -> u64 {
    let mut wire = Wire::open(server.port());
    wire.send("GET /-/costs HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let costs = wire.answer().json();
    let techniques = costs["techniques"].as_object().expect("an object");
    let of = |payer: &serde_json::Value| payer["connections"]["closed"][reason].as_u64();
    techniques.values().filter_map(of).sum()
}

/// States of a socket in `proc_net_tcp(5)`.
const ESTABLISHED: &str = "01";
const FIN_WAIT1: &str = "04";

/// How many of the server's sockets are in a state.
fn sockets(server: &Server, state: &str) -> usize {
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux");
    let port = format!(":{:04X}", server.port());
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 3 && row[1].ends_with(&port) && row[3] == state).count()
}

/// The server's sockets for which the kernel still tries to send something after they were closed.
fn orphans(server: &Server) -> usize {
    sockets(server, FIN_WAIT1)
}

#[test]
fn a_peer_that_stalls_leaves_nothing_in_the_kernel() {
    for_threads_with(&["--stall-timeout", "1s"], |server| {
        for _ in 0..20 {
            publish(server.port(), "big", "z".repeat(50_000));
        }
        let poll = "GET /big HTTP/1.1\r\nHost: a\r\n\r\n".repeat(8);
        let stream = "GET /big/sse?since=earliest HTTP/1.1\r\nHost: a\r\n\r\n";
        let wires: Vec<Wire> = [&poll[..], stream, &poll, stream]
            .iter()
            .map(|request| {
                let mut wire = Wire::open(server.port());
                wire.send(request);
                wire
            })
            .collect();
        let all = within(PATIENCE_MS, || (closed(server, "stalled") == 4).then_some(()));
        all.expect("who takes nothing is given up");
        // They are counted before they are closed, and are no orphans before that.
        let end = within(PATIENCE_MS, || (sockets(server, ESTABLISHED) == 0).then_some(()));
        end.expect("they are closed");
        assert_eq!(orphans(server), 0);
        drop(wires);
    });
}

#[test]
fn last_bytes_that_nobody_takes_are_not_kept_for_long() {
    for_threads_with(&["--stall-timeout", "1s"], |server| {
        for _ in 0..20 {
            publish(server.port(), "big", "z".repeat(50_000));
        }
        let mut wire = Wire::open(server.port());
        wire.send("GET /big?limit=3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answered = within(PATIENCE_MS, || (closed(server, "answered") > 0).then_some(()));
        answered.expect("it lingers, and is closed");
        let gone = within(GIVEN_UP_MS, || (orphans(server) == 0).then_some(()));
        gone.expect("the kernel gives up as well");
        drop(wire);
    });
}

const MIB: usize = 1024 * 1024;

/// What the process has in memory, or had at most, in bytes: `proc_pid_status(5)`.
fn memory(server: &Server, field: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("Linux tells it");
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).expect("KiB") * 1024
}

/// Waits until a server has let go of what read its command line, and serves.
fn settle(server: &Server) {
    let mut wire = Wire::open(server.port());
    wire.send("GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    wire.answer();
}

/// What a server has in memory before anybody makes it grow. Its most is counted anew from here.
fn idle(server: &Server) -> usize {
    settle(server);
    fs::write(format!("/proc/{}/clear_refs", server.process()), "5").expect("a process of ours");
    memory(server, "VmRSS:")
}

/// Connections that say something and read nothing.
fn crowd(server: &Server, count: usize, says: impl Fn(usize) -> Vec<u8>) -> Vec<TcpStream> {
    let mut streams: Vec<(TcpStream, Vec<u8>)> = (0..count)
        .map(|n| {
            let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
            stream.set_nonblocking(true).expect("a socket");
            (stream, says(n))
        })
        .collect();
    // Whoever is refused cannot say more; whoever is not read is as far as it gets.
    let said = within(PATIENCE_MS, || {
        for (stream, left) in &mut streams {
            match stream.write(left) {
                Ok(written) => drop(left.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => left.clear(),
            }
        }
        streams.iter().all(|(_, left)| left.is_empty()).then_some(())
    });
    said.expect("it is read, or refused");
    streams.into_iter().map(|(stream, _)| stream).collect()
}

fn upgrade(topic: &str, fields: &str) -> String {
    format!(
        "GET /{topic}/ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         {fields}\r\n"
    )
}

/// The first frame of a message that goes on; its mask is zero.
fn fragment(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    // A length has one spelling, the shortest: RFC 6455 §5.2.
    match u16::try_from(payload.len()) {
        Ok(length) => frame.extend([&[0xFE], &length.to_be_bytes()[..]].concat()),
        Err(_) => frame.extend([&[0xFF], &(payload.len() as u64).to_be_bytes()[..]].concat()),
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// A kilobyte that inflates to a megabyte, and does not end there.
fn bomb() -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(64 * 1024);
    let says = vec![b'a'; MIB - 1];
    compress.compress_vec(&says, &mut out, FlushCompress::Sync).expect("room");
    out
}

#[test]
fn what_strangers_do_not_finish_is_bounded_over_all_of_them() {
    let body = |_| {
        let head = format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {MIB}\r\n\r\n");
        [head.into_bytes(), vec![b'b'; MIB - 1]].concat()
    };
    let message =
        |_| [upgrade("x", "").into_bytes(), fragment(0x01, &vec![b'a'; MIB - 1])].concat();
    let bomb = bomb();
    let compressed = |_| {
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        [upgrade("x", offer).into_bytes(), fragment(0x41, &bomb)].concat()
    };
    let kinds: [&dyn Fn(usize) -> Vec<u8>; 3] = [&body, &message, &compressed];
    for says in kinds {
        for_threads_with(&["--max-unfinished", "16MiB", "--deflate"], |server| {
            let idle = idle(server);
            let streams = crowd(server, 100, says);
            let refused = within(PATIENCE_MS, || (closed(server, "unfinished") > 50).then_some(()));
            assert!(refused.is_some(), "no room for all: {}", closed(server, "unfinished"));
            publish(server.port(), "x", "a good one");
            let held = memory(server, "VmHWM:") - idle;
            assert!(held < 16 * MIB + 24 * MIB, "{held} bytes");
            drop(streams);
        });
    }
}

#[test]
fn renditions_and_topics_are_within_what_may_be_retained() {
    let flags = ["--retain-bytes", "16MiB", "--history-bytes", "8MiB", "--history-messages"];
    for_threads_with(&[&flags[..], &["100000", "--deflate"]].concat(), |server| {
        let idle = idle(server);
        let mut wire = Wire::open(server.port());
        for n in 0..12_000 {
            http::publish_on(&mut wire, &format!("t{}", n % 1000), "lorem ipsum ".repeat(150));
        }
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let v1 = "Sec-WebSocket-Protocol: tollway.v1\r\n";
        // What is said so often is small when it is compressed.
        for (ask, least) in [
            ("/poll HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), MIB),
            ("/sse?since=earliest HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), MIB),
            (upgrade("", offer).replacen("GET //ws", "/ws?since=earliest", 1), MIB / 32),
            (upgrade("", v1).replacen("GET //ws", "/ws?since=earliest", 1), MIB),
        ] {
            let readers = crowd(server, 200, |n| format!("GET /t{n}{ask}").into_bytes());
            let mut heard = 0;
            let told = within(PATIENCE_MS, || {
                let mut scratch = [0; 16_384];
                for mut reader in &readers {
                    heard += reader.read(&mut scratch).unwrap_or(0);
                }
                (heard > least).then_some(())
            });
            assert!(told.is_some(), "they are told what is retained: {heard} bytes of {ask}");
        }
        let held = memory(server, "VmHWM:") - idle;
        assert!(held < 3 * 16 * MIB, "{held} bytes");
    });
}

/// Every publish is another client's, to another topic, with another key, all as long as may be:
/// what a network of many addresses, or one /48 of IPv6, can do.
#[test]
fn what_is_remembered_of_publishers_is_within_its_bound() {
    let few = ["--history-messages", "1", "--retain-bytes", "4MiB", "--history-bytes", "2MiB"];
    let proxy = ["--trust-proxy", "127.0.0.1", "--max-publishes", "1000"];
    for_threads_with(&[&few[..], &proxy].concat(), |server| {
        let idle = idle(server);
        let mut wire = Wire::open(server.port());
        for batch in 0..800 {
            let requests = (0..100).map(|n| {
                let n = batch * 100 + n;
                let client = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
                format!(
                    "PUT /{n:064} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\
                     Idempotency-Key: \"{n:0126}\"\r\nContent-Length: 1\r\n\r\nx"
                )
            });
            wire.send(requests.collect::<String>());
            for _ in 0..100 {
                assert_eq!(wire.answer().status, 201);
            }
        }
        let held = memory(server, "VmHWM:") - idle;
        println!("{} MiB of {} MiB", held / MIB, Limits::REMEMBERED_BYTES / MIB);
        assert!(held < Limits::REMEMBERED_BYTES + 2 * 4 * MIB, "{held} bytes");
    });
}

/// How many bytes WebSockets have sent, by the server's count.
fn received(server: &Server) -> u64 {
    let costs = http::get(server.port(), "/-/costs").json();
    costs["techniques"]["websocket"]["bytes_in"]["framing"].as_u64().expect("it is told")
}

#[test]
fn what_only_the_start_needed_is_let_go_of() {
    // One thread: what each of them takes comes in place of it.
    let server = Server::start(&["--threads", "1"]);
    settle(&server);
    let (now, peak) = (memory(&server, "VmRSS:"), memory(&server, "VmHWM:"));
    assert!(now + MIB / 2 < peak, "{now} of {peak} bytes are resident");
}

#[test]
fn a_flood_leaves_no_memory_behind() {
    const CLIENTS: usize = 100;
    const FRAMES: usize = 10_000;
    const KEPT: usize = 16 * MIB;
    for_threads_with(&["--history-messages", "10"], |server| {
        let idle = idle(server);
        let frames = [0x81, 0x80, 0, 0, 0, 0].repeat(FRAMES);
        let all = (CLIENTS * frames.len()) as u64;
        let streams = crowd(server, CLIENTS, |n| {
            [upgrade(&format!("f{n}"), "").into_bytes(), frames.clone()].concat()
        });
        let read = within(2 * PATIENCE_MS, || (received(server) == all).then_some(()));
        assert!(read.is_some(), "{} of {all} bytes were read", received(server));
        let peak = memory(server, "VmHWM:") - idle;
        assert!(peak > KEPT, "a flood that takes {peak} bytes shows nothing");
        let small = within(PATIENCE_MS, || (memory(server, "VmRSS:") < idle + KEPT).then_some(()));
        small.unwrap_or_else(|| panic!("{} bytes are left", memory(server, "VmRSS:") - idle));
        drop(streams);
    });
}

#[test]
fn with_every_limit_at_its_worst_a_server_stays_below_its_worst_case() {
    const CONNECTIONS: usize = 240;
    let limits = Limits {
        message_bytes_max: 64 * 1024,
        retain_bytes: 8 * MIB,
        history_bytes: MIB,
        unfinished_bytes_max: 4 * MIB,
        // Each thread has its share of the places, and the kernel does not fill threads evenly:
        // with fewer, the publisher might make room for one of the crowd.
        connections_max: 2 * CONNECTIONS,
        ..Limits::default()
    };
    let flags = [
        ["--max-message", "64KiB"],
        ["--retain-bytes", "8MiB"],
        ["--history-bytes", "1MiB"],
        ["--max-unfinished", "4MiB"],
        ["--max-connections", "480"],
    ];
    for_threads_with(&[&flags.concat()[..], &["--deflate"]].concat(), |server| {
        let mut wire = Wire::open(server.port());
        for n in 0..300 {
            http::publish_on(&mut wire, &format!("t{}", n % 8), "\u{1}".repeat(60_000));
        }
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let held = crowd(server, CONNECTIONS, |n| match n % 4 {
            0 => format!("GET /t{} HTTP/1.1\r\nHost: a\r\n\r\n", n % 8).repeat(9).into_bytes(),
            1 => format!("GET /t{}/sse?since=earliest HTTP/1.1\r\nHost: a\r\n\r\n", n % 8).into(),
            2 => [upgrade("x", offer).into_bytes(), fragment(0x41, &bomb())].concat(),
            _ => b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 65000\r\n\r\nxxxxxxxx".to_vec(),
        });
        for n in 0..200 {
            http::publish_on(&mut wire, &format!("t{}", n % 8), "\u{1}".repeat(60_000));
        }
        let (peak, worst) = (memory(server, "VmHWM:"), limits.worst_case(4));
        let bound = worst.server + CONNECTIONS * worst.connection;
        assert!(peak < bound, "{peak} of {bound}");
        println!("{} MiB of {} MiB", peak / MIB, bound / MIB);
        drop(held);
    });
}
