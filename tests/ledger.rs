//! The cost ledger on a whole server without sockets: who pays for what, how reports are asked for
//! and what they say. That the reports agree with what really goes over a wire, and with the system
//! calls that are really made, is for others to testify, who have a wire and a kernel.

#[path = "support/readers/mod.rs"]
mod readers;
#[path = "support/world.rs"]
mod world;

use readers::frames;
use serde_json::Value;
use tollway::ledger::Payer;
use tollway::limits::{CLOSED_ROWS_MAX, Limits};
use tollway::technique::Technique;
use world::{Client, Plan, World};

const TECHNIQUES: [&str; 6] = ["short_poll", "long_poll", "sse", "websocket", "publish", "other"];

struct Stage(World);

impl Stage {
    fn new(threads: u16) -> Self {
        Self(World::new(Plan { threads, ..Plan::default() }))
    }

    fn connect(&mut self) -> Client {
        let shard = self.0.pipes.len() % self.0.brokers.len();
        self.0.connect(shard).expect("room for it")
    }

    fn send(&mut self, client: Client, bytes: impl AsRef<[u8]>) -> String {
        self.0.send(client, bytes.as_ref());
        self.0.run();
        String::from_utf8_lossy(&self.0.pipe(client).take()).into_owned()
    }

    fn get(&mut self, client: Client, target: &str) -> String {
        self.send(client, request(target, ""))
    }

