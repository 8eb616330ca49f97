//! Step 2: what a long poll without a cursor loses, and who keeps a thread.

use crate::http::{self, Wire, data_of};
use crate::kernel::{CLOSE_WAIT, in_state, threads};
use crate::server::{Server, within};
use crate::toy::{PATIENCE_MS, Toy, body};

/// Readers that come and go.
const READERS: usize = 100;

/// Waits until so many readers of the toy wait, each in a thread of its own.
fn await_parked(toy: &Toy, readers: usize) {
    let all = within(PATIENCE_MS, || (threads(toy.process()) == 1 + readers).then_some(()));
    all.expect("a thread for each");
    // A thread that was started has not asked for the lock yet; one that waits for the bell sleeps.
    let at_rest = || crate::kernel::is_at_rest(toy.process(), toy.port()).then_some(());
    within(PATIENCE_MS, at_rest).expect("all of them wait");
}

/// How many long polls wait at the server.
fn parked(server: &Server) -> u64 {
    let costs = http::get(server.port(), "/-/costs").json();
    costs["techniques"]["long_poll"]["parked"].as_u64().expect("a number")
}

#[test]
fn a_message_between_an_answer_and_the_next_request_is_lost() {
    let toy = Toy::start("long_poll");
    let mut heard = Vec::new();
    for message in ["one", "two", "three"] {
        // The second message comes while the reader is at home with the first one.
        let asked = (message != "two").then(|| {
            let wire = toy.ask("/");
            await_parked(&toy, 1);
            wire
        });
        toy.publish(message);
        heard.extend(asked.map(|mut wire| body(&wire.answer())));
    }
    assert_eq!(heard, ["one", "three"]);

    let server = Server::start(&[]);
    let ask = |cursor: &str| {
        let mut wire = Wire::open(server.port());
        wire.send(format!("GET /t?wait=50&since={cursor} HTTP/1.1\r\nHost: a\r\n\r\n"));
        wire
    };
    let mut first = ask("latest");
    within(PATIENCE_MS, || (parked(&server) == 1).then_some(())).expect("it waits");
    http::publish(server.port(), "t", "one");
    let answer = first.answer();
    http::publish(server.port(), "t", "two");
    let mut second = ask(answer.field("last-event-id").expect("every answer has a cursor"));
    let next = second.answer();
    assert_eq!([data_of(&answer.json()), data_of(&next.json())], [["one"], ["two"]]);
}

#[test]
fn readers_that_have_gone_keep_their_threads_until_the_next_message() {
    let toy = Toy::start("long_poll");
    let readers: Vec<Wire> = (0..READERS).map(|_| toy.ask("/")).collect();
    await_parked(&toy, READERS);
    drop(readers);
    let told = || (in_state(toy.port(), CLOSE_WAIT) == READERS).then_some(());
    within(PATIENCE_MS, told).expect("the kernel has heard that they are gone");
    assert_eq!(threads(toy.process()), 1 + READERS, "and nobody asks the kernel");
    toy.publish("one");
    let ended = within(PATIENCE_MS, || (threads(toy.process()) == 1).then_some(()));
    ended.expect("their threads answer them, and end");

    let server = Server::start(&["--threads", "1"]);
    http::publish(server.port(), "t", "one");
    let readers: Vec<Wire> = (0..READERS)
        .map(|_| {
            let mut wire = Wire::open(server.port());
            wire.send("GET /t?wait=50&since=latest HTTP/1.1\r\nHost: a\r\n\r\n");
            wire
        })
        .collect();
    let all = within(PATIENCE_MS, || (parked(&server) == READERS as u64).then_some(()));
    all.expect("all of them wait");
    drop(readers);
    let freed = within(PATIENCE_MS, || (parked(&server) == 0).then_some(()));
    freed.expect("their places are free, without any message");
}

#[test]
fn a_half_close_looks_like_a_goodbye() {
    let toy = Toy::start("long_poll");
    let mut wire = toy.ask("/");
    wire.half_close();
    drop(toy.ask("/"));
    await_parked(&toy, 2);
    let told = || (in_state(toy.port(), CLOSE_WAIT) == 2).then_some(());
    within(PATIENCE_MS, told).expect("one stays and one has gone, and both look the same");
    assert_eq!(threads(toy.process()), 3, "it keeps both");
    toy.publish("one");
    assert_eq!(body(&wire.answer()), "one");

    let server = Server::start(&[]);
    let ask = || {
        let mut wire = Wire::open(server.port());
        wire.send("GET /t?wait=50&since=latest HTTP/1.1\r\nHost: a\r\n\r\n");
        wire
    };
    let mut wire = ask();
    wire.half_close();
    let gone = ask();
    within(PATIENCE_MS, || (parked(&server) == 2).then_some(())).expect("both wait");
    drop(gone);
    within(PATIENCE_MS, || (parked(&server) == 1).then_some(())).expect("it tells them apart");
    http::publish(server.port(), "t", "one");
    assert_eq!(data_of(&wire.answer().json()), ["one"]);
}
