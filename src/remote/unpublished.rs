//! Messages that are to be published and are not done with, in their order.
//!
//! Over WebSocket several are under way at once, and a server may refuse one and take those behind
//! it. What it has taken is not sent again, and its receipt waits for those before it: receipts
//! come in the order of the messages.
//!
//! Came from: `publisher`, with messages and what became of them. Goes to: the same, as what to
//! send next, and in words to people. Absent on purpose: sockets, and giving up.

use std::collections::VecDeque;
use std::fmt::Write as _;

/// Messages in their order, the oldest first.
#[derive(Debug, Default)]
pub struct Unpublished {
    messages: VecDeque<Pending>,
    /// Messages that were ever added: the number of the last one.
    added: u64,
}

/// A message that is not done with.
#[derive(Debug)]
pub struct Pending {
    /// From 1, in the order in which they were added.
    pub number: u64,
    /// By which the server knows a repeat.
    pub key: String,
    /// What is published.
    pub data: Vec<u8>,
    /// What became of it so far.
    pub state: PendingState,
    /// It was under way on a connection that is gone, and may be in the log, whatever became of it
    /// later: who refuses a repeat may not have looked whether it is one.
    is_doubtful: bool,
}

/// What became of a message so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PendingState {
    /// It is to be sent: for the first time, or again.
    Unsent,
    /// It is under way on this connection, in so many bytes.
    Sent(usize),
    /// It is in the log, with this receipt, and one before it is not.
    Taken(String),
}

impl Unpublished {
    /// Adds a message behind all others.
    pub fn push(&mut self, key: String, data: Vec<u8>) {
        self.added += 1;
        let number = self.added;
        let state = PendingState::Unsent;
        self.messages.push_back(Pending { number, key, data, state, is_doubtful: false });
    }

    /// Messages that are not done with.
    pub fn count(&self) -> usize {
        self.messages.len()
    }

    /// The oldest.
    pub fn oldest(&mut self) -> Option<&mut Pending> {
        self.messages.front_mut()
    }

    /// Those that are to be sent: all, or the oldest alone.
    pub fn to_send(&mut self, alone: bool) -> impl Iterator<Item = &mut Pending> {
        let most = if alone { 1 } else { usize::MAX };
        let messages = self.messages.iter_mut().take(most);
        messages.filter(|message| message.state == PendingState::Unsent)
    }

    /// Bytes that are under way.
    pub fn bytes_sent(&self) -> usize {
        let bytes = |message: &Pending| match message.state {
            PendingState::Sent(bytes) => bytes,
            _ => 0,
        };
        self.messages.iter().map(bytes).sum()
    }

    /// Whether one is under way.
    pub fn awaits(&self) -> bool {
        self.messages.iter().any(|message| matches!(message.state, PendingState::Sent(_)))
    }

    /// The message with this number, if it is under way.
    pub fn under_way(&mut self, number: u64) -> Option<&mut Pending> {
        let mut sent =
            self.messages.iter_mut().filter(|m| matches!(m.state, PendingState::Sent(_)));
        sent.find(|message| message.number == number)
    }

    /// Takes out the oldest message if it is in the log; gives its receipt.
    pub fn pop_taken(&mut self) -> Option<String> {
        match self.messages.pop_front_if(|message| message.is_taken())?.state {
            PendingState::Taken(receipt) => Some(receipt),
            _ => None,
        }
    }

    /// The connection is gone, and with it the answers to what is under way.
    pub fn lose_answers(&mut self) {
        for message in &mut self.messages {
            if let PendingState::Sent(_) = message.state {
                message.state = PendingState::Unsent;
                message.is_doubtful = true;
            }
        }
    }

    /// Lines that are in the log although one before them is not; empty when there are none.
    pub fn taken(&self) -> String {
        self.lines("in the log already", Pending::is_taken)
    }

    /// Lines of which nobody knows whether they are in the log; empty when there are none.
    pub fn doubtful(&self) -> String {
        self.lines("perhaps in the log", |message| message.is_doubtful && !message.is_taken())
    }

