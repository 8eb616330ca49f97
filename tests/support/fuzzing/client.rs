//! The client halves: answers, event streams and frames of a server mean the same however they are
//! cut, and a stream fires what the standard says.
//!
//! Came from: bytes; the first chooses the cuts. Goes to: `client::{events, frames, response}`.

use tollway::client::events::EventReader;
use tollway::client::frames::{self, ServerFrameError};
use tollway::client::response::{ResponseDecoder, ResponseError, ResponseStep};
use tollway::wire::Parsed;
use tollway::wire::frame::Opcode;

use super::{choice, cuts};

/// What a server said, as far as it was understood.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// Status and fields of each answer, its body, and whether it ended.
    answers: Vec<(u16, usize, Vec<u8>, bool)>,
    offence: Option<ResponseError>,
    /// Bytes that mean nothing yet.
    left: usize,
}

pub fn check(input: &[u8]) {
    let (seed, bytes) = choice(input);
    let cuts = cuts(seed, bytes.len());
    let [whole, others @ ..] = cuts.map(|pieces| {
        let pieces: Vec<&[u8]> = pieces.into_iter().map(|piece| &bytes[piece]).collect();
        (answers(&pieces), events(&pieces), frames(&pieces))
    });
    for other in others {
        assert_eq!(other, whole, "cuts do not matter");
    }
    if let Ok(text) = str::from_utf8(bytes) {
        assert_eq!(whole.1.0, fired(text), "as the standard words it");
    }
}

/// The events of a stream, name and data, line by line as WHATWG HTML §9.2.6 words it.
fn fired(text: &str) -> Vec<(String, String)> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.pop(); // Behind the last line break: not a line yet.
    let mut events = Vec::new();
    let (mut name, mut data) = ("", Vec::new());
    for line in lines {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            _ if line.is_empty() => {
                if !data.is_empty() {
                    events.push((name.to_owned(), data.join("\n")));
                }
                (name, data) = ("", Vec::new());
            }
            "event" => name = value,
            "data" => data.push(value),
            _ => {}
        }
    }
    events
}

fn answers(pieces: &[&[u8]]) -> Said {
    let mut decoder = ResponseDecoder::default();
    let (mut said, mut buffer) = (Said::default(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let used = match decoder.decode(&buffer) {
                Ok(ResponseStep::Partial) => break,
                Ok(ResponseStep::Head { head, used }) => {
                    let fields = head.fields.len();
                    said.answers.push((head.status, fields, Vec::new(), false));
                    assert!(used > 0, "a head has bytes");
                    used
                }
                Ok(ResponseStep::Body { bytes, used }) => {
                    let answer = said.answers.last_mut().expect("a head goes first");
                    answer.2.extend_from_slice(bytes);
                    assert!(used > 0, "progress");
                    used
                }
                Ok(ResponseStep::End { used }) => {
                    said.answers.last_mut().expect("a head goes first").3 = true;
                    used
                }
                Err(offence) => {
                    said.offence = Some(offence);
                    return said;
                }
            };
            buffer.drain(..used);
        }
    }
    said.left = buffer.len();
    said
}

fn events(pieces: &[&[u8]]) -> (Vec<(String, String)>, Option<Vec<u8>>) {
    let mut reader = EventReader::default();
    let mut events = Vec::new();
    for piece in pieces {
        reader.push(piece, &mut events);
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let events = events.iter().map(|e| (text(&e.name), text(&e.data)));
    (events.collect(), reader.last_id().map(<[u8]>::to_vec))
}

type Frames = (Vec<(bool, Opcode, Vec<u8>)>, Option<ServerFrameError>, usize);

fn frames(pieces: &[&[u8]]) -> Frames {
    let (mut frames, mut buffer) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match frames::decode(&buffer, 1 << 20) {
                Ok(Parsed::Partial) => break,
                Ok(Parsed::Complete { value, used }) => {
                    frames.push((value.fin, value.opcode, value.payload.to_vec()));
                    buffer.drain(..used);
                }
                Err(offence) => return (frames, Some(offence), 0),
            }
        }
    }
    (frames, None, buffer.len())
}

pub fn seeds() -> Vec<Vec<u8>> {
    let texts: &[&[u8]] = &[
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
          HTTP/1.1 204 No Content\r\nETag: \"e-1\"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\
          Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: e-1\n\ndata: a\n\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n\
          HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"retry: 1500\nid: e-1\n\nid: e-2\nevent: tick\ndata: a\ndata: b\n\n:\n\ndata: c\r\n\r\n",
        b"\xEF\xBB\xBFevent: message\rdata\r\rid: a\0\n\ndata:x\n\n",
        b"\x81\x05hello\x82\x7E\x00\x80\x89\x00\x8A\x02ok\x88\x02\x03\xE8",
        b"\x01\x02he\x80\x03llo",
    ];
    texts.iter().map(|text| [&[9], *text].concat()).collect()
}
