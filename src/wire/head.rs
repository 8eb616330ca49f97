//! Request heads: bytes → [`Head`]. RFC 9112 §2, §3 and §6.3, RFC 9110 for the fields.
//!
//! Came from: `conn`, with bytes in the inbox. Goes to: `conn::route`, which asks what the request
//! wants; `wire::body`, which takes the [`Framing`]; `wire::handshake`, which judges the offer.
//! Absent on purpose: what a path names, whether a method is allowed there, bodies.
//!
//! **Every judgement falls due at one byte**, and bytes are taken in order, so how the network cut
//! them cannot change the verdict. Judgements, and when they fall due:
//!
//! - The request line's first byte: that a method can begin so. A TLS client goes at once.
//! - Every LF: that a CR comes before it, and then that the fields are not too many.
//! - The end of the request line: method, version, and then the target that they call for.
//! - The byte that passes a bound: 414 within the request line, 431 everywhere.
//! - The blank line: each field, in order; then what several fields say together.
//!
//! So a bad field waits for the end of its head, and a head that passes a bound is refused for
//! that, whatever else was wrong in it.
//!
//! Where RFC 9112 lets a server mend the framing or refuse it, we refuse. A proxy in front of us
//! may mend differently, and two readings of the same bytes are a smuggled request.

mod fields;
mod offence;
#[cfg(test)]
mod tests;

use crate::limits::{HEAD_FIELDS_MAX, TARGET_BYTES_MAX};

use super::Parsed;
use super::handshake::Offer;
pub(super) use fields::split_field;
use fields::{Gathering, is_host, is_token};
pub use offence::HeadError;

/// Room for a request line with its CRLF: a target, and 52 bytes of method beside ` HTTP/1.1`. So
/// an endless method is a 414 as well; the line is what the status is about.
const REQUEST_LINE_BYTES_MAX: usize = TARGET_BYTES_MAX + 64;

/// What is asked for. The name is case-sensitive: `get` is `Other`. RFC 9110 §9.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a method's name is its documentation")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Options,
    /// Any other token, DELETE and CONNECT among them; [`Head::method_text`] has it.
    Other,
}

/// What the client speaks. A minor version above 1 is read as 1.1, RFC 9110 §2.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a version's name is its documentation")]
pub enum Version {
    Http10,
    Http11,
}

/// How the end of the body is found. RFC 9112 §6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Neither `Content-Length` nor `Transfer-Encoding`: there is no body.
    Empty,
    /// `Content-Length`, which may be 0.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// One request head, borrowed from the bytes that it came in. Values are without the white space
/// around them, and are `None` when the field is absent (`Some(b"")` when it is there and empty).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Head<'b> {
    /// The method, as far as we know it.
    pub method: Method,
    /// The method as it was sent.
    pub method_text: &'b str,
    /// Path and query, visible ASCII without `#`. An absolute target is reduced to them, and may
    /// leave a query alone, or `/`; `*` for `OPTIONS *`, the authority for CONNECT.
    pub target: &'b str,
    /// The version spoken.
    pub version: Version,
    /// How the end of the body is found.
    pub framing: Framing,
    /// Whether the client takes another answer on this connection.
    pub keep_alive: bool,
    /// Whether the client waits for a 100 before it sends a body. Never in HTTP/1.0, and never
    /// where there is no body. RFC 9110 §10.1.1.
    pub expect_continue: bool,
    /// Whom the client took us for: authority of an absolute target, else `Host`. `None` in
    /// HTTP/1.0 only.
    pub host: Option<&'b str>,
    /// `Origin`.
    pub origin: Option<&'b [u8]>,
    /// Whether `Accept` names `text/event-stream`, itself and not by a wildcard, with a weight
    /// above 0.
    pub accepts_event_stream: bool,
    /// The `wait` preference, in seconds, as large as 64 bits hold. `None` when it is malformed.
    /// RFC 7240 §4.3.
    pub prefer_wait_s: Option<u64>,
    /// `Last-Event-ID`.
    pub last_event_id: Option<&'b [u8]>,
    /// Every `If-None-Match`, in order: together they are one list.
    pub if_none_match: Vec<&'b [u8]>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<&'b [u8]>,
    /// `Range`.
    pub range: Option<&'b [u8]>,
    /// `If-Range`.
    pub if_range: Option<&'b [u8]>,
    /// `Event`: the name of a published message.
    pub event: Option<&'b [u8]>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<&'b [u8]>,
    /// Whether `Content-Encoding` names a coding other than `identity`.
    pub content_coded: bool,
    /// Whether `Access-Control-Request-Method` is there: with OPTIONS, a CORS preflight.
    pub preflight: bool,
    /// `Access-Control-Request-Headers`.
    pub request_headers: Option<&'b [u8]>,
    /// Whether `Access-Control-Request-Private-Network` says `true`.
    pub private_network: bool,
    /// What the `Sec-WebSocket-` fields offer; `Some` if and only if `Upgrade` lists `websocket`.
    pub upgrade: Option<Offer<'b>>,
}

