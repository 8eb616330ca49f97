//! The server ends before its guests do: they go on as they like, and each must be told goodbye.
//!
//! What is promised: everybody is gone when the time is over; a reader that takes what it gets has
//! everything that was committed before it was told goodbye, in order; a request that was heard is
//! answered, and nobody is reset.

use tollway::close::CloseReason;

use super::Story;
use super::line::{Line, Mode};
use super::stage::Stage;

/// Steps that the guests make while the server ends, for each of them.
const STEPS_PER_GUEST: usize = 6;

impl Story {
    /// The server is told to end within `ms`, in the middle of everything.
    pub(super) fn end(&mut self, ms: u64) {
        self.stage.tell(|| format!("the server is to end within {ms} ms"));
        if std::mem::take(&mut self.stage.world.overloaded) {
            self.stage.overloaded_at = Some(self.stage.world.now.0);
        }
        self.stage.world.end_within(ms);
        let until = self.stage.world.now.plus(ms);
        for _ in 0..self.actors.len() * STEPS_PER_GUEST {
            if self.stage.world.now >= until {
                break;
            }
            self.step_towards_the_end(ms);
        }
        // A thread that stands still ends when it goes on.
        self.stage.world.end_pauses();
        let left = until.since(self.stage.world.now);
        self.jump(left);
        assert!(self.stage.world.now >= until);
        for actor in &mut self.actors {
            let there = actor.read(&mut self.stage);
            assert!(!there, "{:?} is still connected", actor.client());
        }
        self.stage.check_everybody_is_gone();
    }

    fn step_towards_the_end(&mut self, ms: u64) {
        let stage = &mut self.stage;
        match stage.dice.below(100) {
            0..60 => {
                let n = stage.dice.below(self.actors.len());
                let actor = &mut self.actors[n];
                // Hardly anybody is still on the way when the port is closed.
                if actor.line.is_some() || stage.dice.one_in(10) {
                    actor.act(stage);
                }
            }
            60..85 => {
                let shard = stage.dice.below(stage.script.threads);
                stage.turn_of(shard);
            }
            85..95 => {
                // Everybody who can makes room, and hears what there is.
                for actor in &mut self.actors {
                    if let Some(line) = &mut actor.line {
                        stage.world.pipe(line.client).room = usize::MAX;
                    }
                }
                self.jump(0);
            }
            _ => {
                let some = stage.dice.wide(1, ms.max(2));
                self.jump(some);
            }
        }
    }
}

impl Line {
    /// Whether the server, which ends, may close this connection for `reason`.
    pub(super) fn ends_with_server(&self, stage: &Stage, reason: CloseReason) -> bool {
        let Some(until) = stage.world.ends_at else {
            return false;
        };
        let pipe = &stage.world.pipes[self.client.0];
        match reason {
            CloseReason::Cut => pipe.closed_at >= until,
            CloseReason::Drained => {
                if let (Mode::Over, Some(stand), Some(committed)) =
                    (&self.mode, &self.last_stand, pipe.left_behind)
                {
                    stage.see("a reader has everything, and is told goodbye");
                    let all = stage.oracle.between(&stand.topics, stand.at, committed);
                    let owed = all.into_iter().find(|&at| !stand.is_excused(stage, at));
                    assert_eq!(owed, None, "told goodbye without it");
                }
                true
            }
            CloseReason::Refused | CloseReason::Answered => true,
            _ => false,
        }
    }

    /// Whether nobody has to answer a request any more: another one's answer said that it was the
    /// last, or the request came behind the end.
    pub(super) fn came_too_late(&self, stage: &Stage, reason: CloseReason) -> bool {
        stage.world.ends_at.is_some() && (self.deeds.closes || reason == CloseReason::Drained)
            || reason == CloseReason::Cut
    }
}

/// A guest that is told that an answer was the last does not wait for more.
pub(super) fn hears_last(stage: &Stage, line: &mut Line, connection: Option<&str>) {
    if stage.world.ends_at.is_some() && connection == Some("close") {
        line.deeds.closes = true;
        line.expects.clear();
    }
}
