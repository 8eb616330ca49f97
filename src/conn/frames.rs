//! Bytes of a WebSocket: up to the next message or control frame, and what that leads to.
//!
//! Came from: `Conn::next_ask`. Goes to: `wire::message`, which joins frames; with what a client
//! said, to `websocket`. Absent on purpose: what is answered.

use super::ask::Ask;
use super::flow::LastWord;
use super::policy::Policy;
use super::state::State;
use super::websocket::{self, Weight};
use super::{Conn, Pace};
use crate::close::CloseReason;
use crate::ids::{KeptMillis, Millis};
use crate::ledger::{Bytes, Class};
use crate::wire::message::Step;

impl Conn {
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
