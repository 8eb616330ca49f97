//! The vectors, in groups.
//!
//! Came from: James Kettle's "HTTP Desync Attacks" and what followed it (CL.0, 0.CL, chunk
//! extensions), the CVEs of proxies and servers, RFC 9112 where it leaves a choice. Goes to:
//! `tests/smuggling.rs`, and `docs/reference/smuggling.md`, which is made from them.

#[path = "chunks.rs"]
mod chunks;
#[path = "framing.rs"]
mod framing;
#[path = "heads.rs"]
mod heads;
#[path = "vector.rs"]
mod vector;

#[allow(unused_imports)] // The docs print what the tests send.
pub(crate) use vector::{BEGIN, SMUGGLED, Vector};

/// A heading, what is below it, and the vectors.
pub(crate) type Group = (&'static str, &'static str, &'static [Vector]);

pub(crate) const GROUPS: &[Group] = &[
    (
        "Lengths",
        "`CL` is `Content-Length`, `TE` is `Transfer-Encoding`; the first is what the one in front \
         goes by, the second what the one behind does.",
        framing::LENGTHS,
    ),
    ("Codings", "The one in front sees `chunked`, the one behind does not.", framing::CODINGS),
    ("Chunks", "Both see `chunked`, and other chunks.", chunks::CHUNKS),
    ("Lines and fields", "Where a line ends, and what it is.", heads::LINES),
    ("Targets and versions", "What is asked for, of whom.", heads::TARGETS),
    ("Connections", "Where one request ends and another begins.", heads::CONNECTIONS),
];
