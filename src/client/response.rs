//! HTTP responses as a client reads them: bytes → head, pieces of body, end. RFC 9112 §4, §6, §7.
//!
//! Came from: `subscriber`, and `compare` for its own requests, with bytes of a server. Goes to:
//! the same two. Absent on purpose: what an answer means, and keeping bytes. As in `wire`, "not
//! yet" consumes nothing, and whoever calls keeps what was not used.

use crate::limits::{CHUNK_LINE_BYTES_MAX, HEAD_BYTES_MAX};
use crate::wire::number;

/// Reads one answer after another from the front of a buffer.
#[derive(Debug, Default)]
pub struct ResponseDecoder {
    stage: ResponseStage,
}

/// What was found at the front of the buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum ResponseStep<'b> {
    /// Not all here yet. Nothing was consumed.
    Partial,
    /// The head of the final answer took `used` bytes, interim answers before it included.
    Head {
        /// Status and fields.
        head: ResponseHead,
        /// Bytes from the front.
        used: usize,
    },
    /// A piece of the body. Chunk lines are counted in `used` and left out of `bytes`.
    Body {
        /// Perhaps empty, when only framing was consumed.
        bytes: &'b [u8],
        /// Bytes from the front.
        used: usize,
    },
    /// The answer is over; the next byte belongs to another one.
    End {
        /// Bytes from the front.
        used: usize,
    },
}

/// Status line and fields of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// Names in lower case, values without the white space around them, in order.
    pub fields: Vec<(String, String)>,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseError {
    /// The first line is not `HTTP/1.x` and three digits.
    StatusLine,
    /// A field without a colon, or a head that is not UTF-8.
    Field,
    /// A head over [`HEAD_BYTES_MAX`].
    HeadTooLong,
    /// `Content-Length` is not a number.
    Length,
    /// A chunk line that is not a size in hexadecimal, or that is over its bound.
    ChunkLine,
    /// A chunk that does not end with CRLF.
    ChunkEnd,
    /// The connection ended before the answer did.
    CutOff,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ResponseStage {
    #[default]
    Head,
    /// So many bytes of body are still to come.
    Length(u64),
    ChunkLine,
    /// So many bytes of a chunk are still to come.
    Chunk(u64),
    ChunkEnd,
    Trailers,
    /// The body ends with the connection.
    UntilClose,
}

impl ResponseDecoder {
    /// Takes one step. After [`ResponseStep::End`] the decoder stands before the next answer.
    pub fn decode<'b>(&mut self, buf: &'b [u8]) -> Result<ResponseStep<'b>, ResponseError> {
        match self.stage {
            ResponseStage::Head => self.head(buf),
            ResponseStage::Length(0) => {
                self.stage = ResponseStage::Head;
                Ok(ResponseStep::End { used: 0 })
            }
            ResponseStage::Length(left) => {
                let bytes = front(buf, left);
                self.stage = ResponseStage::Length(left - bytes.len() as u64);
                Ok(piece(bytes))
            }
            ResponseStage::Chunk(left) => {
                let bytes = front(buf, left);
                let left = left - bytes.len() as u64;
                self.stage =
                    if left == 0 { ResponseStage::ChunkEnd } else { ResponseStage::Chunk(left) };
                Ok(piece(bytes))
            }
            ResponseStage::ChunkLine => self.chunk_line(buf),
            ResponseStage::ChunkEnd => match buf {
                [b'\r', b'\n', ..] => {
                    self.stage = ResponseStage::ChunkLine;
                    Ok(ResponseStep::Body { bytes: &[], used: 2 })
                }
                [] | [b'\r'] => Ok(ResponseStep::Partial),
                _ => Err(ResponseError::ChunkEnd),
            },
            ResponseStage::Trailers => self.trailers(buf),
            ResponseStage::UntilClose => Ok(piece(buf)),
        }
    }

    /// The connection ended, and `unused` bytes were left. Good between two answers, and where the
    /// end is what ends the body.
    pub fn ended(&self, unused: &[u8]) -> Result<(), ResponseError> {
        match self.stage {
            ResponseStage::Head if unused.is_empty() => Ok(()),
            ResponseStage::UntilClose => Ok(()),
            _ => Err(ResponseError::CutOff),
        }
    }

    fn head<'b>(&mut self, buf: &'b [u8]) -> Result<ResponseStep<'b>, ResponseError> {
        let mut used = 0;
        loop {
            let rest = &buf[used..];
            let Some(end) = find(rest, b"\r\n\r\n") else {
                return if rest.len() > HEAD_BYTES_MAX {
                    Err(ResponseError::HeadTooLong)
                } else {
                    Ok(ResponseStep::Partial)
                };
            };
            let head = ResponseHead::read(&rest[..end])?;
            used += end + 4;
            // RFC 9110 §15.2: interim answers come before the final one, and are skipped. 101 is
            // the last that HTTP says on its connection.
            if !(100..200).contains(&head.status) || head.status == 101 {
                self.stage = head.body()?;
                return Ok(ResponseStep::Head { head, used });
            }
        }
    }

    fn chunk_line<'b>(&mut self, buf: &'b [u8]) -> Result<ResponseStep<'b>, ResponseError> {
        let Some(end) = find(buf, b"\r\n") else {
            return if buf.len() > CHUNK_LINE_BYTES_MAX {
                Err(ResponseError::ChunkLine)
            } else {
                Ok(ResponseStep::Partial)
            };
        };
        let line = str::from_utf8(&buf[..end]).map_err(|_| ResponseError::ChunkLine)?;
        let digits = line.split(';').next().unwrap_or_default().trim_end();
        let size = number::saturating_hex(digits.as_bytes()).ok_or(ResponseError::ChunkLine)?;
        self.stage = match size {
            0 => ResponseStage::Trailers,
            size => ResponseStage::Chunk(size),
        };
        Ok(ResponseStep::Body { bytes: &[], used: end + 2 })
    }

    fn trailers<'b>(&mut self, buf: &'b [u8]) -> Result<ResponseStep<'b>, ResponseError> {
        let used = if buf.starts_with(b"\r\n") {
            2
        } else if let Some(end) = find(buf, b"\r\n\r\n") {
            end + 4
        } else if buf.len() > HEAD_BYTES_MAX {
            return Err(ResponseError::HeadTooLong);
        } else {
            return Ok(ResponseStep::Partial);
        };
        self.stage = ResponseStage::Head;
        Ok(ResponseStep::End { used })
    }
}

