//! Short polling: ask, get what there is, be gone.
//!
//! The answer is one JSON object, `{"next":…,"messages":[…]}`, or nothing at all: 304 for a client
//! that showed the current `ETag`, 204 for any other. All of them carry the cursor in
//! `Last-Event-ID`, the field in which a client gives it back.
//!
//! Came from: `broker`, with a reading of the log. Goes to: `wire::json`, `wire::response`. Absent
//! on purpose: waiting (that is `long_poll`), and sending: there is nobody to send to between two
//! polls.

use super::encoding::Content;
use super::gap::{self, Gap};
use crate::ids::{Id, IdText};
use crate::limits::LONG_PIECE_BYTES;
use crate::wire::condition;
use crate::wire::json;
use crate::wire::response::HeadWriter;

/// What ends the object that [`open`] began.
pub const LIST_END: &[u8] = b"]}";

/// The entity tag of an answer: another one whenever the answer is another, RFC 9110 §8.8.3.
///
/// The cursor is in it, so that a 304 can hand it out although nothing was looked up for it: the
/// fingerprint says that the answer is the one that the client has, and the tag what its cursor
/// was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The cursor that the answer hands out.
    pub next: Id,
    /// The fingerprint of all that the answer depends on.
    pub state: u64,
}

impl Tag {
    /// The tag in the list of an `If-None-Match` whose answer would be given now.
    pub fn find(field: &[u8], state: u64) -> Option<Self> {
        condition::tags(field).find_map(|text| {
            let (next, other) = str::from_utf8(text).ok()?.split_once('.')?;
            let next = Id::parse(next).filter(|_| other.as_bytes() == hex(state))?;
            Some(Self { next, state })
        })
    }

    /// As it stands in a field, quotes included. `next` is the text of its cursor.
    fn write(self, next: &IdText, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(next.as_bytes());
        out.push(b'.');
        out.extend_from_slice(&hex(self.state));
        out.push(b'"');
    }
}

/// A number in sixteen digits.
fn hex(number: u64) -> [u8; 16] {
    let digit = |place: usize| b"0123456789abcdef"[(number >> (60 - 4 * place)) as usize & 0xF];
    std::array::from_fn(digit)
}

/// Finishes the head of an answer with `length` bytes of body.
pub fn greet(head: HeadWriter<'_>, tag: Tag, length: usize) {
    let head = head.fixed("Content-Type: application/json\r\n").number("Content-Length", length);
    cursor(head, tag).finish();
}

