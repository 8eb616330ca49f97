//! A reader that reads nothing, and a publisher that goes on until it cannot.
//!
//! Came from: tests of what a slow reader does to others. Goes to: a toy, and the kernel's tables.
//! Absent on purpose: time. A toy that can go on is told from one that cannot by what its threads
//! and sockets do.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use socket2::{Domain, Socket, Type};

use crate::http::Wire;
use crate::kernel::{ESTABLISHED, in_state, is_at_rest};
use crate::server::within;
use crate::toy::{PATIENCE_MS, Toy, post};

/// A message that fits into one read of a toy, with its head.
pub(crate) const MESSAGE_BYTES: usize = 4_000;
/// How often a process has to look the same before it counts as being at rest.
const LOOKS: usize = 10;

/// So many messages are four times what the kernel keeps for one reader that reads nothing, at
/// most.
pub(crate) fn messages() -> usize {
    let bounds = fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem").expect("Linux tells it");
    let most = bounds.split_whitespace().nth(2).and_then(|most| most.parse::<usize>().ok());
    4 * most.expect("three numbers") / MESSAGE_BYTES
}

/// A message of so many bytes.
pub(crate) fn message() -> String {
    "x".repeat(MESSAGE_BYTES)
}

/// A connection whose kernel takes a few kilobytes, and that has asked for this.
pub(crate) fn reader(port: u16, request: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor is left");
    // Set before the connection is made, it bounds what the peer may send.
    socket.set_recv_buffer_size(4096).expect("any size will do");
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into()).expect("it listens");
    let mut stream = TcpStream::from(socket);
    stream.write_all(request.as_bytes()).expect("there is room");
    stream
}

/// Publishes [`messages`] on a toy that has one reader. Tells how many were acknowledged when it
/// could not go on, or all of them. Then `release` is called, and all others have to be
/// acknowledged as well.
pub(crate) fn publish_until_stuck(toy: &Toy, release: impl FnOnce()) -> usize {
    let (sent, acknowledged) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let all = messages();
    let request = post(message());
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..all {
                let mut wire = Wire::open(toy.port());
                wire.send(&request);
                sent.fetch_add(1, SeqCst);
                assert_eq!(wire.answer().status, 201);
                acknowledged.fetch_add(1, SeqCst);
            }
        });
        // A request is with the toy, whole and read; its connection stands and every thread sleeps.
        let is_stuck = |before: usize| {
            sent.load(SeqCst) == before + 1
                && is_at_rest(toy.process(), toy.port())
                && in_state(toy.port(), ESTABLISHED) == 2
                && acknowledged.load(SeqCst) == before
        };
        let stopped = within(PATIENCE_MS, || {
            let before = acknowledged.load(SeqCst);
            (before == all || (0..LOOKS).all(|_| is_stuck(before))).then_some(before)
        });
        release();
        stopped.expect("it is stuck, or all is acknowledged")
    })
}
