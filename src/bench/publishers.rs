//! All publishers of a run: each has its topics, so that the messages of a topic keep their order.
//!
//! Came from: `load`, with what is due. Goes to: `publisher`; and to `messages` and `readers`, with
//! what became of it. Absent on purpose: sending again what was refused.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process;

use mio::{Registry, Token};

use super::flags::BenchOptions;
use super::in_flight::SentOutcome;
use super::link::LoadLink;
use super::messages::Messages;
use super::publisher::{Answer, LoadPublisher};
use super::readers::Readers;
use crate::client::endpoint::Endpoint;
use crate::client::setback::{is_final, printable};
use crate::shell::clock;
use crate::shell::tls::trust::Trust;

/// All publishers.
pub struct Publishers {
    all: Vec<LoadPublisher>,
    endpoint: Endpoint,
    address: SocketAddr,
    trust: Option<Trust>,
    registry: Registry,
    /// What the topics of this run are called, without their numbers.
    name: String,
    scratch: Box<[u8]>,
    /// Have something to send since the last flush.
    dirty: VecDeque<usize>,
    answers: Vec<Answer>,
    /// Connections that ended without an answer, in a row.
    broken: u32,
    /// Nothing is published until then.
    pause_us: u64,
    /// What the first refusal said.
    pub refusal: Option<String>,
    /// What became of the first publisher that failed.
    pub complaint: Option<String>,
}

impl Publishers {
    /// Connects nobody yet.
    pub fn new(options: &BenchOptions, address: SocketAddr, registry: Registry) -> Self {
        let mut all = Vec::new();
        all.resize_with(options.publishers, LoadPublisher::default);
        Self {
            all,
            endpoint: options.server.endpoint.clone(),
            address,
            trust: options.server.trust.clone(),
            registry,
            // Of its own, so that neither another run's messages nor other people's come by.
            name: format!("bench-{}-{}", process::id(), clock::shared_us()),
            scratch: vec![0; SCRATCH_BYTES].into(),
            dirty: VecDeque::new(),
            answers: Vec::new(),
            broken: 0,
            pause_us: 0,
            refusal: None,
            complaint: None,
        }
    }

    /// What a topic of this run is called.
    pub fn topic_name(&self, topic: u32) -> String {
        format!("{}-{topic}", self.name)
    }

    /// Whether the connection of a topic takes more; connects when there is none. When that fails,
    /// [`Self::are_broken`].
    pub fn takes(&mut self, topic: u32) -> bool {
        let number = topic as usize % self.all.len();
        let publisher = &mut self.all[number];
        if !publisher.is_open() {
            let token = Token(FIRST_PUBLISHER + number);
            let (address, trust) = (self.address, self.trust.as_ref());
            let link = LoadLink::open(address, trust, &self.registry, token, NO_PORT);
            match link {
                Ok(link) => publisher.connected(link),
                Err(why) => {
                    self.broken = BROKEN_MAX;
                    self.lose(number, &why);
                    return false;
                }
            }
        }
        !publisher.is_full()
    }

    /// Publishes; there was just room.
    pub fn publish(&mut self, topic: u32, number: u64, payload: &[u8]) {
        let name = self.topic_name(topic);
        let of = topic as usize % self.all.len();
        self.all[of].publish(&self.endpoint, &name, (topic, number), payload);
        if self.dirty.back() != Some(&of) {
            self.dirty.push_back(of);
        }
    }

    /// Sends what was published since the last time, in as few pieces as there are connections.
    /// Each piece is a system call, and takes its time: the clock is looked at before each.
    pub fn flush(&mut self, messages: &mut Messages, clock: impl Fn() -> u64) {
        while let Some(number) = self.dirty.pop_front() {
            let now = clock();
            for (topic, message) in self.all[number].going_out() {
                messages.sent(topic, message, now);
            }
            self.write(number);
        }
    }

    /// Something happened to a publisher's socket.
    pub fn ready(&mut self, number: usize) {
        self.write(number);
        let publisher = &mut self.all[number];
        if let Err(why) = publisher.read(&mut self.scratch, &mut self.answers) {
            self.lose(number, &why);
        }
    }

    /// No more answers are waited for.
    pub fn give_up(&mut self, messages: &mut Messages, readers: &mut Readers) {
        for number in 0..self.all.len() {
            if !self.all[number].is_idle() {
                self.lose(number, "was waited for no longer");
            }
        }
        // What was given up has no status that could end the run.
        let _ = self.settle(messages, readers);
    }

