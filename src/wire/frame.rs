//! WebSocket frames: headers read, payloads unmasked, whole frames written. RFC 6455 §5.2–§5.5.
//!
//! Came from: `wire::message`, with bytes of a client; `technique::websocket`, with meaning to be
//! sent. Goes to: the same two. Absent on purpose: the rules about fragments and text, which need
//! memory and live in `wire::message`; and extensions: whoever agreed on one that uses RSV1 says so
//! at each call.
//!
//! A header is judged before any payload has arrived, and its first byte before its second: a peer
//! that announces too much is refused after at most 10 bytes, not after filling our memory.

use super::offences::offences;
use super::{Parsed, refuse_if};
use crate::limits::CONTROL_BYTES_MAX;

/// What stands before the payload of a client's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The last frame of its message.
    pub fin: bool,
    /// RSV1: the message is compressed, where permessage-deflate was agreed on (RFC 7692 §6).
    pub reserved1: bool,
    /// What the payload is.
    pub opcode: Opcode,
    /// Bytes of payload; at most [`CONTROL_BYTES_MAX`] for a control frame.
    pub length: u64,
    /// What the payload is masked with (§5.3).
    pub mask: [u8; 4],
}

/// What a frame is for (§5.2). The numbers are those on the wire.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of the message that an earlier frame began.
    Continuation = 0x0,
    /// The beginning of a text message.
    Text = 0x1,
    /// The beginning of a message of bytes.
    Binary = 0x2,
    /// The last frame of its direction.
    Close = 0x8,
    /// Asks for a pong with the same payload.
    Ping = 0x9,
    /// Answers a ping; or a heartbeat that nobody asked for.
    Pong = 0xA,
}

impl Opcode {
    /// Close, Ping and Pong: short, whole, and allowed between the fragments of a message (§5.5).
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }
}

/// Reads the header at the front of `buf`.
///
/// `payload_bytes_max` bounds data frames; control frames have their own bound.
/// `reserved1_allowed`: an extension that uses RSV1 was agreed on. It is still refused on frames
/// that do not begin a message, where RFC 7692 §6.1 gives it no meaning.
pub fn decode_header(
    buf: &[u8],
    payload_bytes_max: u64,
    reserved1_allowed: bool,
) -> Result<Parsed<FrameHeader>, FrameError> {
    let Some((&first, rest)) = buf.split_first() else {
        return Ok(Parsed::Partial);
    };
    let opcode = Opcode::from_bits(first & 0b0000_1111).ok_or(FrameError::ReservedOpcode)?;
    let control = opcode.is_control();
    let fin = first & FIN != 0;
    let reserved1 = first & RESERVED1 != 0;
    let begins = matches!(opcode, Opcode::Text | Opcode::Binary);
    refuse_if(reserved1 && !(reserved1_allowed && begins), FrameError::ReservedBits)?;
    refuse_if(first & RESERVED2_AND_3 != 0, FrameError::ReservedBits)?;
    refuse_if(control && !fin, FrameError::ControlFragmented)?; // §5.5

    let Some((&second, rest)) = rest.split_first() else {
        return Ok(Parsed::Partial);
    };
    let short = second & !MASKED;
    refuse_if(second & MASKED == 0, FrameError::Unmasked)?; // §5.1
    refuse_if(control && usize::from(short) > CONTROL_BYTES_MAX, FrameError::ControlTooLong)?;

    let Some((length, length_bytes)) = announced_length(short, rest) else {
        return Ok(Parsed::Partial);
    };
    refuse_if(length >> 63 != 0, FrameError::LengthHighBit)?;
    refuse_if(length_bytes == 2 && length < 126, FrameError::LengthNotMinimal)?;
    refuse_if(length_bytes == 8 && length <= 0xFFFF, FrameError::LengthNotMinimal)?;
    refuse_if(!control && length > payload_bytes_max, FrameError::TooLong)?;

    let Some(&mask) = rest[length_bytes..].first_chunk() else {
        return Ok(Parsed::Partial);
    };
    Ok(Parsed::Complete {
        value: FrameHeader { fin, reserved1, opcode, length, mask },
        used: 2 + length_bytes + mask.len(),
    })
}

/// The length as announced, and the extra bytes it took: 0, 2 or 8. `None`: not all here yet.
fn announced_length(short: u8, rest: &[u8]) -> Option<(u64, usize)> {
    Some(match short {
        126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
        127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
        _ => (u64::from(short), 0),
    })
}

/// XORs `payload` with the mask, in place (§5.3). `offset`: how many payload bytes of the frame
/// came before this piece, so that a payload may be unmasked as it arrives.
///
/// Masking exists to keep attackers' bytes unpredictable for proxies, and this is the whole price
/// that a server pays for it. A long payload is brought to a boundary first: it begins where its
/// header ended, and stores across such boundaries cost some processors twice the time.
pub fn unmask(payload: &mut [u8], mask: [u8; 4], offset: usize) {
    let mask = turned(mask, offset);
    if payload.len() < UNMASK_ALIGNED_BYTES {
        return xor(payload, mask);
    }
    let crooked = payload.as_ptr().align_offset(16).min(payload.len());
    let (crooked, straight) = payload.split_at_mut(crooked);
    xor(crooked, mask);
    xor(straight, turned(mask, crooked.len()));
}

/// The mask as it stands over what lies `offset` bytes further on.
const fn turned(mask: [u8; 4], offset: usize) -> [u8; 4] {
    let bits = 8 * (offset % 4) as u32; // Exact: at most 24.
    u32::from_be_bytes(mask).rotate_left(bits).to_be_bytes()
}

