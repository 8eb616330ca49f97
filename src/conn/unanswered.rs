//! Frames of `tollway.v1` that wait for their answers, in the order in which they came.
//!
//! Every frame is answered, and the answers go out in the order of the frames: a refusal that is
//! known at once waits behind the publishes before it. So the nth answer is that of the nth frame,
//! and a client that sends no refs, or sends what is not JSON, still knows which frame was meant.
//!
//! Came from: `broker::v1`, on asking the sequencer, and again with its receipts. Goes to: the
//! same, as answers that may be sent. Absent on purpose: messages. What was asked is on its way;
//! here is only what it is called.

use std::collections::VecDeque;

use super::problem::Problem;
use crate::ids::Id;
use crate::limits::UNANSWERED_MAX;
use crate::wire::v1::Reference;

/// What became of a frame: the id of its message, or why there is none.
pub type PublishOutcome = Result<Id, Problem>;

/// The queue. Invariants: the first in it has no outcome, except between [`Unanswered::resolve`] or
/// [`Unanswered::push`] and [`Unanswered::next_answer`]; it owns nothing when it is empty.
#[derive(Debug, Default)]
pub struct Unanswered {
    #[expect(clippy::box_collection, reason = "8 bytes in an idle connection, not 32")]
    line: Option<Box<VecDeque<Frame>>>,
}

#[derive(Debug)]
struct Frame {
    reference: Reference,
    outcome: Option<PublishOutcome>,
}

impl Unanswered {
    /// A frame came. Without an `outcome` it waits for one.
    pub fn push(&mut self, reference: Reference, outcome: Option<PublishOutcome>) {
        let line = self.line.get_or_insert_default();
        line.push_back(Frame { reference, outcome });
    }

    /// The outcome of the first frame that waits for one: the sequencer answers in the order of
    /// asking.
    pub fn resolve(&mut self, outcome: PublishOutcome) {
        let mut frames = self.line.iter_mut().flat_map(|line| line.iter_mut());
        if let Some(frame) = frames.find(|frame| frame.outcome.is_none()) {
            frame.outcome = Some(outcome);
        }
    }

    /// The next answer to be sent, if its turn has come.
    pub fn next_answer(&mut self) -> Option<(Reference, PublishOutcome)> {
        let line = self.line.as_mut()?;
        let outcome = line.front()?.outcome?;
        let frame = line.pop_front()?;
        if line.is_empty() {
            self.line = None;
        }
        Some((frame.reference, outcome))
    }

    /// Whether every frame is answered.
    pub fn is_empty(&self) -> bool {
        self.line.is_none()
    }

    /// Whether no further frame should be read for now.
    pub fn is_full(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.len() >= UNANSWERED_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::problem::Rule;
    use crate::ids::{Epoch, Seq};
    use crate::wire::v1;

    fn reference(n: usize) -> Reference {
        v1::decode(&format!(r#"{{"ref":{n}}}"#), 0).0
    }

    fn id(n: u64) -> Id {
        Id { epoch: Epoch(1), seq: Seq(n) }
    }

    fn answers(unanswered: &mut Unanswered) -> Vec<String> {
        std::iter::from_fn(|| unanswered.next_answer())
            .map(|(reference, outcome)| match outcome {
                Ok(id) => format!("{} {}", reference.json(), id.seq.0),
                Err(problem) => format!("{} {}", reference.json(), problem.code),
            })
            .collect()
    }

    #[test]
    fn answers_go_out_in_the_order_of_the_frames() {
        let refused = || Some(Err(Rule::TopicMalformed.into()));
        let mut unanswered = Unanswered::default();
        unanswered.push(reference(1), refused());
        assert_eq!(answers(&mut unanswered), ["1 topic_malformed"]);
        unanswered.push(reference(2), None);
        unanswered.push(reference(3), refused());
        unanswered.push(reference(4), None);
        unanswered.push(reference(5), None);
        unanswered.push(Reference::default(), refused());
        assert!(answers(&mut unanswered).is_empty());
        unanswered.resolve(Ok(id(7)));
        assert_eq!(answers(&mut unanswered), ["2 7", "3 topic_malformed"]);
        unanswered.resolve(Err(Rule::Overloaded.into()));
        unanswered.resolve(Ok(id(8)));
        let rest = ["4 overloaded", "5 8", "null topic_malformed"];
        assert_eq!(answers(&mut unanswered), rest);
        assert!(unanswered.is_empty());
        unanswered.resolve(Ok(id(9)));
        assert!(answers(&mut unanswered).is_empty());
    }

    #[test]
    fn it_is_full_at_the_bound_and_owns_nothing_when_empty() {
        let mut unanswered = Unanswered::default();
        for n in 0..UNANSWERED_MAX {
            assert!(!unanswered.is_full());
            unanswered.push(reference(n), None);
        }
        assert!(unanswered.is_full());
        for n in 0..UNANSWERED_MAX {
            unanswered.resolve(Ok(id(n as u64)));
            assert_eq!(answers(&mut unanswered), [format!("{n} {n}")]);
        }
        assert!(unanswered.line.is_none());
        assert_eq!(size_of::<Unanswered>(), size_of::<usize>());
    }
}
