//! Handlers: what the world did, and to which connection.
//!
//! Came from: the shell, a simulator, a fuzzer. Goes to: a visit, or the shard, and the layer that
//! knows what follows. Absent on purpose: what follows.

use std::cell::LazyCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::effect::{Effect, Letter};
use super::file::{FileError, FileInfo};
use super::visit::Visit;
use super::{
    Broker, accounting, answer, deadline, file, input, pump, report, respond, subscribe, teardown,
    telling, ticket,
};
use crate::close::CloseReason;
use crate::conn::Conn;
use crate::conn::flow::Backlog;
use crate::conn::inbox::Inbox;
use crate::conn::proxied::Proxied;
use crate::conn::secure::Secure;
use crate::conn::state::{Name, State};
use crate::hub::Subscribers;
use crate::ids::{ConnId, Door, Micros, Millis, Network};
use crate::ledger::{
    CHARGES, Call, Payer, Process, RefusedConnection, Sample, Scope, ShardReport, SharedCall,
};
use crate::rights::Grant;
use crate::rights::tickets::Ticket;
use crate::wire::forwarded::ProxyHeader;

impl Broker {
    /// As whom a connection of `peer` takes one of the places of an address when it comes. A
    /// trusted proxy takes none for itself: see [`Broker::placed`]. Nor do operators.
    pub fn place_of(&self, peer: SocketAddr, door: Door) -> Option<Network> {
        let counts = door == Door::Public && !self.shard.policy.proxies.trusts(peer.ip());
        counts.then(|| peer.ip().into())
    }

    /// The client behind `id` has one of the places of its address now, or there was none. Tells
    /// whose place is free instead.
    pub fn placed(&mut self, id: ConnId, place: Option<Network>, now: Millis) -> Option<Network> {
        let Some(conn) = self.conns.get_mut(id) else {
            return place; // It is gone.
        };
        let free = match (place, conn.aside.proxied_mut()) {
            (Some(_), Some(proxied)) => std::mem::replace(&mut proxied.place, place),
            (Some(_), None) => place, // It has its own.
            (None, _) => None,
        };
        self.visit(id, now, |visit| answer::placed(visit, place.is_some()));
        free
    }

    /// A peer has connected by `door`, and has its [place](Self::place_of). When all places are
    /// taken, the connection that has been idle for longest makes room; its socket is to be closed
    /// before the next is accepted. `None`: none is idle, or that one has just come and was not
    /// heard, and the peer is to be refused.
    pub fn accepted(&mut self, peer: SocketAddr, door: Door, now: Millis) -> Option<ConnId> {
        if self.conns.len() >= self.shard.policy.limits.connections_max {
            let longest = self.idle.longest().and_then(|slot| self.conns.at(slot))?;
            // What one that has just come asks for was not read yet. A moment is a millisecond, in
            // which others may have come, been answered and become idle.
            let heard =
                |conn: &&Conn| conn.costs.kind.is_some() || conn.timing.accepted_at.millis() < now;
            self.conns.get(longest).filter(heard)?;
            self.visit(longest, now, |visit| {
                visit.conn.flow.leave_for(CloseReason::Displaced);
                teardown::close(visit);
            });
        }
        let mut conn = Conn::new(peer, now);
        conn.aside.set_door(door);
        let proxies = &self.shard.policy.proxies;
        if door == Door::Public && proxies.trusts(peer.ip()) {
            let expects_header = proxies.header == ProxyHeader::ProxyProtocol;
            conn.aside.set_proxied(Proxied { address: peer, expects_header, place: None });
        }
        // Early enough for whatever its first request leads to, so that it needs no other hint.
        let limits = &self.shard.policy.limits;
        let look = conn.due(limits).min(conn.stalls_at(limits));
        let hints = conn.timing.hints_at(look);
        let id = self.conns.insert(conn);
        if hints {
            self.wheel.insert(look, id.slot);
        }
        self.note_wishes(id, now, None);
        Some(id)
    }

    /// Bytes have come. They are understood where they lie; what cannot be understood yet is kept.
    pub fn received(&mut self, id: ConnId, bytes: &mut [u8], now: Millis) {
        self.visit(id, now, |visit| input::received(visit, bytes));
    }

