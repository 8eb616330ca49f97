//! What an outbox has beside its first segment: how far that is sent, and what waits behind it.
//!
//! Came from: the outbox, when a segment does not fit into the first, or the kernel takes a part of
//! it. Goes to: the same. Absent on purpose: outboxes of one segment of which nothing is sent, as
//! almost all are that are not empty.

use std::collections::VecDeque;

use super::segment::Segment;

/// How far the first segment is sent, and what waits behind it.
#[derive(Debug)]
pub(super) struct Behind {
    /// How much of the first segment the kernel has taken.
    pub(super) sent: usize,
    /// The other segments.
    pub(super) rest: VecDeque<Segment>,
    /// The lengths of all segments, the first included, without `sent`.
    pub(super) bytes: usize,
    /// Messages in bundles that are not through, beyond one in each. Exact: an outbox that is high
    /// gets no more.
    pub(super) bundled_more: u32,
}

impl Behind {
    /// Behind a segment of which nothing is sent.
    pub(super) fn new(first: &Segment) -> Self {
        let (bytes, bundled_more) = (first.length(), first.messages_more(0) as u32);
        Self { sent: 0, rest: VecDeque::new(), bytes, bundled_more }
    }

    /// Segments, the first included; each message of a bundle that is not through counts as one.
    pub(super) fn segments(&self) -> usize {
        1 + self.rest.len() + self.bundled_more as usize
    }
}

/// Queues `segment` as a part of the last one, if they can be one, or behind it.
pub(super) fn queue(first: &mut Segment, behind: &mut Option<Box<Behind>>, segment: Segment) {
    let length = segment.length();
    let last = behind.as_mut().and_then(|behind| behind.rest.back_mut());
    let apart = last.unwrap_or(&mut *first).join(segment);
    if apart.is_some() {
        behind.get_or_insert_with(|| Box::new(Behind::new(first)));
    }
    let Some(behind) = behind else {
        return; // It is a part of the only one, which knows its length.
    };
    behind.bytes += length;
    if let Some(segment) = apart {
        behind.bundled_more += segment.messages_more(0) as u32;
        behind.rest.push_back(segment);
    }
}
