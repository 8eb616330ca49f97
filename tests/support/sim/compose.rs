//! What clients say: requests and frames, spelled in the ways that the contract allows.

use std::sync::LazyLock;

use tollway::hub::fingerprint::Fingerprint;

use super::judge::{Ask, From};
use super::line::{Expect, Kind, Line};
use super::oracle::Said;
use super::plan::{Habits, Way};
use super::reader::Notes;
use super::readers::frames;
use super::readers::json::to_base64;
use super::rights;
use super::stage::{Stage, id, place};

/// Files of `--static`.
pub const FILES: [(&str, usize); 2] = [("small.txt", 100), ("large.bin", 150_000)];

static LONGEST: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=250).cycle().take(150_000).collect());

pub fn file(n: usize) -> &'static [u8] {
    &LONGEST[..FILES[n].1]
}

impl Line {
    pub fn expect(&mut self, stage: &mut Stage, kind: Kind, bare: bool) {
        stage.requests += 1;
        let number = stage.requests;
        stage.tell(|| format!("client {} asks #{number}: {kind:?}", self.client.0));
        self.expects.push_back(Expect {
            number,
            kind,
            bare,
            ends_at: self.composed,
            made_at: stage.world.now.0,
            rested_at: None,
        });
    }

    /// Asks to read, in this way, from the cursor of `notes`.
    pub fn ask(&mut self, stage: &mut Stage, habits: &Habits, way: Way, notes: &Notes) {
        let ask = ask(stage, habits, way, notes);
        let names: Vec<&str> = ask.topics.iter().map(|&t| stage.oracle.names[t].as_str()).collect();
        let mut path = format!("/{}", names.join(","));
        let stays = !matches!(way, Way::Short | Way::Long);
        let field = if stays { self.field_of_a_stream(stage) } else { rights::field(stage) };
        let mut fields = format!("Host: sim\r\n{field}");
        let mut query: Vec<String> = Vec::new();
        if !ask.text.is_empty() {
            match stage.dice.below(3) {
                0 => query.push(format!("since={}", ask.text)),
                1 => query.push(format!("last_event_id={}", ask.text)),
                _ => fields += &format!("Last-Event-ID: {}\r\n", ask.text),
            }
        }
        let named = stage.dice.percent(50);
        let mut version = "1.1";
        let (kind, bare) = match way {
            Way::Short | Way::Long => {
                if named {
                    path += "/poll";
                }
                let (kind, bare) = poll(stage, way, ask, &mut query, &mut fields);
                if stage.dice.percent(10) {
                    self.deeds.closes = true;
                    if stage.dice.percent(50) {
                        version = "1.0";
                    } else {
                        fields += "Connection: close\r\n";
                    }
                }
                (kind, bare)
            }
            Way::Sse11 | Way::Sse10 => {
                match named {
                    true => path += "/sse",
                    false => fields += "Accept: text/event-stream\r\n",
                }
                let chunked = way == Way::Sse11;
                version = if chunked { "1.1" } else { "1.0" };
                (Kind::Stream { ask, chunked }, false)
            }
            Way::Socket | Way::Dialect => {
                if named {
                    path += "/ws";
                }
                let dialect = way == Way::Dialect;
                if dialect {
                    fields += "Sec-WebSocket-Protocol: soap, tollway.v1\r\n";
                }
                fields += "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
                fields +=
                    &format!("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n", frames::KEY);
                (Kind::Socket { ask, dialect }, false)
            }
        };
        if !query.is_empty() {
            path += &format!("?{}", query.join("&"));
        }
        let method = if bare { "HEAD" } else { "GET" };
        self.compose(format!("{method} {path} HTTP/{version}\r\n{fields}\r\n").as_bytes());
        self.expect(stage, kind, bare);
    }

