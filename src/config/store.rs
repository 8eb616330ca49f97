//! The flags that say where messages are kept beyond the process.
//!
//! Came from: `config`, which has them read. Goes to: `config`, as a [`StoreConfig`]. Absent on
//! purpose: the bounds of what is kept; those of retention hold, in memory and in the file.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::spelling::Span;

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
}

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
    /// What they say together.
    pub(super) fn into_config(self) -> Result<Option<StoreConfig>, String> {
        let Self { data, sync } = self;
        match data {
            Some(path) => Ok(Some(StoreConfig { path, sync })),
            None if sync == SyncPolicy::Always => Ok(None),
            None => Err(format!(
                "--sync {sync} is of no use without a file; give --data FILE, or leave it out"
            )),
        }
    }
}
