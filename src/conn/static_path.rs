//! Paths below `--static`, and what a request for a file has to say.
//!
//! Came from: `route`, with what stands behind `/static/`. Goes to: the same, as a [`FileWant`].
//! Absent on purpose: whether there is such a file; the shell opens it beneath the folder.

use super::problem::{Problem, Rule};
use super::request::{FileWant, Want};
use crate::wire::head::{Head, Method};
use crate::wire::target;

/// A path below `--static`. What could lead out of the folder is refused here already; the shell
/// opens it beneath the folder in any case.
pub(super) fn file(head: &Head<'_>, rest: &str) -> Result<Want, Problem> {
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
    Ok(want(head, path.into()))
}

/// The folder itself, without the slash behind which its pages are.
pub(super) fn folder(head: &Head<'_>) -> Want {
    want(head, FileWant::FOLDER.into())
}

fn want(head: &Head<'_>, path: Box<str>) -> Want {
    Want::File(Box::new(FileWant {
        path,
        query: target::split(head.target).1.map(Into::into),
        if_none_match: head.if_none_match_list(),
        if_modified_since: head.if_modified_since.map(Into::into),
        // Defined for GET alone: a HEAD is told about the whole. RFC 9110 §14.2.
        range: head.range.filter(|_| head.method == Method::Get).map(Into::into),
        if_range: head.if_range.map(Into::into),
    }))
}
