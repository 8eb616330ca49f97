//! What the kernel counts on a connection: segments, and bytes as TCP sees them.
//!
//! Came from: the shell, which reads `TCP_INFO` and `SO_MEMINFO`. Goes to: accounts, as the
//! difference to what was settled before. Absent on purpose: the system call.

use std::ops::AddAssign;

/// What the kernel said about one connection at one moment. Counts are since it was accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Segments received, the SYN and those without data too.
    pub segments_in: u32,
    /// Segments sent, those without data too; the SYN-ACK is not among them.
    pub segments_out: u32,
    /// Bytes of data received, each once.
    pub bytes_in: u64,
    /// Bytes of data sent, each once.
    pub bytes_out: u64,
    /// Segments that were sent again.
    pub retransmits: u32,
    /// The smoothed round-trip time, in microseconds.
    pub rtt_us: u32,
    /// Bytes that the kernel's buffers hold for it, their own overhead included.
    pub kernel_bytes: u32,
}

/// What the kernel counted on the connections of one payer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tcp {
    /// Connections that were set up: SYN, SYN-ACK, ACK.
    pub handshakes: u64,
    /// Segments received.
    pub segments_in: u64,
    /// Segments sent, the SYN-ACKs too.
    pub segments_out: u64,
    /// Bytes of data received.
    pub bytes_in: u64,
    /// Bytes of data sent, each once.
    pub bytes_out: u64,
    /// Segments that were sent again.
    pub retransmits: u64,
}

impl Tcp {
    /// A connection was set up. The kernel's count of an accepted connection has the SYN in it, and
    /// not the SYN-ACK, which was sent before there was a socket.
    pub fn handshake(&mut self) {
        self.handshakes += 1;
        self.segments_out += 1;
    }

    /// Adds what `now` counts and `before` did not: nothing, if it is the older one. 32 bits of
    /// segments may wrap between two samples, once.
    pub fn add_since(&mut self, before: &Sample, now: &Sample) {
        let more = |now: u32, before: u32| match now.wrapping_sub(before) {
            0x8000_0000.. => 0,
            more => u64::from(more),
        };
        self.segments_in += more(now.segments_in, before.segments_in);
        self.segments_out += more(now.segments_out, before.segments_out);
        self.bytes_in += now.bytes_in.saturating_sub(before.bytes_in);
        self.bytes_out += now.bytes_out.saturating_sub(before.bytes_out);
        self.retransmits += more(now.retransmits, before.retransmits);
    }

    /// Segments in both directions.
    pub fn segments(&self) -> u64 {
        self.segments_in + self.segments_out
    }
}

impl AddAssign<&Self> for Tcp {
    fn add_assign(&mut self, other: &Self) {
        self.handshakes += other.handshakes;
        self.segments_in += other.segments_in;
        self.segments_out += other.segments_out;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.retransmits += other.retransmits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_changes_hands_is_paid_by_both_and_once() {
        let at = |n: u32| Sample {
            segments_in: n,
            segments_out: 2 * n,
            bytes_in: 100 * u64::from(n),
            bytes_out: 0,
            ..Sample::default()
        };
        let (mut first, mut second) = (Tcp::default(), Tcp::default());
        first.handshake();
        first.add_since(&Sample::default(), &at(3));
        second.add_since(&at(3), &at(10));
        assert_eq!((first.segments_in, first.segments_out), (3, 7));
        assert_eq!((second.segments_in, second.segments_out), (7, 14));
        assert_eq!(first.bytes_in + second.bytes_in, 1000);
        second.add_since(&at(10), &at(3));
        assert_eq!(second.segments_in, 7, "a sample that is older adds nothing");
        first += &second;
        assert_eq!(first.segments(), 31);
    }
}
