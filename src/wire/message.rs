//! WebSocket messages: frames joined, payloads inflated, text checked, Close payloads read.
//! RFC 6455 §5.4–§5.6, §8.1, RFC 7692 §6.
//!
//! Came from: `conn`, with bytes of a client after the handshake. Goes to: the same, one
//! [`Incoming`] at a time. Absent on purpose: what is done about a message (a Ping wants a Pong, a
//! Close wants a Close: `conn` answers them), DEFLATE itself, and everything that is sent.
//!
//! A payload is taken as it arrives (unmasked, inflated, judged, kept), so a text is refused at its
//! first offending byte and what is announced costs nothing until it is here. Two things are not
//! kept: a message that lies whole in the caller's buffer in one frame and is not compressed, which
//! is lent from there without a copy, and an unfinished header or control frame, which is left
//! there: 130 bytes at most.

use std::ops::Range;

use super::Parsed;
use super::deflate::{InflateOutput, Inflater};
use super::extension::Agreement;
use super::frame::{FrameHeader, Opcode, decode_header, unmask};
use buffer::Buffer;
use incoming::read;

mod buffer;
mod error;
mod incoming;

pub use error::MessageError;
pub use incoming::Incoming;

/// Joins the frames of one connection. One pointer while no message is unfinished, so that an idle
/// WebSocket costs nothing here.
#[derive(Debug, Default)]
pub struct Assembler(Option<Box<Assembly>>);

const _: () = assert!(size_of::<Assembler>() == size_of::<usize>());

/// What one call of [`Assembler::push`] came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'b> {
    /// Nothing whole yet. The first `used` bytes were taken in; the rest is to be pushed again,
    /// together with more.
    Partial {
        /// How many bytes were taken, from the front.
        used: usize,
    },
    /// One message or control frame; what follows `used` is to be pushed next.
    Complete {
        /// What was there. Borrowed from the buffer or from the assembler.
        incoming: Incoming<'b>,
        /// How many bytes were taken, from the front.
        used: usize,
    },
}

/// What is held between two pushes; it is never empty.
#[derive(Debug, Default)]
struct Assembly {
    unfinished: Option<Box<Unfinished>>,
    /// `Some`: permessage-deflate was agreed on.
    inflater: Option<Inflater>,
    /// Bytes that came out of it since [`Assembler::begin_portion`].
    inflated: usize,
}

/// The message of which a part is here.
#[derive(Debug)]
struct Unfinished {
    buffer: Buffer,
    stage: MessageStage,
}

#[derive(Debug)]
enum MessageStage {
    /// Within the payload of a frame.
    Payload(FramePayload),
    /// Between two fragments: a header comes next.
    Between,
    /// Whole, and lent to the caller until the next push.
    Lent,
}

/// A payload that is going on: `taken + left` is its frame's length.
#[derive(Clone, Copy, Debug)]
struct FramePayload {
    fin: bool,
    mask: [u8; 4],
    taken: usize,
    left: usize,
}

/// What one look at the front of the buffer found. `used` counts from there.
enum Found {
    /// More bytes are needed.
    Starved { used: usize },
    /// Something was taken, nothing is whole yet, and there may be more to find.
    Piece { used: usize },
    /// A message or control frame that lies in the buffer, unmasked.
    Frame { opcode: Opcode, payload: Range<usize> },
    /// The unfinished message became whole.
    Message { used: usize },
}

impl Assembler {
    /// The assembler of a connection on these terms; the default one takes nothing compressed.
    pub fn new(deflate: Option<Agreement>) -> Self {
        Self(deflate.map(|terms| {
            let inflater = Some(Inflater::new(terms.context_bits()));
            Box::new(Assembly { unfinished: None, inflater, inflated: 0 })
        }))
    }

    fn unfinished(&self) -> Option<&Unfinished> {
        self.0.as_deref()?.unfinished.as_deref()
    }

    fn inflater(&self) -> Option<&Inflater> {
        self.0.as_deref()?.inflater.as_ref()
    }

