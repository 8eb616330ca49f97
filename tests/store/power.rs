//! Power is lost: of each file there is what it held when it was synced for the last time, and the
//! machine has booted since. What a reader has read may be gone then, with `--sync 20ms`; but no
//! number stands for two messages, and whatever is published from then on reaches whoever comes
//! with a cursor from before.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};

use serde_json::Value;

use super::dice::Dice;
use super::server::{Server, within};
use super::shim::shimmed;
use super::{Acked, Folder, KEEPS_ALL, all, get, post, publish, split};

const LOSSES: u64 = 5;
const PUBLISHERS: usize = 2;
/// Published after each loss.
const NEW: usize = 5;
/// What is left out is so much, and nothing else comes near it.
const LEFT_OUT: u64 = 1 << 32;

/// A machine, and how often it has booted.
struct Machine {
    folder: Folder,
    boots: u64,
    test: &'static str,
    sync: &'static str,
}

impl Machine {
    fn new(test: &'static str, sync: &'static str) -> Self {
        Self { folder: Folder::new(), boots: 0, test, sync }
    }

    fn start(&self) -> Option<Server> {
        let boot_id = self.folder.path().join("boot_id");
        let id = format!("{:08x}-5a5a-4000-8000-000000000000\n", self.boots);
        fs::write(&boot_id, id).expect("it is ours");
        let boot_id = boot_id.to_str().expect("text").to_owned();
        let variables = [("SHIM_SYNCED", ".synced".to_owned()), ("SHIM_BOOT_ID", boot_id)];
        let command = shimmed(self.test, &variables)?;
        let flags = ["--data", &self.folder.file(), "--threads", "2", "--sync", self.sync];
        Some(Server::start_by(command, &[&flags[..], &KEEPS_ALL[..]].concat()))
    }

    /// To be called when no server runs.
    fn lose_power(&mut self) {
        self.boots += 1;
        for end in ["", "-wal"] {
            let file = format!("{}{end}", self.folder.file());
            let synced = format!("{file}.synced");
            let _ = fs::remove_file(&file);
            if fs::exists(&synced).expect("a folder") {
                fs::copy(synced, file).expect("it is ours");
            }
        }
    }
}

/// Publishes `count` messages; their numbers and texts. Asserts that they are new ones.
fn publish_new(port: u16, name: &str, count: usize) -> Acked {
    let one = |n| {
        let text = format!("{name}.{n}");
        let (status, answer) = post(port, &text, None);
        assert_eq!(status, 201, "{answer}");
        (split(answer["id"].as_str().expect("an id")).1, text)
    };
    (0..count).map(one).collect()
}

/// Whoever comes with the cursor `after` is told all of `new`, or of a gap.
fn hears_of(port: u16, epoch: &str, after: u64, new: &Acked) {
    let (status, page) = get(port, &format!("/t/poll?since={epoch}-{after}"));
    let messages = page["messages"].as_array().cloned().unwrap_or_default();
    let told: Vec<&Value> = messages.iter().map(|message| &message["data"]).collect();
    let missed = new.iter().find(|(_, text)| !told.contains(&&Value::from(text.as_str())));
    let gap = page.get("gap").is_some();
    assert!(
        gap || missed.is_none(),
        "cursor {after} misses {missed:?} of {new:?}: {status} {page}"
    );
}

