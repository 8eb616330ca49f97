//! A reader of one technique: stands in a numbering, at a number, and must be given what follows
//! there, or a gap into a numbering that came later.

use serde_json::Value;
use tollway::ids::Epoch;

use super::dice::Dice;
use super::readers::http::Chunks;
use super::readers::{frames, http};
use super::sse::Blocks;
use super::{Stage, TOPICS, id, split};
use crate::world::Client;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Stream,
    Dialect,
    Raw,
    LongPoll,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Stream, Self::Dialect, Self::Raw, Self::LongPoll];
}

pub(crate) struct Reader {
    way: Way,
    topics: Vec<usize>,
    client: Option<Client>,
    bytes: Vec<u8>,
    greeted: bool,
    chunks: Chunks,
    blocks: Blocks,
    /// Everything up to here was read, or said to be missing.
    stand: Option<(Epoch, u64)>,
}

impl Reader {
    pub(crate) fn new(way: Way, dice: &mut Dice) -> Self {
        let first = dice.below(TOPICS.len());
        let second = (first + 1) % TOPICS.len();
        let topics = if dice.percent(30) { vec![first, second] } else { vec![first] };
        let (bytes, chunks, blocks) = Default::default();
        Self { way, topics, client: None, bytes, greeted: false, chunks, blocks, stand: None }
    }

    pub(crate) fn act(&mut self, stage: &mut Stage) {
        self.read(stage);
        if let Some(client) = self.client {
            if stage.dice.one_in(5) {
                let room = *stage.dice.pick(&[0, 50, usize::MAX, usize::MAX]);
                stage.world.pipe(client).room = room;
            }
            if stage.dice.one_in(40) {
                stage.world.reset(client);
                self.client = None;
            }
        }
        self.connect(stage);
    }

    pub(crate) fn act_with_room(&mut self, stage: &mut Stage) {
        self.read(stage);
        self.connect(stage);
        if let Some(client) = self.client {
            stage.world.pipe(client).room = usize::MAX;
        }
    }

    /// The story is over: it has everything of the numbering in force.
    pub(crate) fn check_has_all(&self, stage: &Stage) {
        let (epoch, at) = self.stand.expect("it was greeted");
        assert_eq!(epoch, stage.world.epoch, "{:?} heard of no gap", self.way);
        assert_eq!(self.behind(stage, epoch, at).first(), None, "{:?} is owed it", self.way);
    }

    fn connect(&mut self, stage: &mut Stage) {
        if self.client.is_some() {
            return;
        }
        let shard = stage.dice.below(stage.threads);
        let client = stage.world.connect(shard).expect("there is room");
        (self.client, self.greeted) = (Some(client), false);
        (self.bytes, self.chunks, self.blocks) = Default::default();
        self.ask(stage, client);
    }

    fn ask(&self, stage: &mut Stage, client: Client) {
        let names: Vec<_> = self.topics.iter().map(|&topic| TOPICS[topic]).collect();
        let since = self.stand.map_or("earliest".to_owned(), |(epoch, at)| id(epoch, at));
        let upgrade = format!(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {}\r\n",
            frames::KEY
        );
        let (path, fields) = match self.way {
            Way::Stream => ("sse", String::new()),
            Way::Dialect => ("ws", format!("{upgrade}Sec-WebSocket-Protocol: tollway.v1\r\n")),
            Way::Raw => ("ws", upgrade),
            Way::LongPoll => ("poll", "Prefer: wait=20\r\n".to_owned()),
        };
        let target = format!("/{}/{path}?since={since}", names.join(","));
        let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        stage.world.send(client, head.as_bytes());
    }

    fn read(&mut self, stage: &mut Stage) {
        let Some(client) = self.client else {
            return;
        };
        let come = stage.world.pipe(client).take();
        self.bytes.extend(come);
        if self.way == Way::LongPoll {
            self.read_answers(stage, client);
        } else {
            self.read_endless(stage, client);
        }
        if stage.world.pipe(client).ended() {
            stage.world.finish(client);
            self.client = None;
        }
    }

    fn read_answers(&mut self, stage: &mut Stage, client: Client) {
        while let Some(answer) = http::answer(&self.bytes, false).filter(|a| a.body.ended) {
            self.bytes.drain(..answer.head.used + answer.body.used);
            let next = answer.head.field("Last-Event-ID").expect("a cursor").to_owned();
            if answer.head.status == 200 {
                let value: Value = serde_json::from_slice(&answer.body.data).expect("JSON");
                let messages = value["messages"].as_array().expect("a list");
                let first = messages.first().map(|message| place(message).1 - 1);
                if let Some(gap) = value.get("gap") {
                    self.gap(stage, gap, Some(first.unwrap_or(split(&next).1)));
                    stage.see("a gap answers a parked poll");
                } else if self.stand.is_none() {
                    self.begin(stage, split(&next).0, first.expect("200 without a gap"));
                }
                messages.iter().for_each(|message| self.object(stage, message));
            } else {
                assert_eq!(answer.head.status, 204);
            }
            let stand = *self.stand.get_or_insert(split(&next));
            assert_eq!(stand, split(&next), "the cursor that it is given");
            self.ask(stage, client);
        }
    }

