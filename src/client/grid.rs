//! The grid of short polls: client *i* of *n* asks at every full interval after the start, *i/n* of
//! an interval later, so that a server sees them spread evenly, as `setInterval` would.
//!
//! Came from: `swarm` and `bench`, when a poll was answered. Goes to: their timers. Absent on
//! purpose: the first poll, for the cursor, which comes at once.

/// The first moment after `now` at which client `number` (from 0) of `count` asks, in microseconds
/// as all of these. An interval of 0 counts as 1. `count` is at least 1.
pub fn next_on_grid(
    started_us: u64,
    interval_us: u64,
    (number, count): (usize, usize),
    now: u64,
) -> u64 {
    let interval = interval_us.max(1);
    // Exact: a share of the interval.
    let share = u128::from(interval) * number as u128 / count as u128;
    let first = started_us + share as u64;
    let passed = now.saturating_sub(first) / interval;
    let next = first + passed * interval;
    if next > now { next } else { next + interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_slot_is_left_out_and_none_comes_twice() {
        let next = |number, now| next_on_grid(100, 1_000, (number, 4), now);
        // The first slot of the third client is half an interval after the start.
        assert_eq!(
            [100, 599, 600, 1_599, 1_600].map(|now| next(2, now)),
            [600, 600, 1_600, 1_600, 2_600]
        );
        assert_eq!([0, 1, 2, 3].map(|number| next(number, 100)), [1_100, 350, 600, 850]);
        assert_eq!(next_on_grid(5, 0, (0, 1), 5), 6);
    }
}
