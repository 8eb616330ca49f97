//! Tickets: given for a token, and what one stands for when it is shown.
//!
//! One book serves all threads, and it is the shell's: it has a lock and chance. So both are
//! questions, and the request waits for the answer.
//!
//! Came from: `answer`, with a request; the face, with what the book says. Goes to: the shell, as
//! an effect, and `respond`. Absent on purpose: the book, `rights::tickets`.

use std::sync::Arc;

use super::effect::Effect;
use super::respond::{self, JSON, NO_STORE};
use super::visit::Visit;
use crate::conn::problem::Problem;
use crate::conn::request::{Redeem, Want};
use crate::conn::response_context::Body;
use crate::conn::state::Awaited;
use crate::limits::TICKET_MS_MAX;
use crate::rights::tickets::Ticket;
use crate::rights::{Denial, Grant, Rights};
use crate::wire::response::Status;

/// A ticket is wanted for the token that was shown.
pub(super) fn ask(visit: &mut Visit<'_>) {
    let Some(grant) = visit.conn.shared_grant() else {
        return respond::refuse(visit, Denial::TokenMissing.into());
    };
    let effect = Effect::GiveTicket { conn: visit.id, grant };
    respond::await_effect(visit, Awaited::Ticket, effect);
}

/// The book has given a ticket, or has no room.
pub(super) fn given(visit: &mut Visit<'_>, ticket: Option<Ticket>) {
    let Some(Awaited::Ticket) = visit.conn.awaited(visit.now) else {
        return;
    };
    let Some(ticket) = ticket else {
        return respond::refuse(visit, Denial::TicketsExhausted.into());
    };
    let body = format!(r#"{{"ticket":"{}","expires_in":{}}}"#, ticket.text(), TICKET_MS_MAX / 1000);
    respond::say(visit, Status::Ok, &NO_STORE, Body::line(JSON, body));
}

/// Something is wanted by a ticket.
pub(super) fn show(visit: &mut Visit<'_>, redeem: Redeem) {
    let Redeem { ticket, want } = redeem;
    let effect = Effect::TakeTicket { conn: visit.id, ticket };
    respond::await_effect(visit, Awaited::Grant(want), effect);
}

/// Whether what is wanted may be had by the grant that the ticket stood for: then the connection
/// has it.
pub(super) fn admit(
    visit: &mut Visit<'_>,
    want: &Want,
    grant: Option<Arc<Grant>>,
) -> Result<(), Problem> {
    let grant = grant.ok_or(Denial::TicketUnknown)?;
    let policy = &visit.shard.policy;
    if grant.until_s.is_some_and(|until_s| until_s <= policy.second.unix_s) {
        return Err(Denial::JwtExpired.into()); // The token of the ticket, meanwhile.
    }
    let rights = policy.rights.as_deref();
    let allowed = |rights: &Rights| want.need().is_none_or(|need| rights.allow(Some(&grant), need));
    if !rights.is_none_or(allowed) {
        return Err(Denial::RightMissing.into());
    }
    visit.conn.hold(Some(grant), policy.second);
    Ok(())
}
