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

use std::mem::MaybeUninit;

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
        let judged = match self.find_end(buf, bytes_max) {
            Ok(None) => return Ok(Parsed::Partial),
            Ok(Some(used)) => {
                read(&buf[..used], self.fields_at as usize).map(|value| (value, used))
            }
            Err(offence) => Err(offence),
        };
        self.reset();
        judged.map(|(value, used)| Parsed::Complete { value, used })
    }

    /// Forgets a head that will not be finished.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Looks for the blank line from where the last call stopped, and judges what falls due on the
    /// way. `None`: not here yet.
    fn find_end(&mut self, buf: &[u8], bytes_max: usize) -> Result<Option<usize>, HeadError> {
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
            self.line_ended(line, end + 1)?;
        }
    }

    /// Judges a line that is not the last one. The next begins at `next_at`.
    fn line_ended(&mut self, line: &[u8], next_at: usize) -> Result<(), HeadError> {
        self.line_at = next_at as u32; // At most the bound, and so is what follows.
        self.searched = next_at as u32;
        if self.fields_at != 0 {
            self.fields += 1;
            refuse_if(self.fields as usize > HEAD_FIELDS_MAX, HeadError::TooManyFields)?;
        } else if !is_blank(line) {
            RequestLine::read(line)?;
            self.fields_at = next_at as u32;
        }
        // An empty line before the request line is skipped: some clients send one after a body.
        // RFC 9112 §2.2.
        Ok(())
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

/// Reads a head of which [`HeadDecoder::find_end`] has found all lines to end in CRLF, the fields
/// not to be too many, and the request line to be sound.
fn read(head: &[u8], fields_at: usize) -> Result<Head<'_>, HeadError> {
    let mut request = httparse::Request::new(&mut []);
    // Not initialised: `httparse` fills as many as there are fields, and shows no others.
    let mut slots = [const { MaybeUninit::uninit() }; HEAD_FIELDS_MAX];
    let end = request.parse_with_uninit_headers(head, &mut slots);
    // Two who see the end of a head in two places are how requests are smuggled.
    if end != Ok(Status::Complete(head.len())) {
        return Err(naming::fields(&head[fields_at..], end.err()));
    }
    let mut builder = HeadBuilder::new(&RequestLine::judge(&request)?);
    for field in &*request.headers {
        builder.take(field.name, field.value)?;
    }
    builder.finish()
}
