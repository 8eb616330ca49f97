//! One server takes over from another, with the file: the next one waits for it, and whoever
//! connects meanwhile waits in the kernel. Nobody is refused, and no reader hears of a gap, since
//! one numbering goes on.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use super::http::Wire;
use super::server::{Server, within};
use super::{Folder, KEEPS_ALL, all, split};

const EACH: usize = 60;
const PATIENCE_MS: u64 = 30_000;

/// A server that inherits `listener`, as a service manager would start it.
fn activated(listener: OwnedFd, file: &str) -> Server {
    let mut command = Command::new("sh");
    let inherits = "exec 3<&0 </dev/null; \
                    LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" \"$@\"";
    command.args(["-c", inherits, env!("CARGO_BIN_EXE_tollway")]);
    let flags = [&["--data", file, "--threads", "2"], &KEEPS_ALL[..]].concat();
    Server::start_with(command, &flags, Stdio::from(listener))
}

/// Publishes `EACH` messages after the change as well; numbers and texts.
fn publish(port: u16, sent: &AtomicUsize, changed: &AtomicUsize) -> Vec<(String, String)> {
    let mut acked = Vec::new();
    let mut wire = Wire::open(port);
    let mut after = 0;
    while after < EACH {
        let text = format!("m{}", acked.len());
        let length = text.len();
        wire.send(format!("POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{text}"));
        let answer = wire.answer();
        assert_eq!(answer.status, 201, "{:?}", answer.json());
        acked.push((answer.json()["id"].as_str().expect("an id").to_owned(), text));
        sent.fetch_add(1, SeqCst);
        after += changed.load(SeqCst);
        if answer.field("connection") == Some("close") {
            wire = Wire::open(port);
        }
    }
    acked
}

fn hand_over(starts_before_the_other_ends: bool) {
    let folder = Folder::new();
    let file = folder.file();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let ours = || OwnedFd::from(listener.try_clone().expect("a descriptor"));
    let old = activated(ours(), &file);
    let (sent, changed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let publisher = {
        let (sent, changed) = (Arc::clone(&sent), Arc::clone(&changed));
        thread::spawn(move || publish(port, &sent, &changed))
    };
    let enough = || (sent.load(SeqCst) >= EACH).then_some(());
    within(PATIENCE_MS, enough).expect("it is heard");
    let (descriptor, path) = (ours(), file.clone());
    let next = move || activated(descriptor, &path);
    let new = if starts_before_the_other_ends {
        let new = thread::spawn(next);
        assert!(old.stop().success(), "exit 0");
        new.join().expect("it has the file, when the other has ended")
    } else {
        assert!(old.stop().success(), "exit 0");
        next()
    };
    changed.store(1, SeqCst);
    let acked = publisher.join().expect("a publisher is always answered");
    let (epoch, found) = all(new.port());
    assert_eq!(found.len(), acked.len());
    for (id, text) in &acked {
        let (of, number) = split(id);
        assert_eq!((of, found.get(&number)), (epoch.clone(), Some(text)));
    }
    assert!(new.stop().success(), "exit 0");
}

#[test]
fn the_next_server_has_the_file_when_the_other_has_ended() {
    hand_over(false);
}

#[test]
fn a_server_that_takes_over_waits_for_the_file() {
    hand_over(true);
}
