//! The latest answer to a poll, given again to whoever asks the same.
//!
//! Long polls that one message releases have asked the same, if they were up to date, and so have
//! clients that poll one topic at intervals. Their answers do not differ by a byte within one
//! second, whose date is in them: so the first of them is made, and the others share it.
//!
//! Came from: `poll`. Goes to: the same. Absent on purpose: answers that only few can share: to
//! readers of several topics, to pages of other sites, to whoever shows a tag, and those that begin
//! with a gap.

use std::rc::Rc;

use crate::conn::response_context::ResponseContext;
use crate::conn::state::PollTerms;
use crate::hub::{Hub, Start};
use crate::ids::{Seq, TopicId};
use crate::technique::Bundle;
use crate::wire::response::Status;

/// An answer, and all that it depends on but the date.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) question: Question,
    pub(super) status: Status,
    pub(super) answer: Rc<Bundle>,
}

/// All that an answer depends on but the date. What is retained of a topic after a cursor is told
/// by its first and its last message: a number is never given twice, so that this holds for a topic
/// that has the slot of another, too.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    news: Option<(Seq, Seq)>,
    cursor: Seq,
    limit: usize,
    wait_s: Option<u64>,
    keep_alive: bool,
    http10: bool,
}

impl Question {
    /// What is asked. `None`: few will ask the same.
    pub(super) fn of(
        hub: &Hub,
        topics: &[TopicId],
        start: &Start,
        terms: &PollTerms,
        context: &ResponseContext,
    ) -> Option<Self> {
        let of_one = topics.len() <= 1 && !terms.named;
        let plain = context.allow_origin.is_none() && !context.head_only;
        if !of_one || !plain || start.gap.is_some() || terms.if_none_match.is_some() {
            return None;
        }
        let log = topics.first().map(|topic| hub.log(*topic));
        let first = log.and_then(|log| log.get(log.after(start.cursor)).map(|e| (log, e)));
        Some(Self {
            news: first.map(|(log, first)| (first.seq(), log.tip())),
            cursor: start.cursor,
            limit: terms.limit,
            wait_s: terms.wait_s,
            keep_alive: context.keep_alive,
            http10: context.http10,
        })
    }
}
