//! Capture files, read by hand: the classic format of libpcap, IPv4 and TCP.
//!
//! Came from: `tcpdump`, whose file may still be growing. Goes to: `connection`, one segment at a
//! time, in the order in which the kernel received them. Absent on purpose: checksums, which
//! nobody computes on a loopback interface, and everything that is not TCP over IPv4.

/// Bytes before the first record: magic number, version, snapshot length, link type.
pub(crate) const FILE_HEADER_BYTES: usize = 24;
/// Time, bytes that were kept, bytes that there were.
const RECORD_HEADER_BYTES: usize = 16;

/// One TCP segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// The other end of the server's port.
    pub(crate) client_port: u16,
    pub(crate) from_server: bool,
    pub(crate) sequence: u32,
    pub(crate) acknowledged: u32,
    pub(crate) flags: u8,
    pub(crate) data: Vec<u8>,
}

impl Segment {
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const RESET: u8 = 0x04;

    /// Whether it has this flag.
    pub(crate) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// All segments of `file` from or to `server_port`. A record whose end is not written yet ends the
/// reading: a later look finds it whole.
pub(crate) fn segments(file: &[u8], server_port: u16) -> Vec<Segment> {
    if file.len() < FILE_HEADER_BYTES {
        return Vec::new();
    }
    let order = ByteOrder::of(file);
    let link = Link::of(order.u32(file, 20));
    let mut found = Vec::new();
    let mut rest = &file[FILE_HEADER_BYTES..];
    while rest.len() >= RECORD_HEADER_BYTES {
        let kept = order.u32(rest, 8) as usize;
        assert_eq!(
            kept,
            order.u32(rest, 12) as usize,
            "a packet was cut off by the snapshot length"
        );
        let Some(packet) = rest.get(RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + kept) else {
            break;
        };
        if let Some(datagram) = link.ipv4(packet) {
            found.extend(segment(datagram, server_port));
        }
        rest = &rest[RECORD_HEADER_BYTES + kept..];
    }
    found
}

/// In which order the file's own integers are written: that of the machine that captured.
enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn of(file: &[u8]) -> Self {
        // Microseconds or nanoseconds: we look at no time.
        match file[..4] {
            [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => Self::Little,
            [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => Self::Big,
            ref other => panic!("not a capture file: it begins with {other:02x?}"),
        }
    }

    fn u32(&self, bytes: &[u8], at: usize) -> u32 {
        let four = bytes[at..at + 4].try_into().expect("four bytes");
        match self {
            Self::Little => u32::from_le_bytes(four),
            Self::Big => u32::from_be_bytes(four),
        }
    }
}

/// What stands before the IP header, by the registry of link types.
struct Link {
    header_bytes: usize,
    /// Where the `EtherType` stands in that header.
    type_at: Option<usize>,
}

impl Link {
    fn of(number: u32) -> Self {
        let (header_bytes, type_at) = match number {
            1 => (14, Some(12)),   // LINKTYPE_ETHERNET: what Linux calls its loopback
            113 => (16, Some(14)), // LINKTYPE_LINUX_SLL: `-i any`
            276 => (20, Some(0)),  // LINKTYPE_LINUX_SLL2
            101 => (0, None),      // LINKTYPE_RAW
            other => panic!("link type {other} is not known here"),
        };
        Self { header_bytes, type_at }
    }

    fn ipv4<'p>(&self, packet: &'p [u8]) -> Option<&'p [u8]> {
        if let Some(at) = self.type_at
            && packet.get(at..at + 2)? != [0x08, 0x00]
        {
            return None;
        }
        packet.get(self.header_bytes..)
    }
}

/// The TCP segment in an IPv4 datagram (RFC 791 §3.1, RFC 9293 §3.1).
fn segment(datagram: &[u8], server_port: u16) -> Option<Segment> {
    let u16_at = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let header_bytes = usize::from(datagram[0] & 0x0f) * 4;
    let is_tcp_over_4 = datagram[0] >> 4 == 4 && datagram[9] == 6;
    if !is_tcp_over_4 {
        return None;
    }
    assert_eq!(u16_at(datagram, 6) & 0x3fff, 0, "a datagram in fragments");
    // The total length, and not that of the packet: Ethernet pads short ones.
    let tcp = &datagram[header_bytes..usize::from(u16_at(datagram, 2))];
    let (source, target) = (u16_at(tcp, 0), u16_at(tcp, 2));
    let from_server = source == server_port;
    if !from_server && target != server_port {
        return None;
    }
    let u32_at = |at: usize| u32::from_be_bytes(tcp[at..at + 4].try_into().expect("four"));
    Some(Segment {
        client_port: if from_server { target } else { source },
        from_server,
        sequence: u32_at(4),
        acknowledged: u32_at(8),
        flags: tcp[13],
        data: tcp[usize::from(tcp[12] >> 4) * 4..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A capture of one segment with the data `hi`, in either byte order.
    fn capture(big: bool, from: u16, to: u16) -> Vec<u8> {
        let number = |n: u32| {
            if big { n.to_be_bytes() } else { n.to_le_bytes() }
        };
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1] {
            file.extend(number(word));
        }
        let mut tcp = [from.to_be_bytes(), to.to_be_bytes()].concat();
        tcp.extend([0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x11, 0, 64, 0, 0, 0, 0]);
        tcp.extend(b"hi");
        let mut packet = vec![0; 12];
        packet.extend([0x08, 0x00, 0x45, 0, 0, 42, 0, 0, 0x40, 0, 64, 6, 0, 0]);
        packet.extend([127, 0, 0, 1, 127, 0, 0, 1]);
        packet.extend(tcp);
        packet.extend([0; 4]); // Padding: the IP header says how long the datagram is.
        let length = u32::try_from(packet.len()).expect("short");
        for word in [1, 2, length, length] {
            file.extend(number(word));
        }
        file.extend(packet);
        file
    }

    #[test]
    fn a_segment_is_read_in_both_byte_orders_and_without_its_padding() {
        for big in [false, true] {
            let found = segments(&capture(big, 50_000, 80), 80);
            let [segment] = &found[..] else { panic!("one segment: {found:?}") };
            assert_eq!(segment.data, b"hi");
            assert_eq!((segment.sequence, segment.acknowledged), (7, 9));
            assert_eq!((segment.client_port, segment.from_server), (50_000, false));
            assert!(segment.is(Segment::FIN));
            assert!(!segment.is(Segment::SYN) && !segment.is(Segment::RESET));
        }
        assert!(segments(&capture(false, 80, 50_000), 80)[0].from_server);
    }

    #[test]
    fn a_record_that_is_still_being_written_waits() {
        let file = capture(false, 50_000, 80);
        for end in 0..file.len() {
            assert!(segments(&file[..end], 80).is_empty());
        }
    }

    #[test]
    fn other_ports_are_left_out() {
        assert!(segments(&capture(false, 50_000, 81), 80).is_empty());
    }
}
