//! What comes back is read and judged: answers, events, frames.

use std::time::SystemTime;

use serde_json::Value;

use super::compose;
use super::ending;
use super::judge::Stand;
use super::line::{Expect, Kind, Line, Mode};
use super::readers::frames;
use super::readers::http::{self, Answer, Chunks};
use super::sse::Blocks;
use super::stage::{Stage, place};
use super::verdict::{
    Answered, greeted_socket, greeted_stream, judge_block, judge_frame, judge_object,
    judge_publish, judge_socket_gap, judge_told,
};

/// What a client takes away from a connection.
#[derive(Debug, Default)]
pub struct Notes {
    /// The last cursor it was given.
    pub cursor: Option<u64>,
    /// The last one of a server that was killed since, as long as no other was given.
    pub old_cursor: Option<String>,
    /// Messages read.
    pub messages: usize,
    /// Gaps that it was told of on a stream.
    pub gaps: usize,
    /// Messages of its own with a key, which it may say again.
    pub keyed: Vec<usize>,
}

impl Line {
    /// Reads and judges everything that has come.
    pub fn digest(&mut self, stage: &mut Stage, notes: &mut Notes, polite: bool) {
        self.take(stage);
        loop {
            let length = self.buf.len();
            match self.mode {
                Mode::Http => self.digest_http(stage, notes),
                Mode::Stream { .. } => self.digest_stream(stage, notes),
                Mode::Socket { .. } => self.digest_frame(stage, notes, polite),
                Mode::Over => assert!(length == 0, "bytes behind the last word"),
            }
            if self.buf.len() == length {
                return;
            }
        }
    }

    fn digest_http(&mut self, stage: &mut Stage, notes: &mut Notes) {
        match self.expects.front().map(|expect| &expect.kind) {
            Some(Kind::Stream { .. } | Kind::Socket { .. }) => {
                return self.digest_greeting(stage, notes);
            }
            Some(_) => {}
            None if self.spoiled() => return self.buf.clear(),
            None => {
                // An interim answer may come behind a half-close, and the answer before it.
                let interim = http::head(&self.buf);
                if let Some(interim) = interim {
                    assert_eq!(interim.status, 100, "an answer to nothing: {interim:?}");
                    self.buf.drain(..interim.used);
                }
                return;
            }
        }
        let Some((expect, answer)) = self.next_answer() else {
            return;
        };
        let number = expect.number;
        stage.tell(|| {
            let body =
                String::from_utf8_lossy(&answer.body.data[..answer.body.data.len().min(300)]);
            let tag = answer.head.field("ETag").unwrap_or_default();
            format!("#{number} is answered {} {tag} {body}", answer.head.status)
        });
        self.judge(stage, notes, &expect, &answer);
        ending::hears_last(stage, self, answer.head.field("Connection"));
    }

    fn judge(&mut self, stage: &mut Stage, notes: &mut Notes, expect: &Expect, answer: &Answer) {
        let status = answer.head.status;
        stage.see(match status {
            200 => "200",
            201 => "201",
            204 => "204",
            304 => "304",
            408 => "408",
            413 => "413",
            503 => "503",
            _ => "another status",
        });
        if self.deeds.spoiled_at.is_some_and(|at| expect.ends_at > at) {
            assert!(matches!(status, 400..=599), "{status} to nonsense");
            return;
        }
        if status == 503 && matches!(expect.kind, Kind::Socket { .. }) {
            assert!(stage.world.ends_at.is_some(), "{expect:?}");
            stage.see("a socket that comes too late");
            return ending::hears_last(stage, self, answer.head.field("Connection"));
        }
        if status == 408 {
            let took = stage.world.now.0 - expect.made_at;
            let slow = took >= stage.request_ms();
            assert!(slow, "408 to a request of {took} ms: {expect:?}");
            self.deeds.timed_out = true;
            self.deeds.closes = true;
            return;
        }
        self.judge_date(stage, expect, answer);
        if let (401, Kind::Stream { .. } | Kind::Socket { .. }) = (status, &expect.kind) {
            assert!(
                self.deeds.token_is_over(stage, stage.world.now.0),
                "401 to a good token: {expect:?}"
            );
            stage.see("a token was over before it was read");
            self.deeds.closes = true;
            return;
        }
        match &expect.kind {
            Kind::Poll { .. } => self.judge_poll(stage, notes, expect, answer),
            Kind::Publish { said } => judge_publish(stage, notes, expect, *said, answer),
            Kind::Plain(wanted) => assert_eq!(status, *wanted, "{expect:?}"),
            Kind::File(_) if status == 500 => {
                let excused = stage.script.rates.no_descriptors > 0;
                assert!(excused, "a file could not be opened");
                stage.see("a file without a descriptor");
            }
            Kind::File(n) => {
                assert_eq!(status, 200);
                assert!(answer.body.data == compose::file(*n), "a file was changed on its way");
            }
            Kind::TooLong | Kind::Stream { .. } | Kind::Socket { .. } => {
                panic!("{status} to {expect:?}")
            }
        }
    }

