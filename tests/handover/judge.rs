//! What readers saw, held against what publishers were told.

use std::collections::{BTreeMap, HashSet};

use super::END;
use super::readers::{Seen, Way};

/// What was acknowledged, by epoch and number.
#[derive(Default)]
pub(crate) struct Acked {
    first: Option<String>,
    messages: BTreeMap<(String, u64), String>,
}

impl Acked {
    /// What one publisher was told, in order.
    pub(crate) fn add(&mut self, told: Vec<(String, String)>) {
        for (id, data) in told {
            let (epoch, number) = split(&id);
            self.first.get_or_insert(epoch.clone());
            let twice = self.messages.insert((epoch, number), data);
            assert_eq!(twice, None, "{id} was given to two messages");
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// What the server of `epoch` took, behind `after`.
    fn behind<'a>(&'a self, epoch: &'a str, after: u64) -> impl Iterator<Item = &'a String> {
        let of_epoch = self.messages.iter().filter(move |((of, _), _)| of == epoch);
        of_epoch.filter(move |((_, number), _)| *number > after).map(|(_, data)| data)
    }
}

/// What a reader got.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) delivered: usize,
    pub(crate) repeated: usize,
    /// Acknowledged and not delivered; a gap says so.
    pub(crate) missing: usize,
    pub(crate) gaps: usize,
}

fn split(id: &str) -> (String, u64) {
    let (epoch, number) = id.rsplit_once('-').expect("an id");
    (epoch.to_owned(), number.parse().expect("a number"))
}

/// A reader with a cursor: no hole within the numbers of a server, and a gap between two servers.
pub(crate) fn judge(way: Way, seen: &[Seen], acked: &Acked) -> Tally {
    let mut tally = Tally::default();
    let mut data_seen = HashSet::new();
    let mut at: Option<(String, u64)> = None;
    for one in seen {
        match one {
            Seen::Cursor(cursor) => match &at {
                None => at = Some(split(cursor)),
                Some(at) => assert_eq!(*at, split(cursor), "{way:?} is greeted where it was"),
            },
            Seen::Gap { from, to, reason } => {
                let (epoch, number) = at.take().expect("a gap of a reader that was somewhere");
                assert_eq!((reason.as_str(), split(from)), ("epoch", (epoch.clone(), number)));
                tally.gaps += 1;
                tally.missing += acked.behind(&epoch, number).count();
                // All is retained, so what the gap leads to follows.
                let (epoch, to) = split(to);
                at = Some((epoch, to.saturating_sub(1)));
            }
            Seen::Message { id, data } => {
                let (epoch, number) = split(id);
                let before = (epoch.clone(), number - 1);
                assert_eq!(at, Some(before), "{way:?} is given {id}: a silent gap, or a repeat");
                if let Some(told) = acked.messages.get(&(epoch.clone(), number)) {
                    assert_eq!(told, data, "{id}");
                }
                tally.delivered += 1;
                tally.repeated += usize::from(!data_seen.insert(data));
                at = Some((epoch, number));
            }
            Seen::Close(code) => assert_eq!(*code, 1001),
        }
    }
    let ended = matches!(seen.last(), Some(Seen::Message { data, .. }) if data == END);
    assert!(ended, "{way:?} has not the last message: {:?}", seen.last());
    assert!(tally.gaps > 0, "{way:?} was not told that the numbers begin anew");
    tally
}

/// A reader without a cursor, up to its Close frame: all that its server took, in order.
pub(crate) fn judge_raw(seen: &[Seen], acked: &Acked) -> Tally {
    assert_eq!(seen.last(), Some(&Seen::Close(1001)), "told to leave");
    let got = seen.iter().filter_map(|one| match one {
        Seen::Message { data, .. } => Some(data),
        _ => None,
    });
    let got: Vec<&String> = got.collect();
    let first = acked.first.as_deref().expect("something was acknowledged");
    let all: Vec<&String> = acked.behind(first, 0).collect();
    assert_eq!(got, all, "everything that was acknowledged, in order");
    Tally { delivered: got.len(), ..Tally::default() }
}
