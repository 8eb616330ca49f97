//! A lazy timer wheel: which connections asked to be looked at, and when.
//!
//! Came from: `broker`, whenever a state with a deadline begins. Goes to: `broker::expire`, which
//! compares each hint with the truth. Absent on purpose: clocks (time is an input), cancelling,
//! and callbacks.
//!
//! **Hints, not promises.** A deadline that moves would have to be found in the wheel and taken
//! out, and on a busy connection it moves with every byte. So nothing is ever taken out: the
//! connection keeps the true deadline, the wheel keeps a hint that is no later, and a hint that
//! pops too soon is put in again. Moving a deadline further away then costs one store.
//!
//! **Digits.** A moment is written in eleven digits of six bits, and there is a level for each
//! digit and a slot for each of its 64 values. An entry lies at the level of the *highest digit in
//! which it differs from the present*, in the slot of its own digit there. This holds at rest:
//!
//! - every entry in a slot is later than the present, and its slot's digit is greater than the
//!   present's, so no level ever wraps around;
//! - everything at a lower level is earlier than anything at a higher one, so the earliest entry
//!   is in the first occupied slot of the lowest occupied level.
//!
//! When the present reaches the first moment of a slot, the slot's entries now agree with it in
//! that digit, and move to lower levels (or are due): they cascade. An entry 25 s away cascades
//! three times at most. Eleven digits write any `u64`, so there is no farthest moment either; empty
//! slots own no memory, and a wheel with nothing in it is 17 KiB.

use crate::ids::Millis;

/// Bits in a digit. 64 slots make a level, so that one word tells which are occupied.
const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Digits in a `u64`.
const LEVELS: usize = (u64::BITS as usize).div_ceil(DIGIT_BITS as usize);

/// Small, for there may be a million: a connection is named by its slot alone. When it is gone,
/// whoever has its slot by then knows what it has asked for itself.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
struct Hint {
    at: Millis,
    who: u32,
}

const _: () = assert!(size_of::<Hint>() == 12);

/// Hints about deadlines, earliest first. See the module's text for how it is laid out.
#[derive(Debug)]
pub struct TimerWheel {
    /// Every entry in a slot is later than this; every entry in `due` is not.
    present: Millis,
    /// Handed out from the end by [`pop_due`](Self::pop_due).
    due: Vec<Hint>,
    /// Bit `s` of `occupied[l]` is set iff `slots[l][s]` is not empty.
    occupied: [u64; LEVELS],
    slots: Box<[[Vec<Hint>; SLOTS]; LEVELS]>,
}

/// One slot, and the first moment that belongs to it.
#[derive(Clone, Copy)]
struct WheelSlot {
    level: usize,
    index: usize,
    start: Millis,
}

impl TimerWheel {
    /// An empty wheel, whose present is `now`.
    #[must_use]
    pub fn new(now: Millis) -> Self {
        Self {
            present: now,
            due: Vec::new(),
            occupied: [0; LEVELS],
            slots: Box::new(std::array::from_fn(|_| std::array::from_fn(|_| Vec::new()))),
        }
    }

    /// Asks to hand out `who`, the slot of a connection, at `at`, or at the next
    /// [`pop_due`](Self::pop_due) if that is past. The same one may be in the wheel any number of
    /// times.
    pub fn insert(&mut self, at: Millis, who: u32) {
        let entry = Hint { at, who };
        let differing = at.0 ^ self.present.0;
        if at <= self.present {
            self.due.push(entry);
            return;
        }
        let level = (differing.ilog2() / DIGIT_BITS) as usize;
        // The cast is exact: the mask leaves six bits.
        let index = (at.0 >> shift(level)) as usize & (SLOTS - 1);
        self.slots[level][index].push(entry);
        self.occupied[level] |= 1 << index;
    }

