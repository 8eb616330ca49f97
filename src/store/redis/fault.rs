//! What goes wrong with Redis, in one line for the operator, with the remedy.
//!
//! Came from: `link`, with what the crate or the script says. Goes to: the log, `/-/ready`, and to
//! the shell, which knows by the kind what to do about it. Absent on purpose: the password.

use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// What can be done about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Somebody has to change something: a password, a right, a key.
    Setup,
    /// It cannot be reached, or does not answer: try again.
    Away,
    /// It answers, and takes nothing at present: try again to write.
    Refuses,
    /// It is another process than the one that was joined, or another numbering: join again.
    Changed,
}

/// Why Redis cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisFault {
    /// For the operator.
    pub line: Arc<str>,
    /// What can be done.
    pub kind: FaultKind,
}

impl RedisFault {
    /// A fault of the Redis at `place`.
    pub(super) fn new(place: &str, kind: FaultKind, what: &str) -> Self {
        Self { line: format!("redis at {place} {what}").into(), kind }
    }

    /// What an error of the crate, or of Redis, comes to.
    pub(super) fn of(place: &str, error: &RedisError) -> Self {
        let detail = error.detail().unwrap_or_default();
        let said = said(error.code().unwrap_or_default(), detail);
        let (kind, what) = said.unwrap_or_else(|| failed(error, detail));
        Self::new(place, kind, &what)
    }
}

/// What the code means that Redis, or a script of ours, puts in front.
fn said(code: &str, detail: &str) -> Option<(FaultKind, String)> {
    let (kind, what) = match code {
        "TOLLWAYANEW" => (FaultKind::Changed, "is another process than before, or was emptied"),
        "TOLLWAYKEY" => {
            let what = format!(
                "has something else under our prefix: {detail}; give another --redis-prefix"
            );
            return Some((FaultKind::Setup, what));
        }
        "TOLLWAYVERSION" => {
            let what = format!(
                "has a log of version {detail}, and this program reads version 1; give another \
                 --redis-prefix, or use the program that wrote it"
            );
            return Some((FaultKind::Setup, what));
        }
        "WRONGTYPE" => {
            (FaultKind::Setup, "has something else under our prefix; give another --redis-prefix")
        }
        "OOM" => (
            FaultKind::Refuses,
            "has no memory left for more; raise its maxmemory, or let it keep less",
        ),
        "MISCONF" => (
            FaultKind::Refuses,
            "takes nothing because it cannot save to its disk; see its own log",
        ),
        "NOREPLICAS" => {
            (FaultKind::Refuses, "takes nothing because too few of its replicas are there")
        }
        "NOAUTH" | "WRONGPASS" => (FaultKind::Setup, PASSWORD),
        _ => return None,
    };
    Some((kind, what.to_owned()))
}

/// What the crate makes of everything else.
fn failed(error: &RedisError, detail: &str) -> (FaultKind, String) {
    match error.kind() {
        ErrorKind::AuthenticationFailed => (FaultKind::Setup, PASSWORD.to_owned()),
        // The crate tells of a database that was refused, and only its detail says why.
        _ if detail.contains("Authentication required") => (FaultKind::Setup, PASSWORD.to_owned()),
        ErrorKind::Server(ServerErrorKind::ReadOnly) => (FaultKind::Refuses, REPLICA.to_owned()),
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            let what = format!(
                "does not give us the right: {detail}; give its user the commands that \
                 docs/operate.md lists"
            );
            (FaultKind::Setup, what)
        }
        ErrorKind::Server(ServerErrorKind::BusyLoading) => (FaultKind::Away, LOADING.to_owned()),
        _ if error.is_timeout() => (FaultKind::Away, "does not answer in time".to_owned()),
        _ if error.is_io_error() => {
            (FaultKind::Away, format!("cannot be reached: {}", one_line(error)))
        }
        _ => (FaultKind::Away, format!("has failed: {}", one_line(error))),
    }
}

const PASSWORD: &str = "refuses the password; put the right one into --redis";
/// A server that follows another one.
pub(super) const REPLICA: &str =
    "is a replica that takes nothing; name its primary, or wait for the failover";
/// A server that has just started.
pub(super) const LOADING: &str = "is still loading its data";

/// Errors may have lines; ours have one.
fn one_line(error: &RedisError) -> String {
    error.to_string().lines().collect::<Vec<_>>().join(" ")
}