#[test]
fn a_reader_who_read_what_a_loss_of_power_took_misses_nothing_that_is_new() {
    let test = "a_reader_who_read_what_a_loss_of_power_took_misses_nothing_that_is_new";
    // Nothing is synced but what stands there before the first message.
    let mut machine = Machine::new(test, "1h");
    let Some(server) = machine.start() else {
        return;
    };
    let taken = publish_new(server.port(), "taken", 8);
    let (epoch, found) = all(server.port());
    assert_eq!(taken, found, "they are read");
    server.end_by("KILL");
    machine.lose_power();
    let server = machine.start().expect("there is a shim");
    let warning = " a loss of power may have taken its newest messages";
    let warned = within(20_000, || server.log().contains(warning).then_some(()));
    assert!(warned.is_some(), "{}", server.log());
    let (status, page) = get(server.port(), &format!("/t/poll?since={epoch}-8"));
    assert_eq!((status, page), (204, Value::Null), "its cursor is good");
    let new = publish_new(server.port(), "new", NEW);
    assert_eq!(all(server.port()), (epoch.clone(), new.clone()), "one numbering");
    assert!(new.keys().all(|&number| number > LEFT_OUT), "{new:?}");
    for after in 0..=8 {
        hears_of(server.port(), &epoch, after, &new);
    }
    assert!(server.stop().success());
    // It has ended in order: power may go now.
    machine.lose_power();
    let server = machine.start().expect("there is a shim");
    assert!(!server.log().contains("a loss of power"), "{}", server.log());
    assert_eq!(all(server.port()), (epoch, new.clone()));
    let last = *new.keys().last().expect("some");
    assert!(publish_new(server.port(), "newer", 1).contains_key(&(last + 1)));
    assert!(server.stop().success());
}

/// Loses power at random moments under load. `takes`: it may take what was acknowledged.
fn lose_and_look(test: &'static str, sync: &'static str, takes: bool) {
    let mut machine = Machine::new(test, sync);
    let mut dice = Dice::new(23);
    let (mut log, mut epoch, mut gone) = (Acked::new(), None, 0);
    for loss in 0..LOSSES {
        let Some(server) = machine.start() else {
            return;
        };
        let port = server.port();
        let acked = Arc::new(Mutex::new(Acked::new()));
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|n| {
                let acked = Arc::clone(&acked);
                thread::spawn(move || publish(port, &format!("{loss}.{n}"), &acked))
            })
            .collect();
        thread::sleep(Duration::from_millis(dice.wide(30, 300)));
        server.end_by("KILL");
        for publisher in publishers {
            publisher.join().expect("whatever is answered is well");
        }
        log.append(&mut acked.lock().expect("nobody panics"));
        machine.lose_power();
        let server = machine.start().expect("there is a shim");
        let (of, found) = all(server.port());
        let known = log.keys().last().copied().unwrap_or_default();
        let tip = found.keys().last().copied().unwrap_or_default();
        for (number, text) in &log {
            let there = found.get(number).or((takes && *number > tip).then_some(text));
            assert_eq!(there, Some(text), "number {number}, loss {loss}");
        }
        gone += log.range(tip + 1..).count();
        let new = publish_new(server.port(), &format!("{loss}.new"), NEW);
        let first = *new.keys().next().expect("some");
        let expected = if takes { tip + LEFT_OUT + 1 } else { tip + 1 };
        assert_eq!(first, expected, "the numbers that are left out, loss {loss}");
        for after in tip.saturating_sub(3)..=known.max(tip) {
            hears_of(server.port(), &of, after, &new);
        }
        assert_eq!(*epoch.get_or_insert_with(|| of.clone()), of, "one numbering");
        log = all(server.port()).1;
        // A process that crashes takes nothing, and leaves nothing out.
        server.end_by("KILL");
        let server = machine.start().expect("there is a shim");
        assert_eq!(all(server.port()), (of, log.clone()));
        let next = publish_new(server.port(), &format!("{loss}.next"), 1);
        assert!(next.contains_key(&(first + NEW as u64)), "{next:?} behind {new:?}");
        log.extend(next);
        assert!(server.stop().success());
    }
    println!("--sync {sync}: {LOSSES} losses of power took {gone} acknowledged messages");
}

#[test]
fn a_loss_of_power_takes_the_newest_and_gives_no_number_twice() {
    let test = "a_loss_of_power_takes_the_newest_and_gives_no_number_twice";
    lose_and_look(test, "20ms", true);
}

#[test]
fn a_loss_of_power_takes_nothing_that_was_acknowledged_if_each_batch_is_synced() {
    let test = "a_loss_of_power_takes_nothing_that_was_acknowledged_if_each_batch_is_synced";
    lose_and_look(test, "always", false);
}