/// Finds the end of a head, across as many calls as the network needs, and then reads it.
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
            let line = window[line_at..end].strip_suffix(b"\r").ok_or(HeadError::BareLineFeed)?;
            if !in_request_line && line.is_empty() {
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
        } else if !line.is_empty() {
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

/// Reads a head of which [`HeadDecoder::find_end`] has found all lines to end in CRLF, and the
/// request line to be sound.
fn read(head: &[u8], fields_at: usize) -> Result<Head<'_>, HeadError> {
    let (request_line, mut rest) = head.split_at(fields_at);
    // A sound request line has no white space at its ends: what goes are line ends.
    let mut gathering = Gathering::new(&RequestLine::read(request_line.trim_ascii())?);
    while let Some(end) = find_line_feed(rest) {
        let line = &rest[..end.saturating_sub(1)];
        if line.is_empty() {
            break;
        }
        let (name, value) = split_field(line)?;
        gathering.take(name, value)?;
        rest = &rest[end + 1..];
    }
    gathering.finish()
}

/// What a request line says. RFC 9112 §3.
struct RequestLine<'b> {
    method: Method,
    method_text: &'b str,
    target: &'b str,
    /// The authority of an absolute target.
    authority: Option<&'b str>,
    version: Version,
}

impl<'b> RequestLine<'b> {
    fn read(line: &'b [u8]) -> Result<Self, HeadError> {
        refuse_if(line.contains(&0), HeadError::NulByte)?;
        refuse_if(line.contains(&b'\r'), HeadError::BareCarriageReturn)?;
        let (method, rest) = match line.iter().position(|&byte| byte == b' ') {
            Some(space) => (&line[..space], Some(&line[space + 1..])),
            None => (line, None),
        };
        refuse_if(!is_token(method), HeadError::BadMethod)?;
        let rest = rest.ok_or(HeadError::BadTarget)?;
        // The last space, so that white space within the target is the target's fault.
        let space = rest.iter().rposition(|&byte| byte == b' ');
        let space = space.ok_or(HeadError::VersionMalformed)?;
        let version = read_version(&rest[space + 1..])?;
        let target = &rest[..space];
        refuse_if(target.len() > TARGET_BYTES_MAX, HeadError::TargetTooLong)?;
        // Wider than RFC 3986, by what browsers send in queries as it is: `|`, `{`, `"` and others.
        let sound = target.iter().all(u8::is_ascii_graphic);
        refuse_if(!sound || target.contains(&b'#'), HeadError::BadTarget)?;

        let method_text = str::from_utf8(method).map_err(|_| HeadError::BadMethod)?;
        let target = str::from_utf8(target).map_err(|_| HeadError::BadTarget)?;
        let (target, authority) = reduce(method_text, target).ok_or(HeadError::BadTarget)?;
        let method = match method_text {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "OPTIONS" => Method::Options,
            _ => Method::Other,
        };
        Ok(Self { method, method_text, target, authority, version })
    }
}

fn read_version(text: &[u8]) -> Result<Version, HeadError> {
    match text {
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => Ok(Version::Http11),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Err(HeadError::VersionUnsupported)
        }
        _ => Err(HeadError::VersionMalformed),
    }
}

/// Takes the four forms of a target to one: what comes after the authority, and the authority if
/// there was one. `None` for a form that is none, or not one of this method. RFC 9112 §3.2.
fn reduce<'b>(method: &str, target: &'b str) -> Option<(&'b str, Option<&'b str>)> {
    if target.starts_with('/') {
        return Some((target, None));
    }
    match (method, target) {
        ("OPTIONS", "*") => return Some((target, None)),
        ("CONNECT", _) => return is_authority(target).then_some((target, None)),
        _ => {}
    }
    let (scheme, rest) = target.split_once("://")?;
    let ours = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let target = if target.is_empty() { "/" } else { target };
    (ours && is_authority(authority)).then_some((target, Some(authority)))
}

/// Names and passwords before an `@` are not for a server's eyes; RFC 9110 §4.2.4.
fn is_authority(text: &str) -> bool {
    is_host(text.as_bytes())
}

/// Where the first LF is. Eight bytes at a time: every byte of every head passes here.
pub(super) fn find_line_feed(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    let (words, tail) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        // A byte is 0 where an LF was. The lowest high bit left standing marks the first of them;
        // bits above it may be a borrow's.
        let differing = u64::from_le_bytes(*word) ^ (ONES * u64::from(b'\n'));
        let zero = differing.wrapping_sub(ONES) & !differing & HIGHS;
        if zero != 0 {
            return Some(index * 8 + zero.trailing_zeros() as usize / 8);
        }
    }
    let at = tail.iter().position(|&byte| byte == b'\n')?;
    Some(words.len() * 8 + at)
}

pub(super) fn refuse_if<E>(offends: bool, offence: E) -> Result<(), E> {
    if offends { Err(offence) } else { Ok(()) }
}