impl ResponseHead {
    /// The first field of this name, which is given in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the server ends the connection after this answer (RFC 9112 §9.6).
    pub fn closes(&self) -> bool {
        let options = self.field("connection").unwrap_or_default().split(',');
        options.map(str::trim).any(|option| option.eq_ignore_ascii_case("close"))
    }

    /// `lines`: without the empty line at their end.
    fn read(lines: &[u8]) -> Result<Self, ResponseError> {
        let text = str::from_utf8(lines).map_err(|_| ResponseError::Field)?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| {
            let rest = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "))?;
            let digits = rest.get(..3)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
            digits.parse().ok()
        });
        let status = status.ok_or(ResponseError::StatusLine)?;
        let mut fields = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(ResponseError::Field)?;
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Self { status, fields })
    }

    /// How long the body is, RFC 9112 §6.3.
    fn body(&self) -> Result<ResponseStage, ResponseError> {
        if matches!(self.status, 101 | 204 | 304) {
            return Ok(ResponseStage::Length(0));
        }
        let mut fields = self.fields.iter().rev();
        if let Some((_, codings)) = fields.find(|(name, _)| name == "transfer-encoding") {
            // Only a body whose last coding is chunked says where it ends.
            let last = codings.rsplit(',').next().unwrap_or_default().trim();
            let is_chunked = last.eq_ignore_ascii_case("chunked");
            return Ok(if is_chunked {
                ResponseStage::ChunkLine
            } else {
                ResponseStage::UntilClose
            });
        }
        match self.field("content-length") {
            Some(length) => {
                let length = number::saturating(length.as_bytes());
                length.map(ResponseStage::Length).ok_or(ResponseError::Length)
            }
            None => Ok(ResponseStage::UntilClose),
        }
    }
}

/// At most `left` bytes of the front.
fn front(buf: &[u8], left: u64) -> &[u8] {
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    &buf[..buf.len().min(left)]
}

fn piece(bytes: &[u8]) -> ResponseStep<'_> {
    if bytes.is_empty() {
        return ResponseStep::Partial;
    }
    let used = bytes.len();
    ResponseStep::Body { bytes, used }
}

