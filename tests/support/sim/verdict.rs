//! Whether the words of each technique say what the oracle knows: ids, data, names, gaps.

use serde_json::Value;
use tollway::limits::{RETRY_MS_MAX, RETRY_MS_MIN};

use super::judge::{Ask, Gap, Stand};
use super::line::Expect;
use super::reader::Notes;
use super::readers::events::Block;
use super::readers::frames;
use super::readers::http::{Answer, Head};
use super::readers::json::to_base64;
use super::stage::{Stage, id, place};

/// A reader that is greeted without a cursor must be told of a gap, and is closed.
pub fn greeted_socket(
    stage: &Stage,
    shard: usize,
    ask: &Ask,
    head: &Head,
    dialect: bool,
) -> Option<Stand> {
    assert_eq!(head.status, 101, "{head:?}");
    assert_eq!(head.field("Sec-WebSocket-Accept"), Some(frames::ACCEPT));
    let protocol = head.field("Sec-WebSocket-Protocol");
    assert_eq!(protocol, dialect.then_some("tollway.v1"));
    let greeting = head.field("Last-Event-ID").filter(|_| !dialect);
    greeting.map(|greeting| Stand::greeted(stage, shard, ask, greeting))
}

pub fn judge_socket_gap(
    stage: &Stage,
    shard: usize,
    ask: &Ask,
    stand: Option<Stand>,
    words: &str,
) -> u64 {
    let words: Vec<&str> = words.split(' ').collect();
    let [reason, "from", from, "to", to] = words[..] else {
        panic!("a gap in other words: {words:?}");
    };
    let gap = Gap { from: from.into(), to: to.into(), reason: reason.into() };
    let to = place(stage.epoch, to).expect("an id of this world");
    let held = to > 0 && to <= stage.oracle.tip() && {
        let topic = stage.oracle.topic_at(to);
        ask.topics.contains(&topic) && stage.lost(shard, topic) < to
    };
    let cursor = if held { to - 1 } else { to };
    match stand {
        Some(mut stand) => {
            stand.gap(stage, ask, &gap, cursor);
            stand.at
        }
        None => {
            assert_ne!(reason, "slow");
            Stand::polling(stage, shard, ask, Some(&gap), Some(cursor + 1), cursor).at
        }
    }
}

pub fn greeted_stream(stage: &Stage, shard: usize, ask: &Ask, block: &Block) -> Stand {
    let retry = block.retry_ms.expect("the first block says when to come back");
    assert!((RETRY_MS_MIN..=RETRY_MS_MAX).contains(&retry));
    assert!(block.data.is_none(), "the first block fires nothing");
    let greeting = block.id.as_deref().expect("the first block holds the cursor");
    Stand::greeted(stage, shard, ask, greeting)
}

pub fn judge_block(stage: &Stage, stand: &mut Stand, ask: &Ask, block: &Block, notes: &mut Notes) {
    let Some(data) = &block.data else {
        if let (Some(retry), Some(_)) = (block.retry_ms, stage.world.ends_at) {
            return assert!((RETRY_MS_MIN..=RETRY_MS_MAX).contains(&retry));
        }
        let beat = Block { comments: vec![String::new()], ..Block::default() };
        assert_eq!(*block, beat, "a block without data is a heartbeat");
        return;
    };
    let at = place(stage.epoch, block.id.as_deref().expect("an id")).expect("an id of this world");
    if block.event.as_deref() == Some("gap") {
        let value: Value = serde_json::from_str(data).expect("JSON");
        notes.gaps += 1;
        return stand.gap(stage, ask, &gap(&value["gap"]), at);
    }
    stand.message(stage, at);
    let said = stage.oracle.at(at);
    assert_eq!(block.event, said.event);
    let (text, comments) = match str::from_utf8(&said.body) {
        Ok(text) => (text.replace("\r\n", "\n").replace('\r', "\n"), Vec::new()),
        Err(_) => (to_base64(&said.body), vec![" base64".to_owned()]),
    };
    assert_eq!(*data, text);
    assert_eq!(block.comments, comments);
    notes.messages += 1;
}

/// A message or a gap of `tollway.v1`.
pub fn judge_object(stage: &Stage, stand: &mut Stand, ask: &Ask, value: Value, notes: &mut Notes) {
    if let Some(said) = value.get("gap") {
        notes.gaps += 1;
        return stand.gap_without_cursor(stage, ask, &gap(said));
    }
    let at = value["id"].as_str().expect("an id");
    let message = Message { at: place(stage.epoch, at).expect("an id of this world"), value };
    message.check(stage, ask.topics.len() > 1);
    stand.message(stage, message.at);
    notes.messages += 1;
}

