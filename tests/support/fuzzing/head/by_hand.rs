//! The twin of `wire::head`: a head read by hand, byte by byte and all at once, and judged by the
//! letter of RFC 9112 and RFC 9110, without `httparse`.
//!
//! Came from: a head, whole, begun or bad. Goes to: the verdict that the decoder has to give.
//! Absent on purpose: speed, cuts, and what a field means where nothing can be wrong with it.

use tollway::limits::{HEAD_FIELDS_MAX, TARGET_BYTES_MAX};
use tollway::wire::head::HeadError;

/// What a sound head is made of.
#[derive(Debug)]
pub struct Parts<'b> {
    pub method: &'b [u8],
    /// As it was sent, in whichever of its four forms.
    pub target: &'b [u8],
    /// The minor version.
    pub minor: u8,
    /// Name and value of each field, without the white space around the value.
    pub fields: Vec<(&'b [u8], &'b [u8])>,
    /// How long it is, blank line included.
    pub used: usize,
}

/// The verdict on `bytes`, of which a head may take `bound`. `None`: not all of it is here.
pub fn read(bytes: &[u8], bound: usize) -> Option<Result<Parts<'_>, HeadError>> {
    match lines(bytes, bound) {
        Ok(None) => None,
        Ok(Some(lines)) => Some(parts(&lines)),
        Err(offence) => Some(Err(offence)),
    }
}

/// The lines of a head without their ends, and how long it is.
struct Lines<'b> {
    request: RequestLine<'b>,
    fields: Vec<&'b [u8]>,
    used: usize,
}

fn lines(bytes: &[u8], bound: usize) -> Result<Option<Lines<'_>>, HeadError> {
    let mut request = None;
    let mut fields = Vec::new();
    let mut line_at = 0;
    let within = &bytes[..bytes.len().min(bound)];
    for (at, &byte) in within.iter().enumerate() {
        if request.is_none() {
            if at == line_at && byte == 0 {
                return Err(HeadError::NulByte);
            }
            if at == line_at && byte != b'\r' && byte != b'\n' && !in_token(byte) {
                return Err(HeadError::BadMethod);
            }
            // 64 bytes for the method, the version and the line end.
            if at - line_at >= TARGET_BYTES_MAX + 64 {
                return Err(HeadError::TargetTooLong);
            }
        }
        if byte != b'\n' {
            continue;
        }
        let line = bytes[line_at..at].strip_suffix(b"\r").ok_or(HeadError::BareLineFeed)?;
        line_at = at + 1;
        match (request, line) {
            (None, b"") => {}
            (None, line) => request = Some(request_line(line)?),
            (Some(request), b"") => return Ok(Some(Lines { request, fields, used: at + 1 })),
            (Some(_), line) => {
                fields.push(line);
                if fields.len() > HEAD_FIELDS_MAX {
                    return Err(HeadError::TooManyFields);
                }
            }
        }
    }
    if request.is_none() && within.len() - line_at >= TARGET_BYTES_MAX + 64 {
        return Err(HeadError::TargetTooLong);
    }
    if within.len() == bound { Err(HeadError::HeadTooLarge) } else { Ok(None) }
}

/// Grammar before meaning: a bad line is refused before what good ones say is asked.
fn parts<'b>(lines: &Lines<'b>) -> Result<Parts<'b>, HeadError> {
    let fields = lines.fields.iter().map(|line| field(line));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    let RequestLine { method, target, minor } = lines.request;
    judge(minor, &fields)?;
    Ok(Parts { method, target, minor, fields, used: lines.used })
}

#[derive(Clone, Copy)]
struct RequestLine<'b> {
    method: &'b [u8],
    target: &'b [u8],
    minor: u8,
}

/// RFC 9112 §3.
fn request_line(line: &[u8]) -> Result<RequestLine<'_>, HeadError> {
    if line.contains(&0) {
        return Err(HeadError::NulByte);
    }
    if line.contains(&b'\r') {
        return Err(HeadError::BareCarriageReturn);
    }
    let first = line.iter().position(|&byte| byte == b' ');
    let method = &line[..first.unwrap_or(line.len())];
    if !is_token(method) {
        return Err(HeadError::BadMethod);
    }
    let first = first.ok_or(HeadError::BadTarget)?;
    let last = line.iter().rposition(|&byte| byte == b' ').expect("there is a first");
    if first == last {
        return Err(HeadError::VersionMalformed);
    }
    let (target, version) = (&line[first + 1..last], &line[last + 1..]);
    let minor = match version {
        b"HTTP/1.0" => 0,
        b"HTTP/1.1" => 1,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            return Err(HeadError::VersionUnsupported);
        }
        _ => return Err(HeadError::VersionMalformed),
    };
    if target.len() > TARGET_BYTES_MAX {
        return Err(HeadError::TargetTooLong);
    }
    let visible = |&byte: &u8| (b'!'..=b'~').contains(&byte) && byte != b'#';
    if !target.iter().all(visible) || !is_target(method, target) {
        return Err(HeadError::BadTarget);
    }
    Ok(RequestLine { method, target, minor })
}

