//! Step 4: frames that come in pieces or together, frames that are no texts, and a queue for each
//! reader.

use crate::http;
use crate::kernel::{memory, threads};
use crate::readers::frames;
use crate::server::{Server, within};
use crate::slow;
use crate::socket::{self, Socket};
use crate::toy::{PATIENCE_MS, Toy};

const SLOW_READERS: usize = 4;

/// A toy with two sockets, and the server with two.
fn pairs() -> ((Toy, Socket, Socket), (Server, Socket, Socket)) {
    let toy = Toy::start("websocket");
    let [a, b] = ["/", "/"].map(|target| Socket::open(toy.port(), target));
    // A thread reads and a thread writes, for each. A socket whose writer is there hears all.
    let all = within(PATIENCE_MS, || (threads(toy.process()) == 5).then_some(()));
    all.expect("both are in");
    let server = Server::start(&[]);
    let [c, d] = ["/t/ws", "/t/ws"].map(|target| Socket::open(server.port(), target));
    ((toy, a, b), (server, c, d))
}

#[test]
fn a_frame_in_two_pieces_makes_the_toy_deaf() {
    let ((toy, mut a, mut b), (_server, mut c, mut d)) = pairs();
    let hello = socket::frame("Hello");
    let (first, second) = hello.split_at(7);
    a.wire.send(first);
    let gone = within(PATIENCE_MS, || (threads(toy.process()) == 4).then_some(()));
    gone.expect("the thread that read has come to an end");
    a.wire.is_taken(second);
    a.wire.is_taken(socket::frame("again"));
    b.say("from the other");
    assert_eq!(b.hear_text(), "from the other", "of the first client, nothing is heard");

    c.wire.send(first);
    c.wire.send(second);
    assert_eq!(d.hear_text(), "Hello");
}

#[test]
fn of_two_frames_in_one_piece_the_second_is_lost() {
    let ((_toy, mut a, mut b), (_server, mut c, mut d)) = pairs();
    let both = [socket::frame("one"), socket::frame("two")].concat();
    a.wire.send(&both);
    assert_eq!(b.hear_text(), "one");
    a.say("three");
    assert_eq!(b.hear_text(), "three");

    c.wire.send(&both);
    c.say("three");
    assert_eq!([d.hear_text(), d.hear_text(), d.hear_text()], ["one", "two", "three"]);
}

#[test]
fn a_close_frame_is_published() {
    let ((_toy, mut a, mut b), (_server, mut c, mut d)) = pairs();
    a.wire.send(socket::close());
    let (opcode, payload) = b.hear();
    assert_eq!((opcode, &payload[..]), (frames::TEXT, "\u{3}\u{FFFD}".as_bytes()));

    c.wire.send(socket::close());
    assert_eq!(c.hear(), (frames::CLOSE, vec![0x03, 0xE8]), "its own code comes back");
    d.say("next");
    assert_eq!(d.hear_text(), "next", "and nobody else has heard of it");
}

#[test]
fn a_text_of_126_bytes_becomes_another_one() {
    let ((_toy, mut a, mut b), (_server, mut c, mut d)) = pairs();
    let text = "x".repeat(126);
    a.say(&text);
    let (_, payload) = b.hear();
    assert_ne!(payload, text.as_bytes(), "the bytes of the length are taken for the mask");

    c.say(&text);
    assert_eq!(d.hear_text(), text);
}

/// How much a process has grown when all messages are published for so many readers that read
/// nothing.
fn growth(process: u32, port: u16, target: &str, readers: usize, publish: impl Fn()) -> usize {
    let readers: Vec<_> =
        (0..readers).map(|_| slow::reader(port, &socket::request(target))).collect();
    let before = memory(process);
    publish();
    let after = memory(process);
    drop(readers);
    after.saturating_sub(before)
}

#[test]
fn a_reader_that_reads_nothing_takes_memory_for_all_that_is_published() {
    let published = slow::messages() * slow::MESSAGE_BYTES;
    let of_toy = |readers| {
        let toy = Toy::start("websocket");
        growth(toy.process(), toy.port(), "/", readers, || {
            let come =
                within(PATIENCE_MS, || (threads(toy.process()) == 1 + 2 * readers).then_some(()));
            come.expect("all are in");
            let message = slow::message();
            (0..slow::messages()).for_each(|_| drop(toy.publish(&message)));
        })
    };
    let (alone, with_readers) = (of_toy(0), of_toy(SLOW_READERS));
    let server = Server::start(&["--threads", "1"]);
    let of_server = growth(server.process(), server.port(), "/t/ws", SLOW_READERS, || {
        let mut wire = http::Wire::open(server.port());
        (0..slow::messages()).for_each(|_| drop(http::publish_on(&mut wire, "t", slow::message())));
    });
    println!(
        "websocket: {published} bytes published; {alone} bytes with no reader, {with_readers} with \
         {SLOW_READERS}; the server {of_server}"
    );
    // The kernel keeps a quarter of what is published for each, at most.
    assert!(with_readers - alone > 2 * published, "{with_readers} and {alone}");
    assert!(of_server < published, "{of_server}");
}
