//! Request bodies, of known length or in chunks: bytes → data. RFC 9112 §6 and §7.1.
//!
//! Came from: `conn`, with the bytes that follow a head. Goes to: the same, which collects the data
//! of a publish. Absent on purpose: memory (data is handed on as it arrives, borrowed), and the
//! meaning of chunk extensions and trailers, which we read, judge and drop.
//!
//! As in `wire::head`, every judgement falls due at one byte, whatever the cuts: a size at the end
//! of its line, before any of its data; a bound at the byte that passes it; a trailer line at its
//! end. Only how much data comes in one piece depends on the cuts.

#[cfg(test)]
mod tests;

use crate::limits::{CHUNK_LINE_BYTES_MAX, TRAILER_BYTES_MAX};

use super::grammar::{find_line_feed, is_token_byte};
use super::head::Framing;
use super::number;
use super::offences::offences;
use super::refuse_if;

/// What a call found at the front of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'b> {
    /// Not enough here to go on. Nothing was consumed.
    Partial,
    /// `bytes` of the body, the last of the first `used` bytes; what came before them was framing.
    /// Empty when the input ended within or after framing: progress, but no data.
    Data {
        /// The data.
        bytes: &'b [u8],
        /// How many bytes it took, framing included.
        used: usize,
    },
    /// The body is over, `used` bytes from the front: 0 when it ended with the last data.
    End {
        /// How many bytes of framing came before the end.
        used: usize,
    },
}

/// Reads one body, until [`Piece::End`]. After an error it is spent, and so is the connection:
/// where the next request would begin is in doubt.
#[derive(Clone, Debug)]
pub struct BodyDecoder {
    state: BodyState,
    /// How many bytes of chunk data may still be announced.
    room: u64,
    /// How far into the unfinished line an LF has been looked for; 0 outside of lines. So a line
    /// that drips in is looked through once.
    searched: usize,
}

#[derive(Clone, Copy, Debug)]
enum BodyState {
    /// `Content-Length`: that much is owed.
    Fixed { left: u64 },
    /// A size comes next.
    ChunkLine,
    /// That much of the chunk is owed.
    ChunkData { left: u64 },
    /// The CRLF behind chunk data comes next.
    ChunkEnd,
    /// The last chunk has come; that much is left of the trailer's bound.
    Trailer { left: usize },
    /// Nothing is owed any more.
    Done,
}

impl BodyDecoder {
    /// Prepares for a body of at most `bytes_max` bytes. What is announced as longer is refused
    /// here, before a byte of it has come.
    pub fn new(framing: Framing, bytes_max: u64) -> Result<Self, BodyError> {
        let state = match framing {
            Framing::Empty => BodyState::Done,
            Framing::Length(left) => {
                refuse_if(left > bytes_max, BodyError::TooLarge)?;
                BodyState::Fixed { left }
            }
            Framing::Chunked => BodyState::ChunkLine,
        };
        Ok(Self { state, room: bytes_max, searched: 0 })
    }

    /// How many bytes of data can still come, at most.
    pub fn to_come_max(&self) -> u64 {
        match self.state {
            BodyState::Fixed { left } => left,
            BodyState::ChunkData { left } => left.saturating_add(self.room),
            BodyState::ChunkLine | BodyState::ChunkEnd => self.room,
            BodyState::Trailer { .. } | BodyState::Done => 0,
        }
    }

