//! Segments put together: which connection each belongs to, and what bytes went which way.
//!
//! Came from: `pcap`. Goes to: `end`, `classes` and `run`. Absent on purpose:
//! times; the order counts.

use crate::pcap::Segment;

/// Above this a packet on the loopback interface may hold several segments, which Linux passes on
/// together: the kernel counts them one by one, a capture does not. It is half of the first window
/// that Linux announces there.
const SEGMENT_BYTES_MAX: usize = 32_741;

/// One connection as captured.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client_port: u16,
    /// With the place of each in the capture.
    pub(crate) segments: Vec<(usize, Segment)>,
}

/// Segments by direction, as the server sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) incoming: u64,
    pub(crate) outgoing: u64,
    /// How many of the outgoing ones the server had sent before. Nothing gets lost here; but Linux
    /// sends the last one again when its acknowledgement is late (RFC 8985 §7, tail loss probe).
    pub(crate) again: u64,
}

/// Sorts segments by connection. A port may be used again: every new SYN begins one.
pub(crate) fn connections(segments: &[Segment]) -> Vec<Connection> {
    let mut found: Vec<Connection> = Vec::new();
    for (place, segment) in segments.iter().enumerate() {
        let known =
            found.iter_mut().rev().find(|connection| connection.client_port == segment.client_port);
        match known {
            Some(connection) if !connection.is_begun_anew(segment) => {
                connection.segments.push((place, segment.clone()));
            }
            _ => {
                assert!(
                    segment.is(Segment::SYN) && !segment.from_server,
                    "the capture began too late: {segment:?}"
                );
                found.push(Connection {
                    client_port: segment.client_port,
                    segments: vec![(place, segment.clone())],
                });
            }
        }
    }
    found
}

impl Connection {
    /// What was captured before `place`.
    pub(crate) fn until(&self, place: usize) -> Option<Self> {
        let segments: Vec<_> =
            self.segments.iter().filter(|(at, _)| *at < place).cloned().collect();
        (!segments.is_empty()).then_some(Self { client_port: self.client_port, segments })
    }

    /// What the server had received and sent before it sent byte `outgoing` of its own: of what it
    /// sent all that is numbered below, and of what it received all that acknowledges no more.
    /// Sequence numbers tell this better than the order of the capture, which two processors write.
    pub(crate) fn before_answer(&self, outgoing: usize) -> Self {
        let answer = self.first_byte(true).wrapping_add(offset(outgoing));
        let is_before = |segment: &Segment| {
            if segment.from_server {
                let end = segment.sequence.wrapping_add(offset(segment.data.len()));
                !is_after(end, answer)
            } else {
                segment.is(Segment::SYN) || !is_after(segment.acknowledged, answer)
            }
        };
        let segments = self.segments.iter();
        Self {
            client_port: self.client_port,
            segments: segments.filter(|(_, s)| is_before(s)).cloned().collect(),
        }
    }

    /// The bytes that went one way, in order, each once.
    pub(crate) fn bytes(&self, from_server: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut early: Vec<(usize, &[u8])> = Vec::new();
        let first = self.first_byte(from_server);
        for segment in self.of(from_server).filter(|s| !s.data.is_empty()) {
            assert!(
                segment.data.len() <= SEGMENT_BYTES_MAX,
                "{} bytes in a packet: too many to know that they were one segment",
                segment.data.len()
            );
            let at = segment.sequence.wrapping_sub(first) as usize;
            early.push((at, &segment.data));
            while let Some(index) = early.iter().position(|(at, _)| *at <= bytes.len()) {
                let (at, data) = early.swap_remove(index);
                // The beginning of a segment that was sent again is there already.
                let again = data.len().min(bytes.len() - at);
                assert_eq!(bytes[at..at + again], data[..again], "sent again, and other");
                bytes.extend_from_slice(&data[again..]);
            }
        }
        assert!(early.is_empty(), "bytes are missing before {}", early[0].0);
        bytes
    }

    /// Where in the capture byte `at` of one direction is; `None` when it was not captured.
    pub(crate) fn place_of(&self, from_server: bool, at: usize) -> Option<usize> {
        let first = self.first_byte(from_server);
        self.segments.iter().find_map(|(place, segment)| {
            let begins = segment.sequence.wrapping_sub(first) as usize;
            let holds = segment.from_server == from_server
                && begins <= at
                && at < begins + segment.data.len();
            holds.then_some(*place)
        })
    }

    /// Whether a segment was captured within `places`.
    pub(crate) fn is_seen_in(&self, places: std::ops::Range<usize>) -> bool {
        self.segments.iter().any(|(place, _)| places.contains(place))
    }

    /// How many segments there are in the capture.
    pub(crate) fn captured(&self) -> Count {
        self.count(|_| true)
    }