    /// Hands out one connection whose hint is not later than `now`, with the hint. Call it until
    /// it says `None`; what is put in meanwhile for a past moment comes in the same run.
    ///
    /// Time does not go backwards: an earlier `now` than the last one counts as the last one.
    pub fn pop_due(&mut self, now: Millis) -> Option<(Millis, u32)> {
        while self.due.is_empty() {
            match self.first_slot() {
                Some(slot) if slot.start <= now => self.open(slot),
                Some(_) | None => {
                    self.present = self.present.max(now);
                    return None;
                }
            }
        }
        let Hint { at, who } = self.due.pop()?;
        if self.due.is_empty() {
            self.due = Vec::new(); // A burst of 100,000 leaves no 1.2 MB behind.
        }
        Some((at, who))
    }

    /// When to call [`pop_due`](Self::pop_due) next. `None`: nothing is in the wheel.
    ///
    /// Never later than the earliest hint. It may be earlier, when entries are to cascade: then
    /// `pop_due` hands out nothing, and the next answer is a later one.
    pub fn next_deadline(&self) -> Option<Millis> {
        if self.due.is_empty() {
            self.first_slot().map(|slot| slot.start)
        } else {
            Some(self.present)
        }
    }

    /// The slot with the earliest entries.
    fn first_slot(&self) -> Option<WheelSlot> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        let index = self.occupied[level].trailing_zeros() as usize;
        // The present's digits above this level, then the slot's digit, then zeros.
        let above = self.present.0 >> shift(level) & !(SLOTS as u64 - 1);
        let start = Millis((above | index as u64) << shift(level));
        Some(WheelSlot { level, index, start })
    }

    /// Moves the present to the slot's first moment, and its entries to where they belong then.
    fn open(&mut self, slot: WheelSlot) {
        debug_assert!(self.present < slot.start, "a slot lies in the future");
        self.present = slot.start;
        self.occupied[slot.level] &= !(1 << slot.index);
        let entries = std::mem::take(&mut self.slots[slot.level][slot.index]);
        if slot.level == 0 {
            // The lowest level's slots are one millisecond wide: all of them are due.
            self.due = entries;
            return;
        }
        for Hint { at, who } in entries {
            self.insert(at, who);
        }
    }
}

