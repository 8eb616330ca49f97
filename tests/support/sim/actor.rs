//! A client and its habits: connects, asks, reads, says, dawdles, misbehaves, leaves, returns.

use super::line::{Line, Mode};
use super::plan::{Habits, Room, Way};
use super::reader::Notes;
use super::readers::frames;
use super::stage::{Stage, id};
use crate::world::Client;

pub struct Actor {
    pub habits: Habits,
    pub notes: Notes,
    pub line: Option<Line>,
    /// The room in its kernel is 0 for so many more acts.
    stalls_for: usize,
    /// Messages read when the present way of reading began.
    read_before: usize,
}

impl Actor {
    pub fn new(habits: Habits) -> Self {
        Self { habits, notes: Notes::default(), line: None, stalls_for: 0, read_before: 0 }
    }

    /// Does one thing or a few.
    pub fn act(&mut self, stage: &mut Stage) {
        if self.line.is_none() {
            return self.connect(stage);
        }
        if !self.read(stage) {
            return;
        }
        self.make_room(stage);
        let Some(line) = &mut self.line else {
            return;
        };
        if line.deeds.silent && matches!(line.mode, Mode::Http) {
            return;
        }
        let drip = stage.dice.range(1, self.habits.drip as u64) as usize;
        line.push(stage, drip);
        let rude = self.habits.rude_one_in;
        if rude > 0 && stage.dice.one_in(rude) {
            return self.misbehave(stage);
        }
        if line.deeds.finished || line.deeds.closes {
            return;
        }
        match line.mode {
            Mode::Http => self.ask(stage),
            Mode::Stream { .. } => self.leave_sometimes(stage),
            Mode::Socket { .. } => self.chat_on_socket(stage),
            Mode::Over => {}
        }
    }

    fn connect(&mut self, stage: &mut Stage) {
        let shard = stage.dice.below(stage.script.threads);
        let Some(client) = stage.world.connect(shard) else {
            stage.see("a refused connection");
            return;
        };
        stage.tell(|| format!("client {} connects to thread {shard}", client.0));
        let mut line = Line::new(client, shard, stage.world.now.0);
        if stage.world.pipe(client).closed.is_some() {
            stage.see("a connection without a watch");
            line.deeds.reset = true;
        }
        self.line = Some(line);
        self.stalls_for = 0;
        self.read_before = self.notes.messages;
    }

    /// Reads what has come; goes along when the connection is over. `false`: it is gone.
    pub fn read(&mut self, stage: &mut Stage) -> bool {
        let Some(line) = &mut self.line else {
            return false;
        };
        line.digest(stage, &mut self.notes, self.habits.polite);
        let client = line.client;
        let pipe = stage.world.pipe(client);
        if let Some(reason) = pipe.closed {
            stage.tell(|| format!("client {} is closed: {reason:?}", client.0));
            stage.see(reason.name());
            line.judge_end(stage, reason);
            self.line = None;
            return false;
        }
        if pipe.half_closed && self.habits.polite {
            line.finish(stage);
        }
        true
    }

    fn make_room(&mut self, stage: &mut Stage) {
        let Some(Line { client, .. }) = self.line else {
            return;
        };
        let room = match self.habits.room {
            Room::Wide => return,
            Room::Tiny(max) => stage.dice.wide(1, max as u64) as usize,
            Room::Stalls if self.stalls_for > 0 => {
                self.stalls_for -= 1;
                0
            }
            Room::Stalls if stage.dice.one_in(6) => {
                self.stalls_for = stage.dice.below(12);
                0
            }
            Room::Stalls => usize::MAX,
        };
        stage.world.pipe(client).room = room;
    }

    /// The next requests, when the ones before are answered.
    fn ask(&mut self, stage: &mut Stage) {
        let Some(line) = &mut self.line else {
            return;
        };
        if !line.expects.is_empty() || line.spoiled() {
            return;
        }
        if stage.dice.one_in(15) {
            return self.leave(stage);
        }
        for _ in 0..=stage.dice.below(self.habits.pipeline) {
            if stage.dice.percent(self.habits.publishes) {
                let again = !self.notes.keyed.is_empty() && stage.dice.percent(40);
                let again = again.then(|| *stage.dice.pick(&self.notes.keyed));
                line.post(stage, &self.habits, again);
            } else if stage.dice.one_in(12) {
                line.chat(stage);
            } else {
                let way = *stage.dice.pick(&self.habits.ways);
                line.ask(stage, &self.habits, way, &self.notes);
                if !matches!(way, Way::Short | Way::Long) {
                    break;
                }
            }
            if line.deeds.closes {
                break;
            }
        }
        let drip = stage.dice.range(1, self.habits.drip as u64) as usize;
        line.push(stage, drip);
        // A client that half-closes after its request still gets its answer.
        if line.out.is_empty() && stage.dice.one_in(12) {
            stage.tell(|| format!("client {} half-closes", line.client.0));
            line.finish(stage);
        }
    }

    fn leave_sometimes(&mut self, stage: &mut Stage) {
        let fed = self.notes.messages > self.read_before;
        if stage.dice.one_in(40) || self.habits.hops && fed {
            self.leave(stage);
        }
    }

