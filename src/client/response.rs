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
    /// Interim answers at the front of the buffer that were read already.
    interim: InterimAnswers,
}

/// Interim answers that wait, unused, for the final one.
#[derive(Clone, Copy, Debug, Default)]
struct InterimAnswers {
    count: usize,
    bytes: usize,
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
    /// A field without a colon, or a folded line that belongs to none.
    Field,
    /// A head, or the interim answers before it, over [`HEAD_BYTES_MAX`]; or too many of these.
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
        loop {
            // "Not yet" consumed nothing: what was read before is still at the front.
            let rest = buf.get(self.interim.bytes..).unwrap_or_default();
            let Some(end) = find(rest, b"\r\n\r\n") else {
                return if rest.len() > HEAD_BYTES_MAX {
                    Err(ResponseError::HeadTooLong)
                } else {
                    Ok(ResponseStep::Partial)
                };
            };
            let head = ResponseHead::read(&rest[..end])?;
            let used = self.interim.bytes + end + 4;
            // RFC 9110 §15.2: interim answers come before the final one, and are skipped. 101 is
            // the last that HTTP says on its connection.
            if !(100..200).contains(&head.status) || head.status == 101 {
                self.interim = InterimAnswers::default();
                self.stage = head.body()?;
                return Ok(ResponseStep::Head { head, used });
            }
            self.interim = InterimAnswers { count: self.interim.count + 1, bytes: used };
            if self.interim.count > INTERIM_ANSWERS_MAX || used > HEAD_BYTES_MAX {
                return Err(ResponseError::HeadTooLong);
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

    /// Whether a list, in one field of this name or in several, has this member. Names of options,
    /// protocols and codings are the same in either case (RFC 9110 §5.6.1, §7.6.1).
    pub fn lists(&self, name: &str, member: &str) -> bool {
        self.members(name).any(|given| given.eq_ignore_ascii_case(member))
    }

    /// Seconds of the wait that was asked for and granted (RFC 7240 §3, §4.3).
    pub fn granted_s(&self) -> Option<u64> {
        let mut preferences = self.members("preference-applied").filter_map(|p| p.split_once('='));
        let wait = preferences.find(|(name, _)| name.trim_end().eq_ignore_ascii_case("wait"));
        number::saturating(wait?.1.trim().trim_matches('"').as_bytes())
    }

    fn members(&self, name: &str) -> impl Iterator<Item = &str> {
        let lists = self.fields.iter().filter(move |(given, _)| given == name);
        lists.flat_map(|(_, value)| value.split(',')).map(str::trim)
    }

    /// Whether the server ends the connection after this answer (RFC 9112 §9.6).
    pub fn closes(&self) -> bool {
        self.lists("connection", "close")
    }

    /// Whether the body is of this media type, whatever its parameters (RFC 9110 §8.3.1).
    pub fn is_of_type(&self, media_type: &str) -> bool {
        let given = self.field("content-type").unwrap_or_default().split(';').next();
        given.unwrap_or_default().trim().eq_ignore_ascii_case(media_type)
    }

    /// `lines`: without the empty line at their end. What is not UTF-8 stands in a field or a
    /// reason that nobody here needs (RFC 9110 §5.5), and is no reason to do without the answer.
    fn read(lines: &[u8]) -> Result<Self, ResponseError> {
        let text = String::from_utf8_lossy(lines);
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| {
            let rest = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "))?;
            let digits = rest.get(..3)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
            digits.parse().ok()
        });
        let status = status.ok_or(ResponseError::StatusLine)?;
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.starts_with([' ', '\t']) {
                // A folded line is read as if a space stood there (RFC 9112 §5.2).
                let (_, value) = fields.last_mut().ok_or(ResponseError::Field)?;
                let joined = format!("{value} {}", line.trim());
                joined.trim().clone_into(value);
                continue;
            }
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

/// More interim answers before one final answer are no progress, but a way to keep a client busy.
const INTERIM_ANSWERS_MAX: usize = 32;

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
mod tests;
