//! What comes before the first request of a connection from a proxy that passes on bytes: a header
//! of the PROXY protocol.
//!
//! Came from: `Conn::next_ask`, of a connection of which one is expected. Goes to: [`Conn::peer`].
//! Absent on purpose: connections of which none is expected. What looks like a header there is a
//! request that cannot be read.

use super::{Ask, Conn, Pace};
use crate::close::CloseReason;
use crate::conn::state::State;
use crate::ids::Millis;
use crate::ledger::{Bytes, Class};
use crate::wire::Parsed;
use crate::wire::proxy_protocol;

impl Conn {
    /// Understands the header, or waits for the rest of it. Who sends none is not a proxy that we
    /// know how to talk to: it gets no answer, since nobody knows what it speaks.
    pub(super) fn proxy_header(&mut self, buf: &[u8], now: Millis, by_class: &mut Bytes) -> Pace {
        match proxy_protocol::decode(buf) {
            Ok(Parsed::Partial) => Pace::Wait,
            Ok(Parsed::Complete { value, used }) => {
                if let Some(client) = value {
                    self.peer = client.into();
                }
                self.expects_proxy_header = false;
                // The request is still to come, and has its own time.
                self.state = State::idle();
                self.timing.active_at = now;
                by_class.add(Class::Head, used);
                Pace::On(used)
            }
            Err(error) => {
                log::warn!("{}: {}", self.peer, error.detail());
                by_class.add(Class::Head, buf.len());
                Pace::Ask(buf.len(), Ask::Leave(CloseReason::ProxyMalformed))
            }
        }
    }
}
