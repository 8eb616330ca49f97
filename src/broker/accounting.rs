//! Who pays: every cost finds its account here.
//!
//! Bytes go to the technique of the request that they belong to. A system call goes to that of the
//! first byte that it moved; one that moved nothing, to that of the connection. What a connection
//! costs as such (accepting it, its handshake, its segments) goes to the technique of its first
//! request, and from the moment when a request of another one is understood, to that: the kernel's
//! count is read then, and charged to the technique that is left.
//!
//! Came from: the face, with system calls and samples; every layer, with bytes. Goes to: `ledger`.
//! Absent on purpose: sums; `report` makes them.

use super::effect::Effect;
use super::visit::{Shard, Visit};
use crate::close::CloseReason;
use crate::conn::Conn;
use crate::conn::costs::Costs;
use crate::conn::outbox::Through;
use crate::conn::state::Name;
use crate::ids::{ConnId, Micros, Millis};
use crate::ledger::{
    Bytes, CHARGES, Call, Class, Closed, Due, Ledger, Payer, Refusal, RefusedConnection, Row,
    Sample, Tagged,
};
use crate::limits::CLOSED_ROWS_MAX;
use crate::rights::Denial;

/// A system call was made for a connection.
pub(super) fn charge(ledger: &mut Ledger, conn: &mut Conn, call: Call) {
    if !CHARGES {
        return;
    }
    let costs = &mut conn.costs;
    let payer = match call {
        Call::Write { .. } | Call::WriteWouldBlock => next_to_pay(conn),
        Call::Read { bytes } if bytes > 0 && conn.state.is_between() => {
            // Its payer is not known before the request is.
            if let Some(reads) = costs.owed.reads.checked_add(1) {
                costs.owed.reads = reads;
                ledger.shared.bytes_read += bytes as u64;
                return;
            }
            costs.payer
        }
        Call::ReadWouldBlock if costs.kind.is_none() => {
            if let Some(reads) = costs.owed.would_block_reads.checked_add(1) {
                costs.owed.would_block_reads = reads;
                return;
            }
            costs.payer
        }
        Call::Read { .. } | Call::ReadWouldBlock | Call::Accept | Call::End => costs.payer,
    };
    ledger.charge(payer, call);
}

/// A connection was accepted, answered and closed without ever having an id.
pub(super) fn refused_unseen(ledger: &mut Ledger, refused: RefusedConnection) {
    let RefusedConnection { written, read, refusal } = refused;
    ledger.shared.refused += 1;
    ledger.shared.refused_by_address += u64::from(refusal == Refusal::AddressFull);
    for call in [Call::Accept, written, Call::End, read, Call::End] {
        ledger.charge(Payer::Other, call);
    }
    let account = ledger.account_mut(Payer::Other);
    account.bytes_in.add(Class::Body, read.bytes());
    account.bytes_out.add(Class::Body, written.bytes());
}

/// The kernel was asked about a connection when it ceased to be of `payer`'s kind.
pub(super) fn sampled(ledger: &mut Ledger, conn: &mut Conn, payer: Payer, sample: Sample) {
    ledger.account_mut(payer).tcp.add_since(&conn.aside.accounted(), &sample);
    conn.aside.set_accounted(sample);
}

/// The socket of a connection is closed, and this is what the kernel had counted by then.
pub(super) fn socket_closed(
    shard: &mut Shard,
    id: ConnId,
    conn: &Conn,
    sample: &Sample,
    now: Millis,
) {
    let payer = conn.costs.payer;
    shard.ledger.charge(payer, Call::End);
    shard.ledger.account_mut(payer).tcp.add_since(&conn.aside.accounted(), sample);
    let reason = conn.flow.leaving.unwrap_or(CloseReason::PeerFinished);
    if shard.closed.len() == CLOSED_ROWS_MAX {
        shard.closed.pop_front();
    }
    let row = row(shard, id, conn, sample, now);
    shard.closed.push_back(Row { closed: Some(Closed { reason, at: now }), ..row });
}

/// A right was wanting, if that is what was wrong.
pub(super) fn denied(ledger: &mut Ledger, denial: Option<Denial>) {
    if let Some(denial) = denial {
        ledger.shared.denied.count(denial.code());
    }
}

/// Bytes were understood.
pub(super) fn came_in(visit: &mut Visit<'_>, by_class: &Bytes) {
    if CHARGES {
        let costs = &mut visit.conn.costs;
        visit.shard.ledger.account_mut(costs.payer).bytes_in += by_class;
        costs.tally.came_in(by_class, &mut costs.carry);
    }
}

