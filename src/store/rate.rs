//! How fast an address may publish: a token bucket for each, of all threads together.
//!
//! A bucket holds `--publish-burst` tokens at most and gets `--max-publishes` a second; a publish
//! takes one. What is kept of a bucket is one moment, the one at which it will be full again (the
//! generic cell rate algorithm, ITU-T I.371): a bucket that is full is like one that nobody has
//! seen, so most are forgotten without a loss.
//!
//! Buckets have a bound too, [`PUBLISHERS_MAX`], in two generations: a new one begins when half of
//! it is used, and the one before the last is dropped. Whoever publishes is moved to the new one.
//! Forgotten too early is only who stood still while half as many others came, and all that it
//! gains is a full bucket.
//!
//! Came from: the sequencer, which has to be asked for each publish in any case. Goes to: the same.
//! Absent on purpose: a clock, and what is done to who is too fast; the technique says that.

use std::collections::HashMap;

use crate::ids::{Micros, Network};
use crate::limits::{Limits, PUBLISHERS_MAX};

/// Buckets by address.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// Microseconds from one token to the next; 0: no bound.
    interval_us: u64,
    /// Microseconds that a full bucket is ahead of an empty one.
    ahead_us: u64,
    /// When each bucket is full again.
    young: HashMap<Network, Micros>,
    old: HashMap<Network, Micros>,
}

impl Rate {
    /// Buckets that are full.
    pub(super) fn new(limits: &Limits) -> Self {
        let rate = limits.publishes_per_second_max as u64;
        let interval_us = 1_000_000_u64.checked_div(rate).map_or(0, |us| us.max(1));
        let burst = match limits.publish_burst as u64 {
            0 => rate.max(1),
            burst => burst,
        };
        let ahead_us = interval_us.saturating_mul(burst - 1);
        Self { interval_us, ahead_us, young: HashMap::new(), old: HashMap::new() }
    }

    /// Takes a token. `Err`: there is none, and in so many microseconds there is one.
    pub(super) fn take(&mut self, network: Network, now: Micros) -> Result<(), u64> {
        if self.interval_us == 0 {
            return Ok(());
        }
        let known = self.young.get(&network).copied().or_else(|| self.old.remove(&network));
        let full_at = known.unwrap_or_default().max(now);
        let early_us = full_at.since(Micros(now.0.saturating_add(self.ahead_us)));
        let full_at = match early_us {
            0 => Micros(full_at.0.saturating_add(self.interval_us)),
            _ => full_at,
        };
        if self.young.len() >= PUBLISHERS_MAX / 2 && !self.young.contains_key(&network) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(network, full_at);
        if early_us == 0 { Ok(()) } else { Err(early_us) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn rate(per_second: usize, burst: usize) -> Rate {
        Rate::new(&Limits {
            publishes_per_second_max: per_second,
            publish_burst: burst,
            ..Limits::default()
        })
    }

    fn network(n: u32) -> Network {
        IpAddr::from(n.to_be_bytes()).into()
    }

    /// How many of a hundred publishes a second are taken in each of three seconds.
    fn taken(rate: &mut Rate) -> Vec<usize> {
        let second = |rate: &mut Rate, s: u64| {
            (0..100)
                .filter(|n| rate.take(network(1), Micros(s * 1_000_000 + n * 10_000)).is_ok())
                .count()
        };
        (0..3).map(|s| second(rate, s)).collect()
    }

    #[test]
    fn a_burst_is_taken_and_then_the_rate() {
        assert_eq!(taken(&mut rate(10, 30)), [39, 10, 10]);
        assert_eq!(taken(&mut rate(10, 0)), [19, 10, 10], "a burst of a second's worth");
        assert_eq!(taken(&mut rate(10, 1)), [10, 10, 10]);
        assert_eq!(taken(&mut rate(0, 0)), [100, 100, 100], "no bound");
    }

    #[test]
    fn whoever_is_too_fast_is_told_when_there_is_a_token_and_it_costs_nothing_to_ask() {
        let mut rate = rate(2, 1);
        assert_eq!(rate.take(network(1), Micros(0)), Ok(()));
        assert_eq!(rate.take(network(1), Micros(100_000)), Err(400_000));
        assert_eq!(rate.take(network(1), Micros(499_999)), Err(1));
        assert_eq!(rate.take(network(2), Micros(499_999)), Ok(()), "another one's bucket");
        assert_eq!(rate.take(network(1), Micros(500_000)), Ok(()));
    }

    #[test]
    fn buckets_are_bounded_and_the_busy_ones_are_kept() {
        let mut rate = rate(1, 1);
        for n in 1..3 * PUBLISHERS_MAX as u32 {
            let _ = rate.take(network(n), Micros(0));
            assert!(rate.take(network(0), Micros(0)).is_ok() == (n == 1), "it stays empty");
            assert!(rate.young.len() + rate.old.len() <= PUBLISHERS_MAX);
        }
    }
    #[test]
    fn strangers_who_come_once_are_bounded_and_who_is_known_pushes_nobody_out() {
        let mut rate = rate(1, 1);
        for n in 0..3 * PUBLISHERS_MAX as u32 {
            let _ = rate.take(network(n), Micros(0));
            assert!(rate.young.len() + rate.old.len() <= PUBLISHERS_MAX);
        }
        while rate.young.len() < PUBLISHERS_MAX / 2 {
            let _ =
                rate.take(network(4 * PUBLISHERS_MAX as u32 + rate.young.len() as u32), Micros(0));
        }
        let before = (rate.young.len(), rate.old.len());
        let known = *rate.young.keys().next().expect("there are some");
        assert!(rate.take(known, Micros(0)).is_err());
        assert_eq!((rate.young.len(), rate.old.len()), before);
    }
}
