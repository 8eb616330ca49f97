//! `tollway bench` as it is typed: each workload and technique against a server, counts exact; and
//! against servers that lose, repeat, reorder or alter a message, which it has to find out.

#[path = "support/http.rs"]
mod http;
#[path = "loadgen/liar.rs"]
mod liar;
#[path = "tls/pairs.rs"]
#[allow(dead_code)] // Servers and certificates are all that is needed here.
mod pairs;
#[path = "support/server.rs"]
mod server;
#[path = "loadgen/tls.rs"]
mod tls;

use std::collections::BTreeSet;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use http::Wire;
use liar::{BURST, Liar, Lie, PAUSE};
use serde_json::Value;
use server::Server;

const READERS: u64 = 6;
const MESSAGES: u64 = 20;

fn command(flags: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollway"));
    command.arg("bench").args(flags.split_whitespace()).stdin(Stdio::null());
    command.env_remove("TOLLWAY_URL").env_remove("TOLLWAY_TOKEN").env_remove("TOLLWAY_TLS_CA");
    command
}

fn run(flags: &str) -> Output {
    command(flags).output().expect("it was built")
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("text")
}

/// The report of a run that has to be good.
fn report(flags: &str) -> Value {
    let output = run(&format!("{flags} --json"));
    assert!(output.status.success(), "{flags}: {output:?}");
    assert!(output.stderr.is_empty(), "no bar where no terminal is: {output:?}");
    json(&output)
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a whole number: {value}"))
}

/// The line of a run that must not begin, or must fail.
fn complaint(flags: &str, code: i32) -> String {
    let output = run(flags);
    let errors = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(code), "{flags}: {errors}");
    assert_eq!(errors.lines().count(), 1, "{flags}: {errors}");
    errors
}

/// What has to hold of a good run in which so many messages went to so many readers each.
fn adds_up(run: &Value, messages: u64, readers: u64) {
    assert_eq!(run["ended"], "done", "{run}");
    assert_eq!(number(&run["published"]), messages, "{run}");
    assert_eq!(number(&run["delivered"]), messages * readers, "{run}");
    assert_eq!(number(&run["expected"]), messages * readers, "{run}");
    assert_eq!(number(&run["latency_us"]["count"]), messages * readers, "{run}");
    assert_eq!(number(&run["late_us"]["count"]), messages, "{run}");
    let faults = run["faults"].as_object().expect("an object");
    assert_eq!(faults.len(), 5);
    assert!(faults.values().all(|count| number(count) == 0), "{run}");
    assert_eq!(run["complaints"], Value::Array(Vec::new()));
    for field in ["unanswered", "unsent", "readers_lost"] {
        assert_eq!(number(&run[field]), 0, "{field}: {run}");
    }
    let quantiles = ["min", "p50", "p90", "p99", "p999", "max"];
    let quantiles = quantiles.map(|name| number(&run["latency_us"][name]));
    assert!(quantiles.is_sorted(), "{run}");
}

#[test]
fn fan_out_by_every_technique_delivers_each_message_to_each_reader() {
    let server = Server::start(&["--quiet"]);
    let url = server.url("");
    let all = format!("--url {url} --readers {READERS} -n {MESSAGES} --interval 10ms");
    for load in ["--rate max", "--rate 2000", "--rate max --burst 5", "--rate 4000 --burst 10"] {
        let report = report(&format!("{all} {load} --via ws,sse,long-poll,poll"));
        let runs = report["runs"].as_array().expect("a list");
        let names: Vec<_> = runs.iter().map(|run| run["via"].as_str().expect("a name")).collect();
        assert_eq!(names, ["ws", "sse", "long-poll", "poll"]);
        for run in runs {
            adds_up(run, MESSAGES, READERS);
        }
        assert_eq!(report["rate"].is_null(), load.starts_with("--rate max"), "{report}");
    }
    assert!(server.stop().success());
}

