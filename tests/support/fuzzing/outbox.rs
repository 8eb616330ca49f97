//! The outbox: what goes in comes out, in order, in whatever portions; every byte that is taken is
//! charged once, to its class. The twin is a flat row of bytes, each with its class.
//!
//! Came from: operations. Goes to: `conn::outbox`.

use std::collections::VecDeque;
use std::rc::Rc;

use tollway::conn::outbox::{Outbox, Segment};
use tollway::ids::Micros;
use tollway::ledger::{Bytes, Class, Payer};
use tollway::limits::OUTBOX_BYTES_HIGH;
use tollway::technique::{Bundle, ChunkAround, EncodedMessage};

use super::operations::{self, operations};
use super::response::gathered;

operations! {
    /// What can be done to an outbox.
    pub enum Step {
        /// Bytes of its own, of one of two classes; many when `large`, and none of that waits yet.
        Own { length: u8, class: u8, large: u8 }
        /// Static bytes.
        Fixed { length: u8 }
        /// A part of an encoded message that keeps all its payload.
        Shared { around: u8, payload: u8, cut: u8 }
        /// The answer to a poll, with as many messages of one length.
        Bundle { head: u8, around: u8, payload: u8, messages: u8 }
        /// The kernel takes as many as these.
        Advance { bytes: u16 }
        /// The kernel takes what one write gathers.
        Write {}
        /// Nobody will take the rest.
        Abandon {}
    }
}

const STATIC: &[u8; 256] = &{
    let mut bytes = [0; 256];
    let mut n = 0;
    while n < 256 {
        bytes[n] = n as u8;
        n += 1;
    }
    bytes
};

/// The twin: what waits, byte by byte, and by what class each is paid.
#[derive(Default)]
struct Twin {
    waiting: VecDeque<(u8, Class)>,
    /// Bytes put in, by class, and not dropped.
    paid: Bytes,
    /// A number that makes bytes differ.
    salt: u8,
}

pub fn check(input: &[u8]) {
    let mut outbox = Outbox::default();
    let mut twin = Twin::default();
    let mut bill = Bytes::default();
    operations::play(input, 200, |step: Step| {
        play(step, &mut outbox, &mut twin, &mut bill);
        assert_eq!(outbox.bytes(), twin.waiting.len());
        assert_eq!(outbox.is_empty(), twin.waiting.is_empty());
        assert_eq!(outbox.is_high(), twin.waiting.len() >= OUTBOX_BYTES_HIGH);
        assert!(!gathered(&outbox).is_empty() || outbox.is_empty(), "a write makes progress");
        let charged = bill.0.iter().zip(&twin.paid.0);
        assert!(charged.clone().all(|(bill, paid)| bill <= paid), "what is through is charged");
        if outbox.is_empty() {
            assert_eq!(bill, twin.paid, "everything is charged when all is through");
        }
    });
    abandon(&mut outbox, &mut bill);
    assert_eq!(bill, twin.paid, "what was taken is charged, and nothing else");
}

/// Drops what waits, and pays for what was taken of it.
fn abandon(outbox: &mut Outbox, bill: &mut Bytes) {
    if let Some((payer, portions)) = outbox.abandon() {
        assert_eq!(payer, Payer::Sse);
        bill.add_all(portions);
    }
}

