//! What the program carries within itself and serves: the client for browsers.
//!
//! Came from: `answer`, with the conditions of the request. Goes to: the outbox, as bytes that are
//! never copied. Absent on purpose: the disk; a program that was copied somewhere is complete.

use std::fmt::Display;

use super::Broker;
use crate::conn::reply::{Body, Reply};
use crate::ids::{ConnId, Millis};
use crate::wire::condition::names_tag;
use crate::wire::response::Status;

/// The module that pages import, with the techniques and the choice among them.
const CLIENT: &[u8] = include_bytes!("../page/client.js");

const CLIENT_TAG: u64 = fnv_1a(CLIENT);

impl Broker {
    /// `/-/client.js`: a module script, kept by caches and revalidated at each use, so that a page
    /// never runs a client that is older than its server.
    pub(super) fn client(
        &mut self,
        id: ConnId,
        reply: &Reply,
        if_none_match: Option<&[u8]>,
        now: Millis,
    ) {
        let tag = format!("\"{CLIENT_TAG:016x}\"");
        let (status, body) = match if_none_match {
            Some(field) if names_tag(field, &tag) => (Status::NotModified, Body::EMPTY),
            Some(_) | None => (Status::Ok, Body::fixed("text/javascript; charset=utf-8", CLIENT)),
        };
        let fields: [(&str, &dyn Display); 4] = [
            ("ETag", &tag),
            ("Cache-Control", &"no-cache"),
            ("Vary", &"Origin"),
            ("X-Content-Type-Options", &"nosniff"),
        ];
        self.say(id, reply, status, &fields, body, now);
    }
}

/// A hash that tells one version from the next; nobody is kept from making another with the same.
/// FNV-1a, in 64 bits: it is small enough to be computed by the compiler.
const fn fnv_1a(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut n = 0;
    while n < bytes.len() {
        hash = (hash ^ bytes[n] as u64).wrapping_mul(0x0100_0000_01b3);
        n += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        // The vectors of its authors.
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
