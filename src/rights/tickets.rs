//! Tickets: what stands for a token where no field can be set, once and for a short time.
//!
//! A ticket says nothing: it is 128 random bits, and what they stand for is kept here until it is
//! used or too old. So one that was seen in a log is worth nothing, and none can be made up. One
//! book serves all threads; whoever asks for a ticket and whoever uses it need not be on the same.
//!
//! Came from: the shell, which has the book and the random bits. Goes to: the same, with the grant
//! that a ticket stands for. Absent on purpose: locks, clocks, chance.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::grant::Grant;
use crate::ids::Millis;
use crate::limits::{TICKET_MS_MAX, TICKETS_MAX, TICKETS_PER_JWT_MAX};

/// A ticket: 22 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket([u8; 16]);

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket(hidden)")
    }
}

impl Ticket {
    /// A ticket of these random bits.
    pub fn new(bits: [u64; 2]) -> Self {
        Self(u128::to_be_bytes(u128::from(bits[0]) << 64 | u128::from(bits[1])))
    }

    /// Reads a ticket back. `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        // A longer text is not decoded to be thrown away.
        let bytes = (text.len() == TEXT_BYTES).then(|| URL_SAFE_NO_PAD.decode(text).ok())??;
        bytes.try_into().ok().map(Self)
    }

    /// As it stands in a URL.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// Sixteen bytes in base64url.
const TEXT_BYTES: usize = 22;

/// The tickets of a server that were given and not used.
#[derive(Debug, Default)]
pub struct TicketBook {
    grants: HashMap<Ticket, Arc<Grant>>,
    /// All that were given, the oldest first, and until when each is good.
    given: VecDeque<(Millis, Ticket)>,
    /// How many are out, for each holder of a JWT that has any.
    by_credential: HashMap<u64, usize>,
}

impl TicketBook {
    /// Gives a ticket for `grant`. `None`: too many are out, in all or to this holder of a JWT.
    pub fn give(&mut self, bits: [u64; 2], grant: Arc<Grant>, now: Millis) -> Option<Ticket> {
        self.forget_old(now);
        let counted = grant.until_s.is_some();
        let out = self.by_credential.get(&grant.credential).copied().unwrap_or_default();
        if self.given.len() >= TICKETS_MAX || (counted && out >= TICKETS_PER_JWT_MAX) {
            return None;
        }
        if counted {
            *self.by_credential.entry(grant.credential).or_default() += 1;
        }
        let ticket = Ticket::new(bits);
        self.given.push_back((now.plus(TICKET_MS_MAX), ticket));
        self.grants.insert(ticket, grant);
        Some(ticket)
    }

    /// Takes a ticket back, and tells what it stands for. `None`: it was used, is too old, or was
    /// never given.
    pub fn take(&mut self, ticket: Ticket, now: Millis) -> Option<Arc<Grant>> {
        self.forget_old(now);
        let grant = self.grants.remove(&ticket)?;
        self.took(&grant);
        Some(grant)
    }

    /// How many places in the book are taken, used tickets that are not too old among them.
    pub fn len(&self) -> usize {
        self.given.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty() && self.grants.is_empty() && self.by_credential.is_empty()
    }

    fn forget_old(&mut self, now: Millis) {
        while let Some(&(until, ticket)) = self.given.front()
            && until <= now
        {
            self.given.pop_front();
            if let Some(grant) = self.grants.remove(&ticket) {
                self.took(&grant);
            }
        }
        if self.given.is_empty() {
            *self = Self::default(); // A burst does not own its memory for ever.
        }
    }

    fn took(&mut self, grant: &Grant) {
        if let Some(out) = self.by_credential.get_mut(&grant.credential) {
            *out -= 1;
            if *out == 0 {
                self.by_credential.remove(&grant.credential);
            }
        }
    }
}
