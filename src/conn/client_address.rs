//! Whose requests a connection brings: of its peer, or of clients behind a proxy that is believed.
//!
//! A proxy that passes on bytes says it once, in a header of the PROXY protocol before the first
//! request; one that passes on requests says it in a field of each.
//!
//! Came from: `Conn::next_ask`, of a connection of a trusted proxy. Goes to: [`Conn::peer`]. Absent
//! on purpose: connections of anybody else. What looks like a PROXY header there is a request that
//! cannot be read.

use super::policy::Policy;
use super::problem::Problem;
use super::{Ask, Conn, Pace};
use crate::close::CloseReason;
use crate::conn::state::State;
use crate::ids::Millis;
use crate::ledger::{Bytes, Class};
use crate::wire::forwarded::ProxyHeader;
use crate::wire::head::Head;
use crate::wire::{Parsed, proxy_protocol};

impl Conn {
    /// Understands the header, or waits for the rest of it. Who sends none is not a proxy that we
    /// know how to talk to: it gets no answer, since nobody knows what it speaks.
    pub(super) fn proxy_header(&mut self, buf: &[u8], now: Millis, by_class: &mut Bytes) -> Pace {
        match proxy_protocol::decode(buf) {
            Ok(Parsed::Partial) => Pace::Wait,
            Ok(Parsed::Complete { value, used }) => {
                if let Some(proxied) = self.aside.proxied_mut() {
                    proxied.expects_header = false;
                }
                // The request is still to come, and has its own time.
                if let State::Head { began, .. } = &mut self.state {
                    *began = None;
                }
                self.timing.active_at = now.into();
                by_class.add(Class::Head, used);
                let Some(client) = value else {
                    return Pace::On(used);
                };
                self.peer = client.into();
                Pace::Ask(used, Ask::Arrived)
            }
            Err(error) => {
                log::warn!("{}: {}", self.peer, error.detail());
                by_class.add(Class::Head, buf.len());
                Pace::Ask(buf.len(), Ask::Leave(CloseReason::ProxyMalformed))
            }
        }
    }

    /// Takes the client's address from what a trusted proxy says in `head`. What cannot be read
    /// counts as the proxy's own, and is refused.
    pub(super) fn name_client(&mut self, head: &Head<'_>, policy: &Policy) -> Result<(), Problem> {
        let Some(proxy) = self.aside.proxied().map(|proxied| proxied.address) else {
            return Ok(());
        };
        if policy.proxies.header == ProxyHeader::ProxyProtocol {
            return Ok(());
        }
        let client = policy.proxies.client(head, proxy);
        self.peer = (*client.as_ref().unwrap_or(&proxy)).into();
        client.map(|_| ())
    }
}
