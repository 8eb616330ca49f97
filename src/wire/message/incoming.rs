//! What a client said: a message or a control frame, and what a payload means that lies whole in
//! the caller's buffer. RFC 6455 §5.5, §5.6.
//!
//! Came from: `wire::message`, with the payload of one frame. Goes to: `conn`. Absent on purpose:
//! what is done about it.

use super::error::MessageError;
use crate::wire::frame::{CloseCode, Opcode};
use crate::wire::utf8::TextBytes;

/// What a client said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'b> {
    /// A whole text message.
    Text(TextBytes<'b>),
    /// A whole message of bytes.
    Binary(&'b [u8]),
    /// To be answered by a Pong with the same bytes (§5.5.2).
    Ping(&'b [u8]),
    /// An answer to our Ping, or an unasked heartbeat.
    Pong(&'b [u8]),
    /// The client's last frame.
    Close {
        /// Its code; one that may be echoed. `None` when the payload was empty.
        code: Option<u16>,
        /// Its words, often empty.
        reason: &'b str,
    },
}

/// What a payload means that lies whole in the caller's buffer.
pub(super) fn read(opcode: Opcode, payload: &[u8]) -> Result<Incoming<'_>, MessageError> {
    Ok(match opcode {
        Opcode::Text => Incoming::Text(TextBytes::judge(payload).ok_or(MessageError::NotUtf8)?),
        // `Assembler::judge` lets no continuation come here by itself.
        Opcode::Binary | Opcode::Continuation => Incoming::Binary(payload),
        Opcode::Ping => Incoming::Ping(payload),
        Opcode::Pong => Incoming::Pong(payload),
        Opcode::Close => read_close(payload)?,
    })
}

/// A Close payload: nothing, or a code and a reason (§5.5.1).
fn read_close(payload: &[u8]) -> Result<Incoming<'_>, MessageError> {
    let Some((&code, reason)) = payload.split_first_chunk() else {
        if !payload.is_empty() {
            return Err(MessageError::CloseTooShort);
        }
        let (code, reason) = (None, "");
        return Ok(Incoming::Close { code, reason });
    };
    let code = u16::from_be_bytes(code);
    if !CloseCode::valid_from_peer(code) {
        return Err(MessageError::CloseCodeInvalid);
    }
    let reason = str::from_utf8(reason).map_err(|_| MessageError::CloseReasonNotUtf8)?;
    let code = Some(code);
    Ok(Incoming::Close { code, reason })
}
