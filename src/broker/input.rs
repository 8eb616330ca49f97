//! Input: bytes are understood as far as they go, one ask answered after the other.
//!
//! Came from: the face, with bytes where they lie, or with the wish to look at the inbox again.
//! Goes to: `conn`, which understands them, and `answer`. Absent on purpose: sockets.

use super::visit::{Shard, Visit};
use super::{accounting, answer, fence, teardown};
use crate::close::CloseReason;
use crate::conn::state::Name;
use crate::ledger::Bytes;

/// Bytes have come. What cannot be understood yet is kept.
pub(super) fn received(visit: &mut Visit<'_>, bytes: &mut [u8]) {
    if visit.conn.flow.inbox.is_empty() {
        let used = digest(visit, bytes);
        visit.conn.flow.inbox.push(&bytes[used..]);
    } else {
        visit.conn.flow.inbox.push(bytes);
        digest_inbox(visit);
    }
}

/// Understands what lies in the inbox.
pub(super) fn digest_inbox(visit: &mut Visit<'_>) {
    let mut inbox = std::mem::take(&mut visit.conn.flow.inbox);
    let used = digest(visit, inbox.as_mut_slice());
    inbox.understand(used);
    visit.conn.flow.inbox = inbox;
}

/// Understands `bytes`, and tells how many of them.
///
/// An answer never comes back here: what it leaves to be looked at stands in `Shard::left_behind`.
/// So the loop is all there is, and it ends, since every ask takes bytes away or leaves the
/// connection in a state in which nothing more is asked.
fn digest(visit: &mut Visit<'_>, bytes: &mut [u8]) -> usize {
    let mut used = 0;
    loop {
        let mut by_class = Bytes::default();
        let (rest, now) = (&mut bytes[used..], visit.now);
        let Shard { policy, familiar, .. } = &mut *visit.shard;
        let understood =
            fence::contain(|| visit.conn.next_ask(rest, now, policy, familiar, &mut by_class));
        let Some((n, ask)) = understood else {
            log::error!("{}: what it sent made us panic; please report it", visit.conn.peer);
            accounting::dropped_unread(visit, bytes.len() - used);
            teardown::give_up(visit, CloseReason::Panicked);
            return bytes.len();
        };
        let begun = ask.is_some() || visit.conn.state.name() == Name::Body;
        if begun && visit.conn.costs.change_with_request(&visit.conn.aside) {
            accounting::enter(visit);
        }
        accounting::came_in(visit, &by_class);
        used += n;
        let Some(ask) = ask else {
            return used;
        };
        answer::answer(visit, ask);
        if used == bytes.len() {
            return used;
        }
    }
}
