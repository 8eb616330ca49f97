//! Admission: a request that was understood is let in, sent to have its ticket looked at, or
//! denied. RFC 6750 §2; for cookies, Fetch Metadata §2 and RFC 6455 §10.2.
//!
//! Of what a request shows, the first counts: `Authorization`, a ticket, a cookie. Whoever shows
//! something is judged by it, where everybody is let in too: it may be needed later, for a frame
//! that publishes, and an error that is hidden is not mended.
//!
//! **A cookie is sent by the browser, whoever's page asks.** So it counts only for pages of ours
//! and of origins that are allowed by name: `--allow-origin *` is not enough. A browser says where
//! a page stands in `Origin`, which it leaves out of plain reading, and in `Sec-Fetch-Site`.
//!
//! Came from: `route`, with a [`Want`]; nothing is looked at when there are no rights. Goes to: the
//! same. Absent on purpose: what a token is worth; `rights` knows.

use std::sync::Arc;

use super::origin::OriginCheck;
use super::policy::Policy;
use super::problem::Problem;
use super::query::Query;
use super::request::{Redeem, Want};
use crate::rights::tickets::Ticket;
use crate::rights::{Denial, Grant, Need};
use crate::wire::credentials::{self, Authorization, Hidden};
use crate::wire::head::{Head, Method};
use crate::wire::target;

/// The cookies that hold a token. The first is one that no other host and no page without TLS can
/// set (RFC 6265bis §4.1.3.2), so it goes before the second.
const COOKIES: [&str; 2] = ["__Host-tollway_token", "tollway_token"];

/// Lets a request in, with what its token allows, if it shows one.
pub(super) fn admit(
    head: &Head<'_>,
    policy: &Policy,
    verdict: &OriginCheck,
    want: Want,
) -> Result<(Want, Option<Arc<Grant>>), Problem> {
    let (Some(rights), Some(need)) = (&policy.rights, want.need()) else {
        return Ok((want, None));
    };
    let query = target::split(head.target).1;
    if head.credentials_double {
        return Err(Denial::TokenMalformed.into());
    }
    if query.is_some_and(credentials::token_in_query) {
        return Err(Denial::TokenInQuery.into());
    }
    let token = match head.authorization.map(|Hidden(value)| credentials::authorization(value)) {
        Some(Authorization::Bearer(token)) => Some(token),
        Some(Authorization::Malformed) => return Err(Denial::TokenMalformed.into()),
        Some(Authorization::Foreign) | None => None,
    };
    let ticket = if token.is_none() { ticket(head, query)? } else { None };
    if let Some(ticket) = ticket {
        let want = Box::new(want);
        return Ok((Want::Redeem(Redeem { ticket, want }), None));
    }
    let cookie = if token.is_none() { cookie(head) } else { None };
    let counts = cookie.is_some() && cookie_counts(head, verdict);
    let Some(Hidden(token)) = token.or(cookie.filter(|_| counts)) else {
        return match rights.allow(None, need) {
            true => Ok((want, None)),
            false if cookie.is_some() => Err(Denial::CookieForeign.into()),
            false => Err(Denial::TokenMissing.into()),
        };
    };
    let grant = rights.grant(token, policy.second.unix_s)?;
    if !rights.allow(Some(&grant), need) {
        return Err(Denial::RightMissing.into());
    }
    Ok((want, Some(grant)))
}

/// The ticket of a request that reads. One that is no ticket is probably a token.
fn ticket(head: &Head<'_>, query: Option<&str>) -> Result<Option<Ticket>, Problem> {
    if head.method != Method::Get {
        return Ok(None); // HEAD would use it up and open nothing.
    }
    let Some(text) = Query::new(query).ticket()? else {
        return Ok(None);
    };
    Ok(Some(Ticket::parse(&text).ok_or(Denial::TokenInQuery)?))
}

fn cookie<'b>(head: &Head<'b>) -> Option<Hidden<'b>> {
    let Hidden(value) = head.cookie?;
    COOKIES.iter().find_map(|name| credentials::cookie(value, name))
}

/// Whether a page asks that may use the cookie, or no page.
fn cookie_counts(head: &Head<'_>, verdict: &OriginCheck) -> bool {
    match (verdict, head.fetch_site) {
        (OriginCheck::Foreign, _) => false,
        (OriginCheck::Allowed(_), _) => verdict.names_a_site(),
        (OriginCheck::Same, _) if head.origin.is_some() => true,
        (OriginCheck::Same, Some(b"same-origin")) => true,
        // Typed by a person, or by a program that is no browser, or of one that is old: whoever's
        // page it was, it cannot read the answer. To publish it would not have to.
        (OriginCheck::Same, Some(b"none") | None) => {
            matches!(head.method, Method::Get | Method::Head)
        }
        (OriginCheck::Same, Some(_)) => false,
    }
}

impl Want {
    /// The right that this takes; `None` for what is everybody's.
    pub fn need(&self) -> Option<Need<'_>> {
        match self {
            Self::Publish(publish) => Some(Need::Publish(&publish.topic)),
            Self::Read(read) => Some(Need::Subscribe(&read.topics)),
            Self::Info(topic) => Some(Need::Subscribe(std::slice::from_ref(topic))),
            Self::Report(_) | Self::Watch(_) => Some(Need::Admin),
            Self::Ticket => Some(Need::Token),
            Self::Redeem(redeem) => redeem.want.need(),
            Self::Page { .. } | Self::Asset(..) | Self::Healthy | Self::Ready => None,
            Self::File(_) | Self::Options { .. } => None,
            Self::Refuse(_) | Self::RefuseOrigin(_) => None,
        }
    }
}
