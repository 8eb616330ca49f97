//! DEFLATE as WebSocket messages carry it: the payload of a compressed message ⇄ what it says.
//! RFC 7692 §7.2, RFC 1951.
//!
//! Came from: `wire::message`, with payloads of a client piece by piece; `technique::websocket`,
//! with frames to be sent. Goes to: the same two. Absent on purpose: what was agreed on and why,
//! which is `wire::extension`'s; and a compressor that remembers: ours begins anew with every
//! message, so that all readers of a topic share what it made.
//!
//! A message that its client cuts short inside a block is heard as far as it goes: DEFLATE has no
//! word for "this was all", and the four bytes that the RFC has us append complete nearly anything.

use std::cell::Cell;
use std::panic;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::utf8::NotUtf8;

/// How far back a compressed message of ours may refer. Every window is one more encoded copy of a
/// message, so there are three: zlib's own, and two for small devices, which ask for as little as
/// 512 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// 512 bytes.
    Bits9,
    /// 4 KiB.
    Bits12,
    /// 32 KiB.
    Bits15,
}

impl Window {
    /// All windows, the smallest first.
    pub const ALL: [Self; 3] = [Self::Bits9, Self::Bits12, Self::Bits15];

    /// Its size, as a power of two.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Bits9 => 9,
            Self::Bits12 => 12,
            Self::Bits15 => 15,
        }
    }

    /// The largest window of at most `bits`. None of 8: no encoder of raw DEFLATE that we know
    /// makes that one, ours included.
    pub fn within(bits: u8) -> Option<Self> {
        Self::ALL.into_iter().rfind(|window| window.bits() <= bits)
    }
}

/// Compresses `payload` into what a frame with RSV1 carries (§7.2.1). `None`: that is not shorter.
///
/// A compressor takes 250 to 380 KB, and clearing it takes as long as making it does. It is kept
/// all the same, one for each window: blocks of that size, made and dropped between small ones that
/// stay, leave holes which the next one does not fit into. Should it panic at what a stranger
/// published, it is lost with all that it touched, and the message goes out as it is.
pub fn deflate(payload: &[u8], window: Window) -> Option<Vec<u8>> {
    panic::catch_unwind(|| {
        let mut compress =
            COMPRESSORS.with(|kept| kept[window as usize].take()).unwrap_or_else(|| {
                let level = Compression::new(LEVEL);
                Compress::new_with_window_bits(level, false, window.bits())
            });
        compress.reset();
        let out = compressed(payload, &mut compress);
        COMPRESSORS.with(|kept| kept[window as usize].set(Some(compress)));
        out
    })
    .ok()?
}

/// Drops the compressors of this thread, until they are wanted again.
pub fn give_back_compressors() {
    COMPRESSORS.with(|kept| kept.iter().for_each(|one| one.set(None)));
}

thread_local! {
    /// Whoever compresses takes it out meanwhile, so that one that panicked is not put back.
    static COMPRESSORS: [Cell<Option<Compress>>; Window::ALL.len()] =
        const { [const { Cell::new(None) }; Window::ALL.len()] };
}

fn compressed(payload: &[u8], compress: &mut Compress) -> Option<Vec<u8>> {
    // Once the room is full there is nothing to gain any more.
    let mut out = Vec::with_capacity(payload.len());
    let status = compress.compress_vec(payload, &mut out, FlushCompress::Sync);
    let whole = compress.total_in() == payload.len() as u64 && out.len() < out.capacity();
    if status.is_err() || !whole || !out.ends_with(&TAIL) {
        return None;
    }
    out.truncate(out.len() - TAIL.len());
    Some(out)
}

/// Undoes what one client's compressor did. Between messages it holds only what the client may
/// refer back to, and nothing where it was agreed that it will not.
pub struct Inflater {
    /// `Some`: the client keeps its context, in a window of this size as a power of two.
    context_bits: Option<u8>,
    /// The end of what earlier messages said; at most that window.
    context: Vec<u8>,
    /// The message that is being inflated.
    stream: Option<Box<Decompress>>,
}

/// Why a message cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// This is not DEFLATE, or refers back to what never was.
    Corrupt,
    /// It comes to more than the bound.
    TooBig,
    /// It is to be text, and is not.
    NotUtf8(NotUtf8),
}

/// What takes in what a message says, as it is inflated.
pub trait InflateOutput {
    /// All that was taken in and stands; of a text, without a character whose end is still to come.
    fn bytes(&self) -> &[u8];

    /// How much was taken in.
    fn taken(&self) -> usize;

    /// Takes in more, for which room is made of `bytes_max` at most.
    fn take_in(&mut self, bytes: &[u8], bytes_max: usize) -> Result<(), NotUtf8>;
}

