//! What a client says in `tollway.v1`: a JSON object that asks for one message to be published.
//! RFC 8259.
//!
//! Came from: `conn::v1`, with the text of a WebSocket message. Goes to: the same, as a
//! [`Publication`] and the [`Reference`] under which its answer is awaited. Absent on purpose: what
//! may name a topic or an event (the rules are those of HTTP, and `conn` has them), and what is
//! answered: `technique::v1` words it.
//!
//! The members are found first and left as the text they are, and then read one by one. So a ref
//! comes back as it was spelled, a number of forty digits included; what is wrong with one member
//! does not hide the ref from the refusal; and members that nobody knows are skipped, not kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::offences::offences;
use crate::limits::REF_BYTES_MAX;

/// What a client asks to be published.
#[derive(Debug, PartialEq, Eq)]
pub struct Publication {
    /// Where, as it was spelled; without it, on the one topic that was opened.
    pub topic: Option<String>,
    /// Its name, as it was spelled.
    pub event: Option<String>,
    /// The data, decoded. UTF-8 unless `binary`.
    pub data: Vec<u8>,
    /// The data came as base64: bytes, whether or not they are UTF-8.
    pub binary: bool,
    /// The key by which a repeat is known, as it was spelled.
    pub key: Option<String>,
}

/// The client's own name for what it asks: JSON of any kind. Owns nothing when it is null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference(Box<str>);

impl Reference {
    /// The JSON as it was spelled; `null` when there was none.
    pub fn json(&self) -> &str {
        if self.0.is_empty() { "null" } else { &self.0 }
    }
}

offences! {
    /// What can be wrong with a frame of `tollway.v1`. None of these closes the socket.
    pub enum PublishError {
        NotJson = BadRequest, "not_json",
            "The frame is not JSON; send an object such as {\"ref\":1,\"data\":\"hello\"}.";
        NotAnObject = BadRequest, "not_an_object",
            "The frame is JSON but not an object; send one such as {\"ref\":1,\"data\":\"hello\"}.";
        MemberDouble = BadRequest, "member_double",
            "The object has one of its members twice; send each once.";
        RefTooLong = BadRequest, "ref_too_long",
            "A ref takes at most 256 bytes of JSON; send a number or a short string.";
        TopicNotText = BadRequest, "topic_not_text",
            "topic is the name of one topic, as a string.";
        EventNotText = BadRequest, "event_not_text",
            "event is the name of the message, as a string; leave it out for none.";
        DataMissing = BadRequest, "data_missing",
            "There is no data to publish; send it as \"data\", an empty string for none.";
        DataNotText = BadRequest, "data_not_text",
            "data is a string of Unicode text; put other JSON into a string, and bytes as base64.";
        EncodingUnknown = BadRequest, "encoding_unknown",
            "encoding is base64, or left out for text.";
        DataNotBase64 = BadRequest, "data_not_base64",
            "data is not what encoding says: base64 of the standard alphabet, padded with =.";
        DataTooBig = ContentTooLarge, "data_too_big",
            "The data is larger than the server takes; send less at a time.";
        KeyNotText = BadRequest, "key_not_text",
            "key is a string, the same for a message and its repeats; leave it out for none.";
    }
}

/// The members as they were spelled. One that is null is as good as left out.
#[derive(Deserialize)]
struct Members<'t> {
    #[serde(borrow, rename = "ref")]
    reference: Option<&'t RawValue>,
    #[serde(borrow)]
    topic: Option<&'t RawValue>,
    #[serde(borrow)]
    event: Option<&'t RawValue>,
    #[serde(borrow)]
    data: Option<&'t RawValue>,
    #[serde(borrow)]
    encoding: Option<&'t RawValue>,
    #[serde(borrow)]
    key: Option<&'t RawValue>,
}

/// Reads the text of one frame. The reference is null where none was found.
pub fn decode(text: &str, data_bytes_max: usize) -> (Reference, Result<Publication, PublishError>) {
    let members = match members(text) {
        Ok(members) => members,
        Err(error) => return (Reference::default(), Err(error)),
    };
    let spelled = members.reference.map_or("", RawValue::get);
    if spelled.len() > REF_BYTES_MAX {
        return (Reference::default(), Err(PublishError::RefTooLong));
    }
    let reference = Reference(spelled.into());
    let publication = publication(&members, data_bytes_max);
    (reference, publication)
}

fn members(text: &str) -> Result<Members<'_>, PublishError> {
    // Of an array the derived reader would take its elements for the members, in order.
    let object = text.trim_ascii_start().starts_with('{');
    match serde_json::from_str(text) {
        Ok(members) if object => Ok(members),
        Ok(_) => Err(PublishError::NotAnObject),
        Err(error) => Err(match error.classify() {
            Category::Data if object => PublishError::MemberDouble,
            // It stopped at the first byte; whether the rest is JSON is still to be seen.
            Category::Data if serde_json::from_str::<&RawValue>(text).is_ok() => {
                PublishError::NotAnObject
            }
            Category::Data | Category::Syntax | Category::Eof | Category::Io => {
                PublishError::NotJson
            }
        }),
    }
}

fn publication(members: &Members<'_>, data_bytes_max: usize) -> Result<Publication, PublishError> {
    let data = text(members.data, PublishError::DataNotText)?.ok_or(PublishError::DataMissing)?;
    let (data, binary) = match text(members.encoding, PublishError::EncodingUnknown)?.as_deref() {
        None => (data.into_bytes(), false),
        Some("base64") => {
            let bytes = STANDARD.decode(data);
            (bytes.map_err(|_| PublishError::DataNotBase64)?, true)
        }
        Some(_) => return Err(PublishError::EncodingUnknown),
    };
    if data.len() > data_bytes_max {
        return Err(PublishError::DataTooBig);
    }
    Ok(Publication {
        topic: text(members.topic, PublishError::TopicNotText)?,
        event: text(members.event, PublishError::EventNotText)?,
        data,
        binary,
        key: text(members.key, PublishError::KeyNotText)?,
    })
}

/// The text of a member that is a string. A string may spell half of a surrogate pair, which is no
/// text: that is an error too.
fn text(member: Option<&RawValue>, error: PublishError) -> Result<Option<String>, PublishError> {
    let read = |raw: &RawValue| serde_json::from_str(raw.get()).map_err(|_| error);
    member.map(read).transpose()
}

#[cfg(test)]
mod tests;