    pub(crate) fn count(&self, wanted: impl Fn(usize) -> bool) -> Count {
        let mut count = Count::default();
        let mut sent = self.first_byte(true);
        for (_, segment) in self.segments.iter().filter(|(place, _)| wanted(*place)) {
            if !segment.from_server {
                count.incoming += 1;
                continue;
            }
            count.outgoing += 1;
            let length = segment.data.len() + usize::from(segment.is(Segment::FIN));
            let end = segment.sequence.wrapping_add(offset(length));
            if is_after(end, sent) {
                sent = end;
            } else if length > 0 {
                count.again += 1;
            }
        }
        count
    }

    pub(crate) fn of(&self, from_server: bool) -> impl Iterator<Item = &Segment> {
        let segments = self.segments.iter().map(|(_, segment)| segment);
        segments.filter(move |segment| segment.from_server == from_server)
    }

    /// The number behind the last byte of one direction.
    pub(crate) fn end_of(&self, from_server: bool) -> u32 {
        let first = self.first_byte(from_server);
        first.wrapping_add(offset(self.bytes(from_server).len()))
    }

    /// The number of the first byte of one direction: the one behind the SYN.
    pub(crate) fn first_byte(&self, from_server: bool) -> u32 {
        let syn = self.of(from_server).find(|segment| segment.is(Segment::SYN));
        syn.map_or(0, |syn| syn.sequence.wrapping_add(1))
    }

    /// Whether `segment` is the SYN of another connection over the same port.
    fn is_begun_anew(&self, segment: &Segment) -> bool {
        let (_, first) = &self.segments[0];
        segment.is(Segment::SYN) && !segment.from_server && segment.sequence != first.sequence
    }
}

/// A length as a distance between sequence numbers.
pub(crate) fn offset(length: usize) -> u32 {
    u32::try_from(length).expect("no test sends 4 GiB")
}

/// Whether sequence number `a` comes after `b` (RFC 9293 §3.4: modulo 2³²).
fn is_after(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).wrapping_sub(1) < 0x8000_0000 - 1
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A segment: who sends it, from which number on, what it acknowledges, its flags, its data.
    pub(crate) fn segment(
        from_server: bool,
        numbers: (u32, u32),
        flags: u8,
        data: &[u8],
    ) -> Segment {
        Segment {
            client_port: 1,
            from_server,
            sequence: numbers.0,
            acknowledged: numbers.1,
            flags,
            data: data.to_vec(),
        }
    }

    /// A handshake whose numbers pass zero, a request of five bytes, an answer of two.
    pub(crate) fn begun() -> Vec<Segment> {
        vec![
            segment(false, (u32::MAX - 2, 0), Segment::SYN, b""),
            segment(true, (99, u32::MAX - 1), Segment::SYN, b""),
            segment(false, (u32::MAX - 1, 100), 0, b""),
            segment(false, (u32::MAX - 1, 100), 0, b"hello"),
            segment(true, (100, 3), 0, b"ok"),
        ]
    }

    pub(crate) fn only(segments: &[Segment]) -> Connection {
        let mut found = connections(segments);
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    #[test]
    fn bytes_come_out_in_order_and_once_whatever_the_order_of_segments() {
        let mut segments = begun();
        segments.push(segment(false, (6, 102), 0, b"third"));
        segments.push(segment(false, (3, 102), 0, b" tw"));
        segments.push(segment(false, (u32::MAX - 1, 102), 0, b"hello t"));
        let connection = only(&segments);
        assert_eq!(connection.bytes(false), b"hello twthird");
        assert_eq!(connection.bytes(true), b"ok");
        assert_eq!(connection.place_of(false, 5), Some(6));
        assert_eq!(connection.place_of(true, 2), None);
    }

    #[test]
    fn a_port_that_is_used_again_is_another_connection() {
        let mut segments = begun();
        segments.push(segment(false, (u32::MAX - 2, 0), Segment::SYN, b"")); // The same SYN again.
        assert_eq!(connections(&segments).len(), 1);
        segments.push(segment(false, (77, 0), Segment::SYN, b""));
        assert_eq!(connections(&segments).len(), 2);
    }

    #[test]
    fn what_is_sent_again_is_counted() {
        let mut segments = begun();
        assert_eq!(only(&segments).captured().again, 0);
        segments.push(segment(true, (100, 3), 0, b"ok"));
        segments.push(segment(true, (102, 3), 0, b"")); // An acknowledgement repeats nothing.
        segments.push(segment(true, (102, 3), Segment::FIN, b""));
        segments.push(segment(true, (102, 3), Segment::FIN, b""));
        assert_eq!(only(&segments).captured().again, 2);
    }

    #[test]
    fn a_report_knows_its_request_and_nothing_of_its_answer() {
        let mut segments = begun();
        segments.push(segment(false, (3, 102), 0, b"")); // Acknowledges the answer.
        let before = only(&segments).before_answer(0);
        let count = before.captured();
        assert_eq!((count.incoming, count.outgoing), (3, 1));
        assert_eq!((before.bytes(false), before.bytes(true)), (b"hello".to_vec(), vec![]));
    }
}
