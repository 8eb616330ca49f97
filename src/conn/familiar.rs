//! Polls and publishes that were heard before: a head that comes again, byte for byte, is not read
//! again.
//!
//! Whoever polls says the same until there is something new, and so do all who run the same program
//! and stand at the same place of a topic. Whoever publishes says the same before each message that
//! is as long. So the heads of both are kept, with what they ask.
//!
//! A head has one slot, by its hash, and is kept when it comes a second time and no other one that
//! is not kept came to that slot between: a crowd of which no two say the same costs a hash for
//! each. What decides is the comparison of all bytes.
//!
//! Came from: `recognition`, with a head, read or not. Goes to: the same, with what it asks. Absent
//! on purpose: whether a head means the same to whoever sends it.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;

use super::flow::LastWord;
use super::request::Want;
use super::response_context::ResponseContext;
use crate::ledger::Payer;
use crate::limits::{FAMILIAR_BYTES_MAX, FAMILIAR_MAX};
use crate::wire::head::end_of_head;

/// What one thread has heard.
#[derive(Debug)]
pub struct Familiar {
    /// Seeded by chance: a stranger cannot aim at the slot of somebody else's head.
    hasher: RandomState,
    slots: [Slot; FAMILIAR_MAX],
}

/// What comes first of the bytes of a connection, and may be a head that is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front<'b> {
    pub(super) head: &'b [u8],
    /// Whether they came by TLS. A page of ours has another origin then.
    by_tls: bool,
    hash: u64,
}

/// A slot for one head.
#[derive(Debug, Default)]
struct Slot {
    /// The hash of the one that came here last and was not kept.
    passed: u64,
    kept: Option<Box<FamiliarHead>>,
}

#[derive(Debug)]
struct FamiliarHead {
    head: Box<[u8]>,
    by_tls: bool,
    request: FamiliarRequest,
}

/// What a head asks, as all of it that a connection has to know.
#[derive(Debug)]
pub(super) struct FamiliarRequest {
    pub(super) context: ResponseContext,
    pub(super) payer: Payer,
    pub(super) last_word: LastWord,
    pub(super) want: Want,
    /// So long is its body: of a poll 0.
    pub(super) body_bytes: usize,
}

impl Default for Familiar {
    fn default() -> Self {
        Self { hasher: RandomState::default(), slots: std::array::from_fn(|_| Slot::default()) }
    }
}

impl Familiar {
    /// What may be a head that is kept, at the front of `bytes`, if it is whole.
    pub(super) fn front<'b>(&self, bytes: &'b [u8], by_tls: bool) -> Option<Front<'b>> {
        let head = match bytes {
            // POST or PUT: a body follows, and may end as a head does.
            [b'P', ..] => &bytes[..end_of_head(&bytes[..bytes.len().min(FAMILIAR_BYTES_MAX)])?],
            _ => Some(bytes).filter(|bytes| bytes.ends_with(b"\r\n\r\n"))?,
        };
        (head.len() <= FAMILIAR_BYTES_MAX).then(|| {
            let mut hasher = self.hasher.build_hasher();
            hasher.write(head);
            Front { head, by_tls, hash: hasher.finish() ^ u64::from(by_tls) }
        })
    }

    /// What a head asks, if it is kept.
    pub(super) fn find(&self, front: Front<'_>) -> Option<&FamiliarRequest> {
        let kept = self.slots[front.slot()].kept.as_deref()?;
        let same = kept.by_tls == front.by_tls && *kept.head == *front.head;
        same.then_some(&kept.request)
    }

    /// A head was read, and asks this.
    pub(super) fn note(&mut self, front: Front<'_>, request: FamiliarRequest) {
        let slot = &mut self.slots[front.slot()];
        if std::mem::replace(&mut slot.passed, front.hash) == front.hash {
            let Front { head, by_tls, .. } = front;
            slot.kept = Some(Box::new(FamiliarHead { head: head.into(), by_tls, request }));
        }
    }

    /// Lets go of all.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Front<'_> {
    /// Exact: a remainder of a small number.
    fn slot(&self) -> usize {
        (self.hash % FAMILIAR_MAX as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::problem::Rule;

    fn request() -> FamiliarRequest {
        FamiliarRequest {
            context: ResponseContext::closing(),
            payer: Payer::ShortPoll,
            last_word: LastWord::Request,
            want: Want::Refuse(Rule::TopicMalformed.into()),
            body_bytes: 0,
        }
    }

    #[test]
    fn what_comes_twice_is_kept_until_another_comes_twice_to_its_slot() {
        let mut familiar = Familiar::default();
        let one = familiar.front(b"one\r\n\r\n", false).expect("it is whole");
        // As if all heads had one hash: the bytes tell them apart.
        let other = Front { head: b"other\r\n\r\n", ..one };
        let by_tls = Front { by_tls: true, ..one };
        for (front, one_is_kept, other_is_kept) in
            [(one, false, false), (one, true, false), (one, true, false)]
        {
            familiar.note(front, request());
            assert_eq!(familiar.find(one).is_some(), one_is_kept);
            assert_eq!(familiar.find(other).is_some(), other_is_kept);
            assert!(familiar.find(by_tls).is_none(), "it may mean something else");
        }
        let elsewhere = Front { hash: one.hash.wrapping_add(FAMILIAR_MAX as u64), ..other };
        familiar.note(elsewhere, request());
        assert!(familiar.find(one).is_some(), "the other has come once");
        familiar.note(elsewhere, request());
        assert!(familiar.find(one).is_none() && familiar.find(elsewhere).is_some());
        familiar.forget();
        assert!(familiar.find(elsewhere).is_none());
    }

    #[test]
    fn no_part_of_a_head_and_no_long_one_is_hashed() {
        let familiar = Familiar::default();
        let front = |bytes: &[u8]| familiar.front(bytes, false).map(|front| front.head.len());
        for first in *b"GP" {
            let mut head = vec![first; FAMILIAR_BYTES_MAX - 4];
            assert_eq!(front(&head), None);
            head.extend_from_slice(b"\r\n\r\n");
            assert_eq!(front(&head), Some(FAMILIAR_BYTES_MAX));
            head.insert(0, first);
            assert_eq!(front(&head), None);
        }
    }

    #[test]
    fn a_body_is_no_part_of_a_head() {
        fn head<'b>(familiar: &Familiar, bytes: &'b [u8]) -> Option<&'b [u8]> {
            familiar.front(bytes, false).map(|front| front.head)
        }
        let familiar = Familiar::default();
        let post = b"POST /a HTTP/1.1\r\na: b\r\n\r\n";
        for body in [&b""[..], b"one", b"one\r\n\r\n", b"\r\n\r\n"] {
            let bytes = [post, body].concat();
            assert_eq!(head(&familiar, &bytes), Some(&post[..]));
        }
        assert_eq!(head(&familiar, b"POST /a HTTP/1.1\r\na: b\r\n"), None);
    }
}
