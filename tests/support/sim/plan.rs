//! A seed becomes a world and its guests: how many threads, which bounds, who comes.

use tollway::limits::{Limits, MESSAGE_OVERHEAD_BYTES, TOPIC_OVERHEAD_BYTES};

use super::dice::Dice;
use super::mishaps::Rates;
use super::rights;

/// What kind of story it is. The seed says: `seed % 5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// A little of everything.
    Mixed,
    /// Long messages and little room: outboxes and inboxes fill up.
    Heavy,
    /// Garbage, resets, silence, short deadlines.
    Rude,
    /// Very short histories, a change of technique after every message, old and foreign cursors.
    Hoppers,
    /// Four threads that lag behind each other, and bursts.
    Crowd,
}

impl Theme {
    pub const ALL: [Self; 5] = [Self::Mixed, Self::Heavy, Self::Rude, Self::Hoppers, Self::Crowd];

    pub fn of(seed: u64) -> Self {
        Self::ALL[(seed % 5) as usize]
    }
}

/// A way to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Short,
    Long,
    Sse11,
    Sse10,
    Socket,
    /// A WebSocket that speaks `tollway.v1`.
    Dialect,
}

/// How much room a client leaves in its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Wide,
    /// Reads at most so many bytes at a time.
    Tiny(usize),
    /// Reads nothing for a while, then everything.
    Stalls,
}

/// What a client is like.
#[derive(Clone, Debug)]
pub struct Habits {
    pub ways: Vec<Way>,
    /// Percent of its requests that publish.
    pub publishes: u32,
    /// Percent of those with a key.
    pub keyed: u32,
    /// Percent of acts on a WebSocket that say something.
    pub says: u32,
    /// At most so many bytes are sent at a time.
    pub drip: usize,
    pub room: Room,
    /// Answers Pings and Close frames, and ends its side when the server does.
    pub polite: bool,
    /// Leaves after every message, for another technique.
    pub hops: bool,
    /// At most so many requests are sent before an answer is awaited.
    pub pipeline: usize,
    /// One in so many acts is an outrage; 0: none.
    pub rude_one_in: u64,
    /// Reads up to so many topics at a time.
    pub topics: usize,
    pub payload_max: u64,
}

#[derive(Clone, Debug)]
pub struct Script {
    pub threads: usize,
    pub limits: Limits,
    pub topics: usize,
    pub steps: usize,
    pub guests: Vec<Habits>,
    /// One in so many steps begins or ends an overload; 0: none.
    pub overload_one_in: u64,
    pub rates: Rates,
    /// The server ends before its guests do, within so many milliseconds.
    pub drain_ms: Option<u64>,
    /// The server asks for rights.
    pub rights: bool,
    /// A store keeps the messages.
    pub stored: bool,
}

pub fn script(seed: u64, dice: &mut Dice) -> Script {
    let theme = Theme::of(seed);
    let threads = match theme {
        Theme::Crowd => 4,
        _ => 1 + dice.below(3),
    };
    let payload_max = match theme {
        Theme::Heavy => dice.range(1_000, 9_000),
        _ => dice.wide(16, 400),
    };
    let guests = match theme {
        Theme::Crowd => dice.range(10, 40),
        Theme::Heavy => dice.range(3, 10),
        _ => dice.range(3, 20),
    };
    let guests: Vec<_> = (0..guests).map(|_| habits(theme, payload_max, dice)).collect();
    Script {
        threads,
        limits: limits(theme, payload_max, threads, dice),
        topics: 1 + dice.below(TOPICS_MAX),
        steps: dice.range(100, 300) as usize + guests.len() * 15,
        guests,
        overload_one_in: if dice.percent(20) { 60 } else { 0 },
        // By other dice, so that a disk changes nothing else in a story.
        rates: Rates::roll(dice).with_disk(&mut Dice::new(!seed)),
        drain_ms: (seed % 3 == 1).then(|| [0, 100, 2_000, 10_000, 60_000][seed as usize / 3 % 5]),
        rights: rights::of(seed).is_some(),
        stored: seed / 5 % 3 == 1,
    }
}

/// Topics of a world.
const TOPICS_MAX: usize = 4;

fn limits(theme: Theme, payload_max: u64, threads: usize, dice: &mut Dice) -> Limits {
    let message_bytes_max = payload_max as usize * 2;
    let least = message_bytes_max + MESSAGE_OVERHEAD_BYTES;
    let few = theme == Theme::Hoppers;
    let heavy = theme == Theme::Heavy;
    let most = if few { 4 } else { 60 };
    let history_bytes = least * dice.wide(if heavy { 20 } else { 1 }, most) as usize;
    let patience = if theme == Theme::Rude { 500 } else { 4_000 };
    let wait_ms_max = dice.wide(1_000, 55_000);
    Limits {
        message_bytes_max,
        wait_ms_max,
        history_messages: dice.wide(if heavy { 20 } else { 1 }, if few { 6 } else { 80 }) as usize,
        history_bytes,
        history_age_ms: dice.wide(if few { 50 } else { 500 }, 3_600_000),
        retain_bytes: history_bytes * dice.wide(1, 4) as usize
            + threads * TOPICS_MAX * TOPIC_OVERHEAD_BYTES,
        heartbeat_ms: dice.wide(400, 30_000),
        head_ms_max: dice.wide(patience, 15_000),
        body_ms_max: dice.wide(patience, 60_000),
        idle_ms_max: dice.wide(patience, 75_000),
        stall_ms_max: dice.wide(patience, 60_000),
        // Sometimes so few that newcomers displace whoever is idle, or find no place.
        connections_max: if dice.one_in(4) { dice.range(2, 8) as usize } else { 1_000 },
        connections_per_address_max: if dice.one_in(8) { dice.range(3, 9) as usize } else { 0 },
        ..Limits::default()
    }
}

fn habits(theme: Theme, payload_max: u64, dice: &mut Dice) -> Habits {
    const ALL: [Way; 6] =
        [Way::Short, Way::Long, Way::Sse11, Way::Sse10, Way::Socket, Way::Dialect];
    let heavy = theme == Theme::Heavy;
    let hops = theme == Theme::Hoppers && dice.percent(70) || dice.percent(15);
    let ways = if hops || dice.percent(30) { ALL.to_vec() } else { vec![*dice.pick(&ALL)] };
    Habits {
        ways,
        publishes: *dice.pick(if heavy { &[0, 60, 80, 100] } else { &[0, 0, 20, 60, 100] }),
        keyed: *dice.pick(&[0, 0, 30, 100]),
        says: *dice.pick(&[0, 0, 20]),
        drip: match dice.below(6) {
            0 => dice.wide(2, 50) as usize,
            1 | 2 => dice.wide(20, 3_000) as usize,
            _ => usize::MAX,
        },
        room: match dice.below(if heavy { 3 } else { 6 }) {
            0 => Room::Stalls,
            1 => Room::Tiny(dice.wide(1, if heavy { 20_000 } else { 500 }) as usize),
            _ => Room::Wide,
        },
        polite: dice.percent(85),
        hops,
        pipeline: if heavy && dice.percent(50) { 60 } else { *dice.pick(&[1, 1, 2, 6]) },
        rude_one_in: match theme {
            Theme::Rude => *dice.pick(&[0, 8, 20, 60]),
            _ => *dice.pick(&[0, 0, 100]),
        },
        topics: *dice.pick(&[1, 1, 2, 4]),
        payload_max,
    }
}
