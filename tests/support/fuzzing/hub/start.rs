//! Where readers start: whatever they ask for, nothing that they miss is hidden from them.
//!
//! Came from: `hub`, with an operation. Goes to: `Hub::start`.

use tollway::hub::Start;
use tollway::ids::{Cursor, Epoch, Id, Seq, TopicName};
use tollway::technique::GapReason;

use super::{Bench, EPOCH, Kept, name};

impl Bench {
    pub(super) fn start(&self, topics: u8, how: u8, seq: u64) {
        let topics: Vec<usize> = (0..4).filter(|n| topics >> n & 1 > 0).collect();
        let names: Vec<TopicName> = topics.iter().map(|&topic| name(topic)).collect();
        let of_topics = |kept: &&Kept| topics.contains(&kept.topic);
        let held: Vec<u64> = self.held.iter().filter(of_topics).map(|kept| kept.seq).collect();
        let seq = seq % (self.tip + 3);
        let id = Id { epoch: if how & 8 > 0 { Epoch(15) } else { EPOCH }, seq: Seq(seq) };
        let asked = match how % 4 {
            0 => Cursor::Latest,
            1 => Cursor::Earliest,
            2 => Cursor::Unknown("gibberish".into()),
            _ => Cursor::After(id),
        };
        let start = self.hub.start(&names, &asked);
        let next = self.hub.next(self.hub.known(&names), start.cursor).map(|e| e.seq().0);
        assert_eq!(next, held.iter().copied().find(|&seq| seq > start.cursor.0));
        let foreign = id.epoch != EPOCH || seq > self.tip;
        let lost = self.gone.iter().filter(of_topics).any(|kept| kept.seq > seq);
        let from = match asked {
            Cursor::Latest => {
                assert_eq!((start.cursor.0, start.gap), (self.tip, None));
                return;
            }
            Cursor::Earliest => {
                assert_eq!(start.gap, None);
                0
            }
            Cursor::After(_) if !foreign => {
                assert!(start.gap.is_some() || !lost, "a loss is never hidden");
                assert!(start.gap.is_none() || lost || !self.gone.is_empty());
                assert!(start.gap.is_some() || start.cursor.0 == seq);
                assert!(start.gap.as_ref().is_none_or(|gap| gap.reason == GapReason::Expired));
                seq
            }
            Cursor::After(_) | Cursor::Unknown(_) => {
                let reason = start.gap.as_ref().map(|gap| gap.reason);
                assert_eq!(reason, Some(GapReason::Epoch), "never taken for the newest");
                0
            }
        };
        assert_eq!(next, held.iter().copied().find(|&seq| seq > from), "all that is held follows");
        self.gap_is_told_once(&names, &start, next);
    }

    fn gap_is_told_once(&self, names: &[TopicName], start: &Start, next: Option<u64>) {
        if let Some(gap) = &start.gap {
            assert_eq!(gap.to.seq.0, next.unwrap_or(start.cursor.0), "what follows");
        }
        if names.len() == 1 {
            let asked = Cursor::After(Id { epoch: EPOCH, seq: start.cursor });
            let again = self.hub.start(names, &asked);
            assert_eq!((again.cursor, again.gap), (start.cursor, None), "once is enough");
        }
    }
}
