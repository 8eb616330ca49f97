//! SIGTERM, SIGINT and SIGHUP: the server goes in good order.

use std::process::Command;

use crate::http::get;
use crate::server::Server;

#[test]
fn sigterm_ends_the_server_with_exit_code_0() {
    for threads in ["1", "4"] {
        let server = Server::start(&["--threads", threads]);
        assert!(server.stop().success(), "exit 0");
    }
}

#[test]
fn sigint_and_sighup_are_sigterm() {
    for signal in ["INT", "HUP"] {
        let server = Server::start(&["--threads", "1"]);
        assert!(server.stop_by(signal).success(), "SIG{signal}: exit 0");
    }
}

/// Were the first signal heard, the second would be the one that ends the process at once, with
/// another exit code.
#[test]
fn a_server_that_was_started_by_nohup_outlives_its_terminal() {
    let mut command = Command::new("sh");
    let ignoring = "trap '' HUP; exec \"$0\" \"$@\"";
    command.args(["-c", ignoring, env!("CARGO_BIN_EXE_tollway")]);
    let server = Server::start_by(command, &["--threads", "1"]);
    server.signal("HUP");
    assert_eq!(get(server.port(), "/-/healthy").status, 200);
    assert!(server.stop().success(), "exit 0");
}