/// Bytes that were never understood are of no technique.
pub(super) fn dropped_unread(visit: &mut Visit<'_>, bytes: usize) {
    let mut by_class = Bytes::default();
    by_class.add(Class::Body, bytes);
    visit.shard.ledger.account_mut(Payer::Other).bytes_in += &by_class;
    let costs = &mut visit.conn.costs;
    costs.tally.came_in(&by_class, &mut costs.carry);
}

/// What a connection had to send is dropped, and some of it was sent.
pub(super) fn dropped_unsent(visit: &mut Visit<'_>) {
    if let Some((payer, portions)) = visit.conn.flow.outbox.abandon() {
        visit.shard.ledger.account_mut(payer).bytes_out.add_all(portions);
        let costs = &mut visit.conn.costs;
        costs.tally.went_out(portions, &mut costs.carry);
    }
}

/// So many bytes of what came in were TLS. Between two requests the next one pays for them.
pub(super) fn tls_came_in(visit: &mut Visit<'_>, bytes: usize) {
    if !CHARGES {
        return;
    }
    let (costs, between) = (&mut visit.conn.costs, visit.conn.state.is_between());
    let mut by_class = Bytes::default();
    by_class.add(Class::Tls, bytes);
    costs.tally.came_in(&by_class, &mut costs.carry);
    match visit.conn.aside.secure_mut() {
        Some(secure) if between => secure.owed[0] += bytes,
        Some(_) | None => visit.shard.ledger.account_mut(costs.payer).bytes_in += &by_class,
    }
}

/// So many bytes of what went out were TLS. Of a handshake, the first request pays for them.
pub(super) fn tls_went_out(visit: &mut Visit<'_>, bytes: usize) {
    if !CHARGES {
        return;
    }
    let (payer, costs) = (next_to_pay(visit.conn), &mut visit.conn.costs);
    costs.tally.went_out([(Class::Tls, bytes)], &mut costs.carry);
    match visit.conn.aside.secure_mut() {
        Some(secure) if costs.kind.is_none() => secure.owed[1] += bytes,
        Some(_) | None => {
            visit.shard.ledger.account_mut(payer).bytes_out.add(Class::Tls, bytes);
        }
    }
}

/// A connection ends: what came and was never deciphered, and what of its last records the kernel
/// took, was TLS.
pub(super) fn dropped_in_records(visit: &mut Visit<'_>) {
    let Some(secure) = visit.conn.aside.secure_mut() else {
        return;
    };
    let undeciphered = std::mem::take(&mut secure.undeciphered);
    let half_sent = std::mem::take(&mut secure.half_sent);
    tls_came_in(visit, undeciphered);
    tls_went_out(visit, half_sent);
}

/// A TLS handshake is complete.
pub(super) fn shook_hands(visit: &mut Visit<'_>, resumed: bool) {
    let shared = &mut visit.shard.ledger.shared;
    shared.tls_resumed += u64::from(resumed);
    shared.tls_full += u64::from(!resumed);
}

/// A message was taken in.
pub(super) fn took_in(visit: &mut Visit<'_>) {
    let costs = &mut visit.conn.costs;
    visit.shard.ledger.account_mut(costs.payer).messages += 1;
    costs.tally.passed(1, &mut costs.carry);
}

/// A request is whole, and will be answered.
pub(super) fn asked(visit: &mut Visit<'_>, payer: Payer) {
    let ledger = &mut visit.shard.ledger;
    ledger.account_mut(payer).requests += 1;
    if let Some(tagged) = visit.conn.aside.tagged() {
        ledger.tags.account_mut(tagged.tag()).requests += 1;
    }
}

/// A poll was answered without a message.
pub(super) fn answered_empty(visit: &mut Visit<'_>) {
    let ledger = &mut visit.shard.ledger;
    ledger.account_mut(visit.conn.costs.payer).answers_empty += 1;
    if let Some(tagged) = visit.conn.aside.tagged() {
        ledger.tags.account_mut(tagged.tag()).answers_empty += 1;
    }
}

/// A request is understood as far as its tag goes: what passed until now is the last one's.
fn enter_tag(visit: &mut Visit<'_>) {
    let (ledger, Conn { costs, aside, .. }) = (&mut visit.shard.ledger, &mut *visit.conn);
    if !aside.changes_tag() {
        return;
    }
    let (tag, so_far) = (aside.tag().filter(|_| CHARGES), costs.so_far());
    let before = aside.set_tagged(tag.map(|tag| Tagged::new(tag, so_far)));
    if let Some(before) = before {
        *ledger.tags.account_mut(before.tag()) += &before.passed(so_far);
    }
    if let Some(tag) = tag {
        ledger.tags.account_mut(tag); // It is there from now on, with nothing in it.
    }
}

