//! One subscriber of a topic: what it sends, and what it makes of what comes.
//!
//! Came from: `swarm`, with bytes of a connection. Goes to: the codecs beside this file, and with
//! each payload back to `swarm`. Absent on purpose: sockets, time, and when to poll. A subscriber
//! says that it was answered; when it asks again is for whoever has a clock.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::endpoint::BearerToken;
use super::events::EventReader;
use super::fault::Fault;
use super::frames;
use super::response::{ResponseDecoder, ResponseHead, ResponseStep};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::wire::Parsed;
use crate::wire::frame::Opcode;

/// How a subscriber reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadMode {
    /// Asks again and again.
    ShortPoll {
        /// On one connection; otherwise on a new one each time.
        kept_alive: bool,
    },
    /// Asks again as soon as it was answered, on one connection.
    LongPoll {
        /// Seconds that the server may keep it waiting.
        wait_s: u64,
    },
    /// Reads one answer that never ends.
    Sse,
    /// Reads frames.
    WebSocket {
        /// In the dialect `tollway.v1`; otherwise raw.
        v1: bool,
    },
}

/// A subscriber, from its first connection on.
#[derive(Debug)]
pub struct Subscriber {
    mode: ReadMode,
    number: u64,
    /// `host:port`, as in the field `Host`.
    host: String,
    /// The field that shows a token, if there is one.
    token: String,
    agent: &'static str,
    topic: String,
    /// Where polling goes on.
    cursor: Option<String>,
    decoder: ResponseDecoder,
    stage: SubscriberStage,
    /// Bytes that were not understood yet.
    inbox: Vec<u8>,
    /// Body of a poll's answer, or the message that frames are joined to.
    held: Vec<u8>,
    is_subscribed: bool,
    /// A long poll asks for the cursor first, and waits with it from then on.
    asks_first: bool,
}

#[derive(Debug)]
enum SubscriberStage {
    Head,
    PollBody { closes: bool },
    Events(EventReader),
    Frames,
}

/// What came of some bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// To be sent at once.
    pub reply: Vec<u8>,
    /// A poll was answered.
    pub answered: Option<Answered>,
}

/// A poll's answer is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// There is more than the answer could carry: ask again at once.
    pub more: bool,
    /// The server ends the connection.
    pub closes: bool,
}

/// `{"next":…,"messages":[…]}`
#[derive(Deserialize)]
struct PollAnswer<'b> {
    #[serde(borrow)]
    next: Cow<'b, str>,
    #[serde(default)]
    more: bool,
    #[serde(borrow)]
    messages: Vec<Element<'b>>,
}

/// A message of a poll's list, and a frame of `tollway.v1`. Without data it is something else that
/// a server says: a cursor or a gap.
#[derive(Deserialize)]
struct Element<'b> {
    #[serde(borrow)]
    data: Option<Cow<'b, str>>,
}

impl Subscriber {
    /// `number` makes the key of a WebSocket's handshake.
    pub fn new(mode: ReadMode, number: u64, host: &str, topic: &str) -> Self {
        Self {
            mode,
            number,
            host: host.to_owned(),
            token: String::new(),
            agent: "tollway-compare",
            topic: topic.to_owned(),
            cursor: None,
            decoder: ResponseDecoder::default(),
            stage: SubscriberStage::Head,
            inbox: Vec::new(),
            held: Vec::new(),
            is_subscribed: false,
            asks_first: false,
        }
    }

    /// With a token, for a server that asks for one.
    #[must_use]
    pub fn showing(self, token: Option<&BearerToken>) -> Self {
        Self { token: BearerToken::field(token), ..self }
    }

    /// Under another name in `User-Agent`.
    #[must_use]
    pub fn named(self, agent: &'static str) -> Self {
        Self { agent, ..self }
    }

    /// A long poll that is answered at once the first time: [`Self::is_subscribed`] is known of it
    /// too, at the price of a request.
    #[must_use]
    pub fn asking_first(self) -> Self {
        Self { asks_first: true, ..self }
    }

    /// Forgets what the last connection left unfinished; the cursor stays.
    pub fn connected(&mut self) {
        self.decoder = ResponseDecoder::default();
        self.stage = SubscriberStage::Head;
        self.inbox.clear();
        self.held.clear();
    }

