//! What a frame of `tollway.v1` asks: its members, held to the rules of publishing.
//!
//! Came from: `websocket`, with a whole message of a socket that speaks the dialect. Goes to:
//! `broker::v1`, as a [`V1Request`]. Absent on purpose: the topic that is meant when none
//! is named; the broker knows what was opened.

use super::problem::{Problem, Rule};
use super::route::{event_name, idempotency_key, published_topic};
use crate::ids::TopicName;
use crate::wire::v1::{self, Publication, Reference};

/// A frame, understood: it asks for a message, or offends.
#[derive(Debug)]
pub struct V1Request {
    /// What the client calls it.
    pub reference: Reference,
    /// The message to be published, or the rule that the frame breaks.
    pub publish: Result<V1Publish, Problem>,
}

/// A message to be published.
#[derive(Debug)]
pub struct V1Publish {
    /// The topic to publish on; `None` for the one topic that was opened.
    pub topic: Option<TopicName>,
    /// The event name, if one was given.
    pub event: Option<Box<str>>,
    /// The data; UTF-8 unless `binary`.
    pub data: Box<[u8]>,
    /// It was sent as bytes.
    pub binary: bool,
    /// A repeat with this key adds nothing.
    pub idempotency_key: Option<Box<str>>,
}

/// Understands the text of a frame. Its data may have `data_bytes_max` bytes, however JSON spells
/// them.
pub(super) fn parse(text: &str, data_bytes_max: usize) -> V1Request {
    let (reference, publication) = v1::decode(text, data_bytes_max);
    V1Request { reference, publish: publication.map_err(Problem::from).and_then(publish) }
}

/// The request of a binary frame, which the dialect does not have: an offence.
pub(super) fn not_text() -> V1Request {
    V1Request { reference: Reference::default(), publish: Err(Rule::BinaryFrame.into()) }
}

fn publish(publication: Publication) -> Result<V1Publish, Problem> {
    let topic = publication.topic.as_deref().map(published_topic);
    let event = publication.event.map(|event| event_name(event.into()));
    let key = publication.key.map(|key| idempotency_key(key.into()));
    Ok(V1Publish {
        topic: topic.transpose()?,
        event: event.transpose()?.flatten(),
        data: publication.data.into(),
        binary: publication.binary,
        idempotency_key: key.transpose()?,
    })
}
