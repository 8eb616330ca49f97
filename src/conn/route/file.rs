//! Files that are wanted: those of `--static`, and those that the program carries.
//!
//! Came from: `route`, with a head. Goes to: the same, as what is wanted and on what conditions.
//! Absent on purpose: whether there is such a file.

use crate::conn::problem::{Problem, Rule};
use crate::conn::request::{AssetTerms, FileWant};
use crate::wire::head::{Head, Method};
use crate::wire::target;

/// A path below `--static`. What could lead out of the folder is refused here already; the shell
/// opens it beneath the folder in any case.
pub(super) fn file(head: &Head<'_>, rest: &str) -> Result<FileWant, Problem> {
    let mut path = String::new();
    for (n, segment) in rest.split('/').enumerate() {
        let decoded = target::percent_decode(segment)?;
        let decoded = str::from_utf8(&decoded).map_err(|_| Rule::NoSuchFile)?;
        if matches!(decoded, "." | "..") || decoded.contains(['/', '\\', '\0']) {
            return Err(Rule::NoSuchFile.into());
        }
        if n > 0 {
            path.push('/');
        }
        path.push_str(decoded);
    }
    Ok(FileWant {
        path: path.into(),
        query: target::split(head.target).1.map(Into::into),
        if_none_match: if_none_match(head),
        if_modified_since: head.if_modified_since.map(Into::into),
        // Defined for GET alone: a HEAD is told about the whole. RFC 9110 §14.2.
        range: head.range.filter(|_| head.method == Method::Get).map(Into::into),
        if_range: head.if_range.map(Into::into),
    })
}

pub(super) fn asset_terms(head: &Head<'_>) -> AssetTerms {
    AssetTerms { codings: head.accepted_codings, if_none_match: if_none_match(head) }
}

/// The lines of `If-None-Match` as one list, RFC 9110 §5.3.
pub(super) fn if_none_match(head: &Head<'_>) -> Option<Box<[u8]>> {
    (!head.if_none_match.is_empty()).then(|| head.if_none_match.join(&b", "[..]).into())
}
