//! WebSocket as a client speaks it: the handshake asked and checked, frames written with a mask and
//! read without one. RFC 6455 §4.1, §5.
//!
//! Came from: `subscriber`. Goes to: the same, and `wire` for what both halves share. Absent on
//! purpose: extensions; none is offered, so any reserved bit is an offence.

use std::hash::{BuildHasher, RandomState};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::response::ResponseHead;
use crate::limits::CONTROL_BYTES_MAX;
use crate::wire::Parsed;
use crate::wire::frame::{self, Opcode};
use crate::wire::handshake;

/// A frame of a server, its payload where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerFrame<'b> {
    /// The last frame of its message.
    pub fin: bool,
    /// What the payload is.
    pub opcode: Opcode,
    /// The bytes between this header and the next one.
    pub payload: &'b [u8],
}

/// What a server may not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerFrameError {
    /// A reserved bit, and no extension was agreed on (§5.2).
    ReservedBits,
    /// An opcode that no standard has given a meaning.
    ReservedOpcode,
    /// A server's frame with a mask (§5.1).
    Masked,
    /// A control frame over 125 bytes, or in fragments (§5.5).
    Control,
    /// A payload longer than this client reads.
    TooLong,
}

/// Masks that nobody foretells: a hash of a counter under a secret. RFC 6455 §5.3, §10.3.
#[derive(Debug, Default)]
pub struct Masks {
    secret: RandomState,
    drawn: u64,
}

impl Masks {
    /// 64 bits of chance.
    pub fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.secret.hash_one(self.drawn)
    }

    /// The mask of the next frame.
    pub fn next_mask(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.draw().to_be_bytes();
        [a, b, c, d]
    }
}

/// The fields of a request that asks for the dialect `tollway.v1`, with this key.
pub fn upgrade(key: &str) -> String {
    format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: tollway.v1\r\n"
    )
}

/// The `Sec-WebSocket-Key` of the client with this number: 16 bytes in base64 (§4.1, point 7).
pub fn key(number: u64) -> String {
    let mut nonce = *b"tollway-compare-";
    nonce[8..].copy_from_slice(&number.to_be_bytes());
    STANDARD.encode(nonce)
}

/// Whether `head` takes the handshake with this key, in this subprotocol or in none (§4.1).
pub fn is_accepted(head: &ResponseHead, key: &str, protocol: Option<&str>) -> bool {
    let accept = handshake::accept_key(key.as_bytes());
    let upgrade = head.field("upgrade").unwrap_or_default();
    head.status == 101
        && upgrade.eq_ignore_ascii_case("websocket")
        && head.lists("connection", "upgrade")
        && head.field("sec-websocket-accept").map(str::as_bytes) == Some(&accept[..])
        && head.field("sec-websocket-protocol") == protocol
        && head.field("sec-websocket-extensions").is_none()
}

/// Appends a whole frame with its mask.
pub fn encode(opcode: Opcode, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    let start = out.len();
    frame::encode_header(opcode, payload.len(), out);
    out[start + 1] |= MASKED;
    out.extend_from_slice(&mask);
    let masked = out.len();
    out.extend_from_slice(payload);
    frame::unmask(&mut out[masked..], mask, 0);
}

/// Takes one whole frame off the front of `buf`.
pub fn decode(
    buf: &[u8],
    payload_bytes_max: u64,
) -> Result<Parsed<ServerFrame<'_>>, ServerFrameError> {
    let [first, second, rest @ ..] = buf else {
        return Ok(Parsed::Partial);
    };
    refuse_if(first & 0b0111_0000 != 0, ServerFrameError::ReservedBits)?;
    refuse_if(second & MASKED != 0, ServerFrameError::Masked)?;
    let opcode = opcode(first & 0b0000_1111).ok_or(ServerFrameError::ReservedOpcode)?;
    let fin = first & 0b1000_0000 != 0;
    let too_long = usize::from(*second) > CONTROL_BYTES_MAX;
    let bad_control = opcode.is_control() && (!fin || too_long);
    refuse_if(bad_control, ServerFrameError::Control)?;
    let length = match second {
        126 => rest.first_chunk().map(|&bytes| (u64::from(u16::from_be_bytes(bytes)), 2)),
        127 => rest.first_chunk().map(|&bytes| (u64::from_be_bytes(bytes), 8)),
        short => Some((u64::from(*short), 0)),
    };
    let Some((length, length_bytes)) = length else {
        return Ok(Parsed::Partial);
    };
    refuse_if(length > payload_bytes_max, ServerFrameError::TooLong)?;
    // Exact: bounded just above.
    let Some(payload) = rest.get(length_bytes..length_bytes + length as usize) else {
        return Ok(Parsed::Partial);
    };
    Ok(Parsed::Complete {
        value: ServerFrame { fin, opcode, payload },
        used: 2 + length_bytes + payload.len(),
    })
}