    /// The peer has ended its side: no more bytes will come. It may still be reading, and if it
    /// waits for an answer it gets it.
    pub fn peer_finished(&mut self, id: ConnId, now: Millis) {
        self.visit(id, now, |visit| {
            visit.conn.flow.finished = true;
            match visit.conn.state {
                State::Parked(_) => respond::ask_whether_alive(visit),
                State::Lingering { half_closed: true, .. } => teardown::close(visit),
                // The visit ends those that have nothing more to wait for.
                State::Head { .. } | State::Body(_) | State::Answering(_) => {}
                State::Awaiting(_) | State::Sending(_) | State::Telling(_) => {}
                State::Streaming(_) => {}
                State::Open(_) | State::Closing(_) => {}
                State::Lingering { half_closed: false, .. } | State::Closed => {}
            }
        });
    }

    /// The peer has ended its side behind bytes that are not wanted now. A long poll is asked
    /// about: its place is free when there is nobody.
    pub fn peer_finishing(&mut self, id: ConnId, now: Millis) {
        self.visit(id, now, |visit| {
            visit.conn.flow.finishing = true;
            respond::ask_whether_alive(visit);
        });
    }

    /// Our side of `id` is to be ended, and the kernel has nothing more of the peer. `true`: the
    /// peer has said that it sends no more, so there is nobody to linger for; close its socket.
    pub fn let_go(&mut self, id: ConnId, now: Millis) -> bool {
        let heard_all = self.conns.get(id).is_some_and(Conn::has_heard_all);
        if heard_all {
            self.visit(id, now, teardown::close);
        }
        heard_all
    }

    /// The kernel holds `bytes` that the peer has not acknowledged.
    pub fn unacknowledged(&mut self, id: ConnId, bytes: u32, now: Millis) {
        self.visit(id, now, |visit| deadline::seen(visit, bytes));
    }

    /// The kernel took `bytes` of the outbox; 0 when it had no room. `at` is now; it may be later
    /// than the time of the turn, since many are written to in one. `true`: there is more to be
    /// sent, including what had no room until now.
    pub fn sent(&mut self, id: ConnId, bytes: usize, at: Micros) -> bool {
        let now = at.millis();
        if self.sent_all(id, bytes, at) {
            return false;
        }
        self.visit(id, now, |visit| {
            let was_high = visit.conn.flow.outbox.is_high();
            visit.conn.flow.refused = bytes < visit.conn.flow.outbox.gathered_bytes();
            accounting::went_out(&mut visit.shard.ledger, visit.conn, bytes, at);
            took(visit, bytes > 0, was_high);
        });
        self.has_output(id)
    }

    /// The short way for a reader that keeps up, or has its whole answer, and of whose outbox the
    /// kernel took all. `false`: it is not that simple, and nothing was done.
    fn sent_all(&mut self, id: ConnId, bytes: usize, at: Micros) -> bool {
        let Some(conn) = self.conns.get_mut(id) else {
            return false;
        };
        let rests = conn.is_about_to_rest();
        let outbox = &conn.flow.outbox;
        let took_all = bytes > 0 && bytes >= outbox.bytes() && !outbox.is_high();
        if !took_all || !rests && !conn.keeps_up() {
            return false;
        }
        accounting::went_out(&mut self.shard.ledger, conn, bytes, at);
        conn.timing.took_at = at.millis().into();
        if rests || matches!(conn.state, State::Streaming(_)) {
            conn.timing.active_at = at.millis().into();
        }
        if rests {
            let due = conn.due(&self.shard.policy.limits);
            if conn.timing.hints_at(due) {
                self.wheel.insert(due, id.slot);
            }
            self.idle.enter(&mut self.conns, id.slot);
        }
        true
    }

    /// Reading or writing failed for good.
    pub fn failed(&mut self, id: ConnId, kind: io::ErrorKind, now: Millis) {
        self.visit(id, now, |visit| {
            log::debug!("{}: {kind}", visit.conn.peer);
            teardown::give_up(visit, CloseReason::Reset);
        });
    }

