//! A store's numbering begins anew at any moment, under readers of all four techniques and
//! publishers that repeat what was not answered: small worlds, each made by a seed.
//!
//! What holds: a reader has everything of each numbering that it stands in, in order and once, and
//! hears of a gap before anything of the next; what was acknowledged is there, in the numbering
//! that it was acknowledged in, and whoever asks any thread finds it; each text is there once.
//!
//! `SEEDS=5000 cargo test --release --test renumbered` plays longer, `FROM=` begins elsewhere.
//! Absent on purpose: what else may happen to servers. `tests/simulation.rs` has that.

#![allow(clippy::pedantic)] // A model, read beside the code it models.

#[path = "support/dice.rs"]
mod dice;
#[path = "support/readers/mod.rs"]
mod readers;
#[path = "support/sim/sse.rs"]
mod sse;
#[path = "support/world.rs"]
mod world;

#[path = "renumbered/publisher.rs"]
mod publisher;
#[path = "renumbered/reader.rs"]
mod reader;

use std::collections::BTreeMap;

use dice::Dice;
use publisher::Publisher;
use reader::{Reader, Way};
use tollway::ids::{Epoch, Id, Seq};
use world::mishaps::{Mishaps, Well, Write};
use world::stored::Disk;
use world::{EPOCH, Plan, World};

const SEEDS: u64 = 400;
const STEPS: u64 = 250;
const TOPICS: [&str; 3] = ["a", "b", "c"];
/// Rounds in which everybody makes room, until nobody is owed anything; and those of them in which
/// somebody publishes.
const ROUNDS: u64 = 20;
const PUBLISHING_ROUNDS: u64 = 10;

/// A disk that is slow and fails, a kernel that takes writes in part.
struct Machine {
    dice: Dice,
    fails_one_in: u64,
    slow_one_in: u64,
}

impl Mishaps for Machine {
    fn written(&mut self, offered: usize) -> usize {
        if self.dice.one_in(8) { self.dice.below(offered) } else { offered }
    }

    fn store_writes(&mut self) -> Write {
        match self.dice.roll() % (2 * self.fails_one_in) {
            0 => Write::Fails,
            1 => Write::FailsAndIsKept,
            _ => Write::Done,
        }
    }

    fn store_takes_ms(&mut self) -> u64 {
        if self.dice.one_in(self.slow_one_in) { self.dice.wide(1, 40_000) } else { 0 }
    }
}

/// What everybody in a story shares.
pub(crate) struct Stage {
    world: World,
    dice: Dice,
    threads: usize,
    /// Texts that were said.
    said: u64,
    sights: BTreeMap<&'static str, u64>,
}

impl Stage {
    fn see(&mut self, sight: &'static str) {
        *self.sights.entry(sight).or_default() += 1;
    }

    /// What was committed in a numbering: number, topic and text.
    fn committed(&self, epoch: Epoch) -> Vec<(u64, usize, String)> {
        let ended = self.world.ended.iter().find(|(ended, _)| *ended == epoch);
        let messages = match ended {
            Some((_, messages)) => messages,
            None => {
                assert_eq!(epoch, self.world.epoch, "a numbering that never was");
                &self.world.committed
            }
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let topic = |name: &str| TOPICS.iter().position(|topic| *topic == name).expect("ours");
        let told = messages.iter().map(|message| {
            (message.seq.0, topic(message.topic.as_str()), text(message.payload.bytes()))
        });
        told.collect()
    }
}

/// Epoch and number of an id.
pub(crate) fn split(text: &str) -> (Epoch, u64) {
    let Id { epoch, seq } = Id::parse(text).expect("an id");
    (epoch, seq.0)
}

pub(crate) fn id(epoch: Epoch, seq: u64) -> String {
    Id { epoch, seq: Seq(seq) }.to_string()
}

struct Story {
    stage: Stage,
    disk: Disk,
    readers: Vec<Reader>,
    publishers: Vec<Publisher>,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let threads = 1 + dice.below(3);
        let disk = Disk::new(EPOCH);
        let plan =
            Plan { threads: threads as u16, disk: Some(disk.clone()), seed, ..Plan::default() };
        let mut world = World::new(plan);
        let (fails_one_in, slow_one_in) = (dice.range(4, 30), dice.range(2, 20));
        world.mishaps = Box::new(Machine { dice: Dice::new(!seed), fails_one_in, slow_one_in });
        let readers = (0..dice.range(2, 8)).map(|_| Reader::new(*dice.pick(&Way::ALL), &mut dice));
        let readers = readers.collect();
        let publishers = (0..dice.range(1, 4)).map(|_| Publisher::default()).collect();
        let stage = Stage { world, dice, threads, said: 0, sights: BTreeMap::new() };
        Self { stage, disk, readers, publishers }
    }

