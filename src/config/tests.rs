//! The command line from outside: what is taken, what is shown, and what is refused how.

use super::*;
use crate::limits::THREADS_MAX;
use crate::wire::authority::{HostPattern, OriginPattern};

fn read(line: &str) -> Result<Config, NoConfig> {
    let words = std::iter::once("tollway").chain(line.split_whitespace());
    Config::read(words.map(OsString::from))
}

fn good(line: &str) -> Config {
    read(line).expect(line)
}

fn complaint(line: &str) -> String {
    match read(line) {
        Err(NoConfig::Wrong(text)) => text,
        other => panic!("{line:?} gave {other:?}"),
    }
}

fn flags() -> Vec<clap::Arg> {
    let command = CommandLine::command();
    let flags = command.get_arguments().filter(|flag| flag.get_long().is_some());
    flags.cloned().collect()
}

#[test]
fn the_command_line_holds_together() {
    CommandLine::command().debug_assert();
}

#[test]
fn every_flag_has_a_variable_of_its_name_a_heading_and_a_help_text() {
    assert_eq!(flags().len(), 46);
    for flag in flags() {
        let name = flag.get_long().expect("it is a flag").to_owned();
        let variable = format!("TOLLWAY_{}", name.to_uppercase().replace('-', "_"));
        assert_eq!(flag.get_env(), Some(variable.as_ref()), "--{name}");
        assert!(flag.get_help_heading().is_some(), "--{name}");
        let help = flag.get_help().expect(&name).to_string();
        assert!(help.len() > 10 && !help.ends_with('.'), "--{name}: {help:?}");
    }
}

#[test]
fn every_flag_is_shown_with_its_default() {
    let Err(NoConfig::Asked(help)) = read("--help") else {
        panic!("--help asks for help");
    };
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for shown in
        ["[default: 1MiB]", "[default: 55s]", "[default: 75s]", "[default: 1h]", "Retention:"]
    {
        assert!(help.contains(shown), "{shown} in {help}");
    }
    assert!(matches!(read("--version"), Err(NoConfig::Asked(text)) if text.contains("0.1.0")));
}

#[test]
fn without_flags_the_defaults_are_those_of_the_limits() {
    let config = good("");
    assert_eq!(format!("{:?}", config.limits), format!("{:?}", Limits::default()));
    assert_eq!(config.listen, ["localhost:8080".parse::<Listen>().expect("an address")]);
    assert!((1..=THREADS_MAX).contains(&config.threads) && config.greets);
    assert_eq!(config.verbosity, LevelFilter::Warn);
}

#[test]
fn flags_go_before_serve_and_behind_it_and_without_it() {
    for line in ["--threads 3 serve", "serve --threads 3", "--threads 3", "--threads=3"] {
        assert_eq!(good(line).threads, 3, "{line}");
    }
    let config = good("--listen 127.0.0.1:1 serve --listen [::1]:2,127.0.0.1:3");
    let texts: Vec<_> = config.listen.iter().map(|listen| listen.text.as_str()).collect();
    assert_eq!(texts, ["127.0.0.1:1", "[::1]:2", "127.0.0.1:3"]);
}

#[test]
fn values_arrive_where_they_belong() {
    let config = good(
        "--history-messages 5 --history-bytes 2MiB --history-age 90s --retain-bytes 3MiB \
         --max-message 64KiB --max-head 2048 --max-connections 99 --max-wait 1m --heartbeat 500ms \
         --max-unfinished 5MiB \
         --head-timeout 1s --body-timeout 2s --idle-timeout 3s --stall-timeout 4s --deflate -vv \
         --allow-origin https://a.example --allow-origin * --allow-host *.a.example \
         --port-file p --static d --threads 2",
    );
    let limits = &config.limits;
    assert_eq!((limits.history_messages, limits.history_age_ms), (5, 90_000));
    assert_eq!((limits.history_bytes, limits.retain_bytes), (2 << 20, 3 << 20));
    assert_eq!((limits.message_bytes_max, limits.head_bytes_max), (64 << 10, 2048));
    assert_eq!((limits.connections_max, limits.wait_ms_max), (99, 60_000));
    assert_eq!(limits.unfinished_bytes_max, 5 << 20);
    let deadlines =
        [limits.head_ms_max, limits.body_ms_max, limits.idle_ms_max, limits.stall_ms_max];
    assert_eq!((limits.heartbeat_ms, deadlines), (500, [1000, 2000, 3000, 4000]));
    assert!(limits.deflate);
    let named = OriginPattern::parse("https://a.example").expect("an origin");
    assert_eq!(config.allow_origin, [named, OriginPattern::Any]);
    assert_eq!(config.allow_host, [HostPattern::parse("*.a.example").expect("a host")]);
    assert_eq!(config.port_file, Some("p".into()));
    assert_eq!(config.static_dir, Some("d".into()));
    assert_eq!(config.verbosity, LevelFilter::Debug);
    assert_eq!(good("-v").verbosity, LevelFilter::Info);
    assert_eq!(good("-q").verbosity, LevelFilter::Error);
    assert_eq!(good("--drain 0").limits.drain_ms, 0, "of whatever unit");
}

