//! The origins whose pages were refused: what each refusal says, and that the log says it once.
//!
//! An origin that is refused is a page that does not work, and most often a proxy that does not
//! pass `Host` on: its operator looks into the log. A page asks again and again, so a line for each
//! refusal would be a log that a stranger fills; all threads share this one memory of bounded size.
//!
//! Came from: `route`, with an origin that was refused. Goes to: the answer, and the log. Absent on
//! purpose: forgetting. Once the memory is full, the log says so, and says no more of origins.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::ORIGINS_LOGGED_MAX;

/// Origins that the log has told of.
#[derive(Debug)]
pub struct RefusedOrigins {
    hasher: RandomState,
    /// Fingerprints, none twice; 0 where there is room. The last one is for the line that says that
    /// the others are full.
    logged: [AtomicU64; ORIGINS_LOGGED_MAX + 1],
}

/// What is to be said of an origin in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Novelty {
    New,
    Known,
    /// It found no room, as the first one.
    Full,
}

impl Default for RefusedOrigins {
    fn default() -> Self {
        Self { hasher: RandomState::new(), logged: [const { AtomicU64::new(0) }; _] }
    }
}

impl RefusedOrigins {
    /// The sentence for a refusal, which names both fields: so that whoever reads it sees which of
    /// the two is not as it was meant.
    pub fn refuse(&self, origin: &[u8], host: &str) -> Box<str> {
        let origin = String::from_utf8_lossy(origin);
        let detail = format!(
            "Origin is {origin}, Host is {host}: another origin. Behind a proxy, pass Host on; \
             else start the server with --allow-origin {origin}."
        );
        match self.note(&origin) {
            Novelty::New => {
                let start = detail.char_indices().nth(LINE_CHARS_MAX).map_or(detail.len(), |c| c.0);
                log::warn!("refused a page: {}", &detail[..start]);
            }
            Novelty::Full => log::warn!(
                "refused pages of more than {ORIGINS_LOGGED_MAX} origins; no more are told here"
            ),
            Novelty::Known => {}
        }
        detail.into()
    }

    fn note(&self, origin: &str) -> Novelty {
        // Another secret with each start, so that nobody can choose two origins that are one here.
        let fingerprint = self.hasher.hash_one(origin).max(1);
        for (n, slot) in self.logged.iter().enumerate() {
            let exchanged =
                slot.compare_exchange(0, fingerprint, Ordering::Relaxed, Ordering::Relaxed);
            match exchanged {
                Ok(_) if n == ORIGINS_LOGGED_MAX => return Novelty::Full,
                Ok(_) => return Novelty::New,
                Err(there) if there == fingerprint => return Novelty::Known,
                Err(_) => {}
            }
        }
        Novelty::Known
    }
}

/// An `Origin` may be as long as a head.
const LINE_CHARS_MAX: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_origin_is_new_once_and_a_full_memory_says_so_once() {
        let refused = RefusedOrigins::default();
        for n in 0..ORIGINS_LOGGED_MAX {
            let origin = format!("https://{n}.example");
            assert_eq!(refused.note(&origin), Novelty::New, "{n}");
            assert_eq!(refused.note(&origin), Novelty::Known, "{n}");
        }
        assert_eq!(refused.note("https://a.example"), Novelty::Full);
        assert_eq!(refused.note("https://b.example"), Novelty::Known);
        assert_eq!(refused.note("https://0.example"), Novelty::Known);
    }
}