/// How far right a moment is moved for the digit of `level` to come last.
const fn shift(level: usize) -> u32 {
    level as u32 * DIGIT_BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    fn pop_all(wheel: &mut TimerWheel, now: u64) -> Vec<(u64, u32)> {
        std::iter::from_fn(|| wheel.pop_due(Millis(now))).map(|(at, who)| (at.0, who)).collect()
    }

    /// Any number of bits is as likely as any other, so that all levels have their share.
    fn stretch(dice: &mut Dice, bits_max: u64) -> u64 {
        let bits = dice.roll() % (bits_max + 1);
        dice.roll().checked_shr(64 - bits as u32).unwrap_or(0)
    }

    /// The same by brute force: a list, searched and sorted.
    #[derive(Default)]
    struct NaiveTwin(Vec<(u64, u32)>);

    impl NaiveTwin {
        fn pop_all(&mut self, now: u64) -> Vec<(u64, u32)> {
            let mut due: Vec<_> = self.0.extract_if(.., |entry| entry.0 <= now).collect();
            due.sort_unstable();
            due
        }

        fn earliest(&self) -> Option<u64> {
            self.0.iter().map(|entry| entry.0).min()
        }
    }

    /// Plays `steps` random operations on a wheel and on its twin.
    fn play(seed: u64, jump_bits: u64, steps: u32) {
        let mut dice = Dice(seed);
        let mut now = stretch(&mut dice, 40);
        let mut wheel = TimerWheel::new(Millis(now));
        let mut twin = NaiveTwin::default();
        for step in 0..steps {
            for _ in 0..dice.roll() % 4 {
                let past = dice.roll().is_multiple_of(16);
                let far = stretch(&mut dice, jump_bits);
                let at = if past { now.saturating_sub(far) } else { now.saturating_add(far) };
                wheel.insert(Millis(at), step);
                twin.0.push((at, step));
            }
            let deadline = wheel.next_deadline().map(|at| at.0);
            assert_eq!(deadline.is_some(), twin.earliest().is_some(), "seed {seed}");
            assert!(deadline <= twin.earliest().map(|at| at.max(now)), "seed {seed}");
            now = match deadline {
                Some(at) if dice.roll().is_multiple_of(2) => now.max(at),
                Some(_) | None => now.saturating_add(stretch(&mut dice, jump_bits)),
            };
            let mut popped = pop_all(&mut wheel, now);
            if step % 2 == 0 {
                assert_eq!(pop_all(&mut wheel, now), [], "a second look finds nothing more");
            }
            popped.sort_unstable();
            assert_eq!(popped, twin.pop_all(now), "seed {seed}, step {step}");
        }
    }

    #[test]
    fn it_agrees_with_a_sorted_list_over_short_and_long_times() {
        for seed in 0..200 {
            play(seed, 20, 300);
        }
    }

    #[test]
    fn it_agrees_with_a_sorted_list_over_huge_jumps() {
        for seed in 0..200 {
            play(seed, 62, 100);
        }
    }

    #[test]
    fn driven_by_its_own_deadlines_it_is_neither_early_nor_late() {
        let mut dice = Dice(7);
        let mut wheel = TimerWheel::new(Millis(0));
        for who in 0..5_000 {
            wheel.insert(Millis(stretch(&mut dice, 44)), who);
        }
        let (mut last, mut popped, mut looks) = (None, 0, 0);
        while let Some(now) = wheel.next_deadline() {
            assert!(last < Some(now), "each look makes progress");
            last = Some(now);
            looks += 1;
            for (at, _) in pop_all(&mut wheel, now.0) {
                assert_eq!(at, now.0, "on the millisecond");
                popped += 1;
            }
        }
        assert_eq!(popped, 5_000);
        assert!(looks < 5_000 * 8, "at most one look a level and entry, {looks}");
    }

    #[test]
    fn after_a_long_sleep_they_come_in_order() {
        let mut wheel = TimerWheel::new(Millis(63));
        for at in [1 << 50, 64, 70_000, 65, 4_096, 4_095, 1 << 36] {
            wheel.insert(Millis(at), 0);
        }
        let popped: Vec<_> = pop_all(&mut wheel, u64::MAX).into_iter().map(|(at, _)| at).collect();
        assert_eq!(popped, [64, 65, 4_095, 4_096, 70_000, 1 << 36, 1 << 50]);
    }

    #[test]
    fn the_past_and_the_present_fire_at_the_next_pop() {
        let mut wheel = TimerWheel::new(Millis(100));
        wheel.insert(Millis(100), 1);
        wheel.insert(Millis(3), 2);
        assert_eq!(wheel.next_deadline(), Some(Millis(100)));
        assert_eq!(pop_all(&mut wheel, 100), [(3, 2), (100, 1)]);
        assert_eq!(wheel.next_deadline(), None);
    }

    #[test]
    fn never_is_a_moment_like_any_other() {
        let mut wheel = TimerWheel::new(Millis(5));
        wheel.insert(Millis(u64::MAX), 1);
        assert_eq!(pop_all(&mut wheel, u64::MAX - 1), []);
        assert_eq!(pop_all(&mut wheel, u64::MAX), [(u64::MAX, 1)]);
    }

    #[test]
    fn a_clock_that_steps_back_fires_nothing_early() {
        let mut wheel = TimerWheel::new(Millis(1_000));
        assert_eq!(pop_all(&mut wheel, 500), []);
        wheel.insert(Millis(1_001), 1);
        assert_eq!(pop_all(&mut wheel, 500), []);
        assert_eq!(pop_all(&mut wheel, 1_001), [(1_001, 1)]);
    }

    #[test]
    fn an_emptied_wheel_owns_no_entries_memory() {
        let mut wheel = TimerWheel::new(Millis(0));
        for who in 0..100_000 {
            wheel.insert(Millis(u64::from(who % 90_000)), who);
        }
        assert_eq!(pop_all(&mut wheel, 100_000).len(), 100_000);
        let kept: usize = wheel.slots.iter().flatten().map(Vec::capacity).sum();
        assert_eq!(kept + wheel.due.capacity(), 0);
    }
}
