//! Transitions: the only functions that change the state of a connection.
//!
//! Came from: `conn` and `broker`, with the next state. Goes to: [`Conn::state`]. Absent on
//! purpose: reasons for a transition; whoever calls knows the reason.

use super::Conn;
use super::response_context::ResponseContext;
use super::state::{Awaited, Closing, State, may_lead};
use crate::ids::Millis;

impl Conn {
    /// The only way from state to state, along the edges of [`EDGES`](super::state::EDGES). Gives
    /// back the state that was left.
    pub fn shift(&mut self, next: State, now: Millis) -> State {
        debug_assert!(
            may_lead(self.state.name(), next.name()),
            "no edge from {:?} to {:?}",
            self.state.name(),
            next.name()
        );
        self.timing.active_at = now.into();
        std::mem::replace(&mut self.state, next)
    }

    /// From `Answering` to the state that `next` makes of what is known of the request.
    pub fn withhold(&mut self, next: impl FnOnce(ResponseContext) -> State, now: Millis) {
        if let State::Answering(context) = &mut self.state {
            let context = std::mem::take(context);
            self.shift(next(context), now);
        }
    }

    /// From `Awaiting` to `Answering`; tells what was awaited. `None`: it awaits nothing, as a
    /// WebSocket, which does not stand still.
    pub fn awaited(&mut self, now: Millis) -> Option<Awaited> {
        let State::Awaiting(awaiting) = &mut self.state else {
            return None;
        };
        let context = std::mem::take(&mut awaiting.context);
        match self.shift(State::Answering(context), now) {
            State::Awaiting(awaiting) => Some(awaiting.awaited),
            _ => None,
        }
    }

    /// From `Parked` to `Answering`; tells how many messages its answer may have.
    pub fn released(&mut self, now: Millis) -> Option<u16> {
        let State::Parked(parked) = &mut self.state else {
            return None;
        };
        let (context, limit) = (std::mem::take(&mut parked.context), parked.limit);
        self.shift(State::Answering(context), now);
        Some(limit)
    }

    /// From `Open` to `Closing`: it is no subscriber any more, and the frames of the peer still
    /// have to be read.
    pub fn await_close(&mut self, now: Millis) {
        if let State::Open(socket) = &mut self.state {
            let assembler = std::mem::take(&mut socket.assembler);
            self.shift(State::Closing(Closing { assembler, since: now }), now);
        }
    }
}
