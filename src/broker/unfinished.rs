//! What is not complete yet takes memory: it is counted after every visit, and a connection that
//! asks for more than there is hears so.
//!
//! What one visit brings is bounded (what a read brings, or one message as it is inflated), so it
//! is judged when it is there. Whoever asks when nothing is left is let go, not whoever came first:
//! those that came before are on their way to be complete, and have a deadline.
//!
//! Came from: the face, after a visit. Goes to: `respond`, `websocket` and `teardown`, with the
//! refusal. Absent on purpose: the numbers of other threads.

use super::visit::Visit;
use super::{respond, teardown, websocket};
use crate::close::CloseReason;
use crate::conn::Failure;
use crate::conn::problem::Rule;
use crate::conn::response_context::ResponseContext;
use crate::conn::state::State;
use crate::wire::frame::CloseCode;
use crate::wire::message::Assembler;

/// Takes note of what a connection holds, or refuses it.
#[inline]
pub(super) fn take_note(visit: &mut Visit<'_>) {
    if visit.conn.unfinished_bytes() != visit.conn.aside.unfinished() {
        judge(visit);
    }
}

fn judge(visit: &mut Visit<'_>) {
    if !fits(visit) {
        refuse(visit);
        fits(visit); // It holds nothing now.
    }
}

fn fits(visit: &mut Visit<'_>) -> bool {
    let (before, holds) = (visit.conn.aside.unfinished(), visit.conn.unfinished_bytes());
    let fits = visit.shard.unfinished.change(before, holds);
    if fits {
        visit.conn.aside.set_unfinished(holds);
    }
    fits
}

fn refuse(visit: &mut Visit<'_>) {
    const REASON: CloseReason = CloseReason::Unfinished;
    if visit.conn.aside.secure().is_some_and(|secure| secure.undeciphered > 0) {
        return teardown::give_up(visit, REASON); // Its next words could not be deciphered.
    }
    let conn = &mut *visit.conn;
    let context = match &mut conn.state {
        State::Body(upload) => std::mem::take(&mut upload.request.context).last(),
        State::Head { .. } => ResponseContext::closing(),
        State::Open(_) => {
            let why = "more unfinished messages than the server can hold; try again";
            websocket::fail(visit, Failure { code: CloseCode::TRY_AGAIN, why, reason: REASON });
            if let State::Open(socket) = &mut visit.conn.state {
                socket.assembler = Assembler::default(); // It waits, and hears no more.
                visit.conn.aside.take_inbox();
            }
            return;
        }
        _ => return teardown::leave(visit, REASON),
    };
    conn.flow.leaving = Some(REASON);
    conn.shift(State::Answering(context), visit.now);
    respond::refuse(visit, Rule::UnfinishedTooMuch.into());
}
