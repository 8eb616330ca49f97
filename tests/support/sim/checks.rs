//! What must hold whatever happens: bounds of memory, rest, and the ledger's identities.

use tollway::close::CloseReason;
use tollway::conn::Conn;
use tollway::conn::inbox::Inbox;
use tollway::conn::state::{Name, State};
use tollway::ids::{ConnId, TopicName};
use tollway::ledger::{Account, Payer};
use tollway::limits::{
    FILE_CHUNK_BYTES, INBOX_BYTES_MAX, MESSAGE_OVERHEAD_BYTES, OUTBOX_BYTES_HIGH, POLL_BYTES_MAX,
    READ_BYTES,
};
use tollway::technique::Technique;

use super::actor::Actor;
use super::line::{Kind, Line, Mode};
use super::stage::Stage;

/// Heads, gaps, greetings and the like that may come on top of a bound.
const TRIFLES: usize = 2_048;

impl Stage {
    /// No connection of a thread holds more than it may.
    pub fn check_memory(&self, shard: usize) {
        let broker = &self.world.brokers[shard];
        let ids = broker.conn_ids();
        ids.filter_map(|id| broker.conn(id)).for_each(|conn| self.check_conn(conn));
        self.check_hub(shard, 2);
    }

    /// Those that are idle stand in the list of their thread, once each, and nobody else does.
    pub fn check_list_of_idle(&self, shard: usize) {
        let broker = &self.world.brokers[shard];
        let is_idle = |id: &ConnId| broker.conn(*id).is_some_and(Conn::is_idle);
        let idle: Vec<_> = broker.conn_ids().filter(is_idle).map(|id| id.slot as usize).collect();
        let mut listed = broker.idle_slots();
        listed.sort_unstable();
        assert_eq!(listed, idle, "the list, and who is idle");
        if idle.len() > 1 {
            self.see("several that are idle");
        }
    }

    fn check_conn(&self, conn: &Conn) {
        let limits = &self.script.limits;
        // Escapes double a byte at most in our messages; ids, names and chunks come on top.
        let longest = limits.message_bytes_max * 2 + 600;
        let answer = match conn.state.name() {
            Name::Streaming | Name::Open | Name::Closing => longest,
            // A page or a report; a piece of a file; a poll's answer.
            _ => {
                let most = limits.history_messages.min(1_000) * 2 * longest;
                FILE_CHUNK_BYTES.max(most.min(POLL_BYTES_MAX + longest))
            }
        };
        let bound = OUTBOX_BYTES_HIGH + answer + TRIFLES;
        let bytes = conn.flow.outbox.bytes();
        assert!(bytes <= bound, "{bytes} bytes in an outbox, {bound} allowed: {conn:?}");
        if conn.flow.outbox.is_high() {
            self.see("a full outbox");
        }
        if conn.aside.inbox().map_or(0, Inbox::len) >= INBOX_BYTES_MAX {
            self.see("a full inbox");
        }
        let inbox = conn.aside.inbox().map_or(0, Inbox::heap_bytes);
        let bound = 2 * (INBOX_BYTES_MAX + READ_BYTES);
        assert!(inbox <= bound, "{inbox} bytes in an inbox");
    }

    /// At rest, whoever waits for nothing but its peer owns no buffer.
    fn check_idle(conn: &Conn) {
        let idle = match &conn.state {
            // Empty lines before a request do not begin it.
            State::Head { began, .. } => {
                let lines = conn.aside.inbox().is_some_and(Inbox::is_blank);
                began.is_none() && conn.flow.outbox.is_empty() && !lines
            }
            State::Streaming(_) | State::Lingering { .. } | State::Closed => true,
            // Less than a frame's header, or than a control frame, stays where it came in.
            State::Open(socket) => conn.flow.outbox.is_empty() && !socket.assembler.mid_message(),
            State::Answering(_) => panic!("a visit left it without an answer: {conn:?}"),
            State::Closing(_) => false,
            State::Body(_) | State::Awaiting(_) | State::Parked(_) | State::Sending(_) => false,
            State::Telling(_) => false,
        };
        let inbox = conn.aside.inbox().map_or(0, Inbox::heap_bytes);
        let unfinished = matches!(conn.state, State::Open(_)) && conn.aside.inbox().is_some();
        assert!(
            !idle || unfinished || inbox == 0,
            "an idle connection owns {inbox} bytes: {conn:?}"
        );
    }

