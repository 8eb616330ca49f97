//! The fields of a request head, one by one and then together. RFC 9110 §5, RFC 9112 §5 and §6.
//!
//! Came from: `wire::head`, with names and values that `httparse` split, white space around the
//! values taken off. Goes to: the same, as a [`Head`]. Absent on purpose: the grammar of a field
//! line, which is `httparse`'s, and fields that no part of the server asks about.

use super::model::{Framing, Head, OpeningHandshake, Version};
use super::offence::HeadError;
use super::request_line::RequestLine;
use crate::wire::coding::AcceptedCodings;
use crate::wire::credentials::Hidden;
use crate::wire::grammar::{cut_at_equals, elements, is_host, parts, unquoted};
use crate::wire::{number, refuse_if};

/// `Access-Control-Request-Private-Network`, the longest name that we ask about, has 38 bytes.
const KNOWN_NAME_BYTES_MAX: usize = 40;

/// Builds a [`Head`]: takes the fields one by one, and judges at last what they say together.
pub(super) struct HeadBuilder<'b> {
    head: Head<'b>,
    authority: Option<&'b str>,
    length: Option<u64>,
    coding: Coding,
    connection: Connection,
    expects: bool,
    waits: bool,
    upgrades: bool,
    handshake: OpeningHandshake<'b>,
}

/// What the `Transfer-Encoding` fields name, taken as one list. RFC 9112 §6.1.
#[derive(Clone, Copy)]
enum Coding {
    Absent,
    Empty,
    Chunked,
    Unknown,
    AfterChunked,
}

/// What the `Connection` fields ask for; `upgrade` is the handshake's.
#[derive(Default)]
struct Connection {
    close: bool,
    keep_alive: bool,
}

impl<'b> HeadBuilder<'b> {
    pub(super) fn new(line: &RequestLine<'b>) -> Self {
        Self {
            head: Head {
                method: line.method,
                method_text: line.method_text,
                target: line.target,
                version: line.version,
                framing: Framing::Empty,
                keep_alive: false,
                expect_continue: false,
                host: None,
                origin: None,
                fetch_site: None,
                authorization: None,
                cookie: None,
                credentials_double: false,
                accepts_event_stream: false,
                accepted_codings: AcceptedCodings::default(),
                prefer_wait_s: None,
                last_event_id: None,
                if_none_match: Vec::new(),
                if_modified_since: None,
                range: None,
                if_range: None,
                event: None,
                idempotency_key: None,
                content_coded: false,
                preflight: false,
                request_headers: None,
                private_network: false,
                upgrade: None,
            },
            authority: line.authority,
            length: None,
            coding: Coding::Absent,
            connection: Connection::default(),
            expects: false,
            waits: false,
            upgrades: false,
            handshake: OpeningHandshake::default(),
        }
    }

    /// Takes one field. Names have no case.
    pub(super) fn take(&mut self, name: &str, value: &'b [u8]) -> Result<(), HeadError> {
        let mut lower = [0; KNOWN_NAME_BYTES_MAX];
        let Some(lower) = lower.get_mut(..name.len()) else {
            return Ok(());
        };
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        let head = &mut self.head;
        match &*lower {
            b"host" => return self.take_host(value),
            b"content-length" => return self.take_length(value),
            b"transfer-encoding" => self.take_codings(value),
            b"connection" => self.take_connection(value),
            b"expect" => return self.take_expectations(value),
            b"accept" => head.accepts_event_stream |= elements(value).any(is_event_stream),
            b"accept-encoding" => head.accepted_codings.take(value),
            b"prefer" => self.take_preferences(value),
            b"origin" => return once(&mut head.origin, value),
            b"sec-fetch-site" => head.fetch_site = Some(value),
            b"authorization" => {
                head.credentials_double |= head.authorization.is_some();
                head.authorization = head.authorization.or(Some(Hidden(value)));
            }
            b"cookie" => {
                head.credentials_double |= head.cookie.is_some();
                head.cookie = head.cookie.or(Some(Hidden(value)));
            }
            b"last-event-id" => return once(&mut head.last_event_id, value),
            b"event" => return once(&mut head.event, value),
            b"idempotency-key" => return once(&mut head.idempotency_key, value),
            b"if-modified-since" => return once(&mut head.if_modified_since, value),
            b"range" => return once(&mut head.range, value),
            b"if-range" => return once(&mut head.if_range, value),
            b"if-none-match" => head.if_none_match.push(value),
            b"content-encoding" => {
                let is_coding = |name: &[u8]| !name.eq_ignore_ascii_case(b"identity");
                head.content_coded |= elements(value).any(is_coding);
            }
            b"access-control-request-method" => head.preflight = true,
            b"access-control-request-headers" => {
                return once(&mut head.request_headers, value);
            }
            b"access-control-request-private-network" => {
                head.private_network = value.eq_ignore_ascii_case(b"true");
            }
            b"upgrade" => {
                self.upgrades |=
                    elements(value).any(|name| name.eq_ignore_ascii_case(b"websocket"));
            }
            b"sec-websocket-key" => {
                self.handshake.key_double |= self.handshake.key.is_some();
                self.handshake.key = self.handshake.key.or(Some(value));
            }
            b"sec-websocket-version" => return once(&mut self.handshake.version, value),
            b"sec-websocket-protocol" => self.handshake.protocols.push(value),
            b"sec-websocket-extensions" => self.handshake.extensions.push(value),
            _ => {}
        }
        Ok(())
    }

