//! The timer wheel: it hands out what a list hands out that is searched every time, and says early
//! enough when to ask again.
//!
//! Came from: operations. Goes to: `timer`.

use tollway::ids::Millis;
use tollway::timer::TimerWheel;

use super::operations::{self, operations};

operations! {
    /// What can happen to a wheel.
    pub enum Step {
        /// A hint for `ahead << shift` milliseconds from now.
        Insert { ahead: u16, shift: u8 }
        /// A hint for a moment that is past.
        Late { behind: u16 }
        /// Everything due after so long is taken.
        Sleep { ms: u16, shift: u8 }
        /// The clock is read at the moment that the wheel asked for.
        Wake {}
        /// The clock is read again, earlier than before.
        Back { ms: u16 }
        /// Some of what is due is taken, and a hint put in meanwhile.
        Portion { take: u8, ahead: u8 }
    }
}

pub fn check(input: &[u8]) {
    let mut start = [0; 8];
    let (first, rest) = input.split_at(input.len().min(8));
    start[..first.len()].copy_from_slice(first);
    let mut bench = Bench::new(u64::from_le_bytes(start));
    operations::play(rest, 500, |step: Step| {
        bench.play(step);
        bench.agree();
    });
    let rest = bench.pop_all(u64::MAX);
    assert_eq!(rest, bench.due(u64::MAX), "in the end everything comes");
    assert_eq!(bench.wheel.next_deadline(), None);
}

struct Bench {
    wheel: TimerWheel,
    now: u64,
    /// Who was put in, and for when; the number makes each hint one of its own.
    list: Vec<(u64, u32)>,
    count: u32,
}

impl Bench {
    fn new(now: u64) -> Self {
        Self { wheel: TimerWheel::new(Millis(now)), now, list: Vec::new(), count: 0 }
    }

    fn play(&mut self, step: Step) {
        let far = |ms: u16, shift: u8| u64::from(ms).checked_shl(shift.into()).unwrap_or(u64::MAX);
        match step {
            Step::Insert { ahead, shift } => {
                self.insert(self.now.saturating_add(far(ahead, shift % 64)));
            }
            Step::Late { behind } => self.insert(self.now.saturating_sub(behind.into())),
            Step::Sleep { ms, shift } => {
                self.now = self.now.saturating_add(far(ms, shift % 64));
                self.take_all();
            }
            Step::Wake {} => {
                let asked = self.wheel.next_deadline();
                self.now = self.now.max(asked.map_or(0, |at| at.0));
                self.take_all();
                let next = self.wheel.next_deadline();
                assert!(asked.is_none() || next.is_none() || next > asked, "a look is progress");
            }
            Step::Back { ms } => {
                self.take_all();
                let early = self.now.saturating_sub(ms.into());
                assert_eq!(self.pop_all(early), [], "nothing comes early");
            }
            Step::Portion { take, ahead } => {
                for _ in 0..take % 8 {
                    let Some((at, who)) = self.wheel.pop_due(Millis(self.now)) else {
                        break;
                    };
                    self.take(at.0, who);
                }
                self.insert(self.now.saturating_add(ahead.into()));
            }
        }
    }

    fn insert(&mut self, at: u64) {
        self.count += 1;
        self.wheel.insert(Millis(at), self.count);
        self.list.push((at, self.count));
    }

    fn take(&mut self, at: u64, who: u32) {
        assert!(at <= self.now, "not before its time");
        let place = self.list.iter().position(|&hint| hint == (at, who));
        self.list.remove(place.expect("each comes once"));
    }

    fn take_all(&mut self) {
        let popped = self.pop_all(self.now);
        assert_eq!(popped, self.due(self.now));
        self.list.retain(|hint| hint.0 > self.now);
    }

    fn pop_all(&mut self, now: u64) -> Vec<(u64, u32)> {
        let wheel = &mut self.wheel;
        let popped = std::iter::from_fn(|| wheel.pop_due(Millis(now)));
        let mut popped: Vec<_> = popped.map(|(at, who)| (at.0, who)).collect();
        popped.sort_unstable();
        popped
    }

    fn due(&self, now: u64) -> Vec<(u64, u32)> {
        let mut due: Vec<_> = self.list.iter().copied().filter(|hint| hint.0 <= now).collect();
        due.sort_unstable();
        due
    }

    /// The next look is not later than the earliest hint, and is asked for iff there is one.
    fn agree(&self) {
        let earliest = self.list.iter().map(|hint| hint.0).min();
        let asked = self.wheel.next_deadline().map(|at| at.0);
        assert_eq!(asked.is_some(), earliest.is_some());
        assert!(asked <= earliest.map(|at| at.max(self.now)), "{asked:?}, {earliest:?}");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let insert = |ahead, shift| Step::Insert { ahead, shift };
    let sleep = |ms, shift| Step::Sleep { ms, shift };
    let stories: [Vec<Step>; 5] = [
        vec![
            insert(5, 0),
            insert(64, 0),
            insert(4096, 0),
            Step::Wake {},
            Step::Wake {},
            sleep(1, 14),
        ],
        vec![
            Step::Late { behind: 9 },
            insert(0, 0),
            Step::Portion { take: 1, ahead: 3 },
            sleep(3, 0),
        ],
        vec![insert(1, 50), insert(1, 36), insert(65_535, 63), sleep(1, 62), Step::Wake {}],
        vec![
            insert(1, 0),
            Step::Back { ms: 500 },
            insert(25_000, 0),
            insert(20_000, 0),
            sleep(25_000, 0),
        ],
        (0..30).flat_map(|n| [insert(n * 37, (n % 20) as u8), Step::Wake {}]).collect(),
    ];
    let starts = [0, 63, 1 << 40, u64::MAX - 70_000, 100];
    let seed = |(story, start): (&Vec<Step>, u64)| {
        [&start.to_le_bytes(), operations::write(story).as_slice()].concat()
    };
    stories.iter().zip(starts).map(seed).collect()
}
