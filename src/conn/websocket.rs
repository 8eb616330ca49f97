//! What a client says on a WebSocket: answered on the spot where RFC 6455 says how, and an [`Ask`]
//! where somebody else has to decide. RFC 6455 §5.5, §7.4.
//!
//! Came from: `frames`, with a whole message or an offence. Goes to: the outbox, or the
//! broker by way of the same. Absent on purpose: frames; they are joined by now.

use super::ask::{Ask, Failure};
use super::outbox::Segment;
use super::v1;
use crate::close::CloseReason;
use crate::ledger::Class;
use crate::limits::Limits;
use crate::technique::Dialect;
use crate::technique::message::Payload;
use crate::wire::frame::{self, CloseCode, Opcode};
use crate::wire::message::{Incoming, MessageError};

/// The longest message that a socket of this dialect takes, in bytes; `None` for a socket that is
/// closing, which may be of either.
pub(super) fn bytes_max(dialect: Option<Dialect>, limits: &Limits) -> usize {
    match dialect {
        Some(Dialect::Raw) => limits.message_bytes_max,
        Some(Dialect::V1) | None => limits.publish_frame_bytes_max(),
    }
}

/// What a message on an open WebSocket leads to; `None` when nothing is left to do.
pub(super) fn act(
    incoming: Incoming<'_>,
    dialect: Dialect,
    limits: &Limits,
    says: &mut impl FnMut(Segment),
) -> Option<Ask> {
    let mut answer = Vec::new();
    let (class, ask) = match incoming {
        Incoming::Text(text) => {
            return Some(match dialect {
                Dialect::Raw => publish_raw(text.as_bytes(), false),
                Dialect::V1 => publish_v1(v1::parse(text.as_str(), limits.message_bytes_max)),
            });
        }
        Incoming::Binary(bytes) => {
            return Some(match dialect {
                Dialect::Raw => publish_raw(bytes, true),
                Dialect::V1 => publish_v1(v1::not_text()),
            });
        }
        Incoming::Pong(_) => return None, // solicited or not, RFC 6455 §5.5.3
        Incoming::Ping(payload) => {
            frame::encode(Opcode::Pong, payload, &mut answer);
            (Class::Heartbeat, None)
        }
        Incoming::Close { code, .. } => {
            // §5.5.1: the code is echoed, and nothing when there was none.
            match code.and_then(CloseCode::from_peer) {
                Some(code) => frame::encode_close(code, "", &mut answer),
                None => frame::encode(Opcode::Close, b"", &mut answer),
            }
            (Class::Framing, Some(Ask::Leave(CloseReason::PeerClosed)))
        }
    };
    says(Segment::own(answer, class));
    ask
}

/// What a message leads to once our Close frame is sent: theirs ends it, all else is passed over.
pub(super) fn act_closing(incoming: Incoming<'_>) -> Option<Ask> {
    matches!(incoming, Incoming::Close { .. }).then_some(Ask::Leave(CloseReason::PeerClosed))
}

fn publish_raw(data: &[u8], binary: bool) -> Ask {
    Ask::PublishRaw(Payload::framed(data, binary))
}

fn publish_v1(request: v1::V1Request) -> Ask {
    Ask::PublishV1(Box::new(request))
}

/// How a connection ends whose peer broke a rule.
pub(super) fn fail(error: MessageError) -> Ask {
    let code = error.close_code();
    Ask::Fail(Failure {
        code,
        why: error.detail(),
        reason: match code {
            CloseCode::NOT_UTF8 => CloseReason::NotUtf8,
            CloseCode::TOO_BIG => CloseReason::TooBig,
            _ => CloseReason::ProtocolError,
        },
    })
}