/// A request is understood as far as its payer goes: it pays for what was owed, and if it is of
/// another kind than the one before, the connection is from now on.
pub(super) fn enter(visit: &mut Visit<'_>) {
    pay(visit);
    enter_tag(visit);
    let payer = visit.conn.costs.payer;
    let ledger = &mut visit.shard.ledger;
    match visit.conn.costs.kind.replace(payer) {
        Some(kind) if kind == payer => {}
        Some(kind) => {
            ledger.account_mut(kind).left += 1;
            ledger.account_mut(payer).joined += 1;
            visit.effect(Effect::Sample { conn: visit.id, payer: kind });
        }
        None => {
            ledger.charge(payer, Call::Accept);
            let account = ledger.account_mut(payer);
            account.opened += 1;
            account.tcp.handshake();
        }
    }
}

/// What was owed is paid.
fn pay(visit: &mut Visit<'_>) {
    if let Some(secure) = visit.conn.aside.secure_mut() {
        let [came, went] = std::mem::take(&mut secure.owed);
        let account = visit.shard.ledger.account_mut(visit.conn.costs.payer);
        account.bytes_in.add(Class::Tls, came);
        account.bytes_out.add(Class::Tls, went);
    }
    let owed = std::mem::take(&mut visit.conn.costs.owed);
    if owed.is_empty() {
        return;
    }
    let Due { reads, would_block_reads } = owed;
    let calls = &mut visit.shard.ledger.account_mut(visit.conn.costs.payer).calls;
    calls.reads += u64::from(reads) + u64::from(would_block_reads);
    calls.would_blocks += u64::from(would_block_reads);
}

/// A connection ends. One that never asked for anything was a stranger's.
pub(super) fn ended(visit: &mut Visit<'_>, reason: CloseReason) {
    if visit.conn.costs.kind.is_none() {
        enter(visit);
    }
    pay(visit);
    visit.conn.aside.set_tag(None);
    enter_tag(visit);
    if let Some(kind) = visit.conn.costs.kind {
        visit.shard.ledger.account_mut(kind).closed[reason as usize] += 1;
    }
}

/// The kernel took `bytes` of what a connection had to send; 0 when it had no room.
pub(super) fn went_out(ledger: &mut Ledger, conn: &mut Conn, bytes: usize, at: Micros) {
    let call = match bytes {
        0 => Call::WriteWouldBlock,
        bytes => Call::Write { bytes },
    };
    ledger.charge(next_to_pay(conn), call);
    through(ledger, conn, bytes, at);
}

/// So many bytes of what a connection had to send are with the kernel. Messages count as delivered
/// when it has all of them.
pub(super) fn through(ledger: &mut Ledger, conn: &mut Conn, bytes: usize, at: Micros) {
    let Costs { tally, carry, .. } = &mut conn.costs;
    conn.flow.outbox.advance(bytes, |through| {
        if !CHARGES {
            return;
        }
        let account = ledger.account_mut(through.payer());
        match through {
            Through::Whole {
                portions: [(_, around), (_, payload)], at: Some(committed), ..
            } => {
                account.delivered(*around, *payload, at.since(*committed));
                tally.delivered(*around, *payload, carry);
            }
            Through::Whole { portions, at: None, .. } => {
                account.bytes_out.add_all(*portions);
                tally.went_out(*portions, carry);
            }
            Through::Parts { parts, .. } => {
                account.bytes_out.add_all(through.portions());
                tally.went_out(through.portions(), carry);
                account.passed(parts.messages.iter().map(|message| at.since(message.at)));
                tally.passed(parts.messages.len() as u64, carry);
            }
        }
    });
}

/// Who pays for a write: the next byte's payer.
fn next_to_pay(conn: &Conn) -> Payer {
    conn.flow.outbox.payer().unwrap_or(conn.costs.payer)
}

/// What the table of connections has of one.
pub(super) fn row(shard: &Shard, id: ConnId, conn: &Conn, sample: &Sample, now: Millis) -> Row {
    // Each thread counts its own, so that the numbers of all threads interleave.
    let number = u64::from(id.generation) * u64::from(shard.threads);
    let so_far = conn.costs.so_far();
    Row {
        id: number + u64::from(shard.id.0),
        payer: conn.costs.payer,
        peer: conn.peer.clone(),
        state: match conn.costs.kind {
            None if conn.state.name() == Name::Head => "accepted",
            _ => conn.state.name().word(),
        },
        age_ms: now.since(conn.timing.accepted_at.millis()),
        idle_ms: conn.timing.idle_ms(now),
        bytes_in: so_far.bytes_in,
        bytes_out: so_far.bytes_out,
        messages: so_far.messages,
        pending: conn.flow.outbox.bytes() as u64,
        rtt_us: sample.rtt_us,
        segments_in: sample.segments_in,
        segments_out: sample.segments_out + 1,
        closed: None,
    }
}
