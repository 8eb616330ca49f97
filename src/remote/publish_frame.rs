//! A publish as the dialect `tollway.v1` has it: the frame that asks, and the one that answers.
//!
//! Came from: `publisher`, with a message or a frame of the server. Goes to: the same. Absent on
//! purpose: the header of a frame, and messages of the topic, which nobody has asked for here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::unpublished::Pending;
use crate::client::response::ResponseHead;
use crate::client::setback::Setback;

/// What a client of `tollway.v1` says.
#[derive(Serialize)]
struct PublishFrame<'m> {
    #[serde(rename = "ref")]
    number: u64,
    data: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'m str>,
    key: &'m str,
}

/// What it is answered, and what else comes: messages of the topic, which have no `ref`.
#[derive(Deserialize)]
struct FrameAnswer<'m> {
    #[serde(rename = "ref")]
    number: Option<u64>,
    #[serde(borrow)]
    id: Option<&'m str>,
    error: Option<FrameRefusal>,
}

#[derive(Deserialize)]
struct FrameRefusal {
    status: u16,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

/// The payload of the frame that asks for a message to be added.
pub fn asking(message: &Pending, event: Option<&str>) -> Vec<u8> {
    let text = str::from_utf8(&message.data);
    let encoded = text.map_or_else(|_| STANDARD.encode(&message.data), str::to_owned);
    let frame = PublishFrame {
        number: message.number,
        data: &encoded,
        encoding: text.is_err().then_some("base64"),
        event,
        key: &message.key,
    };
    serde_json::to_vec(&frame).expect("plain data")
}

/// The number of the message that a frame answers, and its receipt or why it was refused. `None`:
/// it is no answer.
pub fn answer(payload: &[u8]) -> Option<(u64, Result<String, Setback>)> {
    let answer: FrameAnswer<'_> = serde_json::from_slice(payload).ok()?;
    let said = match (answer.id, answer.error) {
        (Some(id), _) => Ok(format!("{{\"id\":\"{id}\"}}")),
        (None, Some(FrameRefusal { status, title, detail })) => {
            let head = ResponseHead { status, fields: Vec::new() };
            let body = serde_json::json!({ "title": title, "detail": detail }).to_string();
            Err(Setback::refused(&head, body.as_bytes()))
        }
        (None, None) => return None,
    };
    Some((answer.number?, said))
}
