//! Step 3: one reader stops all, a stream that is resumed repeats itself, a message forges another,
//! and nobody is seen to leave.

use crate::http::{self, Wire};
use crate::kernel::{CLOSE_WAIT, in_state, sockets};
use crate::server::{Server, within};
use crate::slow;
use crate::stream::Stream;
use crate::toy::{PATIENCE_MS, Toy};

const READERS: usize = 100;

#[test]
fn one_reader_that_reads_nothing_stops_everybody() {
    let toy = Toy::start("sse");
    let reader = slow::reader(toy.port(), "GET / HTTP/1.1\r\nHost: toy\r\n\r\n");
    within(PATIENCE_MS, || (sockets(toy.process()) == 2).then_some(())).expect("it is in");
    let acknowledged = slow::publish_until_stuck(&toy, || drop(reader));
    println!("sse: {acknowledged} of {} messages were acknowledged", slow::messages());
    assert!(acknowledged < slow::messages(), "it goes on although nobody reads");

    let server = Server::start(&[]);
    let _reader = slow::reader(server.port(), "GET /t/sse HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut wire = Wire::open(server.port());
    for _ in 0..slow::messages() {
        http::publish_on(&mut wire, "t", slow::message());
    }
}

#[test]
fn a_reader_that_comes_back_hears_everything_again() {
    let toy = Toy::start("sse");
    toy.publish("one");
    assert_eq!(Stream::open(toy.port(), "/", "").hear(), "one");
    toy.publish("two");
    let mut again = Stream::open(toy.port(), "/", "Last-Event-ID: 1\r\n");
    assert_eq!([again.hear(), again.hear()], ["one", "two"], "its cursor is not looked at");

    let server = Server::start(&[]);
    let id = http::publish(server.port(), "t", "one");
    http::publish(server.port(), "t", "two");
    let field = format!("Last-Event-ID: {id}\r\n");
    assert_eq!(Stream::open(server.port(), "/t/sse", &field).hear(), "two");
}

#[test]
fn a_line_break_in_a_message_forges_an_event() {
    let message = "one\n\ndata: two";
    let toy = Toy::start("sse");
    toy.publish(message);
    let mut reader = Stream::open(toy.port(), "/", "");
    assert_eq!([reader.hear(), reader.hear()], ["one", "two"], "two events of one message");

    let server = Server::start(&[]);
    http::publish(server.port(), "t", message);
    let mut reader = Stream::open(server.port(), "/t/sse?since=earliest", "");
    assert_eq!(reader.hear(), message);
}

#[test]
fn a_reader_that_has_gone_is_seen_two_messages_later() {
    let toy = Toy::start("sse");
    let readers: Vec<Stream> = (0..READERS).map(|_| Stream::open(toy.port(), "/", "")).collect();
    drop(readers);
    let told = || (in_state(toy.port(), CLOSE_WAIT) == READERS).then_some(());
    within(PATIENCE_MS, told).expect("the kernel has heard that they are gone");
    // The listening socket is one more, and so is the publisher's as long as its thread has it.
    assert_eq!(sockets(toy.process()), 1 + READERS);
    toy.publish("one");
    let left = || (sockets(toy.process()) == 1 + READERS).then_some(());
    within(PATIENCE_MS, left).expect("the kernel took the message for all of them");
    toy.publish("two");
    let freed = within(PATIENCE_MS, || (sockets(toy.process()) == 1).then_some(()));
    freed.expect("now it is told that nobody reads");

    let server = Server::start(&["--threads", "1"]);
    let idle = sockets(server.process());
    let readers: Vec<Stream> =
        (0..READERS).map(|_| Stream::open(server.port(), "/t/sse", "")).collect();
    assert_eq!(sockets(server.process()), idle + READERS);
    drop(readers);
    let freed = within(PATIENCE_MS, || (sockets(server.process()) == idle).then_some(()));
    freed.expect("without any message");
}