    /// A thread holds what the bounds allow, `times` over.
    fn check_hub(&self, shard: usize, times: usize) {
        let (hub, limits) = (self.world.brokers[shard].hub(), &self.script.limits);
        // Twice a bound and one more is where there is no room; the message that leads there is
        // taken in whole.
        let spare = times - 1;
        let weight = limits.message_bytes_max + MESSAGE_OVERHEAD_BYTES;
        let spare_bytes = spare * (weight + 1);
        let (_, held, bytes) = hub.holdings();
        let (mut sum, mut sum_of_bytes) = (0, 0);
        if hub.cost() - hub.rendered_bytes() > limits.retain_bytes {
            self.see("a hub over its bound, in a round");
        }
        for name in &self.oracle.names {
            let name = TopicName::parse(name).expect("a good name");
            let Some(log) = hub.find(&name).map(|id| hub.log(id)) else {
                continue;
            };
            if log.len() > limits.history_messages || log.weight() > limits.history_bytes {
                self.see("a log over its bounds, in a round");
            }
            sum += log.len();
            sum_of_bytes += log.weight();
            let bound = times * limits.history_messages + 2 * spare;
            assert!(log.len() <= bound, "{} messages", log.len());
            let bound = times * limits.history_bytes + spare_bytes;
            assert!(log.weight() <= bound, "{} bytes", log.weight());
        }
        assert_eq!((held, bytes), (sum, sum_of_bytes), "the hub's sums");
        assert!(bytes <= times * limits.retain_bytes + spare_bytes, "{bytes} bytes in all");
    }

    /// Nothing more happens: so all is as it should be.
    pub fn check_rest(&mut self, actors: &mut [Actor]) {
        for shard in 0..self.script.threads {
            self.check_memory(shard);
            self.check_list_of_idle(shard);
            self.check_hub(shard, 1);
            let broker = &self.world.brokers[shard];
            let conns = broker.conn_ids().filter_map(|id| broker.conn(id));
            conns.for_each(Self::check_idle);
            assert_eq!(self.world.heard(shard), self.oracle.tip());
        }
        let open: usize = self.world.brokers.iter().map(|broker| broker.connections()).sum();
        assert_eq!(self.world.places.total(), open, "places taken, and connections");
        for actor in actors {
            if let Some(line) = &mut actor.line
                && self.world.pipe(line.client).closed.is_none()
            {
                self.check_rest_of(line);
            }
        }
        self.check_readers();
        self.check_bytes(false);
    }

    fn check_rest_of(&mut self, line: &mut Line) {
        let pipe = &self.world.pipes[line.client.0];
        let conn = self.world.brokers[line.shard].conn(pipe.id).expect("it is open");
        if pipe.room > 0 {
            assert!(conn.flow.outbox.is_empty(), "bytes wait for a peer with room: {conn:?}");
        } else {
            return;
        }
        let waits = conn.state.name() == Name::Parked;
        let unread = pipe.inbound.len();
        assert!(unread == 0 || waits, "{unread} bytes are not read: {conn:?}");
        let gone = line.deeds.finished && unread == 0;
        assert!(!gone || waits, "its peer has ended its side: {conn:?}");
        if line.deeds.finished || line.spoiled() || line.deeds.said_close || line.deeds.timed_out {
            return;
        }
        let token_is_over = line.deeds.token_is_over(self, self.world.now.0);
        let late = conn.flow.leaving == Some(CloseReason::MessageTimeout)
            && self.world.now.0 >= line.began_at + self.script.limits.body_ms_max;
        // The rest of a poll's answer fell off while its reader took what was before it.
        let cut = conn.flow.leaving == Some(CloseReason::Interrupted);
        let ends = matches!(conn.state.name(), Name::Closing | Name::Lingering);
        if ends && (token_is_over || late || cut) {
            return; // Nothing more is said, and nothing heard.
        }
        let read = line.read_by_server(self);
        let told = line.told.front().filter(|(_, ends_at)| *ends_at <= read);
        assert_eq!(told, None, "told and not answered: {conn:?}");
        match &line.mode {
            Mode::Http => self.check_answered(line),
            Mode::Stream { stand, .. } | Mode::Socket { stand, .. } => {
                let lost = stand.as_ref().is_some_and(|stand| stand.lost_its_way);
                assert!(!lost, "a foreign cursor, and no gap told: {conn:?}");
                let owed = stand.as_ref().and_then(|stand| stand.owed(self));
                assert_eq!(owed, None, "a reader with room waits: {conn:?}");
            }
            Mode::Over => {}
        }
    }