    /// The date is what the wall clock said at a moment since the request was made.
    fn judge_date(&self, stage: &Stage, expect: &Expect, answer: &Answer) {
        let date = answer.head.field("Date").expect("every answer has one");
        let date = httpdate::parse_http_date(date).expect("a date of HTTP");
        let date = date.duration_since(SystemTime::UNIX_EPOCH).expect("not before 1970").as_secs();
        let walls = stage.world.walls_since(expect.made_at);
        let told = walls.iter().any(|&(_, wall)| wall == date);
        assert!(told, "dated {date}, and the wall said {walls:?}");
    }

    fn judge_poll(&self, stage: &mut Stage, notes: &mut Notes, expect: &Expect, answer: &Answer) {
        let Kind::Poll { ask, wait_s, limit, tagged } = &expect.kind else {
            return;
        };
        let head = &answer.head;
        let next = head.field("Last-Event-ID").expect("every poll answer hands out a cursor");
        let next = place(stage.epoch, next).expect("an id of this world");
        let applied = wait_s.map(|s| format!("wait={s}"));
        assert_eq!(head.field("Preference-Applied"), applied.as_deref());
        if head.status != 200 {
            assert_eq!(head.status, if *tagged { 304 } else { 204 }, "{expect:?}");
            if let Some(s) = wait_s
                && stage.world.ends_at.is_none()
            {
                let waited = stage.world.now.0 - expect.made_at;
                assert!(waited >= s * 1000, "empty after {waited} ms of {s} s");
            }
            let stand = Stand::polling(stage, self.shard, ask, None, None, next);
            assert_eq!(next, stand.at, "an empty answer moves nobody");
            stand.skip(stage, ask.acked);
        } else if !expect.bare {
            let said = Answered::read(stage, &answer.body.data);
            assert_eq!(said.next, next, "head and body say the same");
            assert!(said.messages.len() <= *limit);
            let first = said.messages.first().map(|message| message.at);
            let gap = said.gap.as_ref();
            let mut stand = Stand::polling(stage, self.shard, ask, gap, first, next);
            for message in &said.messages {
                message.check(stage, ask.topics.len() > 1);
                stand.message(stage, message.at);
            }
            assert_eq!(next, stand.at, "the cursor is the last message's id");
            assert!(gap.is_some() || first.is_some(), "200 for nothing");
            if !said.more {
                stand.skip(stage, ask.acked);
            }
            notes.messages += said.messages.len();
            if said.more {
                stage.see("more");
            }
        }
        if !expect.bare {
            notes.cursor = Some(next);
        }
    }

    /// The head of an answer that goes on for ever.
    fn digest_greeting(&mut self, stage: &mut Stage, notes: &mut Notes) {
        let Some(head) = http::head(&self.buf) else {
            return;
        };
        if head.status == 100 {
            self.buf.drain(..head.used);
            return;
        }
        let spoiled_at = self.deeds.spoiled_at.unwrap_or(u64::MAX);
        let refused = self.expects.front().is_some_and(|e| e.ends_at > spoiled_at);
        let ends = stage.world.ends_at.is_some() && head.status == 503;
        let late = ends || head.status == 401 && self.deeds.token_is_over(stage, stage.world.now.0);
        if head.status == 408 || refused || late {
            if let Some((expect, answer)) = self.next_answer() {
                self.judge(stage, notes, &expect, &answer);
            }
            return;
        }
        self.buf.drain(..head.used);
        let expect = self.expects.pop_front().expect("looked at before");
        stage.tell(|| format!("#{} is greeted {}", expect.number, head.status));
        self.mode = match expect.kind {
            Kind::Stream { ask, chunked } => {
                assert_eq!(head.status, 200);
                assert_eq!(head.field("Content-Type"), Some("text/event-stream"));
                let coding = head.field("Transfer-Encoding");
                assert_eq!(coding, chunked.then_some("chunked"));
                Mode::Stream {
                    ask,
                    chunks: chunked.then(Chunks::default),
                    blocks: Blocks::default(),
                    stand: None,
                }
            }
            Kind::Socket { ask, dialect } => {
                let stand = greeted_socket(stage, self.shard, &ask, &head, dialect);
                Mode::Socket { ask, stand, dialect }
            }
            other => panic!("{other:?} is not endless"),
        };
    }