    /// The data of a body of known length of which nothing was decoded yet, if all of it is at the
    /// front of `buf`.
    pub fn whole<'b>(&self, buf: &'b [u8]) -> Option<&'b [u8]> {
        match self.state {
            BodyState::Fixed { left } => buf.get(..usize::try_from(left).ok()?),
            _ => None,
        }
    }

    /// Takes framing, then one run of data or the end, off the front of `buf`. Call again with what
    /// follows, until `Partial` asks for more bytes or `End` says that there are no more.
    pub fn decode<'b>(&mut self, buf: &'b [u8]) -> Result<Piece<'b>, BodyError> {
        let mut rest = buf;
        loop {
            let used = buf.len() - rest.len();
            let progress = match self.state {
                BodyState::Done => return Ok(Piece::End { used }),
                BodyState::Fixed { left: 0 } => {
                    self.state = BodyState::Done;
                    Some(rest)
                }
                BodyState::Fixed { .. } | BodyState::ChunkData { .. } if rest.is_empty() => None,
                BodyState::Fixed { left } => {
                    let (data, left) = take_owed(rest, left);
                    self.state = BodyState::Fixed { left };
                    return Ok(data_after(used, data));
                }
                BodyState::ChunkData { left } => {
                    let (data, left) = take_owed(rest, left);
                    self.state =
                        if left == 0 { BodyState::ChunkEnd } else { BodyState::ChunkData { left } };
                    return Ok(data_after(used, data));
                }
                BodyState::ChunkLine => self.take_chunk_line(rest)?,
                BodyState::ChunkEnd => self.take_chunk_end(rest)?,
                BodyState::Trailer { left } => self.take_trailer_line(rest, left)?,
            };
            match progress {
                Some(after) => rest = after,
                None if used == 0 => return Ok(Piece::Partial),
                None => return Ok(data_after(used, &[])),
            }
        }
    }

    /// Each `take_` gives what follows the thing it took; `None`: not all of it is here yet.
    fn take_chunk_line<'b>(&mut self, rest: &'b [u8]) -> Result<Option<&'b [u8]>, BodyError> {
        let bound = CHUNK_LINE_BYTES_MAX;
        let Some((line, rest)) = self.take_line(rest, bound, BodyError::ChunkLineTooLong)? else {
            return Ok(None);
        };
        let size = read_chunk_size(line)?;
        self.room = self.room.checked_sub(size).ok_or(BodyError::TooLarge)?;
        self.state = if size == 0 {
            BodyState::Trailer { left: TRAILER_BYTES_MAX }
        } else {
            BodyState::ChunkData { left: size }
        };
        Ok(Some(rest))
    }

    fn take_chunk_end<'b>(&mut self, rest: &'b [u8]) -> Result<Option<&'b [u8]>, BodyError> {
        match rest {
            [] | [b'\r'] => Ok(None),
            [b'\r', b'\n', rest @ ..] => {
                self.state = BodyState::ChunkLine;
                Ok(Some(rest))
            }
            _ => Err(BodyError::ChunkEndMissing),
        }
    }

    fn take_trailer_line<'b>(
        &mut self,
        rest: &'b [u8],
        left: usize,
    ) -> Result<Option<&'b [u8]>, BodyError> {
        let Some((line, after)) = self.take_line(rest, left, BodyError::TrailerTooLarge)? else {
            return Ok(None);
        };
        let used = rest.len() - after.len();
        self.state = if line.is_empty() {
            BodyState::Done
        } else {
            refuse_if(!is_field(&rest[..used]), BodyError::TrailerMalformed)?;
            BodyState::Trailer { left: left - used }
        };
        Ok(Some(after))
    }

    /// Takes one line of at most `bytes_max` bytes, CRLF included.
    fn take_line<'b>(
        &mut self,
        rest: &'b [u8],
        bytes_max: usize,
        too_long: BodyError,
    ) -> Result<Option<Line<'b>>, BodyError> {
        let window = &rest[..rest.len().min(bytes_max)];
        let Some(at) = find_line_feed(&window[self.searched..]) else {
            self.searched = window.len();
            refuse_if(window.len() == bytes_max, too_long)?;
            return Ok(None);
        };
        let end = self.searched + at;
        self.searched = 0;
        let line = window[..end].strip_suffix(b"\r");
        let line = line.ok_or(BodyError::BareLineFeed)?;
        Ok(Some((line, &rest[end + 1..])))
    }
}

/// A line without its CRLF, and what follows it.
type Line<'b> = (&'b [u8], &'b [u8]);

/// As much of `rest` as is owed, and how much stays owed.
fn take_owed(rest: &[u8], left: u64) -> (&[u8], u64) {
    let here = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
    (&rest[..here], left - here as u64)
}

fn data_after(framing: usize, bytes: &[u8]) -> Piece<'_> {
    let used = framing + bytes.len();
    Piece::Data { bytes, used }
}

/// Whether a line, its CRLF included, is one field: then `httparse` asks for what comes behind it.
fn is_field(line: &[u8]) -> bool {
    let mut slot = [httparse::EMPTY_HEADER];
    matches!(httparse::parse_headers(line, &mut slot), Ok(httparse::Status::Partial))
}

