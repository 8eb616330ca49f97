//! Fingerprints: whether what a reader would be given has changed, told without collecting it.
//!
//! A topic's log is a run of messages that grows at one end and falls off at the other. So the
//! first and the last that are retained after a cursor tell which ones are, however many, and a few
//! words tell everything that an answer is made of.
//!
//! Came from: `broker::poll`, with what else the answer depends on. Goes to: its `ETag`; and the
//! state of all logs, in which whatever changes counts, to `broker::given`. Absent on purpose:
//! secrecy. A client that wants two answers with one fingerprint can look for numbers of messages
//! that give it, and would deceive nobody but itself.

use super::Hub;
use crate::ids::{Seq, TopicId};

/// 64 bits that differ when what was put in differs: always when one word differs, almost always
/// when several do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// Puts one more number in. Each step can be undone (an odd factor, a shifted copy), so that no
    /// two numbers come to the same.
    #[must_use]
    pub fn with(self, number: u64) -> Self {
        let mixed = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self((mixed ^ (mixed >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    /// Puts a text in, and where it ends.
    #[must_use]
    pub fn with_text(self, text: &str) -> Self {
        let bytes = text.bytes().fold(self, |print, byte| print.with(u64::from(byte)));
        bytes.with(1 << 32)
    }
}

/// What was in all logs at one time, and had been lost: another one whenever a message has come or
/// gone, a topic is forgotten whose loss its group takes over, or the numbering has begun anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubState {
    tip: Seq,
    evictions: u64,
    raised: u64,
}

impl Hub {
    /// What is in all logs now.
    pub fn state(&self) -> HubState {
        let raised = self.forgotten.raised();
        HubState { tip: self.tip, evictions: self.evictions, raised }
    }

    /// What is retained of `topics` after `cursor`, in the order in which they were asked for.
    pub fn fingerprint(&self, topics: &[TopicId], cursor: Seq) -> Fingerprint {
        let start = Fingerprint(self.epoch.0).with(cursor.0);
        topics.iter().fold(start, |print, &topic| {
            let log = self.log(topic);
            match log.get(log.after(cursor)) {
                Some(first) => print.with(first.seq().0).with(log.tip().0),
                // A topic without news is like one that nobody has ever heard of.
                None => print,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn neighbours_have_different_fingerprints() {
        let mut seen = HashSet::new();
        for first in 0..40 {
            for last in 0..40 {
                for cursor in 0..40 {
                    let print = Fingerprint(1).with(cursor).with(first).with(last);
                    assert!(seen.insert(print.0), "{cursor} {first} {last}");
                }
            }
        }
    }

    #[test]
    fn a_text_ends_where_it_ends() {
        let print = |texts: &[&str]| texts.iter().fold(Fingerprint(0), |p, t| p.with_text(t)).0;
        let all = [print(&["ab", "c"]), print(&["a", "bc"]), print(&["abc"]), print(&["", "abc"])];
        assert_eq!(HashSet::from(all).len(), all.len());
    }
}
