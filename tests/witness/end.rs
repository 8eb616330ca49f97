//! How a connection ended, and which of its segments the ledger can know of.
//!
//! **The segments that the ledger cannot know of.** The ledger reads the kernel's count of a
//! connection (`TCP_INFO`) for the last time just before it calls `close`, or, while the
//! connection is open, when a report is asked for. What comes after is in the capture alone:
//!
//! | the connection, in the capture | not in the ledger |
//! | --- | --- |
//! | open at the report | what was captured after the report was asked for |
//! | client's FIN first | the server's, which `close` sends, and the ACK to it: one out, one in |
//! | server's FIN first, it lingered | nothing: `shutdown` sent it, and `close` comes after all |
//! | server's FIN first, at once | that FIN, which `close` sends, and all that follows it |
//! | reset by the client | nothing: a reset is not answered |
//! | reset by the server | the reset, which `close` sends: one out |
//! | asks for the report | what carries the answer, and what acknowledges it |
//!
//! **The segments that it may know of or not.** Where a server is late, the kernel acknowledges a
//! FIN or a request by itself, 40 ms after it came. It may do so just before the ledger reads the
//! count, or just behind that ([`Connection::late_at_end`], [`Connection::late_at_answer`]).
//!
//! Came from: `connection`. Goes to: `run`. Absent on purpose: what the segments carry.

use crate::account::Kernel;
use crate::connection::{Connection, Count, offset};
use crate::pcap::Segment;

/// How a connection ended, in the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Open,
    /// The client's FIN came first, and was answered with the server's at this place.
    ByClient(usize),
    /// The server's FIN came first, at this place, and the client's answered it.
    ByServer(usize),
    /// The server's FIN came at this place, and none of the client's.
    Half(usize),
    /// The server let go of it, and its FIN is at this place.
    Dropped(usize),
    ClientReset,
    /// At this place.
    ServerReset(usize),
}

impl Connection {
    /// How it ended. `lingers`: the server said before that it would end it, by `Connection: close`
    /// or a Close frame, to a client that had not; then it waits until the client has ended it too.
    pub(crate) fn end(&self, lingers: bool) -> End {
        match self.order_of_ends() {
            End::ByServer(place) | End::Half(place) if !lingers => End::Dropped(place),
            end => end,
        }
    }

    fn order_of_ends(&self) -> End {
        let place = |wanted: fn(&Segment) -> bool| {
            let found = self.segments.iter().find(|(_, segment)| wanted(segment));
            found.map(|(place, _)| *place)
        };
        let client_reset = place(|s| s.is(Segment::RESET) && !s.from_server);
        let server_reset = place(|s| s.is(Segment::RESET) && s.from_server);
        let client_fin = place(|s| s.is(Segment::FIN) && !s.from_server);
        let server_fin = place(|s| s.is(Segment::FIN) && s.from_server);
        let ended = client_fin.zip(server_fin).map(|(client, server)| client.max(server));
        // A reset behind both FINs ends nothing: a segment came late, and its connection was gone.
        let within = |reset: &usize| ended.is_none_or(|ended| *reset < ended);
        let (client_reset, server_reset) =
            (client_reset.filter(within), server_reset.filter(within));
        match (client_reset, server_reset, client_fin, server_fin) {
            (Some(_), None, _, None) => End::ClientReset,
            (None, Some(place), _, None) => End::ServerReset(place),
            (None, None, Some(client), Some(server)) if client < server => End::ByClient(server),
            (None, None, Some(_), Some(server)) => End::ByServer(server),
            (None, None, None, Some(server)) => End::Half(server),
            (None, None, _, None) => End::Open,
            other => panic!("an end that the rules do not know: {other:?} in {self:?}"),
        }
    }

    /// What the ledger can know of what the kernel counts, when this is how it ended: see the head
    /// of this file.
    pub(crate) fn kernel(&self, end: End) -> Kernel {
        let Count { incoming, outgoing, again } = match end {
            End::Open | End::ByServer(_) | End::Half(_) | End::ClientReset => self.captured(),
            End::ByClient(place) | End::Dropped(place) | End::ServerReset(place) => {
                self.count(|at| at < place)
            }
        };
        Kernel {
            segments_in: incoming,
            segments_out: outgoing,
            bytes_in: self.bytes(false).len() as u64,
            bytes_out: self.bytes(true).len() as u64,
            retransmits: again,
        }
    }