/// RFC 9112 §3.2.
fn is_target(method: &[u8], target: &[u8]) -> bool {
    let target = str::from_utf8(target).expect("visible ASCII");
    if target.starts_with('/') || (method == b"OPTIONS" && target == "*") {
        return true;
    }
    if method == b"CONNECT" {
        return is_host(target.as_bytes());
    }
    let lower = target.to_ascii_lowercase();
    let rest = lower.strip_prefix("http://").or(lower.strip_prefix("https://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?']).next());
    authority.is_some_and(|authority| is_host(authority.as_bytes()))
}

/// RFC 9110 §7.2, RFC 3986 §3.2.2: a name or an address, with or without a port.
fn is_host(text: &[u8]) -> bool {
    let in_name = |b: &u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(b);
    let in_address = |b: &u8| b.is_ascii_hexdigit() || *b == b':' || *b == b'.';
    let port_at = match text.iter().rposition(|&byte| byte == b':') {
        // The colons of an address are not the port's.
        Some(at) if !text[at..].contains(&b']') => at,
        _ => text.len(),
    };
    let (host, port) = text.split_at(port_at);
    let host_is_sound = match host {
        [b'[', address @ .., b']'] => !address.is_empty() && address.iter().all(in_address),
        name => !name.is_empty() && name.iter().all(in_name),
    };
    host_is_sound && port.iter().skip(1).all(u8::is_ascii_digit)
}

/// RFC 9112 §5.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), HeadError> {
    let colon = line.iter().position(|&byte| byte == b':');
    let (name, value) = colon.map_or((line, None), |at| (&line[..at], Some(&line[at + 1..])));
    let fits = |&byte: &u8| byte == b'\t' || (byte >= 0x20 && byte != 0x7F);
    if let Some(mut value) = value
        && is_token(name)
        && value.iter().all(fits)
    {
        while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
            value = rest;
        }
        return Ok((name, value));
    }
    Err(if line.contains(&0) {
        HeadError::NulByte
    } else if line.contains(&b'\r') {
        HeadError::BareCarriageReturn
    } else if line[0] == b' ' || line[0] == b'\t' {
        HeadError::ObsoleteFold
    } else if value.is_some() && is_token(name) {
        HeadError::BadFieldValue
    } else if value.is_some() && is_token(name.trim_ascii_end()) {
        HeadError::SpaceBeforeColon
    } else {
        HeadError::BadFieldName
    })
}

/// What fields say: the first that offends in itself or beside one before it, and then all of them
/// together.
fn judge(minor: u8, fields: &[(&[u8], &[u8])]) -> Result<(), HeadError> {
    let mut before: Vec<String> = Vec::new();
    for (name, value) in fields {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let again = before.contains(&name);
        match name.as_str() {
            "host" if again => return Err(HeadError::HostDouble),
            "host" if !is_host(value) => return Err(HeadError::HostMalformed),
            "content-length" if again => return Err(HeadError::LengthDouble),
            "content-length" if !is_length(value) => return Err(HeadError::LengthMalformed),
            "expect" => {
                let known = |element: &Vec<u8>| element == b"100-continue";
                if !elements(&value.to_ascii_lowercase()).iter().all(known) {
                    return Err(HeadError::ExpectationUnknown);
                }
            }
            "origin"
            | "last-event-id"
            | "event"
            | "idempotency-key"
            | "if-modified-since"
            | "range"
            | "if-range"
            | "sec-websocket-version"
            | "access-control-request-headers"
                if again =>
            {
                return Err(HeadError::FieldDouble);
            }
            _ => {}
        }
        before.push(name);
    }
    let has = |name: &str| before.iter().any(|other| other == name);
    if minor == 1 && !has("host") {
        return Err(HeadError::HostMissing);
    }
    if !has("transfer-encoding") {
        return Ok(());
    }
    if has("content-length") {
        return Err(HeadError::LengthWithTransferEncoding);
    }
    if minor == 0 {
        return Err(HeadError::TransferEncodingInHttp10);
    }
    let is_coding = |field: &&(&[u8], &[u8])| field.0.eq_ignore_ascii_case(b"transfer-encoding");
    let codings = fields.iter().filter(is_coding);
    let codings: Vec<_> =
        codings.flat_map(|field| elements(&field.1.to_ascii_lowercase())).collect();
    match codings.iter().position(|coding| coding == b"chunked") {
        None if codings.is_empty() => Err(HeadError::TransferEncodingEmpty),
        Some(0) if codings.len() == 1 => Ok(()),
        Some(0) => Err(HeadError::TransferEncodingNotLast),
        _ => Err(HeadError::TransferEncodingUnknown),
    }
}

fn is_length(value: &[u8]) -> bool {
    let digits = str::from_utf8(value).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The elements of a list that are not empty. RFC 9110 §5.6.1. A comma in quotes separates nothing.
fn elements(list: &[u8]) -> Vec<Vec<u8>> {
    let mut elements = vec![Vec::new()];
    let (mut quoted, mut escaped) = (false, false);
    for &byte in list {
        if byte == b',' && !quoted {
            elements.push(Vec::new());
            continue;
        }
        elements.last_mut().expect("one at least").push(byte);
        if escaped {
            escaped = false;
        } else if byte == b'\\' && quoted {
            escaped = true;
        } else if byte == b'"' {
            quoted = !quoted;
        }
    }
    let trimmed = elements.iter().map(|element| element.trim_ascii().to_vec());
    trimmed.filter(|element| !element.is_empty()).collect()
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| in_token(byte))
}

fn in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