#[test]
fn topics_sizes_dialects_and_connections_of_every_kind_are_read() {
    let server = Server::start(&["--quiet"]);
    let url = server.url("");
    let all = format!("--url {url} --readers {READERS} -n {MESSAGES} --rate max");
    for flags in [
        "--topics 3",
        "--topics 6 --publishers 4",
        "--topics 2 --burst 3 --via sse",
        "--size 20",
        "--size 60KiB --via ws,sse,poll,long-poll --interval 0s",
        "--v1",
        "--via poll --new-connections --interval 5ms",
        "--via poll --interval 0s",
        "--in-flight 1",
    ] {
        let report = report(&format!("{all} {flags}"));
        for run in report["runs"].as_array().expect("a list") {
            adds_up(run, MESSAGES, READERS / number(&report["topics"]));
        }
    }
    assert!(server.stop().success());
}

#[test]
fn an_echo_comes_back_by_every_technique() {
    let server = Server::start(&["--quiet"]);
    let all = format!("echo --url {} --readers {READERS} -n {MESSAGES}", server.url(""));
    for flags in ["", "--rate 2000"] {
        let report = report(&format!("{all} {flags} --via ws,sse,long-poll,poll --interval 5ms"));
        assert_eq!(number(&report["topics"]), READERS);
        for run in report["runs"].as_array().expect("a list") {
            adds_up(run, MESSAGES, 1);
        }
    }
    assert!(server.stop().success());
}

#[test]
fn idle_readers_are_all_there_at_the_end_and_the_server_is_measured() {
    let server = Server::start(&["--quiet"]);
    let flags = format!("idle --url {} --pid {} --for 50ms", server.url(""), server.process());
    let report = report(&format!("{flags} --readers 40 --topics 2 --via ws,sse,long-poll"));
    for run in report["runs"].as_array().expect("a list") {
        adds_up(run, 2, 20);
        let figures = &run["server"];
        assert_eq!(number(&figures["pid"]), u64::from(server.process()));
        for moment in ["before", "subscribed", "after"] {
            let memory = &figures[moment];
            assert!(number(&memory["resident"]) > number(&memory["anonymous"]), "{run}");
            assert!(number(&memory["anonymous"]) > 0, "{run}");
        }
        for field in ["cpu_user_us", "cpu_system_us"] {
            assert!(figures[field].is_u64(), "{run}");
        }
        for field in ["cores", "bytes_per_reader", "bytes_per_reader_after"] {
            assert!(figures[field].is_f64(), "{field}: {run}");
        }
        assert!(figures["cpu_us_per_delivery"].is_null(), "nothing is delivered in a rest: {run}");
    }
    assert!(server.stop().success());
}

#[test]
fn readers_that_leave_come_back_and_are_all_there_at_the_end() {
    let server = Server::start(&["--quiet"]);
    let all = format!("churn --url {} --readers {READERS} -n 50", server.url(""));
    for (flags, techniques) in [
        ("--via ws,sse,long-poll --topics 2", 3),
        ("--via ws --v1 --topics 2 --rate 1000", 1),
        ("--via sse --topics 2 --rate 1000", 1),
    ] {
        let report = report(&format!("{all} {flags}"));
        let runs = report["runs"].as_array().expect("a list");
        assert_eq!(runs.len(), techniques);
        for run in runs {
            adds_up(run, 2, READERS / 2);
            assert_eq!(number(&run["reconnects"]), 50, "{run}");
            assert_eq!(number(&run["reconnect_us"]["count"]), 50, "{run}");
            assert_eq!(number(&run["connections"]), READERS + 50, "{run}");
        }
    }
    let shown = text(&run(&format!("{all} --via ws")).stdout).to_owned();
    for part in [
        "churn, 6 readers of 1 topic\nas many reconnects as are taken, one message at the end",
        "\nreconnects   50, ",
        "\nback after   p50 ",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(server.stop().success());
}

#[test]
fn a_reader_that_may_not_come_back_is_lost() {
    let liar = Liar::start(Lie::RefusesThird);
    let flags = format!("churn --url {} --readers 2 -n 5 --via sse --json", liar.url());
    let output = run(&flags);
    liar.stop();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(number(&json(&output)["runs"][0]["readers_lost"]) > 0, "{output:?}");
}

#[test]
fn a_table_says_the_same_in_lines_that_fit() {
    let server = Server::start(&["--quiet"]);
    let pid = server.process();
    let all = format!("--url {} --readers {READERS} -n {MESSAGES} --rate 2000", server.url(""));
    let output = run(&format!("{all} --pid {pid} --via sse,poll --interval 10ms"));
    assert!(output.status.success(), "{output:?}");
    let table = text(&output.stdout);
    for part in [
        "fan-out, 6 readers of 1 topic\n2000 messages a second, 128 bytes each\n",
        "\nsse          every message once, in order, whole; ",
        "\npoll         every message",
        "\npublished    20, ",
        "\ndelivered    120, ",
        "\nrequests     ",
        "\nlatency      p50 ",
        "\nsent late    p50 ",
        "\nserver       ",
        "\nmemory       ",
        "\nthis program",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    assert!(server.stop().success());
}

/// All members of an object, as the page writes them.
fn members(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, member) in object {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                // Statuses are no names, and three moments have the same members.
                let has_members = !matches!(
                    name.as_str(),
                    "refused" | "late_us" | "reconnect_us" | "subscribed" | "after"
                );
                if has_members {
                    members(member, &path, into);
                }
                into.insert(path);
            }
        }
        Value::Array(list) => {
            for element in list {
                members(element, &format!("{path}[]"), into);
            }
        }
        _ => {}
    }
}

