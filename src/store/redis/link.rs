//! One connection to Redis, and what is asked on it.
//!
//! Every call blocks, for [`REDIS_ANSWER_MS_MAX`] at most beside the time that it is asked to wait.
//! After a fault that is not a refusal the connection is to be dropped: an answer may still come.
//!
//! Came from: the shell's two threads, each with a link of its own. Goes to: Redis. Absent on
//! purpose: trying again.

use std::time::Duration;

use redis::{Client, Connection, FromRedisValue, RedisError, Script, ScriptInvocation, Value, cmd};

use super::drafts;
use super::entry::{self, StreamEntry};
use super::fault::{FaultKind, LOADING, REPLICA, RedisFault};
use super::names::Names;
use crate::ids::{Epoch, Seq};
use crate::limits::{
    IDEMPOTENCY_KEYS_MAX, IDEMPOTENCY_KEYS_PER_ADDRESS_MAX, IDEMPOTENCY_MS_MAX,
    REDIS_ANSWER_MS_MAX, REDIS_NUMBERS_SKIPPED,
};
use crate::technique::message::Draft;

const JOIN: &str = include_str!("join.lua");
const APPEND: &str = include_str!("append.lua");

/// What a node knows when it joins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The epoch that held.
    pub epoch: Epoch,
    /// The newest number that it has.
    pub tip: Seq,
}

/// How a node stands that has joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Everything is there that it does not have.
    Whole,
    /// What follows its newest message has been trimmed.
    Behind,
    /// Another epoch holds than the one that it knows.
    Anew,
}

/// What a node learns when it joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// The numbering that holds.
    pub epoch: Epoch,
    /// Where groups of names are told apart.
    pub group_key: u64,
    /// The newest number that may have been given.
    pub tip: Seq,
    /// What time it is by the clock of Redis, in milliseconds since 1970.
    pub wall_ms: u64,
    /// How the node stands.
    pub standing: Standing,
}

/// A connection.
pub struct RedisLink {
    connection: Connection,
    place: String,
    names: Names,
    /// Which process of Redis is at the other end.
    run: String,
    join: Script,
    append: Script,
}

