//! Input: bytes are understood as far as they go, one ask answered after the other.
//!
//! Came from: the face, with bytes where they lie, or with the wish to look at the inbox again.
//! Goes to: `conn`, which understands them, and `answer`. Absent on purpose: sockets.

use super::visit::{Shard, Visit};
use super::{accounting, answer, fence, teardown};
use crate::close::CloseReason;
use crate::conn::state::Name;
use crate::ledger::Bytes;

/// Bytes have come. What cannot be understood yet is kept.
pub(super) fn received(visit: &mut Visit<'_>, bytes: &mut [u8]) {
    if visit.conn.aside.inbox().is_none() {
        let used = digest(visit, bytes);
        if used < bytes.len() {
            visit.conn.aside.push_inbox(&bytes[used..]);
        }
        return;
    }
    visit.conn.aside.push_inbox(bytes);
    if !visit.conn.is_paused() {
        digest_inbox(visit); // Else it stands in line, once.
    }
}

/// Understands what lies in the inbox.
pub(super) fn digest_inbox(visit: &mut Visit<'_>) {
    let mut inbox = visit.conn.aside.take_inbox();
    let used = digest(visit, inbox.as_mut_slice());
    inbox.understand(used);
    visit.conn.aside.put_inbox(inbox);
}

/// Understands `bytes`, and tells how many of them.
///
/// An answer never comes back here: what it leaves to be looked at stands in `Shard::left_behind`.
/// So the loop is all there is, and it ends, since every ask takes bytes away or leaves the
/// connection in a state in which nothing more is asked.
fn digest(visit: &mut Visit<'_>, bytes: &mut [u8]) -> usize {
    let mut used = 0;
    visit.conn.begin_portion();
    loop {
        let mut by_class = Bytes::default();
        let (rest, now) = (&mut bytes[used..], visit.now);
        let Shard { policy, familiar, .. } = &mut *visit.shard;
        let understood =
            fence::contain(|| visit.conn.next_ask(rest, now, policy, familiar, &mut by_class));
        let Some((n, ask)) = understood else {
            log::error!("{}: what it sent made us panic; please report it", visit.conn.peer);
            accounting::dropped_unread(visit, bytes.len() - used);
            teardown::give_up(visit, CloseReason::Panicked);
            return bytes.len();
        };
        let begun = ask.is_some() || visit.conn.state.name() == Name::Body;
        if begun && visit.conn.costs.change_with_request(&visit.conn.aside) {
            accounting::enter(visit);
        }
        accounting::came_in(visit, &by_class);
        used += n;
        let Some(ask) = ask else {
            if used < bytes.len() && visit.conn.has_inflated_much() {
                visit.go_on_later();
            }
            return used;
        };
        answer::answer(visit, ask);
        if used == bytes.len() {
            return used;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::broker::{Broker, Effect, Letter, Setup};
    use crate::hub::Receipt;
    use crate::ids::{ConnId, Door, Micros, Millis};
    use crate::limits::Limits;
    use crate::store::sequencer::{Commit, Sequencer};
    use crate::wire::frame::{Opcode, encode_header};
    use flate2::{Compress, Compression, FlushCompress};
    use std::net::{Ipv4Addr, SocketAddr};

    const HANDSHAKE: &[u8] = b"GET /t/ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n";

    /// A client's frame with `text` compressed. RFC 7692 §7.2.1.
    fn frame(text: &[u8]) -> Vec<u8> {
        let mut payload = Vec::with_capacity(8 * 1024);
        let mut compress = Compress::new(Compression::best(), false);
        compress.compress_vec(text, &mut payload, FlushCompress::Sync).expect("room");
        payload.truncate(payload.len() - 4);
        let mut frame = Vec::new();
        encode_header(Opcode::Text, payload.len(), &mut frame);
        frame[1] |= 0x80; // Masked, with zeros.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(&payload);
        frame[0] |= 0x40; // RSV1: it is compressed.
        frame
    }

    fn socket() -> (Broker, Sequencer, ConnId) {
        let limits = Limits { deflate: true, ..Limits::default() };
        let mut broker = Broker::new(Setup { limits, ..Setup::default() });
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1024));
        let id = broker.accepted(peer, Door::Public, Millis(0)).expect("there is room");
        broker.received(id, &mut HANDSHAKE.to_vec(), Millis(0));
        (broker, Sequencer::default(), id)
    }

    /// Publishes what was asked for since this was last called, and tells how much that was.
    fn orders(broker: &mut Broker, sequencer: &mut Sequencer) -> usize {
        let mut all = 0;
        while let Some(effect) = broker.next_effect() {
            if let Effect::Publish { conn, draft } = effect
                && let Commit::Appended { message, .. } = sequencer.commit(draft, Micros(0))
            {
                all += 1;
                let receipt = Some(Receipt { conn, seq: message.seq, subscribers: 0 });
                broker.letter(Letter::Committed { message, receipt }, Millis(0));
            }
        }
        all
    }

    const MESSAGES: usize = 40;

    /// Few bytes that become many stand in line behind what others have sent, and are not lost
    /// where nothing follows them.
    #[test]
    fn what_is_inflated_to_much_is_understood_a_portion_at_a_time() {
        let half_a_mebibyte = frame(&vec![b'x'; 512 * 1024]);
        assert!(half_a_mebibyte.len() < 1024);
        for ends in [None, Some("by its FIN"), Some("by a cut of TLS")] {
            let (mut broker, mut sequencer, id) = socket();
            broker.received(id, &mut half_a_mebibyte.repeat(MESSAGES), Millis(0));
            let mut all = orders(&mut broker, &mut sequencer);
            assert_eq!(all, 1, "the others wait");
            broker.received(id, &mut half_a_mebibyte.clone(), Millis(0));
            assert_eq!(orders(&mut broker, &mut sequencer), 0, "and what comes behind them too");
            match ends {
                None => {}
                Some("by its FIN") => broker.peer_finished(id, Millis(0)),
                Some(_) => broker.truncated(id, Millis(0)),
            }
            while broker.go_on(Millis(0)) {
                let more = orders(&mut broker, &mut sequencer);
                assert_eq!(more, 1);
                all += more;
            }
            assert_eq!(all, MESSAGES + 1, "{ends:?}");
        }
    }

    #[test]
    fn what_comes_to_little_is_understood_at_once() {
        let (mut broker, mut sequencer, id) = socket();
        broker.received(id, &mut frame(b"x").repeat(MESSAGES), Millis(0));
        assert_eq!(orders(&mut broker, &mut sequencer), MESSAGES);
    }
}