    /// Publishes by POST. `again`: a message with a key, once more.
    pub fn post(&mut self, stage: &mut Stage, habits: &Habits, again: Option<usize>) {
        let keyed = stage.dice.percent(habits.keyed);
        let number = again.unwrap_or_else(|| message(stage, habits, None, keyed));
        let said = &stage.oracle.said[number];
        let name = &stage.oracle.names[said.topic];
        let mut head = format!("POST /{name}");
        if let Some(event) = &said.event {
            head += &format!("?event={event}");
        }
        head += &format!(" HTTP/1.1\r\nHost: sim\r\n{}", rights::field(stage));
        if let Some(key) = &said.key {
            head += &format!("Idempotency-Key: {key}\r\n");
        }
        let body = said.body.clone();
        if stage.dice.percent(10) {
            head += "Expect: 100-continue\r\n";
        }
        if stage.dice.percent(5) {
            self.deeds.closes = true;
            head += "Connection: close\r\n";
        }
        if stage.dice.percent(50) {
            head += &format!("Content-Length: {}\r\n\r\n", body.len());
            self.compose(head.as_bytes());
            self.compose(&body);
        } else {
            head += "Transfer-Encoding: chunked\r\n\r\n";
            self.compose(head.as_bytes());
            let mut rest = &body[..];
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(1 + stage.dice.below(rest.len()));
                self.compose(format!("{:x}\r\n", piece.len()).as_bytes());
                self.compose(piece);
                self.compose(b"\r\n");
                rest = more;
            }
            self.compose(b"0\r\n\r\n");
        }
        self.expect(stage, Kind::Publish { said: number }, false);
    }

    /// Says something on a WebSocket, whole or in fragments.
    pub fn say(&mut self, stage: &mut Stage, habits: &Habits, topic: usize) {
        let number = message(stage, habits, Some(topic), false);
        let said = &stage.oracle.said[number];
        let mut opcode = if said.binary { frames::BINARY } else { frames::TEXT };
        let body = said.body.clone();
        let mut rest = &body[..];
        let mut said_frames = Vec::new();
        while stage.dice.percent(30) && !rest.is_empty() {
            let (piece, more) = rest.split_at(stage.dice.below(rest.len()));
            let mask = stage.dice.roll().to_le_bytes();
            let mask = [mask[0], mask[1], mask[2], mask[3]];
            said_frames.extend(frames::client(false, opcode, piece, mask));
            opcode = 0;
            rest = more;
        }
        said_frames.extend(frames::client(true, opcode, rest, [9, 8, 7, 6]));
        self.compose(&said_frames);
        self.says.push((number, self.composed));
        stage.tell(|| format!("client {} says message {number}", self.client.0));
    }

    /// Publishes in `tollway.v1`. `again`: a message with a key, once more.
    pub fn tell(&mut self, stage: &mut Stage, habits: &Habits, again: Option<usize>) {
        let keyed = stage.dice.percent(habits.keyed);
        let number = again.unwrap_or_else(|| message(stage, habits, None, keyed));
        let said = &stage.oracle.said[number];
        let mut object = serde_json::json!({ "topic": stage.oracle.names[said.topic] });
        match str::from_utf8(&said.body) {
            Ok(text) => object["data"] = text.into(),
            Err(_) => {
                object["data"] = to_base64(&said.body).into();
                object["encoding"] = "base64".into();
            }
        }
        if let Some(event) = &said.event {
            object["event"] = event.as_str().into();
        }
        object["ref"] = number.into();
        if let Some(key) = &said.key {
            object["key"] = key.as_str().into();
        }
        let text = object.to_string();
        let frame = frames::client(true, frames::TEXT, text.as_bytes(), [2, 4, 6, 8]);
        self.compose(&frame);
        self.told.push_back((number, self.composed));
        stage.tell(|| format!("client {} tells message {number}", self.client.0));
    }

    /// Something that is not about messages.
    pub fn chat(&mut self, stage: &mut Stage) {
        if stage.script.rights && stage.dice.percent(50) {
            return self.ask_without_right(stage);
        }
        let n = stage.dice.below(12);
        let report = if stage.script.rights { 403 } else { 200 }; // No guest is an administrator.
        let (line, kind) = match n {
            0 => ("GET /-/healthy", Kind::Plain(200)),
            1 => ("GET /a/info", Kind::Plain(200)),
            2 => ("OPTIONS /a", Kind::Plain(204)),
            3 => ("GET /-/nothing", Kind::Plain(404)),
            4 => ("DELETE /a", Kind::Plain(405)),
            5 => ("GET /static/small.txt", Kind::File(0)),
            // All threads are asked, and write to each other.
            6 => ("GET /-/costs", Kind::Plain(report)),
            7 => ("GET /metrics", Kind::Plain(report)),
            _ => ("GET /static/large.bin", Kind::File(1)),
        };
        let field = rights::field(stage);
        self.compose(format!("{line} HTTP/1.1\r\nHost: sim\r\n{field}\r\n").as_bytes());
        self.expect(stage, kind, false);
    }

    /// A message over the bound, announced or not.
    pub fn post_too_long(&mut self, stage: &mut Stage) {
        let length = stage.script.limits.message_bytes_max + 1 + stage.dice.below(100);
        self.deeds.spoiled_at = Some(self.composed);
        if stage.dice.percent(50) {
            let own = rights::field(stage);
            let head =
                format!("POST /a HTTP/1.1\r\nHost: sim\r\n{own}Content-Length: {length}\r\n\r\n");
            self.compose(head.as_bytes());
        } else {
            let own = rights::field(stage);
            let head =
                format!("POST /a HTTP/1.1\r\nHost: sim\r\n{own}Transfer-Encoding: chunked\r\n\r\n");
            self.compose(head.as_bytes());
            self.compose(format!("{length:x}\r\n").as_bytes());
        }
        self.expect(stage, Kind::TooLong, false);
        self.compose(&vec![b'x'; length]);
    }
}

