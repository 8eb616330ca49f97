//! Server-sent events, written. WHATWG HTML §9.2, "Server-sent events".
//!
//! Came from: `technique::sse`, with a message, a cursor or nothing to say. Goes to: the
//! outbox, as text between chunk lines. Absent on purpose: chunks, heads, and what a gap is.
//!
//! Two rules of the format shape this file. A field ends at a CR, at an LF or at both, so a line
//! break within data must become a second `data` field, and one within an id or a name would forge
//! a field: it is made a space. And a reader takes one space away after the colon, so we always
//! send one, lest data that begins with a space lose its own.

use super::json;

/// A comment that means nothing: it keeps proxies from closing a silent stream.
pub const HEARTBEAT: &[u8] = b":\n\n";

/// One message: `id`, `event` if it is named, `data` line by line. A reader gets CR and CRLF back
/// as LF; the format has no way to carry the difference.
pub fn event(id: &str, name: Option<&str>, data: &str, out: &mut Vec<u8>) {
    out.reserve(id.len() + data.len() + FRAMING_BYTES_GUESS);
    fields(id, name, out);
    let mut rest = data.as_bytes();
    loop {
        let (line, end) = rest.split_at(json::run_without(rest, |b| matches!(b, b'\r' | b'\n')));
        data_line(line, out);
        match end {
            [] => break,
            [b'\r', b'\n', after @ ..] | [_, after @ ..] => rest = after,
        }
    }
    out.push(b'\n');
}

/// One message of bytes that are not UTF-8: its data is base64. A comment says so to whoever reads
/// the raw stream; the name stays what the publisher gave.
pub fn base64_event(id: &str, name: Option<&str>, bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(id.len() + bytes.len().div_ceil(3) * 4 + FRAMING_BYTES_GUESS);
    out.extend_from_slice(b": base64\n");
    fields(id, name, out);
    out.extend_from_slice(b"data: ");
    json::base64_bare(bytes, out);
    out.extend_from_slice(b"\n\n");
}

/// A block that sets the reader's cursor, and its delay before the next attempt if given. Without
/// data it fires no event.
pub fn cursor(id: &str, retry_ms: Option<u64>, out: &mut Vec<u8>) {
    if let Some(ms) = retry_ms {
        field(b"retry: ", &ms.to_string(), out);
    }
    field(b"id: ", id, out);
    out.push(b'\n');
}

/// A block that sets the delay before the reader's next attempt, and nothing else.
pub fn retry(ms: u64, out: &mut Vec<u8>) {
    field(b"retry: ", &ms.to_string(), out);
    out.push(b'\n');
}

/// A message that has neither an id nor a name: one line of data.
pub fn data(line: &str, out: &mut Vec<u8>) {
    field(b"data: ", line, out);
    out.push(b'\n');
}

fn fields(id: &str, name: Option<&str>, out: &mut Vec<u8>) {
    field(b"id: ", id, out);
    // An empty name means what no name means, and costs eight bytes more.
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        field(b"event: ", name, out);
    }
}

/// One field of one line. NUL becomes a space too: a reader ignores an id that has one.
fn field(label: &[u8], value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(label);
    let one_line = |byte| match byte {
        b'\r' | b'\n' | 0 => b' ',
        fit => fit,
    };
    out.extend(value.bytes().map(one_line));
    out.push(b'\n');
}

fn data_line(line: &[u8], out: &mut Vec<u8>) {
    // An empty line needs no space: there is nothing for the reader to take it from.
    out.extend_from_slice(if line.is_empty() { b"data:" } else { b"data: " });
    out.extend_from_slice(line);
    out.push(b'\n');
}