    fn chat_on_socket(&mut self, stage: &mut Stage) {
        let Some(line) = &mut self.line else {
            return;
        };
        if line.deeds.said_close || line.spoiled() {
            return;
        }
        let Mode::Socket { ask, dialect, .. } = &line.mode else {
            return;
        };
        if *dialect && stage.dice.percent(self.habits.says.max(self.habits.publishes / 2)) {
            for _ in 0..=stage.dice.below(self.habits.pipeline) {
                let again = !self.notes.keyed.is_empty() && stage.dice.percent(40);
                let again = again.then(|| *stage.dice.pick(&self.notes.keyed));
                line.tell(stage, &self.habits, again);
            }
        } else if !dialect && stage.dice.percent(self.habits.says) {
            match ask.topics[..] {
                [topic] => line.say(stage, &self.habits, topic),
                _ if stage.dice.one_in(10) => {
                    line.deeds.spoiled_at = Some(line.composed);
                    let frame = frames::client(true, frames::TEXT, b"may I?", [3; 4]);
                    line.compose(&frame);
                }
                _ => {}
            }
        } else if stage.dice.one_in(20) {
            let ping = b"are you there?"[..stage.dice.below(14)].to_vec();
            let frame = frames::client(true, frames::PING, &ping, [7; 4]);
            line.compose(&frame);
            line.pings.push_back(ping);
        }
        self.leave_sometimes(stage);
    }

    /// Leaves, in one of the ways in which clients do.
    pub fn leave(&mut self, stage: &mut Stage) {
        let Some(line) = &mut self.line else {
            return;
        };
        let way = stage.dice.below(3);
        let client = line.client;
        match (&line.mode, way) {
            (Mode::Socket { .. }, 0 | 1) if !line.deeds.said_close && !line.deeds.finished => {
                stage.tell(|| format!("client {} says goodbye", client.0));
                let frame = frames::client(true, frames::CLOSE, &1000_u16.to_be_bytes(), [5; 4]);
                line.compose(&frame);
                line.deeds.said_close = true;
                line.push(stage, usize::MAX);
            }
            (_, 2) => self.reset(stage),
            _ => {
                stage.tell(|| format!("client {} ends its side", client.0));
                line.finish(stage);
            }
        }
    }

    /// The server is killed: what its kernel had taken may be read still, or not.
    /// `goes_on`: the next one knows all that it knew.
    pub fn outlive(&mut self, stage: &mut Stage, goes_on: bool) {
        if stage.dice.percent(50) {
            self.read(stage);
        }
        self.line = None;
        if goes_on {
            return;
        }
        self.notes.keyed.clear();
        let cursor = self.notes.cursor.take();
        let cursor = cursor.map(|at| id(stage.epoch, at));
        self.notes.old_cursor = cursor.or(self.notes.old_cursor.take());
    }

    fn reset(&mut self, stage: &mut Stage) {
        if let Some(line) = &mut self.line {
            let client = line.client;
            stage.tell(|| format!("client {} resets", client.0));
            line.deeds.reset = true;
            // What had come before the reset may be read, or not.
            if stage.dice.percent(50) {
                line.digest(stage, &mut self.notes, self.habits.polite);
            } else {
                stage.world.pipe(client).take();
            }
            stage.world.reset(client);
            self.line = None;
        }
    }

    fn misbehave(&mut self, stage: &mut Stage) {
        let Some(line) = &mut self.line else {
            return;
        };
        match stage.dice.below(8) {
            0 => self.reset(stage),
            1 => line.finish(stage),
            2 => line.deeds.silent = true,
            3 if matches!(line.mode, Mode::Http) && line.expects.is_empty() => {
                if !line.spoiled() && !line.deeds.closes {
                    line.post_too_long(stage);
                }
            }
            _ => rave(stage, line),
        }
    }
}

/// Sends nonsense.
fn rave(stage: &mut Stage, line: &mut Line) {
    const HTTP: [&[u8]; 8] = [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /a HTTP/1.1\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: s\r\nContent-Length: -1\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /a,b/poll?wait=x HTTP/1.1\r\nHost: s\r\n\r\n",
        b"POST /a,b HTTP/1.1\r\nHost: s\r\nContent-Length: 9\r\n\r\nm",
    ];
    const FRAMES: [&[u8]; 7] = [
        b"\xc1\x80\0\0\0\0",                         // a reserved bit
        b"\x83\x80\0\0\0\0",                         // a reserved opcode
        b"\x81\x01m",                                // not masked
        b"\x81\x82\0\0\0\0\xc0\x80",                 // not UTF-8
        b"\x80\x80\0\0\0\0",                         // goes on with nothing
        b"\x89\xfe\x00\x80\0\0\0\0",                 // a long Ping
        b"\x82\xff\0\0\0\0\x7f\xff\xff\xff\0\0\0\0", // 2 GiB
    ];
    if line.deeds.finished || line.deeds.said_close {
        return;
    }
    let socket = line.expects.is_empty() && matches!(line.mode, Mode::Socket { .. });
    let nonsense = match socket {
        true => *stage.dice.pick(&FRAMES),
        false => *stage.dice.pick(&HTTP),
    };
    let client = line.client;
    stage.tell(|| format!("client {} raves", client.0));
    line.deeds.spoiled_at.get_or_insert(line.composed);
    line.compose(nonsense);
}

impl Actor {
    pub fn client(&self) -> Option<Client> {
        self.line.as_ref().map(|line| line.client)
    }
}
