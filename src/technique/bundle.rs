//! Bundles: several messages in one piece of bytes, and perhaps the head of an answer in front.
//!
//! What many are to be told alike is put together once, and shared: the messages of a burst, by all
//! subscribers that stand at the same place; the answer to a poll, by all that ask the same. For a
//! subscriber it is one segment, and for the kernel one piece, however many messages are in it. A
//! bundle says where its messages end, so that each is counted when the kernel has its last byte.
//!
//! Came from: `hub` and `broker::poll`, with messages that are encoded already. Goes to: outboxes.
//! Absent on purpose: a choice of what to bundle.

use std::ops::Range;

use super::EncodedMessage;
use crate::ids::Micros;

/// Messages, one behind the other, with what stands around them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Every byte that goes out.
    pub bytes: Vec<u8>,
    /// How many of them, in front, are the head of an answer.
    pub head: usize,
    /// The messages, in order. What is neither in the head nor in a message is framing.
    pub messages: Vec<Bundled>,
    /// How many bytes are payload.
    pub payload: usize,
}

/// A message in a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundled {
    /// Where it begins. Exact, like the others: a bundle is bounded far below 4 GiB.
    pub from: u32,
    /// Where it ends.
    pub to: u32,
    /// How many of its bytes are the payload itself.
    pub payload: u32,
    /// When it was committed.
    pub at: Micros,
}

/// What the kernel took of a bundle, in whole parts: head, messages, and what stands around them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BundledParts<'b> {
    /// Bytes of the head.
    pub head: usize,
    /// Bytes that are neither of the head nor payload.
    pub framing: usize,
    /// Bytes of payload.
    pub payload: usize,
    /// The messages.
    pub messages: &'b [Bundled],
}

impl BundledParts<'_> {
    /// All bytes of these parts.
    pub fn bytes(&self) -> usize {
        self.head + self.framing + self.payload
    }
}

impl Bundle {
    /// Puts a message at the end: the part `range` of it, in which all its payload lies.
    pub fn push(&mut self, message: &EncodedMessage, range: Range<usize>) {
        let from = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&message.bytes[range]);
        let to = self.bytes.len() as u32;
        self.messages.push(Bundled { from, to, payload: message.payload, at: message.at });
        self.payload += message.payload as usize;
    }

    /// The parts that end behind byte `before` and not behind byte `sent`.
    pub fn parts(&self, before: usize, sent: usize) -> BundledParts<'_> {
        if before == 0 && sent == self.bytes.len() {
            return self.all_parts();
        }
        let head = if before < self.head && self.head <= sent { self.head } else { 0 };
        let mut parts = BundledParts { head, ..BundledParts::default() };
        let first = self.messages.first().map_or(self.bytes.len(), |first| first.from as usize);
        if before < first && first <= sent {
            parts.framing += first - self.head;
        }
        let passed = |end: usize| self.messages.iter().take_while(move |m| m.to as usize <= end);
        parts.messages = &self.messages[passed(before).count()..passed(sent).count()];
        for message in parts.messages {
            parts.framing += (message.to - message.from - message.payload) as usize;
            parts.payload += message.payload as usize;
        }
        if let Some(last) = self.messages.last()
            && before < self.bytes.len()
            && sent == self.bytes.len()
        {
            parts.framing += sent - last.to as usize;
        }
        parts
    }

    fn all_parts(&self) -> BundledParts<'_> {
        let Self { bytes, head, messages, payload } = self;
        let framing = bytes.len() - head - payload;
        BundledParts { head: *head, framing, payload: *payload, messages }
    }

    /// The bytes before `sent` of the part that ends behind it: what was begun and is not through.
    pub fn begun(&self, sent: usize) -> BundledParts<'_> {
        let mut begun = BundledParts::default();
        if sent < self.head {
            begun.head = sent;
            return begun;
        }
        let ended = self.messages.iter().take_while(|message| message.to as usize <= sent).count();
        let before = self.messages[..ended].last().map_or(self.head, |last| last.to as usize);
        match self.messages.get(ended).filter(|message| message.from as usize <= sent) {
            Some(message) => {
                let around = (message.to - message.from - message.payload) as usize;
                let taken = sent - message.from as usize;
                begun.framing = taken.min(around);
                begun.payload = taken.saturating_sub(around);
            }
            None => begun.framing = sent - before,
        }
        if sent == self.bytes.len() { BundledParts::default() } else { begun }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::technique::ChunkAround;

    fn bundle(head: &str, open: &str, messages: &[(&str, &str)], end: &str) -> Bundle {
        let mut bundle = Bundle { head: head.len(), ..Bundle::default() };
        bundle.bytes.extend_from_slice(head.as_bytes());
        bundle.bytes.extend_from_slice(open.as_bytes());
        for (n, (around, payload)) in messages.iter().enumerate() {
            let message = EncodedMessage {
                bytes: format!("-{around}{payload}").into_bytes().into(),
                payload: payload.len() as u32,
                chunk: ChunkAround::default(),
                at: Micros(n as u64),
            };
            bundle.push(&message, 1..message.bytes.len());
        }
        bundle.bytes.extend_from_slice(end.as_bytes());
        bundle
    }

    fn sum(parts: &[BundledParts<'_>]) -> (usize, usize, usize, usize) {
        let add = |sum: (usize, usize, usize, usize), part: &BundledParts<'_>| {
            let BundledParts { head, framing, payload, messages } = part;
            (sum.0 + head, sum.1 + framing, sum.2 + payload, sum.3 + messages.len())
        };
        parts.iter().fold((0, 0, 0, 0), add)
    }

    #[test]
    fn every_byte_is_of_one_part_however_they_are_taken() {
        for (bundle, expected) in [
            (bundle("", "", &[("--", "one"), ("", "two"), ("---", "")], ""), (0, 5, 6, 3)),
            (bundle("head", "[", &[("--", "one"), (",", "two")], "]"), (4, 5, 6, 2)),
            (bundle("head", "[", &[], "]"), (4, 2, 0, 0)),
            (bundle("head", "", &[], ""), (4, 0, 0, 0)),
            (bundle("", "", &[("-", "x")], ""), (0, 1, 1, 1)),
        ] {
            let length = bundle.bytes.len();
            assert_eq!(sum(&[bundle.parts(0, length)]), expected);
            for portion in 1..=length {
                let (mut taken, mut sent) = (Vec::new(), 0);
                while sent < length {
                    let to = (sent + portion).min(length);
                    taken.push(bundle.parts(sent, to));
                    sent = to;
                    let (head, framing, payload, _) = sum(&taken);
                    let begun = bundle.begun(sent);
                    assert!(begun.messages.is_empty());
                    let all = head + framing + payload + begun.bytes();
                    assert_eq!(all, sent, "{portion} of {bundle:?}");
                }
                assert_eq!(sum(&taken), expected, "{portion} of {bundle:?}");
            }
        }
    }
}
