//! What a connection wishes: to be given bytes, and to be looked at at some moment.
//!
//! Came from: `broker`, behind each visit. Goes to: the same. Absent on purpose: what is done then.

use super::Conn;
use super::flow::LastWord;
use super::inbox::Inbox;
use super::policy::Policy;
use super::progress::{PeerProgress, next_look};
use super::state::State;
use crate::close::CloseReason;
use crate::ids::{Door, KeptMillis, Millis, Network};
use crate::limits::{INBOX_BYTES_MAX, Limits};
use crate::technique::Dialect;
use crate::wire::forwarded::ProxyHeader;

impl Conn {
    /// Whether it is kept and has no request: nothing of one has come but an empty line or two, and
    /// of no answer is anything left.
    pub fn is_idle(&self) -> bool {
        let waits = matches!(self.state, State::Head { began: None, .. });
        waits && self.flow.outbox.is_empty() && self.aside.inbox().is_none_or(Inbox::is_blank)
    }

    /// The address that one of its places is taken of: its own, or that of a proxy's client.
    /// Operators take none.
    pub fn place(&self) -> Option<Network> {
        match self.aside.proxied() {
            Some(proxied) => proxied.place,
            None => (self.aside.door() == Door::Public).then(|| self.peer.network()),
        }
    }

    /// The place that an idle connection of a proxy gives back. The proxy keeps it for whoever asks
    /// next; behind one that passes on bytes it is its client's to the end.
    pub fn leaves_place(&mut self, policy: &Policy) -> Option<Network> {
        let passes_requests = policy.proxies.header != ProxyHeader::ProxyProtocol;
        self.aside.proxied_mut().filter(|_| passes_requests)?.place.take()
    }

    /// Whether it waits for a TLS handshake.
    #[inline]
    pub fn shakes_hands(&self) -> bool {
        let secure = self.aside.secure();
        secure.is_some_and(|secure| secure.handshaking) && matches!(self.state, State::Head { .. })
    }

    /// Whether nothing that came may be understood for now: the peer is behind in reading what we
    /// answered, or we are behind in answering, or in bringing what it said into the log.
    pub fn is_held(&self) -> bool {
        let behind = matches!(&self.state, State::Open(socket) if socket.has_said_enough());
        behind || self.flow.outbox.is_high()
    }

    /// Whether nothing more is to be said on either side: the peer has the answer to what it has
    /// said to be its last request, or both have said Close.
    pub fn has_heard_all(&self) -> bool {
        let answered = [Some(CloseReason::Answered), Some(CloseReason::Refused)];
        match self.flow.last_word {
            LastWord::Unsaid => false,
            LastWord::Request => answered.contains(&self.flow.leaving),
            LastWord::Close => true,
        }
    }

    /// Whether bytes of a peer that has ended its side wait to be understood.
    #[inline]
    pub fn has_last_bytes(&self) -> bool {
        self.flow.finished && self.aside.inbox().is_some()
    }

    /// Whether bytes should be read. If not, they stay in the kernel, and TCP tells the peer.
    pub fn wants_bytes(&self) -> bool {
        let closed = matches!(self.state, State::Closed);
        !closed && !self.is_held() && self.aside.inbox().map_or(0, Inbox::len) < INBOX_BYTES_MAX
    }

    /// The next moment at which something must happen by itself; never, if nothing has to.
    #[inline]
    pub fn due(&self, limits: &Limits) -> Millis {
        if self.aside.progress().is_some_and(PeerProgress::is_asked) {
            return Millis::NEVER; // The kernel answers in this turn, and then it is asked again.
        }
        if self.shakes_hands() {
            // While the server ends, who has nothing to ask for has less time.
            let most = limits.head_ms_max.min(limits.idle_ms_max);
            return self.timing.accepted_at.millis().plus(most);
        }
        let active_at = self.timing.active_at.millis();
        let mut own = self.state.due(active_at, limits).min(self.expires_at());
        if matches!(self.state, State::Parked(_)) && !self.wants_bytes() {
            own = own.min(active_at.plus(limits.heartbeat_ms));
        }
        if self.flow.outbox.is_empty() {
            return own;
        }
        // A peer that is still reading our answer is not idle, however long it takes; nor is a Pong
        // due while a Ping may wait here. Its token and its message end in time all the same.
        let stalled = self.stalls_at(limits);
        match &self.state {
            State::Head { began: None, .. } => stalled,
            State::Open(socket) if socket.pinged != KeptMillis::NEVER && !socket.costs => {
                stalled.min(self.expires_at()).min(socket.message_due(limits))
            }
            _ => own.min(stalled),
        }
    }

    /// Whether it is a reader that stays, and is as it was when it was last visited: queueing a
    /// message for it, and the kernel's taking it, lead to nothing else. No deadline of it comes
    /// nearer by either than its stall, nothing of it is held back or let go, and the pump has
    /// nothing to be told of.
    #[inline]
    pub fn keeps_up(&self) -> bool {
        let stays = match &self.state {
            State::Streaming(_) => true,
            State::Open(socket) => socket.pinged == KeptMillis::NEVER,
            _ => false,
        };
        stays && self.flow.is_undisturbed() && self.aside.progress().is_none()
    }

    /// Whether the last of its answer is all that is left of its last request, and it is as it was
    /// when it was last visited: when the kernel has taken that, it is idle, and nothing else
    /// follows.
    #[inline]
    pub fn is_about_to_rest(&self) -> bool {
        let between = matches!(self.state, State::Head { began: None, idle: None, .. });
        let flow = &self.flow;
        let undisturbed = flow.is_undisturbed() && !flow.reading_paused;
        let alone = self.aside.lets_rest();
        between && undisturbed && alone
    }

    /// One of the messages that it has said is in the log. `true`: nothing follows from that, as
    /// for a raw WebSocket that is not held back and is not about to be closed. `false`: something
    /// may, and nothing was done.
    pub fn notes_commit(&mut self) -> bool {
        let keeps_up = self.keeps_up();
        let State::Open(socket) = &mut self.state else {
            return false;
        };
        let silent = socket.dialect == Dialect::Raw && !socket.unanswered.is_failing();
        let is_quiet = keeps_up && silent && !socket.has_said_enough();
        if is_quiet {
            socket.uncommitted = socket.uncommitted.saturating_sub(1);
        }
        is_quiet
    }

    /// When to look next whether a peer that nothing could be written to takes anything.
    pub fn stalls_at(&self, limits: &Limits) -> Millis {
        let took_at = self.timing.took_at.millis();
        let looked_at = self.aside.progress().map(PeerProgress::looked_at);
        next_look(looked_at.map_or(took_at, |at| at.max(took_at)), limits.stall_ms_max)
    }
}
