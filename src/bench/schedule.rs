//! The schedule: which message is due when, and whether it is time to end.
//!
//! Came from: `load`, which asks. Goes to: the same. Absent on purpose: waiting for the server.
//! With a rate, a message is due at its moment, however late the one before it was.

/// How messages follow each other, as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Messages a second; `None`: as many as are taken.
    pub rate: Option<f64>,
    /// Messages that are due at the same moment.
    pub burst: u64,
    /// How many in all; `None`: until the time is over.
    pub count: Option<u64>,
    /// How long, in microseconds; `None`: until the count is reached.
    pub length_us: Option<u64>,
}

impl Schedule {
    /// How long after the beginning message `index` (from 0) is due. Exact below 2^53.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "counts and microseconds far below 2^53, never negative"
    )]
    pub fn due_us(&self, index: u64) -> u64 {
        let first_of_burst = index / self.burst * self.burst;
        self.rate.map_or(0, |rate| (first_of_burst as f64 * 1e6 / rate) as u64)
    }

    /// Whether message `index` belongs to the run, as far as the schedule says.
    pub fn has(&self, index: u64) -> bool {
        let in_count = self.count.is_none_or(|count| index < count);
        in_count && self.length_us.is_none_or(|length| self.due_us(index) < length)
    }

    /// Messages of the schedule that are due within so many microseconds.
    pub fn due_within(&self, us: u64) -> u64 {
        let (mut low, mut high) = (0, 1 << 40);
        // `due_us` never falls: the first that is due later is found by halving.
        while low < high {
            let middle = low + (high - low) / 2;
            if self.has(middle) && self.due_us(middle) <= us {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_evenly_spaced_and_bursts_come_at_once() {
        let even = Schedule { rate: Some(50.0), burst: 1, count: None, length_us: Some(1_000_000) };
        assert_eq!([0, 1, 49].map(|index| even.due_us(index)), [0, 20_000, 980_000]);
        assert!(even.has(49) && !even.has(50));
        assert_eq!([0, 19_999, 20_000, 5_000_000].map(|us| even.due_within(us)), [1, 1, 2, 50]);
        let bursts = Schedule { rate: Some(50.0), burst: 10, count: Some(25), length_us: None };
        assert_eq!([0, 9, 10, 24].map(|index| bursts.due_us(index)), [0, 0, 200_000, 400_000]);
        assert!(bursts.has(24) && !bursts.has(25));
        assert_eq!([0, 200_000, 900_000].map(|us| bursts.due_within(us)), [10, 20, 25]);
    }
}
