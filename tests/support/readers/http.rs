//! Answers of an HTTP server, and chunked bodies. RFC 9112.

use super::find;

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    pub phrase: String,
    pub fields: Vec<(String, String)>,
    /// Its length, blank line included.
    pub used: usize,
}

impl Head {
    /// The one value of a field. Names have no case.
    pub fn field(&self, name: &str) -> Option<&str> {
        let named = |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        let mut values = self.fields.iter().filter(named);
        let first = values.next();
        assert!(values.next().is_none(), "{name} is there twice");
        first.map(|(_, value)| value.as_str())
    }
}

/// What a body came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub data: Vec<u8>,
    /// It is all here.
    pub ended: bool,
    pub used: usize,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub head: Head,
    pub body: Body,
}

/// Reads a head. `None`: it is not all here.
pub fn head(bytes: &[u8]) -> Option<Head> {
    let used = find(bytes, b"\r\n\r\n")? + 4;
    let text = str::from_utf8(&bytes[..used]).expect("a head is text");
    assert!(!text.contains('\0'), "{text:?}");
    let mut lines = text.strip_suffix("\r\n\r\n").unwrap().split("\r\n");
    let status_line = lines.next().unwrap();
    let rest = status_line.strip_prefix("HTTP/1.1 ").expect("a version");
    let (code, phrase) = rest.split_once(' ').expect("a code and a phrase");
    assert!(code.len() == 3 && !phrase.is_empty(), "{status_line:?}");
    let fields = lines.map(|line| {
        assert!(!line.contains(['\r', '\n']), "{line:?}");
        let (name, value) = line.split_once(": ").expect("a name and a value");
        let token = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        assert!(!name.is_empty() && name.bytes().all(token), "{line:?}");
        (name.to_owned(), value.to_owned())
    });
    Some(Head {
        status: code.parse().expect("three digits"),
        phrase: phrase.to_owned(),
        fields: fields.collect(),
        used,
    })
}

/// Reads an answer. `None`: not even its head is all here. `to_head`: it answers a HEAD request.
pub fn answer(bytes: &[u8], to_head: bool) -> Option<Answer> {
    let head = head(bytes)?;
    let rest = &bytes[head.used..];
    let nothing = |ended| Body { data: Vec::new(), ended, used: 0 };
    let length = head.field("Content-Length").map(|n| n.parse::<usize>().expect("a length"));
    let coding = head.field("Transfer-Encoding");
    assert!(length.is_none() || coding.is_none(), "two framings");
    let bodiless = matches!(head.status, 100..=199 | 204 | 304);
    assert!(!bodiless || (length.is_none() && coding.is_none()), "{head:?}");
    let body = if to_head || bodiless {
        nothing(true)
    } else if let Some(length) = length {
        let here = length.min(rest.len());
        let data = rest[..here].to_vec();
        Body { data, ended: here == length, used: here }
    } else if coding.is_some() {
        assert_eq!(coding, Some("chunked"));
        chunked(rest)
    } else {
        Body { data: rest.to_vec(), ended: false, used: rest.len() }
    };
    Some(Answer { head, body })
}

/// Reads a chunked body without extensions and trailers, as far as it is here.
pub fn chunked(bytes: &[u8]) -> Body {
    let mut data = Vec::new();
    let mut at = 0;
    loop {
        let partial = Body { data: data.clone(), ended: false, used: at };
        let Some(end) = find(&bytes[at..], b"\r\n") else {
            return partial;
        };
        let size = str::from_utf8(&bytes[at..at + end]).expect("a size is text");
        let size = usize::from_str_radix(size, 16).expect("a size is hex");
        let from = at + end + 2;
        let Some(chunk) = bytes.get(from..from + size + 2) else {
            return partial;
        };
        assert_eq!(&chunk[size..], b"\r\n", "behind a chunk");
        at = from + size + 2;
        if size == 0 {
            return Body { data, ended: true, used: at };
        }
        data.extend_from_slice(&chunk[..size]);
    }
}

/// Reads as many answers as are here, none of which is to a HEAD request. The last one may be
/// unfinished. Stops behind a 101.
pub fn answers(bytes: &[u8]) -> (Vec<Answer>, usize) {
    let mut answers = Vec::new();
    let mut at = 0;
    while let Some(answer) = answer(&bytes[at..], false) {
        at += answer.head.used + answer.body.used;
        let last = answer.head.status == 101 || !answer.body.ended;
        answers.push(answer);
        if last {
            break;
        }
    }
    (answers, at)
}

/// Takes chunks apart as they come.
#[derive(Default)]
pub struct Chunks {
    raw: Vec<u8>,
    pub ended: bool,
}

impl Chunks {
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        assert!(!self.ended || bytes.is_empty(), "bytes behind the last chunk");
        self.raw.extend_from_slice(bytes);
        let body = chunked(&self.raw);
        self.raw.drain(..body.used);
        self.ended |= body.ended;
        assert!(!self.ended || self.raw.is_empty(), "bytes behind the last chunk");
        body.data
    }
}
