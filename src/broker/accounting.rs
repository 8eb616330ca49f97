//! Who pays: every cost finds its account here.
//!
//! Bytes go to the technique of the request that they belong to. A system call goes to that of the
//! first byte that it moved; one that moved nothing, to that of the connection. What a connection
//! costs as such (accepting it, its handshake, its segments) goes to the technique of its first
//! request, and from the moment when a request of another one is understood, to that: the kernel's
//! count is read then, and settled with the technique that is left.
//!
//! Came from: the shell, with system calls and samples; the broker, with bytes. Goes to: `ledger`.
//! Absent on purpose: sums; `report` makes them.

use super::{Broker, Effect};
use crate::close::CloseReason;
use crate::conn::Conn;
use crate::conn::state::Name;
use crate::ids::{ConnId, Micros, Millis};
use crate::ledger::{
    Bytes, CHARGES, Call, Class, Closed, Due, Ledger, Payer, RefusedConnection, Row, Sample,
    SharedCall,
};
use crate::limits::CLOSED_ROWS_MAX;

impl Broker {
    /// A system call was made for `id`. To be told before what came of it. [`Broker::sent`] tells
    /// of its `writev` by itself.
    pub fn charge(&mut self, id: ConnId, call: Call) {
        let Some(conn) = self.conns.get_mut(id).filter(|_| CHARGES) else {
            return;
        };
        let payer = match call {
            Call::Write { .. } | Call::WriteWouldBlock => next_to_pay(conn),
            Call::Read { bytes } if bytes > 0 && conn.state.is_between() => {
                // Its payer is not known before the request is.
                if let Some(reads) = conn.owed.reads.checked_add(1) {
                    conn.owed.reads = reads;
                    self.ledger.shared.bytes_read += bytes as u64;
                    return;
                }
                conn.payer
            }
            Call::ReadWouldBlock if conn.kind.is_none() => {
                if let Some(reads) = conn.owed.would_block_reads.checked_add(1) {
                    conn.owed.would_block_reads = reads;
                    return;
                }
                conn.payer
            }
            Call::Read { .. } | Call::ReadWouldBlock | Call::Accept | Call::End => conn.payer,
        };
        self.ledger.charge(payer, call);
    }

    /// `n` system calls were made for all.
    pub fn charge_shared(&mut self, call: SharedCall, n: u64) {
        self.ledger.charge_shared(call, n);
    }

    /// A connection was accepted, answered and closed without ever coming in here.
    pub fn refused_unseen(&mut self, brush: RefusedConnection) {
        let RefusedConnection { written, read } = brush;
        self.ledger.shared.refused += 1;
        for call in [Call::Accept, written, Call::End, read, Call::End] {
            self.ledger.charge(Payer::Other, call);
        }
        let account = self.ledger.account_mut(Payer::Other);
        account.bytes_in.add(Class::Body, read.bytes());
        account.bytes_out.add(Class::Body, written.bytes());
    }

    /// The kernel was asked about `id` when it ceased to be of `payer`'s kind.
    pub fn sampled(&mut self, id: ConnId, payer: Payer, sample: Sample) {
        if let Some(conn) = self.conns.get_mut(id) {
            let settled = conn.settled.get_or_insert_default();
            let tcp = &mut self.ledger.account_mut(payer).tcp;
            tcp.add_since(settled, &sample);
            **settled = sample;
        }
    }

    /// The socket of `id` is closed, and this is what the kernel had counted by then. The id means
    /// nothing from now on.
    pub fn socket_closed(&mut self, id: ConnId, sample: Option<Sample>, now: Millis) {
        let Some(conn) = self.conns.remove(id) else {
            return;
        };
        self.ledger.charge(conn.payer, Call::End);
        let sample = sample.unwrap_or_default();
        let settled = conn.settled.as_deref().copied().unwrap_or_default();
        let tcp = &mut self.ledger.account_mut(conn.payer).tcp;
        tcp.add_since(&settled, &sample);
        let closed = Closed { reason: conn.leaving.unwrap_or(CloseReason::PeerFinished), at: now };
        if self.closed.len() == CLOSED_ROWS_MAX {
            self.closed.pop_front();
        }
        let row = self.row(id, &conn, &sample, now);
        self.closed.push_back(Row { closed: Some(closed), ..row });
    }

    /// Bytes of `id` were understood.
    pub(super) fn came_in(&mut self, id: ConnId, bill: &Bytes) {
        if let Some(conn) = self.conns.get_mut(id).filter(|_| CHARGES) {
            self.ledger.account_mut(conn.payer).bytes_in += bill;
            conn.tally.came_in(bill);
        }
    }

