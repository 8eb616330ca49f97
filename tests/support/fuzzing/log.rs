//! The log of one topic agrees with a list that is searched from its front, and every format of a
//! message reads back as what was published.
//!
//! Came from: operations. Goes to: `hub::log`, and by encodings to `technique`.

use std::sync::Arc;

use tollway::hub::log::{Entry, TopicLog};
use tollway::ids::{Epoch, Millis, Seq, TopicName};
use tollway::limits::MESSAGE_OVERHEAD_BYTES;
use tollway::technique::Format;
use tollway::technique::message::{Message, Payload};

use super::operations::{self, operations};
use super::readers::{events, frames, http, json};

operations! {
    /// What can be done to a log.
    pub enum Step {
        /// A message, so many places after the one before. Some are not UTF-8.
        Append { skip: u8, length: u8, kind: u8 }
        /// The oldest goes.
        Evict {}
        /// What comes after a cursor?
        After { cursor: u16 }
        /// What comes after one of the newest?
        Near { behind: u8 }
    }
}

const EPOCH: Epoch = Epoch(14);

pub fn check(input: &[u8]) {
    let mut log = TopicLog::new(Seq(3));
    let mut list: Vec<Arc<Message>> = Vec::new();
    let (mut tip, mut evicted) = (3, 3);
    operations::play(input, 300, |step: Step| {
        match step {
            Step::Append { skip, length, kind } => {
                tip += 1 + u64::from(skip % 4);
                let message = Arc::new(message(tip, length.into(), kind));
                log.append(Arc::clone(&message));
                list.push(message);
                dresses_read_back(log.get(list.len() - 1).unwrap(), list.last().unwrap());
            }
            Step::Evict {} => match log.evict() {
                None => assert!(list.is_empty()),
                Some(gone) => {
                    let oldest = list.remove(0);
                    assert_eq!(gone.message.weight(), oldest.weight());
                    evicted = oldest.seq.0;
                }
            },
            Step::After { cursor } => finds(&log, &list, cursor.into()),
            Step::Near { behind } => finds(&log, &list, tip.saturating_sub(behind.into())),
        }
        assert_eq!((log.len(), log.is_empty()), (list.len(), list.is_empty()));
        assert_eq!((log.evicted(), log.tip()), (Seq(evicted), Seq(tip)));
        let weight =
            |message: &Arc<Message>| message.payload.bytes().len() + MESSAGE_OVERHEAD_BYTES;
        assert_eq!(log.weight(), list.iter().map(weight).sum::<usize>());
        assert_eq!(log.first().map(Entry::seq), list.first().map(|message| message.seq));
    });
}

fn finds(log: &TopicLog, list: &[Arc<Message>], cursor: u64) {
    let naive = list.iter().position(|message| message.seq.0 > cursor).unwrap_or(list.len());
    assert_eq!(log.after(Seq(cursor)), naive, "after {cursor}");
    let found = log.get(naive).map(Entry::seq);
    assert_eq!(found, list.get(naive).map(|message| message.seq));
}

/// A message of text or bytes, by HTTP or WebSocket, named or not.
pub fn message(seq: u64, length: usize, kind: u8) -> Message {
    let text = ["x", "\u{e9}\r\n", "\"\\\n", ": \u{1f600}"][usize::from(kind / 8 % 4)];
    let mut bytes = text.repeat(length).into_bytes();
    if kind & 1 > 0 {
        bytes.push(0xFF);
    }
    Message {
        seq: Seq(seq),
        topic: TopicName::parse(["a", "b.c~d"][usize::from(kind / 4 % 2)]).unwrap(),
        event: (kind & 64 > 0).then(|| "tick \"tock\"".into()),
        payload: match kind & 3 {
            0 | 1 => Payload::posted(bytes),
            2 => Payload::framed(bytes, false),
            _ => Payload::framed(bytes, true),
        },
        at: Millis(seq).micros(),
    }
}

