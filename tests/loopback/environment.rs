//! What the process finds at its start: variables, and a clock that may say anything.

use std::process::{Command, Stdio};

use crate::http::{Wire, get};
use crate::server::Server;

/// A server with this variable.
fn with(name: &str, value: &str) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.env(name, value);
    Server::start_by(command, &["--threads", "1"])
}

fn compresses(server: &Server) -> bool {
    let mut wire = Wire::open(server.port());
    wire.send(
        "GET /chat/ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    );
    let head = wire.head();
    assert_eq!(head.status, 101);
    head.field("sec-websocket-extensions").is_some()
}

#[test]
fn a_switch_is_what_its_variable_says() {
    for (value, on) in [("1", true), ("Yes", true), ("0", false), ("off", false), ("", false)] {
        assert_eq!(compresses(&with("TOLLWAY_DEFLATE", value)), on, "{value:?}");
    }
}

#[test]
fn a_flag_goes_before_its_variable_also_to_turn_a_switch_off() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.env("TOLLWAY_DEFLATE", "1");
    let server = Server::start_by(command, &["--threads", "1", "--deflate=off"]);
    assert!(!compresses(&server));
    // One that is quiet by its unit, for an operator who looks into something.
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.env("TOLLWAY_QUIET", "true");
    let server = Server::start_by(command, &["--threads", "1", "-v"]);
    assert_eq!(get(server.port(), "/-/healthy").status, 200);
    assert!(server.stop().success());
}

#[test]
fn every_variable_may_be_empty() {
    let help = Command::new(env!("CARGO_BIN_EXE_tollway")).arg("--help").output();
    let help = String::from_utf8(help.expect("it was built").stdout).expect("text");
    let words = help.split(|c: char| !c.is_ascii_uppercase() && c != '_');
    let variables: Vec<&str> = words.filter(|word| word.starts_with("TOLLWAY_")).collect();
    assert!(variables.len() > 15, "{variables:?}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.envs(variables.iter().map(|name| (name, "")));
    let server = Server::start_by(command, &[]);
    assert_eq!(get(server.port(), "/-/healthy").status, 200);
}

/// What a command that does not start says, in one line.
fn complaint(variables: &[(&str, &str)], flags: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.envs(variables.iter().copied()).args(flags).stdin(Stdio::null());
    let output = command.output().expect("it was built");
    assert_eq!(output.status.code(), Some(2), "{variables:?} {flags:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    said.strip_prefix("tollway: ").expect("it is us").trim_end().to_owned()
}

#[test]
fn a_refused_value_is_named_as_it_was_given() {
    for (variables, flags, said) in [
        (
            &[("TOLLWAY_MAX_WAIT", "5")][..],
            &[][..],
            "TOLLWAY_MAX_WAIT=5: has no unit; write 500ms, 15s, 2m, 1h or 7d",
        ),
        (
            &[("TOLLWAY_MAX_WAIT", "5")],
            &["--max-wait", "6"],
            "--max-wait 6: has no unit; write 500ms, 15s, 2m, 1h or 7d",
        ),
        (
            &[("TOLLWAY_DEFLATE", "maybe")],
            &[],
            "TOLLWAY_DEFLATE=maybe: is neither on nor off; write true or false",
        ),
        (
            &[("TOLLWAY_HEARTBEAT", "0s")],
            &["--max-wait=2s"],
            "TOLLWAY_HEARTBEAT=0 would not turn a bound off; give 1s or more",
        ),
        (
            &[("TOLLWAY_QUIET", "1"), ("TOLLWAY_VERBOSE", "2")],
            &[],
            "TOLLWAY_QUIET and TOLLWAY_VERBOSE do not go together; leave one out",
        ),
    ] {
        assert_eq!(complaint(variables, flags), said);
    }
}

#[test]
fn a_variable_that_nobody_reads_is_warned_of() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    // Those that steer these tests, if any.
    for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().contains("TOLLWAY")) {
        command.env_remove(name);
    }
    for name in ["TOLLWAY_MAX_MESAGE", "TOLLWAY_ZZZZ", "TOLLWAY", "OTHER_TOLLWAY_X"] {
        command.env(name, "1");
    }
    // A folder that is not there: it ends as soon as it has looked around.
    command.args(["--listen", "127.0.0.1:0", "--static", "/proc/nonexistent"]).stdin(Stdio::null());
    let said = command.output().expect("it was built").stderr;
    let said = String::from_utf8(said).expect("text");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "WARN  TOLLWAY_MAX_MESAGE has no effect; did you mean TOLLWAY_MAX_MESSAGE?",
            "WARN  TOLLWAY_ZZZZ has no effect; `tollway --help` lists what there is",
        ]
    );
    assert_eq!(lines.len(), 3, "{said}");
}

#[test]
fn two_starts_differ_in_their_epoch() {
    let epoch = || {
        let server = Server::start(&["--threads", "1"]);
        let id = crate::http::publish(server.port(), "news", "x");
        let (epoch, place) = id.split_once('-').expect("an id");
        assert_eq!((epoch.len(), place), (8, "1"));
        epoch.to_owned()
    };
    assert_ne!(epoch(), epoch());
}
