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
        let code = error.code().unwrap_or_default();
        let detail = error.detail().unwrap_or_default();
        let (kind, what): (_, String) = match (code, error.kind()) {
            ("TOLLWAYANEW", _) => {
                (FaultKind::Changed, "is another process than before, or was emptied".into())
            }
            ("TOLLWAYKEY", _) => (
                FaultKind::Setup,
                format!(
                    "has something else under our prefix: {detail}; give another \
                         --redis-prefix"
                ),
            ),
            ("TOLLWAYVERSION", _) => (
                FaultKind::Setup,
                format!(
                    "has a log of version {detail}, and this program reads version 1; give \
                         another --redis-prefix, or use the program that wrote it"
                ),
            ),
            ("OOM", _) => (
                FaultKind::Refuses,
                "has no memory left for more; raise its maxmemory, or let it keep less".into(),
            ),
            ("MISCONF", _) => (
                FaultKind::Refuses,
                "takes nothing because it cannot save to its disk; see its own log".into(),
            ),
            ("NOREPLICAS", _) => (
                FaultKind::Refuses,
                "takes nothing because too few of its replicas are there".into(),
            ),
            // The crate tells of a database that was refused, and only its detail says why.
            _ if detail.contains("Authentication required") => {
                (FaultKind::Setup, "refuses the password; put the right one into --redis".into())
            }
            ("NOAUTH" | "WRONGPASS", _) | (_, ErrorKind::AuthenticationFailed) => {
                (FaultKind::Setup, "refuses the password; put the right one into --redis".into())
            }
            (_, ErrorKind::Server(ServerErrorKind::ReadOnly)) => (
                FaultKind::Refuses,
                "is a replica that takes nothing; name its primary, or wait for the failover"
                    .into(),
            ),
            (_, ErrorKind::Server(ServerErrorKind::NoPerm)) => (
                FaultKind::Setup,
                format!(
                    "does not give us the right: {detail}; give its user the commands that \
                         the manual lists"
                ),
            ),
            (_, ErrorKind::Server(ServerErrorKind::BusyLoading)) => {
                (FaultKind::Away, "is still loading its data".into())
            }
            ("WRONGTYPE", _) => (
                FaultKind::Setup,
                "has something else under our prefix; give another --redis-prefix".into(),
            ),
            _ if error.is_timeout() => (FaultKind::Away, "does not answer in time".into()),
            _ if error.is_io_error() => {
                (FaultKind::Away, format!("cannot be reached: {}", one_line(error)))
            }
            _ => (FaultKind::Away, format!("has failed: {}", one_line(error))),
        };
        Self::new(place, kind, &what)
    }
}

/// Errors may have lines; ours have one.
fn one_line(error: &RedisError) -> String {
    error.to_string().lines().collect::<Vec<_>>().join(" ")
}
