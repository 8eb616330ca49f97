//! Names for what `httparse` refuses.
//!
//! It says which part of a head was bad, but neither in which line nor what was wrong there. A
//! client is owed both, so the bytes are looked at once more, by hand. Nothing is decided here:
//! what comes here is refused already, and gets a name.
//!
//! Came from: `wire::head`, with bytes that were refused. Goes to: the same, as a [`HeadError`].
//! Absent on purpose: bytes that were not refused.

use super::offence::HeadError;
use crate::limits::TARGET_BYTES_MAX;
use crate::wire::grammar::{is_field_value, is_token};

/// Names what is wrong with a request line, its CRLF included. The method is looked at first, then
/// the version; if both are sound, it is the target. A line with one space has no version, and a
/// line with none has no target either.
#[cold]
pub(super) fn request_line(line: &[u8]) -> HeadError {
    let line = line.strip_suffix(b"\r\n").unwrap_or(line);
    let is_space = |byte: &u8| *byte == b' ';
    let mut words = line.splitn(2, is_space);
    let (method, rest) = (words.next().unwrap_or_default(), words.next());
    // The last space, so that white space within the target is the target's fault.
    let mut words = rest.unwrap_or_default().rsplitn(2, is_space);
    let (version, target) = (words.next().unwrap_or_default(), words.next());
    if let Some(offence) = stray_byte(line) {
        offence
    } else if !is_token(method) {
        HeadError::BadMethod
    } else if rest.is_none() {
        HeadError::BadTarget
    } else if let Some(target) = target {
        version_offence(version).unwrap_or(if target.len() > TARGET_BYTES_MAX {
            HeadError::TargetTooLong
        } else {
            HeadError::BadTarget
        })
    } else {
        HeadError::VersionMalformed
    }
}

/// `None` for the versions that are spoken. HTTP/1.2 is not: RFC 9110 §2.5 would have it read as
/// 1.1, but it does not exist.
fn version_offence(version: &[u8]) -> Option<HeadError> {
    match version {
        b"HTTP/1.0" | b"HTTP/1.1" => None,
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Some(HeadError::VersionUnsupported)
        }
        _ => Some(HeadError::VersionMalformed),
    }
}

/// Names what is wrong with the first bad line of these, which are the fields of a head. Where the
/// line has no closer name, the name is that of the part which `httparse` refused: a field's name,
/// its value, or a line end. `None` stands for a head whose end it saw elsewhere, which is a matter
/// of line ends too.
#[cold]
pub(super) fn fields(lines: &[u8], refused: Option<httparse::Error>) -> HeadError {
    let lines = lines.split(|&byte| byte == b'\n');
    let mut lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = lines.find(|line| !is_field(line)).unwrap_or_default();
    let (name, _) = cut_at_colon(line).unwrap_or_default();
    if let Some(offence) = stray_byte(line) {
        offence
    } else if line.starts_with(b" ") || line.starts_with(b"\t") {
        HeadError::ObsoleteFold
    } else if !is_token(name) && is_token(name.trim_ascii_end()) {
        HeadError::SpaceBeforeColon
    } else {
        match refused {
            Some(httparse::Error::HeaderName) => HeadError::BadFieldName,
            Some(httparse::Error::HeaderValue) => HeadError::BadFieldValue,
            Some(_) | None => HeadError::BareCarriageReturn,
        }
    }
}

/// A byte that may stand nowhere in a line.
fn stray_byte(line: &[u8]) -> Option<HeadError> {
    if line.contains(&0) {
        Some(HeadError::NulByte)
    } else {
        line.contains(&b'\r').then_some(HeadError::BareCarriageReturn)
    }
}

fn is_field(line: &[u8]) -> bool {
    cut_at_colon(line).is_some_and(|(name, value)| is_token(name) && is_field_value(value))
}

fn cut_at_colon(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    Some((&line[..colon], &line[colon + 1..]))
}