    /// `; what: lines 3 to 5, 9`
    fn lines(&self, what: &str, is_one: impl Fn(&Pending) -> bool) -> String {
        let ones = self.messages.iter().filter(|message| is_one(message));
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for &Pending { number, .. } in ones {
            match spans.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => spans.push((number, number)),
            }
        }
        let mut said = String::new();
        for (n, (first, last)) in spans.iter().enumerate() {
            match n {
                0 if spans.len() == 1 && first == last => write!(said, "; {what}: line {first}"),
                0 => write!(said, "; {what}: lines {first}"),
                _ => write!(said, ", {first}"),
            }
            .expect("a string takes it");
            if first != last {
                write!(said, " to {last}").expect("a string takes it");
            }
        }
        said
    }
}

impl Pending {
    const fn is_taken(&self) -> bool {
        matches!(self.state, PendingState::Taken(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpublished(states: &[PendingState]) -> Unpublished {
        let mut unpublished = Unpublished::default();
        for state in states {
            unpublished.push("k".into(), b"data".to_vec());
            unpublished.messages.back_mut().expect("just added").state = state.clone();
        }
        unpublished
    }

    fn taken() -> PendingState {
        PendingState::Taken("{}".into())
    }

    #[test]
    fn receipts_wait_for_those_before_them() {
        use PendingState::Unsent;
        let mut unpublished = unpublished(&[Unsent, taken(), taken(), Unsent]);
        assert_eq!(unpublished.pop_taken(), None);
        let sent: Vec<u64> = unpublished.to_send(false).map(|message| message.number).collect();
        assert_eq!(sent, [1, 4], "what is in the log is not sent again");
        unpublished.oldest().expect("four").state = taken();
        let receipts = std::iter::from_fn(|| unpublished.pop_taken()).count();
        assert_eq!((receipts, unpublished.count()), (3, 1));
    }

    #[test]
    fn one_at_a_time_is_the_oldest_and_nothing_beside_it() {
        use PendingState::{Sent, Unsent};
        for (state, sends) in [(Unsent, 1), (Sent(9), 0)] {
            let mut unpublished = unpublished(&[state, Unsent]);
            assert_eq!(unpublished.to_send(true).count(), sends);
        }
    }

    #[test]
    fn what_was_under_way_is_doubtful_once_its_connection_is_gone() {
        use PendingState::{Sent, Unsent};
        let mut unpublished = unpublished(&[Sent(3), Sent(4), taken(), Unsent]);
        assert_eq!((unpublished.bytes_sent(), unpublished.awaits()), (7, true));
        assert!(unpublished.under_way(2).is_some() && unpublished.under_way(3).is_none());
        unpublished.lose_answers();
        assert_eq!((unpublished.bytes_sent(), unpublished.awaits()), (0, false));
        assert_eq!(unpublished.doubtful(), "; perhaps in the log: lines 1 to 2");
        assert_eq!(unpublished.taken(), "; in the log already: line 3");
        let sent: Vec<u64> = unpublished.to_send(false).map(|message| message.number).collect();
        assert_eq!(sent, [1, 2, 4]);
        // Neither a refusal of the repeat nor another loss makes it known; an answer does.
        unpublished.messages[0].state = Sent(3);
        unpublished.lose_answers();
        unpublished.messages[0].state = Unsent;
        unpublished.messages[1].state = taken();
        assert_eq!(unpublished.doubtful(), "; perhaps in the log: line 1");
    }

    #[test]
    fn lines_are_told_in_spans() {
        use PendingState::Unsent;
        for (states, told) in [
            (vec![Unsent], ""),
            (vec![Unsent, taken()], "; in the log already: line 2"),
            (vec![Unsent, taken(), Unsent, taken()], "; in the log already: lines 2, 4"),
            (
                vec![Unsent, taken(), taken(), taken(), Unsent, taken()],
                "; in the log already: lines 2 to 4, 6",
            ),
        ] {
            assert_eq!(unpublished(&states).taken(), told);
        }
    }
}
