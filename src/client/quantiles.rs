//! How long deliveries took: every one is kept, so that a quantile is a value that occurred.
//!
//! Came from: `swarm`, a latency at a time. Goes to: the report of a run. Absent on purpose:
//! buckets. A run has some thousands of deliveries, and four bytes for each are cheap.

use serde::{Deserialize, Serialize};

/// Latencies in microseconds; all 0 when there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Deliveries.
    pub count: u64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The median: half of them took no longer.
    pub p50: u64,
    /// 99 of 100 took no longer.
    pub p99: u64,
    /// None took longer.
    pub max: u64,
}

impl Quantiles {
    /// Of these latencies, in any order.
    pub fn of(mut latencies_us: Vec<u32>) -> Self {
        latencies_us.sort_unstable();
        let count = latencies_us.len();
        let Some(&max) = latencies_us.last() else {
            return Self::default();
        };
        // Both are exact below 2^53.
        #[expect(clippy::cast_precision_loss, reason = "285 years in microseconds")]
        let mean = |sum: u64| sum as f64 / count as f64;
        let sum: u64 = latencies_us.iter().map(|&us| u64::from(us)).sum();
        // The nearest rank: the smallest value that so many of a hundred do not exceed.
        let rank = |percent: usize| {
            let rank = (count * percent).div_ceil(100).max(1);
            u64::from(latencies_us[rank - 1])
        };
        Self {
            count: count as u64,
            mean: mean(sum),
            p50: rank(50),
            p99: rank(99),
            max: u64::from(max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let of = Quantiles::of((1..=200).rev().collect());
        let expected = Quantiles { count: 200, mean: 100.5, p50: 100, p99: 198, max: 200 };
        assert_eq!(of, expected);
        assert_eq!(Quantiles::of(vec![7]).p99, 7);
        assert_eq!(Quantiles::of(vec![]), Quantiles::default());
    }
}