impl std::fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisLink")
            .field("place", &self.place)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl RedisLink {
    pub(super) fn open(client: &Client, place: &str, names: &Names) -> Result<Self, RedisFault> {
        let fault = |error: RedisError| RedisFault::of(place, &error);
        let mut connection = client.get_connection_with_timeout(ANSWER).map_err(fault)?;
        connection.set_write_timeout(Some(ANSWER)).map_err(fault)?;
        connection.set_read_timeout(Some(ANSWER)).map_err(fault)?;
        let info: String = cmd("INFO").query(&mut connection).map_err(fault)?;
        let run = value_of(&info, "run_id").unwrap_or_default().to_owned();
        if value_of(&info, "loading") == Some("1") {
            return Err(RedisFault::new(place, FaultKind::Away, LOADING));
        }
        if value_of(&info, "role") == Some("slave") {
            return Err(RedisFault::new(place, FaultKind::Refuses, REPLICA));
        }
        Ok(Self {
            connection,
            place: place.to_owned(),
            names: names.clone(),
            run,
            join: Script::new(JOIN),
            append: Script::new(APPEND),
        })
    }

    /// Joins, or joins again. `random`: 64 bits each for an epoch and a key of groups, if there are
    /// none.
    pub fn join(&mut self, known: Option<Known>, random: [u64; 2]) -> Result<Joined, RedisFault> {
        let mut call = with_keys(&self.join, &self.names);
        call.arg(self.run.as_str())
            .arg(Epoch::draw(random[0]).0)
            .arg(random[1])
            .arg(REDIS_NUMBERS_SKIPPED)
            .arg(known.map_or_else(String::new, |known| known.epoch.0.to_string()))
            .arg(known.map_or(0, |known| known.tip.0));
        let answer: Vec<String> = invoke(&mut self.connection, &self.place, &call)?;
        let field = |n: usize| answer.get(n).and_then(|text| text.parse::<u64>().ok());
        let standing = match answer.get(5).map(String::as_str) {
            Some("whole") => Some(Standing::Whole),
            Some("behind") => Some(Standing::Behind),
            Some("anew") => Some(Standing::Anew),
            _ => None,
        };
        if let (Some(epoch), Some(group_key), Some(tip), Some(wall_ms), Some(standing)) =
            (field(0), field(1), field(2), field(4), standing)
        {
            return Ok(Joined { epoch: Epoch(epoch), group_key, tip: Seq(tip), wall_ms, standing });
        }
        let what = format!("has a damaged {}; give another --redis-prefix", self.names.meta());
        Err(RedisFault::new(&self.place, FaultKind::Setup, &what))
    }

    /// The newest number of each group of names that has had any.
    pub fn groups(&mut self) -> Result<Vec<(usize, Seq)>, RedisFault> {
        let mut call = cmd("HGETALL");
        call.arg(self.names.groups());
        let pairs: Vec<(usize, u64)> = self.query(&call)?;
        Ok(pairs.into_iter().map(|(group, seq)| (group, Seq(seq))).collect())
    }

    /// What is in the stream behind `tip`, `count` at most.
    pub fn read(&mut self, tip: Seq, count: usize) -> Result<Vec<StreamEntry>, RedisFault> {
        let mut call = cmd("XRANGE");
        call.arg(self.names.log()).arg(format!("({}-0", tip.0)).arg("+").arg("COUNT").arg(count);
        let answer: Value = self.query(&call)?;
        self.ours(entry::all(answer))
    }

    /// The same; when there is nothing, waits for it, `block` at most.
    pub fn follow(
        &mut self,
        tip: Seq,
        count: usize,
        block: Duration,
    ) -> Result<Vec<StreamEntry>, RedisFault> {
        let mut call = cmd("XREAD");
        call.arg("COUNT").arg(count).arg("BLOCK").arg(block.as_millis().max(1) as u64);
        call.arg("STREAMS").arg(self.names.log()).arg(format!("{}-0", tip.0));
        self.patience(block + ANSWER)?;
        let answer: Value = self.query(&call)?;
        self.ours(entry::all_of_one(answer))
    }

    /// Whether this is still the process and the epoch that were joined.
    pub fn look(&mut self, epoch: Epoch) -> Result<(), RedisFault> {
        let mut call = cmd("HMGET");
        call.arg(self.names.meta()).arg("epoch").arg("run");
        self.patience(ANSWER)?;
        let (found, run): (Option<u64>, Option<String>) = self.query(&call)?;
        if found == Some(epoch.0) && run.as_deref() == Some(&self.run) {
            return Ok(());
        }
        let what = "is another process than before, or was emptied";
        Err(RedisFault::new(&self.place, FaultKind::Changed, what))
    }

    /// Appends what `drafts` ask for. `oldest`: what is older need not be kept. Tells the newest
    /// number before, and for each draft the number that it has, by now or since before.
    pub fn append<'d>(
        &mut self,
        joined: &Joined,
        oldest: Seq,
        drafts: impl Iterator<Item = &'d Draft>,
    ) -> Result<(Seq, Vec<Seq>), RedisFault> {
        let mut call = with_keys(&self.append, &self.names);
        call.arg(joined.epoch.0)
            .arg(self.run.as_str())
            .arg(oldest.0)
            .arg(IDEMPOTENCY_MS_MAX)
            .arg(IDEMPOTENCY_KEYS_MAX)
            .arg(IDEMPOTENCY_KEYS_PER_ADDRESS_MAX);
        for draft in drafts {
            drafts::push(&mut call, draft, joined.group_key);
        }
        let mut answer: Vec<u64> = invoke(&mut self.connection, &self.place, &call)?;
        let before = if answer.is_empty() { 0 } else { answer.remove(0) };
        Ok((Seq(before), answer.into_iter().map(Seq).collect()))
    }

    /// Waits until `replicas` have what was written on this connection. Tells how many have.
    pub fn wait(&mut self, replicas: usize) -> Result<usize, RedisFault> {
        let mut call = cmd("WAIT");
        call.arg(replicas).arg(REDIS_ANSWER_MS_MAX / 2);
        self.query(&call)
    }

    /// Writes something, to find out whether that is possible.
    pub fn probe(&mut self) -> Result<(), RedisFault> {
        let mut call = cmd("HINCRBY");
        call.arg(self.names.meta()).arg("probes").arg(1);
        self.query::<u64>(&call).map(|_| ())
    }

    /// A fault in a line of our own.
    pub fn fault(&self, kind: FaultKind, what: &str) -> RedisFault {
        RedisFault::new(&self.place, kind, what)
    }

    fn ours(
        &self,
        entries: Result<Vec<StreamEntry>, String>,
    ) -> Result<Vec<StreamEntry>, RedisFault> {
        entries.map_err(|_| {
            let log = self.names.log();
            let what =
                format!("has an entry in {log} that is none of ours; give another --redis-prefix");
            RedisFault::new(&self.place, FaultKind::Setup, &what)
        })
    }

    fn patience(&mut self, time: Duration) -> Result<(), RedisFault> {
        let set = self.connection.set_read_timeout(Some(time));
        set.map_err(|error| RedisFault::of(&self.place, &error))
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    pub(super) fn invoke<T: FromRedisValue>(
        &mut self,
        call: &ScriptInvocation<'_>,
    ) -> Result<T, RedisFault> {
        invoke(&mut self.connection, &self.place, call)
    }

    pub(super) fn query<T: FromRedisValue>(&mut self, call: &redis::Cmd) -> Result<T, RedisFault> {
        call.query(&mut self.connection).map_err(|error| RedisFault::of(&self.place, &error))
    }
}

const ANSWER: Duration = Duration::from_millis(REDIS_ANSWER_MS_MAX);

fn invoke<T: FromRedisValue>(
    connection: &mut Connection,
    place: &str,
    call: &ScriptInvocation<'_>,
) -> Result<T, RedisFault> {
    call.invoke(connection).map_err(|error| RedisFault::of(place, &error))
}

fn with_keys<'s>(script: &'s Script, names: &Names) -> ScriptInvocation<'s> {
    let mut call = script.prepare_invoke();
    for name in names.of_log() {
        call.key(name.as_str());
    }
    call
}

/// The value of a line `name:value` of INFO.
fn value_of<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    let mut lines = info.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
