//! What the program writes, where it is read late, or never, or cannot be written at all.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::http::{Wire, get};
use crate::server::{Server, fresh_path, within};

/// From the start of a process to its end, or to its first word.
const PATIENCE_MS: u64 = 60_000;

/// The program, with nothing of ours around it.
fn tollway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A process that is gone when the test is.
struct Process(Child);

impl Process {
    fn start(mut command: Command) -> Self {
        Self(command.spawn().expect("it was built"))
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        within(PATIENCE_MS, || self.0.try_wait().expect("our child"))
    }

    /// Asks it to end as an operator does, and tells whether it ended well.
    fn stops_well(&mut self) -> bool {
        let process = self.0.id().to_string();
        let kill = Command::new("sh").args(["-c", "kill \"$0\"", &process]).status();
        assert!(kill.expect("a POSIX shell").success());
        self.ended().is_some_and(|status| status.success())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn code(mut command: Command) -> Option<i32> {
    Process(command.spawn().expect("it was built")).ended().expect("it ends").code()
}

/// The writing end of a pipe that nobody reads any more.
fn broken() -> Stdio {
    let (reader, writer) = io::pipe().expect("two descriptors");
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").expect("every Linux has it").into()
}

#[test]
fn an_unread_log_stops_nobody() {
    for threads in ["1", "4"] {
        let port_file = fresh_path("port");
        let path = port_file.to_str().expect("UTF-8");
        let (unread, log) = io::pipe().expect("two descriptors");
        let mut command = tollway(&["-v", "--threads", threads, "--port-file", path]);
        command.args(["--listen", "127.0.0.1:0"]).stderr(log);
        let mut server = Process::start(command);
        let port = port_in(&port_file);
        let mut wire = Wire::open(port);
        // Far more than a pipe and the queue behind it hold.
        let target = format!("/-/healthy?{}", "x".repeat(4_000));
        for _ in 0..400 {
            wire.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert_eq!(wire.answer().status, 200);
        }
        assert_eq!(get(port, "/-/healthy").status, 200);
        assert!(server.stops_well(), "a signal is heard, and the log does not hold up the end");
        drop(unread);
    }
}

#[test]
fn a_log_whose_reader_is_gone_stops_nobody() {
    let port_file = fresh_path("port");
    let path = port_file.to_str().expect("UTF-8");
    let mut command = tollway(&["-v", "--listen", "127.0.0.1:0", "--port-file", path]);
    command.stderr(broken()).stdout(full());
    let mut server = Process::start(command);
    let port = port_in(&port_file);
    assert_eq!(get(port, "/-/healthy").status, 200);
    assert_eq!(get(port, "/-/healthy").status, 200);
    assert!(server.stops_well());
}

#[test]
fn what_is_refused_at_the_door_or_in_its_head_is_in_the_log() {
    for (bound, status, why) in [
        ("--max-connections", 503, "all places are taken (see --max-connections, and ulimit -n)"),
        ("--max-connections-per-address", 429, "an address has as many as it may (see --max-conn"),
    ] {
        let server = Server::start(&["-v", "--threads", "1", bound, "1"]);
        let mut wire = Wire::open(server.port());
        wire.send("GET /news/sse HTTP/1.1\r\nHost: a\r\n\r\n");
        wire.head();
        let refused = get(server.port(), "/news");
        assert_eq!(refused.status, status);
        assert!(refused.body.ends_with(b"}\n"), "people read it at a prompt");
        // RFC 9110 §6.6.1: of these two, the latter has to say it.
        assert_eq!(refused.field("date").is_some(), status == 429);
        drop(wire);
        let asks = || {
            let mut wire = Wire::open(server.port());
            wire.send("GET /news HTTP/1.1\r\n\r\n");
            (wire.answer().status == 400).then_some(())
        };
        within(20_000, asks).expect("a place is free, and a Host is missing");
        let says = |line: &str| within(20_000, || server.log().contains(line).then_some(()));
        assert!(says(&format!("connections are refused: {why}")).is_some(), "{}", server.log());
        assert!(says(" - - 400 other").is_some(), "{}", server.log());
        assert!(server.stop().success());
    }
}

#[test]
fn exit_codes_hold_where_standard_error_cannot_be_written() {
    let wrong: [&[&str]; 4] = [
        &["--no-such-flag"],
        &["--static", "/proc/nonexistent", "--listen", "127.0.0.1:0"],
        &["--port-file", "/proc/nonexistent/port", "--listen", "127.0.0.1:0"],
        &["compare", "--no-such-flag"],
    ];
    for arguments in wrong {
        for stderr in [broken, full] {
            let mut command = tollway(arguments);
            command.stderr(stderr());
            assert_eq!(code(command), Some(2), "{arguments:?}");
        }
    }
}

#[test]
fn whoever_closes_standard_output_has_seen_enough() {
    let one = ["compare", "--clients", "1", "--messages", "1", "--techniques", "websocket"];
    let asked: [&[&str]; 4] = [&["--help"], &["--version"], &["compare", "--help"], &one];
    for arguments in asked {
        let mut command = tollway(arguments);
        command.stdout(broken());
        assert_eq!(code(command), Some(0), "{arguments:?}");
    }
    let mut command = tollway(&["--help"]);
    command.stdout(full());
    assert_eq!(code(command), Some(1), "what was asked for is not there");
}

fn port_in(file: &Path) -> u16 {
    let text = || fs::read_to_string(file).ok().filter(|text| text.ends_with('\n'));
    let text = within(PATIENCE_MS, text).expect("a port file");
    let _ = fs::remove_file(file);
    text.trim().parse().expect("one port")
}

/// Starts a server with this port file, hands it what `read` reads from somewhere as its port,
/// wants an answer there, and ends it.
fn tells_its_port(mut command: Command, read: impl FnOnce() -> String + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(read()));
    command.args(["--listen", "127.0.0.1:0"]);
    let mut server = Process::start(command);
    let text = receiver.recv_timeout(Duration::from_millis(PATIENCE_MS)).expect("a port");
    let line = text.lines().next().expect("a line");
    assert_eq!(get(line.parse().expect("a port"), "/-/healthy").status, 200);
    assert!(server.stops_well());
}

fn fifo() -> PathBuf {
    let fifo = fresh_path("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("coreutils").success());
    fifo
}

#[test]
fn a_fifo_is_written_into_and_stays_one() {
    let fifo = fifo();
    let command = tollway(&["--port-file", fifo.to_str().expect("UTF-8")]);
    let path = fifo.clone();
    tells_its_port(command, move || fs::read_to_string(path).expect("a FIFO"));
    assert!(fs::symlink_metadata(&fifo).expect("it stays").file_type().is_fifo());
    let _ = fs::remove_file(fifo);
}

#[test]
fn a_fifo_that_nobody_reads_yet_holds_nothing_up() {
    let fifo = fifo();
    let (reader, writer) = io::pipe().expect("two descriptors");
    let mut command = tollway(&["--listen", "127.0.0.1:0"]);
    command.args(["--port-file", fifo.to_str().expect("UTF-8")]).stdout(writer);
    let mut server = Process::start(command);
    let mut greeting = String::new();
    BufReader::new(reader).read_line(&mut greeting).expect("text");
    let (url, _) = greeting.split_once("/ (").expect("an address");
    let (_, port) = url.rsplit_once(':').expect("a port");
    assert_eq!(get(port.parse().expect("a port"), "/-/healthy").status, 200);
    assert_eq!(fs::read_to_string(&fifo).expect("a FIFO"), format!("{port}\n"));
    assert!(server.stops_well());
    let _ = fs::remove_file(fifo);
}

#[test]
fn a_descriptor_of_ours_is_written_where_it_stands() {
    // Standard output: the port comes first, and then the greeting.
    let (mut reader, writer) = io::pipe().expect("two descriptors");
    let mut command = tollway(&["--port-file", "/dev/stdout"]);
    command.stdout(writer);
    tells_its_port(command, move || {
        let mut text = String::new();
        while !text.ends_with("\n\n") {
            let mut byte = [0];
            reader.read_exact(&mut byte).expect("the greeting ends with an empty line");
            text.push(byte[0].into());
        }
        let (_, greeting) = text.split_once('\n').expect("two parts");
        assert!(greeting.starts_with("tollway "), "{text}");
        text
    });
    // Another one, by both its names.
    for name in ["/dev/fd/3", "/proc/self/fd/3"] {
        let (mut reader, writer) = io::pipe().expect("two descriptors");
        let mut command = Command::new("sh");
        command.args(["-c", "exec 3>&1 >/dev/null; exec \"$@\"", "sh"]);
        command.args([env!("CARGO_BIN_EXE_tollway"), "-q", "--port-file", name]);
        command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null());
        tells_its_port(command, move || {
            let mut text = String::new();
            let mut buffer = [0; 16];
            while !text.ends_with('\n') {
                let bytes = reader.read(&mut buffer).expect("a pipe");
                text += str::from_utf8(&buffer[..bytes]).expect("digits");
            }
            text
        });
    }
}

#[test]
fn a_file_that_is_appended_to_keeps_what_is_in_it() {
    let out = fresh_path("out");
    fs::write(&out, "before\n").expect("the scratch directory is writable");
    let file = File::options().append(true).open(&out).expect("just written");
    let mut command = tollway(&["-q", "--port-file", "/dev/stdout"]);
    command.stdout(file);
    let path = out.clone();
    tells_its_port(command, move || {
        let text = || fs::read_to_string(&path).ok().filter(|text| text.lines().count() == 2);
        let text = within(PATIENCE_MS, text).expect("a line more");
        text.strip_prefix("before\n").expect("it stays").to_owned()
    });
    let _ = fs::remove_file(out);
}

#[test]
fn a_plain_file_is_replaced_and_a_link_stays_a_link() {
    let folder = fresh_path("links");
    fs::create_dir_all(folder.join("sub")).expect("the scratch directory is writable");
    let (file, link) = (folder.join("sub/port"), folder.join("link"));
    symlink("sub/port", &link).expect("a link");
    for there in [false, true] {
        if there {
            File::create(&file).and_then(|mut f| f.write_all(b"old")).expect("writable");
        } else {
            let _ = fs::remove_file(&file);
        }
        let command = tollway(&["--port-file", link.to_str().expect("UTF-8")]);
        let path = file.clone();
        tells_its_port(command, move || {
            let text = || fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n'));
            within(PATIENCE_MS, text).expect("a port")
        });
        assert!(fs::symlink_metadata(&link).expect("it stays").is_symlink());
        let left = fs::read_dir(folder.join("sub")).expect("a folder").count();
        assert_eq!(left, 1, "nothing is left beside it");
    }
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn what_cannot_be_written_is_wrong_use() {
    let folder = fresh_path("folder");
    fs::create_dir_all(&folder).expect("the scratch directory is writable");
    for path in [folder.to_str().expect("UTF-8"), "/proc/nonexistent/port", "/dev/fd/987"] {
        let mut command = tollway(&["--listen", "127.0.0.1:0", "--port-file", path]);
        let output = command.stderr(Stdio::piped()).output().expect("it was built");
        assert_eq!(output.status.code(), Some(2), "{path}");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(said.starts_with(&format!("tollway: --port-file {path}: ")), "{said}");
        assert!(said.ends_with("; name a file we may write\n") && said.lines().count() == 1);
    }
    let _ = fs::remove_dir_all(folder);
}