#[test]
fn json_has_the_members_that_the_page_tells() {
    let server = Server::start(&["--quiet"]);
    let pid = server.process();
    let all = format!("--url {} --pid {pid} --readers 2 -n 3 --rate max", server.url(""));
    let report = report(&format!("{all} --via poll --interval 0s"));
    let mut found = BTreeSet::new();
    members(&report, "", &mut found);
    let page = include_str!("../docs/reference/bench.md");
    let (_, table) = page.split_once("## JSON").expect("the page has it");
    let told = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let told: BTreeSet<String> = told.map(str::to_owned).collect();
    assert_eq!(found, told);
    assert!(server.stop().success());
}

#[test]
fn a_refused_publish_is_counted_and_shown_and_no_reader_lacks_it() {
    for flags in ["--rate 3000", "--rate 3000 --via poll --interval 10ms", "--rate max"] {
        let server = Server::start(&["--quiet", "--max-publishes", "5", "--publish-burst", "5"]);
        let all = format!("--url {} --readers 3 -n 30 {flags}", server.url(""));
        let report = report(&all);
        let run = &report["runs"][0];
        let (published, refused) = (number(&run["published"]), number(&run["refused"]["429"]));
        assert!(refused > 0 && published + refused == 30, "{run}");
        assert_eq!(number(&run["delivered"]), 3 * published, "{run}");
        assert_eq!(number(&run["expected"]), 3 * published, "{run}");
        assert!(run["refusal"].as_str().expect("words").contains("429"), "{run}");
        let shown = self::run(&all);
        let table = text(&shown.stdout);
        assert!(table.contains(" refused with 429 (the first was refused: 429 "), "{table}");
        assert!(server.stop().success());
    }
}

#[test]
fn tokens_are_shown_to_a_server_that_asks_for_them() {
    let token = "right-of-the-load-generator";
    let flags = ["--quiet", "--publish-token", token, "--subscribe-token", token];
    let server = Server::start(&flags);
    let all = format!("--url {} --readers 2 -n 3 --rate max --via ws,sse", server.url(""));
    let without = complaint(&all, 1);
    assert!(without.contains("401") && without.contains("give a --token that may"), "{without}");
    let report = report(&format!("{all} --token {token}"));
    for run in report["runs"].as_array().expect("a list") {
        adds_up(run, 3, 2);
    }
    assert!(server.stop().success());
}

/// A run against a server that lies; what it says on standard error, and its report.
fn run_against(lie: Lie) -> (Output, Value) {
    let liar = Liar::start(lie);
    let flags = format!("--url {} -n 18 --rate 1000 --patience 2s --via sse", liar.url());
    let output = run(&format!("{flags} {READING} --json"));
    liar.stop();
    let report = json(&output);
    (output, report)
}

/// Two topics, so that one may get what is the other's.
const READING: &str = "--readers 4 --topics 2";

