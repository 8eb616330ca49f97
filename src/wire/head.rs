//! Request heads: bytes → [`Head`]. RFC 9112 §2, §3 and §6.3, RFC 9110 for the fields.
//!
//! Came from: `conn`, with bytes in the inbox. Goes to: `conn::route`, which asks what the request
//! wants; `wire::body`, which takes the [`Framing`]; `wire::handshake`, which judges the offer.
//! Absent on purpose: what a path names, whether a method is allowed there, bodies.
//!
//! **What `httparse` does.** It reads the grammar: method, target and version, then names and
//! values. It is called at two moments, on bytes that are known to be whole: at the LF of the
//! request line, and at the LF of the blank line.
//!
//! **What it leaves to us.** It begins anew with each call, so a head that drips in byte by byte
//! would cost quadratic time. It takes lines that end in LF alone, which a proxy in front may not.
//! It sets no bound, names few offences, and does not ask what a head means: one with two `Host`
//! fields is sound to it. So each judgement has its moment, and its file:
//!
//! | when | what is judged | by |
//! | --- | --- | --- |
//! | first byte of the request line | that it begins a method: a TLS client goes at once | here |
//! | every LF | that a CR comes before it, then that the fields are not too many | here |
//! | the byte that passes a bound | 414 within the request line, 431 everywhere | here |
//! | end of the request line | its grammar | `httparse` |
//! | | length and form of the target | `request_line` |
//! | blank line | the grammar of every field | `httparse` |
//! | | what the fields say, each in order, then together | `fields` |
//! | after a refusal by `httparse` | nothing; the offence gets its name | `naming` |
//!
//! **Every judgement falls due at one byte**, and bytes are taken in order, so how the network cut
//! them cannot change the verdict. A bad field waits for the end of its head, and a head that
//! passes a bound is refused for that, whatever else was wrong in it.
//!
//! Where RFC 9112 lets a server mend the framing or refuse it, we refuse. A proxy in front of us
//! may mend differently, and two readings of the same bytes are a smuggled request.

mod fields;
mod model;
mod naming;
mod offence;
mod request_line;
#[cfg(test)]
mod tests;

use httparse::Status;

use super::grammar::{find_line_feed, is_token};
use super::{Parsed, refuse_if};
use crate::limits::{HEAD_FIELDS_MAX, REQUEST_LINE_OVERHEAD_BYTES, TARGET_BYTES_MAX};
use fields::HeadBuilder;
pub use model::{Framing, Head, Method, OpeningHandshake, Version};
pub use offence::HeadError;
use request_line::RequestLine;

/// Room for a request line with its CRLF.
const REQUEST_LINE_BYTES_MAX: usize = TARGET_BYTES_MAX + REQUEST_LINE_OVERHEAD_BYTES;

/// Watches for the end of a head, across as many calls as the network needs, and then has it read.
///
/// It remembers how far it looked, so that a head of n bytes costs n looks, however it drips in.
/// All fields are offsets from the front of the input; the bounds keep them far below 4 GiB.
#[derive(Clone, Debug, Default)]
pub struct HeadDecoder {
    /// No LF from here on has been looked for.
    searched: u32,
    /// Where the line begins whose end is looked for.
    line_at: u32,
    /// Where the fields begin; 0 as long as the request line is not whole.
    fields_at: u32,
    /// Field lines seen.
    fields: u32,
}

