//! Server-sent events as a browser reads them. WHATWG HTML §9.2.6, "Interpreting an event stream".
//!
//! Came from: `subscriber`, with the body of an answer. Goes to: the same. Absent on purpose:
//! reconnecting, and decoding: a stream is UTF-8, and whoever needs text checks the data.

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
}

/// An event that a browser would fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `event:`; empty stands for `message`.
    pub name: Vec<u8>,
    /// The `data:` lines, joined by LF.
    pub data: Vec<u8>,
}

impl EventReader {
    /// Takes bytes of the stream and appends the events that they complete.
    pub fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        for &byte in bytes {
            let joins_cr = std::mem::take(&mut self.after_cr) && byte == b'\n';
            match byte {
                b'\n' if joins_cr => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    self.end_of_line(events);
                }
                _ => self.line.push(byte),
            }
        }
    }

    /// What the stream's last block with an `id` said: the cursor. `None` before the first.
    pub fn last_id(&self) -> Option<&[u8]> {
        self.last_id.as_deref()
    }

    fn end_of_line(&mut self, events: &mut Vec<Event>) {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        if line.is_empty() {
            return self.end_of_block(events);
        }
        let (label, value) = match line.iter().position(|&byte| byte == b':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (&line[..], &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match label {
            b"event" => self.name = value.to_vec(),
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"id" if !value.contains(&0) => self.id = Some(value.to_vec()),
            _ => {} // A comment, `retry`, or a field that nobody knows.
        }
    }

    /// An empty line: a block without data sets the cursor and fires nothing.
    fn end_of_block(&mut self, events: &mut Vec<Event>) {
        if let Some(id) = self.id.take() {
            self.last_id = Some(id);
        }
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        if data.pop().is_some() {
            events.push(Event { name, data });
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
