//! A burst of messages costs no reader anything who was ready for it, however short the history is
//! and however far its thread lags behind: nothing is dropped before it was offered.

use super::Story;
use super::actor::Actor;
use super::line::Mode;
use super::oracle::Said;
use super::rights;
use super::stage::Stage;
use crate::world::Client;

/// So many messages fit into an outbox, whatever they are encoded to.
const MOST: usize = 60;

impl Story {
    /// Comes to rest, publishes a burst while one thread stands still, and lets that thread catch
    /// up in one turn.
    pub fn burst(&mut self) {
        self.rest();
        let stage = &mut self.stage;
        let shard = stage.dice.below(stage.script.threads);
        let topic = stage.dice.below(stage.oracle.names.len());
        let count = 1 + stage.dice.below(MOST);
        let ready = ready(stage, &self.actors, shard, topic);
        // What the store's thread does meanwhile is seen in floods.
        if ready.is_empty() || stage.world.overloaded || stage.script.stored {
            return;
        }
        stage.tell(|| format!("a burst of {count} while thread {shard} stands still"));
        stage.see("a burst");
        let tip = stage.oracle.tip() + count as u64;
        let Some(publisher) = publish(stage, topic, count) else {
            return; // No place, and nobody idle; or no descriptor.
        };
        let other = stage.world.pipe(publisher).shard;
        while stage.oracle.tip() < stage.world.committed.len() as u64 || stage.world.turn_of(other)
        {
            stage.look();
        }
        self.rest();
        if self.stage.oracle.tip() != tip {
            return; // It released polls that held back more publishes.
        }
        assert_nothing_lost(&mut self.stage, &self.actors, ready);
    }
}

/// A reader that is ready for a burst: its number, the gaps that it was told of, and how often its
/// kernel took less than it was given.
pub type Ready = (usize, usize, usize);

/// Those of a thread who read `topic` alone, and are ready.
pub fn ready(stage: &mut Stage, actors: &[Actor], shard: usize, topic: usize) -> Vec<Ready> {
    let mut found = Vec::new();
    for (n, actor) in actors.iter().enumerate() {
        if is_ready(stage, actor, shard, topic)
            && let Some(client) = actor.client()
        {
            found.push((n, actor.notes.gaps, stage.world.pipe(client).shortfalls));
        }
    }
    found
}

/// Nobody of those has lost anything, but whose kernel came up short meanwhile.
pub fn assert_nothing_lost(stage: &mut Stage, actors: &[Actor], ready: Vec<Ready>) {
    for (n, gaps, shortfalls) in ready {
        let actor = &actors[n];
        let client = actor.client();
        if client.is_some_and(|client| stage.world.pipe(client).shortfalls > shortfalls) {
            continue;
        }
        assert_eq!(actor.notes.gaps, gaps, "some of a burst was lost");
        let Some(line) = &actor.line else {
            // Time has passed where a store took some.
            assert!(stage.script.stored, "nobody left meanwhile");
            continue;
        };
        assert!(stage.script.stored || !matches!(line.mode, Mode::Over), "closed for a burst");
    }
}

const BODY_BYTES: usize = 10;

/// Whether a client reads `topic` alone on that thread, has everything, and has room for more.
fn is_ready(stage: &mut Stage, actor: &Actor, shard: usize, topic: usize) -> bool {
    let Some(line) = &actor.line else {
        return false;
    };
    let (Mode::Stream { stand, .. } | Mode::Socket { stand, .. }) = &line.mode else {
        return false;
    };
    let reads = stand.as_ref().is_some_and(|stand| stand.topics == [topic] && !stand.lost_its_way);
    let pipe = stage.world.pipe(line.client);
    let roomy = pipe.room == usize::MAX && pipe.closed.is_none() && !pipe.half_closed;
    let stays = !line.deeds.finished && !line.deeds.said_close && !line.spoiled();
    line.shard == shard && reads && roomy && stays
}

/// Sends `count` messages at once.
fn publish(stage: &mut Stage, topic: usize, count: usize) -> Option<Client> {
    let shard = stage.dice.below(stage.script.threads);
    let client = stage.world.connect(shard)?;
    if stage.world.pipe(client).closed.is_some() {
        return None;
    }
    for _ in 0..count {
        let body = say(stage, topic);
        let name = &stage.oracle.names[topic];
        let length = body.len();
        let own = rights::field(stage);
        let head =
            format!("POST /{name} HTTP/1.1\r\nHost: s\r\n{own}Content-Length: {length}\r\n\r\n");
        stage.world.send(client, &[head.as_bytes(), &body].concat());
    }
    stage.world.finish(client);
    Some(client)
}

/// A short message is about to be said.
pub fn say(stage: &mut Stage, topic: usize) -> Vec<u8> {
    let mut body = format!("m{} ", stage.oracle.said.len());
    body.extend(std::iter::repeat_n('.', BODY_BYTES - body.len().min(BODY_BYTES)));
    let body = body.into_bytes();
    stage.oracle.say(Said {
        topic,
        event: None,
        body: body.clone(),
        binary: false,
        key: None,
        places: Vec::new(),
        refused: false,
    });
    body
}