    fn read_endless(&mut self, stage: &mut Stage, client: Client) {
        if !self.greeted {
            let Some(head) = http::head(&self.bytes) else {
                return;
            };
            assert_eq!(head.status, if self.way == Way::Stream { 200 } else { 101 });
            self.bytes.drain(..head.used);
            self.greeted = true;
            if let (Way::Raw, Some(cursor)) = (self.way, head.field("Last-Event-ID")) {
                self.greet(stage, cursor);
            }
        }
        if self.way == Way::Stream {
            let bytes = self.chunks.feed(&std::mem::take(&mut self.bytes));
            for block in self.blocks.feed(&bytes) {
                let Some(cursor) = block.id else {
                    continue; // A heartbeat.
                };
                match (block.event.as_deref(), block.data) {
                    (Some("gap"), Some(data)) => {
                        let value: Value = serde_json::from_str(&data).expect("JSON");
                        self.gap(stage, &value["gap"], Some(split(&cursor).1));
                        stage.see("a gap on a stream");
                    }
                    (_, Some(data)) => self.message(stage, split(&cursor), &data),
                    (_, None) => self.greet(stage, &cursor),
                }
            }
            return;
        }
        while let Some(frame) = frames::server_frame(&self.bytes, 0) {
            self.bytes.drain(..frame.used);
            let text = String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default());
            match frame.opcode {
                frames::PING => {
                    let pong = frames::client(true, frames::PONG, &frame.payload, [1; 4]);
                    stage.world.send(client, &pong);
                }
                frames::CLOSE => {
                    self.closed(stage, text.strip_prefix("gap: ").expect("a gap"));
                    let close = frames::client(true, frames::CLOSE, &frame.payload, [1; 4]);
                    stage.world.send(client, &close);
                }
                _ if self.way == Way::Raw => {
                    let (epoch, at) = self.stand.expect("it was greeted");
                    let behind = self.behind(stage, epoch, at);
                    let (seq, _, next) = behind.first().expect("a message that nobody said");
                    assert_eq!(next.as_bytes(), frame.payload);
                    self.stand = Some((epoch, *seq));
                }
                _ => {
                    let value: Value = serde_json::from_slice(&frame.payload).expect("JSON");
                    if let Some(next) = value.get("next") {
                        self.greet(stage, next.as_str().expect("a cursor"));
                    } else if let Some(gap) = value.get("gap") {
                        self.gap(stage, gap, None);
                        stage.see("a gap in the dialect");
                    } else {
                        self.object(stage, &value);
                    }
                }
            }
        }
    }

    fn greet(&mut self, stage: &Stage, cursor: &str) {
        let (epoch, at) = split(cursor);
        match self.stand {
            Some(stand) => assert_eq!(stand, (epoch, at), "greeted with the cursor it came with"),
            None => self.begin(stage, epoch, at),
        }
    }

    /// It asked for the earliest: nothing is before that.
    fn begin(&mut self, stage: &Stage, epoch: Epoch, at: u64) {
        let all = self.behind(stage, epoch, 0);
        assert!(all.iter().all(|(seq, ..)| *seq > at), "{at} is not the earliest");
        self.stand = Some((epoch, at));
    }

    /// `cursor`: where it goes on, where that is said.
    fn gap(&mut self, stage: &Stage, gap: &Value, cursor: Option<u64>) {
        let text = |name: &str| gap[name].as_str().expect("text").to_owned();
        assert_eq!(text("reason"), "epoch");
        if self.stand.is_none() {
            let (epoch, at) = split(&text("from")); // A poll that asked for the earliest.
            self.begin(stage, epoch, at);
        }
        let (epoch, at) = self.stand.expect("it came with a cursor");
        assert_eq!(text("from"), id(epoch, at), "{:?}", self.way);
        let (next, to) = split(&text("to"));
        assert!(next.0 > epoch.0, "{gap} into a numbering that was earlier");
        let all = self.behind(stage, next, 0);
        let follows = all.iter().any(|(seq, ..)| *seq == to);
        let at = cursor.unwrap_or(if follows { to - 1 } else { to });
        assert!(to == at || follows && to == at + 1, "{gap} goes on from {at}");
        assert!(all.iter().all(|(seq, ..)| *seq > at), "{gap} passes over what is retained");
        self.stand = Some((next, at));
    }

    /// A raw socket is closed for a gap, and comes back from behind it.
    fn closed(&mut self, stage: &mut Stage, words: &str) {
        let words: Vec<_> = words.split(' ').collect();
        let [reason, "from", from, "to", to] = words[..] else {
            panic!("a gap in other words: {words:?}");
        };
        let gap = serde_json::json!({"reason": reason, "from": from, "to": to});
        self.gap(stage, &gap, None);
        stage.see("a gap closes a raw socket");
    }

    /// A message as an object.
    fn object(&mut self, stage: &Stage, value: &Value) {
        self.message(stage, place(value), value["data"].as_str().expect("text"));
    }

    fn message(&mut self, stage: &Stage, (epoch, seq): (Epoch, u64), text: &str) {
        let (stands_in, at) = self.stand.expect("it was greeted");
        assert_eq!(epoch, stands_in, "{:?}: a message of another numbering", self.way);
        let behind = self.behind(stage, epoch, at);
        let next = behind.first().map(|(seq, _, text)| (*seq, text.as_str()));
        assert_eq!(next, Some((seq, text)), "{:?} behind {at}", self.way);
        self.stand = Some((epoch, seq));
    }

    /// What was committed on its topics behind `at`.
    fn behind(&self, stage: &Stage, epoch: Epoch, at: u64) -> Vec<(u64, usize, String)> {
        let mut all = stage.committed(epoch);
        all.retain(|(seq, topic, _)| *seq > at && self.topics.contains(topic));
        all
    }
}

/// Where a message says that it stands.
fn place(message: &Value) -> (Epoch, u64) {
    split(message["id"].as_str().expect("an id"))
}
