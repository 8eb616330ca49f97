//! SIGTERM, SIGINT and SIGHUP: the server goes in good order.

use std::fs;
use std::process::Command;

use crate::foreign::missed;
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
        if signal == "HUP" && hangup_is_ignored() {
            let what = "SIGHUP, which whoever started the tests has them ignore";
            missed::<()>("sigint_and_sighup_are_sigterm", what);
            return;
        }
        let server = Server::start(&["--threads", "1"]);
        assert!(server.stop_by(signal).success(), "SIG{signal}: exit 0");
    }
}

/// As all that is started by `nohup` does, and what that starts.
fn hangup_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    ignored.is_some_and(|signals| signals & 1 != 0) // SIGHUP is the first.
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
