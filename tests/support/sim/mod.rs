//! Deterministic simulation: a seed makes a world, its guests and everything they do, in an order
//! that no real machine would repeat; and an oracle that knows what every reader must have seen.
//!
//! [`play`] is one story. What happens in it depends on the seed alone, with one exception: names
//! of forgotten topics are grouped by a hash that the process draws at its start, so that a gap
//! that two topics share may come up in one run and not in the next.

// A model, read beside the code it models: casts and panics are its words.
#![allow(clippy::pedantic, unreachable_pub)]

mod actor;
mod burst;
mod checks;
mod compose;
#[path = "../dice.rs"]
mod dice;
mod ending;
mod judge;
mod line;
mod mishaps;
mod oracle;
mod plan;
mod reader;
#[path = "../readers/mod.rs"]
mod readers;
mod rights;
mod sse;
mod stage;
mod trouble;
mod verdict;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tollway::ids::Epoch;
use tollway::limits::{
    CLOSE_MS_MAX, COMMIT_MS_MAX, IDEMPOTENCY_MS_MAX, LINGER_MS_MAX, Limits, PONG_MS_MAX,
    STORE_RETRY_MS_MAX,
};

use self::actor::Actor;
use self::dice::Dice;
use self::line::Mode;
use self::mishaps::{Machine, Rates};
use self::plan::Script;
pub use self::plan::Theme;
pub use self::stage::Sights;
use self::stage::Stage;
use crate::world::mishaps::Well;
use crate::world::stored::Disk;
use crate::world::{EPOCH, Plan, World};

/// Plays the story of a seed. `Ok`: what came up in it. `Err`: the trace of what went wrong, if it
/// was asked for.
pub fn play(seed: u64, traced: bool) -> Result<Sights, String> {
    let mut story = Story::new(seed, traced);
    catch_unwind(AssertUnwindSafe(|| story.play())).map_err(|_| story.stage.trace())?;
    Ok(story.stage.sights.take())
}

/// The server of a story, after a start.
fn world(script: &Script, epoch: Epoch, disk: Option<Disk>, seed: u64) -> World {
    let files = (0..compose::FILES.len())
        .map(|n| (compose::FILES[n].0.to_owned(), compose::file(n).to_vec()))
        .collect::<BTreeMap<_, _>>();
    let mut world = World::new(Plan {
        threads: script.threads as u16,
        limits: script.limits.clone(),
        files: Some(files),
        rights: rights::of(seed),
        epoch,
        disk,
        seed,
        ..Plan::default()
    });
    world.mishaps = Box::new(Machine::new(script.rates.clone(), seed ^ epoch.0));
    world
}

struct Story {
    stage: Stage,
    actors: Vec<Actor>,
}

impl Story {
    fn new(seed: u64, traced: bool) -> Self {
        let mut dice = Dice::new(seed);
        let script = plan::script(seed, &mut dice);
        let disk = script.stored.then(|| Disk::new(EPOCH));
        let world = world(&script, EPOCH, disk.clone(), seed);
        let actors = script.guests.iter().cloned().map(Actor::new).collect();
        let mut stage = Stage::new(world, disk, script, seed, dice, traced);
        let about = format!("{:?}", stage.script);
        stage.tell(|| about);
        Self { stage, actors }
    }

    fn play(&mut self) {
        for _ in 0..self.stage.script.steps {
            self.step();
        }
        if let Some(ms) = self.stage.script.drain_ms {
            return self.end(ms);
        }
        self.come_to_rest();
        self.leave();
        self.stage.check_end();
    }

    fn step(&mut self) {
        let stage = &mut self.stage;
        let overload = stage.script.overload_one_in;
        if overload > 0 && stage.dice.one_in(overload) {
            stage.world.overloaded ^= true;
        }
        if stage.world.overloaded {
            stage.overloaded_at = Some(stage.world.now.0);
        }
        let Rates { trouble, restarts, .. } = stage.script.rates;
        if restarts > 0 && stage.dice.one_in(restarts) {
            return self.restart();
        }
        if trouble > 0 && stage.dice.one_in(trouble) {
            return self.trouble();
        }
        match stage.dice.below(100) {
            0..65 => {
                let n = stage.dice.below(self.actors.len());
                self.actors[n].act(stage);
            }
            65..90 => {
                let shard = stage.dice.below(stage.script.threads);
                stage.turn_of(shard);
                if stage.dice.one_in(4) {
                    stage.check_memory(shard);
                    stage.check_list_of_idle(shard);
                }
            }
            90..95 => {
                let ms = stage.dice.wide(1, 100);
                stage.world.now = stage.world.now.plus(ms);
            }
            95..97 => self.rest(),
            97 => self.burst(),
            _ => {
                let limits = &stage.script.limits;
                let ms = stage.dice.wide(10, limits.heartbeat_ms * 4);
                self.jump(ms);
            }
        }
    }

