//! The two command lines from outside: what is taken, and what is refused how.

use super::*;

fn words(line: &str) -> impl Iterator<Item = OsString> {
    line.split_whitespace().map(OsString::from)
}

fn good_sub(line: &str) -> SubOptions {
    SubOptions::read(words(&format!("sub {line}"))).expect(line)
}

fn good_pub(line: &str) -> PubOptions {
    PubOptions::read(words(&format!("pub {line}"))).expect(line)
}

#[test]
fn the_command_lines_hold_together() {
    sub_command().debug_assert();
    pub_command().debug_assert();
}

#[test]
fn without_flags_all_techniques_read_from_now_on() {
    let options = good_sub("chat --url http://127.0.0.1:1");
    let all = [Technique::WebSocket, Technique::Sse, Technique::LongPoll, Technique::ShortPoll];
    assert_eq!((options.topics, options.techniques), (vec!["chat".to_owned()], all.to_vec()));
    assert_eq!((&*options.since, options.count), ("latest", None));
    assert_eq!((options.wait_s, options.interval_ms), (25, 2_000));
    assert_eq!(options.timings, Timings::of(5_000));
    // Of several topics an event stream does not say which.
    let several = good_sub("a,b --url http://127.0.0.1:1");
    assert!(!several.techniques.contains(&Technique::Sse));
    let asked = good_sub("a,b --via sse,ws --url http://127.0.0.1:1");
    assert_eq!(asked.techniques, [Technique::Sse, Technique::WebSocket]);
}

#[test]
fn data_is_what_was_typed_and_a_dash_is_standard_input() {
    let url = "--url http://127.0.0.1:1";
    assert_eq!(good_pub(&format!("chat hello {url}")).data.as_deref(), Some(&b"hello"[..]));
    assert_eq!(good_pub(&format!("chat -5 {url}")).data.as_deref(), Some(&b"-5"[..]));
    assert_eq!(good_pub(&format!("chat - {url}")).data, None);
    assert_eq!(good_pub(&format!("chat {url}")).data, None);
    let lines = good_pub(&format!("chat -l - --via ws {url}"));
    assert!(lines.lines && lines.by_websocket && lines.data.is_none());
}

#[test]
fn wrong_use_is_one_line_that_names_the_flag_and_the_remedy() {
    for (line, part) in [
        ("", "TOPIC"),
        ("a,,b", "TOPIC takes 1 to 32 names, separated by commas; write chat,news"),
        ("a --via udp", "--via udp: there is none of this name; choose from ws, sse, long-poll"),
        ("a -n 0", "--count 0 would end before it began; give 1 or more"),
        ("a -n x", "is not a whole number"),
        ("a -n -3", "--count -3: is negative; write a whole number, such as 4"),
        ("a --wait 100ms", "--wait 100ms is not a number of whole seconds between 1s and 55s"),
        ("a --wait 1999ms", "--wait 1999ms is not a number of whole seconds between 1s and 55s"),
        ("a --wait 56s", "--wait 56s is not a number of whole seconds between 1s and 55s; try 25s"),
        ("a --wait -1s", "is negative, and a duration is not"),
        ("a,metrics", "TOPIC metrics: is no topic, but the server's own; name another"),
        ("a --since all", "--since all: is no cursor; write earliest, latest, or the id of"),
        ("a --since=", "is no cursor; write earliest, latest"),
        ("a --interval 1ms", "--interval 1ms is not between 10ms and 1h; try 5s"),
        ("a --patience 1", "--patience 1: has no unit"),
        ("a --url https://nowhere.invalid", "names a host that is not known here"),
        ("a --bogus", "there is no --bogus"),
        ("a b", "there is no b; `tollway sub --help`"),
    ] {
        let Err(NoConfig::Wrong(text)) = SubOptions::read(words(&format!("sub {line}"))) else {
            panic!("{line} was taken");
        };
        assert!(text.contains(part) && !text.contains('\n'), "{line}: {text}");
    }
    for (line, part) in [
        ("", "TOPIC"),
        ("static x", "TOPIC static: is no topic"),
        ("a x --lines", "--lines reads standard input; leave DATA out, or give -"),
        ("a --lines --key k", "do not go together; leave one out"),
        ("a x --via sse", "--via sse: there is none of this name; choose post or ws"),
        ("a x y", "there is no y; `tollway pub --help`"),
        ("a --jsno", "--jsno"),
        ("a -v", "-v"),
        ("a x --key é", "--key takes 1 to 128"),
    ] {
        let Err(NoConfig::Wrong(text)) = PubOptions::read(words(&format!("pub {line}"))) else {
            panic!("{line} was taken");
        };
        assert!(text.contains(part) && !text.contains('\n'), "{line}: {text}");
    }
}

#[test]
fn a_token_is_taken_and_never_told() {
    let options = good_sub("a --token s3cret --url http://127.0.0.1:1");
    assert_eq!(options.server.endpoint.token, Some("s3cret".into()));
    assert!(!format!("{options:?}").contains("s3cret"));
    let given = SubFlags::try_parse_from(words("sub a --token s3cret")).expect("good flags");
    assert!(!format!("{given:?}").contains("s3cret"), "{given:?}");
    for wrong in ["--tokn=s3cret", "--tokn s3cret", "--token s3cret --token s3cret"] {
        let Err(NoConfig::Wrong(text)) = SubOptions::read(words(&format!("sub a {wrong}"))) else {
            panic!("{wrong} is wrong");
        };
        assert!(text.contains("--tok") && !text.contains("s3cret"), "{wrong}: {text}");
    }
    let Err(NoConfig::Wrong(text)) = PubOptions::read(words("pub a --tokn s3cret")) else {
        panic!("it is no message");
    };
    assert!(text.contains("--tok") && !text.contains("s3cret"), "{text}");
    let Err(NoConfig::Wrong(text)) = SubOptions::read(words("sub a --token s3crét")) else {
        panic!("no field takes that");
    };
    assert!(text.starts_with("--token takes") && !text.contains("s3cr"), "{text}");
}

#[test]
fn a_key_is_no_field_of_its_own_and_a_message_may_begin_with_a_dash() {
    for key in ["", "a b", "a\r\nContent-Length: 0\r\n\r\nPOST /b HTTP/1.1", &"k".repeat(129)] {
        let line = ["pub", "a", "x", "--key", key].map(OsString::from);
        let Err(NoConfig::Wrong(text)) = PubOptions::read(line) else {
            panic!("{key:?} was taken");
        };
        assert!(text.starts_with("--key takes"), "{text}");
    }
    for (line, data) in [
        ("pub a -5", "-5"),
        ("pub a --json -5", "-5"),
        ("pub a --costs -5", "-5"),
        ("pub a -- --json", "--json"),
        ("pub a -- -5", "-5"),
    ] {
        let options = PubOptions::read(words(line)).expect("good flags");
        assert_eq!(options.data.as_deref(), Some(data.as_bytes()), "{line}");
    }
    assert_eq!(PubOptions::read(words("pub a -")).expect("good flags").data, None);
}