/// The fields that hand out the cursor and keep the answer from being reused unasked. A browser's
/// cache may keep it, and then revalidates with `If-None-Match` by itself.
fn cursor(head: HeadWriter<'_>, tag: Tag) -> HeadWriter<'_> {
    let next = tag.next.text();
    head.sound("ETag", |out| tag.write(&next, out))
        .sound("Last-Event-ID", |out| out.extend_from_slice(next.as_bytes()))
        .fixed("Cache-Control: no-cache\r\nVary: Accept, Last-Event-ID, Origin, Prefer\r\n")
}

/// Begins the object: all that stands before the first message.
pub fn open(next: Id, gap: Option<&Gap>, more: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"next":""#);
    out.extend_from_slice(next.text().as_bytes());
    out.push(b'"');
    if let Some(gap) = gap {
        self::gap(gap, out);
    }
    if more {
        out.extend_from_slice(br#","more":true"#);
    }
    out.extend_from_slice(br#","messages":["#);
}

/// One element of the list, with the comma that parts it from the one before; the first element
/// goes out without it.
pub fn render(content: &Content<'_>, named: bool, out: &mut Vec<u8>) {
    begin(content, named, out);
    if let Some(text) = content.text {
        json::escape_bare(text, out);
    } else {
        json::base64_bare(content.bytes, out);
    }
    end(content, out);
}

/// How many bytes [`render`] appends.
pub fn length(content: &Content<'_>, named: bool) -> usize {
    let mut around = Vec::with_capacity(256);
    begin(content, named, &mut around);
    end(content, &mut around);
    let data = match content.text {
        Some(text) => json::escaped_length(text),
        None => content.bytes.len().div_ceil(3) * 4,
    };
    around.len() + data
}

/// A part of what [`render`] appends: of the data from byte `from` on, [`LONG_PIECE_BYTES`] at
/// most, with what stands before the first and behind the last of them. Tells where the next part
/// begins; behind the last one, where the data ends.
pub fn render_piece(content: &Content<'_>, named: bool, from: usize, out: &mut Vec<u8>) -> usize {
    if from == 0 {
        begin(content, named, out);
    }
    let to = (from + LONG_PIECE_BYTES).min(content.bytes.len());
    let to = if let Some(text) = content.text {
        let to = text.floor_char_boundary(to);
        json::escape_bare(&text[from..to], out);
        to
    } else {
        json::base64_bare(&content.bytes[from..to], out);
        to
    };
    if to == content.bytes.len() {
        end(content, out);
    }
    to
}

/// All that stands before the data.
fn begin(content: &Content<'_>, named: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(br#",{"id":""#);
    out.extend_from_slice(content.id.text().as_bytes());
    out.push(b'"');
    if named {
        // A topic's name has no character that JSON escapes.
        out.extend_from_slice(br#","topic":""#);
        out.extend_from_slice(content.topic.as_bytes());
        out.push(b'"');
    }
    if let Some(event) = content.event {
        out.extend_from_slice(br#","event":"#);
        json::escape(event, out);
    }
    out.extend_from_slice(br#","data":""#);
}

/// All that stands behind the data.
fn end(content: &Content<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    if content.text.is_none() {
        out.extend_from_slice(br#","encoding":"base64""#);
    }
    out.push(b'}');
}

/// The member that says what is missing.
fn gap(gap: &Gap, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","gap":"#);
    gap::write(gap, out);
}

/// Finishes the head of an empty answer, 204 or 304.
pub fn farewell(head: HeadWriter<'_>, tag: Tag) {
    cursor(head, tag).finish();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Epoch, Micros, Seq};

    #[test]
    fn pieces_come_to_the_whole_and_its_length_is_known_before() {
        let id = Id { epoch: Epoch(14), seq: Seq(7) };
        let text = |length: usize| "a\u{1}ü\"€\u{1F600}\n".chars().cycle().take(length).collect();
        for length in [0, 1, 5_000, 9_999, 40_000] {
            let text: String = text(length);
            let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8 | 0x80).collect();
            for (bytes, text) in [(text.as_bytes(), Some(&text[..])), (&bytes, None)] {
                let event = Some("name");
                let content =
                    Content { id, topic: "t", event, bytes, text, binary: false, at: Micros(0) };
                let (mut whole, mut pieces, mut from) = (Vec::new(), Vec::new(), 0);
                render(&content, true, &mut whole);
                loop {
                    let before = pieces.len();
                    from = render_piece(&content, true, from, &mut pieces);
                    assert!(pieces.len() - before <= 6 * LONG_PIECE_BYTES + 256);
                    if from == bytes.len() {
                        break;
                    }
                }
                assert!(pieces == whole, "{length}");
                assert_eq!(super::length(&content, true), whole.len(), "{length}");
            }
        }
    }

    #[test]
    fn a_tag_is_found_again_by_its_fingerprint() {
        let tag = Tag { next: Id { epoch: Epoch(14), seq: Seq(7) }, state: 0xAB };
        let mut tag_text = Vec::new();
        tag.write(&tag.next.text(), &mut tag_text);
        let text = String::from_utf8(tag_text).expect("ASCII");
        assert_eq!(text, "\"e-7.00000000000000ab\"");
        for field in [text.clone(), format!("\"x\", W/{text}"), format!(" {text} ,\"y\"")] {
            assert_eq!(Tag::find(field.as_bytes(), 0xAB), Some(tag), "{field}");
            assert_eq!(Tag::find(field.as_bytes(), 0xAC), None, "{field}");
        }
        for field in ["", "*", "\"e-7\"", "\"e7.00000000000000ab\"", "e-7.00000000000000ab"] {
            assert_eq!(Tag::find(field.as_bytes(), 0xAB), None, "{field}");
        }
    }
}
