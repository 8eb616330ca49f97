//! Pure codecs: bytes ⇄ meaning, and nothing else. Each codec here is a fuzz target.
//!
//! Came from: `conn`, with bytes that arrived, and `technique`, with meaning to be sent. Goes to:
//! the same two. Absent on purpose: clocks, sockets, ids, topics, logs, techniques.
//!
//! **The decoder contract.** A decoder takes a slice that starts where the last one ended. "Not
//! yet" is a value, [`Parsed::Partial`], and means that nothing was consumed and nothing that can
//! be observed has changed: feeding a request byte by byte gives what feeding it whole gives. An
//! error names the offence and carries its remedy: an HTTP status or a WebSocket close code.

pub mod address_range;
pub mod authority;
pub mod body;
pub mod coding;
pub mod condition;
pub mod credentials;
pub mod date;
pub mod deflate;
pub mod event_stream;
pub mod extension;
pub mod forwarded;
pub mod frame;
pub mod framed;
mod grammar;
pub mod handshake;
pub mod head;
pub mod json;
pub mod jws;
pub mod message;
pub mod number;
pub(crate) mod offences;
pub mod proxy_protocol;
pub mod response;
pub mod target;
pub mod utf8;
pub mod v1;

/// What a decoder found at the front of its input.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed<T> {
    /// Not all here yet. Nothing was consumed.
    Partial,
    /// One whole `value`, which took the first `used` bytes.
    Complete {
        /// What was there.
        value: T,
        /// How many bytes it took, from the front.
        used: usize,
    },
}

/// Refuses, if it offends.
fn refuse_if<E>(offends: bool, offence: E) -> Result<(), E> {
    if offends { Err(offence) } else { Ok(()) }
}