    /// Acknowledgements that the kernel may have sent by itself between the moment when the ledger
    /// read its count and the answer that begins with byte `outgoing`.
    pub(crate) fn late_at_answer(&self, outgoing: usize) -> u64 {
        let answer = self.first_byte(true).wrapping_add(offset(outgoing));
        // Of the whole request: what acknowledges a part of it came before it was understood.
        let request = self.before_answer(outgoing).end_of(false);
        self.late(|s| (s.sequence, s.acknowledged) == (answer, request))
    }

    /// The same between the last reading and the `close` that answers a client's FIN.
    pub(crate) fn late_at_end(&self, end: End) -> u64 {
        let End::ByClient(place) = end else {
            return 0;
        };
        let numbers = |segment: &Segment| (segment.sequence, segment.acknowledged);
        let last = self.segments.iter().find(|(at, _)| *at == place);
        let last = last.map(|(_, segment)| numbers(segment));
        self.late(|segment| Some(numbers(segment)) == last)
    }

    /// How many of the server's segments acknowledge, carry nothing else, and are `wanted`. A place
    /// in the capture would not do: two processors write it.
    fn late(&self, wanted: impl Fn(&Segment) -> bool) -> u64 {
        let bare = |s: &&Segment| s.data.is_empty() && !s.is(Segment::SYN | Segment::FIN);
        let alone = |s: &&Segment| !s.is(Segment::RESET) && wanted(s);
        self.of(true).filter(bare).filter(alone).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::tests::{begun, only, segment};

    #[test]
    fn each_end_leaves_out_what_the_ledger_cannot_know() {
        let ends = |lingers: bool, last: &[(bool, u8)]| {
            let mut segments = begun();
            for (from_server, flags) in last {
                segments.push(segment(*from_server, (200, 200), *flags, b""));
            }
            let connection = only(&segments);
            let end = connection.end(lingers);
            let (all, known) = (connection.captured(), connection.kernel(end));
            (end, all.incoming - known.segments_in, all.outgoing - known.segments_out)
        };
        let (client, server) = (false, true);
        let (ack, fin, reset) = (0, Segment::FIN, Segment::RESET);
        assert_eq!(ends(false, &[]), (End::Open, 0, 0));
        let by_client = ends(true, &[(client, fin), (server, fin), (client, ack)]);
        assert_eq!(by_client, (End::ByClient(6), 1, 1));
        let by_server = ends(true, &[(server, fin), (client, ack), (client, fin), (server, ack)]);
        assert_eq!(by_server, (End::ByServer(5), 0, 0));
        assert_eq!(ends(true, &[(client, reset)]), (End::ClientReset, 0, 0));
        let reset = ends(true, &[(client, fin), (server, reset)]);
        assert_eq!(reset, (End::ServerReset(6), 0, 1));
        let half = [(server, fin), (client, ack)];
        assert_eq!(ends(true, &half), (End::Half(5), 0, 0));
        assert_eq!(ends(false, &half), (End::Dropped(5), 1, 1));
    }

    #[test]
    fn what_the_kernel_acknowledged_by_itself_is_known_or_not() {
        let mut segments = begun();
        segments.push(segment(false, (3, 102), Segment::FIN, b""));
        segments.push(segment(true, (102, 4), Segment::FIN, b""));
        let ended = only(&segments);
        assert_eq!(ended.late_at_end(ended.end(false)), 0);
        // Sent before that FIN, and captured behind it; what answers it finds nobody.
        segments.push(segment(true, (102, 4), 0, b""));
        segments.push(segment(false, (4, 103), 0, b""));
        segments.push(segment(true, (103, 0), Segment::RESET, b""));
        let late = only(&segments);
        assert_eq!(late.end(false), End::ByClient(6));
        assert_eq!(late.late_at_end(End::ByClient(6)), 1);
    }

    #[test]
    fn a_request_that_waited_for_its_answer_may_have_been_acknowledged_before() {
        let mut segments = begun();
        segments.push(segment(false, (3, 102), 0, b"more"));
        segments.push(segment(true, (102, 5), 0, b"")); // Of its first half: known.
        assert_eq!(only(&segments).late_at_answer(2), 0);
        segments.push(segment(true, (102, 7), 0, b""));
        segments.push(segment(true, (102, 7), 0, b"yes"));
        assert_eq!((only(&segments).late_at_answer(0), only(&segments).late_at_answer(2)), (0, 1));
    }
}
