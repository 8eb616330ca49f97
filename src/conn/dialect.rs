//! What a frame of `tollway.v1` asks: its members, held to the rules of publishing.
//!
//! Came from: `said`, with a whole message of a socket that speaks the dialect. Goes to:
//! `broker::dialect`, as something [`Told`]. Absent on purpose: the topic that is meant when none
//! is named; the broker knows what was opened.

use super::problem::{Problem, Rule};
use super::route::{event_name, published_topic};
use crate::ids::TopicName;
use crate::wire::publish::{self, Publication, Reference};

/// A frame, understood: it asks for a message, or offends.
#[derive(Debug)]
pub struct Told {
    /// What the client calls it.
    pub reference: Reference,
    /// What it asks.
    pub wish: Result<Wish, Problem>,
}

/// A message to be published.
#[derive(Debug)]
pub struct Wish {
    /// Where; without it, on the one topic that was opened.
    pub topic: Option<TopicName>,
    /// Its name.
    pub event: Option<Box<str>>,
    /// The data; UTF-8 unless `binary`.
    pub data: Box<[u8]>,
    /// It was sent as bytes.
    pub binary: bool,
    /// A repeat with this key adds nothing.
    pub idempotency_key: Option<Box<str>>,
}

/// Understands a text.
pub(super) fn understand(text: &str, data_bytes_max: usize) -> Told {
    let (reference, publication) = publish::decode(text, data_bytes_max);
    Told { reference, wish: publication.map_err(Problem::from).and_then(wish) }
}

/// The dialect has no words in bytes.
pub(super) fn not_text() -> Told {
    Told { reference: Reference::default(), wish: Err(Rule::BinaryFrame.into()) }
}

fn wish(publication: Publication) -> Result<Wish, Problem> {
    let topic = publication.topic.as_deref().map(published_topic);
    let event = publication.event.map(|event| event_name(event.into()));
    Ok(Wish {
        topic: topic.transpose()?,
        event: event.transpose()?.flatten(),
        data: publication.data.into(),
        binary: publication.binary,
        idempotency_key: publication.key.map(Into::into),
    })
}
