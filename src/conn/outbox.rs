//! Bytes that the kernel has not taken yet.
//!
//! A queue of segments. One lies in the outbox itself, so that delivering one message to a reader
//! that keeps up, or one bundle, allocates nothing; when empty, it owns nothing.
//!
//! Came from: answers and the pump, which push. Goes to: the shell, which gathers the segments into
//! one write and says how far it got. Absent on purpose: a bound. The pump looks at
//! [`Outbox::is_high`] first; messages wait in the log, not in the outbox.

mod behind;
mod segment;

use std::io::IoSlice;

use self::behind::{Behind, queue};
pub use self::segment::{Segment, Through};
use crate::ledger::{Class, Payer};
use crate::limits::{BUNDLE_MESSAGES_MAX, OUTBOX_BYTES_HIGH, OUTBOX_SEGMENTS_HIGH, SLICES_MAX};
use crate::technique::Bundle;

/// One bundle is not too many messages by itself.
const _: () = assert!(BUNDLE_MESSAGES_MAX < OUTBOX_SEGMENTS_HIGH);

/// The queue. Invariants: no segment is empty; `behind` is there only if there is a first segment,
/// and the kernel has taken a part of it or it is not the only one.
#[derive(Debug, Default)]
pub struct Outbox {
    first: Option<Segment>,
    /// What there is to know beside the first segment; of almost every outbox, nothing.
    behind: Option<Box<Behind>>,
}

impl Outbox {
    /// Queues a segment, at the cost of `payer`.
    pub fn push(&mut self, mut segment: Segment, payer: Payer) {
        segment.payer = payer;
        if segment.length() == 0 {
            return;
        }
        segment.fresh = self.is_empty();
        match &mut self.first {
            None => self.first = Some(segment),
            Some(first) => queue(first, &mut self.behind, segment),
        }
    }

    /// Whether it went from empty to non-empty since this was last asked: then the shell must be
    /// told.
    pub fn take_fresh(&mut self) -> bool {
        self.first.as_mut().is_some_and(|first| std::mem::take(&mut first.fresh))
    }

    /// Whether all messages of `bundle` would come into it if they came one by one.
    pub fn has_room_for(&self, bundle: &Bundle) -> bool {
        self.bytes() + bundle.bytes.len() <= OUTBOX_BYTES_HIGH
            && self.segments() + bundle.messages.len() <= OUTBOX_SEGMENTS_HIGH
    }

    /// What is to be sent, if it lies in one piece. An empty outbox is one piece of no bytes.
    pub fn only_slice(&self) -> Option<&[u8]> {
        match (&self.first, &self.behind) {
            (None, _) => Some(&[]),
            (Some(first), None) => Some(first.bytes()),
            (Some(first), Some(behind)) if behind.rest.is_empty() => {
                Some(&first.bytes()[behind.sent..])
            }
            (Some(_), Some(_)) => None,
        }
    }

