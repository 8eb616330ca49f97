//! Tokens: the one word that the kernel keeps for us beside each watched descriptor, and gives back
//! with each event.
//!
//! A connection's token is its whole [`ConnId`], slot and generation. So an event that was fetched
//! for a connection that is gone is told from one for the next in its slot by the comparison that
//! tells timers and letters apart as well.
//!
//! Came from: `event_loop` and `acceptor`, at registration. Goes to: `event_loop`, with an event.
//! Absent on purpose: pointers. A number that means nothing any more is harmless.

use mio::Token;

use crate::ids::ConnId;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Another thread has a letter for us, or the server is to stop.
    Waker,
    /// A signal came.
    Signals,
    /// Somebody waits at the listening socket with this index.
    ListeningSocket(u32),
    /// Something happened to this connection.
    Socket(ConnId),
}

/// The generation that no connection has: the broker passes it over.
const NO_CONNECTION: u32 = ConnId::GENERATION_MAX + 1;
const WAKER: u32 = u32::MAX;
const SIGNALS: u32 = u32::MAX - 1;

const _: () = assert!(usize::BITS == 64, "a token has room for a slot and a generation");

impl Source {
    /// The token to register it with.
    pub fn token(self) -> Token {
        let (generation, slot) = match self {
            Self::Waker => (NO_CONNECTION, WAKER),
            Self::Signals => (NO_CONNECTION, SIGNALS),
            Self::ListeningSocket(index) => (NO_CONNECTION, index),
            Self::Socket(id) => (id.generation, id.slot),
        };
        Token((generation as usize) << 32 | slot as usize)
    }

    /// What a token was made from.
    pub fn of(Token(word): Token) -> Self {
        // Exact: the two halves of a word.
        match ((word >> 32) as u32, word as u32) {
            (NO_CONNECTION, WAKER) => Self::Waker,
            (NO_CONNECTION, SIGNALS) => Self::Signals,
            (NO_CONNECTION, index) => Self::ListeningSocket(index),
            (generation, slot) => Self::Socket(ConnId { slot, generation }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_what_it_was_made_from() {
        let last = ConnId { slot: u32::MAX, generation: ConnId::GENERATION_MAX };
        let first = ConnId { slot: 0, generation: 0 };
        for source in [
            Source::Waker,
            Source::Signals,
            Source::ListeningSocket(0),
            Source::ListeningSocket(7),
            Source::Socket(first),
            Source::Socket(last),
        ] {
            assert_eq!(Source::of(source.token()), source);
        }
    }
}
