//! HTTP/1.1 as it was captured: requests and answers, and how many bytes of each were what.
//!
//! A parser of its own, written from RFC 9112 alone and as simple as can be: everything is there,
//! so nothing has to be resumed, and whatever a correct server does not send panics.
//!
//! Came from: `connection`, with the bytes of one direction. Goes to: `account`. Absent on purpose:
//! what a body means (`events`, `frames`).

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    fields: Vec<(String, String)>,
    pub(crate) head_bytes: usize,
    pub(crate) body: Body,
}

/// One final answer, and the interim ones before it; or those alone, with their status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) head_bytes: usize,
    /// All interim answers together.
    pub(crate) interim_bytes: usize,
    pub(crate) body: Body,
}

/// A body, piece by piece: chunks, or all in one.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) pieces: Vec<Piece>,
    /// The last chunk, which is empty, or nothing.
    pub(crate) end_bytes: usize,
}

/// A chunk without and with what stands around its data.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) data: Vec<u8>,
    pub(crate) bytes: usize,
}

impl Request {
    /// The value of a field, its name in lower case.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        value(&self.fields, name)
    }
}

impl Answer {
    /// Everything on the wire.
    pub(crate) fn bytes(&self) -> usize {
        self.interim_bytes + self.head_bytes + self.body.bytes()
    }

    /// As [`Request::field`].
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        value(&self.fields, name)
    }
}

impl Body {
    /// All data.
    pub(crate) fn data(&self) -> Vec<u8> {
        let pieces = self.pieces.iter().map(|piece| &piece.data[..]);
        pieces.collect::<Vec<_>>().concat()
    }

    /// Everything on the wire.
    pub(crate) fn bytes(&self) -> usize {
        self.end_bytes + self.pieces.iter().map(|piece| piece.bytes).sum::<usize>()
    }
}

/// Takes a request off the front of `stream`; `None` at its end.
pub(crate) fn request(stream: &mut &[u8]) -> Option<Request> {
    if stream.is_empty() {
        return None;
    }
    let (first, fields, head_bytes) = head(stream);
    let mut words = first.split(' ');
    let mut word = || words.next().expect("a request line has three words").to_owned();
    let (method, target, version) = (word(), word(), word());
    assert!(version.starts_with("HTTP/1."), "{first}");
    let body = body(stream, &fields, Length::None);
    Some(Request { method, target, fields, head_bytes, body })
}

