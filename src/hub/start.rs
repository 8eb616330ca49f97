//! Where a reader starts: from the cursor it asks for, to the message after which it begins, and
//! what it missed.
//!
//! Came from: `broker`, once per poll and once per stream or socket. Goes to: the reader's cursor.
//! Absent on purpose: techniques. A cursor from any of them means the same here.

use super::Hub;
use crate::ids::{Cursor, Seq, TopicId, TopicName};
use crate::technique::{Gap, GapReason};

/// Where a reader starts.
#[derive(Debug)]
pub struct Start {
    /// After the message of this number.
    pub cursor: Seq,
    /// What it misses, to be said before anything else.
    pub gap: Option<Gap>,
}

impl Hub {
    /// Resolves `asked` for a reader of `topics`. Reads only: a topic that nobody has written to is
    /// not made by looking at it.
    pub fn start(&self, topics: &[TopicName], asked: &Cursor) -> Start {
        let at = |cursor| Start { cursor, gap: None };
        match asked {
            Cursor::Latest => at(self.tip),
            Cursor::Earliest => at(self.earliest(topics)),
            // A number that nobody has given yet belongs to somebody else's numbering. Where others
            // give numbers too, one that is ahead of us may have been given, and what it stands
            // for is on its way.
            Cursor::After(id) if id.epoch != self.epoch || self.is_unknown(id.seq) => {
                self.after_gap(topics, self.earliest(topics), &id.to_string(), GapReason::Epoch)
            }
            Cursor::After(id) if self.lost(topics) > id.seq => {
                self.after_gap(topics, id.seq, &id.to_string(), GapReason::Expired)
            }
            Cursor::After(id) => at(id.seq),
            Cursor::Unknown(text) => {
                self.after_gap(topics, self.earliest(topics), text, GapReason::Epoch)
            }
        }
    }

    fn is_unknown(&self, seq: Seq) -> bool {
        seq.0 > self.tip.0.saturating_add(self.ahead_max)
    }

    /// A start with a gap: whatever is retained after `cursor` follows.
    pub fn after_gap(
        &self,
        topics: &[TopicName],
        cursor: Seq,
        from: &str,
        reason: GapReason,
    ) -> Start {
        let next = self.next(self.known(topics), cursor).map(super::log::Entry::seq);
        // When nothing follows, the reader goes on from behind all that is lost, so as not to be
        // told of the same gap again.
        let cursor = next.map_or_else(|| self.lost(topics).max(cursor), Seq::before);
        let to = self.id(next.unwrap_or(cursor));
        Start { cursor, gap: Some(Gap { from: from.into(), to, reason }) }
    }

    /// The highest number before the first message retained; behind all that is lost when nothing
    /// is.
    fn earliest(&self, topics: &[TopicName]) -> Seq {
        let first = self.next(self.known(topics), Seq(0));
        first.map_or_else(|| self.lost(topics), |entry| entry.seq().before())
    }

    /// Up to where any of `topics` has lost messages.
    fn lost(&self, topics: &[TopicName]) -> Seq {
        let lost = |name| match self.find(name) {
            Some(id) => self.log(id).evicted(),
            None => self.forgotten.evicted(name),
        };
        topics.iter().map(lost).max().unwrap_or_default()
    }

    /// Those of `topics` that exist.
    pub fn known(&self, topics: &[TopicName]) -> impl Iterator<Item = TopicId> {
        topics.iter().filter_map(|name| self.find(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::past::Past;
    use crate::ids::{Epoch, Id};
    use crate::limits::Limits;

    #[test]
    fn a_number_ahead_of_us_is_known_where_others_give_numbers_too() {
        let mut hub = Hub::new(Epoch(14), &Limits::default(), 1);
        let topics = [TopicName::parse("a").expect("a good name")];
        let start = |hub: &Hub, epoch, seq| {
            let asked = Cursor::After(Id { epoch: Epoch(epoch), seq: Seq(seq) });
            let Start { cursor, gap } = hub.start(&topics, &asked);
            (cursor.0, gap.map(|gap| gap.reason))
        };
        hub.recall(&Past { tip: Seq(5), ..Past::default() });
        assert_eq!(start(&hub, 14, 6), (0, Some(GapReason::Epoch)), "we give them all");
        hub.recall(&Past { tip: Seq(5), ahead_max: 100, ..Past::default() });
        assert_eq!(start(&hub, 14, 6), (6, None), "it is on its way");
        assert_eq!(start(&hub, 14, 105), (105, None));
        assert_eq!(start(&hub, 14, 106), (0, Some(GapReason::Epoch)), "nobody is so far ahead");
        assert_eq!(start(&hub, 15, 6), (0, Some(GapReason::Epoch)));
    }
}