/// A command line, and part of what is said about it.
const WRONG_USE: &[(&str, &str)] = &[
    ("--max-head 12x", "--max-head 12x: is not a size; write 64KiB"),
    ("--max-head 64kb", "--max-head 64kb: is not a size; write"),
    ("--max-head 99999999999999999GiB", "is more than this machine can address"),
    ("--max-wait 15", "--max-wait 15: has no unit; write 500ms, 15s"),
    ("--redis-prefix x", "--redis-prefix x is of no use without --redis URL; give it, or leave"),
    ("--redis-wait 1", "--redis-wait 1 is of no use without --redis URL; give it, or leave it out"),
    ("--proxy-header forwarded", "--proxy-header forwarded is of no use without --trust-proxy"),
    ("--publish-burst 5", "--publish-burst 5 is of no use without --max-publishes N; give it, or"),
    ("--listen unix:/run/x", "--listen unix:/run/x: is a socket of the file system; only TCP is"),
    ("--listen /run/x", "--listen /run/x: is a socket of the file system; only TCP is served"),
    ("--max-wait soon", "--max-wait soon: is not a duration; write"),
    ("--max-wait 99999999999999999d", "is longer than anything"),
    ("--max-wait 19h", "--max-wait 19h is longer than a long poll can wait; give 18h or less"),
    ("--max-wait 999ms", "--max-wait 999ms is less than a second, and clients wait for whole"),
    ("--deflate=maybe", "--deflate maybe: is neither on nor off; write true or false"),
    ("--quiet=2", "--quiet 2: is neither on nor off; write true or false"),
    ("--max-wait 0s", "--max-wait 0 would not turn a bound off; give 1s or more"),
    ("--max-message 0", "--max-message 0 would not turn a bound off; give 1KiB"),
    ("--history-messages 0", "--history-messages 0"),
    ("--max-connections -1", "--max-connections -1: is negative; write a whole number"),
    ("--max-connections 1e3", "--max-connections 1e3: is not a whole number; write digits alone"),
    ("--history-messages 99999999999999999999", "is more than this machine can count"),
    ("--max-wait -5s", "--max-wait -5s: is negative, and a duration is not; write 500ms"),
    ("--max-message -1", "--max-message -1: is negative, and a size is not; write 64KiB"),
    ("--threads 0", "--threads 0 is not between 1 and 64"),
    ("--threads 65", "--threads 65 is not between 1 and 64"),
    ("--threads two", "--threads two: is not a whole number; write digits alone, such as 4"),
    ("--threads +2", "--threads +2: is not a whole number"),
    ("--max-connections 1 --threads 2", "--max-connections 1 leaves some"),
    ("--max-head 1000", "--max-head 1000 has no room"),
    ("--max-head 1MiB", "--max-head 1MiB is more than a connection keeps"),
    (
        "--max-message 8MiB",
        "--history-bytes 8MiB does not hold one message of --max-message 8MiB; give 8388864",
    ),
    (
        "--max-unfinished 3MiB",
        "--max-unfinished 3MiB leaves no room for a message of --max-message 1MiB to arrive in \
         pieces; give 4MiB",
    ),
    ("--history-bytes 1GiB", "--retain-bytes 256MiB is less than --history-bytes 1GiB"),
    ("--listen 8080", "--listen 8080: names no host; write localhost:PORT"),
    ("--listen 127.0.0.1", "--listen 127.0.0.1: is not an address; write HOST:PORT"),
    ("--listen ::1:8080", "--listen ::1:8080: is not an address"),
    ("--listen 127.0.0.1:70000", "--listen 127.0.0.1:70000: has a port that does not exist; ports"),
    ("--listen 70000", "ports end at 65535, and 0 takes any"),
    ("--listen 127.0.0.1:+80", "is not an address"),
    ("--listen", "--listen needs a value: --listen <HOST:PORT>"),
    ("--lisen :1", "there is no --lisen; did you mean --listen?"),
    ("--zzzz", "there is no --zzzz; `tollway --help`"),
    ("sevre", "there is no command sevre; did you mean serve?"),
    ("comparee", "there is no command comparee; did you mean compare?"),
    ("zzzz", "there is no command zzzz; `tollway --help` lists what there is"),
    ("--allow-origin a.example", "--allow-origin a.example: has no scheme; write scheme://host"),
    ("--allow-origin https://a.example/", "end it at the host or its port: a.example"),
    ("--allow-origin https://a.example --allow-origin wss://b", "--allow-origin wss://b: is no"),
    ("--allow-host a.example:80", "--allow-host a.example:80: has a port; write a.example"),
    ("--public-topic a", "--public-topic has no effect: every topic is public without"),
    ("--jwt-issuer a", "--jwt-issuer has no effect: no JWT is taken without --jwt-key"),
    ("--subscribe-token x --public-topic a/b", "--public-topic a/b: names no topic; write"),
    ("-q -v", "-q and -v do not go together; leave one out"),
];

