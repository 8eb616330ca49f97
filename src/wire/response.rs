//! Response heads, chunk framing and error bodies: meaning → bytes. RFC 9112 §4–§7, RFC 9457.
//!
//! Came from: `broker::answer` and `technique`, which know what is to be said. Goes to: the outbox
//! of a connection. Absent on purpose: which fields an answer carries (the answerer knows), the
//! clock (`Date` is handed in), and reading responses.

use std::fmt::Display;
use std::io::Write;

use super::json;

/// The answer to `Expect: 100-continue` when the body is wanted. RFC 9110 §10.1.1.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// The chunk that ends a chunked body, with an empty trailer section. RFC 9112 §7.1.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// What follows the data of every other chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Every status that this server can answer with. RFC 9110 §15, and RFC 6585 for 429 and 431.
#[repr(u16)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the name of a status is its documentation")]
pub enum Status {
    Continue = 100,
    SwitchingProtocols = 101,
    Ok = 200,
    Created = 201,
    NoContent = 204,
    PartialContent = 206,
    MovedPermanently = 301,
    NotModified = 304,
    BadRequest = 400,
    Unauthorized = 401,
    Forbidden = 403,
    NotFound = 404,
    MethodNotAllowed = 405,
    RequestTimeout = 408,
    ContentTooLarge = 413,
    UriTooLong = 414,
    UnsupportedMediaType = 415,
    RangeNotSatisfiable = 416,
    ExpectationFailed = 417,
    MisdirectedRequest = 421,
    UpgradeRequired = 426,
    TooManyRequests = 429,
    FieldsTooLarge = 431,
    InternalError = 500,
    NotImplemented = 501,
    Unavailable = 503,
    VersionNotSupported = 505,
}

impl Status {
    /// All of them, by rising number.
    pub const ALL: &[Self] = &[
        Self::Continue,
        Self::SwitchingProtocols,
        Self::Ok,
        Self::Created,
        Self::NoContent,
        Self::PartialContent,
        Self::MovedPermanently,
        Self::NotModified,
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::ContentTooLarge,
        Self::UriTooLong,
        Self::UnsupportedMediaType,
        Self::RangeNotSatisfiable,
        Self::ExpectationFailed,
        Self::MisdirectedRequest,
        Self::UpgradeRequired,
        Self::TooManyRequests,
        Self::FieldsTooLarge,
        Self::InternalError,
        Self::NotImplemented,
        Self::Unavailable,
        Self::VersionNotSupported,
    ];

    /// The three digits.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The reason phrase, which is the title of a problem too.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Continue => "Continue",
            Self::SwitchingProtocols => "Switching Protocols",
            Self::Ok => "OK",
            Self::Created => "Created",
            Self::NoContent => "No Content",
            Self::PartialContent => "Partial Content",
            Self::MovedPermanently => "Moved Permanently",
            Self::NotModified => "Not Modified",
            Self::BadRequest => "Bad Request",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not Found",
            Self::MethodNotAllowed => "Method Not Allowed",
            Self::RequestTimeout => "Request Timeout",
            Self::ContentTooLarge => "Content Too Large",
            Self::UriTooLong => "URI Too Long",
            Self::UnsupportedMediaType => "Unsupported Media Type",
            Self::RangeNotSatisfiable => "Range Not Satisfiable",
            Self::ExpectationFailed => "Expectation Failed",
            Self::MisdirectedRequest => "Misdirected Request",
            Self::UpgradeRequired => "Upgrade Required",
            Self::TooManyRequests => "Too Many Requests",
            Self::FieldsTooLarge => "Request Header Fields Too Large",
            Self::InternalError => "Internal Server Error",
            Self::NotImplemented => "Not Implemented",
            Self::Unavailable => "Service Unavailable",
            Self::VersionNotSupported => "HTTP Version Not Supported",
        }
    }

    /// Whether an answer with this status may have content at all: the client ends a 1xx, a 204
    /// and a 304 at the blank line, whatever the fields say. RFC 9112 §6.3.
    pub const fn has_body(self) -> bool {
        !matches!(self.code(), 100..=199 | 204 | 304)
    }
}

/// The fields of every answer, `Server` and `Date`: written once a second, and copied into each
/// head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommonFields(Box<str>);

