//! The command line from outside: what is taken, and what is refused how.

use super::*;

fn words(line: &str) -> impl Iterator<Item = OsString> {
    line.split_whitespace().map(OsString::from)
}

fn good(line: &str) -> BenchOptions {
    BenchOptions::read(words(&format!("bench {line} --url http://127.0.0.1:1"))).expect(line)
}

#[test]
fn the_command_line_holds_together() {
    command().debug_assert();
}

#[test]
fn without_flags_a_few_messages_a_second_go_to_a_hundred_websockets() {
    let options = good("");
    assert_eq!(
        (options.workload, options.techniques),
        (Workload::FanOut, vec![Technique::WebSocket])
    );
    assert_eq!((options.readers, options.topics, options.size), (100, 1, 128));
    let schedule =
        Schedule { rate: Some(50.0), burst: 1, count: None, length_us: Some(10_000_000) };
    assert_eq!((options.schedule, options.publishers), (schedule, 1));
}

#[test]
fn defaults_fit_the_workload() {
    let echo = good("echo --readers 7");
    assert_eq!((echo.topics, echo.schedule.rate, echo.in_flight), (7, None, 1));
    let counted = good("--rate max -n 5 --topics 4");
    assert_eq!(
        (counted.schedule.count, counted.schedule.length_us, counted.in_flight),
        (Some(5), None, 4)
    );
    assert_eq!(good("--rate max --burst 9").in_flight, 9);
    assert_eq!(good("--topics 3 --publishers 3").publishers, 3);
    assert_eq!(good("echo --readers 7 --publishers 7 --via ws,sse").publishers, 7);
    assert_eq!((echo.publishers, echo.wait_s), (1, 25));
    assert_eq!(good("--via long-poll --wait 2000ms").wait_s, 2);
    assert_eq!(good("--via sse,poll,sse").techniques, [Technique::Sse, Technique::ShortPoll]);
    assert_eq!(good("--via poll --interval 0s").interval_ms, 0);
    assert_eq!(good("idle").schedule.rate, None);
    assert_eq!(good("churn").schedule.rate, None);
    assert_eq!(good("churn --rate 5").schedule.rate, Some(5.0));
    let longest = good("--rate 0.001 -n 1000000000").schedule;
    assert_eq!(longest.due_us(999_999_999), 999_999_999_000_000_000);
}

#[test]
fn wrong_use_is_one_line_that_names_the_flag_and_the_remedy() {
    for (line, part) in [
        ("fanout", "there is no workload fanout; choose from fan-out, echo"),
        (
            "--via udp",
            "--via udp: there is none of this name; choose from ws, sse, long-poll, poll",
        ),
        ("--rate 0", "--rate 0 is not between 0.001 and 1000000; write 50"),
        ("--rate -1", "--rate -1 is not between"),
        ("--rate NaN", "--rate NaN is not between"),
        ("--rate inf", "--rate inf is not between"),
        ("--rate 1e-300 -n 2", "--rate 1e-300 is not between 0.001 and 1000000"),
        ("--in-flight 4", "--in-flight has no effect with a rate of 50: what is due is sent"),
        ("--rate max --burst 10 --in-flight 4", "--in-flight has no effect with --burst 10"),
        ("--rate fast", "--rate fast: is not a number; write 50"),
        ("--readers 0", "--readers 0 is not between 1 and 60000"),
        ("--readers 70000", "--readers 70000 is not between 1 and 60000"),
        ("--topics 0", "--topics 0 for --readers 100: each topic needs a reader; give 1 to 100"),
        ("--topics 101", "each topic needs a reader"),
        ("--publishers 0", "--publishers 0 is not between"),
        (
            "--publishers 50",
            "--publishers 50 for --topics 1: a topic has one publisher, which keeps its \
             messages in order; give at most 1, or more --topics",
        ),
        ("idle --topics 2 --publishers 3", "--publishers 3 for --topics 2: a topic has one"),
        ("echo --via sse --publishers 101", "--publishers 101 for --readers 100: a topic has one"),
        ("echo --publishers 50", "--publishers has no effect on echo by ws: each reader publishes"),
        ("--size 10", "--size 10 has no room for a message's number and topic; give 20 or more"),
        ("--size 1GiB", "--size 1GiB is more than a message may have"),
        ("--for 0s", "--for 0 is not between 1ms and 1h"),
        ("--for 5", "--for 5: has no unit"),
        ("-n 0", "--count 0 is not between"),
        ("-n 5 --for 1s", "--for"),
        ("--burst 0", "--burst 0 is not between"),
        ("--in-flight 0", "--in-flight 0 is not between"),
        ("--via long-poll --wait 100ms", "--wait 100ms is not a number of whole seconds between"),
        ("--via long-poll --wait 1999ms", "--wait 1999ms is not a number of whole seconds between"),
        ("--via poll --interval 2h", "--interval 2h is too long; give 1h or less"),
        ("--pid x", "is not a whole number"),
        ("echo --topics 2", "--topics has no effect on echo: each reader has a topic of its own"),
        ("echo --v1", "--v1 has no effect on echo"),
        ("idle --rate 5", "--rate has no effect on idle: nothing is published"),
        ("churn --burst 5", "--burst has no effect on churn: readers leave one after the other"),
        ("churn --in-flight 5", "--in-flight has no effect on churn: nothing is published"),
        ("churn --via sse,poll", "--via poll has nothing to do with churn: a short poll leaves"),
        ("idle -n 5", "--count has no effect on idle: it lasts as long as --for says"),
        (
            "--interval 5ms",
            "--interval has no effect on ws: only poll has one; leave it out, or add",
        ),
        ("--via ws,sse --new-connections", "--new-connections has no effect on ws,sse: only poll"),
        ("--via poll --wait 2s", "--wait has no effect on poll: only long-poll waits"),
        ("--via sse --v1", "--v1 has no effect on sse: only ws speaks it"),
        ("--bogus", "there is no --bogus"),
    ] {
        let line = format!("bench {line}");
        let Err(NoConfig::Wrong(text)) = BenchOptions::read(words(&line)) else {
            panic!("{line} was taken");
        };
        assert!(text.contains(part) && !text.contains('\n'), "{line}: {text}");
    }
}

#[test]
fn a_token_is_never_told() {
    let options = good("--token s3cret");
    assert!(!format!("{options:?}").contains("s3cret"));
}