    /// Every request that the server has read is answered, but for polls that wait.
    fn check_answered(&mut self, line: &mut Line) {
        let (read, now) = (line.read_by_server(self), self.world.now.0);
        let Some(front) = line.expects.front_mut() else {
            return;
        };
        if front.ends_at > read {
            return;
        }
        let Kind::Poll { ask, wait_s: Some(wait_s), .. } = &front.kind else {
            panic!("not answered: {front:?}");
        };
        if let super::judge::From::After(at) = ask.from {
            let ready = self.oracle.between(&ask.topics, at, self.oracle.tip());
            assert!(ready.is_empty(), "{ready:?} wait for {front:?}");
        }
        let rested_at = *front.rested_at.get_or_insert(now);
        assert!(now < rested_at + wait_s * 1000 || now == rested_at, "still waits: {front:?}");
    }

    /// The sequencer knows who reads what.
    fn check_readers(&self) {
        for name in &self.oracle.names {
            let name = TopicName::parse(name).expect("a good name");
            let mut counts = [0; Technique::ALL.len()];
            for broker in &self.world.brokers {
                let readers = broker.conn_ids().filter_map(|id| broker.conn(id));
                for conn in readers {
                    let Some(subscription) = conn.state.subscription() else {
                        continue;
                    };
                    let topics = subscription.seats.as_slice().iter();
                    let here = topics.filter(|seat| *broker.hub().name(seat.topic) == name);
                    let technique = match conn.state.name() {
                        Name::Parked => Technique::LongPoll,
                        Name::Streaming => Technique::Sse,
                        Name::Telling => continue, // It has a seat, and does not stay.
                        _ => Technique::WebSocket,
                    };
                    counts[technique as usize] += here.count() as u32;
                }
            }
            let told = self.world.sequencer.subscribers(&name);
            let told = Technique::ALL.map(|technique| told.of(technique));
            assert_eq!(told, counts, "readers of {name}");
        }
    }

    fn sum(&self, pick: impl Fn(&Account) -> u64) -> u64 {
        let ledger = self.world.ledger();
        let accounts = Payer::ALL.iter().map(|&payer| ledger.account(payer));
        accounts.map(pick).sum()
    }

    /// The ledger's bytes are the pipes' bytes. While there are connections, some of those that
    /// came lie in inboxes, and some of those that went are charged with the rest of their segment.
    pub fn check_bytes(&self, over: bool) {
        for identity in self.world.parts().identities() {
            assert!(identity.holds(), "{identity:?}");
        }
        let came = self.sum(|account| account.bytes_in.total());
        let went = self.sum(|account| account.bytes_out.total());
        let mut kept = 0;
        for broker in &self.world.brokers {
            let conns = broker.conn_ids().filter_map(|id| broker.conn(id));
            kept += conns.map(|conn| conn.aside.inbox().map_or(0, Inbox::len) as u64).sum::<u64>();
        }
        let pipes = self.world.pipes.iter();
        let (read, written) = pipes.fold(self.world.unseen, |(read, written), pipe| {
            (read + pipe.bytes_read, written + pipe.bytes_written)
        });
        assert_eq!(came + kept, read, "bytes that came in");
        assert!(went <= written, "{went} bytes went out, {written} were written");
        assert!(!over || went == written, "{went} bytes went out of {written}");
    }

    /// Everybody is gone, and time has passed.
    pub fn check_end(&self) {
        for (n, broker) in self.world.brokers.iter().enumerate() {
            assert_eq!(broker.hub().holdings(), (0, 0, 0), "thread {n} holds nothing");
        }
        assert_eq!(self.world.sequencer.names(), 0, "names in the sequencer");
        assert_eq!(self.world.places.total(), 0, "places");
        let in_flight = self.world.stored.as_ref().map(|stored| stored.in_flight());
        assert_eq!(in_flight.unwrap_or(0), 0, "the store owes answers");
        self.check_everybody_is_gone();
    }

    /// Everybody is gone.
    pub fn check_everybody_is_gone(&self) {
        for (n, broker) in self.world.brokers.iter().enumerate() {
            let states: Vec<_> = broker.conn_ids().filter_map(|id| broker.conn(id)).collect();
            assert_eq!(broker.connections(), 0, "on thread {n}: {states:?}");
        }
        assert_eq!(self.world.open_files(), 0);
        self.check_bytes(true);
        let opened = self.sum(|account| account.opened);
        let closed = self.sum(Account::closed_total);
        assert_eq!((opened, closed), (self.world.pipes.len() as u64, opened));
        assert!(self.world.pipes.iter().all(|pipe| pipe.closed.is_some()));
    }
}
