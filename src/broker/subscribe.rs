//! Subscribing: a reader that stays is entered in the lists of its topics, and taken out of them.
//!
//! Came from: `read` and `poll`, for readers that stay; `poll` and `teardown`, for those that go.
//! Goes to: the hub, which keeps the lists. Absent on purpose: messages.

use super::visit::Visit;
use crate::conn::flow::Backlog;
use crate::conn::state::{Seats, State, Subscription};
use crate::hub::{Hub, Start};
use crate::ids::{Cursor, Id, Seq, TopicId, TopicName};
use crate::technique::{GapReason, Technique};

/// Enters a reader in the lists of its topics.
pub(super) fn subscribe(
    visit: &mut Visit<'_>,
    names: &[TopicName],
    cursor: Seq,
    technique: Technique,
) -> Subscription {
    let (id, hub) = (visit.id, &mut visit.shard.hub);
    let mut enter = |name| hub.subscribe(name, id, technique);
    let seats = match names {
        [name] => Seats::One(enter(name)),
        names => Seats::Many(names.iter().map(enter).collect()),
    };
    Subscription { seats, cursor, evictions_seen: hub.evictions() }
}

/// Takes a subscriber out of its topics' lists. Doing so twice does nothing.
pub(super) fn unsubscribe(visit: &mut Visit<'_>) {
    let technique = match &visit.conn.state {
        State::Parked(_) => Technique::LongPoll,
        State::Telling(_) => Technique::ShortPoll,
        State::Streaming(stream) => stream.technique,
        State::Open(_) => Technique::WebSocket,
        _ => return,
    };
    set_backlog(visit, Backlog::None);
    let Some(subscription) = visit.conn.state.subscription_mut() else {
        return;
    };
    let none = Seats::Many(Box::default());
    for seat in std::mem::replace(&mut subscription.seats, none).as_slice() {
        if let Some(moved) = visit.shard.hub.unsubscribe(*seat, technique) {
            visit.shard.reseated.push((moved, *seat));
        }
    }
}

/// Notes how a subscriber stands, after it was given what its outbox holds, or after the kernel
/// was shown that. One whose kernel has no room is slow until it has caught up; for any other that
/// is behind, the log waits.
pub(super) fn note_backlog(visit: &mut Visit<'_>) {
    if visit.conn.state.subscription().is_none() {
        return;
    }
    let flow = &visit.conn.flow;
    let was_slow = flow.backlog == Backlog::Slow;
    let backlog = match flow.outbox.is_high() {
        _ if flow.refused => Backlog::Slow,
        true if was_slow => Backlog::Slow,
        true => Backlog::Lagging,
        false => Backlog::None,
    };
    set_backlog(visit, backlog);
}

fn set_backlog(visit: &mut Visit<'_>, backlog: Backlog) {
    let before = std::mem::replace(&mut visit.conn.flow.backlog, backlog);
    let (lagged, lags) = (before == Backlog::Lagging, backlog == Backlog::Lagging);
    if lagged != lags {
        visit.shard.hub.lag(lags);
    }
}

/// The topics that a subscriber is entered in.
pub(super) fn topics(subscription: &Subscription) -> impl Iterator<Item = TopicId> {
    subscription.seats.as_slice().iter().map(|seat| seat.topic)
}

/// Whether the log has moved past the cursor of a subscriber, or begun anew.
pub(super) fn missed(subscription: &Subscription, hub: &Hub) -> bool {
    let Subscription { cursor, evictions_seen, .. } = *subscription;
    topics(subscription).any(|topic| hub.missed(topic, cursor, evictions_seen))
}

/// Where a subscriber that missed something goes on, and what it missed.
pub(super) fn after_missed(subscription: &Subscription, hub: &Hub) -> Start {
    after_anew(subscription, hub).unwrap_or_else(|| {
        let from = hub.id(subscription.cursor).to_string();
        hub.after_gap(&names(subscription, hub), subscription.cursor, &from, GapReason::Slow)
    })
}

/// Where a subscriber goes on whose numbering has ended: where a reader would start that comes with
/// its cursor. `None`: it has not.
pub(super) fn after_anew(subscription: &Subscription, hub: &Hub) -> Option<Start> {
    let epoch = hub.ended_epoch(subscription.evictions_seen)?;
    let cursor = Cursor::After(Id { epoch, seq: subscription.cursor });
    Some(hub.start(&names(subscription, hub), &cursor))
}

fn names(subscription: &Subscription, hub: &Hub) -> Vec<TopicName> {
    topics(subscription).map(|id| hub.name(id).clone()).collect()
}
