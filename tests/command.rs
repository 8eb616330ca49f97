//! The program as it is typed: help, words that are nearly commands, what the log says of a request
//! that was refused; and `tollway sub` and `tollway pub`, behind proxies that are in the way.

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/http.rs"]
mod http;
#[path = "support/server.rs"]
mod server;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use foreign::{Foreign, missed};
use http::Wire;
use server::{Server, fresh_path, within};

/// From a signal to the end of a command.
const END_MS_MAX: u64 = 20_000;
/// Until one message was enough.
const ENOUGH_MS_MAX: u64 = 60_000;

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

/// A server that sends without end is read a piece at a time, and each message is shown before more
/// is read.
#[test]
fn one_message_of_a_server_that_never_pauses_is_enough() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let sends = thread::spawn(move || {
        let (mut peer, _) = listener.accept().expect("it comes");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: e-0\n\n";
        let mut bytes = head.as_bytes().to_vec();
        // Until it has gone.
        while peer.write_all(&bytes).is_ok() {
            bytes = b"id: e-1\ndata: x\n\n".repeat(10_000);
        }
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollway"))
        .args(["sub", "a", "--url", &url, "--via", "sse", "-n", "1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it was built");
    // One that reads on, and shows nothing, would do so for ever.
    let ended = within(ENOUGH_MS_MAX, || child.try_wait().expect("our child"));
    let _ = child.kill();
    let output = child.wait_with_output().expect("our child");
    assert!(ended.is_some(), "it is not enough: {output:?}");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "x\n"), "{output:?}");
    sends.join().expect("it went on until the end");
}

/// How a command ends that was told to; it is killed when it does not.
fn ended(child: &mut Child) -> Option<i32> {
    let status = within(END_MS_MAX, || child.try_wait().expect("our child"));
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    status.expect("it ends").code()
}

#[test]
fn the_first_signal_ends_a_reader_whose_pipe_is_full() {
    for (more, code) in [(&[][..], 0), (&["-n", "1000000000"], 128 + 15)] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
        command.args(["sub", "a", "--url", &url, "--via", "sse", "--costs"]).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it was built");
        let (mut peer, _) = listener.accept().expect("it comes");
        // Messages until none is taken any more: the pipe is full, and its reader reads nothing.
        peer.set_write_timeout(Some(Duration::from_secs(1))).expect("not zero");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: e-0\n\n";
        peer.write_all(head.as_bytes()).expect("it reads the head");
        let messages = format!("id: e-1\ndata: {}\n\n", "x".repeat(10_000)).repeat(100);
        while peer.write_all(messages.as_bytes()).is_ok() {}
        let process = child.id().to_string();
        let told = Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &process]).status();
        assert!(told.expect("a POSIX shell").success());
        assert_eq!(ended(&mut child), Some(code), "{more:?}");
        let mut said = String::new();
        let mut errors = child.stderr.take().expect("asked for above");
        errors.read_to_string(&mut said).expect("text");
        assert!(said.contains("tollway: sse: "), "what it cost is told: {said}");
    }
}