    fn digest_stream(&mut self, stage: &mut Stage, notes: &mut Notes) {
        let Mode::Stream { ask, chunks, blocks, stand } = &mut self.mode else {
            return;
        };
        let bytes = std::mem::take(&mut self.buf);
        let bytes = match chunks {
            Some(chunks) => chunks.feed(&bytes),
            None => bytes,
        };
        for block in blocks.feed(&bytes) {
            stage.tell(|| format!("client {} reads {block:?}", self.client.0));
            match stand {
                None => *stand = Some(greeted_stream(stage, self.shard, ask, &block)),
                Some(stand) => judge_block(stage, stand, ask, &block, notes),
            }
            // A foreign cursor is not ours to keep before the gap has been told.
            let stand = stand.as_ref().filter(|stand| !stand.lost_its_way);
            notes.cursor = stand.map(|stand| stand.at).or(notes.cursor);
        }
        if chunks.as_ref().is_some_and(|chunks| chunks.ended) {
            self.last_stand = stand.take();
            self.mode = Mode::Over;
        }
    }

    fn digest_frame(&mut self, stage: &mut Stage, notes: &mut Notes, polite: bool) {
        let Some(frame) = frames::server_frame(&self.buf, 0) else {
            return;
        };
        self.buf.drain(..frame.used);
        let client = self.client.0;
        stage.tell(|| {
            let text = String::from_utf8_lossy(&frame.payload[..frame.payload.len().min(100)]);
            format!("client {client} reads frame {} {text}", frame.opcode)
        });
        match frame.opcode {
            frames::PING if polite => {
                let pong = frames::client(true, frames::PONG, &frame.payload, [1, 2, 3, 4]);
                self.compose(&pong);
                self.deeds.pong_due = Some(self.composed);
            }
            frames::PING => self.deeds.silent = true,
            frames::PONG => {
                let ping = self.pings.pop_front();
                assert_eq!(ping.as_deref(), Some(&frame.payload[..]), "a Pong to nothing");
            }
            frames::CLOSE => self.digest_close(stage, notes, &frame.payload, polite),
            frames::TEXT if matches!(self.mode, Mode::Socket { dialect: true, .. }) => {
                self.digest_object(stage, notes, &frame.payload);
            }
            data => {
                let Mode::Socket { stand: Some(stand), .. } = &mut self.mode else {
                    panic!("a message to a reader that has no place");
                };
                let binary = data == frames::BINARY;
                judge_frame(stage, stand, binary, &frame.payload);
                notes.cursor = Some(stand.at);
                notes.messages += 1;
            }
        }
    }

    /// A frame of `tollway.v1`.
    fn digest_object(&mut self, stage: &mut Stage, notes: &mut Notes, text: &[u8]) {
        let Mode::Socket { ask, stand, .. } = &mut self.mode else {
            return;
        };
        let value: Value = serde_json::from_slice(text).expect("JSON");
        if let Some(next) = value.get("next") {
            assert!(stand.is_none(), "greeted twice");
            let next = next.as_str().expect("a cursor");
            *stand = Some(Stand::greeted(stage, self.shard, ask, next));
        } else if value.get("ref").is_some() {
            let (number, _) = self.told.pop_front().expect("an answer to what was told");
            return judge_told(stage, notes, number, &value, self.began_at);
        } else {
            let stand = stand.as_mut().expect("the greeting comes first");
            judge_object(stage, stand, ask, value, notes);
        }
        let stand = stand.as_ref().filter(|stand| !stand.lost_its_way && !stand.in_gap());
        notes.cursor = stand.map(|stand| stand.at).or(notes.cursor);
    }

    fn digest_close(&mut self, stage: &Stage, notes: &mut Notes, payload: &[u8], polite: bool) {
        let code = payload.get(..2).map(|two| u16::from_be_bytes([two[0], two[1]]));
        self.deeds.got_close = Some(code.unwrap_or(1005));
        let words = str::from_utf8(payload.get(2..).unwrap_or_default()).expect("a reason");
        let Mode::Socket { ask, stand, .. } = std::mem::replace(&mut self.mode, Mode::Over) else {
            return;
        };
        if let Some(gap) = words.strip_prefix("gap: ") {
            stage.see("a socket is closed for a gap");
            assert_eq!(code, Some(1013));
            notes.cursor = Some(judge_socket_gap(stage, self.shard, &ask, stand, gap));
        } else {
            assert!(stand.is_some(), "greeted without a cursor, and no gap told: {words}");
            self.last_stand = stand;
        }
        if polite && !self.deeds.said_close {
            let frame = frames::client(true, frames::CLOSE, payload, [0, 0, 0, 0]);
            self.compose(&frame);
            self.deeds.said_close = true;
        }
    }
}
