//! The program as it is typed: help, words that are nearly commands, and what the log and the
//! answers say of a request that was refused.

#[path = "support/http.rs"]
mod http;
#[path = "support/server.rs"]
mod server;

use std::process::{Command, Output, Stdio};

use http::Wire;
use server::Server;

/// Runs the program to its end.
fn tollway(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.args(arguments).stdin(Stdio::null()).output().expect("it was built")
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("text")
}

#[test]
fn help_is_understood_with_a_command_and_without() {
    for (asked, flag) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "serve"], &["serve", "--help"]),
        (&["help", "compare"], &["compare", "--help"]),
    ] {
        let (word, flag) = (tollway(asked), tollway(flag));
        assert!(word.status.success(), "{asked:?}");
        assert_eq!(text(&word.stdout), text(&flag.stdout), "{asked:?}");
        assert!(!word.stdout.is_empty(), "{asked:?}");
    }
}

#[test]
fn a_word_that_is_nearly_a_command_is_asked_about() {
    for (arguments, said) in [
        (&["comparee"][..], "tollway: there is no command comparee; did you mean compare?\n"),
        (&["comparee", "--clients", "5"], "did you mean compare?\n"),
        (&["hlep"], "did you mean help?\n"),
        (&["help", "comparee"], "did you mean compare?\n"),
        (&["zzzz"], "there is no command zzzz; `tollway --help` lists what there is\n"),
    ] {
        let output = tollway(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).ends_with(said), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_refused_origin_is_logged_once_for_all_threads() {
    let server = Server::start(&["--threads", "4"]);
    for n in 0..24 {
        let mut wire = Wire::open(server.port());
        let origin = ["https://a.example", "https://b.example"][n % 2];
        wire.send(&format!(
            "POST /news HTTP/1.1\r\nHost: tollway.example\r\nOrigin: {origin}\r\n\
             Content-Length: 0\r\n\r\n"
        ));
        assert_eq!(wire.head().status, 403);
    }
    let log = server.stop_and_read();
    for origin in ["https://a.example", "https://b.example"] {
        let told = format!(
            "WARN  refused a page: Origin is {origin}, Host is tollway.example: another origin. \
             Behind a proxy, pass Host on; else start the server with --allow-origin {origin}."
        );
        assert_eq!(log.lines().filter(|line| *line == told).count(), 1, "{log}");
    }
}
