//! What happens to whole threads and servers: pauses, clocks that jump, floods, a kill and a
//! restart.
//!
//! Came from: the story, now and then. Goes to: the world. Absent on purpose: mishaps of single
//! calls and edges; `mishaps` has them.

use super::Story;
use super::burst;
use super::mishaps::Machine;
use super::oracle::Oracle;
use super::plan::Script;
use super::readers::frames;
use super::rights;
use crate::world::Client;
use crate::world::stored::Disk;
use tollway::ids::Epoch;

/// Ten years.
const WALL_S_MAX: i64 = 10 * 365 * 86_400;
/// Publishers of a flood, and what each says at once.
const FLOODERS: usize = 3;
const FLOOD: usize = 100;

impl Story {
    /// One thing of those.
    pub fn trouble(&mut self) {
        let stage = &mut self.stage;
        let limits = stage.script.limits.clone();
        match stage.dice.below(4) {
            0 => {
                let shard = stage.dice.below(stage.script.threads);
                let ms = stage.dice.wide(1, limits.heartbeat_ms * 2);
                stage.tell(|| format!("thread {shard} stands still for {ms} ms"));
                stage.see("a pause");
                stage.world.pause(shard, ms);
            }
            1 => {
                let back = stage.dice.percent(50);
                let s = stage.dice.wide(1, WALL_S_MAX as u64) as i64;
                let ahead = if back { -s } else { s };
                stage.tell(|| format!("the wall clock is set to {ahead} s ahead"));
                stage.see("the wall clock jumps");
                stage.world.set_wall(ahead);
            }
            2 => {
                // Nobody looks at a deadline meanwhile, as when the machine sleeps.
                let ms = stage.dice.wide(100, limits.heartbeat_ms * 4);
                stage.tell(|| format!("{ms} ms pass at once"));
                stage.see("a leap of time");
                stage.world.now = stage.world.now.plus(ms);
            }
            _ => self.flood(),
        }
    }

    /// Several sockets say more than histories hold, all at once. Whoever was ready, and whose
    /// kernel took all that it was given, has it all.
    fn flood(&mut self) {
        self.rest();
        let stage = &mut self.stage;
        if stage.world.overloaded {
            return;
        }
        let topic = stage.dice.below(stage.oracle.names.len());
        let mut ready = Vec::new();
        for shard in 0..stage.script.threads {
            ready.extend(burst::ready(stage, &self.actors, shard, topic));
        }
        let many = 1 + stage.dice.below(FLOODERS);
        stage.tell(|| format!("a flood by {many}, and {} are ready", ready.len()));
        let flooders: Vec<Client> = (0..many).filter_map(|_| self.flooder(topic)).collect();
        if !flooders.is_empty() && !ready.is_empty() {
            self.stage.see("a flood");
        }
        self.rest();
        for client in flooders {
            self.stage.world.finish(client);
        }
        self.rest();
        burst::assert_nothing_lost(&mut self.stage, &self.actors, ready);
    }

    /// A socket that says a lot. `None`: it found no place.
    fn flooder(&mut self, topic: usize) -> Option<Client> {
        let stage = &mut self.stage;
        let shard = stage.dice.below(stage.script.threads);
        let client = stage.world.connect(shard)?;
        let name = stage.oracle.names[topic].clone();
        let own = rights::field(stage);
        let key = frames::KEY;
        let head = format!(
            "GET /{name}/ws HTTP/1.1\r\nHost: s\r\n{own}Connection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        );
        let mut bytes = head.into_bytes();
        if stage.world.pipe(client).closed.is_some() {
            return None;
        }
        for _ in 0..stage.dice.range(1, FLOOD as u64) {
            let body = burst::say(stage, topic);
            bytes.extend(frames::client(true, frames::TEXT, &body, [1, 2, 3, 4]));
        }
        stage.world.send(client, &bytes);
        Some(client)
    }

    /// The server is killed, and another one starts where it was, with nobody connected. On the
    /// same disk it goes on; otherwise there is another epoch, and nothing in it.
    pub fn restart(&mut self) {
        let stage = &mut self.stage;
        let goes_on = stage.script.stored && !stage.dice.one_in(3);
        stage.tell(|| format!("the server is killed, and starts anew; it goes on: {goes_on}"));
        stage.see(if goes_on { "a restart on the same disk" } else { "a restart" });
        stage.look();
        for actor in &mut self.actors {
            actor.outlive(stage, goes_on);
        }
        let now = stage.world.now;
        if !goes_on {
            stage.epoch = Epoch(stage.epoch.0 + 1);
            stage.disk = stage.script.stored.then(|| Disk::new(stage.epoch));
            let Script { limits, threads, topics, .. } = &stage.script;
            stage.oracle = Oracle::new(limits.clone(), *threads, *topics);
        }
        stage.world = super::world(&stage.script, stage.epoch, stage.disk.clone(), stage.seed);
        let chance = stage.seed ^ now.0 << 16; // Or each server on the disk has the same mishaps.
        stage.world.mishaps = Box::new(Machine::new(stage.script.rates.clone(), chance));
        stage.world.begin_at(now);
        assert_eq!(stage.world.epoch, stage.epoch);
        stage.look();
    }
}