    /// Takes bytes off the front of `buf` up to the end of the first message or control frame.
    ///
    /// `buf` starts where the last call's `used` ended. Taken bytes are overwritten by their
    /// unmasked selves; the others are left as they were. After an error the connection is to be
    /// closed; what further pushes give is not defined.
    pub fn push<'b>(
        &'b mut self,
        buf: &'b mut [u8],
        message_bytes_max: usize,
    ) -> Result<Step<'b>, MessageError> {
        self.release();
        let mut start = 0;
        loop {
            match self.look(&mut buf[start..], message_bytes_max)? {
                Found::Starved { used } => return Ok(Step::Partial { used: start + used }),
                Found::Piece { used } => start += used,
                Found::Frame { opcode, payload } => {
                    let used = start + payload.end;
                    let incoming = read(opcode, &buf[start..][payload])?;
                    return Ok(Step::Complete { incoming, used });
                }
                Found::Message { used } => {
                    let whole = self.unfinished();
                    let incoming = whole.expect("it has just become whole").buffer.message();
                    let used = start + used;
                    return Ok(Step::Complete { incoming, used });
                }
            }
        }
    }

    /// Gives back the memory of a message that was lent. Every push begins with this; a caller that
    /// has nothing more to push calls it, so that an idle connection holds nothing.
    pub fn release(&mut self) {
        if let Some(held) = self.0.as_deref_mut()
            && let Some(unfinished) = &held.unfinished
            && matches!(unfinished.stage, MessageStage::Lent)
        {
            held.unfinished = None;
            if held.inflater.is_none() {
                self.0 = None;
            }
        }
    }

    /// Counts anew what is [inflated](Self::inflated).
    pub fn begin_portion(&mut self) {
        if let Some(held) = self.0.as_deref_mut() {
            held.inflated = 0;
        }
    }

    /// Bytes that compressed payloads came to since [`Self::begin_portion`]: a thousand times what
    /// was sent, at most.
    pub fn inflated(&self) -> usize {
        self.0.as_deref().map_or(0, |held| held.inflated)
    }

    /// Whether a message has begun and not ended.
    pub fn mid_message(&self) -> bool {
        self.unfinished().is_some_and(|unfinished| !matches!(unfinished.stage, MessageStage::Lent))
    }

    /// Bytes held of the unfinished message, or of the lent one; inflated, if it was compressed.
    pub fn buffered(&self) -> usize {
        self.unfinished().map_or(0, |unfinished| unfinished.buffer.taken())
    }

    /// Payload bytes of that message as they were sent.
    pub fn taken(&self) -> usize {
        let buffer = self.unfinished().map(|unfinished| &unfinished.buffer);
        buffer.map_or(0, |buffer| buffer.deflated().unwrap_or(buffer.taken()))
    }

    /// How many of those carried `length` bytes of a lent message: their share, if it was
    /// compressed.
    pub fn share(&self, length: usize) -> usize {
        let buffer = self.unfinished().map(|unfinished| &unfinished.buffer);
        let deflated = buffer.and_then(|b| Some((b.deflated()? as u128, b.taken() as u128)));
        match deflated {
            // The cast is exact: a share is at most the whole.
            Some((taken, held @ 1..)) => (length as u128 * taken / held) as usize,
            Some((_, 0)) | None => length,
        }
    }

    /// Bytes of memory held for a message that is not complete, with what inflates it.
    #[inline]
    pub fn unfinished_memory(&self) -> usize {
        let stream = self.inflater().map_or(0, Inflater::stream_memory);
        self.unfinished().map_or(0, Unfinished::memory) + stream
    }

    /// Bytes of memory held beside the assembler itself.
    pub fn memory(&self) -> usize {
        self.0.as_deref().map_or(0, size_of_val)
            + self.unfinished().map_or(0, Unfinished::memory)
            + self.inflater().map_or(0, Inflater::memory)
    }

    /// Looks for the next thing at the front of `buf`: a piece of the payload that is going on, or
    /// a header. Gives places, not borrows, so that [`Self::push`] may look again.
    fn look(&mut self, buf: &mut [u8], message_bytes_max: usize) -> Result<Found, MessageError> {
        if let Some(held) = self.0.as_deref_mut()
            && let Some(unfinished) = &mut held.unfinished
            && let MessageStage::Payload(payload) = unfinished.stage
        {
            let before = unfinished.buffer.taken();
            let found = unfinished.take(payload, buf, message_bytes_max, held.inflater.as_mut())?;
            if unfinished.buffer.deflated().is_some() {
                held.inflated += unfinished.buffer.taken() - before;
            }
            return Ok(found);
        }
        // Where frames may be compressed, their length by itself says little: see `judge`.
        let deflates = self.inflater().is_some();
        let frame_bytes_max = if deflates { u64::MAX } else { message_bytes_max as u64 };
        let parsed = decode_header(buf, frame_bytes_max, deflates)?;
        let Parsed::Complete { value: header, used } = parsed else {
            return Ok(Found::Starved { used: 0 });
        };
        let opcode = header.opcode;
        self.judge(&header, message_bytes_max)?;
        // The cast is exact: what is over the bound was refused.
        let payload = used..used.saturating_add(header.length as usize);
        let plain = header.fin && !header.reserved1;
        let alone = opcode.is_control() || (plain && self.unfinished().is_none());
        if alone && let Some(bytes) = buf.get_mut(payload.clone()) {
            unmask(bytes, header.mask, 0);
            return Ok(Found::Frame { opcode, payload });
        }
        if opcode.is_control() {
            return Ok(Found::Starved { used: 0 });
        }
        self.begin(&header);
        Ok(Found::Piece { used })
    }

    /// The rules of §5.4 about a frame's place, and the bound on the message it belongs to. The
    /// bound is judged on what is announced: a message is refused before its last bytes come. What
    /// is compressed may be longer than what it says, but nobody compresses to twice the length.
    fn judge(&self, header: &FrameHeader, bytes_max: usize) -> Result<(), MessageError> {
        match (header.opcode, self.unfinished().is_some()) {
            (Opcode::Continuation, false) => Err(MessageError::ContinuationWithoutStart),
            (Opcode::Text | Opcode::Binary, true) => Err(MessageError::StartWithinFragments),
            (Opcode::Continuation, true) | (Opcode::Text | Opcode::Binary, false) => {
                let before = self.unfinished().and_then(|u| u.buffer.deflated());
                let room = if header.reserved1 || before.is_some() {
                    bytes_max.saturating_mul(2).saturating_sub(before.unwrap_or(0))
                } else {
                    bytes_max.saturating_sub(self.buffered())
                };
                if header.length > room as u64 {
                    return Err(MessageError::TooBig);
                }
                Ok(())
            }
            // Allowed anywhere, and short: the header was refused otherwise.
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => Ok(()),
        }
    }

    /// A data frame whose payload will be taken piece by piece.
    fn begin(&mut self, header: &FrameHeader) {
        let unfinished = self.0.get_or_insert_default().unfinished.get_or_insert_with(|| {
            Box::new(Unfinished {
                buffer: Buffer::new(matches!(header.opcode, Opcode::Text), header.reserved1),
                stage: MessageStage::Between,
            })
        });
        unfinished.stage = MessageStage::Payload(FramePayload {
            fin: header.fin,
            mask: header.mask,
            taken: 0,
            left: header.length as usize, // Exact, as above.
        });
    }
}