impl InflateOutput for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn taken(&self) -> usize {
        self.len()
    }

    /// Room doubles, as many small pieces need, but never beyond `bytes_max`: the memory of a
    /// message is bounded by the message's bound, not by twice that.
    fn take_in(&mut self, bytes: &[u8], bytes_max: usize) -> Result<(), NotUtf8> {
        self.reserve_exact(more_room(self.len(), self.capacity(), bytes.len(), bytes_max));
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// How much more room to make where `coming` bytes come.
pub(super) fn more_room(len: usize, capacity: usize, coming: usize, bytes_max: usize) -> usize {
    let needed = len + coming;
    if needed <= capacity {
        return 0;
    }
    (2 * capacity).min(bytes_max).max(needed) - len
}

impl Inflater {
    /// `context_bits`: the window that the client keeps from message to message, if it does.
    pub fn new(context_bits: Option<u8>) -> Self {
        Self { context_bits, context: Vec::new(), stream: None }
    }

    /// Inflates the next piece of a message to the end of `out`, which holds what the pieces before
    /// it gave and grows to `bytes_max` at most. `last`: the message ends with this piece.
    ///
    /// In case of an error `out` has what was good before it, so that however a message is cut it
    /// is refused for the same offence.
    pub fn take(
        &mut self,
        piece: &[u8],
        last: bool,
        out: &mut impl InflateOutput,
        bytes_max: usize,
    ) -> Result<(), InflateError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.begin()?,
        };
        inflate(&mut stream, piece, out, bytes_max)?;
        if last {
            inflate(&mut stream, &TAIL, out, bytes_max)?; // §7.2.2
            self.remember(out.bytes());
        } else {
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Bytes of memory held beside the inflater itself.
    pub fn memory(&self) -> usize {
        self.context.capacity() + self.stream_memory()
    }

    /// How many of them for a message that is not complete.
    pub fn stream_memory(&self) -> usize {
        self.stream.as_ref().map_or(0, |_| STREAM_BYTES)
    }

    /// The window is always the largest: zlib-rs takes the same memory for all, and refers back
    /// beyond a smaller one or not depending on how the bytes are cut.
    fn begin(&self) -> Result<Box<Decompress>, InflateError> {
        let mut stream = Box::new(Decompress::new(false));
        if !self.context.is_empty() {
            let known = stream.set_dictionary(&self.context);
            known.map_err(|_| InflateError::Corrupt)?;
        }
        Ok(stream)
    }

    fn remember(&mut self, message: &[u8]) {
        let Some(bits) = self.context_bits else {
            return;
        };
        let window = 1 << bits;
        let message = &message[message.len().saturating_sub(window)..];
        let excess = (self.context.len() + message.len()).saturating_sub(window);
        self.context.drain(..excess);
        self.context.reserve_exact(message.len());
        self.context.extend_from_slice(message);
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater")
            .field("context_bits", &self.context_bits)
            .field("context", &self.context.len())
            .field("begun", &self.stream.is_some())
            .finish()
    }
}

/// Inflates all of `piece`, block by block: what a block says is judged and kept while it lies in
/// the cache.
fn inflate(
    stream: &mut Decompress,
    mut piece: &[u8],
    out: &mut impl InflateOutput,
    bytes_max: usize,
) -> Result<(), InflateError> {
    let mut block = Vec::new();
    loop {
        block.clear();
        // One byte over the bound tells a message that is too big from one that just fits.
        let room = bytes_max - out.taken();
        if block.capacity() == 0 {
            let likely = (4 * piece.len()).clamp(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
            block.reserve_exact(likely.min(room + 1));
        }
        let before = stream.total_in();
        let status = stream.decompress_vec(piece, &mut block, FlushDecompress::None);
        let good = out.take_in(&block[..block.len().min(room)], bytes_max);
        good.map_err(InflateError::NotUtf8)?;
        if block.len() > room {
            return Err(InflateError::TooBig);
        }
        // Exact: no more than the piece.
        let taken = (stream.total_in() - before) as usize;
        let status = status.map_err(|_| InflateError::Corrupt)?;
        piece = &piece[taken..];
        match status {
            // A block with BFINAL: what follows begins anew (§7.2.3.4).
            Status::StreamEnd => {
                stream.reset(false);
                if piece.is_empty() {
                    return Ok(());
                }
            }
            // Room is left, so all there is to say was said.
            Status::Ok | Status::BufError if block.len() < block.capacity() => return Ok(()),
            Status::Ok | Status::BufError => {}
        }
    }
}

/// What the sender leaves off a compressed message and the receiver puts back (§7.2.1): the length
/// of the empty block that a flush ends with.
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
/// zlib's scale, 0 to 9. Of 64 KiB of JSON, level 1 leaves 26 % at 290 MB/s, 3 leaves 18 % at 120,
/// 6 leaves 16 % at 60; and meanwhile a thread does nothing else.
const LEVEL: u32 = 3;
/// What is inflated at a time, at least and at most: zlib-rs keeps a window of 32 KiB beside the
/// output, and would copy more often to fill it with less.
const BLOCK_BYTES_MIN: usize = 256;
const BLOCK_BYTES_MAX: usize = 32 * 1024;
/// What zlib-rs takes for a message that is being inflated: 32 KiB of window and its tables.
const STREAM_BYTES: usize = 47_552 + size_of::<Decompress>();

#[cfg(test)]
mod tests;
