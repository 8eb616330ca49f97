//! The command line from outside: what is taken, and what is refused how.

use super::*;

fn read(line: &str) -> Result<CompareOptions, NoConfig> {
    let words = std::iter::once("compare").chain(line.split_whitespace());
    CompareOptions::read(words.map(OsString::from))
}

fn good(line: &str) -> CompareOptions {
    read(line).expect(line)
}

#[test]
fn the_command_line_holds_together() {
    CompareFlags::command().debug_assert();
}

#[test]
fn the_defaults_compare_everything() {
    let request = good("");
    assert_eq!((request.clients, request.messages), (200, 10));
    assert_eq!(request.poll_intervals_ms, [1000, 200]);
    assert_eq!(request.techniques, Technique::ALL);
    assert_eq!((request.form, request.url), (Form::Table, None));
}

#[test]
fn a_duration_is_as_many_messages_as_fit_in() {
    assert_eq!(good("--duration 3s --rate 2.5").messages, 7);
    assert_eq!(good("--techniques websocket,sse").techniques.len(), 2);
    let intervals = good("--poll-interval 5s --poll-interval 50ms").poll_intervals_ms;
    assert_eq!(intervals, [5000, 50]);
    assert_eq!(good("--explain").form, Form::Explained);
    let target = good("--url http://127.0.0.1:81/").url.expect("it is given");
    assert_eq!((&*target.host, &target.tls), ("127.0.0.1:81", &None));
    let target = good("--url HTTP://127.0.0.1:81").url.expect("a scheme in any case");
    assert_eq!(target.addresses, ["127.0.0.1:81".parse().expect("an address")]);
    assert!(good("--tls").tls && !good("").tls);
}

#[test]
fn wrong_use_is_one_line_that_names_the_flag_and_the_remedy() {
    for (line, flag, remedy) in [
        ("--clients 0", "--clients 0", "give a number"),
        ("--messages 0", "--messages 0", "give a number"),
        ("--messages 5 --duration 3s", "--messages", "leave one out"),
        ("--duration 100ms", "--duration 100ms", "give more"),
        ("--rate 0", "--rate 0", "try 2"),
        ("--rate NaN", "--rate NaN", "try 2"),
        ("--rate x", "--rate x", "is not a number; write 2, or 0.5"),
        ("--rate -1", "--rate -1", "try 2"),
        ("--clients x", "--clients x", "is not a whole number"),
        ("--clients -1", "--clients -1", "is negative"),
        ("--messages 1.5", "--messages 1.5", "is not a whole number"),
        ("--rtt -1s", "--rtt -1s", "is negative, and a duration is not"),
        ("--size 5", "--size 5", "give 27 or more"),
        ("--size 2MiB", "--size 2MiB", "give 1MiB or less"),
        ("--poll-interval 1", "--poll-interval 1", "write 500ms"),
        ("--poll-interval 1ms", "--poll-interval 1ms", "try 1s"),
        ("--techniques sse,udp", "--techniques udp", "choose from"),
        ("--threads 65", "--threads 65", "give a number"),
        ("--rtt 1h", "--rtt 1h", "give 10s or less"),
        ("--url ftp://x", "--url ftp://x", "write http://"),
        ("--url https://x/y", "--url https://x/y", "write http://"),
        ("--url https://127.0.0.1:1 --tls", "--tls is for servers that", "write https://"),
        ("--tls --url http://127.0.0.1:1", "--tls is for servers that", "write https://"),
        ("--tls --tls-ca x.pem", "--tls-ca has no effect without --url", "leave it out"),
        ("--url http://[::1]:1 --tls-ca x", "--tls-ca has no effect on http", "write https://"),
        ("--url https://[::1]:1 --tls-ca /nowhere/x", "--tls-ca /nowhere/x", "we may read"),
        ("--url http://[::1]:65536", "--url http://[::1]:65536", "ports end at 65535"),
        ("--token s3cret", "--token has no effect without --url", "leave it out"),
        ("--admin-token s3cret", "--url <URL> is missing", "tollway compare --help"),
        ("--url http://[::1]:1 --token s3cr\u{e9}t", "--token takes", "as it was issued"),
        ("--url http://x/y", "--url http://x/y", "write http://"),
        ("--url http://me:s3cret@x:1", "--url x:1: has something other", "write http://"),
        ("--url http://x/?token=s3cret", "--url http://x/: has something", "write http://"),
        ("--url http://[::1]:1 --threads 2", "--url", "leave one out"),
        ("--explain --csv", "--explain", "leave one out"),
        ("--json --csv", "--json", "leave one out"),
        ("--bogus", "--bogus", "tollway compare --help"),
        ("bogus", "bogus", "tollway compare --help"),
    ] {
        let Err(NoConfig::Wrong(text)) = read(line) else {
            panic!("{line} was taken");
        };
        assert!(text.contains(flag), "{line}: {text}");
        assert!(text.contains(remedy), "{line}: {text}");
        assert!(!text.contains('\n') && !text.contains("s3cr"), "{line}: {text}");
    }
}

#[test]
fn a_token_is_for_the_server_that_is_named_and_never_told() {
    let target = |line: &str| good(&format!("--url http://[::1]:81 {line}")).url.expect("given");
    let one = target("--token s3cret");
    assert_eq!((&one.token, &one.costs_token), (&Some("s3cret".into()), &Some("s3cret".into())));
    let two = target("--token s3cret --admin-token s3cret-too");
    assert_eq!((two.token, &two.costs_token), (one.token, &Some("s3cret-too".into())));
    assert!(!format!("{:?}", two.costs_token).contains("s3cr"));
}

#[test]
fn help_shows_every_default() {
    let Err(NoConfig::Asked(help)) = read("--help") else {
        panic!("--help asks for help");
    };
    for shown in ["[default: 200]", "[default: 10]", "[default: 128]", "[default: 2]"] {
        assert!(help.contains(shown), "{shown}: {help}");
    }
}