#[test]
fn a_server_that_lies_is_found_out() {
    for (lie, field, count) in [
        (Lie::Loses, "missed", 4),
        (Lie::Repeats, "repeated", 4),
        (Lie::Reorders, "out_of_order", 4),
        (Lie::AltersFirst, "altered", 4),
        (Lie::AltersLast, "altered", 4),
        (Lie::Cuts, "altered", 4),
        (Lie::MixesTopics, "altered", 4),
        (Lie::RefusesAndDelivers, "refused_and_delivered", 4),
    ] {
        let (output, report) = run_against(lie);
        assert_eq!(output.status.code(), Some(1), "{lie:?}: {output:?}");
        let said = text(&output.stderr);
        assert!(said.contains("sse: not every reader got every message"), "{lie:?}: {said}");
        assert!(said.contains(" as it has to: reader"), "{lie:?}: {said}");
        let faults = &report["runs"][0]["faults"];
        assert_eq!(number(&faults[field]), count, "{lie:?}: {report}");
    }
}

/// What is found out above is the lie.
#[test]
fn the_same_server_without_a_lie_is_good() {
    for (lie, messages) in [(Lie::None, 18), (Lie::Refuses, 16), (Lie::RefusesLate, 16)] {
        let (output, report) = run_against(lie);
        assert!(output.status.success(), "{output:?}");
        let run = &report["runs"][0];
        assert_eq!(number(&run["published"]), messages, "{run}");
        assert_eq!(number(&run["delivered"]), 2 * messages, "{run}");
        assert_eq!(number(&run["faults"]["missed"]), 0, "{run}");
    }
}