    /// It leaves on purpose: not subscribed until it has come back.
    pub fn leave(&mut self) {
        self.is_subscribed = false;
    }

    /// What to send to begin: on a new connection, and for each further poll.
    pub fn request(&self) -> Vec<u8> {
        let Self { host, token, topic, agent, .. } = self;
        let since = self.cursor.as_deref().unwrap_or("latest");
        let from = self.cursor.as_ref().map_or_else(String::new, |from| format!("?since={from}"));
        let (path, fields) = match self.mode {
            ReadMode::ShortPoll { kept_alive: true } => {
                (format!("poll?since={since}"), String::new())
            }
            ReadMode::ShortPoll { kept_alive: false } => {
                let fields = "Connection: close\r\n".to_owned();
                (format!("poll?since={since}"), fields)
            }
            ReadMode::LongPoll { .. } if self.asks_first && !self.is_subscribed => {
                (format!("poll?since={since}"), String::new())
            }
            ReadMode::LongPoll { wait_s } => {
                (format!("poll?since={since}&wait={wait_s}"), String::new())
            }
            ReadMode::Sse => (format!("sse{from}"), "Accept: text/event-stream\r\n".into()),
            ReadMode::WebSocket { v1 } => {
                let key = frames::key(self.number);
                let protocol = if v1 { "Sec-WebSocket-Protocol: tollway.v1\r\n" } else { "" };
                let fields = format!(
                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: {key}\r\n{protocol}"
                );
                (format!("ws{from}"), fields)
            }
        };
        format!(
            "GET /{topic}/{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\
             {token}{fields}\r\n"
        )
        .into_bytes()
    }

    /// A message published from now on will come: the first poll was answered, the stream has given
    /// its cursor, the handshake is done. A long poll cannot know; its server can.
    pub const fn is_subscribed(&self) -> bool {
        self.is_subscribed
    }

    /// Takes what came, and hands each payload to `heard`.
    pub fn received(&mut self, bytes: &[u8], heard: &mut impl FnMut(&[u8])) -> Result<Turn, Fault> {
        let mut turn = Turn::default();
        let mut at = 0;
        if self.inbox.is_empty() {
            // The usual case: whole messages are read where they lie.
            while let Some(used) = self.step(&bytes[at..], &mut turn, heard)? {
                at += used;
            }
            self.inbox.extend_from_slice(&bytes[at..]);
            return Ok(turn);
        }
        let mut inbox = std::mem::take(&mut self.inbox);
        inbox.extend_from_slice(bytes);
        while let Some(used) = self.step(&inbox[at..], &mut turn, heard)? {
            at += used;
        }
        inbox.drain(..at);
        self.inbox = inbox;
        Ok(turn)
    }

    /// The connection ended while nothing was asked on it, or in the middle of something?
    pub fn ended(&self, asking: bool) -> Result<(), Fault> {
        let good = !asking && self.decoder.ended(&self.inbox).is_ok();
        if good { Ok(()) } else { Err(Fault::CutOff) }
    }

    /// Bytes used, or `None`: not enough for a further step.
    fn step(
        &mut self,
        buf: &[u8],
        turn: &mut Turn,
        heard: &mut impl FnMut(&[u8]),
    ) -> Result<Option<usize>, Fault> {
        if let SubscriberStage::Frames = self.stage {
            return self.frame(buf, turn, heard);
        }
        match self.decoder.decode(buf).map_err(Fault::Answer)? {
            ResponseStep::Partial => Ok(None),
            ResponseStep::Head { head, used } => {
                self.begin(&head)?;
                Ok(Some(used))
            }
            ResponseStep::Body { bytes, used } => {
                match &mut self.stage {
                    SubscriberStage::Events(reader) => {
                        let mut events = Vec::new();
                        reader.push(bytes, &mut events);
                        self.is_subscribed |= reader.last_id().is_some();
                        // Named events are not messages of a comparison: a gap is one.
                        for event in events.iter().filter(|event| event.name.is_empty()) {
                            heard(&event.data);
                        }
                    }
                    _ => self.held.extend_from_slice(bytes),
                }
                Ok(Some(used))
            }
            ResponseStep::End { used } => {
                let SubscriberStage::PollBody { closes } = self.stage else {
                    return Err(Fault::CutOff); // An event stream that its server has ended.
                };
                let more = self.read_poll(heard)?;
                self.stage = SubscriberStage::Head;
                self.is_subscribed = true;
                turn.answered = Some(Answered { more, closes });
                Ok(Some(used))
            }
        }
    }