const fn opcode(bits: u8) -> Option<Opcode> {
    Some(match bits {
        0x0 => Opcode::Continuation,
        0x1 => Opcode::Text,
        0x2 => Opcode::Binary,
        0x8 => Opcode::Close,
        0x9 => Opcode::Ping,
        0xA => Opcode::Pong,
        _ => return None,
    })
}

fn refuse_if(offends: bool, error: ServerFrameError) -> Result<(), ServerFrameError> {
    if offends { Err(error) } else { Ok(()) }
}

const MASKED: u8 = 0b1000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(buf: &[u8]) -> Result<Option<(bool, Opcode, usize, usize)>, ServerFrameError> {
        Ok(match decode(buf, 1 << 20)? {
            Parsed::Partial => None,
            Parsed::Complete { value, used } => {
                Some((value.fin, value.opcode, value.payload.len(), used))
            }
        })
    }

    #[test]
    fn what_the_server_writes_reads_back_and_every_cut_is_partial() {
        for length in [0, 1, 125, 126, 0xFFFF, 0x1_0000] {
            let mut bytes = Vec::new();
            frame::encode(Opcode::Text, &vec![b'x'; length], &mut bytes);
            let found = Some((true, Opcode::Text, length, bytes.len()));
            assert_eq!(whole(&bytes), Ok(found));
            for cut in 0..bytes.len().min(16) {
                assert_eq!(whole(&bytes[..cut]), Ok(None), "{length} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_a_client_writes_is_what_the_server_reads() {
        let mask = [1, 2, 3, 4];
        for length in [0, 5, 125, 126, 70_000] {
            let payload = vec![b'a'; length];
            let mut bytes = Vec::new();
            encode(Opcode::Binary, &payload, mask, &mut bytes);
            let header = frame::decode_header(&bytes, 1 << 20, false).expect("a good header");
            let Parsed::Complete { value, used } = header else {
                panic!("a whole header");
            };
            assert_eq!((value.mask, value.length), (mask, length as u64));
            frame::unmask(&mut bytes[used..], mask, 0);
            assert_eq!(&bytes[used..], payload);
        }
    }

    #[test]
    fn every_offence_is_named() {
        for (bytes, error) in [
            ([0xC1, 0x00], ServerFrameError::ReservedBits),
            ([0x83, 0x00], ServerFrameError::ReservedOpcode),
            ([0x81, 0x80], ServerFrameError::Masked),
            ([0x09, 0x00], ServerFrameError::Control),
            ([0x89, 0x7E], ServerFrameError::Control),
        ] {
            assert_eq!(whole(&bytes), Err(error), "{bytes:x?}");
        }
        let long = [0x82, 0x7F, 0, 0, 0, 1, 0, 0, 0, 0];
        assert_eq!(whole(&long), Err(ServerFrameError::TooLong));
    }

    #[test]
    fn a_handshake_is_taken_only_with_the_key_and_the_protocol_that_were_sent() {
        let key = "dGhlIHNhbXBsZSBub25jZQ=="; // RFC 6455 §1.3
        let head = |accept: &str, protocol: Option<&str>| ResponseHead {
            status: 101,
            fields: [
                ("upgrade", Some("websocket")),
                ("connection", Some("Upgrade")),
                ("sec-websocket-accept", Some(accept)),
                ("sec-websocket-protocol", protocol),
            ]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect(),
        };
        let good = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert!(is_accepted(&head(good, None), key, None));
        assert!(!is_accepted(&head("s3pP", None), key, None));
        assert!(!is_accepted(&head(good, None), key, Some("tollway.v1")));
        assert!(!is_accepted(&head(good, Some("x")), key, None));
        assert!(!is_accepted(&ResponseHead { status: 200, ..head(good, None) }, key, None));
        // A proxy may list more beside it, and in several fields.
        for (connections, accepted) in [
            (&["keep-alive, UPGRADE"][..], true),
            (&["keep-alive", "Upgrade"], true),
            (&["keep-alive"], false),
        ] {
            let mut head = head(good, None);
            head.fields.retain(|(name, _)| name != "connection");
            let listed = connections.iter().map(|&value| ("connection".into(), value.into()));
            head.fields.extend(listed);
            assert_eq!(is_accepted(&head, key, None), accepted, "{connections:?}");
        }
        assert_eq!(self::key(7).len(), 24);
        assert_ne!(self::key(7), self::key(8));
    }
}
