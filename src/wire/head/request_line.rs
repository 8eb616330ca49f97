//! The request line: what `httparse` found in it, held to our rules. RFC 9112 §3.
//!
//! Came from: `wire::head`, with a line that ends in CRLF. Goes to: `head::fields`, which builds on
//! it. Absent on purpose: the grammar of the line, which is `httparse`'s, and what the path names.

use httparse::Status;

use super::model::{Method, Version};
use super::naming;
use super::offence::HeadError;
use crate::limits::TARGET_BYTES_MAX;
use crate::wire::grammar::is_host;
use crate::wire::refuse_if;

/// What a request line says.
pub(super) struct RequestLine<'b> {
    pub(super) method: Method,
    pub(super) method_text: &'b str,
    pub(super) target: &'b str,
    /// The authority of an absolute target.
    pub(super) authority: Option<&'b str>,
    pub(super) version: Version,
}

impl<'b> RequestLine<'b> {
    /// Reads one line, its CRLF included.
    pub(super) fn read(line: &'b [u8]) -> Result<Self, HeadError> {
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(line, &mut []) {
            // The line is sound, and the fields are still to come.
            Ok(Status::Partial) => Self::judge(&request),
            Ok(Status::Complete(_)) | Err(_) => Err(naming::request_line(line)),
        }
    }

    /// Judges what `httparse` let pass: any text in UTF-8 is a target to it.
    pub(super) fn judge(request: &httparse::Request<'_, 'b>) -> Result<Self, HeadError> {
        // The version is read last: a line that was read up to there has all three.
        let (Some(method_text), Some(target), Some(minor)) =
            (request.method, request.path, request.version)
        else {
            return Err(HeadError::VersionMalformed);
        };
        refuse_if(target.len() > TARGET_BYTES_MAX, HeadError::TargetTooLong)?;
        // Wider than RFC 3986, by what browsers send in queries as it is: `|`, `{`, `"` and others.
        // Without a jump for each byte, so that many are looked at at once.
        let bad = |byte: u8| u8::from(!byte.is_ascii() || byte == b'#');
        let any_bad = target.bytes().fold(0, |any, byte| any | bad(byte)) != 0;
        refuse_if(any_bad, HeadError::BadTarget)?;
        let (target, authority) = reduce(method_text, target).ok_or(HeadError::BadTarget)?;
        let method = match method_text {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "OPTIONS" => Method::Options,
            _ => Method::Other,
        };
        let version = match minor {
            0 => Version::Http10,
            1 => Version::Http11,
            _ => return Err(HeadError::VersionUnsupported),
        };
        Ok(Self { method, method_text, target, authority, version })
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
