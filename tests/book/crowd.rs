//! A thousand connections: how many threads each toy has for them, and the server.

use tollway::shell::sys::raise_descriptor_limit;

use crate::http::Wire;
use crate::kernel::threads;
use crate::server::{Server, within};
use crate::socket::{self, Socket};
use crate::stream::Stream;
use crate::toy::{PATIENCE_MS, STEPS, Toy};

const CONNECTIONS: usize = 1_000;
/// All threads that a server of one loop may have; the one that says hello may begin behind
/// the port, so that no count of them taken early stands.
const SERVER_THREADS_MAX: usize = 8;

/// Waits until a process has so many threads.
fn await_threads(process: u32, count: usize, what: &str) {
    let reached = within(PATIENCE_MS, || (threads(process) == count).then_some(()));
    assert!(reached.is_some(), "{what}: {} threads, not {count}", threads(process));
}

/// As many clients as there are in the crowd, each made in the same way.
fn crowd<C>(client: impl Fn() -> C) -> Vec<C> {
    (0..CONNECTIONS).map(|_| client()).collect()
}

#[test]
fn a_thousand_connections_are_a_thousand_threads() {
    raise_descriptor_limit().expect("the kernel tells its bound");
    // Strangers who connect and say nothing.
    for step in STEPS {
        let toy = Toy::start(step);
        let strangers = crowd(|| Wire::open(toy.port()));
        await_threads(toy.process(), 1 + CONNECTIONS, step);
        drop(strangers);
        await_threads(toy.process(), 1, step);
    }
    let server = Server::start(&["--threads", "1", "--quiet"]);
    let strangers = crowd(|| Wire::open(server.port()));
    let healthy = crate::http::get(server.port(), "/-/healthy");
    assert_eq!(healthy.status, 200);
    assert!(threads(server.process()) <= SERVER_THREADS_MAX);
    drop(strangers);
}

#[test]
fn a_reader_is_two_threads() {
    raise_descriptor_limit().expect("the kernel tells its bound");
    let toy = Toy::start("long_poll");
    let readers = crowd(|| toy.ask("/"));
    await_threads(toy.process(), 1 + CONNECTIONS, "long_poll");
    drop(readers);

    let toy = Toy::start("sse");
    let readers = crowd(|| Stream::open(toy.port(), "/", ""));
    await_threads(toy.process(), 1, "sse");
    drop(readers);

    for (step, target) in [("websocket", "/"), ("all_four", "/ws")] {
        let toy = Toy::start(step);
        let readers = crowd(|| Socket::open(toy.port(), target));
        await_threads(toy.process(), 1 + 2 * CONNECTIONS, step);
        drop(readers);
    }

    let server = Server::start(&["--threads", "1", "--quiet"]);
    let readers = crowd(|| {
        let mut wire = Wire::open(server.port());
        wire.send(socket::request("/t/ws"));
        assert_eq!(wire.head().status, 101);
        wire
    });
    assert!(threads(server.process()) <= SERVER_THREADS_MAX);
    drop(readers);
}
