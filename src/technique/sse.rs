//! Server-Sent Events: one answer that never ends. WHATWG HTML §9.2.
//!
//! Under HTTP/1.1 every event is one chunk; under HTTP/1.0 there are no chunks and the end of the
//! connection is the end of the answer. An encoded message holds the chunk, and says where in it
//! the event is, so that both kinds of reader share it.
//!
//! Came from: `broker`, on connecting, and the pump. Goes to: `wire::event_stream`,
//! `wire::response`. Absent on purpose: resuming; the browser sends `Last-Event-ID`, and the log
//! does the rest.

use super::encoding::{ChunkAround, Content};
use super::gap::{self, GAP_EVENT, Gap};
use crate::ids::Id;
use crate::wire::event_stream;
use crate::wire::response::{self, HeadWriter};

/// Finishes the head.
pub fn greet(head: HeadWriter<'_>, chunked: bool) {
    let head = head
        .fixed("Content-Type: text/event-stream\r\n")
        // A proxy that compresses a stream holds events back until there are enough of them:
        // forbidden by `no-transform`, RFC 9111 §5.2.2.6.
        .fixed("Cache-Control: no-cache, no-store, no-transform\r\n")
        // nginx in front of us would otherwise collect events until its buffer is full.
        .fixed("X-Accel-Buffering: no\r\n")
        .fixed("Vary: Accept, Last-Event-ID, Origin, Prefer\r\n");
    let head = if chunked { head.fixed("Transfer-Encoding: chunked\r\n") } else { head };
    head.finish();
}

/// The first bytes of the body, at once: how long to wait before coming back, and an event that
/// holds only the cursor, which the browser remembers without firing anything.
pub fn open(cursor: &str, retry_ms: u64, chunked: bool, out: &mut Vec<u8>) {
    in_chunk(chunked, out, |out| {
        event_stream::cursor(cursor, Some(retry_ms), out);
    });
}

/// The first bytes of a body that has no cursor: how long to wait before coming back.
pub fn retry(retry_ms: u64, chunked: bool, out: &mut Vec<u8>) {
    in_chunk(chunked, out, |out| event_stream::retry(retry_ms, out));
}

/// A snapshot of the cost ledger: an event without a name and an id. `json` is one line.
pub fn snapshot(json: &str, chunked: bool, out: &mut Vec<u8>) {
    in_chunk(chunked, out, |out| event_stream::data(json, out));
}

/// One event, as one chunk. Tells what of the chunk stands around it.
pub fn render(content: &Content<'_>, out: &mut Vec<u8>) -> ChunkAround {
    let id = content.id.text();
    in_chunk(true, out, |out| match content.text {
        Some(text) => event_stream::event(id.as_str(), content.event, text, out),
        None => event_stream::base64_event(id.as_str(), content.event, content.bytes, out),
    })
}

/// An event named `gap`. Its id is the number before what follows, so that a reader that is cut off
/// right behind it does not hear of the same gap again.
pub fn gap(gap: &Gap, cursor: Id, chunked: bool, out: &mut Vec<u8>) {
    let mut data = br#"{"gap":"#.to_vec();
    gap::write(gap, &mut data);
    data.push(b'}');
    let data = String::from_utf8(data).expect("a gap is written in UTF-8");
    in_chunk(chunked, out, |out| {
        event_stream::event(&cursor.to_string(), Some(GAP_EVENT), &data, out);
    });
}

/// A comment: keeps proxies from taking the stream for dead, and finds out that a peer is.
pub const fn heartbeat(chunked: bool) -> &'static [u8] {
    if chunked { b"3\r\n:\n\n\r\n" } else { event_stream::HEARTBEAT }
}

/// Writes a body piece, as a chunk of its own where there are chunks. Tells what stands around it.
fn in_chunk(chunked: bool, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> ChunkAround {
    if !chunked {
        write(out);
        return ChunkAround::default();
    }
    let mut piece = Vec::new();
    write(&mut piece);
    let start = out.len();
    response::chunk_begin(piece.len(), out);
    // Exact: a size has 16 digits at most.
    let before = (out.len() - start) as u8;
    out.extend_from_slice(&piece);
    out.extend_from_slice(response::CHUNK_END);
    ChunkAround { before, behind: response::CHUNK_END.len() as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heartbeat_chunk_is_a_chunk_of_the_heartbeat() {
        let mut chunk = Vec::new();
        in_chunk(true, &mut chunk, |out| {
            out.extend_from_slice(heartbeat(false));
        });
        assert_eq!(heartbeat(true), chunk);
    }

    #[test]
    fn what_stands_around_a_piece_is_told() {
        let mut chunk = Vec::new();
        let around = in_chunk(true, &mut chunk, |out| out.extend_from_slice(&[b'x'; 300]));
        assert_eq!((around.before, around.behind), (5, 2), "12c and two ends of lines");
        assert_eq!(chunk.len(), 5 + 300 + 2);
    }
}
