//! Frames of `tollway.v1` that wait for their answers, in the order in which they came.
//!
//! Every frame is answered, and the answers go out in the order of the frames: a refusal that is
//! known at once waits behind the publishes before it. So the nth answer is that of the nth frame,
//! and a client that sends no refs, or sends what is not JSON, still knows which frame was meant.
//! Behind them a rule of RFC 6455 may have been broken; that is told last.
//!
//! Came from: `broker::v1`, on asking the sequencer, and again with its receipts. Goes to: the
//! same, as answers that may be sent. Absent on purpose: messages. What was asked is on its way;
//! here is only what it is called.

use std::collections::VecDeque;

use super::ask::Failure;
use super::problem::Problem;
use crate::ids::Id;
use crate::limits::UNANSWERED_MAX;
use crate::wire::v1::Reference;

/// What became of a frame: the id of its message, or why there is none.
pub type PublishOutcome = Result<Id, Problem>;

/// The queue. Invariants: the first in it has no outcome, except between [`Unanswered::resolve`] or
/// [`Unanswered::push`] and [`Unanswered::next_answer`]; it owns nothing when nothing waits. One
/// word.
#[derive(Debug, Default)]
pub struct Unanswered(Option<Box<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Frame {
    reference: Reference,
    outcome: Option<PublishOutcome>,
}

impl Unanswered {
    /// A frame came. Without an `outcome` it waits for one.
    pub fn push(&mut self, reference: Reference, outcome: Option<PublishOutcome>) {
        let waiting = self.0.get_or_insert_default();
        waiting.frames.push_back(Frame { reference, outcome });
    }

    /// The outcome of the first frame that waits for one: the sequencer answers in the order of
    /// asking.
    pub fn resolve(&mut self, outcome: PublishOutcome) {
        let mut frames = self.0.iter_mut().flat_map(|waiting| waiting.frames.iter_mut());
        if let Some(frame) = frames.find(|frame| frame.outcome.is_none()) {
            frame.outcome = Some(outcome);
        }
    }

    /// The next answer to be sent, if its turn has come.
    pub fn next_answer(&mut self) -> Option<(Reference, PublishOutcome)> {
        let waiting = self.0.as_mut()?;
        let outcome = waiting.frames.front()?.outcome?;
        let frame = waiting.frames.pop_front()?;
        self.give_back();
        Some((frame.reference, outcome))
    }

    /// A rule was broken behind what waits: it is told when that is answered.
    pub fn fail_behind(&mut self, failure: Failure) {
        self.0.get_or_insert_default().failure = Some(failure);
    }

    /// Whether a rule was broken.
    pub fn is_failing(&self) -> bool {
        self.0.as_ref().is_some_and(|waiting| waiting.failure.is_some())
    }

    /// The rule that was broken, to be told.
    pub fn take_failure(&mut self) -> Option<Failure> {
        let failure = self.0.as_mut()?.failure.take();
        self.give_back();
        failure
    }

    /// Whether every frame is answered.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|waiting| waiting.frames.is_empty())
    }

    /// Whether no further frame should be read for now.
    pub fn is_full(&self) -> bool {
        self.0.as_ref().is_some_and(|waiting| waiting.frames.len() >= UNANSWERED_MAX)
    }

    fn give_back(&mut self) {
        if self.is_empty() && !self.is_failing() {
            self.0 = None;
        }
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
        assert!(unanswered.0.is_none());
        assert_eq!(size_of::<Unanswered>(), size_of::<usize>());
    }
}