    /// Bytes of `id` that were never understood are of no technique.
    pub(super) fn dropped_unread(&mut self, id: ConnId, bytes: usize) {
        if let Some(conn) = self.conns.get_mut(id) {
            let mut bill = Bytes::default();
            bill.add(Class::Body, bytes);
            self.ledger.account_mut(Payer::Other).bytes_in += &bill;
            conn.tally.came_in(&bill);
        }
    }

    /// What `id` had to send is dropped, and some of it was sent.
    pub(super) fn went_out_in_part(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(id)
            && let Some((payer, portions)) = conn.outbox.abandon()
        {
            self.ledger.account_mut(payer).bytes_out.add_all(portions);
            conn.tally.went_out(portions);
        }
    }

    /// A message was taken in from `id`.
    pub(super) fn took_in(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(id) {
            self.ledger.account_mut(conn.payer).messages += 1;
            conn.tally.passed(1);
        }
    }

    /// A request of `id` is understood as far as its payer goes: it pays for what was owed, and if
    /// it is of another kind than the one before, the connection is from now on.
    pub(super) fn enter(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let payer = conn.payer;
        self.pay(id);
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        match conn.kind.replace(payer) {
            Some(kind) if kind == payer => {}
            Some(kind) => {
                self.ledger.account_mut(kind).left += 1;
                self.ledger.account_mut(payer).joined += 1;
                self.effects.push_back(Effect::Sample { conn: id, payer: kind });
            }
            None => {
                self.ledger.charge(payer, Call::Accept);
                let account = self.ledger.account_mut(payer);
                account.opened += 1;
                account.tcp.handshake();
            }
        }
    }

    /// What was owed is paid.
    fn pay(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let owed = std::mem::take(&mut conn.owed);
        if owed.is_empty() {
            return;
        }
        let Due { reads, would_block_reads } = owed;
        let calls = &mut self.ledger.account_mut(conn.payer).calls;
        calls.reads += u64::from(reads) + u64::from(would_block_reads);
        calls.would_blocks += u64::from(would_block_reads);
    }

    /// A connection ends. One that never asked for anything was a stranger's.
    pub(super) fn ended(&mut self, id: ConnId, reason: CloseReason) {
        if self.conns.get(id).is_some_and(|conn| conn.kind.is_none()) {
            self.enter(id);
        }
        self.pay(id);
        if let Some(kind) = self.conns.get(id).and_then(|conn| conn.kind) {
            self.ledger.account_mut(kind).closed[reason as usize] += 1;
        }
    }

    /// What the table of connections has of one.
    pub(super) fn row(&self, id: ConnId, conn: &Conn, sample: &Sample, now: Millis) -> Row {
        // Each thread counts its own, so that the numbers of all threads interleave.
        let number = u64::from(id.generation) * u64::from(self.threads);
        Row {
            id: number + u64::from(self.shard.0),
            payer: conn.payer,
            peer: conn.peer.clone(),
            state: match conn.kind {
                None if conn.state.name() == Name::Head => "accepted",
                _ => conn.state.name().word(),
            },
            age_ms: now.since(conn.accepted_at),
            idle_ms: now.since(conn.since.max(conn.stuck_since)),
            bytes_in: conn.tally.bytes_in(),
            bytes_out: conn.tally.bytes_out(),
            messages: conn.tally.messages(),
            pending: conn.outbox.bytes() as u64,
            rtt_us: sample.rtt_us,
            segments_in: sample.segments_in,
            segments_out: sample.segments_out + 1,
            closed: None,
        }
    }
}

/// The kernel took `bytes` of what a connection had to send; 0 when it had no room. Messages count
/// as delivered when it has all of them. A free function, for this is done for every delivery, and
/// finding the connection once has to do.
pub(super) fn went_out(ledger: &mut Ledger, conn: &mut Conn, bytes: usize, at: Micros) {
    let call = match bytes {
        0 => Call::WriteWouldBlock,
        bytes => Call::Write { bytes },
    };
    ledger.charge(next_to_pay(conn), call);
    let tally = &mut conn.tally;
    conn.outbox.advance(bytes, |segment, portions| {
        if !CHARGES {
            return;
        }
        let account = ledger.account_mut(segment.payer());
        if let Some(committed_at) = segment.committed_at() {
            let [(_, around), (_, payload)] = portions;
            account.delivered(around, payload, at.since(committed_at));
            tally.delivered(around, payload);
        } else {
            account.bytes_out.add_all(portions);
            tally.went_out(portions);
        }
    });
}

/// Who pays for a `writev`: the next byte's payer.
fn next_to_pay(conn: &Conn) -> Payer {
    conn.outbox.payer().unwrap_or(conn.payer)
}