    /// Judges what the fields say together.
    pub(super) fn finish(self) -> Result<Head<'b>, HeadError> {
        let mut head = self.head;
        let is_http10 = head.version == Version::Http10;
        // Needed even beside an absolute target, which then has the last word. RFC 9112 §3.2.
        refuse_if(head.host.is_none() && !is_http10, HeadError::HostMissing)?;
        head.host = self.authority.or(head.host);
        head.framing = frame(self.coding, self.length, head.version)?;
        let has_body = !matches!(head.framing, Framing::Empty | Framing::Length(0));
        head.expect_continue = self.expects && has_body && !is_http10;
        head.keep_alive = !self.connection.close && (self.connection.keep_alive || !is_http10);
        head.upgrade = self.upgrades.then_some(self.handshake);
        Ok(head)
    }

    fn take_host(&mut self, value: &'b [u8]) -> Result<(), HeadError> {
        refuse_if(self.head.host.is_some(), HeadError::HostDouble)?;
        refuse_if(!is_host(value), HeadError::HostMalformed)?;
        let host = str::from_utf8(value).map_err(|_| HeadError::HostMalformed)?;
        self.head.host = Some(host);
        Ok(())
    }

    /// A second length is refused even if it is the same: RFC 9112 §6.3 lets us, and whoever sends
    /// two cannot be trusted with either.
    fn take_length(&mut self, value: &[u8]) -> Result<(), HeadError> {
        refuse_if(self.length.is_some(), HeadError::LengthDouble)?;
        self.length = Some(number::saturating(value).ok_or(HeadError::LengthMalformed)?);
        Ok(())
    }

    fn take_codings(&mut self, value: &[u8]) {
        if matches!(self.coding, Coding::Absent) {
            self.coding = Coding::Empty;
        }
        for name in elements(value) {
            self.coding = match self.coding {
                Coding::Chunked | Coding::AfterChunked => Coding::AfterChunked,
                Coding::Absent | Coding::Empty if name.eq_ignore_ascii_case(b"chunked") => {
                    Coding::Chunked
                }
                Coding::Absent | Coding::Empty | Coding::Unknown => Coding::Unknown,
            };
        }
    }

    fn take_connection(&mut self, value: &[u8]) {
        for option in elements(value) {
            self.connection.close |= option.eq_ignore_ascii_case(b"close");
            self.connection.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.handshake.connection_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    fn take_expectations(&mut self, value: &[u8]) -> Result<(), HeadError> {
        for expectation in elements(value) {
            let known = expectation.eq_ignore_ascii_case(b"100-continue");
            refuse_if(!known, HeadError::ExpectationUnknown)?;
            self.expects = true;
        }
        Ok(())
    }

    /// Of a preference that comes twice, the first counts, sound or not. RFC 7240 §2.
    fn take_preferences(&mut self, value: &[u8]) {
        for preference in elements(value) {
            let Some((name, value)) = parts(preference, b';').next().map(cut_at_equals) else {
                continue;
            };
            if name.eq_ignore_ascii_case(b"wait") && !self.waits {
                self.waits = true;
                self.head.prefer_wait_s = number::saturating(unquoted(value));
            }
        }
    }
}

/// How the body ends. RFC 9112 §6.1 and §6.3, with every doubt refused.
fn frame(coding: Coding, length: Option<u64>, version: Version) -> Result<Framing, HeadError> {
    match coding {
        Coding::Absent => Ok(length.map_or(Framing::Empty, Framing::Length)),
        _ if length.is_some() => Err(HeadError::LengthWithTransferEncoding),
        _ if version == Version::Http10 => Err(HeadError::TransferEncodingInHttp10),
        Coding::Chunked => Ok(Framing::Chunked),
        Coding::Unknown => Err(HeadError::TransferEncodingUnknown),
        Coding::AfterChunked => Err(HeadError::TransferEncodingNotLast),
        Coding::Empty => Err(HeadError::TransferEncodingEmpty),
    }
}

/// Whether one element of `Accept` is the event stream's media type, and wanted.
fn is_event_stream(range: &[u8]) -> bool {
    let mut parts = parts(range, b';');
    let named = parts.next().is_some_and(|media_type| {
        media_type.eq_ignore_ascii_case(b"text/event-stream") // RFC 9110 §8.3.1
    });
    named && !parts.any(is_zero_weight)
}

/// Whether this is `q=0`, with up to three more zeros: not acceptable. RFC 9110 §12.4.2.
fn is_zero_weight(parameter: &[u8]) -> bool {
    let (name, value) = cut_at_equals(parameter);
    let zeros = value.iter().all(|byte| matches!(byte, b'0' | b'.'));
    name.eq_ignore_ascii_case(b"q") && value.starts_with(b"0") && zeros
}

/// Takes the value of a field that may come once.
fn once<'b>(slot: &mut Option<&'b [u8]>, value: &'b [u8]) -> Result<(), HeadError> {
    refuse_if(slot.is_some(), HeadError::FieldDouble)?;
    *slot = Some(value);
    Ok(())
}