    /// Tells what became of publishes. An error is a refusal that would come again.
    pub fn settle(&mut self, messages: &mut Messages, readers: &mut Readers) -> Result<(), String> {
        for Answer { topic, number, status, says } in self.answers.drain(..) {
            let outcome = match status / 100 {
                0 => SentOutcome::Unknown,
                2 => SentOutcome::Accepted,
                _ => SentOutcome::Refused,
            };
            self.broken = if status == 0 { self.broken + 1 } else { 0 };
            if let Some(says) = says {
                if is_final(status) {
                    return Err(publish_remedy(status, &says));
                }
                self.refusal.get_or_insert(says);
                self.pause_us = clock::shared_us() + REFUSED_PAUSE_US;
            }
            if messages.answered(topic, number, outcome, status) {
                readers.forgive(topic, number);
            }
        }
        Ok(())
    }

    /// Whether all publishes were answered.
    pub fn are_idle(&self) -> bool {
        self.all.iter().all(LoadPublisher::is_idle)
    }

    /// Whether the server takes no more publishers.
    pub fn are_broken(&self) -> bool {
        self.broken >= BROKEN_MAX
    }

    /// Without a rate a refusal is followed by a pause: publishing what is refused as fast as can
    /// be is no load that anybody wants to know about. `None`: there is none now.
    pub fn pause_until_us(&self, now: u64) -> Option<u64> {
        (self.pause_us > now).then_some(self.pause_us)
    }

    fn write(&mut self, number: usize) {
        let publisher = &mut self.all[number];
        if let Some(link) = &mut publisher.link
            && let Err(why) = link.flush()
        {
            self.lose(number, &why);
        }
    }

    /// Gives up a connection; the first one is told in words.
    fn lose(&mut self, number: usize, why: &str) {
        let before = self.answers.len();
        self.all[number].ended(&mut self.answers);
        let (unanswered, of) = (self.answers.len() - before, self.all.len());
        self.complaint.get_or_insert_with(|| {
            // A server's own words may be in it.
            let (why, s) = (printable(why), if unanswered == 1 { "" } else { "es" });
            let with = match unanswered {
                0 => String::new(),
                _ => format!(", with {unanswered} publish{s} unanswered"),
            };
            format!("publisher {} of {of} {why}{with}", number + 1)
        });
    }
}

/// A refusal that would come again, with what helps.
fn publish_remedy(status: u16, says: &str) -> String {
    let remedy = match status {
        401 | 403 => "; give a --token that may read and publish bench-*",
        413 => "; give a smaller --size",
        _ => "",
    };
    format!("publishing {says}{remedy}")
}

/// The token of the first publisher; those of readers are smaller.
pub const FIRST_PUBLISHER: usize = usize::MAX / 2;
/// What helps when a server ends so many connections of publishers that ports run out.
const NO_PORT: &str = "give a lower --rate";
const SCRATCH_BYTES: usize = 16 * 1024;
/// Publishes without an answer in a row, after which the run is over: more than were under way on
/// three connections.
const BROKEN_MAX: u32 = 3 * 64;
const REFUSED_PAUSE_US: u64 = 10_000;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::ffi::OsString;
    use std::net::TcpListener;

    use mio::Poll;

    use super::*;

    #[test]
    fn how_late_messages_are_is_looked_up_before_each_system_call() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let line = "bench --readers 2 --topics 2 --publishers 2 --url http://127.0.0.1:1";
        let options = BenchOptions::read(line.split(' ').map(OsString::from)).expect("good");
        let poll = Poll::new().expect("a descriptor is left");
        let registry = poll.registry().try_clone().expect("a descriptor is left");
        let mut publishers = Publishers::new(&options, address, registry);
        let mut messages = Messages::new(&[1, 1], options.size);
        for (topic, due_us) in [(0, Some(10)), (0, None), (1, Some(10))] {
            assert!(publishers.takes(topic));
            let (number, payload) = messages.publish(topic, due_us, SentOutcome::Awaited);
            publishers.publish(topic, number, payload);
        }
        let clock = Cell::new(0);
        let tick = || clock.replace(clock.get() + 100) + 100;
        publishers.flush(&mut messages, tick);
        publishers.flush(&mut messages, tick);
        let late = messages.counts.late_us.iter_recorded();
        let late: Vec<_> = late.map(|step| step.value_iterated_to()).collect();
        assert_eq!(late, [0, 90, 190], "the second one was due when it was sent");
        let due_us = |number| messages.topic(0).message(number).and_then(|message| message.due_us);
        assert_eq!([1, 2].map(due_us), [Some(10), Some(100)]);
    }
}
