//! The latest answer to a poll, given again to whoever asks the same.
//!
//! Long polls that one message releases have asked the same, if they were up to date, and so have
//! clients that poll one topic at intervals. Their answers do not differ by a byte within one
//! second, whose date is in them: so the first of them is made, and the others share it.
//!
//! Came from: `poll`. Goes to: the same. Absent on purpose: answers that only few can share: to
//! readers of several topics, to pages of other sites, to whoever shows an entity tag, and those
//! that begin with a gap.

use std::num::NonZeroU16;
use std::rc::Rc;

use crate::conn::request::Read;
use crate::conn::response_context::ResponseContext;
use crate::hub::fingerprint::HubState;
use crate::hub::{Hub, Start};
use crate::ids::{Seq, TopicId};
use crate::technique::{Bundle, Format};
use crate::wire::response::Status;

/// The terms of a poll that its answer depends on, beside how it is to be worded.
#[derive(Debug, Clone, Copy)]
pub(super) struct PollTerms {
    /// Whether several topics were asked for, so that each message names its own.
    pub(super) named: bool,
    /// The largest number of messages in the answer, up to
    /// [`POLL_MESSAGES_MAX`](crate::limits::POLL_MESSAGES_MAX).
    pub(super) limit: u16,
}

impl PollTerms {
    /// How messages are encoded for it.
    pub(super) fn format(self) -> Format {
        if self.named { Format::PollNamed } else { Format::Poll }
    }
}

/// An answer, and all that it depends on but the date.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) question: Question,
    /// The request that it was given to at once, and what was in all logs of this thread then.
    pub(super) told_to: Option<(Rc<Read>, HubState)>,
    pub(super) status: Status,
    pub(super) answer: Rc<Bundle>,
}

impl Given {
    /// Whether it answers `read` as well: the same request, heard before, when in no log of this
    /// thread anything has changed.
    pub(super) fn answers(&self, read: &Rc<Read>, context: &ResponseContext, hub: &Hub) -> bool {
        let Question { keep_alive, http10, .. } = self.question;
        let same = |(asked, state): &(Rc<Read>, HubState)| {
            Rc::ptr_eq(asked, read) && *state == hub.state()
        };
        self.told_to.as_ref().is_some_and(same)
            && (keep_alive, http10) == (context.keep_alive, context.http10)
    }
}

/// All that an answer depends on but the date. What is retained of a topic after a cursor is told
/// by its first and its last message: a number is never given twice, so that this holds for a topic
/// that has the slot of another, too.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    news: Option<(Seq, Seq)>,
    cursor: Seq,
    limit: u16,
    wait_s: Option<NonZeroU16>,
    keep_alive: bool,
    http10: bool,
}