/// From where, of what.
fn ask(stage: &mut Stage, habits: &Habits, way: Way, notes: &Notes) -> Ask {
    let all = stage.oracle.names.len();
    let mut topics = Vec::new();
    for _ in 0..=stage.dice.below(habits.topics) {
        let topic = stage.dice.below(all);
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    let dice = &mut stage.dice;
    let waits = way == Way::Long && dice.percent(30);
    let at = notes.cursor.filter(|_| !waits);
    let old = notes.old_cursor.clone().filter(|_| notes.cursor.is_none());
    let (from, text) = match at {
        None if old.is_some() => (From::Foreign, old.unwrap_or_default()),
        Some(at) if !dice.one_in(20) => (From::After(at), id(stage.epoch, at)),
        None if dice.percent(40) => match way {
            Way::Short => (From::Earliest, String::new()),
            _ => (From::Latest, String::new()),
        },
        _ => match dice.below(6) {
            0 => (From::Foreign, "zz9-3".into()),
            1 => (From::Foreign, "Latest".into()),
            2 => (From::Foreign, id(stage.epoch, 1_000_000)),
            3 => (From::Latest, "latest".into()),
            _ => (From::Earliest, "earliest".into()),
        },
    };
    Ask { acked: stage.oracle.acked(&topics), topics, from, text }
}

fn poll(
    stage: &mut Stage,
    way: Way,
    ask: Ask,
    query: &mut Vec<String>,
    fields: &mut String,
) -> (Kind, bool) {
    let dice = &mut stage.dice;
    let mut limit = 1000;
    if dice.percent(20) {
        limit = 1 + dice.below(5);
        query.push(format!("limit={limit}"));
    }
    let at = place(stage.epoch, &ask.text);
    let tagged = matches!(ask.from, From::After(_)) && at.is_some() && dice.percent(30);
    if tagged {
        // The tag of an answer without messages at that cursor.
        let print = Fingerprint(stage.epoch.0).with(at.unwrap_or(0)).with(limit as u64).0;
        *fields += &format!("If-None-Match: \"{}.{print:016x}\"\r\n", ask.text);
    }
    let mut wait_s = None;
    if way == Way::Long {
        let s = dice.wide(1, 100);
        wait_s = Some(s.min(stage.script.limits.wait_ms_max / 1000).max(1));
        match dice.percent(50) {
            true => *fields += &format!("Prefer: wait={s}\r\n"),
            false => query.push(format!("wait={s}")),
        }
    }
    let bare = way == Way::Short && dice.percent(5);
    let kind = Kind::Poll { ask, wait_s, limit, tagged };
    (kind, bare)
}

/// Invents a message. Tells its number.
fn message(stage: &mut Stage, habits: &Habits, topic: Option<usize>, keyed: bool) -> usize {
    let number = stage.oracle.said.len();
    let dice = &mut stage.dice;
    let mut body = format!("m{number} ").into_bytes();
    let length = match dice.percent(50) {
        true => dice.wide(1, habits.payload_max),
        false => dice.range(habits.payload_max / 2, habits.payload_max),
    };
    let text = dice.percent(80);
    for _ in 0..length {
        body.push(match dice.below(40) {
            0 if text => *dice.pick(b"\n\r\"\\:{}"),
            0 => 0xFF,
            n => b'a' + (n % 26) as u8,
        });
    }
    let utf8 = str::from_utf8(&body).is_ok();
    let event = (topic.is_none() && dice.percent(20)).then(|| "tick".to_owned());
    // On a WebSocket, text may be sent as bytes.
    let binary = !utf8 || (topic.is_some() && dice.percent(20));
    let topics = stage.oracle.names.len();
    let topic = topic.unwrap_or_else(|| stage.dice.below(topics));
    stage.oracle.say(Said {
        topic,
        event,
        body,
        binary,
        key: keyed.then(|| format!("key-{number}")),
        places: Vec::new(),
        refused: false,
    })
}
