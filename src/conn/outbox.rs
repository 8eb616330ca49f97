//! Bytes that the kernel has not taken yet.
//!
//! A queue of segments. A segment is owned by this connection, or part of an encoded message that
//! many connections share, or static. One segment lies in the outbox itself, so that delivering one
//! message to a reader that keeps up allocates nothing; when empty, it owns nothing.
//!
//! Came from: answers and the pump, which push. Goes to: the shell, which gathers the segments into
//! one write and says how far it got. Absent on purpose: a bound. The pump looks at
//! [`Outbox::is_high`] first; messages wait in the log, not in the outbox.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;
use std::rc::Rc;

use crate::ids::Micros;
use crate::ledger::{Class, Payer};
use crate::limits::{OUTBOX_BYTES_HIGH, OUTBOX_SEGMENTS_HIGH, SLICES_MAX};
use crate::technique::EncodedMessage;

/// Bytes to be sent, and what they are for.
#[derive(Debug)]
pub struct Segment {
    bytes: SegmentBytes,
    /// What the bytes are that are not payload.
    class: Class,
    /// How many of them are payload.
    payload: u32,
    /// The payer of the bytes. What is queued may have been caused by requests of several kinds.
    payer: Payer,
}

#[derive(Debug)]
enum SegmentBytes {
    Own(Vec<u8>),
    Static(&'static [u8]),
    Shared {
        encoded: Rc<EncodedMessage>,
        /// Exact: an encoded message is bounded far below 4 GiB.
        from: u32,
        to: u32,
    },
}

impl Segment {
    /// Bytes made for this connection alone.
    pub fn own(bytes: Vec<u8>, class: Class) -> Self {
        Self { bytes: SegmentBytes::Own(bytes), class, payload: 0, payer: Payer::Other }
    }

    /// Bytes that never change.
    pub fn fixed(bytes: &'static [u8], class: Class) -> Self {
        Self { bytes: SegmentBytes::Static(bytes), class, payload: 0, payer: Payer::Other }
    }

    /// The part `range` of an encoded message; all its payload lies in there, and all else is
    /// framing.
    pub fn shared(encoded: &Rc<EncodedMessage>, range: Range<usize>) -> Self {
        Self {
            bytes: SegmentBytes::Shared {
                encoded: Rc::clone(encoded),
                from: range.start as u32,
                to: range.end as u32,
            },
            class: Class::Framing,
            payload: encoded.payload,
            payer: Payer::Other,
        }
    }

    /// The payer of its bytes.
    pub fn payer(&self) -> Payer {
        self.payer
    }

    /// When the message in it was committed, if it is one.
    pub fn committed_at(&self) -> Option<Micros> {
        match &self.bytes {
            SegmentBytes::Shared { encoded, .. } => Some(encoded.at),
            SegmentBytes::Own(_) | SegmentBytes::Static(_) => None,
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.bytes {
            SegmentBytes::Own(bytes) => bytes,
            SegmentBytes::Static(bytes) => bytes,
            SegmentBytes::Shared { encoded, from, to } => {
                &encoded.bytes[*from as usize..*to as usize]
            }
        }
    }

    /// The first `sent` of its bytes by class, in two portions: what is not payload goes first.
    pub fn portions(&self, sent: usize) -> [(Class, usize); 2] {
        let around = self.bytes().len() - self.payload as usize;
        let payload = sent.saturating_sub(around);
        [(self.class, sent.min(around)), (Class::Payload, payload)]
    }

    /// Bytes of the heap that it alone holds.
    fn heap_bytes(&self) -> usize {
        match &self.bytes {
            SegmentBytes::Own(bytes) => bytes.capacity(),
            SegmentBytes::Static(_) | SegmentBytes::Shared { .. } => 0,
        }
    }
}

/// The queue. Invariants: `bytes` = the lengths of all segments − `sent`; `rest` is empty when
/// `first` is; no segment is empty.
#[derive(Debug, Default)]
pub struct Outbox {
    first: Option<Segment>,
    #[expect(clippy::box_collection, reason = "8 bytes in an idle connection, not 32")]
    rest: Option<Box<VecDeque<Segment>>>,
    /// How much of the first segment the kernel has taken.
    sent: usize,
    bytes: usize,
    /// It went from empty to non-empty, and nobody has asked since.
    fresh: bool,
}

impl Outbox {
    /// Queues a segment, at the cost of `payer`.
    pub fn push(&mut self, segment: Segment, payer: Payer) {
        let segment = Segment { payer, ..segment };
        let length = segment.bytes().len();
        if length == 0 {
            return;
        }
        self.bytes += length;
        if self.is_empty() {
            self.fresh = true;
            self.first = Some(segment);
        } else if let Some(segment) = self.not_joined(segment) {
            self.rest.get_or_insert_default().push_back(segment);
        }
    }