impl Question {
    /// What is asked. `None`: few will ask the same.
    pub(super) fn of(
        hub: &Hub,
        topics: &[TopicId],
        start: &Start,
        terms: PollTerms,
        context: &ResponseContext,
    ) -> Option<Self> {
        let of_one = topics.len() <= 1 && !terms.named;
        let plain = context.allow_origin().is_none() && !context.head_only;
        if !of_one || !plain || start.gap.is_some() || !context.if_none_match().is_empty() {
            return None;
        }
        let log = topics.first().map(|topic| hub.log(*topic));
        let first = log.and_then(|log| log.get(log.after(start.cursor)).map(|e| (log, e)));
        Some(Self {
            news: first.map(|(log, first)| (first.seq(), log.tip())),
            cursor: start.cursor,
            limit: terms.limit,
            wait_s: context.wait_s,
            keep_alive: context.keep_alive,
            http10: context.http10,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::broker::{Broker, Effect, Letter, Setup};
    use std::sync::Arc;

    use crate::hub::Receipt;
    use crate::hub::forgotten::group;
    use crate::hub::past::Past;
    use crate::ids::{ConnId, Door, Millis, Seq, TopicName, WallSecond};
    use crate::ledger::Payer;
    use crate::limits::Limits;
    use crate::store::sequencer::{Commit, Sequencer};

    /// A broker with clients, each of which has asked for something.
    struct Bench {
        broker: Broker,
        sequencer: Sequencer,
    }

    impl Bench {
        fn new() -> Self {
            let mut broker = Broker::new(Setup::default());
            broker.wall_clock(WallSecond { unix_s: 784_111_777, ends: Millis(1000) });
            Self { broker, sequencer: Sequencer::default() }
        }

        fn ask(&mut self, request: &str) -> ConnId {
            let peer = "192.0.2.1:1".parse().expect("an address");
            let id = self.broker.accepted(peer, Door::Public, Millis(0)).expect("there is room");
            let mut request = format!("{request}\r\nHost: tollway.example\r\n\r\n").into_bytes();
            self.broker.received(id, &mut request, Millis(1));
            id
        }

        fn publish(&mut self, text: &str) {
            let length = text.len();
            let id = self.ask(&format!("PUT /chat HTTP/1.1\r\nContent-Length: {length}"));
            self.broker.received(id, &mut text.as_bytes().to_vec(), Millis(1));
            while let Some(effect) = self.broker.next_effect() {
                let Effect::Publish { conn, draft } = effect else { continue };
                let commit = self.sequencer.commit(draft, Millis(1).micros());
                let Commit::Appended { message, subscribers, .. } = commit else { continue };
                let receipt = Some(Receipt { conn, seq: message.seq, subscribers });
                self.broker.letter(Letter::Committed { message, receipt }, Millis(1));
            }
            while self.broker.deliver(Millis(1)) {}
        }

        /// What waits for a client, and whether it is one piece.
        fn answer(&self, id: ConnId) -> String {
            let outbox = self.broker.outbox(id).expect("it is open");
            let bytes = outbox.only_slice().expect("a poll's answer is one piece");
            String::from_utf8(bytes.to_vec()).expect("text")
        }

        fn kept(&self) -> bool {
            self.broker.shard.given.is_some()
        }
    }

    #[test]
    fn who_asks_the_same_is_given_the_same_and_nobody_else_is() {
        let mut bench = Bench::new();
        bench.publish("one");
        bench.publish("two");
        let plain = "GET /chat?since=earliest HTTP/1.1";
        let first = bench.ask(plain);
        let first = bench.answer(first);
        assert!(first.contains(r#""data":"one""#) && bench.kept());
        let again = bench.ask(plain);
        assert_eq!(bench.answer(again), first);
        for (request, differs) in [
            ("GET /chat?since=earliest&limit=1 HTTP/1.1", r#""more":true"#),
            ("GET /chat?since=1-1 HTTP/1.1", r#""messages":[{"id":"1-2""#),
            ("GET /chat?since=earliest&wait=5 HTTP/1.1", "Preference-Applied: wait=5"),
            ("GET /chat?since=earliest&wait=6 HTTP/1.1", "Preference-Applied: wait=6"),
            ("GET /chat?since=latest HTTP/1.1", "204 No Content"),
            ("GET /else?since=earliest HTTP/1.1", "204 No Content"),
            ("GET /chat,else?since=earliest HTTP/1.1", r#""topic":"chat""#),
            ("GET /chat?since=earliest HTTP/1.0\r\nConnection: keep-alive", "keep-alive"),
            ("GET /chat?since=earliest HTTP/1.1\r\nConnection: close", "Connection: close"),
            ("GET /chat?since=e-5 HTTP/1.1", r#""gap":"#),
            ("GET /chat?since=earliest HTTP/1.1\r\nIf-None-Match: *", "304 Not Modified"),
        ] {
            let id = bench.ask(request);
            assert!(bench.answer(id).contains(differs), "{request}: {}", bench.answer(id));
            let id = bench.ask(plain);
            assert_eq!(bench.answer(id), first, "after {request}");
        }
        let head = bench.ask("HEAD /chat?since=earliest HTTP/1.1");
        assert!(first.starts_with(&bench.answer(head)) && bench.answer(head).ends_with("\r\n\r\n"));
    }

    #[test]
    fn another_second_and_another_message_make_another_answer() {
        let mut bench = Bench::new();
        bench.publish("one");
        let plain = "GET /chat?since=earliest HTTP/1.1";
        let id = bench.ask(plain);
        let first = bench.answer(id);
        bench.broker.wall_clock(WallSecond { unix_s: 784_111_778, ends: Millis(1000) });
        assert!(!bench.kept());
        let id = bench.ask(plain);
        assert_eq!(bench.answer(id), first.replace("08:49:37", "08:49:38"));
        bench.publish("two");
        let id = bench.ask(plain);
        assert!(bench.answer(id).contains(r#""data":"two""#));
        bench.broker.forget_renditions();
        assert!(!bench.kept());
    }

    #[test]
    fn polls_that_one_message_releases_are_told_alike() {
        let mut bench = Bench::new();
        let waiting = [(); 3].map(|()| bench.ask("GET /chat?since=latest&wait=5 HTTP/1.1"));
        assert!(waiting.iter().all(|id| bench.answer(*id).is_empty()));
        bench.publish("one");
        let answers = waiting.map(|id| bench.answer(id));
        assert!(answers[0].contains(r#""data":"one""#), "{}", answers[0]);
        assert!(answers.iter().all(|answer| *answer == answers[0]));
    }

    /// Asks three times, so that the third is familiar, and over a connection of its own.
    fn asked_thrice(bench: &mut Bench, request: &str) -> [String; 3] {
        [(); 3].map(|()| {
            let id = bench.ask(request);
            bench.answer(id)
        })
    }

    #[test]
    fn a_familiar_poll_is_answered_as_one_that_is_read() {
        for request in [
            "GET /chat HTTP/1.1",
            "GET /chat?since=latest HTTP/1.1",
            "GET /chat?since=unknown HTTP/1.1",
            "GET /chat,other HTTP/1.1",
            "HEAD /chat HTTP/1.1",
            "GET /chat HTTP/1.0\r\nConnection: keep-alive",
            "GET /chat HTTP/1.1\r\nConnection: close",
            "GET /chat?wait=5 HTTP/1.1\r\nLast-Event-ID: earliest",
            "GET /chat HTTP/1.1\r\nOrigin: http://tollway.example",
            "GET /chat HTTP/1.1\r\nIf-None-Match: *",
        ] {
            let mut bench = Bench::new();
            bench.publish("one");
            let [first, second, third] = asked_thrice(&mut bench, request);
            assert!(first.starts_with("HTTP/1.1 "), "{request}");
            assert_eq!((&second, &third), (&first, &first), "{request}");
            bench.publish("two");
            let again = bench.ask(request);
            let told = first.contains(r#""data":"one""#);
            assert_eq!(bench.answer(again).contains(r#""data":"two""#), told, "{request}");
        }
    }

    #[test]
    fn a_familiar_long_poll_waits_and_is_parted_from_one_that_was_told_at_once() {
        let mut bench = Bench::new();
        bench.publish("one");
        let request = "GET /chat?since=latest&wait=5 HTTP/1.1";
        assert_eq!(asked_thrice(&mut bench, request), [""; 3], "all of them wait");
        bench.broker.expire(Millis(10_000));
        assert!(bench.kept(), "they have waited, and were answered");
        let id = bench.ask(request);
        assert_eq!(bench.answer(id), "", "the answer to those that have waited is not its own");
    }

    #[test]
    fn a_familiar_poll_hears_what_a_forgotten_topic_has_lost() {
        let name = |n: u32| TopicName::parse(&format!("t{n}")).expect("a good name");
        let chat = TopicName::parse("chat").expect("a good name");
        let shares = |n: &u32| group(7, &name(*n)) == group(7, &chat);
        let other = name((0..1_000_000).find(shares).expect("names are many and groups are few"));
        // Group 0 stands for any: with one, the key is kept.
        let past = Past { group_key: 7, lost: vec![(0, Seq(0))], ..Past::default() };
        let mut bench = Bench::new();
        bench.broker = Broker::new(Setup { past: Some(Arc::new(past)), ..Setup::default() });
        let reader = bench.ask("GET /chat/sse HTTP/1.1");
        bench.publish("one");
        let late = Limits::default().history_age_ms + 1;
        bench.broker.expire(Millis(late));
        let request = format!("GET /{other}?since=earliest HTTP/1.1");
        let [.., third] = asked_thrice(&mut bench, &request);
        // The last reader of a topic that has lost all leaves, and the topic is forgotten.
        bench.broker.peer_finished(reader, Millis(late));
        while bench.broker.next_subscriber_change().is_some() {}
        let familiar = bench.ask(&request);
        let familiar = bench.answer(familiar);
        let read = bench.ask(&format!("{request}\r\nDiffers: yes"));
        assert_eq!(familiar, bench.answer(read));
        assert_ne!(familiar, third);
    }

    #[test]
    fn what_is_familiar_at_one_door_is_not_at_another() {
        let mut bench = Bench::new();
        bench.publish("one");
        let request = "GET /chat HTTP/1.1";
        asked_thrice(&mut bench, request);
        let peer = "192.0.2.1:1".parse().expect("an address");
        let id = bench.broker.accepted(peer, Door::Admin, Millis(1)).expect("there is room");
        let mut bytes = format!("{request}\r\nHost: tollway.example\r\n\r\n").into_bytes();
        bench.broker.received(id, &mut bytes, Millis(1));
        assert_eq!(bench.broker.ledger().account(Payer::ShortPoll).requests, 3);
    }
}