/// Field names, a name and one data line. A guess: more lines make the buffer grow once more.
const FRAMING_BYTES_GUESS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Reader {
        events: Vec<(String, String, String)>, // last id, type, data
        last_id: String,
        retry_ms: Option<u64>,
    }

    impl Reader {
        /// An independent reader, step by step as the standard words it.
        fn read(stream: &[u8]) -> Self {
            let text = str::from_utf8(stream).expect("a stream is UTF-8");
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            let mut reader = Self::default();
            let (mut kind, mut data) = (String::new(), String::new());
            let lines: Vec<&str> = text.split('\n').collect();
            // What follows the last line break is an unfinished line, which is never processed.
            for line in &lines[..lines.len() - 1] {
                let (label, value) = line.split_once(':').unwrap_or((line, ""));
                let value = value.strip_prefix(' ').unwrap_or(value);
                match label {
                    "" if line.is_empty() => {
                        if let Some(data) = data.strip_suffix('\n') {
                            let fallback = String::from("message");
                            let kind = if kind.is_empty() { fallback } else { kind };
                            reader.events.push((reader.last_id.clone(), kind, data.into()));
                        }
                        (kind, data) = (String::new(), String::new());
                    }
                    "event" => kind = value.into(),
                    "data" => data.extend([value, "\n"]),
                    "id" if !value.contains('\0') => reader.last_id = value.into(),
                    "retry" => reader.retry_ms = value.parse().ok(),
                    _ => {} // a comment, or a field nobody knows
                }
            }
            reader
        }
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("a stream is UTF-8")
    }

    #[test]
    fn events_are_written_as_documented() {
        for (name, data, stream) in [
            (None, "hello", "id: e-1\ndata: hello\n\n"),
            (Some("tick"), "a\nb", "id: e-1\nevent: tick\ndata: a\ndata: b\n\n"),
            (Some(""), "", "id: e-1\ndata:\n\n"),
            (None, "a\r\nb\rc\n", "id: e-1\ndata: a\ndata: b\ndata: c\ndata:\n\n"),
            (None, " led", "id: e-1\ndata:  led\n\n"),
        ] {
            assert_eq!(written(|out| event("e-1", name, data, out)), stream);
        }
    }

    #[test]
    fn every_data_reads_back() {
        let long = "0123456789abcdef\n".repeat(9) + "0123456789abcde\r0123456789";
        for data in [
            "",
            " ",
            "  ",
            ":",
            ": x",
            "\n",
            "\r",
            "\r\n",
            "\n\n",
            "\n\r",
            "\r\r\n",
            "a\n",
            "\na",
            "a\n\n b\n",
            "data: x",
            "id: forged\n\ndata: y",
            "\u{feff}bom",
            "nul\0",
            "é☃😀",
            &long,
        ] {
            for name in [None, Some("kind"), Some(" led")] {
                let stream = written(|out| event("e-7", name, data, out));
                let plain = data.replace("\r\n", "\n").replace('\r', "\n");
                let kind = name.unwrap_or("message").to_string();
                let expected = vec![("e-7".to_string(), kind, plain)];
                assert_eq!(Reader::read(stream.as_bytes()).events, expected, "{data:?}");
            }
        }
    }

    #[test]
    fn bytes_come_as_base64_after_a_comment() {
        let stream = written(|out| base64_event("e-2", Some("blob"), b"\xFF\xFE\0", out));
        assert_eq!(stream, ": base64\nid: e-2\nevent: blob\ndata: //4A\n\n");
        let (id, kind) = ("e-2".to_string(), "blob".to_string());
        let events = Reader::read(stream.as_bytes()).events;
        assert_eq!(events, [(id, kind, "//4A".to_string())]);
        assert_eq!(
            Reader::read(written(|out| base64_event("", None, b"", out)).as_bytes()).events.len(),
            1
        );
    }

    #[test]
    fn a_cursor_sets_id_and_retry_and_fires_nothing() {
        let stream = written(|out| cursor("e-3", Some(1500), out));
        assert_eq!(stream, "retry: 1500\nid: e-3\n\n");
        let expected = Reader { events: vec![], last_id: "e-3".into(), retry_ms: Some(1500) };
        assert_eq!(Reader::read(stream.as_bytes()), expected);
        assert_eq!(written(|out| cursor("e-3", None, out)), "id: e-3\n\n");
    }

    #[test]
    fn retry_and_heartbeat_fire_nothing() {
        let mut stream = written(|out| retry(2000, out)).into_bytes();
        assert_eq!(stream, b"retry: 2000\n\n");
        stream.extend_from_slice(HEARTBEAT);
        let reader = Reader::read(&stream);
        assert_eq!(
            (reader.retry_ms, reader.events, reader.last_id.as_str()),
            (Some(2000), vec![], "")
        );
    }

    #[test]
    fn neither_id_nor_name_can_forge_a_field() {
        let stream = written(|out| event("a\nb", Some("x\r\n\r\ndata: y\0"), "z", out));
        assert_eq!(stream, "id: a b\nevent: x    data: y \ndata: z\n\n");
    }
}