fn play(step: Step, outbox: &mut Outbox, twin: &mut Twin, bill: &mut Bytes) {
    match step {
        Step::Own { length, class, large } => {
            let few = twin.waiting.len() < OUTBOX_BYTES_HIGH;
            let times = if large > 250 && few { 300 } else { 1 };
            let bytes = twin.bytes(usize::from(length) * times);
            let class = if class % 2 == 0 { Class::Head } else { Class::Heartbeat };
            twin.push(outbox, Segment::own(bytes.clone(), class), &bytes, |_| class);
        }
        Step::Fixed { length } => {
            let bytes = &STATIC[..length.into()];
            let class = Class::Body;
            twin.push(outbox, Segment::fixed(bytes, class), bytes, |_| class);
        }
        Step::Shared { around, payload, cut } => {
            let (around, payload) = (usize::from(around), usize::from(payload));
            let encoded = twin.encoded(around, payload);
            let from = usize::from(cut) % (around + 1);
            let bytes = encoded.bytes[from..].to_vec();
            let segment = Segment::shared(Rc::new(encoded), from..around + payload);
            // What is not payload goes first.
            let class = |at: usize| match at < around - from {
                true => Class::Framing,
                false => Class::Payload,
            };
            twin.push(outbox, segment, &bytes, class);
        }
        Step::Bundle { head, around, payload, messages } => {
            let (around, payload) = (usize::from(around % 16), usize::from(payload % 16));
            let head = usize::from(head % 16);
            let mut bundle = Bundle { bytes: twin.bytes(head + 1), head, ..Bundle::default() };
            let mut classes = [vec![Class::Head; head], vec![Class::Framing]].concat();
            for n in 0..messages % 8 {
                // The first one goes without its comma.
                let from = around.min(usize::from(n == 0));
                bundle.push(&twin.encoded(around, payload), from..around + payload);
                classes.resize(classes.len() + around - from, Class::Framing);
                classes.resize(classes.len() + payload, Class::Payload);
            }
            bundle.bytes.push(b']');
            classes.push(Class::Framing);
            let bytes = bundle.bytes.clone();
            twin.push(outbox, Segment::bundle(&Rc::new(bundle)), &bytes, |at| classes[at]);
        }
        Step::Advance { bytes } => twin.advance(outbox, bytes.into(), bill),
        Step::Write {} => {
            let bytes = gathered(outbox).len();
            twin.advance(outbox, bytes, bill);
        }
        Step::Abandon {} => {
            abandon(outbox, bill);
            twin.waiting.clear();
            assert_eq!(*bill, twin.paid);
        }
    }
}

impl Twin {
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        self.salt = self.salt.wrapping_add(1);
        (0..length).map(|n| (n as u8).wrapping_mul(31).wrapping_add(self.salt)).collect()
    }

    fn encoded(&mut self, around: usize, payload: usize) -> EncodedMessage {
        EncodedMessage {
            bytes: self.bytes(around + payload).into(),
            payload: payload as u32,
            chunk: ChunkAround::default(),
            at: Micros(0),
        }
    }

    fn push(
        &mut self,
        outbox: &mut Outbox,
        segment: Segment,
        bytes: &[u8],
        class: impl Fn(usize) -> Class,
    ) {
        let tell = self.waiting.is_empty() && !bytes.is_empty();
        outbox.push(segment, Payer::Sse);
        assert_eq!(outbox.take_fresh(), tell, "told when there was nothing and now is");
        self.waiting.extend(bytes.iter().enumerate().map(|(at, &byte)| (byte, class(at))));
    }

    /// The kernel takes so many bytes, in as many writes as that needs.
    fn advance(&mut self, outbox: &mut Outbox, bytes: usize, bill: &mut Bytes) {
        let mut left = bytes.min(self.waiting.len());
        while left > 0 {
            let front = gathered(outbox);
            let taken = front.len().min(left);
            let waiting = self.waiting.drain(..taken);
            for (&byte, (twin, class)) in front.iter().zip(waiting) {
                assert_eq!(byte, twin, "what goes in comes out");
                self.paid.add(class, 1);
            }
            outbox.advance(taken, |through| bill.add_all(through.portions()));
            left -= taken;
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let own = |length, class| Step::Own { length, class, large: 0 };
    let shared = Step::Shared { around: 4, payload: 7, cut: 2 };
    let bundle = |messages| Step::Bundle { head: 9, around: 3, payload: 5, messages };
    let stories: [Vec<Step>; 6] = [
        vec![
            bundle(3),
            Step::Advance { bytes: 11 },
            bundle(0),
            Step::Advance { bytes: 30 },
            shared,
            Step::Write {},
            bundle(1),
            Step::Advance { bytes: 4 },
            Step::Abandon {},
        ],
        vec![
            own(4, 0),
            shared,
            Step::Fixed { length: 2 },
            Step::Advance { bytes: 3 },
            Step::Write {},
        ],
        vec![shared, Step::Advance { bytes: 5 }, Step::Abandon {}, own(3, 1), own(3, 1)],
        vec![
            Step::Own { length: 255, class: 0, large: 255 },
            shared,
            Step::Advance { bytes: 65_535 },
        ],
        [vec![Step::Fixed { length: 1 }; 70], vec![Step::Write {}, Step::Write {}]].concat(),
        vec![own(0, 0), Step::Fixed { length: 0 }, own(1, 0), own(1, 1), own(1, 1), Step::Write {}],
    ];
    stories.iter().map(|story| operations::write(story)).collect()
}
