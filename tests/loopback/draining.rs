//! `--drain`: who is waited for, what the log and the exit code say, and how an operator who has no
//! patience ends it.

use crate::http::{Wire, get};
use crate::server::{Server, for_threads_with, within};

/// Until the server has heard a signal.
const PATIENCE_MS: u64 = 60_000;

/// An event stream that has been greeted.
fn reader(port: u16) -> Wire {
    let mut wire = Wire::open(port);
    wire.send("GET /news/sse HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(wire.head().status, 200);
    assert!(wire.chunk().is_some(), "a cursor comes first");
    wire
}

/// An upload that was begun, and stays so. Its beginning comes with a whole request, so it has been
/// read when that one is answered.
fn unfinished_upload(port: u16) -> Wire {
    let mut wire = Wire::open(port);
    wire.send(
        "GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n\
         POST /news HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhal",
    );
    assert_eq!(wire.answer().status, 200);
    wire
}

/// The rest of a stream: its last piece, which says when to come back, and its end in good order.
fn assert_takes_leave(mut reader: Wire) {
    let last = String::from_utf8(reader.chunk().expect("a word of goodbye")).expect("text");
    assert!(last.starts_with("retry: "), "{last:?}");
    assert_eq!(reader.chunk(), None, "the last chunk");
    assert_eq!(reader.some(), None, "and the end");
}

#[test]
fn a_drain_that_everybody_obeys_ends_before_its_time() {
    for threads in ["1", "4"] {
        let server = Server::start(&["--threads", threads, "-v", "--drain", "25s"]);
        let readers: Vec<Wire> = (0..3).map(|_| reader(server.port())).collect();
        let leaving = std::thread::spawn(|| readers.into_iter().for_each(assert_takes_leave));
        let (status, output) = server.stop_and_tell();
        leaving.join().expect("readers are told");
        assert_eq!(status.code(), Some(0), "{output}");
        let line = "drained: 3 connections ended in good order, 0 were cut";
        assert!(output.contains(line), "{output}");
    }
}

#[test]
fn whoever_is_left_at_the_end_of_a_drain_is_cut_and_counted() {
    for threads in ["1", "4"] {
        let server = Server::start(&["--threads", threads, "--drain", "3s"]);
        let upload = unfinished_upload(server.port());
        let reader = reader(server.port());
        let leaving = std::thread::spawn(|| assert_takes_leave(reader));
        let (status, output) = server.stop_and_tell();
        leaving.join().expect("a reader is told");
        assert_eq!(status.code(), Some(0), "{output}");
        let line = "drained: 1 connections ended in good order, 1 were cut";
        assert!(output.contains(line), "a warning needs no flag: {output}");
        drop(upload);
    }
}

#[test]
fn an_upload_that_was_begun_is_finished_during_a_drain() {
    for_threads_with(&["-v", "--drain", "25s"], |server| {
        let mut upload = unfinished_upload(server.port());
        server.signal("TERM");
        await_signal(server);
        upload.send("f of it");
        let answer = upload.answer();
        assert_eq!(answer.status, 201);
        assert_eq!(answer.field("connection"), Some("close"));
    });
}

fn await_signal(server: &Server) {
    let heard = || server.log().contains("signal 15: ending within").then_some(());
    within(PATIENCE_MS, heard).expect("a signal is heard");
}

#[test]
fn a_second_signal_ends_the_process_where_it_is() {
    for (second, code) in [("TERM", 143), ("INT", 130)] {
        let flags = ["--threads", "2", "-v", "--drain", "25s", "--body-timeout", "1m"];
        let server = Server::start(&flags);
        assert_eq!(get(server.port(), "/-/ready").status, 200);
        let _upload = unfinished_upload(server.port());
        server.signal("TERM");
        await_signal(&server);
        let mark = "drained:";
        assert!(!server.log().contains(mark), "an upload is waited for");
        assert_eq!(server.end_by(second), Some(code));
    }
}
