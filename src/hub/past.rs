//! What a hub begins with where a store has kept messages of earlier runs.
//!
//! Came from: the store, at the start and when its numbering begins anew, for all threads. Goes to:
//! each thread's hub, which is then as it would be if it had never ended. Absent on purpose: what
//! was encoded; that is made when somebody asks.

use std::sync::Arc;

use super::Hub;
use super::forgotten::Forgotten;
use super::log::TopicLog;
use crate::ids::{Seq, TopicName};
use crate::technique::message::Message;

/// Messages of earlier runs, and what was lost before them.
#[derive(Debug, Default)]
pub struct Past {
    /// The newest number that was given.
    pub tip: Seq,
    /// How far ahead of us a number may be that others have given; 0: nobody else gives any.
    pub ahead_max: u64,
    /// Where groups of names are told apart.
    pub group_key: u64,
    /// The highest number lost, by group of names, of topics without messages.
    pub lost: Vec<(usize, Seq)>,
    /// In the order of their numbers, each with the number of the one before it in its topic; 0:
    /// there was none.
    pub messages: Vec<(Arc<Message>, Seq)>,
}

/// So many are taken in before bounds are held to.
const PORTION: usize = 256;

impl Hub {
    /// Takes in what is left of earlier runs. To be called while there is no message.
    pub fn recall(&mut self, past: &Past) {
        self.forgotten = Forgotten::recall(past.group_key, &past.lost);
        for portion in past.messages.chunks(PORTION) {
            for (message, before) in portion {
                self.recall_topic(&message.topic, *before);
                self.append(Arc::clone(message));
            }
            self.hold_bounds(); // At a start nobody reads yet: no round is on.
        }
        self.tip = past.tip;
        self.ahead_max = past.ahead_max;
    }

    /// The oldest message left says what was lost before it, more closely than a group does.
    fn recall_topic(&mut self, name: &TopicName, before: Seq) {
        match self.find(name) {
            None => _ = self.make_topic(name, before),
            Some(id) => {
                let log = &mut self.topics[id.0 as usize].log;
                if log.is_empty() {
                    *log = TopicLog::new(before); // Somebody reads it.
                }
            }
        }
    }
}
