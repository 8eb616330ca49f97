//! Bundles for subscribers: what they are to be told next, when that is several messages.
//!
//! All subscribers that stand at one place of a topic's log are told the same. The first of them
//! has its messages put together, in its format; the others share that. Only the latest bundle in
//! each format is kept: a round serves those who stand together one after the other.
//!
//! Came from: `broker::pump`, with what it has found for a subscriber. Goes to: outboxes. Absent on
//! purpose: events for HTTP/1.0, and frames that are compressed for one window or another. Those go
//! one by one.

use std::cell::RefCell;
use std::rc::Rc;

use super::Hub;
use super::merge::Merge;
use crate::ids::{Seq, TopicId};
use crate::limits::{BUNDLE_BYTES_MAX, BUNDLE_MESSAGES_MAX, BUNDLED_BYTES_MAX};
use crate::technique::{Bundle, Format};

/// The latest bundle in each format.
pub(super) type LatestBundles = RefCell<[Option<LatestBundle>; Format::COUNT]>;

/// A bundle, and which messages are in it: of one topic, without a hole.
#[derive(Debug)]
pub(super) struct LatestBundle {
    topic: TopicId,
    first: Seq,
    last: Seq,
    /// What came behind the last message did not fit: whatever comes later, the bundle is whole.
    full: bool,
    bundle: Rc<Bundle>,
}

impl Hub {
    /// The next messages of `found`, as many as a bundle holds. `None`: there are not several, or
    /// they are of several topics, or too long to be bundled.
    #[inline]
    pub fn bundle(&self, found: &Merge<'_>, format: Format) -> Option<Rc<Bundle>> {
        let (topic, first) = found.several()?;
        let mut all = self.bundles.borrow_mut();
        let latest = &mut all[format as usize];
        let tip = self.log(topic).tip();
        if let Some(latest) = latest
            && (latest.topic, latest.first) == (topic, first)
            && (latest.full || latest.last == tip)
        {
            return Some(Rc::clone(&latest.bundle));
        }
        *latest = self.put_together(topic, first, format);
        latest.as_ref().map(|latest| Rc::clone(&latest.bundle))
    }

    #[inline(never)]
    fn put_together(&self, topic: TopicId, first: Seq, format: Format) -> Option<LatestBundle> {
        let (mut bundle, mut last, mut full) = (Bundle::default(), first, false);
        for found in self.merge(std::iter::once(topic), first.before()) {
            let (_, entry) = found;
            if entry.payload_bytes() > BUNDLED_BYTES_MAX {
                full = true;
                break;
            }
            let message = self.encoded(found, format, None);
            full = bundle.messages.len() == BUNDLE_MESSAGES_MAX
                || bundle.bytes.len() + message.bytes.len() > BUNDLE_BYTES_MAX;
            if full {
                break;
            }
            bundle.push(message, message.range(true));
            last = entry.seq();
        }
        let several = bundle.messages.len() > 1;
        bundle.bytes.shrink_to_fit();
        several.then(|| LatestBundle { topic, first, last, full, bundle: Rc::new(bundle) })
    }

    /// Lets go of the latest bundles; outboxes that have one keep it until it is sent.
    pub fn forget_bundles(&mut self) {
        *self.bundles.get_mut() = [const { None }; Format::COUNT];
    }
}
