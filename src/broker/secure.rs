//! Connections that speak TLS: what the shell, which speaks it for them, has to tell.
//!
//! A connection that came by a TLS address is one like any other, with three things more: until its
//! handshake is complete nothing can be said to it, and that has a deadline; what TLS adds to its
//! bytes is charged to a class of its own; and it may fail in ways that plain ones do not know.
//!
//! Came from: the shell. Goes to: a visit, `teardown`, `accounting`. Absent on purpose: TLS.

use super::deciphered::{Deciphered, Placed, Preface};
use super::handlers::took;
use super::visit::Visit;
use super::{Broker, accounting, answer, teardown};
use crate::close::CloseReason;
use crate::conn::secure::Secure;
use crate::conn::state::State;
use crate::ids::{ConnId, Micros, Millis};
use crate::ledger::{Bytes, Call, Class};
use crate::wire::{Parsed, proxy_protocol};

impl Broker {
    /// The connection came by an address of TLS. To be told right behind [`Broker::accepted`].
    pub fn handshaking(&mut self, id: ConnId, now: Millis) {
        self.visit(id, now, |visit| visit.conn.aside.set_secure(Some(Secure::new())));
    }

    /// What of `bytes`, the first ones of a connection, is to be [`received`](Broker::received) as
    /// it is. §2 of the PROXY protocol: the header stands before everything else.
    pub fn preface(&self, id: ConnId, bytes: &[u8]) -> Preface {
        let proxied = self.conns.get(id).and_then(|conn| conn.aside.proxied());
        if proxied.is_none_or(|proxied| !proxied.expects_header) {
            return Preface::Bytes(0);
        }
        match proxy_protocol::decode(bytes) {
            Ok(Parsed::Partial) => Preface::Partial,
            Ok(Parsed::Complete { used, .. }) => Preface::Bytes(used),
            Err(_) => Preface::Bytes(bytes.len()), // It is refused where it is understood.
        }
    }

    /// The handshake is complete; `resumed`: an earlier session was taken up again.
    pub fn shook_hands(&mut self, id: ConnId, resumed: bool, now: Millis) {
        self.visit(id, now, |visit| {
            if let Some(secure) = visit.conn.aside.secure_mut() {
                secure.handshaking = false;
            }
            visit.conn.timing.active_at = now.into();
            accounting::shook_hands(visit, resumed);
        });
    }

    /// A read was deciphered. To be told before the plain bytes that were in it. `false`: it may
    /// not keep what it keeps, and was given up.
    pub fn deciphered(&mut self, id: ConnId, came: Deciphered, now: Millis) -> bool {
        let mut stays = false;
        self.visit(id, now, |visit| {
            accounting::tls_came_in(visit, came.records - came.plain);
            if let Some(secure) = visit.conn.aside.secure_mut() {
                secure.undeciphered = came.kept;
                if !secure.handshaking && came.plain == 0 {
                    visit.conn.expect_rest(came.kept > 0, now);
                }
            }
            stays = true;
        });
        stays && !self.has_ended(id)
    }

    /// Whether nothing more is said to `id`, though its socket may still be open.
    pub fn has_ended(&self, id: ConnId) -> bool {
        self.conns.get(id).is_none_or(|conn| matches!(conn.state, State::Closed))
    }

    /// The kernel took some of what was enciphered. The counterpart of [`Broker::sent`].
    pub fn sent_enciphered(&mut self, id: ConnId, placed: Placed, at: Micros) {
        let now = at.millis();
        self.visit(id, now, |visit| {
            let Placed { records, plain, whole } = placed;
            let call = match records {
                0 => Call::WriteWouldBlock,
                bytes => Call::Write { bytes },
            };
            accounting::charge(&mut visit.shard.ledger, visit.conn, call);
            let was_high = visit.conn.flow.outbox.is_high();
            let through = if whole { plain } else { 0 };
            count_sent(visit, records, whole.then_some(plain));
            accounting::through(&mut visit.shard.ledger, visit.conn, through, at);
            visit.conn.flow.refused = !whole;
            took(visit, records > 0, was_high);
        });
    }

    /// TLS went wrong for `reason`; an alert says so to the peer. Nothing behind it can be
    /// enciphered, so what the outbox has is dropped, with what was enciphered of it.
    pub fn tls_failed(&mut self, id: ConnId, reason: CloseReason, now: Millis) {
        self.visit(id, now, |visit| {
            if reason == CloseReason::Panicked {
                return teardown::give_up(visit, reason);
            }
            teardown::leave(visit, reason);
            accounting::dropped_unsent(visit);
            teardown::end_own_side(visit);
        });
    }

    /// The connection ended within its handshake, or without the word by which TLS ends: what came
    /// may not be all. RFC 8446 §6.1.
    pub fn truncated(&mut self, id: ConnId, now: Millis) {
        let lingers = |visit: &Visit<'_>| matches!(visit.conn.state, State::Lingering { .. });
        let mut is_over = false;
        self.visit(id, now, |visit| {
            is_over = lingers(visit);
            if !is_over {
                visit.conn.flow.finished = true;
                visit.conn.flow.leave_for(CloseReason::TlsTruncated);
                if !visit.conn.is_paused() {
                    teardown::close(visit); // Otherwise when the rest is understood.
                }
            }
        });
        if is_over {
            self.peer_finished(id, now); // It has our last word, and says none to it.
        }
    }

