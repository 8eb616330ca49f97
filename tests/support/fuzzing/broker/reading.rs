//! What a client has received, read by a stranger: its answers in order, and every message that it
//! asked for, without a hole that it was not told of.
//!
//! Came from: `checks`, for each client that only said sound things. Absent on purpose: our own
//! readers; a client has others.

use tollway::conn::state::Name;
use tollway::hub::Hub;
use tollway::ids::Id;

use super::super::readers::frames::{self, Frame};
use super::super::readers::http::{self, Answer};
use super::super::readers::json::Json;
use super::super::readers::{events, json};
use super::{Asked, Bench, Peer, TOPICS};

impl Bench {
    /// Everything that a client of sound requests has received so far is what it asked for.
    pub(super) fn reads_without_a_hole(&self, n: usize) {
        let peer = &self.peers[n];
        if peer.tainted {
            return;
        }
        let pipe = &self.world.pipes[peer.client.0];
        let (answers, used) = http::answers(&pipe.received);
        let whole = pipe.room == usize::MAX && pipe.closed.is_none() && !pipe.half_closed;
        let last = answers.iter().filter(|answer| answer.head.status != 100);
        let mut asked = peer.asked.iter();
        for answer in last {
            let Some(asked) = asked.next() else {
                // Nothing was asked: it took too long to ask.
                assert_eq!(answer.head.status, 408, "{answer:?}");
                continue;
            };
            assert!(answer.body.ended || peer.follows() || !whole, "answers go out whole");
            match (asked, answer.head.status) {
                (Asked::Publish { topic, data }, 201) => {
                    self.is_in_the_log(answer, *topic, data.as_deref());
                }
                (Asked::Publish { .. }, status) => assert!(matches!(status, 408 | 413 | 503)),
                (Asked::Poll { topics, since }, 200) if answer.body.ended => {
                    self.poll(answer, topics, *since);
                }
                (Asked::Stream { topics }, 200) => self.stream(answer, topics, whole),
                (Asked::Socket { topics, v1 }, 101) => {
                    let (frames, left) = frames::server(&pipe.received[used..]);
                    assert!(!whole || left.is_empty());
                    match v1 {
                        false => self.socket(answer, topics, &frames, whole),
                        true => self.dialogue(topics, &frames, whole),
                    }
                }
                (Asked::Poll { .. }, status) => assert!(matches!(status, 200 | 204)),
                (Asked::Stream { .. } | Asked::Socket { .. }, status) => panic!("{status}"),
                (Asked::Else, status) => assert!(matches!(status, 200 | 500), "{status}"),
            }
        }
        assert!(used == pipe.received.len() || peer.follows() || !whole, "half a head");
        self.is_answered(peer, asked.len(), whole);
    }

    /// Who waits for an answer is a parked poll, or stands behind one.
    fn is_answered(&self, peer: &Peer, unanswered: usize, whole: bool) {
        let pipe = &self.world.pipes[peer.client.0];
        let conn = self.world.brokers[pipe.shard].conn(pipe.id);
        let (true, Some(conn)) = (whole && unanswered > 0, conn) else {
            return;
        };
        let first = &peer.asked[peer.asked.len() - unanswered];
        assert_eq!(conn.state.name(), Name::Parked, "{first:?} is not answered");
        assert!(matches!(first, Asked::Poll { .. }));
    }

    fn seq(text: &str) -> u64 {
        Id::parse(text).unwrap_or_else(|| panic!("not an id: {text:?}")).seq.0
    }

    fn is_in_the_log(&self, answer: &Answer, topic: usize, data: Option<&[u8]>) {
        let body = json::read_line(&answer.body.data);
        let message = &self.world.committed[Self::seq(body.text("id")) as usize - 1];
        assert_eq!(message.topic.as_str(), TOPICS[topic]);
        assert!(data.is_none_or(|data| data == message.payload.bytes()));
        let location = answer.head.field("Location").expect("a place to read it from");
        assert_eq!(location, format!("/{}?since=e-{}", TOPICS[topic], message.seq.0 - 1));
    }