#[test]
fn wrong_use_is_one_line_that_names_the_flag_and_the_remedy() {
    for (line, part) in WRONG_USE {
        let text = complaint(line);
        assert!(text.contains(part), "{line:?} gave {text:?}");
        assert!(!text.contains('\n') && !text.contains("error:"), "{text:?}");
    }
}

#[test]
fn secrets_are_taken_and_shown_to_nobody() {
    let line = "--publish-token a=hush-1,hush-2 --subscribe-token hush-3 --admin-token hush-4 \
                --jwt-key hush-5 --jwt-key @hush-6 --public-topic open.*";
    let config = good(line);
    let rights = &config.rights;
    let counts = [&rights.publish, &rights.subscribe, &rights.admin, &rights.jwt_keys];
    assert_eq!(counts.map(Vec::len), [2, 1, 1, 2]);
    assert_eq!(rights.jwt_keys[1].file(), Some("hush-6".as_ref()));
    assert_eq!(rights.publish[0].text(), "a=hush-1");
    assert!(!format!("{config:?}").contains("hush"), "{config:?}");
    for wrong in ["--public-topic a/b", "--max-head 1", "--zzzz", "--jwt-keys=hush-7"] {
        let text = complaint(&format!("{line} {wrong}"));
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn sizes_and_durations_read_back_what_they_show() {
    for text in ["0", "1", "1023", "1KiB", "1536", "1025KiB", "16MiB", "3GiB"] {
        assert_eq!(text.parse::<Size>().expect(text).to_string(), text);
    }
    for text in ["1ms", "1500ms", "15s", "2m", "90s", "1h", "7d"] {
        assert_eq!(text.parse::<Span>().expect(text).to_string(), text);
    }
    assert_eq!("60s".parse::<Span>().expect("a minute").to_string(), "1m");
}

#[test]
fn addresses_are_what_they_say() {
    let addresses = |text: &str| {
        let listen: Listen = text.parse().expect(text);
        listen.addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(addresses("127.0.0.1:8080"), ["127.0.0.1:8080"]);
    assert_eq!(addresses("[::1]:0"), ["[::1]:0"]);
    assert_eq!(addresses(":8080"), ["0.0.0.0:8080", "[::]:8080"]);
    // Whatever the machine's own list of names says: RFC 6761.
    for name in ["localhost:8080", "LocalHost:8080"] {
        assert_eq!(addresses(name), ["127.0.0.1:8080", "[::1]:8080"]);
    }
}

#[test]
fn a_negative_number_is_joined_to_a_flag_that_takes_a_value_and_to_no_other() {
    for (line, joined) in [
        ("--max-wait -5s", "--max-wait=-5s"),
        ("--max-wait=1s -5s", "--max-wait=1s -5s"),
        ("--deflate -5", "--deflate -5"),
        ("--verbose -5", "--verbose -5"),
        ("-v -5", "-v -5"),
        ("--unknown -5", "--unknown -5"),
        ("-- --max-wait -5s", "-- --max-wait -5s"),
        ("-- -5", "-- -5"),
    ] {
        let words = line.split(' ').map(OsString::from);
        let joined: Vec<OsString> = joined.split(' ').map(OsString::from).collect();
        assert_eq!(join_negative(&CommandLine::command(), words), joined, "{line}");
    }
}