    /// Nothing is sent until nothing more happens.
    fn rest(&mut self) {
        self.stage.tell(|| "all threads come to rest".into());
        self.stage.world.end_pauses();
        self.stage.world.settle();
        self.stage.look();
        for actor in &mut self.actors {
            actor.read(&mut self.stage);
        }
        // What the clients had to say to that: Pongs, Close frames, ends.
        self.stage.world.settle();
        self.stage.look();
        for actor in &mut self.actors {
            actor.read(&mut self.stage);
        }
        self.stage.check_rest(&mut self.actors);
    }

    /// Time passes, deadline by deadline.
    fn jump(&mut self, ms: u64) {
        self.stage.tell(|| format!("{ms} ms pass"));
        self.stage.world.advance(ms);
        self.stage.look();
        for actor in &mut self.actors {
            actor.read(&mut self.stage);
        }
    }

    /// Everybody sends what was begun, makes room, and gets everything.
    fn come_to_rest(&mut self) {
        self.stage.world.overloaded = false;
        for _ in 0..4 {
            for actor in &mut self.actors {
                if let Some(line) = &mut actor.line {
                    self.stage.world.pipe(line.client).room = usize::MAX;
                    if !line.deeds.silent {
                        line.push(&mut self.stage, usize::MAX);
                    }
                }
            }
            self.rest();
        }
    }

    /// Everybody leaves, and all deadlines pass.
    fn leave(&mut self) {
        let limits = self.stage.script.limits.clone();
        for actor in &mut self.actors {
            let endless = actor.line.as_ref().is_some_and(|line| {
                matches!(line.mode, Mode::Stream { .. }) || line.expects.iter().any(is_stream)
            });
            // A silent reader of a stream is not gone: it is a reader.
            if endless || self.stage.dice.percent(60) {
                actor.leave(&mut self.stage);
            } else if let Some(line) = &mut actor.line {
                line.deeds.silent = true;
                actor.habits.polite = false;
            }
        }
        self.jump(patience(&limits));
        for actor in &mut self.actors {
            let left = actor.read(&mut self.stage);
            assert!(!left, "{:?} is still connected", actor.client());
        }
        self.jump(IDEMPOTENCY_MS_MAX);
        // From here on it is looked at what is left, and not at how it went.
        self.stage.world.mishaps = Box::new(Well);
        self.jump(STORE_RETRY_MS_MAX); // By then a store can be used again.
        self.publish_once_more();
        self.jump(limits.history_age_ms.max(limits.idle_ms_max) + LINGER_MS_MAX);
    }

    /// The last publish finds every key too old.
    fn publish_once_more(&mut self) {
        let mut last = Actor::new(plan::Habits {
            publishes: 100,
            keyed: 0,
            rude_one_in: 0,
            ..self.actors[0].habits.clone()
        });
        last.act(&mut self.stage);
        if let Some(line) = &mut last.line {
            line.post(&mut self.stage, &last.habits, None);
            line.push(&mut self.stage, usize::MAX);
            line.finish(&mut self.stage);
        }
        self.jump(1);
        assert!(!last.read(&mut self.stage), "the last publisher has its answer");
    }
}

fn is_stream(expect: &line::Expect) -> bool {
    matches!(expect.kind, line::Kind::Stream { .. })
}

/// When the last of the silent must be gone: each deadline may come once behind the other.
fn patience(limits: &Limits) -> u64 {
    limits.wait_ms_max * 31
        + limits.idle_ms_max
        + limits.head_ms_max
        + limits.body_ms_max
        + limits.stall_ms_max * 2
        + limits.heartbeat_ms
        + PONG_MS_MAX * 2
        + CLOSE_MS_MAX
        + COMMIT_MS_MAX
        + LINGER_MS_MAX
}