    /// The places after `cursor` of what was published to `topics`.
    fn after(&self, topics: &[usize], cursor: u64) -> impl Iterator<Item = u64> {
        let named: Vec<&str> = topics.iter().map(|&topic| TOPICS[topic]).collect();
        let later = self.world.committed.iter().skip(cursor as usize);
        later.filter(move |m| named.contains(&m.topic.as_str())).map(|message| message.seq.0)
    }

    /// The place that must follow `cursor`, up to `here`. Each topic has a history of its own: who
    /// reads several from before the end of one history gets all that is left of the others.
    fn due(&self, topics: &[usize], cursor: u64, here: Option<u64>) -> Option<u64> {
        let gone = |seq: u64| topics.len() > 1 && self.is_gone(seq);
        self.after(topics, cursor).find(|&seq| here == Some(seq) || !gone(seq))
    }

    /// Whether no history has the message any more.
    fn is_gone(&self, seq: u64) -> bool {
        let topic = &self.world.committed[seq as usize - 1].topic;
        let gone = |hub: &Hub| hub.find(topic).is_none_or(|id| hub.log(id).evicted().0 >= seq);
        self.world.brokers.iter().all(|broker| gone(broker.hub()))
    }

    fn poll(&self, answer: &Answer, topics: &[usize], since: Option<u64>) {
        let body = json::read(&answer.body.data);
        let next = Self::seq(body.text("next"));
        let gap = body.get("gap");
        let messages = body.get("messages").expect("a list").list();
        assert!(gap.is_some() || !messages.is_empty(), "something is said");
        let first = messages.first().map(|message| Self::seq(message.text("id")));
        let mut cursor = match (since, gap) {
            (Some(since), None) => since,
            _ => first.map_or(next, |first| first - 1),
        };
        for message in messages {
            let data = data_of(message);
            let same = |published: &[u8]| published == data;
            cursor = self.follows_on(topics, cursor, message.text("id"), same);
        }
        assert_eq!(next, cursor);
        assert_eq!(answer.head.field("Last-Event-ID"), Some(format!("e-{next}").as_str()));
    }

    /// The message `id` is the next one after `cursor`, and says what was published.
    fn follows_on(
        &self,
        topics: &[usize],
        cursor: u64,
        id: &str,
        same: impl FnOnce(&[u8]) -> bool,
    ) -> u64 {
        let seq = Self::seq(id);
        assert_eq!(self.due(topics, cursor, Some(seq)), Some(seq), "after {cursor}");
        let message = &self.world.committed[seq as usize - 1];
        assert!(same(message.payload.bytes()), "{id} says something else");
        seq
    }

    fn stream(&self, answer: &Answer, topics: &[usize], whole: bool) {
        let text = String::from_utf8_lossy(&answer.body.data);
        let Some((first, _)) = text.split_once("\n\n") else {
            return;
        };
        let (_, first) = first.split_once("id: ").expect("the cursor comes first");
        // What no server has written is quoted, and a gap follows.
        let mut cursor = Id::parse(first).map(|id| id.seq.0);
        for event in events::read(&answer.body.data).events {
            if event.kind == "gap" {
                let gap = json::read(event.data.as_bytes());
                cursor = Some(self.gap(topics, cursor, &gap, (Some(&event.id), None)));
                continue;
            }
            let from = cursor.expect("a gap comes first");
            cursor = Some(self.follows_on(topics, from, &event.id, |data| {
                event.data
                    == match str::from_utf8(data) {
                        Ok(text) => text.replace("\r\n", "\n"),
                        Err(_) => json::to_base64(data),
                    }
            }));
        }
        self.nothing_is_missing(topics, cursor, whole && !answer.body.ended);
    }

    /// A gap is told between messages that are there; `ahead` is the message that was delivered
    /// behind it, if one was. Gives the cursor behind it.
    fn gap(
        &self,
        topics: &[usize],
        cursor: Option<u64>,
        told: &Json,
        (id, ahead): (Option<&str>, Option<u64>),
    ) -> u64 {
        let gap = told.get("gap").expect("a gap");
        let to = Self::seq(gap.text("to"));
        let reason = gap.text("reason");
        assert!(reason == "epoch" || cursor.is_some_and(|cursor| cursor <= to), "{told:?}");
        let behind = match id {
            Some(id) => Self::seq(id),
            // Either the first that follows, or, when nothing does, the cursor itself. What was
            // delivered may have fallen off since by its age.
            None if ahead == Some(to) => to - 1,
            None => match self.after(topics, to.saturating_sub(1)).next() {
                Some(first) if first == to && !self.is_gone(to) => to - 1,
                _ => to,
            },
        };
        assert!(behind == to || behind + 1 == to, "{told:?}");
        behind
    }