/// Reads the line before chunk data: digits, then perhaps extensions. RFC 9112 §7.1.
///
/// Not by `httparse::parse_chunk_size`, which takes a line without a digit for the last chunk: the
/// rest of the body would be read as the next request.
fn read_chunk_size(line: &[u8]) -> Result<u64, BodyError> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
    let (digits, extensions) = line.split_at(digits.count());
    let named = behind_blanks(extensions);
    refuse_if(
        digits.is_empty() && (named.is_empty() || named.starts_with(b";")),
        BodyError::EmptyChunkSize,
    )?;
    // White space may come before an extension, but not alone.
    let ends = !digits.is_empty() && (extensions.is_empty() || named.starts_with(b";"));
    refuse_if(!ends, BodyError::BadChunkSize)?;
    refuse_if(!are_extensions(extensions), BodyError::BadChunkExtension)?;
    number::saturating_hex(digits).ok_or(BodyError::EmptyChunkSize)
}

/// Whether what follows a size is a run of `;name`, each with `=value` or without, the value a
/// token or a quoted string, and white space only beside the two signs. RFC 9112 §7.1.1.
///
/// Nobody here knows any extension. But where one program takes a `"` for the beginning of a string
/// and another does not, the two may see different ends of a line.
fn are_extensions(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let Some(named) = behind_blanks(rest).strip_prefix(b";") else {
            return false;
        };
        let Some(after) = behind_token(behind_blanks(named)) else {
            return false;
        };
        rest = after;
        let Some(value) = behind_blanks(after).strip_prefix(b"=") else {
            continue;
        };
        let value = behind_blanks(value);
        let after = match value.strip_prefix(b"\"") {
            Some(inside) => behind_quoted(inside),
            None => behind_token(value),
        };
        let Some(after) = after else {
            return false;
        };
        rest = after;
    }
    true
}

/// What follows the blanks at the front: spaces and tabs, and no other white space.
fn behind_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

/// What follows the token at the front.
fn behind_token(text: &[u8]) -> Option<&[u8]> {
    let length = text.iter().take_while(|byte| is_token_byte(**byte)).count();
    (length > 0).then(|| &text[length..])
}

/// What follows the quoted string that has just begun. RFC 9110 §5.6.4.
fn behind_quoted(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        let (&byte, rest) = text.split_first()?;
        text = match byte {
            b'"' => return Some(rest),
            b'\\' => rest.split_first().filter(|(byte, _)| is_text(**byte))?.1,
            _ if is_text(byte) => rest,
            _ => return None,
        };
    }
}

/// A byte that may stand in a quoted string: no control character but the tab.
fn is_text(byte: u8) -> bool {
    !byte.is_ascii_control() || byte == b'\t'
}

offences! {
    /// What can be wrong with a body. After any of these the connection closes.
    pub enum BodyError {
        TooLarge = ContentTooLarge, "too_large",
            "The body is larger than the server takes; send less, or in several messages.";
        EmptyChunkSize = BadRequest, "empty_chunk_size",
            "A chunk has no size; begin each chunk with its size in hex digits.";
        BadChunkSize = BadRequest, "bad_chunk_size",
            "A chunk's size is not hex digits alone; begin each chunk with its size in hex digits.";
        BadChunkExtension = BadRequest, "bad_chunk_extension",
            "What follows a chunk's size is not ;name=value; leave the extension out.";
        ChunkLineTooLong = BadRequest, "chunk_line_too_long",
            "The line before a chunk is longer than the server takes; leave extensions out.";
        BareLineFeed = BadRequest, "bare_line_feed",
            "A line of a chunked body ends in LF alone; end every line with CR LF.";
        ChunkEndMissing = BadRequest, "chunk_end_missing",
            "The data of a chunk is not followed by CR LF; send as much data as was announced.";
        TrailerTooLarge = FieldsTooLarge, "trailer_too_large",
            "The trailer is larger than the server takes; leave it out.";
        TrailerMalformed = BadRequest, "trailer_malformed",
            "A line of the trailer is not a field; write Name: value, or leave the trailer out.";
    }
}