/// All dresses of a message, read by strangers.
pub fn dresses_read_back(entry: &Entry, message: &Message) {
    let id = message.content(EPOCH).id.to_string();
    let data = message.payload.bytes();
    let text = str::from_utf8(data).ok();
    let all = [Format::Poll, Format::PollNamed, Format::Event, Format::Frame];
    for format in all.into_iter().chain([Format::Object, Format::ObjectNamed]) {
        let encoded = entry.encoded(format, EPOCH);
        assert_eq!(encoded.payload as usize, data.len());
        let again = entry.encoded(format, EPOCH);
        assert!(std::rc::Rc::ptr_eq(encoded, again), "rendered once");
    }
    for (format, named) in [(Format::Poll, false), (Format::PollNamed, true)] {
        let element = &entry.encoded(format, EPOCH).bytes;
        object_reads_back(element.strip_prefix(b",").expect("a comma"), &id, named, message);
    }
    for (format, named) in [(Format::Object, false), (Format::ObjectNamed, true)] {
        let (frames, left) = frames::server(&entry.encoded(format, EPOCH).bytes);
        assert!(left.is_empty() && frames.len() == 1 && frames[0].opcode == 1);
        object_reads_back(&frames[0].payload, &id, named, message);
    }
    let event = entry.encoded(Format::Event, EPOCH);
    let chunk = &event.bytes[event.range(true)];
    let body = http::chunked(chunk);
    assert_eq!((body.used, &*body.data), (event.bytes.len(), &event.bytes[event.range(false)]));
    let stream = events::read(&body.data);
    assert_eq!((stream.events.len(), stream.last_id), (1, id));
    assert_eq!(stream.events[0].kind, message.event.as_deref().unwrap_or("message"));
    assert_eq!(stream.comments.len(), usize::from(text.is_none()));
    assert_eq!(
        stream.events[0].data,
        match text {
            Some(text) => text.replace("\r\n", "\n").replace('\r', "\n"),
            None => json::to_base64(data),
        }
    );
    let (frames, left) = frames::server(&entry.encoded(Format::Frame, EPOCH).bytes);
    assert!(left.is_empty() && frames.len() == 1 && frames[0].payload == data);
    assert!(frames[0].opcode == 2 || text.is_some(), "a text frame is UTF-8");
}

fn object_reads_back(object: &[u8], id: &str, named: bool, message: &Message) {
    let data = message.payload.bytes();
    let object = json::read(object);
    assert_eq!(object.text("id"), id);
    let text_of = |name: &str| object.get(name).map(|_| object.text(name));
    assert_eq!(text_of("topic"), named.then_some(message.topic.as_str()));
    assert_eq!(text_of("event"), message.event.as_deref());
    match str::from_utf8(data) {
        Ok(text) => assert_eq!(object.text("data"), text),
        Err(_) => assert_eq!(json::base64(object.text("data")), data),
    }
    let encoding = str::from_utf8(data).is_err().then_some("base64");
    assert_eq!(text_of("encoding"), encoding);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let append = |skip, length, kind| Step::Append { skip, length, kind };
    let mut all: Vec<Step> = (0..16).map(|n| append(n, n * 3, n * 17)).collect();
    all.extend((0..16).map(|cursor| Step::After { cursor }));
    let stories: [Vec<Step>; 4] = [
        all,
        vec![append(0, 1, 0), Step::Near { behind: 0 }, Step::Near { behind: 1 }, Step::Evict {}],
        vec![
            Step::Evict {},
            append(3, 9, 75),
            append(3, 9, 1),
            Step::Evict {},
            Step::After { cursor: 4 },
        ],
        (0..40)
            .flat_map(|n| [append(n, 200, 2), Step::Near { behind: n }, Step::Evict {}])
            .collect(),
    ];
    stories.iter().map(|story| operations::write(story)).collect()
}
