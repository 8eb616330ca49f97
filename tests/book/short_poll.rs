//! Step 1: what a short poll without a cursor loses, and what a request in two pieces becomes.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;

use crate::http::{self, Wire, data_of, text};
use crate::server::Server;
use crate::toy::{Toy, body, post};

#[test]
fn of_two_messages_between_two_polls_one_is_lost() {
    let toy = Toy::start("short_poll");
    toy.publish("one");
    toy.publish("two");
    assert_eq!([toy.get("/"), toy.get("/")], ["two", "two"], "one is lost, and two comes twice");

    let server = Server::start(&[]);
    http::publish(server.port(), "t", "one");
    http::publish(server.port(), "t", "two");
    let answer = http::get(server.port(), "/t").json();
    assert_eq!(data_of(&answer), ["one", "two"]);
    let again = http::get(server.port(), &format!("/t?since={}", text(&answer["next"])));
    assert_eq!(again.status, 204, "with the cursor, nothing comes twice");
}

#[test]
fn a_request_in_two_pieces_is_answered_after_the_first() {
    let (first, second) = ("GE", "T /t HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let toy = Toy::start("short_poll");
    let mut wire = Wire::open(toy.port());
    wire.send(first);
    assert_eq!(wire.answer().status, 400, "nobody has sent the second piece yet");

    let server = Server::start(&[]);
    http::publish(server.port(), "t", "hello");
    let mut wire = Wire::open(server.port());
    wire.send(first);
    wire.send(second);
    assert_eq!(data_of(&wire.answer().json()), ["hello"]);
}

#[test]
fn a_body_that_comes_behind_its_head_is_lost() {
    let head = "POST /t HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    let toy = Toy::start("short_poll");
    toy.publish("before");
    let mut wire = Wire::open(toy.port());
    wire.send(head.replace("/t", "/"));
    assert_eq!(wire.answer().status, 201, "nobody has sent the body yet");
    assert_eq!(toy.get("/"), "", "a message without a word");

    let server = Server::start(&[]);
    let mut wire = Wire::open(server.port());
    wire.send(head);
    wire.send("hello");
    assert_eq!(wire.answer().status, 201);
    assert_eq!(data_of(&http::get(server.port(), "/t").json()), ["hello"]);
}

#[test]
fn a_long_message_is_cut_and_its_connection_is_reset() {
    let message = "x".repeat(10_000);
    let toy = Toy::start("short_poll");
    let mut stream = TcpStream::connect(("127.0.0.1", toy.port())).expect("it listens");
    std::io::Write::write_all(&mut stream, &post(&message)).expect("the kernel has room");
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer).expect_err("bytes were left unread");
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    assert!(toy.get("/").len() < 4096, "what one read brought, without the head");

    let server = Server::start(&[]);
    http::publish(server.port(), "t", &message);
    assert_eq!(data_of(&http::get(server.port(), "/t").json()), [message]);
}

#[test]
fn a_client_that_ends_its_side_is_answered() {
    let toy = Toy::start("short_poll");
    toy.publish("one");
    let mut wire = toy.ask("/");
    wire.half_close();
    assert_eq!(body(&wire.answer()), "one", "this much is right");
}
