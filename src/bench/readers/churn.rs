//! Readers that leave and come back, as whoever changes networks or reloads a page does.
//!
//! Came from: `load`, which says when. Goes to: the reader's connection, which is closed as its
//! technique closes one, and opened anew. Absent on purpose: what a reader misses meanwhile.
//! Nothing is published before all are back.

use super::super::messages::{Messages, histogram};
use super::visit::{Churn, ReaderVisit};
use super::{MASK, Readers};
use crate::client::frames;
use crate::client::subscriber::ReadMode;
use crate::wire::frame::Opcode;

impl Readers {
    /// All are there, and leave when they are told to.
    pub fn begin_churn(&mut self) {
        let there = (0..self.all.len()).filter(|&number| !self.all[number].is_lost).collect();
        self.churn = Some(Churn { there });
        self.counts.reconnect_us = Some(histogram());
    }

    /// Nobody leaves any more.
    pub fn end_churn(&mut self) {
        self.churn = None;
    }

    /// The reader that has been there for longest leaves, and comes back at once. Tells whether
    /// there was one.
    pub fn leave_one(&mut self, due_us: u64, messages: &mut Messages) -> bool {
        let Some(churn) = &mut self.churn else {
            return false;
        };
        let Some(number) = churn.there.pop_front() else {
            return false;
        };
        self.doing(number, messages, |readers, _| readers.leave(number, due_us));
        true
    }

    /// A WebSocket says that it closes, and is closed by the server; all else just ends.
    fn leave(&mut self, number: usize, due_us: u64) -> Result<(), String> {
        let by_frame = matches!(self.setup.mode, ReadMode::WebSocket { .. });
        let reader = &mut self.all[number];
        if reader.is_lost {
            return Ok(());
        }
        reader.subscriber.leave();
        self.subscribed -= 1;
        if by_frame && let Some(link) = &mut reader.link {
            reader.visit = ReaderVisit::Leaves(due_us);
            let mut frame = Vec::new();
            frames::encode(Opcode::Close, &GOING_AWAY, MASK, &mut frame);
            link.push(&frame);
            return link.flush();
        }
        reader.visit = ReaderVisit::Returns(due_us);
        reader.link = None;
        self.ask(number)
    }

    /// A reader has subscribed.
    pub(super) fn came_back(&mut self, number: usize, now: u64) {
        let visit = std::mem::replace(&mut self.all[number].visit, ReaderVisit::Stays);
        let ReaderVisit::Returns(due_us) = visit else {
            return;
        };
        self.counts.reconnects += 1;
        if let Some(histogram) = &mut self.counts.reconnect_us {
            histogram.saturating_record(now.saturating_sub(due_us));
        }
        if let Some(churn) = &mut self.churn {
            churn.there.push_back(number);
        }
    }
}

/// 1001, RFC 6455 §7.4.1.
const GOING_AWAY: [u8; 2] = [0x03, 0xE9];
