//! Resources: what a path leads to, and at which door.
//!
//! Came from: `route`, with the path of a target. Goes to: the same. Absent on purpose: methods,
//! queries, and what is wanted of a resource.

use std::borrow::Cow;

use super::asset::Asset;
use super::policy::Policy;
use super::problem::{Problem, Rule};
use super::request::{Report, Want};
use crate::ids::Door;
use crate::wire::target;

/// What a path leads to.
pub(super) enum Resource<'t> {
    Root,
    Asset(Asset),
    Fixed(Want),
    Costs,
    Connections,
    Ticket,
    Static(&'t str),
    StaticFolder,
    Topic { list: Cow<'t, str>, suffix: Option<Suffix> },
    Nowhere,
}

impl<'t> Resource<'t> {
    /// What `path` leads to.
    pub(super) fn of(path: &'t str, policy: &Policy) -> Result<Self, Problem> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (first, rest) = match target::cut(path, b'/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        Ok(match (first, rest) {
            ("", None) => Resource::Root,
            ("metrics", None) => Resource::Fixed(Want::Report(Report::Metrics)),
            ("-", Some("healthy")) => Resource::Fixed(Want::Healthy),
            ("-", Some("ready")) => Resource::Fixed(Want::Ready),
            ("-", Some("costs")) => Resource::Costs,
            ("-", Some("connections")) => Resource::Connections,
            ("-", Some("ticket")) if policy.rights.is_some() => Resource::Ticket,
            ("static", Some(rest)) if policy.serves_files => Resource::Static(rest),
            ("static", None) if policy.serves_files => Resource::StaticFolder,
            ("-", Some(path)) => Asset::parse(path).map_or(Resource::Nowhere, Resource::Asset),
            ("-" | "metrics" | "static" | "favicon.ico" | "robots.txt", _) => Resource::Nowhere,
            (list, rest) => {
                let suffix = match rest {
                    None => None,
                    Some("poll") => Some(Suffix::Poll),
                    Some("sse") => Some(Suffix::Sse),
                    Some("ws") => Some(Suffix::Ws),
                    Some("info") => Some(Suffix::Info),
                    Some(_) => return Ok(Resource::Nowhere),
                };
                let list = match target::percent_decode(list)? {
                    Cow::Borrowed(_) => Cow::Borrowed(list), // Untouched, it is what it was.
                    Cow::Owned(bytes) => match String::from_utf8(bytes) {
                        Ok(list) => Cow::Owned(list),
                        Err(_) => return Err(Rule::TopicMalformed.into()),
                    },
                };
                Resource::Topic { list, suffix }
            }
        })
    }

    /// The same, if it is to be had at this door.
    pub(super) fn at(self, door: Door, policy: &Policy) -> Self {
        let (reports, everywhere) = match &self {
            Self::Costs | Self::Connections | Self::Fixed(Want::Report(_)) => (true, false),
            Self::Fixed(Want::Healthy | Want::Ready) => (false, true),
            _ => (false, false),
        };
        let here = match door {
            Door::Admin => reports || everywhere,
            Door::Public => !(reports && policy.admin_listens),
        };
        if here { self } else { Resource::Nowhere }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Suffix {
    Poll,
    Sse,
    Ws,
    Info,
}
