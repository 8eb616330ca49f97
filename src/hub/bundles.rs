//! Bundles for subscribers: what they are to be told next, when that is several messages.
//!
//! All subscribers that stand at one place of a topic's log are told the same. The first of them
//! has its messages put together, in its format; the others share that. Only the latest bundle in
//! each format is kept: a round serves those who stand together one after the other.
//!
//! Came from: `broker::pump`, with what it has found for a subscriber. Goes to: outboxes. Absent on
//! purpose: events for HTTP/1.0, and frames that are compressed for one window or another. Those go
//! one by one.

use std::rc::Rc;

use super::Hub;
use super::merge::Merge;
use super::renditions::LatestBundle;
use crate::ids::{Seq, TopicId};
use crate::limits::{BUNDLE_BYTES_MAX, BUNDLE_MESSAGES_MAX, BUNDLED_BYTES_MAX};
use crate::technique::{Bundle, Format};

impl Hub {
    /// The next messages of `found`, as many as a bundle holds. `None`: there are not several, or
    /// they are of several topics, or too long to be bundled.
    #[inline]
    pub fn bundle(&self, found: &Merge<'_>, format: Format) -> Option<Rc<Bundle>> {
        let (topic, first) = found.several()?;
        let (place, tip) = (&self.cache.bundles[format as usize], self.log(topic).tip());
        let fits = |latest: &LatestBundle| {
            (latest.topic, latest.first) == (topic, first) && (latest.full || latest.last == tip)
        };
        let latest = place.take().filter(fits).or_else(|| self.put_together(topic, first, format));
        let bundle = latest.as_ref().map(|latest| Rc::clone(&latest.bundle));
        place.set(latest);
        bundle
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
    pub fn forget_bundles(&self) {
        for place in &self.cache.bundles {
            place.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ids::{Epoch, Millis, TopicName};
    use crate::limits::{EVENT_BYTES_MAX, Limits, TOPIC_BYTES_MAX};
    use crate::technique::message::{Message, Payload};

    fn name(text: &str) -> TopicName {
        TopicName::parse(text).expect("a name")
    }

    fn append(hub: &mut Hub, seq: u64, topic: &str, bytes: usize) {
        let payload = Payload::posted(vec![b'x'; bytes]);
        let (seq, topic, at) = (Seq(seq), name(topic), Millis(seq).micros());
        hub.append(Arc::new(Message { seq, topic, event: None, payload, at }));
    }

    fn bundle(hub: &Hub, topics: &[&str], cursor: u64) -> Option<Rc<Bundle>> {
        let topics = topics.iter().filter_map(|topic| hub.find(&name(topic)));
        hub.bundle(&hub.merge(topics, Seq(cursor)), Format::Frame)
    }

    #[test]
    fn a_bundle_is_its_messages_one_by_one_and_shared_until_there_are_more() {
        let mut hub = Hub::new(Epoch(14), &Limits::default(), 1);
        for (seq, topic) in [(1, "a"), (2, "a"), (3, "a"), (101, "b"), (102, "b"), (103, "b")] {
            append(&mut hub, seq, topic, 5);
        }
        let all = bundle(&hub, &["a"], 0).expect("three");
        assert_eq!(all.bytes, b"\x81\x05xxxxx".repeat(3));
        let parts: Vec<_> = all.messages.iter().map(|m| (m.from, m.to, m.payload, m.at)).collect();
        let at = |ms: u64| Millis(ms).micros();
        assert_eq!(parts, [(0, 7, 5, at(1)), (7, 14, 5, at(2)), (14, 21, 5, at(3))]);
        assert!(Rc::ptr_eq(&all, &bundle(&hub, &["a"], 0).expect("the same")));
        assert_eq!(bundle(&hub, &["a"], 1).expect("two").messages.len(), 2);
        assert_eq!(bundle(&hub, &["a"], 2), None, "one is a segment of its own");
        assert_eq!(bundle(&hub, &["a"], 3), None);
        assert_eq!(bundle(&hub, &["a", "b"], 0), None, "two topics are not bundled");
        assert_eq!(bundle(&hub, &["b", "a"], 3).expect("one of them has news").messages.len(), 3);
        bundle(&hub, &["a"], 0).expect("three");
        append(&mut hub, 200, "a", 5);
        assert_eq!(bundle(&hub, &["a"], 0).expect("four").messages.len(), 4);
        hub.forget_bundles();
        assert_eq!(bundle(&hub, &["a"], 1).expect("made again").messages.len(), 3);
    }

    #[test]
    fn two_that_are_short_enough_fit_into_one_however_they_are_encoded() {
        for byte in [b'x', b'\n', 0x01, b'"', 0xFF] {
            let mut hub = Hub::new(Epoch(u64::MAX), &Limits::default(), 1);
            for seq in [u64::MAX - 1, u64::MAX] {
                let payload = Payload::posted(vec![byte; BUNDLED_BYTES_MAX]);
                let topic = name(&"t".repeat(TOPIC_BYTES_MAX));
                let event = Some("e".repeat(EVENT_BYTES_MAX).into());
                let at = Millis(1).micros();
                hub.append(Arc::new(Message { seq: Seq(seq), topic, event, payload, at }));
            }
            let topic = hub.find(&name(&"t".repeat(TOPIC_BYTES_MAX))).expect("it has messages");
            for format in [Format::Event, Format::Frame, Format::Object, Format::ObjectNamed] {
                let found = hub.merge(std::iter::once(topic), Seq(1));
                let bundle = hub.bundle(&found, format).expect("two that fit");
                assert_eq!(bundle.messages.len(), 2, "{format:?} of {byte:#x}");
            }
        }
    }

    #[test]
    fn a_bundle_is_bounded_and_one_that_is_full_stays_what_it_is() {
        let mut hub = Hub::new(Epoch(14), &Limits::default(), 1);
        for seq in 1..=200 {
            append(&mut hub, seq, "many", 1);
        }
        for seq in 201..=240 {
            append(&mut hub, seq, "large", BUNDLED_BYTES_MAX);
        }
        for (seq, bytes) in [(301, 1), (302, 1), (303, BUNDLED_BYTES_MAX + 1), (304, 1)] {
            append(&mut hub, seq, "long", bytes);
        }
        let many = bundle(&hub, &["many"], 0).expect("many");
        assert_eq!(many.messages.len(), BUNDLE_MESSAGES_MAX);
        append(&mut hub, 400, "many", 1);
        assert!(Rc::ptr_eq(&many, &bundle(&hub, &["many"], 0).expect("many")));
        let large = bundle(&hub, &["large"], 200).expect("large");
        assert!(large.bytes.len() <= BUNDLE_BYTES_MAX && large.messages.len() > 10);
        assert_eq!(bundle(&hub, &["long"], 300).expect("before the long one").messages.len(), 2);
        assert_eq!(bundle(&hub, &["long"], 301), None);
        assert_eq!(bundle(&hub, &["long"], 302), None, "it goes alone");
    }
}
