//! What the program carries within itself and serves: the live page, and the scripts for browsers.
//!
//! Each is compressed when it is first asked for by a client that takes that, and kept: bytes that
//! never change are copied for nobody.
//!
//! Came from: `answer`, with the conditions of the request. Goes to: `respond`. Absent on purpose:
//! the disk; a program that was copied somewhere is complete.

use std::fmt::Display;
use std::sync::OnceLock;

use super::respond;
use super::visit::Visit;
use crate::conn::asset::Asset;
use crate::conn::request::AssetTerms;
use crate::conn::response_context::Body;
use crate::wire::coding::ContentCoding;
use crate::wire::condition::names_tag;
use crate::wire::response::Status;

/// A file, and its coded forms once somebody wanted them.
struct Carried {
    media_type: &'static str,
    bytes: &'static [u8],
    hash: u64,
    gzip: OnceLock<Vec<u8>>,
    deflate: OnceLock<Vec<u8>>,
}

macro_rules! carried {
    ($media_type:expr, $path:literal) => {{
        static FILE: Carried = Carried::new($media_type, include_bytes!($path));
        &FILE
    }};
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page may run and look like what its own server sends, and talk to that server. The sources
/// that it may connect to come last, because our other addresses are appended to them. An image
/// that it saves is drawn from a `blob:`.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src data: blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    connect-src 'self'";

/// `/`: the live page, the same for everyone; it may connect to `sources` too.
pub(super) fn page(visit: &mut Visit<'_>, sources: &str, terms: &AssetTerms) {
    let policy = format_args!("{PAGE_POLICY}{sources}");
    let fields: [(&str, &dyn Display); 2] =
        [("Content-Security-Policy", &policy), ("Vary", &"Accept-Encoding, Origin, Upgrade")];
    say(visit, carried!(HTML, "../page/index.html"), terms, &fields);
}

/// A file below `/-/`.
pub(super) fn file(visit: &mut Visit<'_>, asset: Asset, terms: &AssetTerms) {
    let fields: [(&str, &dyn Display); 2] =
        [("Vary", &"Accept-Encoding, Origin"), ("X-Content-Type-Options", &"nosniff")];
    say(visit, carried(asset), terms, &fields);
}

fn carried(asset: Asset) -> &'static Carried {
    match asset {
        Asset::Client => carried!(SCRIPT, "../page/client.js"),
        Asset::Style => carried!(STYLE, "../page/page.css"),
        Asset::Page => carried!(SCRIPT, "../page/page.js"),
        Asset::Lane => carried!(SCRIPT, "../page/lane.js"),
        Asset::Tap => carried!(SCRIPT, "../page/tap.js"),
        Asset::Record => carried!(SCRIPT, "../page/record.js"),
        Asset::Costs => carried!(SCRIPT, "../page/costs.js"),
        Asset::Picture => carried!(SCRIPT, "../page/picture.js"),
        Asset::Draw => carried!(SCRIPT, "../page/draw.js"),
        Asset::Slide => carried!(SCRIPT, "../page/slide.js"),
        Asset::Send => carried!(SCRIPT, "../page/send.js"),
        Asset::Token => carried!(SCRIPT, "../page/token.js"),
        Asset::Words => carried!(SCRIPT, "../page/words.js"),
    }
}

/// Caches may keep it and ask again at each use, so that nobody runs what is older than the server.
/// Each coded form has a tag of its own, RFC 9110 §8.8.3.3.
fn say(
    visit: &mut Visit<'_>,
    carried: &'static Carried,
    terms: &AssetTerms,
    fields: &[(&str, &dyn Display)],
) {
    let (coding, bytes) = carried.coded(terms.codings.best());
    let tag = match coding.name() {
        Some(name) => format!("{:016x}-{name}", carried.hash),
        None => format!("{:016x}", carried.hash),
    };
    let (status, body) = match terms.if_none_match.as_deref() {
        Some(field) if names_tag(field, &tag) => (Status::NotModified, Body::EMPTY),
        Some(_) | None => (Status::Ok, Body::fixed(carried.media_type, bytes)),
    };
    let tag = format_args!("\"{tag}\"");
    let mut all: Vec<(&str, &dyn Display)> = vec![("ETag", &tag), ("Cache-Control", &"no-cache")];
    all.extend_from_slice(fields);
    let name = coding.name().filter(|_| status == Status::Ok);
    if let Some(name) = &name {
        all.push(("Content-Encoding", name));
    }
    respond::say(visit, status, &all, body);
}

impl Carried {
    const fn new(media_type: &'static str, bytes: &'static [u8]) -> Self {
        let hash = fnv_1a(bytes);
        Self { media_type, bytes, hash, gzip: OnceLock::new(), deflate: OnceLock::new() }
    }

    /// The bytes in that coding. As they are, should they ever refuse to be compressed.
    fn coded(&'static self, coding: ContentCoding) -> (ContentCoding, &'static [u8]) {
        let form = match coding {
            ContentCoding::Identity => return (coding, self.bytes),
            ContentCoding::Gzip => self.gzip.get_or_init(|| coding.encode(self.bytes)),
            ContentCoding::Deflate => self.deflate.get_or_init(|| coding.encode(self.bytes)),
        };
        if form.is_empty() { (ContentCoding::Identity, self.bytes) } else { (coding, form) }
    }
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

    #[test]
    fn the_page_is_small() {
        let mut bytes = carried!(HTML, "../page/index.html").bytes.len();
        let mut sent = carried!(HTML, "../page/index.html").coded(ContentCoding::Gzip).1.len();
        for asset in Asset::ALL {
            let file = carried(asset);
            // The client is a product of its own, and the page carries it as anybody's page does.
            bytes += if asset == Asset::Client { 0 } else { file.bytes.len() };
            sent += file.coded(ContentCoding::Gzip).1.len();
        }
        println!("the page: {bytes} bytes, with the client {sent} on the wire");
        // Of that, 4 KiB are for what tabs owe each other: an end of what each holds, one interval.
        assert!(bytes <= 104 * 1024, "{bytes}");
        assert!(sent <= 50 * 1024, "{sent}");
    }

    #[test]
    fn each_coded_form_is_smaller() {
        let page = carried!(HTML, "../page/index.html");
        for coding in [ContentCoding::Gzip, ContentCoding::Deflate] {
            let (given, form) = page.coded(coding);
            assert_eq!((given, form.len() < page.bytes.len()), (coding, true));
        }
        assert_eq!(page.coded(ContentCoding::Identity).1, page.bytes);
    }
}
