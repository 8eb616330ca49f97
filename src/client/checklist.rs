//! What one client has received: whether it is every message, once, in order.
//!
//! Came from: `swarm`, with each payload. Goes to: the report of a run. Absent on purpose: mercy. A
//! single message that is missing, doubled or out of order is told, and makes the run void.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use super::stamp;

/// The account of one client.
#[derive(Debug)]
pub struct Checklist {
    messages: u64,
    size: usize,
    /// The number that has to come next, from 1.
    next: u64,
    received: u64,
    /// Numbers that were jumped over, in order.
    missed: Vec<RangeInclusive<u64>>,
    /// Numbers that came when a later one had already come.
    late: Vec<u64>,
    /// Payloads that nobody published in this run.
    foreign: u64,
}

impl Checklist {
    /// For a client that is to get the messages 1 to `messages`, each `size` bytes long.
    pub const fn new(messages: u64, size: usize) -> Self {
        Self {
            messages,
            size,
            next: 1,
            received: 0,
            missed: Vec::new(),
            late: Vec::new(),
            foreign: 0,
        }
    }

    /// A payload came. Gives the moment when it was published, if it is one of this run.
    pub fn heard(&mut self, payload: &[u8]) -> Option<u64> {
        let stamp = stamp::read(payload, self.size);
        let Some((sequence, moment_us)) = stamp.filter(|(n, _)| (1..=self.messages).contains(n))
        else {
            self.foreign += 1;
            return None;
        };
        self.received += 1;
        if sequence < self.next {
            self.late.push(sequence);
        } else {
            if sequence > self.next {
                self.missed.push(self.next..=sequence - 1);
            }
            self.next = sequence + 1;
        }
        Some(moment_us)
    }

    /// Payloads of this run that came, doubled ones included.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// The last message has come: nothing more is to be waited for.
    pub const fn is_over(&self) -> bool {
        self.next > self.messages
    }

    /// What is wrong, in a sentence without its subject; `None` when all is well.
    pub fn complaint(&self) -> Option<String> {
        let mut missed = self.missed.clone();
        if !self.is_over() {
            missed.push(self.next..=self.messages);
        }
        // One that came late was not missed but is out of order; one that had come was doubled.
        let is_missed = |n: &u64| missed.iter().any(|range| range.contains(n));
        let (disordered, doubled): (Vec<u64>, Vec<u64>) =
            self.late.iter().copied().partition(is_missed);
        let mut parts = Vec::new();
        let gone: Vec<RangeInclusive<u64>> = missed
            .into_iter()
            .filter(|range| !range.clone().all(|n| disordered.contains(&n)))
            .collect();
        if !gone.is_empty() {
            parts.push(format!("missed {}", ranges(&gone)));
        }
        if !doubled.is_empty() {
            parts.push(format!("got {} twice", singles(&doubled)));
        }
        if !disordered.is_empty() {
            parts.push(format!("got {} out of order", singles(&disordered)));
        }
        if self.foreign > 0 {
            parts.push(format!("got {} payloads that this run did not publish", self.foreign));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// `message 4`, `messages 4 to 6 and 9`. Long lists are cut.
fn ranges(of: &[RangeInclusive<u64>]) -> String {
    let mut text = String::from(match of {
        [one] if one.start() == one.end() => "message ",
        _ => "messages ",
    });
    for (place, range) in of.iter().take(LISTED_MAX).enumerate() {
        let (first, last) = (range.start(), range.end());
        let between = match place {
            0 => "",
            _ if place + 1 == of.len() => " and ",
            _ => ", ",
        };
        let written = if first == last {
            write!(text, "{between}{first}")
        } else {
            write!(text, "{between}{first} to {last}")
        };
        written.expect("a string takes everything");
    }
    if of.len() > LISTED_MAX {
        let more = of.len() - LISTED_MAX;
        write!(text, " and more, in {more} places").expect("a string takes everything");
    }
    text
}

fn singles(of: &[u64]) -> String {
    let of: Vec<_> = of.iter().map(|&number| number..=number).collect();
    ranges(&of)
}

const LISTED_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn after(heard: &[u64]) -> Option<String> {
        let mut checklist = Checklist::new(9, 32);
        for &number in heard {
            checklist.heard(stamp::write(number, 7, 32).as_bytes());
        }
        checklist.complaint()
    }

    #[test]
    fn every_message_once_in_order_is_no_complaint() {
        let mut checklist = Checklist::new(3, 32);
        for number in 1..=3 {
            assert!(!checklist.is_over());
            let moment = checklist.heard(stamp::write(number, 70 + number, 32).as_bytes());
            assert_eq!(moment, Some(70 + number));
        }
        assert!(checklist.is_over());
        assert_eq!((checklist.complaint(), checklist.received()), (None, 3));
    }

    #[test]
    fn whatever_else_came_is_told() {
        let all = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(after(&all), None);
        for (heard, complaint) in [
            (&[1, 2, 3, 4, 5, 6, 7, 8][..], "missed message 9"),
            (&[], "missed messages 1 to 9"),
            (&[1, 2, 6, 7, 9], "missed messages 3 to 5 and 8"),
            (&[1, 2, 2, 3, 4, 5, 6, 7, 8, 9], "got message 2 twice"),
            (&[1, 2, 4, 3, 5, 6, 7, 8, 9], "got message 3 out of order"),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "got 1 payloads that this run did not publish"),
        ] {
            assert_eq!(after(heard).as_deref(), Some(complaint), "{heard:?}");
        }
    }

    #[test]
    fn a_long_list_is_cut() {
        let mut checklist = Checklist::new(40, 32);
        for number in (2..=40).step_by(2) {
            checklist.heard(stamp::write(number, 7, 32).as_bytes());
        }
        assert_eq!(
            checklist.complaint().as_deref(),
            Some("missed messages 1, 3, 5, 7, 9 and more, in 15 places")
        );
    }
}
