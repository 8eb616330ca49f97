//! A message as its readers get it: encoded once, and kept while there is room for what is encoded.
//!
//! Came from: `broker`, for a reader that has room. Goes to: outboxes. Absent on purpose: what a
//! rendition looks like, which is `technique`'s.

use std::rc::Rc;

use super::Hub;
use super::log::Entry;
use crate::ids::TopicId;
use crate::limits::SWEPT_SLACK;
use crate::spare::Spare;
use crate::technique::{EncodedMessage, Format};
use crate::wire::deflate::Window;

impl Hub {
    /// A message of `topic` in `format`, compressed for `window` if there is one: made for the
    /// first reader that wants it, shared by the others.
    #[inline]
    pub fn encoded<'h>(
        &self,
        (topic, entry): (TopicId, &'h Entry),
        format: Format,
        window: Option<Window>,
    ) -> &'h Rc<EncodedMessage> {
        match entry.rendition(format, window) {
            Some(encoded) => encoded,
            None => self.encode((topic, entry), format, window),
        }
    }

    /// The same for a subscriber of that topic that is told this message by itself. Where it is the
    /// only one there is nobody to share with, and nothing is kept: what was encoded goes when it
    /// is sent.
    #[inline]
    pub fn encoded_for_subscriber(
        &self,
        (topic, entry): (TopicId, &Entry),
        format: Format,
        window: Option<Window>,
    ) -> Rc<EncodedMessage> {
        match entry.rendition(format, window) {
            Some(encoded) => Rc::clone(encoded),
            None if self.has_one_subscriber(topic) => {
                Rc::new(entry.encoded_for_one(format, window, self.epoch))
            }
            None => Rc::clone(self.encode((topic, entry), format, window)),
        }
    }

    /// Whether nobody else on this thread reads `topic` and stays.
    #[inline]
    pub fn has_one_subscriber(&self, topic: TopicId) -> bool {
        self.topics[topic.0 as usize].subscribers.len() == 1
    }

    #[inline(never)]
    fn encode<'h>(
        &self,
        (topic, entry): (TopicId, &'h Entry),
        format: Format,
        window: Option<Window>,
    ) -> &'h Rc<EncodedMessage> {
        let before = entry.rendered_bytes();
        let encoded = match window {
            None => entry.encoded(format, self.epoch),
            Some(window) => entry.deflated(format, window, self.epoch),
        };
        let after = entry.rendered_bytes();
        if after > before {
            self.cache.got(after - before);
            if before == 0 {
                self.cache.enter(topic, entry.seq());
            }
        }
        encoded
    }

    /// Holds renditions to their bound. To be called behind whatever encodes.
    pub fn trim_renditions(&mut self) {
        if self.cache.bytes() > self.cache.bytes_max {
            self.hold_renditions(self.cache.bytes_max);
        }
    }

    /// Holds them to `bytes_max`.
    pub fn hold_renditions(&mut self, bytes_max: usize) {
        let mut line = self.cache.line.take();
        while self.cache.bytes.get() > bytes_max {
            let Some((topic, seq)) = line.pop_front() else {
                break;
            };
            if let Some(topic) = self.topics.get_mut(topic.0 as usize) {
                self.cache.lost(topic.log.forget_renditions(seq));
            }
        }
        if line.len() > 2 * self.cache.messages.get() + SWEPT_SLACK {
            let topics = &self.topics;
            line.retain(|(topic, seq)| {
                let log = topics.get(topic.0 as usize).map(|topic| &topic.log);
                log.and_then(|log| log.find(*seq)).is_some_and(|entry| entry.rendered_bytes() > 0)
            });
        }
        line.give_back();
        self.cache.line.set(line);
    }

    /// Bytes that the renditions of this thread take.
    pub fn rendered_bytes(&self) -> usize {
        self.cache.bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ids::{ConnId, Epoch, Micros, Seq, TopicName};
    use crate::limits::Limits;
    use crate::technique::Technique;
    use crate::technique::message::{Message, Payload};

    /// Whether two subscribers would share what a message is encoded to, and whether it is kept.
    fn shared_and_kept(readers: u32, window: Option<Window>) -> (bool, bool) {
        let mut hub = Hub::new(Epoch(14), &Limits::default(), 1);
        let topic = TopicName::parse("t").expect("a name");
        for slot in 0..readers {
            hub.subscribe(&topic, ConnId { slot, generation: 1 }, Technique::WebSocket);
        }
        let payload = Payload::posted(b"xx".repeat(200));
        let (seq, at) = (Seq(1), Micros(0));
        hub.append(Arc::new(Message { seq, topic: topic.clone(), event: None, payload, at }));
        let id = hub.find(&topic).expect("just published");
        let entry = hub.log(id).find(seq).expect("just published");
        let encode = || hub.encoded_for_subscriber((id, entry), Format::Frame, window);
        let (one, other) = (encode(), encode());
        assert_eq!(one.bytes, other.bytes);
        (Rc::ptr_eq(&one, &other), hub.rendered_bytes() > 0)
    }

    #[test]
    fn for_the_only_subscriber_a_message_is_encoded_and_not_kept() {
        for window in [None, Some(Window::Bits9)] {
            assert_eq!(shared_and_kept(1, window), (false, false), "{window:?}");
            assert_eq!(shared_and_kept(2, window), (true, true), "{window:?}");
        }
    }
}