    fn nothing_is_missing(&self, topics: &[usize], cursor: Option<u64>, whole: bool) {
        let missing = self.due(topics, cursor.unwrap_or(0), None);
        assert!(!whole || missing.is_none(), "{missing:?} is not delivered");
    }

    fn socket(&self, answer: &Answer, topics: &[usize], frames: &[Frame], whole: bool) {
        // Without a cursor there is a gap, for which this dialect has no word but Close.
        let mut cursor = answer.head.field("Last-Event-ID").map(Self::seq);
        let mut closed = false;
        for frame in frames {
            assert!(!closed, "Close is the last frame");
            closed = frame.opcode == 8;
            if frame.opcode > 2 {
                continue;
            }
            let from = cursor.expect("nothing but a Close behind a gap");
            // No two messages are alike, so what one says tells which it is.
            let says = |&seq: &u64| {
                self.world.committed[seq as usize - 1].payload.bytes() == frame.payload
            };
            let next = self.after(topics, from).find(says).expect("only what was published");
            assert_eq!(self.due(topics, from, Some(next)), Some(next), "after {from}");
            cursor = Some(next);
        }
        self.nothing_is_missing(topics, cursor, whole && !closed);
    }

    /// `tollway.v1`: the cursor, then gaps, messages and answers to what was said.
    fn dialogue(&self, topics: &[usize], frames: &[Frame], whole: bool) {
        let mut cursor = None;
        let mut closed = false;
        for (n, frame) in frames.iter().enumerate() {
            assert!(!closed, "Close is the last frame");
            closed = frame.opcode == 8;
            if frame.opcode >= 8 {
                continue;
            }
            assert_eq!(frame.opcode, 1, "text");
            let said = json::read(&frame.payload);
            if n == 0 {
                cursor = Id::parse(said.text("next")).map(|id| id.seq.0);
            } else if said.get("gap").is_some() {
                let ahead = frames[n + 1..].iter().find_map(delivered);
                cursor = Some(self.gap(topics, cursor, &said, (None, ahead)));
            } else if let Some(reference) = said.get("ref") {
                self.is_acknowledged(&said, reference);
            } else {
                let from = cursor.expect("a gap comes first");
                let data = data_of(&said);
                let same = |published: &[u8]| published == data;
                cursor = Some(self.follows_on(topics, from, said.text("id"), same));
                assert_eq!(said.get("topic").is_some(), topics.len() > 1);
            }
        }
        self.nothing_is_missing(topics, cursor, whole && !closed);
    }

    fn is_acknowledged(&self, answer: &Json, reference: &Json) {
        match (reference, answer.get("error")) {
            (Json::Number(n), None) => {
                let message = &self.world.committed[Self::seq(answer.text("id")) as usize - 1];
                assert!(message.payload.bytes().starts_with(format!("{n} ").as_bytes()));
            }
            (Json::Null, Some(error)) => assert_eq!(error.text("code"), "not_json"),
            (Json::Number(_), Some(error)) => {
                assert!(matches!(error.text("code"), "overloaded" | "data_too_big"), "{error:?}");
            }
            _ => panic!("{answer:?}"),
        }
    }
}

/// The message that a frame of `tollway.v1` brings, if it does.
fn delivered(frame: &Frame) -> Option<u64> {
    if frame.opcode != 1 {
        return None;
    }
    let said = json::read(&frame.payload);
    let brings = said.get("data").is_some() && said.get("ref").is_none();
    brings.then(|| Bench::seq(said.text("id")))
}

fn data_of(message: &Json) -> Vec<u8> {
    match message.get("encoding") {
        None => message.text("data").as_bytes().to_vec(),
        Some(_) => json::base64(message.text("data")),
    }
}
