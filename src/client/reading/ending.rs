//! The end of a connection: for an answer without a length it is the end of the answer, and for
//! everything else it comes too early. RFC 9112 §6.3.
//!
//! Came from: `reading`, and whoever has the socket that ended. Goes to: the same, as what was told
//! or what went wrong. Absent on purpose: whether to connect again.

use std::mem;

use super::{Reading, ReadingStage};
use crate::client::setback::Setback;
use crate::client::told::Told;

impl Reading {
    /// The connection ended. An answer to a poll that says no length is whole by that, and told.
    pub fn ended(&mut self, told: &mut Vec<Told>) -> Result<(), Setback> {
        let is_whole = self.decoder.ended(&self.inbox).is_ok();
        match mem::replace(&mut self.stage, ReadingStage::Head) {
            ReadingStage::Poll(head) if is_whole => {
                let body = mem::take(&mut self.held);
                self.answered(&head, &body, told)
            }
            stage => {
                self.stage = stage;
                Err(self.cut_off())
            }
        }
    }

    /// What an end is that leaves something unfinished.
    pub(super) fn cut_off(&self) -> Setback {
        match &self.stage {
            // A refusal whose body ends with the connection, or is cut.
            ReadingStage::Refusal(head) => Setback::refused(head, &self.held),
            ReadingStage::Head if !self.inbox.is_empty() => {
                Setback::new("was cut in the middle of an answer")
            }
            // A server that ends a stream, or has no place for one, says when to come back.
            ReadingStage::Events(reader) => Setback {
                retry_after_ms: reader.retry_ms(),
                is_goodbye: reader.says_goodbye(),
                ..Setback::new("ended the stream")
            },
            _ => Setback::new("was cut"),
        }
    }
}