#[test]
fn a_reader_that_is_cut_off_is_lost_and_counted() {
    let liar = Liar::start(Lie::HangsUp);
    let flags = format!("--url {} --readers 1 -n 9 --rate 500 --via sse", liar.url());
    let output = run(&format!("{flags} --json"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = json(&output);
    let run = &report["runs"][0];
    assert_eq!((number(&run["readers_lost"]), &run["ended"]), (1, &Value::from("lost")), "{run}");
    assert_eq!(run["complaints"][0], "reader 1 of 1 lost its connection", "{run}");
    liar.stop();
}

#[test]
fn one_reader_of_several_that_is_lost_is_a_fault_though_the_others_get_all() {
    let (output, report) = run_against(Lie::HangsUpOnOne);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let run = &report["runs"][0];
    assert_eq!((number(&run["readers_lost"]), &run["ended"]), (2, &Value::from("done")), "{run}");
    assert_eq!(number(&run["published"]), 18, "{run}");
    assert_eq!(number(&run["faults"]["missed"]), 0, "{run}");
}

/// What nobody has taken in is no success, and not missed either.
#[test]
fn publishes_without_an_answer_are_a_fault_of_their_own() {
    for (lie, why, delivered) in [
        (Lie::NeverAnswers, "publisher 1 of 1 was waited for no longer, with 18 publishes", 36),
        (Lie::Closes, "publisher 1 of 1 lost its connection, with ", 0),
        (Lie::Junk, "publisher 1 of 1 got an answer that breaks HTTP", 0),
    ] {
        let (output, report) = run_against(lie);
        assert_eq!(output.status.code(), Some(1), "{lie:?}: {output:?}");
        let said = text(&output.stderr);
        assert!(said.contains("sse: no message was taken in: publisher "), "{lie:?}: {said}");
        let run = &report["runs"][0];
        assert!(run["complaints"][0].as_str().expect("words").starts_with(why), "{lie:?}: {run}");
        assert_eq!((number(&run["published"]), number(&run["expected"])), (0, 0), "{run}");
        assert_eq!((number(&run["unanswered"]), number(&run["unsent"])), (18, 0), "{run}");
        assert_eq!(number(&run["delivered"]), delivered, "{lie:?}: {run}");
        assert_eq!(number(&run["faults"]["missed"]), 0, "{lie:?}: {run}");
        let liar = Liar::start(lie);
        let flags = format!("--url {} -n 5 --rate 500 --patience 2s --via sse", liar.url());
        let output = self::run(&format!("{flags} {READING}"));
        liar.stop();
        let table = text(&output.stdout);
        let line = "sse          no message was taken in, not every publish was answered; ";
        assert!(table.contains(line) && table.contains("; 5 without an answer"), "{table}");
        assert!(!table.contains("every message once"), "{table}");
    }
}

#[test]
fn a_listener_that_goes_leaves_figures_that_add_up() {
    let liar = Liar::start(Lie::Leaves);
    let flags = format!("--url {} --readers 2 -n 50 --rate 500 --via sse --json", liar.url());
    let child = command(&flags).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("it was built");
    liar.await_undelivered();
    liar.stop();
    let output = child.wait_with_output().expect("our child");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("not every message was taken in or refused: publisher 1 "), "{said}");
    let report = json(&output);
    let run = &report["runs"][0];
    assert_eq!((number(&run["published"]), number(&run["delivered"])), (5, 10), "{run}");
    assert_eq!(number(&run["faults"]["missed"]), 0, "{run}");
    let lost = number(&run["unanswered"]) + number(&run["unsent"]);
    assert!((1..=45).contains(&lost) && number(&run["unanswered"]) > 0, "{run}");
}

/// A pause of the server is in the latency of all that was due meanwhile, sent or not: a lower
/// bound, whatever else the machine does. 64 publishes are under way then; the others wait.
#[test]
fn latency_counts_from_when_a_message_was_due() {
    let liar = Liar::start(Lie::Pauses);
    let flags = format!("--url {} --readers 1 -n 400 --rate 4000 --via sse --json", liar.url());
    let output = run(&flags);
    liar.stop();
    assert!(output.status.success(), "{output:?}");
    let report = json(&output);
    let run = &report["runs"][0];
    adds_up(run, 400, 1);
    // The last message is due after a tenth of a second.
    let least = u64::try_from(PAUSE.as_micros()).expect("it is short") - 100_000;
    assert!(number(&run["latency_us"]["p50"]) >= least, "{run}");
    assert!(number(&run["late_us"]["p50"]) >= least, "{run}");
}

/// A connection takes a burst in pieces; they are one burst nevertheless, the next one waits until
/// all of it has come, and what waited for the connection is late: a lower bound.
#[test]
fn a_burst_of_more_than_a_connection_takes_is_over_before_the_next_begins() {
    let liar = Liar::start(Lie::AnswersByHandfuls);
    let all = "--readers 2 --rate max --via sse --json";
    let output = run(&format!("--url {} {all} --burst {BURST} -n {}", liar.url(), 3 * BURST));
    liar.stop();
    assert!(output.status.success(), "{output:?}");
    let run = &json(&output)["runs"][0];
    adds_up(run, 3 * BURST, 2);
    assert_eq!(run["refused"], serde_json::json!({}), "{run}");
    // Of each hundred 36 go out behind the pause.
    let least = u64::try_from(PAUSE.as_micros()).expect("it is short") / 5;
    assert!(number(&run["late_us"]["p90"]) >= least, "{run}");
    assert!(number(&run["latency_us"]["p90"]) >= least, "{run}");
}

#[test]
fn what_cannot_be_is_said_with_the_remedy_before_anything_is_measured() {
    let server = Server::start(&["--quiet"]);
    let url = server.url("");
    let nobody = complaint("--url http://127.0.0.1:1", 1);
    assert!(nobody.contains("nobody listens at 127.0.0.1:1; start a server there"), "{nobody}");
    // Above what Linux gives out: 2^22.
    let process = complaint(&format!("--url {url} --pid 1073741824"), 2);
    assert!(process.contains("no such process on this machine; `pgrep tollway`"), "{process}");
    let binary = env!("CARGO_BIN_EXE_tollway");
    let script = format!("ulimit -n 64; exec {binary} bench --url {url} --readers 100");
    let output = Command::new("sh").args(["-c", &script]).output().expect("a POSIX shell");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        text(&output.stderr).contains(
            "--readers 100 needs 121 descriptors, and this process may \
                                       have 64; allow more by `ulimit -n 121`"
        ),
        "{output:?}"
    );
    let wrong = complaint(&format!("--url {url} --rate 0"), 2);
    assert!(wrong.contains("--rate 0 is not between 0.001 and 1000000"), "{wrong}");
    assert!(server.stop().success());
}

#[test]
fn the_first_interrupt_shows_what_was_measured_so_far() {
    let server = Server::start(&["--quiet"]);
    let flags = format!("--url {} --readers 3 --rate 200 --for 1h --json", server.url(""));
    // In the middle of its work.
    let report = interrupted(&flags, || await_deliveries(&server, 30));
    let run = &report["runs"][0];
    assert_eq!((&run["ended"], number(&run["unsent"])), (&Value::from("signal"), 0), "{run}");
    let published = number(&run["published"]);
    assert!(published > 0, "{run}");
    assert_eq!(number(&run["delivered"]), 3 * published, "{run}");
    assert!(server.stop().success());
}

