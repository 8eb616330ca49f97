//! Step 5: what one log mends, and what it does not.

use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use crate::http::{self, Wire, data_of};
use crate::kernel::{CLOSE_WAIT, in_state, is_at_rest, memory, threads};
use crate::server::{Server, within};
use crate::slow;
use crate::socket::{self, Socket};
use crate::stream::Stream;
use crate::toy::{PATIENCE_MS, Toy, body, post};

const MIB: usize = 1024 * 1024;
const SIGABRT: i32 = 6;

#[test]
fn a_reader_goes_from_technique_to_technique_and_misses_nothing() {
    let toy = Toy::start("all_four");
    for message in ["one", "two", "three", "four"] {
        toy.publish(message);
    }
    assert_eq!(toy.get("/poll?since=3"), "4 four\n");
    assert_eq!(toy.get("/wait?since=2"), "3 three\n4 four\n");
    let mut stream = Stream::open(toy.port(), "/sse?since=1", "");
    assert_eq!([stream.hear(), stream.hear()], ["two", "three"]);
    let mut socket = Socket::open(toy.port(), "/ws?since=3");
    assert_eq!(socket.hear_text(), "4 four");
    socket.say("five");
    assert_eq!(socket.hear_text(), "5 five");
}

#[test]
fn requests_and_frames_may_come_in_pieces() {
    let toy = Toy::start("all_four");
    let mut publisher = Wire::open(toy.port());
    for byte in post("one") {
        publisher.send([byte]);
    }
    assert_eq!(publisher.answer().status, 201);
    let mut socket = Socket::open(toy.port(), "/ws?since=1");
    for byte in [socket::frame("two"), socket::frame("three")].concat() {
        socket.wire.send([byte]);
    }
    assert_eq!([socket.hear_text(), socket.hear_text()], ["2 two", "3 three"]);
}

#[test]
fn a_reader_that_reads_nothing_holds_nobody_back() {
    let toy = Toy::start("all_four");
    let _reader = slow::reader(toy.port(), "GET /sse HTTP/1.1\r\nHost: toy\r\n\r\n");
    let message = slow::message();
    for _ in 0..slow::messages() {
        toy.publish(&message);
    }
}

#[test]
fn what_stays_of_the_faults_before() {
    let toy = Toy::start("all_four");
    toy.publish("one\n\ndata: two");
    let mut stream = Stream::open(toy.port(), "/sse", "Last-Event-ID: 1\r\n");
    assert_eq!([stream.hear(), stream.hear()], ["one", "two"], "forged, and heard again");

    let mut socket = Socket::open(toy.port(), "/ws?since=1");
    socket.say(&"x".repeat(125));
    assert_eq!(socket.hear_text(), format!("2 {}", "x".repeat(125)));
    socket.say(&"x".repeat(126));
    assert_eq!(socket.wire.some(), None, "its socket is ended");

    let toy = Toy::start("all_four");
    drop(toy.ask("/wait"));
    let told = || (in_state(toy.port(), CLOSE_WAIT) == 1).then_some(());
    within(PATIENCE_MS, told).expect("the kernel has heard that it has gone");
    let at_rest = || is_at_rest(toy.process(), toy.port()).then_some(());
    within(PATIENCE_MS, at_rest).expect("it waits");
    assert_eq!(threads(toy.process()), 2, "it has gone, and its thread stays");
}

#[test]
fn the_name_of_a_field_has_to_be_spelled_as_the_toy_spells_it() {
    let request = "POST /t HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello";
    let toy = Toy::start("all_four");
    let mut wire = Wire::open(toy.port());
    wire.send(request.replace("/t", "/"));
    assert_eq!(wire.answer().status, 201);
    assert_eq!(toy.get("/poll"), "1 \n", "a message without a word");

    let server = Server::start(&[]);
    let mut wire = Wire::open(server.port());
    wire.send(request);
    assert_eq!(wire.answer().status, 201);
    assert_eq!(data_of(&http::get(server.port(), "/t").json()), ["hello"]);
}

