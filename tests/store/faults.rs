//! Files that cannot be used are told in one line and exit code 2; a disk that fills while the
//! server runs is told to publishers, and nothing that was acknowledged is lost.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::foreign::missed;
use super::http::Wire;
use super::server::{Server, within};
use super::{Folder, KEEPS_ALL, all, get, post, start};

const PATIENCE_MS: u64 = 30_000;

/// The program, which cannot start: what it says. Exit code 2.
fn refused(mut command: Command, file: &str) -> String {
    let flags = ["--listen", "127.0.0.1:0", "--data", file];
    let out = command.args(flags).stdin(Stdio::null()).output().expect("the binary was built");
    let said = String::from_utf8(out.stderr).expect("text");
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with(&format!("tollway: --data {file}: ")), "{said}");
    said
}

fn status(port: u16, target: &str) -> u16 {
    let mut wire = Wire::open(port);
    wire.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
    wire.answer().status
}

fn tollway() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tollway"))
}

/// A file with three messages in it, closed in order.
fn filled(folder: &Folder) -> String {
    let server = start(&folder.file(), &[]);
    for text in ["one", "the second message", "three"] {
        assert_eq!(post(server.port(), text, None).0, 201);
    }
    assert!(server.stop().success());
    folder.file()
}

fn alter(file: &str, at: usize, bytes: &[u8]) {
    let mut all = fs::read(file).expect("it is there");
    all[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(file, all).expect("it is ours");
}

fn find(file: &str, text: &[u8]) -> usize {
    let all = fs::read(file).expect("it is there");
    all.windows(text.len()).position(|window| window == text).expect("it is in there")
}

#[test]
fn a_file_that_is_none_or_not_ours_is_told_so() {
    let folder = Folder::new();
    let path = folder.path().to_str().expect("text");
    assert!(refused(tollway(), path).contains("is a folder"));
    assert!(refused(tollway(), &format!("{path}/none/log.db")).contains("no such folder"));
    let file = folder.file();
    fs::write(&file, vec![b'x'; 10_000]).expect("it is ours");
    assert!(refused(tollway(), &file).contains("no file of tollway's"));
    assert_eq!(fs::read(&file).expect("it is there"), vec![b'x'; 10_000], "left as it is");
}

#[test]
fn a_file_of_another_version_or_program_is_told_so_and_left_as_it_is() {
    // The header of SQLite: the version of the schema at byte 60, the application's id at 68.
    for (at, words) in [(60, "has version 9"), (68, "of another program")] {
        let folder = Folder::new();
        let file = filled(&folder);
        alter(&file, at, &9_u32.to_be_bytes());
        let before = fs::read(&file).expect("it is there");
        assert!(refused(tollway(), &file).contains(words));
        assert_eq!(fs::read(&file).expect("it is there"), before);
    }
}

#[test]
fn a_damaged_file_is_told_so() {
    let folder = Folder::new();
    let file = filled(&folder);
    let at = find(&file, b"the second message");
    alter(&file, at, b"thE");
    assert!(refused(tollway(), &file).contains("message 2 is not as it was written"));
    let folder = Folder::new();
    let file = filled(&folder);
    let length = fs::metadata(&file).expect("it is there").len();
    let half = fs::OpenOptions::new().write(true).open(&file).expect("it is ours");
    half.set_len(length / 2).expect("it is ours");
    assert!(refused(tollway(), &file).contains("is damaged"));
}

#[test]
fn two_servers_do_not_share_a_file() {
    let folder = Folder::new();
    let first = start(&folder.file(), &[]);
    assert!(refused(tollway(), &folder.file()).contains("another process has it"));
    assert_eq!(post(first.port(), "one", None).0, 201);
    assert!(first.stop().success());
}

#[test]
fn sockets_that_are_for_another_process_are_no_reason_to_wait_for_a_file() {
    let folder = Folder::new();
    let first = start(&folder.file(), &[]);
    let mut command = tollway();
    command.env("LISTEN_PID", first.process().to_string()).env("LISTEN_FDS", "1");
    assert!(refused(command, &folder.file()).contains("another process has it"));
    assert!(first.stop().success());
}

#[test]
fn a_file_that_may_not_be_written_is_told_so() {
    let folder = Folder::new();
    let file = filled(&folder);
    let mut rights = fs::metadata(&file).expect("it is there").permissions();
    rights.set_readonly(true);
    fs::set_permissions(&file, rights).expect("it is ours");
    // Whoever may do everything is not hindered by rights.
    let as_nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let works = Command::new("setpriv").args(as_nobody).args(["cat", &file]).output();
    let reads = works.is_ok_and(|out| out.status.success());
    let mut command = tollway();
    if reads {
        command = Command::new("setpriv");
        command.args(as_nobody).arg(env!("CARGO_BIN_EXE_tollway"));
    } else if fs::OpenOptions::new().write(true).open(&file).is_ok() {
        missed::<()>("a_file_that_may_not_be_written_is_told_so", "setpriv, for root");
        return;
    }
    let said = refused(command, &file);
    assert!(said.contains("cannot be written"), "{said}");
}

#[test]
fn a_file_that_may_not_grow_is_told_so_at_the_start() {
    let folder = Folder::new();
    let mut command = Command::new("sh");
    let bounded = "ulimit -S -f 4; exec \"$0\" \"$@\"";
    command.args(["-c", bounded, env!("CARGO_BIN_EXE_tollway")]);
    let said = refused(command, &folder.file());
    assert!(said.contains("(ulimit -f)"), "{said}");
}

#[test]
fn a_file_that_goes_away_under_a_fault_is_told_so_and_is_not_made_anew() {
    let folder = Folder::new();
    let server = start(&folder.file(), &[]);
    let port = server.port();
    let (_, first) = post(port, "one", None);
    let lets = |bytes: &str| {
        let pid = server.process().to_string();
        let fsize = format!("--fsize={bytes}:unlimited");
        let status = Command::new("prlimit").args(["--pid", &pid, &fsize]).status();
        status.is_ok_and(|status| status.success())
    };
    if !lets("1") {
        missed::<()>("a_file_that_goes_away_under_a_fault_is_told_so", "prlimit");
        return;
    }
    assert_eq!(post(port, "two", None).0, 503);
    let away = format!("{}.away", folder.file());
    fs::rename(folder.file(), &away).expect("it is ours");
    assert!(lets("unlimited"));
    let reason = || {
        let mut wire = Wire::open(port);
        wire.send("GET /-/ready HTTP/1.1\r\nHost: h\r\n\r\n");
        let answer = wire.answer();
        let said = String::from_utf8(answer.body).expect("text");
        (answer.status == 503 && said.contains("is gone; put it back")).then_some(())
    };
    within(PATIENCE_MS, reason).expect("it says the reason that it has now");
    assert!(!Path::new(&folder.file()).exists(), "none is made");
    fs::rename(&away, folder.file()).expect("it is ours");
    let ready = || (status(port, "/-/ready") == 200).then_some(());
    within(PATIENCE_MS, ready).expect("it goes on with it");
    let (again, third) = post(port, "three", None);
    assert_eq!(again, 201);
    let ids = [&first, &third].map(|answer| super::split(answer["id"].as_str().expect("an id")).0);
    assert_eq!(ids[0], ids[1], "one numbering");
    assert!(server.stop().success());
}

#[test]
fn a_disk_without_room_refuses_publishers_and_loses_nothing() {
    let folder = Folder::new();
    // Room for some hundred kilobytes, until the bound on the length of files is lifted. Its signal
    // ends whoever does not care for it.
    let mut command = Command::new("sh");
    let bounded = "ulimit -S -f 600; exec \"$0\" \"$@\"";
    command.args(["-c", bounded, env!("CARGO_BIN_EXE_tollway")]);
    let file = folder.file();
    let flags = [&["--data", &file, "--threads", "2"], &KEEPS_ALL[..]].concat();
    let server = Server::start_with(command, &flags, Stdio::null());
    let port = server.port();
    let mut acked = Vec::new();
    let mut refusal = || loop {
        let text = format!("{} {}", acked.len(), "x".repeat(10_000));
        let (status, answer) = post(port, &text, None);
        if status != 201 {
            break (status, answer);
        }
        acked.push((answer["id"].as_str().expect("an id").to_owned(), text));
        assert!(acked.len() < 1_000, "there is a bound");
    };
    // It tries again at once, which may go well, and then the next message is refused.
    let says_so = || {
        let (status_told, answer) = refusal();
        assert_eq!((status_told, &answer["code"]), (503, &"store_unavailable".into()));
        (status(port, "/-/ready") == 503).then_some(())
    };
    within(PATIENCE_MS, says_so).expect("it says so");
    assert!(get(port, "/t/poll?since=earliest").0 == 200, "readers read on");
    let lifted = Command::new("prlimit")
        .args(["--pid", &server.process().to_string(), "--fsize=unlimited:unlimited"])
        .status();
    if lifted.is_ok_and(|status| status.success()) {
        let ready = || (status(port, "/-/ready") == 200).then_some(());
        within(PATIENCE_MS, ready).expect("it works again by itself");
        let (status, answer) = post(port, "at last", None);
        assert_eq!(status, 201);
        acked.push((answer["id"].as_str().expect("an id").to_owned(), "at last".to_owned()));
        let (_, costs) = get(port, "/-/costs");
        assert!(costs["store"]["failures"].as_u64() > Some(0), "{}", costs["store"]);
    } else {
        missed::<()>("a_disk_without_room_refuses_publishers (its end)", "prlimit");
    }
    server.end_by("KILL");
    let server = start(&folder.file(), &[]);
    let (_, found) = all(server.port());
    for (id, text) in &acked {
        assert_eq!(found.get(&super::split(id).1), Some(text));
    }
    assert!(server.stop().success());
    assert!(Path::new(&file).exists());
}
