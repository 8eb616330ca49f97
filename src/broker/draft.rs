//! Drafts: whether what is published may be asked of the sequencer at all.
//!
//! Topics have a bound in all. A thread judges by its own replica of the logs, which has every
//! topic that retains a message, and by what it has asked for and not heard of: so a connection, or
//! many of one thread, cannot run past the bound in one go. Threads do not know of each other's
//! asking; together they may pass the bound by what is on its way.
//!
//! A connection that has given up many of its questions to a store asks nothing more until they are
//! answered: one that hangs would be asked without end.
//!
//! Came from: `publish` and `v1`, with a draft. Goes to: the sequencer, as an effect. Absent on
//! purpose: topics that are only read. Those are bounded by connections, and by the topics that one
//! may read.

use super::effect::Effect;
use super::visit::Visit;
use crate::conn::problem::Rule;
use crate::ids::TopicId;
use crate::technique::message::Draft;

/// Asks the sequencer to commit `draft`, unless it would make one topic too many, or too many
/// answers to this connection are overdue.
pub(super) fn ask(visit: &mut Visit<'_>, draft: Draft) -> Result<(), Rule> {
    let topic = visit.shard.hub.find(&draft.message.topic);
    ask_in(visit, topic, draft)
}

/// The same when it is known which topic that is, if it is one.
pub(super) fn ask_in(
    visit: &mut Visit<'_>,
    topic: Option<TopicId>,
    draft: Draft,
) -> Result<(), Rule> {
    let shard = &mut *visit.shard;
    if shard.uncommitted.has_given_up_many(visit.id) {
        return Err(Rule::StoreUnavailable);
    }
    let retains = topic.is_some_and(|topic| !shard.hub.log(topic).is_empty());
    let made = (!retains).then(|| draft.message.topic.clone());
    let topics = shard.hub.retained_topics() + shard.uncommitted.new_topics();
    let is_one_more = made.as_ref().is_some_and(|topic| !shard.uncommitted.makes(topic));
    if is_one_more && topics >= shard.policy.limits.topics_max {
        return Err(Rule::TopicsFull);
    }
    shard.uncommitted.push(visit.id, visit.now, made);
    visit.effect(Effect::Publish { conn: visit.id, draft });
    Ok(())
}