#[test]
fn a_length_that_is_only_announced_ends_the_toy() {
    // 2^62 bytes, more than any machine can address.
    let head = "POST /t HTTP/1.1\r\nHost: a\r\nContent-Length: 4611686018427387904\r\n\r\n";
    let mut toy = Toy::start("all_four");
    let mut wire = Wire::open(toy.port());
    wire.send(head.replace("/t", "/"));
    assert_eq!(toy.end().signal(), Some(SIGABRT), "the whole process, with all its readers");

    let server = Server::start(&[]);
    let mut wire = Wire::open(server.port());
    wire.send(head);
    assert_eq!(wire.answer().status, 413);
    assert_eq!(http::get(server.port(), "/-/healthy").status, 200);
}

#[test]
fn the_log_only_grows() {
    let message = "x".repeat(MIB / 2);
    let published = 64 * MIB;
    let toy = Toy::start("all_four");
    let before = memory(toy.process());
    for _ in 0..128 {
        toy.publish(&message);
    }
    let of_toy = memory(toy.process()) - before;

    let server = Server::start(&["--threads", "1"]);
    let before = memory(server.process());
    let mut wire = Wire::open(server.port());
    for _ in 0..128 {
        http::publish_on(&mut wire, "t", &message);
    }
    let of_server = memory(server.process()).saturating_sub(before);
    println!(
        "all_four: of {published} bytes published the toy keeps {of_toy}, the server {of_server}"
    );
    assert!(of_toy >= published, "{of_toy}");
    assert!(of_server < published / 2, "{of_server}");
}

#[test]
fn a_head_without_an_end_is_kept() {
    let line = vec![b'x'; MIB];
    let toy = Toy::start("all_four");
    let mut wire = Wire::open(toy.port());
    let before = memory(toy.process());
    for _ in 0..32 {
        wire.send(&line);
    }
    let kept = || (memory(toy.process()) >= before + 32 * MIB).then_some(());
    within(PATIENCE_MS, kept).expect("one stranger, one line, and all of it in memory");

    let server = Server::start(&[]);
    let mut wire = Wire::open(server.port());
    wire.is_taken(&line);
    assert_eq!(wire.answer().status, 414);
}

#[test]
fn out_of_descriptors_the_toy_ends() {
    let connect = |port| TcpStream::connect(("127.0.0.1", port)).expect("the kernel accepts");
    let mut toy = Toy::start_with_descriptors("all_four", 32);
    let crowd: Vec<TcpStream> = (0..32).map(|_| connect(toy.port())).collect();
    assert_eq!(toy.end().code(), Some(1), "one connection too many, and nobody is served");
    drop(crowd);

    let mut command = Command::new("sh");
    let bounded = "ulimit -n 64; exec \"$0\" \"$@\"";
    command.args(["-c", bounded, env!("CARGO_BIN_EXE_tollway")]);
    let server = Server::start_with(command, &["--threads", "1"], Stdio::null());
    let crowd: Vec<TcpStream> = (0..64).map(|_| connect(server.port())).collect();
    // Whoever has been idle for longest makes room; one that comes in the same moment is told 503.
    let came_through = within(PATIENCE_MS, || {
        let mut wire = Wire::open(server.port());
        let taken = wire.is_taken("GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = wire.answer_unless_reset().filter(|_| taken)?;
        (answer.status == 200).then_some(())
    });
    came_through.expect("who asks for something is served, although 64 strangers are there");
    drop(crowd);
}

#[test]
fn a_poll_is_a_list_with_cursors() {
    let toy = Toy::start("all_four");
    toy.publish("one");
    let mut wire = toy.ask("/wait?since=1");
    toy.publish("two");
    assert_eq!(body(&wire.answer()), "2 two\n");
}