    /// Plain HTTP came, or something like it, on an address of TLS: `bytes` of it. It is told so,
    /// in plain words.
    pub fn spoke_plainly(&mut self, id: ConnId, bytes: usize, now: Millis) {
        self.visit(id, now, |visit| {
            if matches!(visit.conn.state, State::Lingering { .. } | State::Closed) {
                return; // It was refused before.
            }
            visit.conn.aside.set_secure(None);
            let mut by_class = Bytes::default();
            by_class.add(Class::Body, bytes);
            let ask = visit.conn.refuse_plain_words(now);
            accounting::enter(visit);
            accounting::came_in(visit, &by_class);
            answer::answer(visit, ask);
        });
    }

    /// Whether the outbox of `id` has the last that it will ever say.
    pub fn says_its_last(&self, id: ConnId) -> bool {
        self.conns.get(id).is_some_and(|conn| matches!(conn.state, State::Lingering { .. }))
    }
}

/// The kernel took `records` more. When it has all that was enciphered, what of that is not `plain`
/// is what TLS costs.
fn count_sent(visit: &mut Visit<'_>, records: usize, plain: Option<usize>) {
    let Some(secure) = visit.conn.aside.secure_mut() else {
        return;
    };
    secure.half_sent += records;
    if let Some(plain) = plain {
        let bytes = std::mem::take(&mut secure.half_sent) - plain;
        accounting::tls_went_out(visit, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Effect, Setup, Teardown};
    use crate::conn::outbox::Outbox;
    use crate::conn::proxies::Proxies;
    use crate::ids::Door;
    use crate::limits::Limits;
    use crate::wire::address_range::AddressRange;
    use crate::wire::forwarded::ProxyHeader;
    use std::net::{Ipv4Addr, SocketAddr};

    fn connect(broker: &mut Broker) -> ConnId {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1024));
        let id = broker.accepted(peer, Door::Public, Millis(0)).expect("there is room");
        broker.handshaking(id, Millis(0));
        id
    }

    fn said(broker: &Broker, id: ConnId) -> String {
        let bytes = broker.outbox(id).and_then(Outbox::only_slice).unwrap_or_default();
        String::from_utf8(bytes.to_vec()).expect("an answer")
    }

    fn part(kept: usize) -> Deciphered {
        Deciphered { kept, ..Deciphered::default() }
    }

    #[test]
    fn a_part_of_a_record_is_as_good_as_a_part_of_a_head() {
        let limits = Limits::default();
        let head_ms = limits.head_ms_max;
        let mut broker = Broker::new(Setup { limits, ..Setup::default() });
        let (id, other) = (connect(&mut broker), connect(&mut broker));
        for id in [id, other] {
            broker.shook_hands(id, false, Millis(0));
            assert!(broker.deciphered(id, part(100), Millis(5)));
            assert!(broker.deciphered(id, part(200), Millis(6)));
        }
        // What the other had begun was no request.
        broker.deciphered(other, part(0), Millis(7));
        broker.expire(Millis(4 + head_ms));
        assert_eq!(said(&broker, id), "");
        broker.expire(Millis(5 + head_ms));
        assert!(said(&broker, id).starts_with("HTTP/1.1 408 "), "{}", said(&broker, id));
        assert_eq!(said(&broker, other), "");
    }

    #[test]
    fn who_has_not_shaken_hands_holds_up_no_drain() {
        let mut broker = Broker::new(Setup::default());
        let id = connect(&mut broker);
        broker.drain(Millis(100), Millis(10_100));
        broker.expire(Millis(100));
        // Its deadline, and not the end of the drain.
        (100..1_200).step_by(10).for_each(|ms| broker.expire(Millis(ms)));
        let teardown = broker.next_teardown().expect("it is to be closed");
        assert!(matches!(teardown, (ended, Teardown::Close(CloseReason::Drained)) if ended == id));
    }

    #[test]
    fn who_has_no_place_before_its_handshake_is_let_go() {
        let limits = Limits { connections_per_address_max: 1, ..Limits::default() };
        let trusted = vec![AddressRange::parse("127.0.0.1").expect("an address")];
        let proxies = Proxies { trusted, header: ProxyHeader::ProxyProtocol };
        let mut broker = Broker::new(Setup { limits, proxies, ..Setup::default() });
        let id = connect(&mut broker);
        let mut header = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".to_vec();
        broker.deciphered(id, part(0), Millis(0));
        broker.received(id, &mut header, Millis(0));
        assert!(matches!(broker.next_effect(), Some(Effect::TakePlace { .. })));
        broker.placed(id, None, Millis(0));
        assert!(broker.next_teardown().is_some() && broker.has_ended(id));
        broker.spoke_plainly(id, 10, Millis(0)); // In the same read as the header.
        assert!(broker.has_ended(id) && said(&broker, id).is_empty());
    }
}
