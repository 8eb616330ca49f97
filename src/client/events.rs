//! Server-sent events as a browser reads them. WHATWG HTML §9.2.6, "Interpreting an event stream".
//!
//! Came from: `subscriber`, with the body of an answer. Goes to: the same. Absent on purpose:
//! reconnecting, and decoding: a stream is UTF-8, and whoever needs text checks the data.

use crate::wire::number;

/// Reads a stream, however it is cut.
#[derive(Debug, Default)]
pub struct EventReader {
    /// The line that is not over yet.
    line: Vec<u8>,
    /// The last byte was CR: an LF that follows belongs to the same end of line.
    after_cr: bool,
    /// The byte order mark that may stand at the very beginning has been looked for.
    begun: bool,
    name: Vec<u8>,
    data: Vec<u8>,
    /// The `id` of the block being read; it counts from the block's end on.
    id: Option<Vec<u8>>,
    last_id: Option<Vec<u8>>,
    marks: BlockMarks,
    /// What the last `retry:` said, in milliseconds.
    retry_ms: Option<u64>,
    /// The last block had one and no data, and was not the first: see [`Self::says_goodbye`].
    says_goodbye: bool,
    /// Bytes of comments that say nothing.
    heartbeat_bytes: u64,
}

/// What the block being read says beside its event.
#[derive(Clone, Copy, Debug, Default)]
struct BlockMarks {
    /// Its data is base64.
    base64: bool,
    /// It has a `retry:`.
    retries: bool,
}

/// An event that a browser would fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `event:`; empty stands for `message`.
    pub name: Vec<u8>,
    /// The `data:` lines, joined by LF.
    pub data: Vec<u8>,
    /// The cursor behind this event; empty when the stream has given none.
    pub id: Vec<u8>,
    /// A comment of tollway's own says that the data is bytes, in base64.
    pub base64: bool,
}

