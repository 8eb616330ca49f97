//! Reading topics by one technique on one connection at a time: what is asked, and what is told.
//!
//! Came from: whoever has the sockets, with a server's bytes. Goes to: the codecs beside this file
//! and back as [`Told`]. Absent on purpose: sockets, time, and when to ask again.

mod ending;
mod socket;

use super::endpoint::{Endpoint, percent_encode};
use super::events::EventReader;
use super::frames::{self, Masks};
use super::response::{ResponseDecoder, ResponseHead, ResponseStep};
use super::saying::{GapEvent, Saying, not_ours, read_json};
use super::setback::Setback;
use super::told::Told;
use super::traffic::Traffic;
use crate::limits::{MESSAGE_BYTES_CEILING, MESSAGE_BYTES_MAX};
use crate::technique::Technique;

/// One technique, from its first connection on.
#[derive(Debug)]
pub struct Reading {
    technique: Technique,
    /// `a,b`, percent-encoded.
    topics: String,
    /// Where reading goes on: an id, `latest` or `earliest`.
    cursor: String,
    decoder: ResponseDecoder,
    stage: ReadingStage,
    /// Bytes that were not understood yet.
    inbox: Vec<u8>,
    /// Body of an answer, or the message that frames are joined to.
    held: Vec<u8>,
    /// Makes the key of the handshake.
    number: u64,
    masks: Masks,
    traffic: Traffic,
    /// Bytes of the event stream's heartbeats that are counted.
    heartbeats_counted: u64,
    /// The event stream has said a cursor.
    is_greeted: bool,
    /// This connection has carried an answer to a poll.
    is_kept: bool,
}

#[derive(Debug)]
enum ReadingStage {
    Head,
    Poll(ResponseHead),
    Refusal(ResponseHead),
    Events(EventReader),
    Frames,
    /// Nothing is asked, or nothing more is wanted of this connection.
    Idle,
}

impl Reading {
    /// Reads from `cursor`: an id, `latest` or `earliest`.
    pub fn new(technique: Technique, topics: &[String], cursor: &str) -> Self {
        let mut masks = Masks::default();
        let topics: Vec<String> = topics.iter().map(|topic| percent_encode(topic)).collect();
        Self {
            technique,
            topics: topics.join(","),
            cursor: cursor.to_owned(),
            decoder: ResponseDecoder::default(),
            stage: ReadingStage::Head,
            inbox: Vec::new(),
            held: Vec::new(),
            number: masks.draw(),
            masks,
            traffic: Traffic::default(),
            heartbeats_counted: 0,
            is_greeted: false,
            is_kept: false,
        }
    }

    /// From where another technique would go on.
    pub fn cursor(&self) -> &str {
        &self.cursor
    }