/// The answer to a message told in `tollway.v1`.
pub fn judge_told(
    stage: &mut Stage,
    notes: &mut Notes,
    number: usize,
    value: &Value,
    began_at: u64,
) {
    assert_eq!(value["ref"].as_u64(), Some(number as u64));
    if let Some(error) = value.get("error") {
        assert_eq!(error["status"], 503, "{value}");
        refused(stage, notes, number, &error["code"], began_at);
        return stage.see("an error in the dialect");
    }
    let at = place(stage.epoch, value["id"].as_str().expect("an id")).expect("an id of this world");
    let said = &stage.oracle.said[number];
    assert!(said.places.contains(&at), "acknowledged as {at}, and not in the log");
    if said.key.is_some() {
        notes.keyed.push(number);
    }
    stage.oracle.acknowledge(at);
    stage.see("an id in the dialect");
}

pub fn judge_frame(stage: &Stage, stand: &mut Stand, binary: bool, payload: &[u8]) {
    let tip = stage.oracle.tip();
    let mut after = stand.at;
    loop {
        let next = stand.next_behind(stage, after, tip);
        let next = next.unwrap_or_else(|| panic!("a message that was never said, or twice"));
        let said = stage.oracle.at(next);
        if said.body == payload {
            assert_eq!(said.binary, binary, "text stays text, bytes stay bytes");
            return stand.message(stage, next);
        }
        assert!(stand.is_excused(stage, next), "{next} is missing behind {}", stand.at);
        after = next;
    }
}

/// A publish was told 503. Without a store that means that it is not in the log and never will be.
fn refused(stage: &mut Stage, notes: &mut Notes, number: usize, code: &Value, made_at: u64) {
    assert!(stage.may_have_refused(made_at), "503, {code}, without a reason");
    let said = &mut stage.oracle.said[number];
    if code == "store_unavailable" {
        assert!(stage.script.stored);
        if said.key.is_some() {
            notes.keyed.push(number); // It is safe to say it again.
        }
        return stage.see("store_unavailable");
    }
    assert_eq!(code, "overloaded");
    if said.key.is_none() {
        assert!(said.places.is_empty(), "refused, and in the log");
        said.refused = true;
    }
}

pub fn judge_publish(
    stage: &mut Stage,
    notes: &mut Notes,
    expect: &Expect,
    number: usize,
    answer: &Answer,
) {
    if answer.head.status == 503 {
        assert!(answer.head.field("Retry-After").is_some());
        let problem: Value = serde_json::from_slice(&answer.body.data).expect("JSON");
        return refused(stage, notes, number, &problem["code"], expect.made_at);
    }
    assert_eq!(answer.head.status, 201, "{expect:?}");
    let value: Value = serde_json::from_slice(&answer.body.data).expect("JSON");
    let at = place(stage.epoch, value["id"].as_str().expect("an id")).expect("an id of this world");
    assert!(value["subscribers"].is_u64());
    let said = &stage.oracle.said[number];
    if said.places.last() == Some(&at) && notes.keyed.contains(&number) {
        stage.see("a repeated publish");
    }
    assert!(said.places.contains(&at), "acknowledged as {at}, and not in the log");
    let location = format!("/{}?since={}", stage.oracle.names[said.topic], id(stage.epoch, at - 1));
    assert_eq!(answer.head.field("Location"), Some(location.as_str()));
    if said.key.is_some() {
        notes.keyed.push(number);
    }
    stage.oracle.acknowledge(at);
}

/// The body of a poll answer.
pub struct Answered {
    pub next: u64,
    pub gap: Option<Gap>,
    pub messages: Vec<Message>,
    pub more: bool,
}

pub struct Message {
    pub at: u64,
    value: Value,
}

impl Answered {
    pub fn read(stage: &Stage, body: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(body).expect("JSON");
        let list = value["messages"].as_array().expect("a list");
        Self {
            next: place(stage.epoch, value["next"].as_str().expect("an id"))
                .expect("of this world"),
            gap: value.get("gap").map(gap),
            messages: list
                .iter()
                .map(|value| Message {
                    at: place(stage.epoch, value["id"].as_str().expect("an id"))
                        .expect("of this world"),
                    value: value.clone(),
                })
                .collect(),
            more: value.get("more").is_some(),
        }
    }
}

impl Message {
    pub fn check(&self, stage: &Stage, named: bool) {
        let said = stage.oracle.at(self.at);
        let text = |name: &str| self.value.get(name).and_then(Value::as_str);
        assert_eq!(text("event"), said.event.as_deref());
        let topic = named.then(|| stage.oracle.names[said.topic].as_str());
        assert_eq!(text("topic"), topic);
        match str::from_utf8(&said.body) {
            Ok(body) => assert_eq!((text("data"), text("encoding")), (Some(body), None)),
            Err(_) => {
                let body = to_base64(&said.body);
                let found = (text("data"), text("encoding"));
                assert_eq!(found, (Some(body.as_str()), Some("base64")));
            }
        }
    }
}

pub fn gap(value: &Value) -> Gap {
    let text = |name: &str| value[name].as_str().expect("text").to_owned();
    Gap { from: text("from"), to: text("to"), reason: text("reason") }
}
