//! Rights: who may publish, read, and see what the server reports.
//!
//! Without a token or a key of the operator's there are no [`Rights`], everybody may do everything,
//! and nothing here is ever asked.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `secrets` | the operator's tokens and keys, as they are written |
//! | `grant` | what somebody may do, and until when |
//! | `pattern` | patterns of topics |
//! | `jwt` | tokens that others sign |
//! | `tickets` | what stands for a token in a URL, once |
//! | `denial` | why somebody may not |
//!
//! Came from: the shell, which reads the operator's files. Goes to: `conn::admission`, with what a
//! request shows; `broker`, for frames and tickets. Absent on purpose: bytes of requests, clocks,
//! topics' contents: no answer depends on whether a topic exists.

pub mod denial;
pub mod grant;
pub mod jwt;
pub mod pattern;
pub mod secrets;
#[cfg(test)]
mod tests;
pub mod tickets;

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use self::denial::Denial;
pub use self::grant::{Grant, Need, Topics};
use self::jwt::JwtRules;
pub use self::secrets::Secrets;
use crate::limits::TOKEN_BYTES_MAX;

/// The rights of a server that has any: tokens, keys, and what is left to everybody.
pub struct Rights {
    /// Keys the fingerprints of tokens: they are compared instead of tokens, so that the time of a
    /// comparison tells nothing that could be used, not even offline.
    key: [u8; 32],
    tokens: Vec<(TokenPrint, Arc<Grant>)>,
    jwt: JwtRules,
    everybody: Grant,
}

type TokenPrint = [u8; 32];

impl std::fmt::Debug for Rights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rights({} tokens, {} keys)", self.tokens.len(), self.jwt.keys.len())
    }
}

impl Rights {
    /// The rights that follow from what the operator gave. `None`: nothing was, and everybody may
    /// do everything. `key` is drawn for this process, and the same for all its threads.
    pub fn of(secrets: Secrets, key: [u8; 32]) -> Option<Self> {
        if secrets.is_empty() {
            return None;
        }
        let Secrets { publish, subscribe, admin, jwt, public, admin_listens } = secrets;
        let signed = !jwt.keys.is_empty();
        let open = |closed: bool| if closed { Topics::NONE } else { Topics::All };
        let everybody = Grant {
            publish: open(signed || !publish.is_empty()),
            subscribe: match open(signed || !subscribe.is_empty()) {
                Topics::All => Topics::All,
                Topics::Matching(_) => Topics::Matching(public),
            },
            // At an address of their own, reports are for whoever gets there.
            admin: admin_listens && admin.is_empty(),
            until_s: None,
            credential: 0,
        };
        let mut rights = Self { key, tokens: Vec::new(), jwt, everybody };
        for (token, topics) in publish {
            let grant = rights.holder(&token);
            grant.publish = merged(&grant.publish, topics);
        }
        for (token, topics) in subscribe {
            let grant = rights.holder(&token);
            grant.subscribe = merged(&grant.subscribe, topics);
        }
        for token in admin {
            rights.holder(&token).admin = true;
        }
        Some(rights)
    }

    /// What everybody may do who shows nothing.
    pub fn everybody(&self) -> &Grant {
        &self.everybody
    }

    /// Whether the holder of `grant`, or everybody, may do this.
    pub fn allow(&self, grant: Option<&Grant>, need: Need<'_>) -> bool {
        if let Need::Token = need {
            return grant.is_some();
        }
        grant.is_some_and(|grant| grant.gives(need)) || self.everybody.gives(need)
    }

    /// What the holder of `token` may do, at that moment of the wall clock.
    pub fn grant(&self, token: &[u8], unix_s: u64) -> Result<Arc<Grant>, Denial> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Denial::TokenTooLong);
        }
        let shown = self.fingerprint(token);
        // All are compared, whichever it is.
        let mut found = None;
        for (known, grant) in &self.tokens {
            if *known == shown {
                found = Some(grant);
            }
        }
        if let Some(grant) = found {
            return Ok(Arc::clone(grant));
        }
        if self.jwt.keys.is_empty() || !jwt::has_form(token) {
            return Err(Denial::TokenUnknown);
        }
        jwt::grant(token, &self.jwt, unix_s, credential(&shown)).map(Arc::new)
    }

    /// The grant of a token of the operator's, which may have been given another right before.
    fn holder(&mut self, token: &[u8]) -> &mut Grant {
        let fingerprint = self.fingerprint(token);
        let known = self.tokens.iter().position(|(known, _)| *known == fingerprint);
        let at = known.unwrap_or_else(|| {
            let grant = Grant {
                publish: Topics::NONE,
                subscribe: Topics::NONE,
                admin: false,
                until_s: None,
                credential: credential(&fingerprint),
            };
            self.tokens.push((fingerprint, Arc::new(grant)));
            self.tokens.len() - 1
        });
        Arc::make_mut(&mut self.tokens[at].1)
    }

    fn fingerprint(&self, token: &[u8]) -> TokenPrint {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key may have any length");
        mac.chain_update(token).finalize().into_bytes().into()
    }
}

/// Tells tokens apart; of another process they are others.
fn credential(fingerprint: &TokenPrint) -> u64 {
    let (first, _) = fingerprint.split_first_chunk().expect("32 bytes");
    u64::from_ne_bytes(*first)
}

fn merged(before: &Topics, more: Topics) -> Topics {
    match (before, more) {
        (Topics::Matching(before), Topics::Matching(more)) => {
            Topics::Matching(before.iter().cloned().chain(more).collect())
        }
        (Topics::All, _) | (_, Topics::All) => Topics::All,
    }
}
