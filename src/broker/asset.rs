//! What the program carries within itself and serves: the live page, and the client for browsers.
//!
//! Came from: `answer`, with the conditions of the request. Goes to: `respond`, as bytes that are
//! never copied. Absent on purpose: the disk; a program that was copied somewhere is complete.

use std::fmt::Display;

use super::respond;
use super::visit::Visit;
use crate::conn::response_context::Body;
use crate::wire::condition::names_tag;
use crate::wire::response::Status;

const PAGE: &[u8] = include_bytes!("../page/index.html");
const PAGE_TAG: u64 = fnv_1a(PAGE);

const CLIENT: &[u8] = include_bytes!("../page/client.js");
const CLIENT_TAG: u64 = fnv_1a(CLIENT);

/// The page may run what it carries and what its own server sends, and talk to that server. The
/// sources that it may connect to come last, because our other addresses are appended to them.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'self' 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'; connect-src 'self'";

/// `/`: the live page, the same for everyone; it may connect to `sources` too.
pub(super) fn page(visit: &mut Visit<'_>, sources: &str, if_none_match: Option<&[u8]>) {
    let policy = format_args!("{PAGE_POLICY}{sources}");
    let fields: [(&str, &dyn Display); 2] =
        [("Content-Security-Policy", &policy), ("Vary", &"Origin, Upgrade")];
    let body = Body::fixed("text/html; charset=utf-8", PAGE);
    say(visit, PAGE_TAG, if_none_match, &fields, body);
}

/// `/-/client.js`: a module script.
pub(super) fn client(visit: &mut Visit<'_>, if_none_match: Option<&[u8]>) {
    let fields: [(&str, &dyn Display); 2] =
        [("Vary", &"Origin"), ("X-Content-Type-Options", &"nosniff")];
    let body = Body::fixed("text/javascript; charset=utf-8", CLIENT);
    say(visit, CLIENT_TAG, if_none_match, &fields, body);
}

/// Caches may keep it and ask again at each use, so that nobody runs what is older than the server.
fn say(
    visit: &mut Visit<'_>,
    tag: u64,
    if_none_match: Option<&[u8]>,
    fields: &[(&str, &dyn Display)],
    body: Body,
) {
    let tag = format!("{tag:016x}");
    let (status, body) = match if_none_match {
        Some(field) if names_tag(field, &tag) => (Status::NotModified, Body::EMPTY),
        Some(_) | None => (Status::Ok, body),
    };
    let tag = format_args!("\"{tag}\"");
    let mut all: Vec<(&str, &dyn Display)> = vec![("ETag", &tag), ("Cache-Control", &"no-cache")];
    all.extend_from_slice(fields);
    respond::say(visit, status, &all, body);
}

/// A hash that tells one version from the next. It does not stop anybody from making a text with
/// the same hash. FNV-1a, in 64 bits: it is small enough to be computed by the compiler.
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
