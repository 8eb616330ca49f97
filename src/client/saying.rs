//! What a server of tollway says in JSON: answers to polls, messages in them, frames.
//!
//! Came from: `reading`, with a body, an event or a frame. Goes to: the same. Absent on purpose:
//! anything that no reader needs; members that are not known are passed over.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::setback::Setback;
use super::told::{Delivery, MissedSpan};

/// Everything that an answer to a poll, a message in it, or a frame may have.
#[derive(Default, Deserialize)]
pub struct Saying {
    /// As docs/reference/http.md has it.
    pub next: Option<String>,
    /// As docs/reference/http.md has it.
    #[serde(default)]
    pub more: bool,
    /// As docs/reference/http.md has it.
    pub gap: Option<MissedSpan>,
    /// As docs/reference/http.md has it.
    #[serde(default)]
    pub messages: Vec<Saying>,
    /// As docs/reference/http.md has it.
    pub id: Option<String>,
    /// As docs/reference/http.md has it.
    pub topic: Option<String>,
    /// As docs/reference/http.md has it.
    pub event: Option<String>,
    /// As docs/reference/http.md has it.
    pub data: Option<String>,
    /// As docs/reference/http.md has it.
    pub encoding: Option<String>,
}

/// The data of an event that is a gap.
#[derive(Deserialize)]
pub struct GapEvent {
    /// As docs/reference/http.md has it.
    pub gap: MissedSpan,
}

impl Saying {
    /// The message that it is.
    pub fn into_delivery(self) -> Result<Delivery, Setback> {
        let (Some(id), Some(data)) = (self.id, self.data) else {
            return Err(not_ours("a message without id or data"));
        };
        let is_binary = self.encoding.as_deref() == Some("base64");
        let data = if is_binary {
            STANDARD.decode(data).map_err(|_| not_ours("no base64"))?
        } else {
            data.into_bytes()
        };
        Ok(Delivery { id, topic: self.topic, event: self.event, data, is_binary })
    }
}

/// Reads JSON of a server.
pub fn read_json<'t, T: Deserialize<'t>>(text: &'t [u8]) -> Result<T, Setback> {
    serde_json::from_slice(text).map_err(|_| not_ours("other JSON"))
}

/// What came is no answer of tollway.
pub fn not_ours(what: &str) -> Setback {
    Setback::new(format!("answered with {what}, as tollway does not"))
}
