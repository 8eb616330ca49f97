//! The flags that say where messages are kept beyond the process.
//!
//! Came from: `config`, which has them read. Goes to: `config`, as a [`StoreConfig`]. Absent on
//! purpose: the bounds of what is kept; those of retention hold, in memory and in the file.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::spelling::Span;
use crate::limits::{REDIS_PREFIX_BYTES_MAX, REDIS_REPLICAS_MAX};

#[derive(Debug, Args)]
#[command(next_help_heading = "Store")]
pub(super) struct StoreFlags {
    /// Keep messages in this file, so that they and all cursors outlive a restart; it is made if it
    /// is not there
    #[arg(long, env = "TOLLWAY_DATA", value_name = "FILE")]
    pub(super) data: Option<PathBuf>,
    /// When what is published is synced to the disk: always, before it is acknowledged, or every so
    /// often, after it: then a loss of power may take what was acknowledged in that time
    #[arg(long, env = "TOLLWAY_SYNC", value_name = "always|DURATION")]
    #[arg(default_value = "always")]
    pub(super) sync: SyncPolicy,
    /// Keep messages in a stream of this Redis, 6.2 or later, which many servers may share: then
    /// all of them have one log. redis://USER:PASSWORD@HOST:PORT/DATABASE, of which only the host
    /// has to be there; rediss:// for TLS
    #[arg(long, env = "TOLLWAY_REDIS", value_name = "URL")]
    pub(super) redis: Option<String>,
    /// What the names of our keys in Redis begin with; servers with the same one share a log
    #[arg(long, env = "TOLLWAY_REDIS_PREFIX", value_name = "NAME", default_value = REDIS_PREFIX)]
    pub(super) redis_prefix: String,
    /// How many replicas of Redis have to have a message before it is acknowledged
    #[arg(long, env = "TOLLWAY_REDIS_WAIT", value_name = "REPLICAS", default_value_t = 0)]
    pub(super) redis_wait: usize,
}

/// What the names of our keys in Redis begin with, unless something else is said.
const REDIS_PREFIX: &str = "tollway";

/// When what was appended is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before it is acknowledged.
    Always,
    /// So many milliseconds after it was appended, at the latest.
    EveryMs(u64),
}

/// Where messages are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// The file.
    pub path: PathBuf,
    /// When it is synced.
    pub sync: SyncPolicy,
}

/// A log in Redis.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisConfig {
    /// `--redis`; there may be a password in it.
    pub url: String,
    /// `--redis-prefix`.
    pub prefix: String,
    /// `--redis-wait`.
    pub wait: usize,
}

impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { url: _, prefix, wait } = self;
        f.debug_struct("RedisConfig").field("prefix", prefix).field("wait", wait).finish()
    }
}

impl FromStr for SyncPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "always" {
            return Ok(Self::Always);
        }
        match text.parse() {
            Ok(Span(0)) => Err("is no time at all; write always".to_owned()),
            Ok(Span(ms)) => Ok(Self::EveryMs(ms)),
            Err(_) => Err("is neither always nor a duration; write always, 50ms or 1s".to_owned()),
        }
    }
}

impl std::fmt::Display for SyncPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Always => f.write_str("always"),
            Self::EveryMs(ms) => Span(ms).fmt(f),
        }
    }
}

impl StoreFlags {
    /// What those about Redis say together.
    pub(super) fn redis(&self) -> Result<Option<RedisConfig>, String> {
        let Self { data, redis, redis_prefix: prefix, redis_wait: wait, .. } = self;
        let Some(url) = redis else {
            let useless = match (prefix.as_str(), wait) {
                (REDIS_PREFIX, 0) => return Ok(None),
                (REDIS_PREFIX, _) => format!("--redis-wait {wait}"),
                _ => format!("--redis-prefix {prefix}"),
            };
            return Err(format!(
                "{useless} is of no use without --redis URL; give it, or leave it out"
            ));
        };
        if data.is_some() {
            return Err("--redis and --data are two places for one log; give one of them".into());
        }
        if !["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme)) {
            // Not as it was given: there may be a password in it.
            return Err("--redis has to begin with redis:// or rediss://, and a host".into());
        }
        let good = |byte: u8| byte.is_ascii_graphic();
        if prefix.is_empty() || prefix.len() > REDIS_PREFIX_BYTES_MAX || !prefix.bytes().all(good) {
            return Err(format!(
                "--redis-prefix {prefix} has to be 1 to {REDIS_PREFIX_BYTES_MAX} visible \
                 characters of ASCII"
            ));
        }
        if *wait > REDIS_REPLICAS_MAX {
            return Err(format!(
                "--redis-wait {wait} is beyond the {REDIS_REPLICAS_MAX} replicas that are waited \
                 for at most"
            ));
        }
        Ok(Some(RedisConfig { url: url.clone(), prefix: prefix.clone(), wait: *wait }))
    }

    /// What those about a file say together.
    pub(super) fn into_config(self) -> Result<Option<StoreConfig>, String> {
        let Self { data, sync, .. } = self;
        match data {
            Some(path) => Ok(Some(StoreConfig { path, sync })),
            None if sync == SyncPolicy::Always => Ok(None),
            None => Err(format!(
                "--sync {sync} is of no use without a file; give --data FILE, or leave it out"
            )),
        }
    }
}