    /// Whether it went from empty to non-empty since this was last asked: then the shell must be
    /// told.
    pub fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.fresh)
    }

    /// Joins `segment` to the last one when both are our own, of one class and of one payer, so
    /// that a flood of small answers is one segment; gives it back otherwise.
    fn not_joined(&mut self, segment: Segment) -> Option<Segment> {
        let last = self.rest.as_mut().and_then(|rest| rest.back_mut());
        let last = last.or(self.first.as_mut())?;
        match (&mut last.bytes, &segment.bytes) {
            (SegmentBytes::Own(own), SegmentBytes::Own(more))
                if last.class == segment.class && last.payer == segment.payer =>
            {
                own.extend_from_slice(more);
                None
            }
            _ => Some(segment),
        }
    }

    /// What is to be sent, if it lies in one piece. Nothing is a piece without bytes.
    pub fn only_slice(&self) -> Option<&[u8]> {
        match (&self.first, &self.rest) {
            (None, _) => Some(&[]),
            (Some(first), None) => Some(&first.bytes()[self.sent..]),
            (Some(first), Some(rest)) if rest.is_empty() => Some(&first.bytes()[self.sent..]),
            (Some(_), Some(_)) => None,
        }
    }

    /// What is to be sent, in order, gathered into `out` up to its room. Tells how many.
    pub fn slices<'a>(&'a self, out: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        let Some(first) = &self.first else {
            return 0;
        };
        out[0] = IoSlice::new(&first.bytes()[self.sent..]);
        let mut filled = 1;
        for (slot, segment) in out[1..].iter_mut().zip(self.rest.iter().flat_map(|r| r.iter())) {
            *slot = IoSlice::new(segment.bytes());
            filled += 1;
        }
        filled
    }

    /// Bytes that one `writev` is given of it.
    pub fn gathered_bytes(&self) -> usize {
        let Some(rest) = self.rest.as_deref().filter(|rest| rest.len() >= SLICES_MAX) else {
            return self.bytes;
        };
        let first = self.first.as_ref().map_or(0, |first| first.bytes().len());
        let others = rest.iter().take(SLICES_MAX - 1);
        first - self.sent + others.map(|segment| segment.bytes().len()).sum::<usize>()
    }

    /// Takes away `n` bytes that the kernel took, and shows the segments that are through, with
    /// their portions.
    pub fn advance(&mut self, n: usize, mut through: impl FnMut(&Segment, [(Class, usize); 2])) {
        assert!(n <= self.bytes, "the kernel took more than it was given");
        self.bytes -= n;
        self.sent += n;
        while let Some(first) = &self.first {
            let length = first.bytes().len();
            if self.sent < length {
                break;
            }
            through(first, first.portions(length));
            self.sent -= length;
            self.first = self.rest.as_mut().and_then(|rest| rest.pop_front());
        }
        if self.first.is_none() {
            self.rest = None;
        }
    }

    /// Drops everything, and tells who pays for what the kernel took of the segment that was not
    /// through.
    pub fn abandon(&mut self) -> Option<(Payer, [(Class, usize); 2])> {
        let (first, sent) = (self.first.take(), self.sent);
        *self = Self::default();
        first.map(|first| (first.payer, first.portions(sent)))
    }

    /// Who pays for the next byte.
    pub fn payer(&self) -> Option<Payer> {
        self.first.as_ref().map(Segment::payer)
    }

    /// Bytes that the kernel took of the segment that is not through.
    pub fn unfinished(&self) -> usize {
        self.sent
    }

    /// Bytes of the heap that it alone holds.
    pub fn heap_bytes(&self) -> usize {
        let own = |segments: &VecDeque<Segment>| {
            let queued: usize = segments.iter().map(Segment::heap_bytes).sum();
            segments.capacity() * size_of::<Segment>() + queued
        };
        let first = self.first.as_ref().map_or(0, Segment::heap_bytes);
        first + self.rest.as_deref().map_or(0, own)
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Whether messages should stay in the log for now.
    pub fn is_high(&self) -> bool {
        self.bytes >= OUTBOX_BYTES_HIGH || self.segments() >= OUTBOX_SEGMENTS_HIGH
    }

    /// Segments waiting.
    pub fn segments(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.as_deref().map_or(0, VecDeque::len)
    }

    /// Bytes waiting.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Bytes;
    use crate::technique::ChunkAround;

    fn gathered(outbox: &Outbox) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let filled = outbox.slices(&mut slices);
        slices[..filled].iter().flat_map(|s| s.to_vec()).collect()
    }

    fn message(around: &str, payload: &str) -> Rc<EncodedMessage> {
        Rc::new(EncodedMessage {
            bytes: format!("{around}{payload}").into_bytes().into(),
            payload: payload.len() as u32,
            chunk: ChunkAround::default(),
            at: Micros(0),
        })
    }

    #[test]
    fn what_goes_in_comes_out_in_any_portions() {
        let encoded = message("--", "payload");
        for portion in 1..20 {
            let mut outbox = Outbox::default();
            outbox.push(Segment::own(b"head".to_vec(), Class::Head), Payer::Sse);
            assert!(outbox.take_fresh());
            outbox.push(Segment::shared(&encoded, 0..9), Payer::Sse);
            outbox.push(Segment::fixed(b"]}", Class::Framing), Payer::Sse);
            outbox.push(Segment::own(Vec::new(), Class::Body), Payer::Sse);
            assert!(!outbox.take_fresh());
            let mut by_class = Bytes::default();
            let mut seen = Vec::new();
            while !outbox.is_empty() {
                let bytes = gathered(&outbox);
                assert_eq!(bytes.len(), outbox.bytes());
                let n = portion.min(bytes.len());
                seen.extend_from_slice(&bytes[..n]);
                outbox.advance(n, |_, portions| by_class.add_all(portions));
            }
            assert_eq!(seen, b"head--payload]}");
            assert_eq!(by_class.0, [4, 4, 7, 0, 0]);
        }
    }

    #[test]
    fn what_was_sent_of_an_abandoned_segment_is_charged() {
        let mut outbox = Outbox::default();
        outbox.push(Segment::shared(&message("--", "payload"), 0..9), Payer::Sse);
        outbox.advance(5, |_, portions| panic!("not through yet: {portions:?}"));
        assert_eq!(outbox.unfinished(), 5);
        let (payer, portions) = outbox.abandon().expect("five bytes went out");
        let portions = (payer, portions);
        assert_eq!(portions, (Payer::Sse, [(Class::Framing, 2), (Class::Payload, 3)]));
        assert!(outbox.is_empty());
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn small_answers_join_and_many_segments_are_gathered_in_turns() {
        let mut outbox = Outbox::default();
        for _ in 0..1000 {
            outbox.push(Segment::own(b"pong".to_vec(), Class::Heartbeat), Payer::Sse);
        }
        assert!(outbox.rest.is_none());
        for _ in 0..100 {
            outbox.push(Segment::fixed(b"x", Class::Body), Payer::Sse);
        }
        assert_eq!(gathered(&outbox).len(), 4000 + SLICES_MAX - 1);
        assert_eq!(outbox.gathered_bytes(), 4000 + SLICES_MAX - 1);
        outbox.advance(10, |_, _| {});
        assert_eq!(outbox.gathered_bytes(), gathered(&outbox).len());
        outbox.advance(4030, |_, _| {});
        assert_eq!(outbox.gathered_bytes(), gathered(&outbox).len());
        assert_eq!((outbox.bytes(), outbox.gathered_bytes()), (60, 60));
    }

    #[test]
    fn many_small_messages_make_it_high_as_a_few_long_ones_do() {
        let encoded = message("", "x");
        let mut outbox = Outbox::default();
        while !outbox.is_high() {
            outbox.push(Segment::shared(&encoded, 0..1), Payer::WebSocket);
        }
        assert_eq!((outbox.segments(), outbox.bytes()), (OUTBOX_SEGMENTS_HIGH, 1024));
        outbox.advance(1, |_, _| {});
        assert!(!outbox.is_high());
        outbox.push(Segment::own(vec![0; OUTBOX_BYTES_HIGH], Class::Body), Payer::WebSocket);
        assert!(outbox.is_high());
    }

    #[test]
    fn segments_of_two_payers_are_billed_to_each() {
        let mut outbox = Outbox::default();
        for payer in [Payer::Publish, Payer::ShortPoll, Payer::ShortPoll] {
            outbox.push(Segment::own(b"head".to_vec(), Class::Head), payer);
        }
        let mut charged = Vec::new();
        outbox.advance(12, |segment, [(_, bytes), _]| {
            charged.push((segment.payer(), bytes));
        });
        assert_eq!(charged, [(Payer::Publish, 4), (Payer::ShortPoll, 8)]);
    }

    #[test]
    fn the_outbox_of_an_idle_connection_is_small() {
        assert!(size_of::<Outbox>() <= 64, "{}", size_of::<Outbox>());
    }
}