    fn publish(&mut self, client: Client, topic: &str, body: &str) -> String {
        let length = body.len();
        let head = format!("POST /{topic} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
        self.send(client, head + body)
    }

    /// A report, asked for over a connection of its own, which is gone afterwards.
    fn report(&mut self, target: &str) -> Value {
        let client = self.connect();
        let answer = self.get(client, target);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nCache-Control: no-store\r\n"), "{head}");
        self.0.finish(client);
        self.0.run();
        serde_json::from_str(body).expect("JSON")
    }

    fn costs(&mut self) -> Value {
        let costs = self.report("/-/costs");
        let check = self.report("/-/costs?check=1");
        assert_eq!(check["holds"], true, "{check:#}");
        costs["techniques"].clone()
    }
}

fn request(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The length of `text` as JSON numbers have it.
fn length(text: &str) -> u64 {
    text.len() as u64
}

#[test]
fn each_technique_pays_under_its_own_name() {
    let payers = Payer::ALL.into_iter().filter(|payer| payer.is_technique()).map(Payer::name);
    assert!(payers.eq(Technique::ALL.map(Technique::name)));
    assert!(Payer::ALL.into_iter().map(Payer::name).eq(TECHNIQUES));
}

#[test]
fn a_connection_that_changes_its_technique_pays_each_its_own() {
    for threads in [1, 3] {
        let mut stage = Stage::new(threads);
        let client = stage.connect();
        let published = stage.publish(client, "t", "hello");
        let polled = stage.get(client, "/t");
        let waited = stage.get(client, "/t?since=e-0&wait=5");
        let costs = stage.costs();
        let head = |answer: &str| length(&answer[..answer.find("\r\n\r\n").expect("a head") + 4]);

        let [poll, long, publish] = ["short_poll", "long_poll", "publish"].map(|t| &costs[t]);
        assert_eq!(publish["connections"]["opened"], 1);
        assert_eq!(publish["connections"]["left"], 1);
        assert_eq!(publish["connections"]["open"], 0);
        assert_eq!(publish["tcp"]["handshakes"], 1);
        assert_eq!(publish["syscalls"]["accept"], 1);
        assert_eq!(poll["connections"]["opened"], 0);
        assert_eq!(poll["connections"]["joined"], 1);
        assert_eq!(long["connections"]["joined"], 1);
        assert_eq!(long["connections"]["open"], 1);
        for (row, answer) in [(publish, &published), (poll, &polled), (long, &waited)] {
            assert_eq!(row["bytes_out"]["head"], head(answer));
            assert_eq!(row["bytes_out"]["total"], length(answer));
            assert_eq!(row["requests"], 1);
            assert_eq!(row["messages"], 1);
            assert_eq!(row["syscalls"]["read"], 1);
            assert_eq!(row["syscalls"]["write"], 1);
            // The fake kernel counts a segment for each of these calls, and the split comes when
            // the next technique's request has been read.
        }
        assert_eq!(poll["bytes_in"]["head"], length(&request("/t", "")));
        assert_eq!(publish["bytes_in"]["payload"], 5);
        assert_eq!(publish["tcp"]["segments_in"], 2, "its own, and the poll's");
        assert_eq!(poll["tcp"]["segments_in"], 1, "the long poll's");
        assert_eq!(long["tcp"]["segments_in"], 0);
        assert_eq!(long["tcp"]["segments_out"], 1);
    }
}

#[test]
fn answers_that_leave_in_one_write_are_billed_to_each_their_own() {
    let mut stage = Stage::new(1);
    let client = stage.connect();
    stage.publish(client, "t", "hello");
    let both = request("/t?since=e-0", "") + &request("/-/healthy", "");
    let answers = stage.send(client, both);
    let healthy = answers.rfind("HTTP/1.1 200").expect("two answers");
    let costs = stage.costs();
    assert_eq!(costs["short_poll"]["bytes_out"]["total"], length(&answers[..healthy]));
    // One `read` brought both, one `writev` took both: the first request pays for the calls.
    assert_eq!(costs["short_poll"]["syscalls"]["read"], 1);
    assert_eq!(costs["short_poll"]["syscalls"]["write"], 1);
    assert_eq!(costs["other"]["requests"], 2, "and the report itself");
}

#[test]
fn a_read_is_owed_until_it_is_known_what_it_brought() {
    let mut stage = Stage::new(1);
    let client = stage.connect();
    stage.publish(client, "t", "hello");
    let poll = request("/t", "");
    for byte in poll.as_bytes() {
        stage.send(client, [*byte]);
    }
    let costs = stage.costs();
    assert_eq!(costs["publish"]["syscalls"]["read"], 1);
    assert_eq!(costs["short_poll"]["syscalls"]["read"], length(&poll));
}

#[test]
fn a_tag_has_what_its_own_requests_cost_and_nothing_else() {
    for threads in [1, 3] {
        let mut stage = Stage::new(threads);
        let (shared, other) = (stage.connect(), stage.connect());
        let empty = stage.report("/-/costs?tag=a1");
        assert_eq!(empty["tags"]["a1"], Value::Null, "nobody has used it");
        // Several tags and none, on one connection.
        let first = stage.get(shared, "/t/poll?since=e-0&tag=a1");
        stage.publish(shared, "t", "hello");
        stage.get(shared, "/t/poll?since=e-0");
        let second = stage.get(shared, "/t/poll?since=e-0&tag=00A1");
        stage.get(shared, "/t/poll?since=e-0&tag=b2");
        let socket = request("/t/ws?tag=c3&since=e-0", UPGRADE);
        let opened = stage.send(other, &socket);
        let report = stage.report("/-/costs?tag=a1,c3,d4");
        let tags = report["tags"].as_object().expect("an object");
        assert!(tags.keys().eq(["a1", "c3", "d4"]), "those that were asked for: {tags:?}");
        let (a1, c3) = (&tags["a1"], &tags["c3"]);
        assert_eq!(a1["requests"], 2);
        assert_eq!(a1["answers_empty"], 1);
        assert_eq!(a1["messages"], 1);
        assert_eq!(a1["bytes_out"]["payload"], 5);
        assert_eq!(a1["bytes_out"]["total"], length(&first) + length(&second));
        let asked = request("/t/poll?since=e-0&tag=a1", "").len()
            + request("/t/poll?since=e-0&tag=00A1", "").len();
        assert_eq!(a1["bytes_in"]["head"], asked);
        // One that is open is in it as far as it is.
        assert_eq!((&c3["requests"], &c3["messages"]), (&1.into(), &1.into()));
        assert_eq!(c3["bytes_in"]["total"], length(&socket));
        assert!(c3["bytes_out"]["total"].as_u64() >= Some(opened.len() as u64 - 8));
        // And stays in it when it has ended, whatever comes afterwards under no tag.
        stage.0.finish(other);
        stage.0.finish(shared);
        stage.0.run();
        let ended = stage.report("/-/costs?tag=a1");
        assert_eq!(&ended["tags"]["a1"], a1);
    }
}

#[test]
fn whoever_never_asked_anything_is_a_stranger_and_then_other() {
    let mut stage = Stage::new(1);
    let client = stage.connect();
    stage.send(client, "GET /");
    let costs = stage.report("/-/costs");
    assert_eq!(costs["strangers"], 1);
    let others = |costs: &Value| costs["techniques"]["other"]["connections"]["opened"].clone();
    assert_eq!(others(&costs), 1, "the one who asks");
    stage.costs();
    stage.0.finish(client);
    stage.0.run();
    let costs = stage.report("/-/costs");
    assert_eq!(costs["strangers"], 0);
    assert_eq!(others(&costs), 5, "the three reports, this one, and the stranger");
    let bytes = &costs["techniques"]["other"]["bytes_in"];
    assert_eq!(bytes["body"], 5, "what it sent is no head");
    stage.costs();
}

#[test]
fn a_connection_that_ends_in_the_turn_of_a_report_is_in_it_whole() {
    let mut stage = Stage::new(1);
    let (client, reporter) = (stage.connect(), stage.connect());
    stage.get(client, "/t");
    stage.0.finish(client);
    let answer = stage.get(reporter, "/-/costs");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    let costs: Value = serde_json::from_str(body).expect("JSON");
    let poll = &costs["techniques"]["short_poll"];
    assert_eq!(poll["connections"]["closed"]["total"], 1);
    assert_eq!(poll["tcp"]["bytes_in"], length(&request("/t", "")));
    assert_eq!(poll["tcp"]["bytes_out"], poll["bytes_out"]["total"]);
    stage.costs();
}

#[test]
fn memory_is_that_of_all_connections_of_a_technique() {
    let mut stage = Stage::new(1);
    let mut held = Vec::new();
    for readers in 1..=3 {
        let reader = stage.connect();
        stage.get(reader, "/t/sse");
        let row = stage.report("/-/costs")["techniques"]["sse"].clone();
        assert_eq!(row["connections"]["open"], readers);
        held.push(row["memory"]["user"].as_u64().expect("a number"));
    }
    assert!(held[0] > 0 && held[1] == 2 * held[0] && held[2] == 3 * held[0], "{held:?}");
}

#[test]
fn every_technique_has_a_row_and_every_row_the_same_numbers() {
    let mut stage = Stage::new(2);
    let keys = |value: &Value| -> Vec<String> {
        let object = value.as_object().expect("an object");
        object.keys().cloned().collect()
    };
    let costs = stage.report("/-/costs");
    let row = &costs["techniques"]["sse"];
    for technique in TECHNIQUES {
        let other = &costs["techniques"][technique];
        assert_eq!(keys(other), keys(row), "{technique}");
        for part in ["bytes_in", "bytes_out", "syscalls", "tcp", "memory"] {
            assert_eq!(keys(&other[part]), keys(&row[part]), "{technique} {part}");
        }
    }
    assert_eq!(costs["threads"], 2);
    assert_eq!(row["per_message"], Value::Null, "no message, no average");
}

#[test]
fn an_acknowledgement_is_no_delivery() {
    for threads in [1, 4] {
        let mut stage = Stage::new(threads);
        let client = stage.connect();
        let protocol = format!("{UPGRADE}Sec-WebSocket-Protocol: tollway.v1\r\n");
        stage.send(client, request("/news", &protocol));
        let publish = frames::client(true, frames::TEXT, br#"{"ref":1,"data":"x"}"#, [1, 2, 3, 4]);
        let heard = stage.send(client, publish);
        assert!(heard.contains(r#"{"ref":1,"id":"e-1"}"#), "{heard}");
        assert!(heard.contains(r#"{"id":"e-1","data":"x"}"#), "{heard}");
        assert_eq!(stage.costs()["websocket"]["messages"], 1);
    }
}

#[test]
fn latency_runs_from_the_commit_to_the_last_byte() {
    let mut stage = Stage::new(1);
    let (writer, reader) = (stage.connect(), stage.connect());
    stage.get(reader, "/t/sse");
    stage.0.pipe(reader).room = 10;
    stage.publish(writer, "t", "hello");
    assert_eq!(stage.costs()["sse"]["latency"]["count"], 0, "not through");
    stage.0.advance(250);
    stage.0.pipe(reader).room = usize::MAX;
    stage.0.run();
    let latency = &stage.costs()["sse"]["latency"];
    assert_eq!(latency["count"], 1);
    assert_eq!(latency["max_us"], 250_000);
    assert_eq!(latency["p50_us"], 250_000);
}

#[test]
fn a_watcher_gets_a_snapshot_at_once_and_one_a_second() {
    for threads in [1, 3] {
        let mut stage = Stage::new(threads);
        let client = stage.connect();
        let fields = "Accept: text/event-stream\r\n";
        let opened = stage.send(client, request("/-/costs", fields));
        assert!(opened.contains("\r\nretry: "), "{opened}");
        assert!(opened.contains("\ndata: {\"server\":\"tollway/"), "{opened}");
        let mut seen = 1;
        for _ in 0..5 {
            stage.0.advance(1_000);
            let more = String::from_utf8(stage.0.pipe(client).take()).expect("UTF-8");
            seen += more.matches("\ndata: {").count();
        }
        assert_eq!(seen, 6);
        let costs = stage.costs();
        assert_eq!(costs["sse"]["bytes_out"]["total"], 0, "watching is no lane");
        assert_eq!(costs["other"]["connections"]["opened"], 2);
    }
}

#[test]
fn a_watcher_on_a_websocket_may_ping_and_close_and_say_nothing() {
    let mut stage = Stage::new(2);
    let client = stage.connect();
    let opened = stage.send(client, request("/-/costs", UPGRADE));
    assert!(opened.starts_with("HTTP/1.1 101 "), "{opened}");
    assert!(opened.contains("{\"server\":\"tollway/"), "{opened}");
    stage.0.advance(3_000);
    let frames = stage.0.pipe(client).take();
    let snapshots = String::from_utf8_lossy(&frames).matches("{\"server\"").count();
    assert_eq!(snapshots, 3);
    stage.send(client, [0x89, 0x80, 0, 0, 0, 0]);
    stage.0.advance(60_000);
    assert!(stage.0.pipe(client).closed.is_none(), "no Pong is asked of it");
    stage.0.pipe(client).take();
    stage.send(client, [0x81, 0x81, 0, 0, 0, 0, b'x']);
    stage.send(client, [0x88, 0x80, 0, 0, 0, 0]);
    stage.0.advance(10_000);
    let closed = stage.0.pipe(client).closed.expect("closed");
    assert_eq!(closed.name(), "not_allowed");
}

#[test]
fn a_watcher_that_does_not_read_costs_no_more_than_a_full_outbox() {
    let mut stage = Stage::new(1);
    let client = stage.connect();
    stage.send(client, request("/-/costs", "Accept: text/event-stream\r\n"));
    stage.0.pipe(client).room = 0;
    stage.0.advance(50_000);
    let id = stage.0.pipe(client).id;
    let waiting = stage.0.brokers[0].outbox(id).expect("it is there").bytes();
    assert!(waiting < 80_000, "{waiting}");
    stage.0.advance(Limits::default().stall_ms_max * 5 / 4);
    assert_eq!(stage.0.pipe(client).closed.expect("closed").name(), "stalled");
}

#[test]
fn who_asks_while_a_report_is_collected_hears_of_all_that_happened_before() {
    let mut stage = Stage::new(3);
    let [first, poller, second] = [0, 1, 0].map(|shard| stage.0.connect(shard).expect("room"));
    stage.0.send(first, request("/-/costs", "").as_bytes());
    stage.0.turn_of(0);
    stage.0.turn_of(1);
    // Threads 0 and 1 have given their parts, thread 2 has not. Now a poll comes to thread 1.
    stage.0.send(poller, request("/t", "").as_bytes());
    stage.0.turn_of(1);
    assert!(!stage.0.pipe(poller).take().is_empty(), "answered");
    stage.0.send(second, request("/-/costs", "").as_bytes());
    stage.0.turn_of(0);
    stage.0.run();
    let mut polls = |asker| {
        let answer = String::from_utf8(stage.0.pipe(asker).take()).expect("UTF-8");
        let (_, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let costs: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(costs["threads"], 3);
        costs["techniques"]["short_poll"]["requests"].clone()
    };
    assert_eq!(polls(first), 0, "its report was past that thread");
    assert_eq!(polls(second), 1);
}

#[test]
fn a_crowd_that_asks_at_once_is_answered_by_few_reports() {
    let mut stage = Stage::new(3);
    let askers: Vec<_> = (0..300).map(|_| stage.connect()).collect();
    for &asker in &askers {
        stage.0.send(asker, request("/-/costs", "").as_bytes());
    }
    stage.0.run();
    let mut reports = std::collections::BTreeSet::new();
    for asker in askers {
        let answer = String::from_utf8(stage.0.pipe(asker).take()).expect("UTF-8");
        reports.insert(answer.split_once("\r\n\r\n").expect("an answer").1.to_owned());
    }
    // Each thread has one under way, and one for those who came meanwhile.
    assert!((1..=6).contains(&reports.len()), "{}", reports.len());
}

#[test]
fn a_page_of_a_large_table_is_the_same_as_of_all_its_rows() {
    let mut stage = Stage::new(2);
    for n in 0..3_000 {
        let client = stage.connect();
        stage.0.send(client, request("/t", &"X: y\r\n".repeat(n % 7)).as_bytes());
    }
    stage.0.run();
    let ids = |table: &Value| -> Vec<u64> {
        let rows = table["connections"].as_array().expect("rows");
        rows.iter().map(|row| row["id"].as_u64().expect("a number")).collect()
    };
    let mut all = Vec::new();
    for page in 0..4 {
        let target = format!("/-/connections?sort=received&limit=1000&offset={}", page * 1000);
        let table = stage.report(&target);
        // Those who asked before are gone, and who asks now stands somewhere among the others.
        assert_eq!(table["total"], 3_001);
        all.extend(ids(&table));
    }
    let few = ids(&stage.report("/-/connections?sort=received&limit=10&offset=20"));
    assert_eq!(few.len(), 10);
    // Who asks has the longest head of all, and is the first.
    assert_eq!(few[..], all[20..30]);
    assert_eq!(all.len(), 3_001);
}

#[test]
fn the_table_has_a_row_for_each_connection_in_any_order_and_by_the_page() {
    let mut stage = Stage::new(3);
    let readers: Vec<_> = (0..5).map(|_| stage.connect()).collect();
    for &reader in &readers {
        stage.get(reader, "/t/sse");
    }
    let writer = stage.connect();
    stage.publish(writer, "t", "hello");
    stage.connect(); // It says nothing.
    stage.0.advance(1_500);
    let table = stage.report("/-/connections");
    let rows = table["connections"].as_array().expect("rows");
    assert_eq!(table["total"], 8, "readers, writer, who is silent, and who asks");
    let ids: Vec<_> = rows.iter().map(|row| row["id"].as_u64()).collect();
    assert!(ids.is_sorted() && ids.len() == 8, "{ids:?}");
    let silent: Vec<_> = rows.iter().filter(|row| row["state"] == "accepted").collect();
    assert_eq!(silent.len(), 1, "{silent:?}");
    let reader = rows.iter().find(|row| row["technique"] == "sse");
    let reader = reader.expect("a reader");
    assert_eq!(reader["state"], "streaming");
    assert_eq!(reader["messages"], 1);
    assert_eq!(reader["bytes_out"]["payload"], 5);
    assert_eq!((&reader["age_ms"], &reader["idle_ms"]), (&1_500.into(), &1_500.into()));
    assert_eq!(reader["pending"], 0);

    let first = stage.report("/-/connections?sort=sent&limit=1");
    assert_eq!(first["connections"][0]["technique"], "sse");
    let page = stage.report("/-/connections?offset=5&limit=2");
    let rest: Vec<_> = page["connections"].as_array().expect("rows").iter().collect();
    assert_eq!(rest.len(), 2);
    assert_eq!(rest[0]["id"].as_u64(), ids[5]);
}

#[test]
fn the_table_remembers_those_who_left_and_why_and_not_for_ever() {
    let mut stage = Stage::new(1);
    let reader = stage.connect();
    stage.get(reader, "/t/sse");
    stage.0.reset(reader);
    let table = stage.report("/-/connections?state=closed");
    assert_eq!(table["total"], 1);
    let row = &table["connections"][0];
    assert_eq!((&row["technique"], &row["closed"]), (&"sse".into(), &"reset".into()));
    for _ in 0..CLOSED_ROWS_MAX + 10 {
        let client = stage.connect();
        stage.0.finish(client);
        stage.0.run();
    }
    let table = stage.report("/-/connections?state=all&sort=idle");
    assert_eq!(table["total"], CLOSED_ROWS_MAX + 1);
    let rows = table["connections"].as_array().expect("rows");
    assert!(rows.iter().all(|row| row["technique"] == "other"));
}

#[test]
fn metrics_are_what_prometheus_takes() {
    let mut stage = Stage::new(2);
    let (reader, writer) = (stage.connect(), stage.connect());
    stage.get(reader, "/t/ws");
    stage.send(reader, request("/t/sse", ""));
    stage.publish(writer, "t", "hello");
    let client = stage.connect();
    let answer = stage.get(client, "/metrics");
    let (_, page) = answer.split_once("\r\n\r\n").expect("a head");
    let families = exposition::parse(page);
    for name in [
        "tollway_requests_total",
        "tollway_connections_open",
        "tollway_delivery_latency_seconds",
        "process_cpu_seconds_total",
    ] {
        assert!(families.contains_key(name), "{name}");
    }
    let topics = page.contains("\"t\"");
    assert!(!topics, "no topic is a label");
}

/// A strict reader of the Prometheus text exposition format 0.0.4.
mod exposition {
    use std::collections::{BTreeMap, BTreeSet};

    #[derive(Debug, Default)]
    pub(super) struct Family {
        kind: String,
        samples: BTreeMap<String, f64>,
    }

    pub(super) fn parse(page: &str) -> BTreeMap<String, Family> {
        assert!(page.ends_with('\n'), "the last line ends too");
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let (mut current, mut helped) = (String::new(), BTreeSet::new());
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help");
                assert!(helped.insert(name.to_owned()), "{name} is told of twice");
                assert!(help.ends_with('.') && !help.contains('\\'), "{help}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert!(helped.contains(name), "{name} has no help");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                name.clone_into(&mut current);
                let family = Family { kind: kind.to_owned(), ..Family::default() };
                assert!(families.insert(current.clone(), family).is_none(), "{name}");
            } else {
                let (series, value) = line.rsplit_once(' ').expect("a sample");
                let name = series.split('{').next().expect("a name");
                let family = families.get_mut(&current).expect("samples come behind types");
                let base = match family.kind.as_str() {
                    "histogram" => ["_bucket", "_sum", "_count"]
                        .iter()
                        .find_map(|suffix| name.strip_suffix(suffix))
                        .expect("a part of a histogram"),
                    _ => name,
                };
                assert_eq!(base, current, "families are not mixed");
                labels(series);
                let value: f64 = value.parse().expect("a number");
                assert!(value.is_finite() && value >= 0.0);
                let twice = family.samples.insert(series.to_owned(), value);
                assert!(twice.is_none(), "{series} twice");
            }
        }
        for (name, family) in &families {
            if family.kind == "histogram" {
                cumulate(name, family);
            }
        }
        families
    }

    fn labels(series: &str) {
        let Some((name, rest)) = series.split_once('{') else {
            return;
        };
        let fit = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(name.chars().all(fit), "{name}");
        let labels = rest.strip_suffix('}').expect("braces close");
        for label in labels.split(',') {
            let (key, value) = label.split_once('=').expect("key=value");
            assert!(key.chars().all(fit), "{key}");
            let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            assert!(!value.expect("quoted").contains(['"', '\\', '\n']));
        }
    }

    /// Buckets grow, and the last is the count.
    fn cumulate(name: &str, family: &Family) {
        let techniques: BTreeSet<&str> = family
            .samples
            .keys()
            .filter_map(|series| series.split("technique=\"").nth(1)?.split('"').next())
            .collect();
        assert_eq!(techniques.len(), 4);
        for technique in techniques {
            let mut buckets: Vec<(f64, f64)> = family
                .samples
                .iter()
                .filter(|(series, _)| series.contains(&format!("technique=\"{technique}\",le=")))
                .map(|(series, &count)| {
                    let le = series.split("le=\"").nth(1).expect("a bound");
                    let le = le.trim_end_matches("\"}").replace("+Inf", "inf");
                    (le.parse().expect("a number"), count)
                })
                .collect();
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(buckets.is_sorted_by_key(|&(_, count)| count));
            let (last, all) = buckets.last().expect("buckets");
            assert!(last.is_infinite());
            let count = &family.samples[&format!("{name}_count{{technique=\"{technique}\"}}")];
            assert!((all - count).abs() < 0.5);
        }
    }
}

/// Whoever reads a number finds in the docs what it means.
#[test]
fn the_docs_tell_of_every_field() {
    let docs = include_str!("../docs/reference/costs.md");
    let mut stage = Stage::new(2);
    let client = stage.connect();
    stage.publish(client, "t", "hello");
    stage.get(client, "/t");
    stage.0.reset(client);
    let costs = stage.report("/-/costs");
    let table = stage.report("/-/connections?state=all");
    let mut told = keys_within(&costs["techniques"]["publish"], &[]);
    told.extend(keys_within(&costs, &["techniques", "shared", "process"]));
    for row in table["connections"].as_array().expect("rows") {
        told.extend(keys_within(row, &[]));
    }
    told.extend(keys_within(&table, &["connections"]));
    // Of quantiles and averages the docs tell what is over and under the line, not each.
    let obvious = ["p50_us", "p90_us", "p99_us", "max_us", "mean_us", "count", "server"];
    for key in told {
        let named = docs.contains(&format!("`{key}`")) || obvious.contains(&key.as_str());
        assert!(named, "docs/reference/costs.md does not tell what {key} is");
    }
}

/// The keys of an object and of those in it, but not within `but`.
fn keys_within(value: &Value, but: &[&str]) -> Vec<String> {
    let mut keys = Vec::new();
    for (key, inner) in value.as_object().into_iter().flatten() {
        keys.push(key.clone());
        if !but.contains(&key.as_str()) {
            keys.extend(keys_within(inner, but));
        }
    }
    keys
}
