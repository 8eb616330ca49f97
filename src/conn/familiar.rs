//! Polls that were heard before: one that comes again, byte for byte, is not read again.
//!
//! Whoever polls says the same until there is something new, and so do all who run the same program
//! and stand at the same place of a topic. So the heads of polls are kept, with what they ask.
//!
//! A head has one slot, by its hash, and is kept when it comes a second time and no other one that
//! is not kept came to that slot between: a crowd of which no two say the same costs a hash for
//! each. What decides is the comparison of all bytes.
//!
//! Came from: `recognition`, with a head, read or not. Goes to: the same, with what it asks. Absent
//! on purpose: whether a head means the same to whoever sends it.

use std::hash::{BuildHasher, Hasher};
use std::rc::Rc;

use foldhash::fast::RandomState;

use super::flow::LastWord;
use super::request::Read;
use super::response_context::ResponseContext;
use crate::ledger::Payer;
use crate::limits::{FAMILIAR_BYTES_MAX, FAMILIAR_MAX};

/// The polls that one thread has heard.
#[derive(Debug)]
pub struct Familiar {
    /// Seeded by chance: a stranger cannot aim at the slot of somebody else's head.
    hasher: RandomState,
    slots: [Slot; FAMILIAR_MAX],
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
    poll: FamiliarPoll,
}

/// What a head asks, as all of it that a connection has to know.
#[derive(Clone, Debug)]
pub(super) struct FamiliarPoll {
    pub(super) context: ResponseContext,
    pub(super) payer: Payer,
    pub(super) last_word: LastWord,
    pub(super) read: Rc<Read>,
}

impl Default for Familiar {
    fn default() -> Self {
        Self { hasher: RandomState::default(), slots: std::array::from_fn(|_| Slot::default()) }
    }
}

impl Familiar {
    /// The hash of bytes that may be a head that is kept.
    pub(super) fn hash(&self, bytes: &[u8]) -> Option<u64> {
        // Of a head that drips in, nothing is hashed before it is whole.
        let is_whole = bytes.len() <= FAMILIAR_BYTES_MAX && bytes.ends_with(b"\r\n\r\n");
        is_whole.then(|| {
            let mut hasher = self.hasher.build_hasher();
            hasher.write(bytes);
            hasher.finish()
        })
    }

    /// What `head` asks, if it is kept.
    pub(super) fn find(&self, hash: u64, head: &[u8]) -> Option<&FamiliarPoll> {
        let kept = self.slots[slot(hash)].kept.as_deref()?;
        (*kept.head == *head).then_some(&kept.poll)
    }

    /// `head` was read, and asks this.
    pub(super) fn note(&mut self, hash: u64, head: &[u8], poll: FamiliarPoll) {
        let slot = &mut self.slots[slot(hash)];
        if std::mem::replace(&mut slot.passed, hash) == hash {
            slot.kept = Some(Box::new(FamiliarHead { head: head.into(), poll }));
        }
    }

    /// Lets go of all.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Exact: a remainder of a small number.
fn slot(hash: u64) -> usize {
    (hash % FAMILIAR_MAX as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::request::How;

    fn poll() -> FamiliarPoll {
        let how = How::Poll { wait_s: None, limit: 1, if_none_match: None };
        let read = Rc::new(Read { topics: Box::default(), cursor: None, tag: None, how });
        let context = ResponseContext::closing();
        FamiliarPoll { context, payer: Payer::ShortPoll, last_word: LastWord::Request, read }
    }

    #[test]
    fn what_comes_twice_is_kept_until_another_comes_twice_to_its_slot() {
        let (mut familiar, one, other) = (Familiar::default(), b"one\r\n\r\n", b"other\r\n\r\n");
        let hash = familiar.hash(one).expect("it is whole");
        // As if all heads had one hash: the bytes tell them apart.
        for (head, one_is_kept, other_is_kept) in
            [(&one[..], false, false), (one, true, false), (one, true, false)]
        {
            familiar.note(hash, head, poll());
            assert_eq!(familiar.find(hash, one).is_some(), one_is_kept);
            assert_eq!(familiar.find(hash, other).is_some(), other_is_kept);
        }
        let elsewhere = hash.wrapping_add(FAMILIAR_MAX as u64);
        familiar.note(elsewhere, other, poll());
        assert!(familiar.find(hash, one).is_some(), "the other has come once");
        familiar.note(elsewhere, other, poll());
        assert!(familiar.find(hash, one).is_none() && familiar.find(elsewhere, other).is_some());
        familiar.forget();
        assert!(familiar.find(elsewhere, other).is_none());
    }

    #[test]
    fn no_part_of_a_head_and_no_long_one_is_hashed() {
        let familiar = Familiar::default();
        let mut head = vec![b'a'; FAMILIAR_BYTES_MAX - 4];
        assert!(familiar.hash(&head).is_none());
        head.extend_from_slice(b"\r\n\r\n");
        assert!(familiar.hash(&head).is_some());
        head.insert(0, b'a');
        assert!(familiar.hash(&head).is_none());
    }
}