/// Eight bytes at a time, which the compiler widens further.
fn xor(payload: &mut [u8], [a, b, c, d]: [u8; 4]) {
    let key = [a, b, c, d, a, b, c, d];
    let (words, tail) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ u64::from_ne_bytes(key)).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// The header of a server's frame with fewer than 126 bytes of payload.
pub const fn short_header(opcode: Opcode, length: u8) -> [u8; SHORT_HEADER_BYTES] {
    [FIN | opcode as u8, length]
}

/// Bytes of the header of `frame`, which is a server's.
pub fn header_length(frame: &[u8]) -> usize {
    match frame[1] {
        126 => 4,
        127 => 10,
        _ => SHORT_HEADER_BYTES,
    }
}

/// Appends the header of a server's frame: a whole message, not masked (§5.1 forbids it).
pub fn encode_header(opcode: Opcode, length: usize, out: &mut Vec<u8>) {
    let first = FIN | opcode as u8;
    // The casts are exact: each arm is the range of its type.
    match length {
        0..126 => out.extend_from_slice(&short_header(opcode, length as u8)),
        126..=0xFFFF => {
            let [high, low] = (length as u16).to_be_bytes();
            out.extend_from_slice(&[first, 126, high, low]);
        }
        _ => {
            out.extend_from_slice(&[first, 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Bytes of a server's frame with so much payload.
pub const fn encoded_length(payload: usize) -> usize {
    let length_bytes = match payload {
        0..126 => 0,
        126..=0xFFFF => 2,
        _ => 8,
    };
    2 + length_bytes + payload
}

/// Appends one whole frame. A control frame's payload is at most [`CONTROL_BYTES_MAX`] bytes: ours
/// are short, and a Pong repeats a Ping that was judged.
pub fn encode(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(!opcode.is_control() || payload.len() <= CONTROL_BYTES_MAX);
    out.reserve(encoded_length(payload.len()));
    encode_header(opcode, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Appends one whole data frame with RSV1: its payload is compressed (RFC 7692 §6.1).
pub fn encode_deflated(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(matches!(opcode, Opcode::Text | Opcode::Binary));
    let start = out.len();
    encode(opcode, payload, out);
    out[start] |= RESERVED1;
}

/// Appends a Close frame. The reason is cut, between characters, to what a control frame holds
/// beside the code.
pub fn encode_close(code: CloseCode, reason: &str, out: &mut Vec<u8>) {
    let reason = &reason[..reason.floor_char_boundary(CONTROL_BYTES_MAX - 2)];
    encode_header(Opcode::Close, 2 + reason.len(), out);
    out.extend_from_slice(&code.number().to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// Why a WebSocket is closed, as told to the peer (§7.4.1 and the IANA registry). Every value is
/// one that may go over the wire; those with a name are what we say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode(u16);

impl CloseCode {
    /// All that was wanted is done.
    pub const NORMAL: Self = Self(1000);
    /// The server ends, and another may take its place.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// Text that is not UTF-8.
    pub const NOT_UTF8: Self = Self(1007);
    /// A message that breaks a rule of ours.
    pub const POLICY: Self = Self(1008);
    /// A message over the bound.
    pub const TOO_BIG: Self = Self(1009);
    /// The server cannot go on with this reader now; coming back helps.
    pub const TRY_AGAIN: Self = Self(1013);

    /// Whether a peer may send this code (§7.4). 1004 has no meaning, 1005, 1006 and 1015 exist
    /// only within programs, 1016 to 2999 are kept for later standards.
    pub const fn valid_from_peer(code: u16) -> bool {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// The code of a peer's Close frame, to be echoed. `None` where it may not be sent.
    pub const fn from_peer(code: u16) -> Option<Self> {
        if Self::valid_from_peer(code) { Some(Self(code)) } else { None }
    }

    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self.0
    }
}

offences! {
    /// What is wrong with a frame's header, in the order in which [`decode_header`] looks for it.
    pub enum FrameError: close_code -> CloseCode {
        ReservedOpcode = PROTOCOL, "reserved_opcode",
            "Unknown opcode; use 0, 1, 2, 8, 9 or 10.";
        ReservedBits = PROTOCOL, "reserved_bits",
            "A reserved bit is set; no extension in use gives it a meaning.";
        ControlFragmented = PROTOCOL, "control_fragmented",
            "Control frames are never fragmented; set FIN.";
        Unmasked = PROTOCOL, "unmasked",
            "A client's frames must be masked.";
        ControlTooLong = PROTOCOL, "control_too_long",
            "A control frame holds 125 bytes at most.";
        LengthHighBit = PROTOCOL, "length_high_bit",
            "The highest bit of a 64-bit length must be 0.";
        LengthNotMinimal = PROTOCOL, "length_not_minimal",
            "The length fits a shorter form; use the shortest.";
        TooLong = TOO_BIG, "too_long",
            "The frame is over the message bound; send less at a time.";
    }
}

/// From this length on, [`unmask`] cares about alignment: finding it costs a few instructions.
const UNMASK_ALIGNED_BYTES: usize = 256;
/// Bytes of the shortest header of a server's frame.
pub const SHORT_HEADER_BYTES: usize = 2;
const FIN: u8 = 0b1000_0000;
const RESERVED1: u8 = 0b0100_0000;
const RESERVED2_AND_3: u8 = 0b0011_0000;
const MASKED: u8 = 0b1000_0000;

#[cfg(test)]
mod tests;
