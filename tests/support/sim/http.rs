//! A naive reader of HTTP answers, written from RFC 9112 and not from the server.

/// The head of an answer.
#[derive(Debug, Clone)]
pub struct Head {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    /// How many bytes it took.
    pub length: usize,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub head: Head,
    pub body: Vec<u8>,
    pub length: usize,
}

impl Head {
    /// The value of the only field of that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut all = self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let first = all.next();
        assert!(all.next().is_none(), "{name} twice in {self:?}");
        first.map(|(_, value)| value.as_str())
    }
}

/// Reads a head off the front of `buf`.
pub fn head(buf: &[u8]) -> Option<Head> {
    let end = buf.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = str::from_utf8(&buf[..end]).expect("a head is text");
    let mut lines = text.split("\r\n");
    let first = lines.next().expect("split gives one item at least");
    let rest = first.strip_prefix("HTTP/1.1 ");
    let rest = rest.unwrap_or_else(|| panic!("not a status line: {first:?}"));
    let (code, _phrase) = rest.split_once(' ').expect("a code and a phrase");
    assert_eq!(code.len(), 3, "{first:?}");
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(':').expect("a name, a colon, a value");
        assert!(!name.is_empty() && !name.ends_with(' '), "{line:?}");
        (name.to_owned(), value.trim_matches(' ').to_owned())
    });
    Some(Head {
        status: code.parse().expect("three digits"),
        fields: fields.collect(),
        length: end + 4,
    })
}

/// Reads a whole answer off the front of `buf`; none that ends with the connection.
pub fn answer(buf: &[u8], to_head: bool) -> Option<Answer> {
    let head = head(buf)?;
    let bare = to_head || matches!(head.status, 100..=199 | 204 | 304);
    let announced = head.field("Content-Length").map(|value| {
        assert!(head.field("Transfer-Encoding").is_none(), "{head:?}");
        value.parse::<usize>().expect("a number")
    });
    let length = match announced {
        _ if bare => 0,
        Some(length) => length,
        None => panic!("an answer without a length: {head:?}"),
    };
    let body = buf.get(head.length..head.length + length)?.to_vec();
    let length = head.length + length;
    Some(Answer { head, body, length })
}

/// Takes chunks apart as they come.
#[derive(Default)]
pub struct Chunks {
    raw: Vec<u8>,
    pub ended: bool,
}

impl Chunks {
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.raw.extend_from_slice(bytes);
        let mut data = Vec::new();
        loop {
            let Some(line) = self.raw.windows(2).position(|two| two == b"\r\n") else {
                return data;
            };
            assert!(!self.ended, "bytes after the last chunk");
            let digits = str::from_utf8(&self.raw[..line]).expect("a size");
            let size = usize::from_str_radix(digits, 16).expect("a size in hex");
            let (from, to) = (line + 2, line + 2 + size);
            if self.raw.len() < to + 2 {
                return data;
            }
            assert_eq!(&self.raw[to..to + 2], b"\r\n", "the end of a chunk");
            data.extend_from_slice(&self.raw[from..to]);
            self.raw.drain(..to + 2);
            self.ended = size == 0;
        }
    }
}
