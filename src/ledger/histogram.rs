//! A histogram of latencies: logarithmic buckets, eight to an octave.
//!
//! Recording is a shift, an index and an addition, so that it may be done for every delivery. A
//! quantile that is read back is at most 12.5 % above the truth. What takes longer than
//! 2^36 µs (19 hours) is in the last bucket.
//!
//! Came from: the broker, when the kernel has taken a message. Goes to: `report`. Absent on
//! purpose: clocks.

use std::ops::AddAssign;

use super::counters::CHARGES;

/// Buckets of an octave, as a power of two.
const FINE_BITS: u32 = 3;
const FINE: usize = 1 << FINE_BITS;
/// Octaves above the first `FINE` values, which have a bucket each.
const OCTAVES: usize = 33;
const BUCKETS: usize = FINE * (OCTAVES + 1);

/// How many values fell into which bucket. Values are microseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    sum: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), sum: 0, max: 0 }
    }
}

impl Histogram {
    /// Adds one value, in microseconds.
    pub fn record(&mut self, us: u64) {
        if !CHARGES {
            return;
        }
        self.counts[bucket(us)] += 1;
        self.sum += us;
        self.max = self.max.max(us);
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all values, in microseconds.
    pub fn sum_us(&self) -> u64 {
        self.sum
    }

    /// The greatest value, in microseconds, exactly.
    pub fn max_us(&self) -> u64 {
        self.max
    }

    /// The value that `share` of all values do not exceed, in microseconds: the upper end of its
    /// bucket, and never more than the greatest value. 0 when there are none.
    pub fn quantile_us(&self, share: f64) -> u64 {
        // Exact enough: 2^53 values take a year at 285 million a second.
        #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "see above")]
        let rank = (self.count() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return highest(bucket).min(self.max);
            }
        }
        0
    }

    /// How many values are below 2^`bits` microseconds.
    pub fn count_below(&self, bits: u32) -> u64 {
        self.counts[..bucket(1 << bits)].iter().sum()
    }
}

impl AddAssign<&Self> for Histogram {
    fn add_assign(&mut self, other: &Self) {
        for (sum, n) in self.counts.iter_mut().zip(other.counts.iter()) {
            *sum += n;
        }
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }
}

/// The bucket of a value: its highest `FINE_BITS` + 1 bits, and where they stand.
fn bucket(us: u64) -> usize {
    // Values below FINE are of the first octave, as FINE is.
    let octave = (us | FINE as u64).ilog2() - FINE_BITS;
    // Exact: after the shift FINE_BITS + 1 bits are left.
    let fine = (us >> octave) as usize;
    (octave as usize * FINE + fine).min(BUCKETS - 1)
}

/// The greatest value of a bucket.
fn highest(bucket: usize) -> u64 {
    if bucket < 2 * FINE {
        return bucket as u64;
    }
    let octave = bucket / FINE - 1;
    (((FINE + bucket % FINE + 1) as u64) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_one_another_and_are_an_eighth_wide_at_most() {
        let mut last = 0;
        for bucket_no in 1..BUCKETS {
            let (low, high) = (highest(bucket_no - 1) + 1, highest(bucket_no));
            assert_eq!(bucket(low), bucket_no, "{low}");
            assert_eq!(bucket(high), bucket_no, "{high}");
            assert!(high > last && (high - low) * 8 <= low);
            last = high;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(last, (1 << 36) - 1);
    }

    #[test]
    fn quantiles_are_close_above_the_truth() {
        let mut all = Histogram::default();
        assert_eq!(all.quantile_us(0.5), 0);
        for us in 1..=10_000 {
            all.record(us);
        }
        for (share, truth) in [(0.5, 5_000), (0.9, 9_000), (0.99, 9_900), (1.0, 10_000)] {
            let told = all.quantile_us(share);
            assert!(told >= truth && told * 8 <= truth * 9, "{share}: {told}");
        }
        assert_eq!((all.count(), all.max_us()), (10_000, 10_000));
        assert_eq!(all.sum_us(), 50_005_000);
    }

    #[test]
    fn what_is_below_a_power_of_two_is_known_exactly() {
        let mut all = Histogram::default();
        for us in [0, 1, 7, 8, 15, 16, 1023, 1024, u64::MAX / 2] {
            all.record(us);
        }
        let below = [0, 3, 4, 10, 11].map(|bits| all.count_below(bits));
        assert_eq!(below, [1, 3, 5, 7, 8]);
    }

    #[test]
    fn sums_are_sums() {
        let (mut one, mut two) = (Histogram::default(), Histogram::default());
        one.record(3);
        two.record(900);
        one += &two;
        assert_eq!((one.count(), one.sum_us(), one.max_us()), (2, 903, 900));
    }
}
