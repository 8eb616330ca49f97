//! What the stream holds, read from its beginning to its end: what a node begins with.
//!
//! It is read in pieces, each as large as the last one's messages suggest, and no more is kept of
//! it than the bounds of retention allow. Others append meanwhile; so it is read until nothing is
//! left behind the newest that was seen.
//!
//! What is gone is told by group of names: the newest number of the group if the stream has nothing
//! of it any more, else what the first entry left says of the one before it.
//!
//! Came from: the shell, at a start and when a node begins anew. Goes to: every thread's hub, and
//! the shell, which goes on reading from there. Absent on purpose: keys, which Redis has.

use std::collections::VecDeque;
use std::sync::Arc;

use super::entry::StreamEntry;
use super::fault::RedisFault;
use super::link::{Joined, RedisLink};
use super::reach::Reach;
use crate::hub::past::Past;
use crate::ids::{Micros, Seq};
use crate::limits::{
    FORGOTTEN_GROUPS, Limits, REDIS_NUMBERS_SKIPPED, REDIS_PIECE_BYTES, REDIS_PIECE_MAX,
    REDIS_PIECE_MIN,
};
use crate::technique::message::Message;

/// How many entries to ask for, so that a piece has the bytes that it is to have.
#[derive(Debug)]
pub struct PieceSize(usize);

impl Default for PieceSize {
    fn default() -> Self {
        Self(REDIS_PIECE_MIN)
    }
}

impl PieceSize {
    /// Entries to ask for.
    pub fn entries(&self) -> usize {
        self.0
    }

    /// A piece came.
    pub fn took(&mut self, entries: &[StreamEntry]) {
        let bytes: usize = entries.iter().map(|entry| entry.payload.bytes().len()).sum();
        if bytes > REDIS_PIECE_BYTES {
            self.0 = (self.0 / 2).max(REDIS_PIECE_MIN);
        } else if entries.len() == self.0 && bytes < REDIS_PIECE_BYTES / 2 {
            self.0 = (self.0 * 2).min(REDIS_PIECE_MAX);
        }
    }
}

/// Reads all of it. `moment` says when something was on the server's clock that was at so many
/// milliseconds since 1970 by the clock of Redis.
pub fn recall(
    link: &mut RedisLink,
    joined: &Joined,
    limits: &Limits,
    moment: impl Fn(u64) -> Micros,
) -> Result<(Past, Reach), RedisFault> {
    let mut lost = vec![Seq(0); FORGOTTEN_GROUPS];
    for (group, newest) in link.groups()? {
        if let Some(lost) = lost.get_mut(group) {
            *lost = newest;
        }
    }
    let mut reach = Reach::new(limits, joined.group_key);
    let mut kept = Recalled { seen: vec![false; FORGOTTEN_GROUPS], lost, ..Recalled::default() };
    let (mut tip, mut size) = (Seq(0), PieceSize::default());
    let mut newest_at = Micros(0);
    loop {
        let entries = link.read(tip, size.entries())?;
        size.took(&entries);
        let Some(newest) = entries.last() else {
            break;
        };
        tip = newest.seq;
        for entry in entries {
            let at = moment(entry.wall_ms).max(newest_at);
            newest_at = at;
            let before = entry.before;
            let message = entry.into_message(at);
            let group = reach.group(&message.topic);
            let whole =
                reach.take(message.seq, &message.topic, before, message.cost(), at.millis());
            kept.push(message, group, before, whole, limits.retain_bytes);
        }
    }
    let past = Past {
        // What Redis may have lost is not given again: `joined` may be ahead of the stream.
        tip: tip.max(joined.tip),
        ahead_max: 2 * REDIS_NUMBERS_SKIPPED,
        group_key: joined.group_key,
        lost: kept.lost_groups(),
        messages: kept.messages.into_iter().map(|(message, _, before)| (message, before)).collect(),
    };
    Ok((past, reach))
}

/// Messages that are to be kept, and what is gone by group of names.
#[derive(Debug, Default)]
struct Recalled {
    /// With the group of the name, and up to where its topic may have lost something.
    messages: VecDeque<(Arc<Message>, usize, Seq)>,
    bytes: usize,
    lost: Vec<Seq>,
    /// Groups of which an entry was seen.
    seen: Vec<bool>,
}

impl Recalled {
    fn push(&mut self, message: Arc<Message>, group: usize, before: Seq, whole: bool, most: usize) {
        if !self.seen[group] {
            self.seen[group] = true;
            self.lost[group] = before; // And not the newest of the group: that is in the stream.
        } else if !whole {
            self.lost[group] = before;
        }
        self.bytes += message.cost();
        self.messages.push_back((message, group, self.lost[group]));
        while self.bytes > most
            && self.messages.len() > 1
            && let Some((message, group, _)) = self.messages.pop_front()
        {
            self.bytes -= message.cost();
            self.lost[group] = message.seq.max(self.lost[group]);
        }
    }

    fn lost_groups(&self) -> Vec<(usize, Seq)> {
        let numbered = self.lost.iter().copied().enumerate();
        numbered.filter(|(_, seq)| seq.0 > 0).collect()
    }
}
