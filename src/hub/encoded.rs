//! A message as its readers get it: encoded once, and kept while there is room for what is encoded.
//!
//! Came from: `broker`, for a reader that has room. Goes to: outboxes. Absent on purpose: what a
//! rendition looks like, which is `technique`'s.

use std::rc::Rc;

use super::Hub;
use super::log::Entry;
use crate::ids::TopicId;
use crate::limits::AGES_SLACK;
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
        if line.len() > 2 * self.cache.messages.get() + AGES_SLACK {
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