    fn step(&mut self) {
        let stage = &mut self.stage;
        match stage.dice.below(100) {
            0..30 => {
                let n = stage.dice.below(self.readers.len());
                self.readers[n].act(stage);
            }
            30..50 => {
                let n = stage.dice.below(self.publishers.len());
                self.publishers[n].act(stage);
            }
            50..80 => {
                let shard = stage.dice.below(stage.threads);
                stage.world.turn_of(shard);
            }
            80..88 => _ = stage.world.store_turn(),
            88..92 => {
                let ms = stage.dice.wide(1, 400);
                stage.world.advance(ms);
            }
            92..94 => {
                let shard = stage.dice.below(stage.threads);
                let ms = stage.dice.wide(1, 200);
                stage.world.pause(shard, ms);
            }
            94..97 => {
                stage.see("put back, and noticed at once");
                let keeps = stage.dice.below(4);
                stage.world.put_back(keeps);
            }
            97 => {
                // Whoever publishes next finds out, and is told that nobody knows.
                stage.see("put back behind the server's back");
                let keeps = stage.dice.below(4);
                self.disk.put_back(keeps);
            }
            _ => stage.world.run(),
        }
    }

    fn play(mut self) -> BTreeMap<&'static str, u64> {
        for _ in 0..STEPS {
            self.step();
        }
        self.stage.world.mishaps = Box::new(Well);
        self.stage.world.end_pauses();
        for round in 0..ROUNDS {
            self.readers.iter_mut().for_each(|reader| reader.act_with_room(&mut self.stage));
            if round < PUBLISHING_ROUNDS {
                self.publishers.iter_mut().for_each(|one| one.act(&mut self.stage));
            }
            self.stage.world.advance(200);
            self.stage.world.settle();
        }
        for reader in &mut self.readers {
            reader.act_with_room(&mut self.stage);
            reader.check_has_all(&self.stage);
        }
        self.check_numberings();
        self.stage.sights
    }

    /// In each numbering every text is there once.
    fn check_numberings(&self) {
        let ended = self.stage.world.ended.iter().map(|(epoch, _)| *epoch);
        for epoch in ended.chain([self.stage.world.epoch]) {
            let mut texts: Vec<_> =
                self.stage.committed(epoch).into_iter().map(|(_, _, text)| text).collect();
            texts.sort_unstable();
            assert!(texts.windows(2).all(|pair| pair[0] != pair[1]), "twice in {epoch:?}");
        }
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn whoever_reads_hears_of_a_gap_before_anything_of_the_next_numbering() {
    let from = number("FROM").unwrap_or(0);
    let mut sights = BTreeMap::new();
    for seed in from..from + number("SEEDS").unwrap_or(SEEDS) {
        let played = std::panic::catch_unwind(|| Story::new(seed).play());
        for (sight, n) in played.unwrap_or_else(|_| panic!("seed {seed} went wrong")) {
            *sights.entry(sight).or_insert(0) += n;
        }
    }
    println!("{sights:#?}");
    for sight in [
        "a gap on a stream",
        "a gap in the dialect",
        "a gap closes a raw socket",
        "a gap answers a parked poll",
        "a repeat is acknowledged",
        "read on another thread",
        "store_unavailable",
    ] {
        assert!(sights.contains_key(sight), "{sight:?} never came up");
    }
}
