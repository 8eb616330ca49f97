//! The delay line: one connection over loopback that behaves as if its peer were a round trip away.
//!
//! Came from: `swarm`, for each connection. Goes to: the same, when the time has come. Absent on
//! purpose: bandwidth, loss, slow start, and the segments themselves. The kernel sends what it
//! sends, when the line lets go of it; only *when a side sees what the other did* is held back:
//!
//! ```text
//! connect ──── rtt ────► established ── rtt/2 ──► a write leaves … a read ── rtt/2 ──► is seen
//! ```

use std::collections::VecDeque;

/// Bytes and the moment when they go on.
type Held = VecDeque<(u64, Vec<u8>)>;

/// Both directions of one connection. Moments are microseconds of one clock.
#[derive(Debug)]
pub struct DelayLine {
    half_us: u64,
    /// Nothing leaves before: SYN and SYN-ACK are on their way.
    established_us: u64,
    out: Held,
    /// Empty bytes: the peer's end.
    inward: Held,
}

impl DelayLine {
    /// For a connection that is opened now.
    pub const fn opened(now_us: u64, rtt_us: u64) -> Self {
        Self {
            half_us: rtt_us / 2,
            established_us: now_us + rtt_us,
            out: VecDeque::new(),
            inward: VecDeque::new(),
        }
    }

    /// We write.
    pub fn written(&mut self, now_us: u64, bytes: Vec<u8>) {
        let due = now_us.max(self.established_us) + self.half_us;
        self.out.push_back((due, bytes));
    }

    /// The kernel gave us bytes; none stand for the peer's end.
    pub fn read(&mut self, now_us: u64, bytes: Vec<u8>) {
        self.inward.push_back((now_us + self.half_us, bytes));
    }

    /// What is to be given to the kernel by now.
    pub fn next_leaving(&mut self, now_us: u64) -> Option<Vec<u8>> {
        due(&mut self.out, now_us)
    }

    /// What is to be seen by now.
    pub fn next_arriving(&mut self, now_us: u64) -> Option<Vec<u8>> {
        due(&mut self.inward, now_us)
    }

    /// When to look again.
    pub fn next_due_us(&self) -> Option<u64> {
        let first = |held: &Held| held.front().map(|(due, _)| *due);
        [first(&self.out), first(&self.inward)].into_iter().flatten().min()
    }
}

fn due(held: &mut Held, now_us: u64) -> Option<Vec<u8>> {
    held.pop_front_if(|(due, _)| *due <= now_us).map(|(_, bytes)| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_seen_two_round_trips_after_connecting() {
        let mut line = DelayLine::opened(1_000, 80);
        line.written(1_000, vec![1]);
        assert_eq!(line.next_due_us(), Some(1_120));
        assert_eq!(line.next_leaving(1_119), None);
        assert_eq!(line.next_leaving(1_120), Some(vec![1]));
        line.read(1_120, vec![2]);
        assert_eq!(line.next_arriving(1_159), None);
        assert_eq!(line.next_arriving(1_160), Some(vec![2]));
        assert_eq!(line.next_due_us(), None);
        // Established: from now on one round trip.
        line.written(1_160, vec![3]);
        assert_eq!(line.next_leaving(1_199), None);
        assert_eq!(line.next_leaving(1_200), Some(vec![3]));
        line.read(1_200, vec![]);
        assert_eq!(line.next_arriving(1_240), Some(vec![]));
    }

    #[test]
    fn without_a_round_trip_nothing_is_held() {
        let mut line = DelayLine::opened(5, 0);
        line.written(5, vec![1]);
        line.read(5, vec![2]);
        assert_eq!(line.next_leaving(5), Some(vec![1]));
        assert_eq!(line.next_arriving(5), Some(vec![2]));
    }
}
