//! An event stream, read as a browser does. WHATWG HTML §9.2.6.

/// What a stream came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reader {
    pub events: Vec<Event>,
    pub last_id: String,
    pub retry_ms: Option<u64>,
    pub comments: Vec<String>,
}

/// An event that was fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub data: String,
}

/// What stood before an empty line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    pub id: Option<String>,
    pub event: Option<String>,
    pub data: Option<String>,
    pub retry_ms: Option<u64>,
    pub comments: Vec<String>,
}

/// Reads a stream from its beginning, and drops what is unfinished at its end.
pub fn read(stream: &[u8]) -> Reader {
    let mut reader = Reader::default();
    let (blocks, used) = blocks(stream);
    for block in blocks {
        reader.comments.extend(block.comments);
        reader.retry_ms = block.retry_ms.or(reader.retry_ms);
        reader.last_id = block.id.unwrap_or(reader.last_id);
        if let Some(data) = block.data {
            let kind = block.event.filter(|kind| !kind.is_empty());
            let kind = kind.unwrap_or_else(|| "message".to_owned());
            reader.events.push(Event { id: reader.last_id.clone(), kind, data });
        }
    }
    // What a line means that is not part of an event does not wait for the empty line.
    let mut unfinished = Block::default();
    for (line, _) in lines(&stream[used..]) {
        unfinished.add(&line);
    }
    reader.comments.extend(unfinished.comments);
    reader.retry_ms = unfinished.retry_ms.or(reader.retry_ms);
    reader
}

/// The blocks that are ended by an empty line, and how many bytes they take.
pub fn blocks(stream: &[u8]) -> (Vec<Block>, usize) {
    let (mut blocks, mut used) = (Vec::new(), 0);
    let mut block = Block::default();
    for (line, end) in lines(stream) {
        if line.is_empty() {
            blocks.push(std::mem::take(&mut block));
            used = end;
        } else {
            block.add(&line);
        }
    }
    (blocks, used)
}

impl Block {
    /// Adds what a line says.
    fn add(&mut self, line: &str) {
        if let Some(comment) = line.strip_prefix(':') {
            self.comments.push(comment.to_owned());
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.event = Some(value.to_owned()),
            "data" => match &mut self.data {
                None => self.data = Some(value.to_owned()),
                Some(data) => data.extend(["\n", value]),
            },
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                self.retry_ms = value.parse().ok();
            }
            _ => panic!("we never write the field {field:?}"),
        }
    }
}

/// The lines that are ended, by CR LF, LF or CR, and where the next one begins.
fn lines(stream: &[u8]) -> Vec<(String, usize)> {
    let mut lines: Vec<(String, usize)> = Vec::new();
    let mut line = Vec::new();
    let mut after_cr = false;
    for (at, &byte) in stream.iter().enumerate() {
        match byte {
            b'\n' if after_cr => lines.last_mut().expect("CR ended one").1 = at + 1,
            b'\r' | b'\n' => {
                let text = String::from_utf8(std::mem::take(&mut line));
                lines.push((text.expect("a stream is UTF-8"), at + 1));
            }
            _ => line.push(byte),
        }
        after_cr = byte == b'\r';
    }
    lines
}