fn find(buf: &[u8], what: &[u8]) -> Option<usize> {
    buf.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `stream` in pieces of `at_once` bytes; gives status, body and end of each answer.
    fn read(stream: &[u8], at_once: usize) -> Result<Vec<(u16, String, bool)>, ResponseError> {
        let mut decoder = ResponseDecoder::default();
        let (mut inbox, mut answers) = (Vec::new(), Vec::new());
        for bytes in stream.chunks(at_once) {
            inbox.extend_from_slice(bytes);
            loop {
                let used = match decoder.decode(&inbox)? {
                    ResponseStep::Partial => break,
                    ResponseStep::Head { head, used } => {
                        answers.push((head.status, String::new(), false));
                        used
                    }
                    ResponseStep::Body { bytes, used } => {
                        let body = &mut answers.last_mut().expect("a head comes first").1;
                        body.push_str(str::from_utf8(bytes).expect("ASCII in these tests"));
                        used
                    }
                    ResponseStep::End { used } => {
                        answers.last_mut().expect("a head comes first").2 = true;
                        used
                    }
                };
                inbox.drain(..used);
            }
        }
        decoder.ended(&inbox)?;
        Ok(answers)
    }

    #[test]
    fn every_framing_reads_back_however_it_is_cut() {
        let stream = b"HTTP/1.1 100 Continue\r\n\r\n\
            HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
            HTTP/1.1 204 No Content\r\nETag: \"e-1\"\r\n\r\n\
            HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            4;x=1\r\nchun\r\nA\r\nked as 10 \r\n0\r\nT: 1\r\n\r\n\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: x, Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n\
            HTTP/1.0 200 OK\r\n\r\nto the end";
        let expected = [
            (200, "hello", true),
            (204, "", true),
            (304, "", true),
            (200, "chunked as 10 ", true),
            (200, "", true),
            (200, "x", true),
            (200, "to the end", false),
        ];
        let expected = expected.map(|(status, body, over)| (status, body.to_owned(), over));
        for at_once in [stream.len(), 1, 2, 7] {
            let answers = read(stream, at_once).expect("good answers");
            assert_eq!(answers, expected, "{at_once} at once");
        }
    }

    #[test]
    fn a_body_whose_last_coding_is_not_chunked_ends_with_the_connection() {
        for codings in ["gzip", "chunked, gzip", "chunked\r\nTransfer-Encoding: gzip"] {
            // A length beside it says nothing: RFC 9112 §6.3.
            let fields = format!("Content-Length: 2\r\nTransfer-Encoding: {codings}");
            let stream = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n3\r\nabc");
            let answers = read(stream.as_bytes(), 3).expect("good");
            assert_eq!(answers, [(200, "3\r\nabc".to_owned(), false)], "{codings}");
        }
    }

    #[test]
    fn every_offence_is_named_however_it_is_cut() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(HEAD_BYTES_MAX));
        for (stream, error) in [
            ("HTTP/2 200\r\n\r\n", ResponseError::StatusLine),
            ("HTTP/1.1 2x0 OK\r\n\r\n", ResponseError::StatusLine),
            ("HTTP/1.1 200 OK\r\nfield\r\n\r\n", ResponseError::Field),
            ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", ResponseError::Length),
            ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", ResponseError::Length),
            (&format!("{chunked}\r\n"), ResponseError::ChunkLine),
            (&format!("{chunked}+4\r\n"), ResponseError::ChunkLine),
            (&format!("{chunked}{}", "0".repeat(300)), ResponseError::ChunkLine),
            (&format!("{chunked}1\r\nab\r\n"), ResponseError::ChunkEnd),
            (&format!("{chunked}5\r\nab"), ResponseError::CutOff),
            ("HTTP/1.1 200 OK\r\n", ResponseError::CutOff),
            (&long, ResponseError::HeadTooLong),
        ] {
            for at_once in [stream.len(), 1] {
                let outcome = read(stream.as_bytes(), at_once);
                assert_eq!(outcome, Err(error), "{stream:.60} {at_once} at once");
            }
        }
    }

    #[test]
    fn fields_are_found_by_name() {
        let head = ResponseHead::read(b"HTTP/1.1 200 OK\r\nETag:  \"e\" \r\nConnection: Close");
        let head = head.expect("a head");
        assert_eq!(head.field("etag"), Some("\"e\""));
        assert!(head.closes());
        let several =
            ResponseHead::read(b"HTTP/1.1 200 OK\r\nConnection: x, close").expect("a head");
        assert!(several.closes());
        assert_eq!(head.field("date"), None);
    }
}