impl CommonFields {
    /// Those of the second that `date` says, an IMF-fixdate. RFC 9110 §5.6.7.
    pub fn at(date: &str) -> Self {
        debug_assert!(!breaks_line(date.as_bytes()), "a date of two lines");
        Self(format!("Server: tollway\r\nDate: {date}\r\n").into())
    }

    /// As they stand in a head.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Begins a head: status line, `Server` and `Date`; the fields follow, then
/// [`finish`](HeadWriter::finish).
///
/// The status line says HTTP/1.1 to a 1.0 client as well: it tells what the server speaks, not what
/// the client did. RFC 9110 §2.5.
pub fn head<'o>(out: &'o mut Vec<u8>, status: Status, common: &CommonFields) -> HeadWriter<'o> {
    let head = bare(out, status);
    head.out.extend_from_slice(common.0.as_bytes());
    head
}

/// Begins a head of the status line alone.
fn bare(out: &mut Vec<u8>, status: Status) -> HeadWriter<'_> {
    let [hundreds, tens, ones] = [100, 10, 1].map(|unit| b'0' + (status.code() / unit % 10) as u8);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(&[hundreds, tens, ones, b' ']);
    out.extend_from_slice(status.phrase().as_bytes());
    out.extend_from_slice(b"\r\n");
    HeadWriter { out }
}

/// A head being written. Nothing in here allocates except room in `out`.
#[derive(Debug)]
#[must_use = "a head ends only by `finish`"]
pub struct HeadWriter<'o> {
    out: &'o mut Vec<u8>,
}

impl HeadWriter<'_> {
    /// Adds one field. A line break or NUL in `value` would be the caller's error, and becomes a
    /// space: no value whatever can split a response.
    pub fn field(self, name: &str, value: impl Display) -> Self {
        self.written(name, |out| write!(out, "{value}").expect("memory takes it"))
    }

    /// The same for a value that is text already: without `fmt`, for answers that are given often.
    pub fn text(self, name: &str, value: &str) -> Self {
        self.written(name, |out| out.extend_from_slice(value.as_bytes()))
    }

    /// The same for a number.
    pub fn number(self, name: &str, value: usize) -> Self {
        self.sound(name, |out| {
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        })
    }

    /// Adds fields that never change: whole lines, each with its CRLF. Several in one go are one
    /// copy.
    pub fn fixed(self, lines: &'static str) -> Self {
        debug_assert!(
            lines.ends_with("\r\n") && lines.lines().all(|line| line.contains(": ")),
            "fields {lines:?}"
        );
        self.out.extend_from_slice(lines.as_bytes());
        self
    }

    /// The same as [`field`](Self::field) for a value that is written piece by piece.
    pub fn written(self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.sound(name, |out| {
            let from = out.len();
            write(out);
            debug_assert!(!breaks_line(&out[from..]), "a field value of two lines");
            on_one_line(&mut out[from..]);
        })
    }

    /// The same for a value that is nothing but digits, ids and quotes of ours, and so of one line.
    pub fn sound(self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        debug_assert!(
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "field name {name:?}"
        );
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        let from = self.out.len();
        write(self.out);
        debug_assert!(!breaks_line(&self.out[from..]), "a field value of two lines");
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Ends the head with its blank line.
    pub fn finish(self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// Makes one line of a field's value.
fn on_one_line(value: &mut [u8]) {
    if breaks_line(value) {
        for byte in value.iter_mut().filter(|byte| breaks(**byte)) {
            *byte = b' ';
        }
    }
}

/// All bytes are looked at, without a jump for each, so that many are at once.
fn breaks_line(value: &[u8]) -> bool {
    value.iter().fold(false, |found, byte| found | breaks(*byte))
}

const fn breaks(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// Writes the line before `len` bytes of chunk data; [`CHUNK_END`] goes behind them. By hand, and
/// not by `write!`, because every event of every SSE stream passes here.
pub fn chunk_begin(len: usize, out: &mut Vec<u8>) {
    // A chunk of size 0 would be read as the end of the body.
    debug_assert!(len > 0, "an empty chunk ends the body");
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(len >> (4 * place)) & 0xF]);
    }
    out.extend_from_slice(b"\r\n");
}

