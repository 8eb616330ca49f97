//! A publisher: says one thing after the other, and repeats under its key what was not
//! acknowledged. Sometimes it is gone before its answer.

use serde_json::Value;

use super::readers::http;
use super::{Stage, TOPICS, id, split};
use crate::world::Client;

#[derive(Default)]
pub(crate) struct Publisher {
    line: Option<(Client, Vec<u8>)>,
    /// What it says until that is acknowledged: a topic and a text, which is its key as well.
    saying: Option<(usize, String)>,
    /// It was sent, and is not answered.
    waits: bool,
    repeats: bool,
}

impl Publisher {
    pub(crate) fn act(&mut self, stage: &mut Stage) {
        if let Some((client, mut bytes)) = self.line.take() {
            bytes.extend(stage.world.pipe(client).take());
            let closed = stage.world.pipe(client).closed.is_some();
            let answered = self.hear(stage, &mut bytes);
            if answered && stage.dice.percent(70) || !answered && !closed {
                self.line = Some((client, bytes)).filter(|_| !closed);
            }
            if self.waits && stage.dice.one_in(30) {
                stage.see("gone before its answer");
                stage.world.reset(client);
                self.line = None;
            }
            if self.line.is_none() {
                if !closed {
                    stage.world.finish(client);
                }
                self.repeats |= self.waits;
                self.waits = false;
            }
        }
        if !self.waits {
            self.say(stage);
        }
    }

    fn say(&mut self, stage: &mut Stage) {
        let (topic, text) = self.saying.get_or_insert_with(|| {
            stage.said += 1;
            self.repeats = false;
            (stage.dice.below(TOPICS.len()), format!("text {}", stage.said))
        });
        let head = format!(
            "POST /{} HTTP/1.1\r\nHost: h\r\nIdempotency-Key: \"{text}\"\r\n\
             Content-Length: {}\r\n\r\n{text}",
            TOPICS[*topic],
            text.len()
        );
        if self.line.is_none() {
            let shard = stage.dice.below(stage.threads);
            self.line = stage.world.connect(shard).map(|client| (client, Vec::new()));
        }
        let (client, _) = self.line.as_ref().expect("there is room");
        stage.world.send(*client, head.as_bytes());
        self.waits = true;
    }

    /// `true`: what it said is answered.
    fn hear(&mut self, stage: &mut Stage, bytes: &mut Vec<u8>) -> bool {
        let Some(answer) = http::answer(bytes, false).filter(|answer| answer.body.ended) else {
            return false;
        };
        bytes.drain(..answer.head.used + answer.body.used);
        assert!(std::mem::take(&mut self.waits), "an answer to nothing");
        let value: Value = serde_json::from_slice(&answer.body.data).expect("JSON");
        if answer.head.status == 503 {
            assert_eq!(value["code"], "store_unavailable");
            assert!(answer.head.field("Retry-After").is_some());
            stage.see("store_unavailable");
            self.repeats = true;
            return true;
        }
        assert_eq!(answer.head.status, 201, "{value}");
        let (topic, text) = self.saying.take().expect("it said something");
        let (epoch, seq) = split(value["id"].as_str().expect("an id"));
        let there = stage.committed(epoch).into_iter().find(|(number, ..)| *number == seq);
        assert_eq!(there, Some((seq, topic, text.clone())), "acknowledged, and not in the log");
        let location = format!("/{}?since={}", TOPICS[topic], id(epoch, seq - 1));
        assert_eq!(answer.head.field("Location"), Some(location.as_str()));
        if self.repeats {
            stage.see("a repeat is acknowledged");
        }
        if stage.dice.percent(30) {
            read_elsewhere(stage, &location, &text);
        }
        true
    }
}

/// What was acknowledged is there for whoever asks any thread, or there is a gap.
fn read_elsewhere(stage: &mut Stage, target: &str, text: &str) {
    let shard = stage.dice.below(stage.threads);
    let client = stage.world.connect(shard).expect("there is room");
    let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    stage.world.send(client, head.as_bytes());
    stage.world.pause(shard, 0);
    let mut bytes = Vec::new();
    for _ in 0..100 {
        stage.world.turn_of(shard);
        bytes.extend(stage.world.pipe(client).take());
        if let Some(answer) = http::answer(&bytes, false).filter(|answer| answer.body.ended) {
            assert_eq!(answer.head.status, 200, "{text} was acknowledged");
            let value: Value = serde_json::from_slice(&answer.body.data).expect("JSON");
            let said = value["messages"].as_array().expect("a list").iter();
            let found = said.clone().any(|message| message["data"] == text);
            assert!(found || value.get("gap").is_some(), "{text} was acknowledged: {value}");
            stage.see("read on another thread");
            break;
        }
    }
    stage.world.finish(client);
}