impl Unfinished {
    /// Bytes of memory.
    fn memory(&self) -> usize {
        size_of_val(self) + self.buffer.capacity()
    }

    /// Takes what `buf` has of the payload that is going on.
    fn take(
        &mut self,
        mut payload: FramePayload,
        buf: &mut [u8],
        message_bytes_max: usize,
        inflater: Option<&mut Inflater>,
    ) -> Result<Found, MessageError> {
        let used = buf.len().min(payload.left);
        let piece = &mut buf[..used];
        unmask(piece, payload.mask, payload.taken);
        // A last frame tells how long the message will be, the others only that it is in bounds.
        let end = self.buffer.taken() + payload.left;
        payload.taken += used;
        payload.left -= used;
        if let (Some(_), Some(inflater)) = (self.buffer.deflated(), inflater) {
            self.buffer.count_deflated(used);
            let last = payload.fin && payload.left == 0;
            inflater.take(piece, last, &mut self.buffer, message_bytes_max)?;
        } else {
            let bytes_max = if payload.fin { end } else { message_bytes_max };
            self.buffer.take_in(piece, bytes_max)?;
        }
        if payload.left > 0 {
            self.stage = MessageStage::Payload(payload);
            return Ok(Found::Starved { used });
        }
        if !payload.fin {
            self.stage = MessageStage::Between;
            return Ok(Found::Piece { used });
        }
        self.buffer.finish()?;
        self.stage = MessageStage::Lent;
        Ok(Found::Message { used })
    }
}

#[cfg(test)]
mod tests;