    /// The sequencer or a thread has posted something. What the sequencer says is read at once, or
    /// when there is room for it: then it is work, see [`Broker::deliver`].
    pub fn letter(&mut self, letter: Letter, now: Millis) {
        match letter {
            Letter::Committed { .. }
            | Letter::Repeated(_)
            | Letter::Refused(_)
            | Letter::Unavailable(_)
            | Letter::Anew { .. }
            | Letter::TooFast { .. } => {
                if self.shard.hub.has_room() && self.shard.letters.passes() {
                    return self.read_letter(letter, now);
                }
                self.shard.letters.push(letter);
                self.read_letters(now);
            }
            Letter::ReportWanted { from, scope } => {
                self.shard.effects.push_back(Effect::ShardReport { to: from, scope });
            }
            Letter::StoreState(fault) => self.shard.store_fault = fault,
            Letter::Counted { conn, subscribers } => self.counted(conn, subscribers, now),
            Letter::ShardReport(part) => self.shard_report_came(*part, now),
        }
    }

    /// The sequencer has counted the subscribers of the topic that `id` asked about.
    pub fn counted(&mut self, id: ConnId, subscribers: Subscribers, now: Millis) {
        self.visit(id, now, |visit| answer::counted(visit, subscribers));
    }

    /// The book of tickets has given one to `id`, or has no room.
    pub fn ticket_given(&mut self, id: ConnId, ticket: Option<Ticket>, now: Millis) {
        self.visit(id, now, |visit| ticket::given(visit, ticket));
    }

    /// The book of tickets has taken back the one that `id` showed: what it stood for. `None`: it
    /// was used, is too old, or was never given.
    pub fn ticket_taken(&mut self, id: ConnId, grant: Option<Arc<Grant>>, now: Millis) {
        self.visit(id, now, |visit| answer::redeemed(visit, grant));
    }

    /// The shell has opened the file that `id` waits for, or has not.
    pub fn file_opened(&mut self, id: ConnId, file: Result<FileInfo, FileError>, now: Millis) {
        if self.conns.get(id).is_none() {
            return self.shard.effects.push_back(Effect::CloseFile { conn: id });
        }
        self.visit(id, now, |visit| file::opened(visit, file));
    }

    /// The shell has read the piece that `id` waits for, or has not.
    pub fn file_read(&mut self, id: ConnId, piece: Result<Vec<u8>, FileError>, now: Millis) {
        self.visit(id, now, |visit| file::piece_read(visit, piece));
    }

    /// A system call was made for `id`. To be told before what came of it. [`Broker::sent`] tells
    /// of its write by itself.
    pub fn charge(&mut self, id: ConnId, call: Call) {
        if let Some(conn) = self.conns.get_mut(id).filter(|_| CHARGES) {
            accounting::charge(&mut self.shard.ledger, conn, call);
        }
    }

    /// `n` system calls were made for all.
    pub fn charge_shared(&mut self, call: SharedCall, n: u64) {
        self.shard.ledger.charge_shared(call, n);
    }

    /// A connection was accepted, answered and closed without ever having an id.
    pub fn refused_unseen(&mut self, refused: RefusedConnection) {
        accounting::refused_unseen(&mut self.shard.ledger, refused);
    }

    /// The kernel was asked about `id` when it ceased to be of `payer`'s kind.
    pub fn sampled(&mut self, id: ConnId, payer: Payer, sample: Sample) {
        if let Some(conn) = self.conns.get_mut(id) {
            accounting::sampled(&mut self.shard.ledger, conn, payer, sample);
        }
    }

    /// The socket of `id` is closed, and this is what the kernel had counted by then. The id means
    /// nothing from now on. Tells whose place is free.
    pub fn socket_closed(
        &mut self,
        id: ConnId,
        sample: Option<Sample>,
        now: Millis,
    ) -> Option<Network> {
        let conn = self.conns.remove(id)?;
        let sample = sample.unwrap_or_default();
        accounting::socket_closed(&mut self.shard, id, &conn, &sample, now);
        self.count_end(conn.flow.leaving);
        conn.place()
    }