    /// A head decides what follows it.
    fn begin(&mut self, head: &ResponseHead) -> Result<(), Fault> {
        self.stage = match (self.mode, head.status) {
            (ReadMode::ShortPoll { .. } | ReadMode::LongPoll { .. }, 200 | 204 | 304) => {
                if let Some(cursor) = head.field("last-event-id") {
                    self.cursor = Some(cursor.to_owned());
                }
                let closes = head.closes();
                SubscriberStage::PollBody { closes }
            }
            (ReadMode::Sse, 200) => SubscriberStage::Events(EventReader::default()),
            (ReadMode::WebSocket { v1 }, 101) => {
                let key = frames::key(self.number);
                if !frames::is_accepted(head, &key, v1.then_some("tollway.v1")) {
                    return Err(Fault::Handshake);
                }
                // In `tollway.v1` the first frame is the cursor.
                self.is_subscribed = !v1;
                SubscriberStage::Frames
            }
            (_, status) => return Err(Fault::Status(status)),
        };
        Ok(())
    }

    /// The body of a poll; an empty one carries no message. Tells whether there is more.
    fn read_poll(&mut self, heard: &mut impl FnMut(&[u8])) -> Result<bool, Fault> {
        let body = std::mem::take(&mut self.held);
        if body.is_empty() {
            return Ok(false);
        }
        let answer: PollAnswer = serde_json::from_slice(&body).map_err(|_| Fault::Json)?;
        for message in &answer.messages {
            heard(message.data.as_ref().ok_or(Fault::Json)?.as_bytes());
        }
        self.cursor = Some(answer.next.into_owned());
        Ok(answer.more)
    }

    fn frame(
        &mut self,
        buf: &[u8],
        turn: &mut Turn,
        heard: &mut impl FnMut(&[u8]),
    ) -> Result<Option<usize>, Fault> {
        let parsed = frames::decode(buf, FRAME_BYTES_MAX).map_err(Fault::Frame)?;
        let Parsed::Complete { value: frame, used } = parsed else {
            return Ok(None);
        };
        match frame.opcode {
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                if !frame.fin || !self.held.is_empty() {
                    self.held.extend_from_slice(frame.payload);
                }
                if frame.fin && self.held.is_empty() {
                    self.message(frame.payload, heard)?;
                } else if frame.fin {
                    let joined = std::mem::take(&mut self.held);
                    self.message(&joined, heard)?;
                }
            }
            Opcode::Ping => frames::encode(Opcode::Pong, frame.payload, MASK, &mut turn.reply),
            Opcode::Pong => {}
            Opcode::Close => {
                let (code, reason) = frame.payload.split_first_chunk().unwrap_or((&[0; 2], &[]));
                let reason = String::from_utf8_lossy(reason).into_owned();
                return Err(Fault::Closed(u16::from_be_bytes(*code), reason));
            }
        }
        Ok(Some(used))
    }

    fn message(&mut self, payload: &[u8], heard: &mut impl FnMut(&[u8])) -> Result<(), Fault> {
        if let ReadMode::WebSocket { v1: true } = self.mode {
            let element: Element = serde_json::from_slice(payload).map_err(|_| Fault::Json)?;
            self.is_subscribed = true;
            if let Some(data) = element.data {
                heard(data.as_bytes());
            }
        } else {
            heard(payload);
        }
        Ok(())
    }
}

/// JSON around the largest payload, escaped at worst, is shorter.
const FRAME_BYTES_MAX: u64 = 8 * MESSAGE_BYTES_MAX as u64;
/// A Pong goes out with this mask. Its secrecy protects proxies from scripts, and a comparison runs
/// none.
const MASK: [u8; 4] = *b"toll";

#[cfg(test)]
mod tests;