impl EventReader {
    /// Takes bytes of the stream and appends the events that they complete.
    pub fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        let mut rest = bytes;
        loop {
            if rest.is_empty() {
                return;
            }
            let joins_cr = std::mem::take(&mut self.after_cr) && rest[0] == b'\n';
            rest = &rest[usize::from(joins_cr)..];
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                return self.line.extend_from_slice(rest);
            };
            self.after_cr = rest[end] == b'\r';
            self.end_of_line(&rest[..end], events);
            rest = &rest[end + 1..];
        }
    }

    /// What the last `retry:` said, in milliseconds.
    pub const fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// Whether the last thing that was said is when to come back. At the beginning of a stream that
    /// is for a connection that breaks; later on a server says it when it goes away.
    pub const fn says_goodbye(&self) -> bool {
        self.says_goodbye
    }

    /// Bytes of the block that is not over yet: whoever reads from strangers bounds them.
    pub const fn held_bytes(&self) -> usize {
        self.line.len() + self.data.len() + self.name.len()
    }

    /// Bytes so far of comments that are there to keep the connection alive, line ends included.
    pub const fn heartbeat_bytes(&self) -> u64 {
        self.heartbeat_bytes
    }

    /// What the stream's last block with an `id` said: the cursor. `None` before the first.
    pub fn last_id(&self) -> Option<&[u8]> {
        self.last_id.as_deref()
    }

    /// The last bytes of a line. One that came whole is read where it lies.
    fn end_of_line(&mut self, piece: &[u8], events: &mut Vec<Event>) {
        if self.line.is_empty() {
            return self.line(piece, events);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(piece);
        self.line(&line, events);
        line.clear();
        self.line = line;
    }

    fn line(&mut self, mut line: &[u8], events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_of_block(events);
        }
        let (label, value) = match line.iter().position(|&byte| byte == b':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match label {
            b"event" => self.name = value.to_vec(),
            b"data" => {
                self.data.reserve(value.len() + 1);
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"id" if !value.contains(&0) => self.id = Some(value.to_vec()),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.retry_ms = number::saturating(value);
                self.marks.retries = true;
            }
            b"" if value == b"base64" => self.marks.base64 = true,
            // The colon, and the ends of its line and of its block.
            b"" if value.is_empty() => self.heartbeat_bytes += 3,
            _ => {} // A comment, or a field that nobody knows.
        }
    }

    /// An empty line: a block without data sets the cursor and fires nothing.
    fn end_of_block(&mut self, events: &mut Vec<Event>) {
        let BlockMarks { base64, retries } = std::mem::take(&mut self.marks);
        self.says_goodbye = retries && self.data.is_empty() && self.last_id.is_some();
        if let Some(id) = self.id.take() {
            self.last_id = Some(id);
        }
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        if data.pop().is_some() {
            let id = self.last_id.clone().unwrap_or_default();
            events.push(Event { name, data, id, base64 });
        }
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::event_stream;

    /// A stream, the events it fires by name and data, and the cursor after it.
    type Case = (&'static str, &'static [(&'static str, &'static str)], Option<&'static str>);

    fn read(stream: &[u8], at_once: usize) -> (Vec<(String, String)>, Option<String>) {
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        for bytes in stream.chunks(at_once) {
            reader.push(bytes, &mut events);
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let read = events.iter().map(|e| (text(&e.name), text(&e.data)));
        (read.collect(), reader.last_id().map(text))
    }

    /// The examples of §9.2.6, and what the standard says about each.
    #[test]
    fn an_event_has_the_cursor_behind_it_and_says_whether_it_is_base64() {
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        reader.push(
            b"retry: 1807\nid: e-0\n\n: base64\nid: e-1\ndata: /wA=\n\n:\n\ndata: x\n\nda",
            &mut events,
        );
        let seen: Vec<_> = events.iter().map(|e| (&e.id[..], &e.data[..], e.base64)).collect();
        assert_eq!(seen, [(&b"e-1"[..], &b"/wA="[..], true), (b"e-1", b"x", false)]);
        assert_eq!((reader.retry_ms(), reader.held_bytes()), (Some(1807), 2));
        assert_eq!(reader.heartbeat_bytes(), 3);
    }

    #[test]
    fn the_standards_examples_fire_what_it_says() {
        let cases: [Case; 7] = [
            ("data: YHOO\ndata: +2\ndata: 10\n\n", &[("", "YHOO\n+2\n10")], None),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n\
                 data:  third event\n",
                &[("", "first event"), ("", "second event")],
                Some(""),
            ),
            ("data\n\ndata\ndata\n\ndata:", &[("", ""), ("", "\n")], None),
            ("data:test\n\ndata: test\n\n", &[("", "test"), ("", "test")], None),
            (
                "\u{feff}event: add\r\ndata: 1\r\n\r\nevent: remove\rdata: 2\r\r",
                &[("add", "1"), ("remove", "2")],
                None,
            ),
            ("event: x\n\ndata: y\n\n", &[("", "y")], None),
            ("id: a\n\nid: b\0\n\nid: c\n", &[], Some("a")),
        ];
        for (stream, events, last_id) in cases {
            let events: Vec<_> =
                events.iter().map(|&(name, data)| (name.to_owned(), data.to_owned())).collect();
            for at_once in [stream.len(), 1, 3] {
                let read = read(stream.as_bytes(), at_once);
                assert_eq!(read.0, events, "{stream:?} {at_once} at once");
                assert_eq!(read.1.as_deref(), last_id, "{stream:?}");
            }
        }
    }

    #[test]
    fn a_server_says_goodbye_by_telling_last_when_to_come_back() {
        for (stream, expected) in [
            ("retry: 1\nid: a\n\n", false),
            ("retry: 1\nid: a\n\nretry: 2\n\n", true),
            ("id: a\n\nretry: 2\n\n:\n\n", false),
            ("id: a\n\nretry: 2\n", false),
            ("id: a\n\nretry: 2\ndata: x\n\n", false),
        ] {
            let mut reader = EventReader::default();
            reader.push(stream.as_bytes(), &mut Vec::new());
            assert_eq!(reader.says_goodbye(), expected, "{stream:?}");
        }
    }

    #[test]
    fn what_the_server_writes_reads_back() {
        let mut stream = Vec::new();
        event_stream::cursor("e-1", Some(1500), &mut stream);
        event_stream::event("e-2", Some("tick"), "a\nb", &mut stream);
        stream.extend_from_slice(event_stream::HEARTBEAT);
        let (events, last_id) = read(&stream, 1);
        assert_eq!(events, [("tick".to_owned(), "a\nb".to_owned())]);
        assert_eq!(last_id.as_deref(), Some("e-2"));
    }
}