/// The body of an error, `application/problem+json` (RFC 9457). `code` is the machine's name of the
/// offence and stays the same; `detail` is a sentence for people and may change.
pub fn problem(status: Status, code: &str, detail: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + code.len() + detail.len());
    out.extend_from_slice(br#"{"type":"about:blank","title":"#);
    json::escape(status.phrase(), &mut out);
    out.extend_from_slice(br#","status":"#);
    out.extend_from_slice(itoa::Buffer::new().format(status.code()).as_bytes());
    out.extend_from_slice(br#","detail":"#);
    json::escape(detail, &mut out);
    out.extend_from_slice(br#","code":"#);
    json::escape(code, &mut out);
    out.push(b'}');
    out
}

/// What every table of offences owes to those who read its codes and sentences.
#[cfg(test)]
pub(super) fn assert_row_is_sound(variant: &str, status: Status, code: &str, detail: &str) {
    let mut snake = String::new();
    for letter in variant.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    assert_eq!(code, snake, "the code is the variant in snake case");
    assert!(status.code() >= 400, "{variant} has no error status");
    assert!(detail.ends_with('.') && detail.len() > 20, "{variant} needs a sentence");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("heads are text")
    }

    #[test]
    fn a_head_is_status_line_server_date_fields_and_a_blank_line() {
        let text = written(|out| {
            head(out, Status::Ok, &CommonFields::at("Sun, 06 Nov 1994 08:49:37 GMT"))
                .fixed("Cache-Control: no-cache\r\nVary: Origin\r\n")
                .field("Content-Length", 5)
                .field("ETag", "\"k-1\"")
                .finish();
        });
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\nServer: tollway\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Cache-Control: no-cache\r\nVary: Origin\r\nContent-Length: 5\r\nETag: \"k-1\"\r\n\r\n"
        );
    }

    #[test]
    fn a_foreign_reader_reads_every_status_back() {
        for &status in Status::ALL {
            let text = written(|out| bare(out, status).field("X", 1).finish());
            let mut slots = [httparse::EMPTY_HEADER; 4];
            let mut response = httparse::Response::new(&mut slots);
            let read = response.parse(text.as_bytes()).expect("well-formed");
            assert_eq!(read, httparse::Status::Complete(text.len()));
            assert_eq!(response.code, Some(status.code()));
            assert_eq!(response.reason, Some(status.phrase()));
            assert_eq!(response.headers.len(), 1);
        }
    }

    #[test]
    fn statuses_rise_and_none_is_missing_its_phrase() {
        assert!(Status::ALL.is_sorted_by(|a, b| a.code() < b.code()));
        assert!(Status::ALL.iter().all(|status| !status.phrase().is_empty()));
    }

    #[test]
    fn only_interim_answers_204_and_304_have_no_body() {
        let without: Vec<u16> = Status::ALL
            .iter()
            .filter(|status| !status.has_body())
            .map(|status| status.code())
            .collect();
        assert_eq!(without, [100, 101, 204, 304]);
    }

    #[test]
    fn the_continue_constant_is_what_the_writer_would_write() {
        let text = written(|out| bare(out, Status::Continue).finish());
        assert_eq!(text.as_bytes(), CONTINUE);
    }

    #[test]
    fn no_value_can_split_a_response() {
        let mut value = *b"a\r\nSet-Cookie: b\0c";
        on_one_line(&mut value);
        assert_eq!(&value, b"a  Set-Cookie: b c");
    }

    #[test]
    fn a_chunk_line_is_the_size_in_hex() {
        for len in [1, 9, 10, 15, 16, 255, 256, 4096, 65_535, 1 << 20, usize::MAX] {
            assert_eq!(written(|out| chunk_begin(len, out)), format!("{len:x}\r\n"));
        }
    }

    #[test]
    fn a_problem_names_the_offence_and_escapes_what_a_peer_wrote() {
        let body = problem(Status::NotFound, "topic_malformed", "no \"x\" here\n");
        assert_eq!(
            String::from_utf8(body).unwrap(),
            concat!(
                r#"{"type":"about:blank","title":"Not Found","status":404,"#,
                r#""detail":"no \"x\" here\n","code":"topic_malformed"}"#
            )
        );
    }
}