#[test]
fn receipts_that_nobody_reads_keep_nobody_from_publishing() {
    let server = Server::start(&["--threads", "1"]);
    for (n, via) in ["post", "ws"].iter().enumerate() {
        let topic = format!("receipts-{n}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
        let flags = ["--json", "--lines", "--via", via, "--url", &server.url("")];
        command.args(["pub", &topic]).args(flags);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it was built");
        drop(child.stdout.take()); // `| true`
        let mut input = child.stdin.take().expect("asked for above");
        input.write_all(b"one\ntwo\nthree\n").expect("it reads");
        drop(input);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{via}");
        let kept = http::get(server.port(), &format!("/{topic}/poll?since=earliest")).json();
        assert_eq!(http::data_of(&kept), ["one", "two", "three"], "{via}");
    }
}

#[test]
fn a_refused_origin_is_logged_once_for_all_threads() {
    let server = Server::start(&["--threads", "4"]);
    for n in 0..24 {
        let mut wire = Wire::open(server.port());
        let origin = ["https://a.example", "https://b.example"][n % 2];
        wire.send(format!(
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

/// Runs a shell that has read its script; gives what it says. `None`: there is none, by name.
fn completed(fact: &str, shell: &str, flags: &[&str], body: &str) -> Option<String> {
    let answers = Command::new(shell).arg("--version").stdin(Stdio::null()).output();
    if !answers.is_ok_and(|output| output.status.success()) {
        return missed(fact, shell);
    }
    let made = tollway(&["completions", shell]);
    assert!(made.status.success());
    let script = fresh_path(shell);
    std::fs::write(&script, made.stdout).expect("the scratch directory is writable");
    let mut command = Command::new(shell);
    // No files of whoever runs the tests.
    command.args(flags).args(["-c", body]).env("SCRIPT", &script).env("HOME", "/nonexistent");
    let output = command.stdin(Stdio::null()).output().expect("was there a moment ago");
    let _ = std::fs::remove_file(&script);
    assert!(output.status.success(), "{shell}: {output:?}");
    assert_eq!(text(&output.stderr), "", "{shell}");
    Some(text(&output.stdout).to_owned())
}

#[test]
fn bash_completes_commands_and_flags() {
    let body = "source \"$SCRIPT\"
        try() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
          _tollway tollway \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"
          echo \"${COMPREPLY[*]}\"; }
        try tollway su; try tollway sub --si; try tollway --max-m; try tollway completions fi";
    let fact = "bash_completes_commands_and_flags";
    if let Some(said) = completed(fact, "bash", &["--norc", "--noprofile"], body) {
        assert_eq!(said, "sub\n--since\n--max-message\nfish\n");
    }
}

#[test]
fn fish_completes_commands_and_flags() {
    let body = "source $SCRIPT; for line in 'tollway su' 'tollway sub --si' 'tollway --max-m'
          complete -C $line | string split -f 1 \\t; end";
    let fact = "fish_completes_commands_and_flags";
    if let Some(said) = completed(fact, "fish", &["--no-config"], body) {
        assert_eq!(said, "sub\n--since\n--max-message\n");
    }
}

#[test]
fn zsh_takes_its_script() {
    let body = "autoload -U compinit; compinit -u -D; source \"$SCRIPT\"
        echo ${_comps[tollway]}; whence -w _tollway _tollway_commands";
    if let Some(said) = completed("zsh_takes_its_script", "zsh", &["-f"], body) {
        assert_eq!(said, "_tollway\n_tollway: function\n_tollway_commands: function\n");
    }
}

#[test]
fn man_reads_every_page() {
    let fact = "man_reads_every_page";
    let answers = Command::new("man").arg("--version").stdin(Stdio::null()).output();
    if !answers.is_ok_and(|output| output.status.success()) {
        let _: Option<()> = missed(fact, "man");
        return;
    }
    for (words, shown) in [
        (&["man"][..], "--max-message"),
        (&["man", "sub"], "--since"),
        (&["man", "pub"], "--lines"),
        (&["man", "compare"], "--rtt"),
        (&["man", "completions"], "tollway completions SHELL"),
    ] {
        let page = fresh_path("1");
        std::fs::write(&page, tollway(words).stdout).expect("the scratch directory is writable");
        let mut man = Command::new("man");
        man.args(["--warnings", "-E", "UTF-8", "-l"]).arg(&page).env("MANPAGER", "cat");
        let output = man.env("MANWIDTH", "80").stdin(Stdio::null()).output();
        let output = output.expect("was there a moment ago");
        let _ = std::fs::remove_file(&page);
        assert_eq!(text(&output.stderr), "", "{words:?}");
        assert!(text(&output.stdout).contains(shown), "{words:?}: {output:?}");
    }
}

/// Runs the function of that name in the script. Order across threads is where a server with one
/// log can lie: four of them.
fn tell(script: &str, fact: &str) {
    let Some(node) = Foreign::node(fact, &[], script) else {
        return;
    };
    let server = Server::start(&["--threads", "4"]);
    node.run(&[&server.port().to_string(), fact, env!("CARGO_BIN_EXE_tollway")]);
}

macro_rules! facts {
    ($script:literal: $($fact:ident)*) => {$(
        #[test]
        fn $fact() {
            tell($script, stringify!($fact));
        }
    )*};
}

facts! { "client/command.mjs":
    sub_hops_among_four_techniques
    sub_shows_a_message_as_each_technique_brings_it
    sub_says_a_gap_once_when_the_server_was_killed
    sub_waits_for_a_server_and_ends_when_it_is_told
    pub_publishes_data_a_whole_input_and_its_lines
    pub_adds_a_message_once_whatever_is_lost
    what_cannot_be_published_is_said_in_one_line
    a_token_is_sent_with_every_request_and_never_shown
    sub_says_a_refusal_once
    sub_asks_again_when_an_idle_connection_ends_under_its_poll
    pub_says_what_a_token_for_publishing_alone_can_do
}

facts! { "client/publish.mjs":
    lines_behind_a_refused_one_are_told_and_then_wait
    a_line_that_is_refused_for_good_is_told_with_those_behind_it
    lines_without_an_answer_are_told
    lines_on_a_silent_connection_are_sent_again
    long_lines_are_under_way_a_few_at_a_time
    lines_longer_than_a_read_are_under_way_together
    answers_in_pieces_are_joined_and_a_close_is_echoed
    a_pause_beyond_its_patience_ends_a_publish
    every_kind_of_success_is_taken_once
    a_long_message_has_longer_for_its_answer
}
