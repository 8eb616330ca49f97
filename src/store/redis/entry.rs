//! An entry of the stream: a message as Redis keeps it.
//!
//! | field | what |
//! | --- | --- |
//! | `t` | topic |
//! | `p` | payload |
//! | `w` | when it was appended, by the clock of Redis: milliseconds since 1970 |
//! | `b` | number of the newest message before it in its group of names; 0: none |
//! | `e` | event name, if there is one |
//! | `x` | `1` if it was published as bytes |
//!
//! Its id is its number, and `-0`.
//!
//! Came from: `link`, with what Redis answers. Goes to: `recall` and the shell. Absent on purpose:
//! keys and addresses; the script has these beside the stream.

use std::sync::Arc;

use redis::Value;

use crate::ids::{Micros, Seq, TopicName};
use crate::technique::message::{Message, Payload};

/// A message that was read from the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEntry {
    /// Its number.
    pub seq: Seq,
    /// Its topic.
    pub topic: TopicName,
    /// The event name, if it has one.
    pub event: Option<Box<str>>,
    /// The data.
    pub payload: Payload,
    /// Milliseconds since 1970, by the clock of Redis.
    pub wall_ms: u64,
    /// The newest one before it in its group of names; 0: there was none.
    pub before: Seq,
}

impl StreamEntry {
    /// The message that it is, at that moment of the server's clock.
    pub fn into_message(self, at: Micros) -> Arc<Message> {
        let Self { seq, topic, event, payload, .. } = self;
        Arc::new(Message { seq, topic, event, payload, at })
    }
}

/// The number in an id, `N-0`. `None`: nobody of ours has written it.
pub(super) fn number(id: &[u8]) -> Option<Seq> {
    let digits = id.strip_suffix(b"-0")?;
    str::from_utf8(digits).ok()?.parse().ok().map(Seq)
}

/// The entries in an answer to XRANGE. `Err`: the id of one that is none of ours.
pub(super) fn all(answer: Value) -> Result<Vec<StreamEntry>, String> {
    let Value::Array(list) = answer else {
        return Ok(Vec::new());
    };
    list.into_iter().map(|value| one(value).ok_or_else(|| "not ours".to_owned())).collect()
}

/// The entries in an answer to XREAD of one stream.
pub(super) fn all_of_one(answer: Value) -> Result<Vec<StreamEntry>, String> {
    let Value::Array(streams) = answer else {
        return Ok(Vec::new()); // Nothing came.
    };
    let Some(Value::Array(stream)) = streams.into_iter().next() else {
        return Ok(Vec::new());
    };
    stream.into_iter().nth(1).map_or_else(|| Ok(Vec::new()), all)
}

fn one(value: Value) -> Option<StreamEntry> {
    let Value::Array(pair) = value else {
        return None;
    };
    let [Value::BulkString(id), Value::Array(fields)] = <[Value; 2]>::try_from(pair).ok()? else {
        return None;
    };
    let (mut topic, mut payload, mut wall_ms, mut before) = (None, None, None, None);
    let (mut event, mut binary) = (None, false);
    let mut fields = fields.into_iter();
    while let (Some(Value::BulkString(name)), Some(Value::BulkString(value))) =
        (fields.next(), fields.next())
    {
        match name.as_slice() {
            b"t" => topic = TopicName::parse(str::from_utf8(&value).ok()?),
            b"p" => payload = Some(value),
            b"w" => wall_ms = str::from_utf8(&value).ok()?.parse().ok(),
            b"b" => before = str::from_utf8(&value).ok()?.parse().ok().map(Seq),
            b"e" => event = Some(String::from_utf8(value).ok()?.into_boxed_str()),
            b"x" => binary = true,
            _ => {} // Of a later version, which may add what this one need not know.
        }
    }
    let payload = payload?;
    let payload = if binary { Payload::framed(payload, true) } else { Payload::posted(payload) };
    let (topic, wall_ms, before) = (topic?, wall_ms?, before?);
    Some(StreamEntry { seq: number(&id)?, topic, event, payload, wall_ms, before })
}
