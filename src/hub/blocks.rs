//! Memory of messages that fell off, for those that come.
//!
//! A turn brings many messages, and then as many fall off. The allocator has a short way only for
//! the next few blocks of a size; the others it takes in and gives out again on its long one.
//!
//! Came from: `retention`, with what fell off. Goes to: drafts. Absent on purpose: long data, which
//! are given back at once, and blocks that somebody still holds: an outbox, or another thread.

use std::sync::Arc;

use crate::limits::MESSAGE_BLOCKS_KEPT;
use crate::technique::message::Message;

/// Messages that nobody can see any more.
#[derive(Debug, Default)]
pub(super) struct Blocks(Vec<Arc<Message>>);

impl Blocks {
    /// Keeps the block of a message that fell off, if nobody holds it and few are kept.
    pub(super) fn keep(&mut self, mut message: Arc<Message>) {
        if self.0.len() < MESSAGE_BLOCKS_KEPT
            && let Some(place) = Arc::get_mut(&mut message)
        {
            place.let_go_of_long();
            self.0.push(message);
        }
    }

    /// How many are kept.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Puts a message into a block that is kept, or into a new one.
    pub(super) fn put(&mut self, message: Message) -> Arc<Message> {
        if let Some(mut block) = self.0.pop()
            && let Some(place) = Arc::get_mut(&mut block)
        {
            *place = message;
            return block;
        }
        Arc::new(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Micros, Seq, TopicName};
    use crate::technique::message::Payload;

    #[test]
    fn few_blocks_are_kept_and_no_long_data() {
        let mut blocks = Blocks::default();
        for _ in 0..2 * MESSAGE_BLOCKS_KEPT {
            let topic = TopicName::parse("a").expect("a name");
            let payload = Payload::posted([b'x'; 100]);
            blocks.keep(Arc::new(Message {
                seq: Seq(1),
                topic,
                event: None,
                payload,
                at: Micros(0),
            }));
        }
        assert_eq!(blocks.0.len(), MESSAGE_BLOCKS_KEPT);
        assert!(blocks.0.iter().all(|block| block.payload.length() == 0));
    }
}