/// Takes the answer to `request` off the front of `stream`; `None` when there is none yet.
pub(crate) fn answer(stream: &mut &[u8], request: &Request) -> Option<Answer> {
    let mut interim_bytes = 0;
    while !stream.is_empty() {
        let (first, fields, head_bytes) = head(stream);
        let mut words = first.split(' ');
        assert_eq!(words.next(), Some("HTTP/1.1"), "{first}");
        let status = words.next().and_then(|word| word.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status: {first}"));
        if (100..200).contains(&status) && status != 101 {
            interim_bytes += head_bytes;
            continue;
        }
        let has_body = request.method != "HEAD" && !matches!(status, 101 | 204 | 304);
        let body = if has_body { body(stream, &fields, Length::Rest) } else { Body::default() };
        return Some(Answer { status, fields, head_bytes, interim_bytes, body });
    }
    // Whoever was asked whether it is still there was not: no final one comes.
    let fields = Vec::new();
    let none = Answer { status: 100, fields, head_bytes: 0, interim_bytes, body: Body::default() };
    (interim_bytes > 0).then_some(none)
}

/// How long a body is that says nothing of its length.
#[derive(Clone, Copy)]
enum Length {
    None,
    Rest,
}

/// The first line, the fields with their names in lower case, and the length of a head.
fn head(stream: &mut &[u8]) -> (String, Vec<(String, String)>, usize) {
    let bytes = find(stream, b"\r\n\r\n").expect("a whole head") + 4;
    let text = String::from_utf8(take(stream, bytes).to_vec()).expect("a head of ASCII");
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    let first = lines.next().expect("a first line").to_owned();
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(':').expect("a colon");
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    let fields = fields.collect();
    (first, fields, bytes)
}

fn body(stream: &mut &[u8], fields: &[(String, String)], otherwise: Length) -> Body {
    if value(fields, "transfer-encoding") == Some("chunked") {
        return chunks(stream);
    }
    let length = match value(fields, "content-length") {
        Some(length) => length.parse().expect("a number"),
        None => match otherwise {
            Length::None => 0,
            Length::Rest => stream.len(),
        },
    };
    let data = take(stream, length).to_vec();
    Body { pieces: vec![Piece { data, bytes: length }], end_bytes: 0 }
}

/// Chunks up to the last one or, of an answer that goes on, to the end of the capture.
fn chunks(stream: &mut &[u8]) -> Body {
    let mut body = Body::default();
    while !stream.is_empty() {
        let line = find(stream, b"\r\n").expect("a whole chunk line");
        let digits = String::from_utf8(take(stream, line).to_vec()).expect("ASCII");
        let length = usize::from_str_radix(&digits, 16).expect("a size and no extension");
        take(stream, 2);
        let data = take(stream, length).to_vec();
        assert_eq!(take(stream, 2), b"\r\n", "what ends a chunk");
        let bytes = line + 2 + length + 2;
        if length == 0 {
            body.end_bytes = bytes;
            break;
        }
        body.pieces.push(Piece { data, bytes });
    }
    body
}

fn take<'s>(stream: &mut &'s [u8], bytes: usize) -> &'s [u8] {
    assert!(bytes <= stream.len(), "cut off in the middle of a message");
    let (taken, rest) = stream.split_at(bytes);
    *stream = rest;
    taken
}

fn find(stream: &[u8], what: &[u8]) -> Option<usize> {
    stream.windows(what.len()).position(|part| part == what)
}

fn value<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    let mut values = fields.iter().filter(|(given, _)| given == name);
    let value = values.next().map(|(_, value)| value.as_str());
    assert!(values.next().is_none(), "{name} twice in {fields:?}");
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_their_answers_are_taken_one_by_one() {
        let mut requests: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n\
            POST /b HTTP/1.1\r\nHOST: x\r\nContent-Length: 2\r\n\r\nhi\
            PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        let a = request(&mut requests).expect("the first");
        let b = request(&mut requests).expect("the second");
        let c = request(&mut requests).expect("the third");
        assert!(request(&mut requests).is_none());
        assert_eq!((a.head_bytes, a.body.bytes()), (28, 0));
        assert_eq!((b.field("host"), b.body.data()), (Some("x"), b"hi".to_vec()));
        assert_eq!((c.body.data(), c.body.bytes()), (b"abcd".to_vec(), 8 + 6 + 5));

        let mut answers: &[u8] = b"HTTP/1.1 204 No Content\r\nETag: \"1\"\r\n\r\n\
            HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n!";
        let empty = answer(&mut answers, &a).expect("the first");
        assert_eq!((empty.status, empty.body.bytes()), (204, 0));
        let created = answer(&mut answers, &b).expect("the second");
        assert_eq!((created.status, created.interim_bytes), (201, 25));
        assert_eq!(created.body.data(), b"!");
        assert!(answer(&mut answers, &c).is_none());
    }

    #[test]
    fn a_stream_that_goes_on_ends_with_its_last_whole_chunk() {
        let mut requests: &[u8] = b"GET /a HTTP/1.1\r\n\r\n";
        let request = request(&mut requests).expect("it is whole");
        let mut answers: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            a\r\n0123456789\r\n3\r\n:\n\n\r\n";
        let stream = answer(&mut answers, &request).expect("it has begun");
        let lengths: Vec<_> = stream.body.pieces.iter().map(|p| (p.data.len(), p.bytes)).collect();
        assert_eq!(lengths, [(10, 15), (3, 8)]);
        assert_eq!(stream.body.end_bytes, 0);
    }
}
