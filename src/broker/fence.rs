//! A fence around what one connection's bytes can break.
//!
//! Bytes from outside must not panic, and no way is known in which they do. If there is one after
//! all, in our parsers or in a crate that they call, its victim is the connection that sent them:
//! while they are understood nothing is touched but that connection, and a note is made of them
//! only when they are understood to their end. What the broker does about
//! them afterwards is outside of the fence. A panic there may leave the log or the lists of
//! subscribers half changed, and ends the server.
//!
//! Came from: `input`, around `Conn::next_ask`. Goes to: `teardown`, which drops the connection.
//! Absent on purpose: a retry. What panicked once would panic again.

use std::panic::{self, AssertUnwindSafe};

/// Does `work`. `None`: it panicked, and what it was changing must not be used any more, only
/// dropped.
pub(super) fn contain<T>(work: impl FnOnce() -> T) -> Option<T> {
    let work = || {
        #[cfg(test)]
        tests::spring();
        work()
    };
    // What may be half changed is the connection, and the caller drops that.
    panic::catch_unwind(AssertUnwindSafe(work)).ok()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use crate::broker::{Broker, Effect, Setup, Teardown};
    use crate::close::CloseReason;
    use crate::ids::{ConnId, Door, Millis, WallSecond};
    use crate::ledger::Payer;

    const REQUEST: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: tollway.example\r\n\r\n";

    thread_local! {
        /// So many calls from now, the work panics.
        static TRAP: Cell<u32> = const { Cell::new(0) };
    }

    /// Stands in for a bug that we do not know.
    pub(super) fn spring() {
        let left = TRAP.get();
        TRAP.set(left.saturating_sub(1));
        assert!(left != 1, "a bug, for a test");
    }

    fn broker() -> Broker {
        let mut broker = Broker::new(Setup::default());
        broker.wall_clock(WallSecond { unix_s: 784_111_777, ends: Millis(1000) });
        broker
    }

    fn ask(broker: &mut Broker, id: ConnId, bytes: &[u8]) {
        broker.received(id, &mut bytes.to_vec(), Millis(1));
    }

    fn accept(broker: &mut Broker) -> ConnId {
        let peer = "192.0.2.1:1".parse().expect("an address");
        broker.accepted(peer, Door::Public, Millis(0)).expect("there is room")
    }

    /// How many more read than at the last look.
    fn newcomers(broker: &mut Broker) -> i32 {
        let changes = std::iter::from_fn(|| broker.next_subscriber_change());
        changes.map(|change| change.difference).sum()
    }

    fn is_answered(broker: &Broker, id: ConnId) -> bool {
        broker.outbox(id).is_some_and(|outbox| !outbox.is_empty())
    }

    #[test]
    fn a_panic_over_bytes_ends_their_connection_and_no_other() {
        let mut broker = broker();
        let (victim, other) = (accept(&mut broker), accept(&mut broker));
        TRAP.set(1);
        ask(&mut broker, victim, REQUEST);
        assert!(!is_answered(&broker, victim));
        let teardown = broker.next_teardown();
        assert_eq!(teardown, Some((victim, Teardown::Reset(CloseReason::Panicked))));
        broker.socket_closed(victim, None, Millis(1));
        ask(&mut broker, other, REQUEST);
        assert!(is_answered(&broker, other));
        assert_eq!(broker.connections(), 1);
        let closed = broker.ledger().account(Payer::Other).closed;
        assert_eq!(closed[CloseReason::Panicked as usize], 1, "it is counted");
    }

    #[test]
    fn a_reader_whose_frame_panics_is_no_longer_among_the_readers() {
        let mut broker = broker();
        let (victim, other) = (accept(&mut broker), accept(&mut broker));
        for conn in [victim, other] {
            ask(
                &mut broker,
                conn,
                b"GET /chat/ws HTTP/1.1\r\nHost: tollway.example\r\nConnection: Upgrade\r\n\
                  Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            );
        }
        assert_eq!(newcomers(&mut broker), 2);
        TRAP.set(1);
        ask(&mut broker, victim, b"\x81\x82\0\0\0\0hi");
        assert_eq!(newcomers(&mut broker), -1);
        let teardown = broker.next_teardown();
        assert_eq!(teardown, Some((victim, Teardown::Reset(CloseReason::Panicked))));
        broker.socket_closed(victim, None, Millis(1));
        // The other one is still heard, and asks the sequencer for a number for what it says.
        ask(&mut broker, other, b"\x81\x82\0\0\0\0hi");
        let wants = std::iter::from_fn(|| broker.next_effect());
        let publishes = |effect: &Effect| matches!(effect, Effect::Publish { .. });
        assert_eq!(wants.filter(publishes).count(), 1);
    }

    /// The clock is data from outside as well.
    #[test]
    fn no_clock_ends_the_server() {
        let mut broker = broker();
        let conn = accept(&mut broker);
        for unix_s in [0, 253_402_300_799, 253_402_300_800, u64::MAX, 784_111_777] {
            broker.wall_clock(WallSecond { unix_s, ends: Millis(1000) });
            ask(&mut broker, conn, REQUEST);
            assert!(is_answered(&broker, conn), "{unix_s}");
        }
    }

    #[test]
    fn a_panic_over_what_was_kept_of_a_request_is_no_different() {
        let mut broker = broker();
        let victim = accept(&mut broker);
        ask(&mut broker, victim, &REQUEST[..9]);
        TRAP.set(1);
        ask(&mut broker, victim, &REQUEST[9..]);
        let teardown = broker.next_teardown();
        assert_eq!(teardown, Some((victim, Teardown::Reset(CloseReason::Panicked))));
        broker.socket_closed(victim, None, Millis(1));
        let account = broker.ledger().account(Payer::Other);
        assert_eq!(account.bytes_in.total(), REQUEST.len() as u64, "each byte is counted once");
    }
}