impl HeadDecoder {
    /// Takes one whole head off the front of `buf`. `bytes_max` bounds all of it, the empty lines
    /// that may come before included. After anything but `Partial` the decoder is as new.
    pub fn decode<'b>(
        &mut self,
        buf: &'b [u8],
        bytes_max: usize,
    ) -> Result<Parsed<Head<'b>>, HeadError> {
        let mut line = None;
        let judged = match self.find_end(buf, bytes_max, &mut line) {
            Ok(None) => return Ok(Parsed::Partial),
            Ok(Some(used)) => self.read(&buf[..used], line).map(|value| (value, used)),
            Err(offence) => Err(offence),
        };
        self.reset();
        judged.map(|(value, used)| Parsed::Complete { value, used })
    }

    /// Whether a part of a head was looked at, and the rest is still to come.
    pub fn has_begun(&self) -> bool {
        self.searched > 0
    }

    /// Forgets a head that will not be finished.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Looks for the blank line from where the last call stopped, and judges what falls due on the
    /// way. `None`: not here yet. Leaves in `request_line` what that says, if it was on the way.
    fn find_end<'b>(
        &mut self,
        buf: &'b [u8],
        bytes_max: usize,
        request_line: &mut Option<RequestLine<'b>>,
    ) -> Result<Option<usize>, HeadError> {
        let bound = bytes_max.min(u32::MAX as usize);
        let window = &buf[..buf.len().min(bound)];
        loop {
            let line_at = self.line_at as usize;
            let in_request_line = self.fields_at == 0;
            if in_request_line && let Some(&first) = window.get(line_at) {
                judge_first(first)?;
            }
            let found = find_line_feed(&window[self.searched as usize..]);
            let end = found.map_or(window.len(), |at| self.searched as usize + at);
            if in_request_line && end - line_at >= REQUEST_LINE_BYTES_MAX {
                return Err(HeadError::TargetTooLong);
            }
            if found.is_none() {
                self.searched = end as u32; // At most `bound`.
                return if end == bound { Err(HeadError::HeadTooLarge) } else { Ok(None) };
            }
            let line = &window[line_at..=end];
            refuse_if(!line.ends_with(b"\r\n"), HeadError::BareLineFeed)?;
            if !in_request_line && is_blank(line) {
                return Ok(Some(end + 1));
            }
            let read = self.line_ended(line, end + 1)?;
            *request_line = read.or(request_line.take());
        }
    }

    /// Judges a line that is not the last one, and tells what it says if it is the request line.
    /// The next begins at `next_at`.
    fn line_ended<'b>(
        &mut self,
        line: &'b [u8],
        next_at: usize,
    ) -> Result<Option<RequestLine<'b>>, HeadError> {
        self.line_at = next_at as u32; // At most the bound, and so is what follows.
        self.searched = next_at as u32;
        if self.fields_at != 0 {
            self.fields += 1;
            refuse_if(self.fields as usize > HEAD_FIELDS_MAX, HeadError::TooManyFields)?;
        } else if !is_blank(line) {
            self.fields_at = next_at as u32;
            return RequestLine::read(line).map(Some);
        }
        // An empty line before the request line is skipped: some clients send one after a body.
        // RFC 9112 §2.2.
        Ok(None)
    }

    /// Reads a head of which [`find_end`](Self::find_end) has found all lines to end in CRLF, the
    /// fields not to be too many, and the request line to be sound. It is given that line unless
    /// it came with an earlier call.
    fn read<'b>(
        &self,
        head: &'b [u8],
        request_line: Option<RequestLine<'b>>,
    ) -> Result<Head<'b>, HeadError> {
        let (before, fields) = head.split_at(self.fields_at as usize);
        let request_line = match request_line {
            Some(line) => line,
            None => RequestLine::read(before)?,
        };
        let (mut few, mut many);
        let slots = if self.fields as usize <= FEW_FIELDS {
            few = [httparse::EMPTY_HEADER; FEW_FIELDS];
            &mut few[..]
        } else {
            many = [httparse::EMPTY_HEADER; HEAD_FIELDS_MAX];
            &mut many[..]
        };
        let read = match httparse::parse_headers(fields, slots) {
            Ok(Status::Complete((used, read))) if used == fields.len() => read,
            // Two who see the end of a head in two places are how requests are smuggled.
            other => return Err(naming::fields(fields, other.err())),
        };
        let mut builder = HeadBuilder::new(&request_line);
        for field in read {
            builder.take(field.name, field.value)?;
        }
        builder.finish()
    }
}

/// Fields that most heads have at most: for more, more room is made ready.
const FEW_FIELDS: usize = 16;

/// Where the head at the front of `bytes` ends, if it is one: behind the first blank line. Judges
/// nothing.
pub fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut line_at = 0;
    loop {
        let next_at = line_at + find_line_feed(&bytes[line_at..])? + 1;
        if is_blank(&bytes[line_at..next_at]) {
            return Some(next_at);
        }
        line_at = next_at;
    }
}

/// Judges the first byte of the request line. The CR and LF of an empty line are left to the
/// judgement of lines.
fn judge_first(byte: u8) -> Result<(), HeadError> {
    refuse_if(byte == 0, HeadError::NulByte)?;
    refuse_if(!matches!(byte, b'\r' | b'\n') && !is_token(&[byte]), HeadError::BadMethod)
}

/// Whether there is nothing in a line but its CRLF.
fn is_blank(line: &[u8]) -> bool {
    line == b"\r\n"
}
