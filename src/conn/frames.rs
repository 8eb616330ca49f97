//! Bytes of a WebSocket: up to the next message or control frame, which of them are of which class,
//! and what they lead to.
//!
//! Came from: `Conn::next_ask`. Goes to: `wire::message`, which joins frames; with what a client
//! said, to `websocket`. Absent on purpose: what is answered.

use super::ask::Ask;
use super::flow::LastWord;
use super::policy::Policy;
use super::state::State;
use super::websocket;
use super::{Conn, Pace};
use crate::close::CloseReason;
use crate::ids::{KeptMillis, Millis};
use crate::ledger::{Bytes, Class};
use crate::wire::message::{Assembler, Incoming, Step};

/// What compressed payloads come to before others have their turn: of a thousand bytes that were
/// inflated, one or a few were sent, and what bounds a read does not bound this.
const INFLATED_MUCH: usize = 64 * 1024;

impl Conn {
    /// Counts anew what compressed payloads come to.
    pub fn begin_portion(&mut self) {
        match &mut self.state {
            State::Open(socket) => socket.assembler.begin_portion(),
            State::Closing(closing) => closing.assembler.begin_portion(),
            _ => {}
        }
    }

    /// Whether so little that came was so much that what is behind it waits for its turn.
    pub fn has_inflated_much(&self) -> bool {
        let inflated = match &self.state {
            State::Open(socket) => socket.assembler.inflated(),
            State::Closing(closing) => closing.assembler.inflated(),
            _ => 0,
        };
        inflated >= INFLATED_MUCH
    }

    /// Whether what came is not understood to its end yet, because what was came to so much.
    pub fn is_paused(&self) -> bool {
        self.aside.inbox().is_some() && self.has_inflated_much()
    }

    /// Understands `buf` up to the end of the first message or control frame.
    pub(super) fn frame(
        &mut self,
        buf: &mut [u8],
        now: Millis,
        policy: &Policy,
        by_class: &mut Bytes,
    ) -> Pace {
        let length = buf.len();
        let mut not_open = KeptMillis::NEVER;
        let (assembler, began, dialect) = match &mut self.state {
            State::Open(socket) if length > 0 && socket.unanswered.is_failing() => {
                by_class.add(Class::Framing, length);
                return Pace::On(length); // §7.1.7: nothing is understood any more.
            }
            State::Open(socket) if length > 0 => {
                socket.pinged = KeptMillis::NEVER; // Any byte is a sign of life.
                self.timing.active_at = now.into();
                (&mut socket.assembler, &mut socket.began, Some(socket.dialect))
            }
            State::Closing(closing) if length > 0 => (&mut closing.assembler, &mut not_open, None),
            _ => return Pace::Wait,
        };
        let held = assembler.taken();
        let limits = &policy.limits;
        *began = began.or(now);
        match assembler.push(buf, websocket::bytes_max(dialect, limits)) {
            Ok(Step::Partial { used: 0 }) => Pace::Wait,
            Ok(Step::Partial { used }) => {
                let payload = assembler.taken() - held;
                by_class.add(Class::Payload, payload);
                by_class.add(Class::Framing, used - payload);
                Pace::On(used)
            }
            Ok(Step::Complete { incoming, used }) => {
                let ask = match dialect {
                    Some(dialect) => {
                        let (outbox, payer) = (&mut self.flow.outbox, self.costs.payer);
                        let mut says = |segment| outbox.push(segment, payer);
                        websocket::act(incoming, dialect, limits, &mut says)
                    }
                    None => websocket::act_closing(incoming),
                };
                self.flow.last_word = LastWord::of_message(&incoming);
                let weight = Weight::of(&incoming, ask.as_ref());
                weight.charge(used, held, assembler, by_class);
                assembler.release(); // What is asked has what it needs of it.
                if !assembler.mid_message() {
                    *began = KeptMillis::NEVER; // What follows begins anew.
                }
                ask.map_or(Pace::On(used), |ask| Pace::Ask(used, ask))
            }
            Err(error) => {
                by_class.add(Class::Framing, length);
                let over = Ask::Leave(CloseReason::ProtocolError); // Our Close was the last word.
                Pace::Ask(length, dialect.map_or(over, |_| websocket::fail(error)))
            }
        }
    }
}

/// How many bytes of what a client said are of which class; the others are framing.
enum Weight {
    Payload(usize),
    Heartbeat(usize),
    Close,
    /// An object that publishes nothing.
    Offence,
}

impl Weight {
    /// The weight of a message or control frame that led to `ask`.
    fn of(incoming: &Incoming<'_>, ask: Option<&Ask>) -> Self {
        // A client's control frame has the short length, and a mask.
        const HEADER_BYTES: usize = 2 + 4;
        match (incoming, ask) {
            // What stands around the data in an object is framing.
            (_, Some(Ask::PublishV1(request))) => match &request.publish {
                Ok(publish) => Self::Payload(publish.data.len()),
                Err(_) => Self::Offence,
            },
            (Incoming::Text(text), _) => Self::Payload(text.as_bytes().len()),
            (Incoming::Binary(bytes), _) => Self::Payload(bytes.len()),
            (Incoming::Ping(bytes) | Incoming::Pong(bytes), _) => {
                Self::Heartbeat(HEADER_BYTES + bytes.len())
            }
            (Incoming::Close { .. }, _) => Self::Close,
        }
    }

    /// Charges `used` bytes, which the assembler has taken. Of the unfinished message, `held` bytes
    /// were taken before them, and charged then.
    fn charge(self, used: usize, held: usize, assembler: &Assembler, by_class: &mut Bytes) {
        let holds = assembler.taken();
        let (class, length, payload) = match self {
            // No JSON is shorter than its data. Of an object that came in pieces, all that came
            // before the last was taken for data, and may be more than there was.
            Self::Payload(length) => {
                let length = assembler.share(length);
                (Class::Payload, length.saturating_sub(held), 0)
            }
            // Fragments may have come before a control frame.
            Self::Heartbeat(length) => (Class::Heartbeat, length, holds - held),
            Self::Close => (Class::Framing, 0, holds - held),
            Self::Offence => (Class::Body, used, 0),
        };
        by_class.add(class, length);
        by_class.add(Class::Payload, payload);
        by_class.add(Class::Framing, used - length - payload);
    }
}
