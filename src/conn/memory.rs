//! What a connection holds of user space.
//!
//! The buffers and boxes that were asked of the allocator for it. Not in it are the allocator's own
//! rounding, short texts (what a request that was passed on asks for, refs of `tollway.v1` that
//! wait for their answers), and what it shares with others: encoded messages, the thread's read
//! scratch.
//!
//! Came from: `broker`, when a report is asked for. Goes to: the same. Absent on purpose: the
//! socket; what the kernel holds, the kernel is asked.

use super::Conn;
use super::inbox::Inbox;
use super::request::{FileWant, Want};
use super::state::{Awaited, Sending, State, Telling, Upload};
use crate::ids::{ConnId, Seat};

impl Conn {
    /// Bytes that it holds beside itself.
    pub fn heap_bytes(&self) -> usize {
        self.flow.outbox.heap_bytes()
            + self.costs.carry.heap_bytes()
            + self.aside.heap_bytes()
            + state_bytes(&self.state)
    }
}

impl Conn {
    /// Bytes of the heap that hold what is not complete yet.
    #[inline]
    pub fn unfinished_bytes(&self) -> usize {
        let begun = match &self.state {
            State::Body(upload) => upload.data.capacity(),
            State::Open(socket) => socket.assembler.unfinished_memory(),
            State::Closing(closing) => closing.assembler.unfinished_memory(),
            // Complete, but nobody was asked for room for it yet.
            State::Awaiting(awaiting) => match &awaiting.awaited {
                Awaited::Place(Some((_, body))) => body.capacity(),
                _ => 0,
            },
            _ => 0,
        };
        let undeciphered = self.aside.secure().map_or(0, |secure| secure.undeciphered);
        self.aside.inbox().map_or(0, Inbox::heap_bytes) + begun + undeciphered
    }
}

impl Upload {
    /// Keeps data. Its room doubles as it fills, and never beyond what can still come: half of a
    /// long body's room would otherwise be counted as unfinished, and not used.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        if self.data.capacity() - self.data.len() < bytes.len() {
            let to_come = usize::try_from(self.decoder.to_come_max()).unwrap_or(usize::MAX);
            let doubled = self.data.len().max(bytes.len());
            self.data.reserve_exact(doubled.min(bytes.len().saturating_add(to_come)));
        }
        self.data.extend_from_slice(bytes);
    }
}

fn state_bytes(state: &State) -> usize {
    let own = match state {
        State::Body(upload) => {
            size_of::<Upload>() + upload.data.capacity() + upload.request.context.heap_bytes()
        }
        State::Awaiting(awaiting) => {
            let held = match &awaiting.awaited {
                Awaited::Letters(_) | Awaited::Grant(_) => size_of::<Want>(),
                Awaited::Place(Some((_, body))) => size_of::<Want>() + body.capacity(),
                Awaited::Open(_) => size_of::<FileWant>(),
                Awaited::Place(None) | Awaited::Commit(_) | Awaited::Count(_) => 0,
                Awaited::Report(_) | Awaited::Ticket => 0,
            };
            held + awaiting.context.heap_bytes()
        }
        State::Sending(_) => size_of::<Sending>(),
        State::Telling(_) => size_of::<Telling>(),
        State::Open(socket) => socket.assembler.memory(),
        State::Closing(closing) => closing.assembler.memory(),
        State::Parked(parked) => parked.context.heap_bytes(),
        State::Answering(context) => context.heap_bytes(),
        State::Head { .. } | State::Streaming(_) => 0,
        State::Lingering { .. } | State::Closed => 0,
    };
    let seats = state.subscription().map_or(0, |f| f.seats.as_slice().len());
    // A reader of several topics keeps a list; each topic keeps the id of each reader.
    let list = if seats > 1 { seats * size_of::<Seat>() } else { 0 };
    own + list + seats * size_of::<ConnId>()
}

#[cfg(test)]
mod tests {
    use crate::conn::Conn;
    use crate::conn::aside::Aside;
    use crate::conn::costs::Costs;
    use crate::conn::flow::Flow;
    use crate::conn::state::State;
    use crate::conn::timing::Timing;
    use crate::ids::Peer;

    /// There may be a million: what was won is kept.
    #[test]
    fn a_connection_is_small() {
        let parts = [
            ("peer", size_of::<Peer>(), 16),
            ("state", size_of::<State>(), 64),
            ("flow", size_of::<Flow>(), 48),
            ("timing", size_of::<Timing>(), 20),
            ("costs", size_of::<Costs>(), 40),
            ("aside", size_of::<Aside>(), 8),
            // And its generation.
            ("a connection", size_of::<Conn>(), 200),
        ];
        for (part, bytes, most) in parts {
            assert!(bytes <= most, "{part}: {bytes} bytes, not {most}");
        }
    }
}