    /// What is to be sent, in order, gathered into `out` up to its room. Tells how many.
    pub fn slices<'a>(&'a self, out: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        let Some(first) = &self.first else {
            return 0;
        };
        out[0] = IoSlice::new(&first.bytes()[self.sent()..]);
        let mut filled = 1;
        let rest = self.behind.iter().flat_map(|behind| behind.rest.iter());
        for (slot, segment) in out[1..].iter_mut().zip(rest) {
            *slot = IoSlice::new(segment.bytes());
            filled += 1;
        }
        filled
    }

    /// Bytes that one `writev` is given of it.
    pub fn gathered_bytes(&self) -> usize {
        let many = self.behind.as_deref().filter(|behind| behind.rest.len() >= SLICES_MAX);
        let Some(behind) = many else {
            return self.bytes();
        };
        let first = self.first.as_ref().map_or(0, Segment::length);
        let others = behind.rest.iter().take(SLICES_MAX - 1);
        first - behind.sent + others.map(Segment::length).sum::<usize>()
    }

    /// Takes away `n` bytes that the kernel took, and shows what is through by that: segments, and
    /// parts of bundles.
    pub fn advance(&mut self, n: usize, mut through: impl FnMut(&Through<'_>)) {
        let bytes = self.bytes();
        assert!(n <= bytes, "the kernel took more than it was given");
        if n == bytes
            && let Some(only) = self.take_only()
        {
            if let Some(done) = only.through(0, n) {
                through(&done);
            }
            return;
        }
        let Some(first) = &self.first else {
            return;
        };
        let behind = self.behind.get_or_insert_with(|| Box::new(Behind::new(first)));
        behind.bytes -= n;
        let (mut before, mut sent) = (behind.sent, behind.sent + n);
        while let Some(first) = &self.first {
            let length = first.length();
            let taken = sent.min(length);
            if let Some(done) = first.through(before, taken) {
                through(&done);
            }
            let fewer = first.messages_more(before) - first.messages_more(taken);
            behind.bundled_more -= fewer as u32;
            if sent < length {
                break;
            }
            (before, sent) = (0, sent - length);
            self.first = behind.rest.pop_front();
        }
        behind.sent = sent;
        if sent == 0 && behind.rest.is_empty() {
            self.behind = None;
        }
    }

    /// The one segment that it holds, if nothing of it is sent, as before almost every write.
    #[inline]
    fn take_only(&mut self) -> Option<Segment> {
        if self.behind.is_none() { self.first.take() } else { None }
    }

    /// Drops everything, and tells who pays for what the kernel took of that which was not through.
    pub fn abandon(&mut self) -> Option<(Payer, [(Class, usize); 3])> {
        let (first, sent) = (self.first.take(), self.sent());
        *self = Self::default();
        first.map(|first| (first.payer(), first.begun(sent)))
    }

    /// Who pays for the next byte.
    pub fn payer(&self) -> Option<Payer> {
        self.first.as_ref().map(Segment::payer)
    }

    /// How much of the first segment the kernel has taken.
    fn sent(&self) -> usize {
        self.behind.as_ref().map_or(0, |behind| behind.sent)
    }

    /// Bytes that the kernel took of what is not through.
    pub fn unfinished(&self) -> usize {
        let begun = self.first.as_ref().map(|first| first.begun(self.sent()));
        begun.into_iter().flatten().map(|(_, bytes)| bytes).sum()
    }

    /// Bytes of the heap that it holds.
    pub fn heap_bytes(&self) -> usize {
        let own = |behind: &Behind| {
            let queued: usize = behind.rest.iter().map(Segment::heap_bytes).sum();
            size_of::<Behind>() + behind.rest.capacity() * size_of::<Segment>() + queued
        };
        let first = self.first.as_ref().map_or(0, Segment::heap_bytes);
        first + self.behind.as_deref().map_or(0, own)
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Whether messages should stay in the log for now.
    #[inline]
    pub fn is_high(&self) -> bool {
        let many = |behind: &Behind| behind.segments() >= OUTBOX_SEGMENTS_HIGH;
        self.bytes() >= OUTBOX_BYTES_HIGH || self.behind.as_deref().is_some_and(many)
    }

    /// Segments waiting; each message of a bundle that is not through counts as one.
    #[inline]
    pub fn segments(&self) -> usize {
        match (&self.first, &self.behind) {
            (None, _) => 0,
            (Some(first), None) => 1 + first.messages_more(0),
            (Some(_), Some(behind)) => behind.segments(),
        }
    }

    /// Bytes waiting.
    #[inline]
    pub fn bytes(&self) -> usize {
        match (&self.first, &self.behind) {
            (None, _) => 0,
            (Some(first), None) => first.length(),
            (Some(_), Some(behind)) => behind.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::ids::Micros;
    use crate::ledger::Bytes;
    use crate::technique::{ChunkAround, EncodedMessage};

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

    /// The answer to a poll, with `message` so many times.
    fn bundle(message: &EncodedMessage, times: usize) -> Rc<Bundle> {
        let mut bundle = Bundle { bytes: b"HEAD[".to_vec(), head: 4, ..Bundle::default() };
        for _ in 0..times {
            bundle.push(message, 0..message.bytes.len());
        }
        bundle.bytes.push(b']');
        Rc::new(bundle)
    }

    #[test]
    fn what_goes_in_comes_out_in_any_portions() {
        let encoded = message("--", "payload");
        for portion in 1..20 {
            let mut outbox = Outbox::default();
            outbox.push(Segment::own(b"head".to_vec(), Class::Head), Payer::Sse);
            assert!(outbox.take_fresh());
            outbox.push(Segment::shared(Rc::clone(&encoded), 0..9), Payer::Sse);
            outbox.push(Segment::fixed(b"]}", Class::Framing), Payer::Sse);
            outbox.push(Segment::own(Vec::new(), Class::Body), Payer::Sse);
            outbox.push(Segment::bundle(&bundle(&encoded, 3)), Payer::Sse);
            assert!(!outbox.take_fresh());
            assert_eq!(outbox.segments(), 6, "a message of a bundle counts as a segment");
            let mut by_class = Bytes::default();
            let (mut seen, mut messages) = (Vec::new(), 0);
            while !outbox.is_empty() {
                let bytes = gathered(&outbox);
                assert_eq!(bytes.len(), outbox.bytes());
                let n = portion.min(bytes.len());
                seen.extend_from_slice(&bytes[..n]);
                outbox.advance(n, |through| {
                    by_class.add_all(through.portions());
                    messages += match through {
                        Through::Whole { at, .. } => usize::from(at.is_some()),
                        Through::Parts { parts, .. } => parts.messages.len(),
                    };
                });
                assert_eq!(by_class.total() as usize + outbox.unfinished(), seen.len());
            }
            assert_eq!(seen, b"head--payload]}HEAD[--payload--payload--payload]");
            assert_eq!(by_class.0, [8, 12, 28, 0, 0, 0]);
            assert_eq!((messages, outbox.segments()), (4, 0));
        }
    }

    #[test]
    fn a_message_of_a_bundle_counts_until_it_is_through() {
        let mut outbox = Outbox::default();
        let bundle = bundle(&message("--", "payload"), 3);
        outbox.push(Segment::bundle(&bundle), Payer::Sse);
        outbox.push(Segment::bundle(&bundle), Payer::Sse);
        for (taken, segments) in [(0, 6), (5 + 8, 6), (1, 5), (9, 4), (9, 4), (1, 3), (33, 0)] {
            outbox.advance(taken, |_| {});
            assert_eq!(outbox.segments(), segments, "{taken}");
        }
    }

    #[test]
    fn what_was_sent_of_an_abandoned_segment_is_charged() {
        let mut outbox = Outbox::default();
        outbox.push(Segment::shared(message("--", "payload"), 0..9), Payer::Sse);
        outbox.advance(5, |through| panic!("not through yet: {through:?}"));
        assert_eq!(outbox.unfinished(), 5);
        let (payer, portions) = outbox.abandon().expect("five bytes went out");
        let expected = [(Class::Framing, 2), (Class::Payload, 3), (Class::Head, 0)];
        assert_eq!((payer, portions), (Payer::Sse, expected));
        assert!(outbox.is_empty());
        assert_eq!(outbox.bytes(), 0);
        outbox.push(Segment::answer(b"head, body".to_vec(), 4), Payer::ShortPoll);
        outbox.advance(8, |through| panic!("not through yet: {through:?}"));
        let (_, portions) = outbox.abandon().expect("eight bytes went out");
        assert_eq!(portions, [(Class::Head, 6), (Class::Body, 2), (Class::Head, 0)]);
        outbox.push(Segment::bundle(&bundle(&message("--", "payload"), 2)), Payer::Sse);
        let mut through = 0;
        outbox
            .advance(19, |parts| through += parts.portions().map(|(_, n)| n).iter().sum::<usize>());
        assert_eq!((through, outbox.unfinished()), (14, 5), "head, bracket and one message");
        let (_, portions) = outbox.abandon().expect("five bytes of the second went out");
        assert_eq!(portions, expected);
        assert_eq!((outbox.segments(), outbox.unfinished()), (0, 0));
    }

    #[test]
    fn a_bundle_has_room_where_its_messages_one_by_one_have_it() {
        let one = message("", "x");
        for few in 0..4 {
            let mut outbox = Outbox::default();
            while outbox.segments() < OUTBOX_SEGMENTS_HIGH - few {
                outbox.push(Segment::shared(Rc::clone(&one), 0..1), Payer::Sse);
            }
            assert_eq!(outbox.has_room_for(&bundle(&one, 2)), few >= 2);
        }
        let mut outbox = Outbox::default();
        outbox.push(Segment::own(vec![0; OUTBOX_BYTES_HIGH - 8], Class::Body), Payer::Sse);
        assert!(outbox.has_room_for(&bundle(&one, 2)) && !outbox.has_room_for(&bundle(&one, 3)));
    }

    #[test]
    fn small_answers_join_and_many_segments_are_gathered_in_turns() {
        let mut outbox = Outbox::default();
        for _ in 0..1000 {
            outbox.push(Segment::own(b"pong".to_vec(), Class::Heartbeat), Payer::Sse);
        }
        assert_eq!(outbox.segments(), 1);
        for _ in 0..100 {
            outbox.push(Segment::fixed(b"x", Class::Body), Payer::Sse);
        }
        assert_eq!(gathered(&outbox).len(), 4000 + SLICES_MAX - 1);
        assert_eq!(outbox.gathered_bytes(), 4000 + SLICES_MAX - 1);
        outbox.advance(10, |_| {});
        assert_eq!(outbox.gathered_bytes(), gathered(&outbox).len());
        outbox.advance(4030, |_| {});
        assert_eq!(outbox.gathered_bytes(), gathered(&outbox).len());
        assert_eq!((outbox.bytes(), outbox.gathered_bytes()), (60, 60));
    }

    #[test]
    fn many_small_messages_make_it_high_as_a_few_long_ones_do() {
        let encoded = message("", "x");
        let mut outbox = Outbox::default();
        while !outbox.is_high() {
            outbox.push(Segment::shared(Rc::clone(&encoded), 0..1), Payer::WebSocket);
        }
        assert_eq!((outbox.segments(), outbox.bytes()), (OUTBOX_SEGMENTS_HIGH, 1024));
        outbox.advance(1, |_| {});
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
        outbox.advance(12, |through| {
            charged.push((through.payer(), through.portions()[0].1));
        });
        assert_eq!(charged, [(Payer::Publish, 4), (Payer::ShortPoll, 8)]);
    }

    #[test]
    fn the_outbox_of_an_idle_connection_is_small() {
        assert!(size_of::<Outbox>() <= 40, "{}", size_of::<Outbox>());
    }
}