/// Runs it until `ready` is over, interrupts it, and gives its report.
fn interrupted(flags: &str, ready: impl FnOnce()) -> Value {
    let child = command(flags).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child: Child = child.expect("it was built");
    ready();
    let pid = child.id().to_string();
    let killed = Command::new("sh").args(["-c", "kill -s INT \"$0\"", &pid]).status();
    assert!(killed.expect("a POSIX shell").success());
    let output = child.wait_with_output().expect("our child");
    assert_eq!(output.status.code(), Some(128 + 2), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    json(&output)
}

#[test]
fn an_interrupt_invents_no_missed_message() {
    let liar = Liar::start(Lie::Stops);
    let flags = format!("--url {} --readers 3 --rate 100 --for 1h --via sse --json", liar.url());
    let report = interrupted(&flags, || liar.await_undelivered());
    liar.stop();
    let run = &report["runs"][0];
    assert_eq!((&run["ended"], number(&run["delivered"])), (&Value::from("signal"), 9), "{run}");
    assert!(number(&run["published"]) > 3, "{run}");
    assert_eq!((number(&run["expected"]), number(&run["faults"]["missed"])), (9, 0), "{run}");
}

#[test]
fn an_interrupt_while_readers_connect_is_no_fault() {
    let liar = Liar::start(Lie::Mute);
    let flags = format!("--url {} --readers 3 --patience 1m --via sse --json", liar.url());
    let report = interrupted(&flags, || liar.await_reader());
    liar.stop();
    assert_eq!(report["runs"], Value::Array(Vec::new()), "{report}");
}

#[test]
fn a_technique_that_cannot_begin_does_not_take_the_others_with_it() {
    let liar = Liar::start(Lie::RefusesThird);
    let flags = format!("--url {} --readers 2 -n 9 --rate 500 --via sse,ws --json", liar.url());
    let output = run(&flags);
    liar.stop();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("ws: reader ") && said.contains("give fewer --readers"), "{said}");
    let report = json(&output);
    assert_eq!(report["runs"].as_array().map(Vec::len), Some(1), "{report}");
    adds_up(&report["runs"][0], 9, 2);
}

/// The last message is due at once: the run lasts nevertheless.
#[test]
fn a_run_lasts_as_long_as_was_asked_for() {
    let server = Server::start(&["--quiet"]);
    let flags = format!("--url {} --readers 2 --for 300ms", server.url(""));
    for rate in ["0.1", "max"] {
        let report = report(&format!("{flags} --rate {rate}"));
        let run = &report["runs"][0];
        let seconds = run["seconds"].as_f64().expect("a number");
        assert!(seconds >= 0.3, "{run}");
        let each = run["published_per_second"].as_f64().expect("a number");
        let published = number(&run["published"]);
        let counted = run["published"].as_f64().expect("a number");
        assert!((each * seconds - counted).abs() < 0.01, "{run}");
        assert!(rate == "max" || published == 1, "{run}");
    }
    assert!(server.stop().success());
}

/// Short polls tell from outside that all have subscribed: by how many there were.
#[test]
fn idle_readers_that_are_all_lost_end_the_rest() {
    let server = Server::start(&["--quiet"]);
    let all = "--readers 2 --for 1h --via poll --interval 20ms --json";
    let child = command(&format!("idle --url {} {all}", server.url("")))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.expect("it was built");
    await_costs(&server, |techniques| number(&techniques["short_poll"]["requests"]) > 50);
    assert!(server.stop().success());
    let output = child.wait_with_output().expect("our child");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = json(&output);
    let run = &report["runs"][0];
    assert_eq!((&run["ended"], number(&run["readers_lost"])), (&Value::from("lost"), 2), "{run}");
}

/// Until the server has delivered so many messages by WebSocket.
fn await_deliveries(server: &Server, deliveries: u64) {
    await_costs(server, |techniques| number(&techniques["websocket"]["messages"]) >= deliveries);
}

/// Until the ledger has this.
fn await_costs(server: &Server, has: impl Fn(&Value) -> bool) {
    for _ in 0..2_000 {
        let mut wire = Wire::open(server.port());
        wire.send("GET /-/costs HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let costs: Value = serde_json::from_slice(&wire.answer().body).expect("JSON");
        if has(&costs["techniques"]) {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("nothing came of it");
}
