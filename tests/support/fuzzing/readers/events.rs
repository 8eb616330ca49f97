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

/// Reads a stream from its beginning, and drops what is unfinished at its end.
pub fn read(stream: &[u8]) -> Reader {
    let mut reader = Reader::default();
    let (mut kind, mut data, mut id) = (String::new(), None::<String>, String::new());
    for line in lines(stream) {
        if line.is_empty() {
            reader.last_id.clone_from(&id);
            if let Some(data) = data.take() {
                let named = if kind.is_empty() { "message" } else { &kind };
                let (id, kind) = (id.clone(), named.to_owned());
                reader.events.push(Event { id, kind, data });
            }
            kind.clear();
            continue;
        }
        if let Some(comment) = line.strip_prefix(':') {
            reader.comments.push(comment.to_owned());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => kind = value.to_owned(),
            "data" => match &mut data {
                None => data = Some(value.to_owned()),
                Some(data) => data.extend(["\n", value]),
            },
            "id" if !value.contains('\0') => id = value.to_owned(),
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                reader.retry_ms = value.parse().ok();
            }
            _ => panic!("we never write the field {field:?}"),
        }
    }
    reader
}

/// The lines that are ended, by CR LF, LF or CR.
fn lines(stream: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut after_cr = false;
    for &byte in stream {
        match byte {
            b'\n' if after_cr => {}
            b'\r' | b'\n' => {
                let text = String::from_utf8(std::mem::take(&mut line));
                lines.push(text.expect("a stream is UTF-8"));
            }
            _ => line.push(byte),
        }
        after_cr = byte == b'\r';
    }
    lines
}