    /// What it has cost since it was last asked.
    pub fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }

    /// A new connection: what the last one left unfinished is forgotten; the cursor stays.
    pub fn connected(&mut self) {
        self.decoder = ResponseDecoder::default();
        self.stage = ReadingStage::Head;
        self.inbox.clear();
        self.held.clear();
        self.is_kept = false;
        self.traffic.connections += 1;
    }

    /// What to send on a new connection, and for each further poll. `wait_s` is for long polls.
    pub fn request(&mut self, endpoint: &Endpoint, wait_s: u64) -> Vec<u8> {
        let suffix = match self.technique {
            Technique::ShortPoll | Technique::LongPoll => "poll",
            Technique::Sse => "sse",
            Technique::WebSocket => "ws",
        };
        let since = percent_encode(&self.cursor);
        let wait = if wait_s > 0 { format!("&wait={wait_s}") } else { String::new() };
        let mut head =
            endpoint.head("GET", &format!("/{}/{suffix}?since={since}{wait}", self.topics));
        match self.technique {
            Technique::ShortPoll | Technique::LongPoll => {}
            Technique::Sse => head.push_str("Accept: text/event-stream\r\n"),
            Technique::WebSocket => head.push_str(&frames::upgrade(&frames::key(self.number))),
        }
        head.push_str("\r\n");
        self.stage = ReadingStage::Head;
        self.traffic.requests += 1;
        self.traffic.bytes_out.head += head.len() as u64;
        head.into_bytes()
    }

    /// Takes what came. What there is to say goes to `told`, what is to be sent at once to `reply`,
    /// also when it is the last that is sent.
    pub fn received(
        &mut self,
        bytes: &[u8],
        told: &mut Vec<Told>,
        reply: &mut Vec<u8>,
    ) -> Result<(), Setback> {
        let mut inbox = std::mem::take(&mut self.inbox);
        inbox.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(used) = self.step(&inbox[at..], told, reply)? {
            at += used;
        }
        inbox.drain(..at);
        let mut held = inbox.len() + self.held.len();
        if let ReadingStage::Events(reader) = &self.stage {
            held += reader.held_bytes();
        }
        if held > HELD_BYTES_MAX {
            return Err(Setback::new("sent more at once than this program takes"));
        }
        let unasked = matches!(self.stage, ReadingStage::Idle) && !inbox.is_empty();
        if let Some(Told::Answered { closes, .. }) = told.last_mut().filter(|_| unasked) {
            // It belongs to no poll; a server says 408 before it hangs up.
            *closes = true;
        }
        self.inbox = inbox;
        Ok(())
    }

    /// Bytes used, or `None`: not enough for a further step.
    fn step(
        &mut self,
        buf: &[u8],
        told: &mut Vec<Told>,
        reply: &mut Vec<u8>,
    ) -> Result<Option<usize>, Setback> {
        match self.stage {
            ReadingStage::Frames => return self.next_frame(buf, told, reply),
            ReadingStage::Idle => return Ok(None),
            _ => {}
        }
        let step = self.decoder.decode(buf);
        let step = step.map_err(|e| Setback::new(format!("broke HTTP ({e:?})")))?;
        match step {
            ResponseStep::Partial => Ok(None),
            ResponseStep::Head { head, used } => {
                self.traffic.bytes_in.head += used as u64;
                self.begin(head, told)?;
                Ok(Some(used))
            }
            ResponseStep::Body { bytes, used } => {
                match &mut self.stage {
                    ReadingStage::Events(reader) => {
                        let mut events = Vec::new();
                        reader.push(bytes, &mut events);
                        self.events(events, used, told)?;
                    }
                    ReadingStage::Refusal(_) if self.held.len() > REFUSAL_BYTES_MAX => {}
                    _ => self.held.extend_from_slice(bytes),
                }
                Ok(Some(used))
            }
            ResponseStep::End { used } => {
                let stage = std::mem::replace(&mut self.stage, ReadingStage::Idle);
                let body = std::mem::take(&mut self.held);
                match stage {
                    ReadingStage::Poll(head) => self.answered(&head, &body, told)?,
                    ReadingStage::Refusal(head) => {
                        self.traffic.bytes_in.body += body.len() as u64;
                        return Err(Setback::refused(&head, &body));
                    }
                    stage @ (ReadingStage::Head
                    | ReadingStage::Events(_)
                    | ReadingStage::Frames
                    | ReadingStage::Idle) => {
                        self.stage = stage;
                        return Err(self.cut_off());
                    }
                }
                Ok(Some(used))
            }
        }
    }

    /// A head decides what follows it.
    fn begin(&mut self, head: ResponseHead, told: &mut Vec<Told>) -> Result<(), Setback> {
        self.stage = match (self.technique, head.status) {
            (Technique::ShortPoll | Technique::LongPoll, 200 | 204) => ReadingStage::Poll(head),
            // The connection was idle for too long, and the poll crossed that on its way.
            (Technique::ShortPoll | Technique::LongPoll, 408) if self.is_kept => {
                told.push(Told::TimedOut);
                ReadingStage::Idle
            }
            (Technique::Sse, 200) => {
                if !head.is_of_type("text/event-stream") {
                    return Err(Setback::new("answered with something that is no event stream"));
                }
                self.heartbeats_counted = 0;
                self.is_greeted = false;
                ReadingStage::Events(EventReader::default())
            }
            (Technique::WebSocket, 101) => {
                if !frames::is_accepted(&head, &frames::key(self.number), Some(PROTOCOL)) {
                    return Err(Setback::new("answered the handshake with another one"));
                }
                ReadingStage::Frames
            }
            _ => ReadingStage::Refusal(head),
        };
        Ok(())
    }

    /// The answer to a poll.
    fn answered(
        &mut self,
        head: &ResponseHead,
        body: &[u8],
        told: &mut Vec<Told>,
    ) -> Result<(), Setback> {
        let mut more = false;
        let before = self.traffic.bytes_in.payload;
        if head.status == 204 {
            let cursor = head.field("last-event-id");
            let cursor = cursor.ok_or_else(|| Setback::new("gave an answer without a cursor"))?;
            self.traffic.empty += 1;
            self.cursor_moved(cursor.to_owned(), told);
        } else {
            let answer: Saying = read_json(body)?;
            more = answer.more;
            self.traffic.empty += u64::from(answer.messages.is_empty());
            told.extend(answer.gap.map(Told::Gap));
            for message in answer.messages {
                self.message(message, told)?;
            }
            let next = answer.next;
            self.cursor_moved(next.ok_or_else(|| not_ours("no cursor"))?, told);
        }
        self.frame_bytes(body.len(), before, 0);
        self.is_kept = true;
        let (closes, granted_s) = (head.closes(), head.granted_s());
        told.push(Told::Answered { more, closes, granted_s });
        Ok(())
    }

    /// Events, of a piece of the stream that took `used` bytes.
    fn events(
        &mut self,
        events: Vec<super::events::Event>,
        used: usize,
        told: &mut Vec<Told>,
    ) -> Result<(), Setback> {
        let before = self.traffic.bytes_in.payload;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| not_ours("no UTF-8"));
        for event in events {
            if event.name == b"gap" {
                let GapEvent { gap } = read_json(&event.data)?;
                told.push(Told::Gap(gap));
                self.cursor_moved(text(event.id)?, told);
                continue;
            }
            let name = Some(text(event.name)?).filter(|name| !name.is_empty());
            let saying = Saying {
                id: Some(text(event.id)?),
                event: name,
                data: Some(text(event.data)?),
                encoding: event.base64.then(|| "base64".to_owned()),
                ..Saying::default()
            };
            self.message(saying, told)?;
        }
        let ReadingStage::Events(reader) = &self.stage else {
            return Ok(());
        };
        let heartbeats = reader.heartbeat_bytes() - self.heartbeats_counted;
        self.heartbeats_counted += heartbeats;
        // An event without data says a cursor and fires nothing. The first one is worth telling
        // even if it is the cursor that was asked with: nobody holds the stream back.
        let cursor = reader.last_id().map(|id| String::from_utf8_lossy(id).into_owned());
        if let Some(cursor) = cursor
            && (cursor != self.cursor || !self.is_greeted)
        {
            self.is_greeted = true;
            self.cursor_moved(cursor, told);
        }
        told.push(Told::Alive);
        self.traffic.bytes_in.heartbeat += heartbeats;
        self.frame_bytes(used, before, heartbeats);
        Ok(())
    }

    fn message(&mut self, saying: Saying, told: &mut Vec<Told>) -> Result<(), Setback> {
        let delivery = saying.into_delivery()?;
        self.traffic.messages += 1;
        self.traffic.bytes_in.payload += delivery.data.len() as u64;
        self.cursor.clone_from(&delivery.id);
        told.push(Told::Message(delivery));
        Ok(())
    }

    /// Of `used` bytes, those that are neither payload nor heartbeat are framing. A message that
    /// came in pieces was taken for framing until it was whole.
    fn frame_bytes(&mut self, used: usize, payload_before: u64, heartbeats: u64) {
        let bytes_in = &mut self.traffic.bytes_in;
        let others = bytes_in.payload - payload_before + heartbeats;
        bytes_in.framing = (bytes_in.framing + used as u64).saturating_sub(others);
    }

    fn cursor_moved(&mut self, cursor: String, told: &mut Vec<Told>) {
        self.cursor.clone_from(&cursor);
        told.push(Told::Cursor(cursor));
    }
}

const PROTOCOL: &str = "tollway.v1";
/// Bytes that are kept until they make a whole: far more than a server says by default.
const HELD_BYTES_MAX: usize = 32 * MESSAGE_BYTES_MAX;
const _: () = assert!(HELD_BYTES_MAX <= MESSAGE_BYTES_CEILING);
/// More of a refusal nobody reads.
const REFUSAL_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests;