    /// What this thread has to report. `sample` asks the kernel about a connection.
    pub fn shard_report(
        &self,
        scope: Scope,
        process: Process,
        now: Millis,
        mut sample: impl FnMut(ConnId) -> Option<Sample>,
    ) -> ShardReport {
        let ledger = self.shard.ledger.clone();
        let mut report = ShardReport { threads: 1, ledger, process, ..ShardReport::default() };
        for (id, conn) in self.conns.iter() {
            let sample = sample(id).unwrap_or_default();
            if conn.state.name() != Name::Closed
                && let Scope::Rows(rows) = scope
                && rows.open
            {
                report.add_row(accounting::row(&self.shard, id, conn, &sample, now), &rows);
            }
            add_conn(&mut report, conn, &sample);
        }
        if let Scope::Rows(rows) = scope {
            for row in self.shard.closed.iter().filter(|_| rows.closed) {
                report.add_row(row.clone(), &rows);
            }
            report.sort(&rows);
        }
        report
    }

    /// The report of a thread has come, this one's own perhaps.
    fn shard_report_came(&mut self, report: ShardReport, now: Millis) {
        let Some((sum, readers)) = self.shard.reports.add(report) else {
            return;
        };
        let up = self.shard.uptime(now);
        let snapshot = LazyCell::new(|| crate::ledger::report::costs(&sum, up));
        for id in readers {
            self.visit(id, now, |visit| report::tell(visit, &sum, &snapshot));
        }
        report::begin(&mut self.shard, now);
    }
}

/// The kernel has taken of the outbox what it takes now; `moved`: something. It was high before, or
/// not.
pub(super) fn took(visit: &mut Visit<'_>, moved: bool, was_high: bool) {
    let now = visit.now;
    if moved {
        visit.conn.took(now);
    }
    let (flow, timing) = (&visit.conn.flow, &mut visit.conn.timing);
    let low_again = was_high && !flow.outbox.is_high();
    let empty = flow.outbox.is_empty();
    match visit.conn.state.name() {
        Name::Streaming => timing.active_at = now.into(),
        Name::Open if moved => visit.conn.await_pong_anew(now),
        Name::Head if empty => timing.active_at = now.into(), // It has our answer: idle from now.
        Name::Lingering if empty => teardown::end_own_side(visit),
        _ => {}
    }
    if low_again {
        // The log, a file and what the peer has sent meanwhile were waiting for room.
        pump::pump(visit);
        file::feed(visit);
        telling::go_on(visit);
        visit.go_on_later();
    } else if visit.conn.flow.refused || visit.conn.flow.backlog != Backlog::None {
        subscribe::note_backlog(visit); // The kernel has no room, or has it again.
    }
}

/// Adds to `report` what it has to say of one connection.
fn add_conn(report: &mut ShardReport, conn: &Conn, sample: &Sample) {
    let accounted = conn.aside.accounted();
    if conn.state.name() == Name::Closed {
        // Counted among the closed ones already. What the kernel counts would be added when its
        // socket is closed, at the end of this turn.
        let tcp = &mut report.ledger.account_mut(conn.costs.payer).tcp;
        return tcp.add_since(&accounted, sample);
    }
    report.connections += 1;
    let (unread, unfinished) =
        (conn.aside.inbox().map_or(0, Inbox::len), conn.flow.outbox.unfinished());
    let tls = conn.aside.secure().map_or([0; 2], Secure::unsettled);
    report.unread += (unread + tls[0]) as u64;
    report.unfinished += (unfinished + tls[1]) as u64;
    let Some(kind) = conn.costs.kind else {
        report.strangers += 1;
        return;
    };
    report.ledger.account_mut(kind).tcp.add_since(&accounted, sample);
    if let Some(tagged) = conn.aside.tagged() {
        *report.ledger.tags.account_mut(tagged.tag()) += &tagged.passed(conn.costs.so_far());
    }
    let gauges = &mut report.gauges[kind as usize];
    gauges.open += 1;
    gauges.parked += u64::from(conn.state.name() == Name::Parked);
    gauges.user_bytes += (size_of::<Conn>() + conn.heap_bytes()) as u64;
    gauges.kernel_bytes += u64::from(sample.kernel_bytes);
    gauges.rtt_us += u64::from(sample.rtt_us);
}
