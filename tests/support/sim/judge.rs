//! Whether a reader was told the truth: nothing missing without a gap, nothing twice, no gap
//! without a loss.

use super::stage::{Stage, id, place};
use tollway::ids::Epoch;

/// Where a reader asks to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    Earliest,
    Latest,
    After(u64),
    /// A cursor of another numbering, or of none.
    Foreign,
}

/// What a reader asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    pub topics: Vec<usize>,
    pub from: From,
    /// The cursor as it was sent.
    pub text: String,
    /// What of these topics had been acknowledged, to anybody, before the request was begun.
    pub acked: u64,
}

/// A gap, as it was said.
#[derive(Debug, PartialEq, Eq)]
pub struct Gap {
    pub from: String,
    pub to: String,
    pub reason: String,
}

/// Where a reader stands.
#[derive(Clone, Debug)]
pub struct Stand {
    shard: usize,
    pub topics: Vec<usize>,
    /// Everything up to here was seen, or said to be missing.
    pub at: u64,
    /// It came with a cursor that is not ours, and must be told of a gap before anything else.
    pub lost_its_way: bool,
    /// A gap was told without a cursor: the message that ended it may have been lost since.
    maybe: u64,
    /// For readers of several topics: up to where each topic's losses were said already.
    excused: Vec<u64>,
}

impl Stand {
    /// A reader that is greeted with the cursor `greeting`.
    pub fn greeted(stage: &Stage, shard: usize, ask: &Ask, greeting: &str) -> Self {
        let mut stand = Self {
            shard,
            topics: ask.topics.clone(),
            at: 0,
            lost_its_way: ask.from == From::Foreign,
            maybe: 0,
            excused: vec![0; stage.oracle.names.len()],
        };
        match ask.from {
            From::After(at) => {
                assert_eq!(greeting, ask.text, "greeted with the cursor it came with");
                stand.at = at;
            }
            From::Foreign => assert_eq!(greeting, ask.text, "the gap comes first"),
            From::Latest => {
                stand.at = place(stage.epoch, greeting).expect("an id of this world");
                assert!(stand.at >= ask.acked, "the newest is older than {}", ask.acked);
                assert!(stand.at <= stage.oracle.tip());
            }
            From::Earliest => {
                stand.begin(stage, place(stage.epoch, greeting).expect("an id of this world"))
            }
        }
        stand
    }

    /// A reader of whatever is retained: what is not was never promised.
    fn begin(&mut self, stage: &Stage, at: u64) {
        for missed in stage.oracle.between(&self.topics, 0, at) {
            self.check_lost(stage, missed);
        }
        self.at = at;
        self.excuse(stage);
    }

    /// A poll that starts from `ask`, with what its answer began with.
    pub fn polling(
        stage: &Stage,
        shard: usize,
        ask: &Ask,
        gap: Option<&Gap>,
        first: Option<u64>,
        next: u64,
    ) -> Self {
        let mut stand = Self {
            shard,
            topics: ask.topics.clone(),
            at: 0,
            lost_its_way: ask.from == From::Foreign,
            maybe: 0,
            excused: vec![0; stage.oracle.names.len()],
        };
        // A poll that waited, and lost what it waited for, tells where it began.
        let began = gap.and_then(|gap| place(stage.epoch, &gap.from));
        let began = began.unwrap_or(first.map_or(next, |first| first - 1));
        match ask.from {
            From::After(at) => stand.at = at,
            From::Earliest => stand.begin(stage, began),
            From::Latest => {
                stand.at = began;
                assert!(began >= ask.acked, "not the newest: {began} < {}", ask.acked);
            }
            From::Foreign => assert!(gap.is_some(), "a foreign cursor was taken for ours"),
        }
        if let Some(gap) = gap {
            let place_before = first.map_or(next, |first| first - 1);
            stand.gap(stage, ask, gap, place_before);
        }
        stand
    }

    /// A gap was declared, and the reader goes on from behind `cursor`.
    pub fn gap(&mut self, stage: &Stage, ask: &Ask, gap: &Gap, cursor: u64) {
        let to = place(stage.epoch, &gap.to).expect("a gap ends at an id of this world");
        assert!(to == cursor || to == cursor + 1, "{gap:?} goes on from {cursor}");
        if self.in_gap() && place(stage.epoch, &gap.from) == Some(self.maybe) {
            self.at = self.maybe; // So nothing had followed.
        }
        let foreign = std::mem::take(&mut self.lost_its_way);
        if foreign && place(Epoch(stage.epoch.0.wrapping_sub(1)), &ask.text).is_some() {
            stage.see("the cursor of a server that was killed");
        }
        stage.see(match (gap.reason.as_str(), self.topics.len()) {
            ("epoch", _) => "gap: epoch",
            ("expired", 1) => "gap: expired",
            ("expired", _) => "gap: expired, of several topics",
            (_, 1) => "gap: slow",
            _ => "gap: slow, of several topics",
        });
        match gap.reason.as_str() {
            "epoch" => assert!(foreign, "{gap:?} for {ask:?}"),
            "expired" => assert!(!foreign && gap.from == ask.text, "{gap:?} for {ask:?}"),
            "slow" => assert!(!foreign, "{gap:?} for {ask:?}"),
            other => panic!("no gap has the reason {other:?}"),
        }
        let from = if foreign { &ask.text } else { &id(stage.epoch, self.at) };
        assert!(gap.from == *from, "{gap:?}, and the reader is at {from}");
        let follows = to == cursor + 1;
        assert!(to > self.at || foreign, "{gap:?} leads back");
        if follows {
            let known = to <= stage.oracle.tip();
            let topic = known.then(|| stage.oracle.topic_at(to));
            let ours = topic.is_some_and(|topic| self.topics.contains(&topic));
            assert!(ours, "{gap:?} ends at a message that nobody asked for");
        }
        let missed = stage.oracle.between(&self.topics, self.at, cursor);
        for &missed in &missed {
            self.check_lost(stage, missed);
        }
        if !foreign {
            self.check_needed(stage, gap, &missed);
        }
        self.at = cursor;
        self.excuse(stage);
    }

    /// As [`Self::gap`], from words that do not say whether `to` follows, or is where it goes on.
    pub fn gap_without_cursor(&mut self, stage: &Stage, ask: &Ask, gap: &Gap) {
        let to = place(stage.epoch, &gap.to).expect("a gap ends at an id of this world");
        let known = to > 0 && to <= stage.oracle.tip();
        let topic = known.then(|| stage.oracle.topic_at(to));
        let topic = topic.filter(|topic| self.topics.contains(topic));
        let held = topic.is_some_and(|topic| stage.lost(self.shard, topic) < to);
        self.gap(stage, ask, gap, if held { to - 1 } else { to });
        if topic.is_some() {
            self.at = to - 1;
            self.maybe = to;
        }
    }

    /// Whether it was told of a gap, and of nothing since.
    pub fn in_gap(&self) -> bool {
        self.at < self.maybe
    }

    /// A message may be missing only when its thread has lost it, and was allowed to.
    fn check_lost(&self, stage: &Stage, missed: u64) {
        let held = stage.oracle.must_be_held(missed, stage.world.now);
        assert!(!held, "{missed} is within all bounds, and not delivered");
        let lost = stage.lost(self.shard, stage.oracle.topic_at(missed));
        assert!(lost >= missed, "{missed} is in the log, and not delivered");
    }

    /// No gap without a loss. Two exceptions: names that fall into one group of forgotten names,
    /// and losses of one topic that were said before, while another topic's messages still come.
    fn check_needed(&self, stage: &Stage, gap: &Gap, missed: &[u64]) {
        let mut topics = self.topics.iter();
        let several = self.topics.len() > 1;
        let needed = !missed.is_empty()
            || topics.any(|&topic| {
                stage.confuses(self.shard, topic, self.at)
                    || several && stage.lost(self.shard, topic) > self.at
            });
        assert!(needed, "{gap:?} where nothing was lost behind {}", self.at);
    }

    /// One gap speaks for the losses of all topics.
    fn excuse(&mut self, stage: &Stage) {
        if self.topics.len() > 1 {
            for &topic in &self.topics {
                let lost = stage.lost(self.shard, topic);
                self.excused[topic] = self.excused[topic].max(lost);
            }
        }
    }

    /// The first message of its topics behind `after`, up to `upto`.
    pub fn next_behind(&self, stage: &Stage, after: u64, upto: u64) -> Option<u64> {
        let all = stage.oracle.between(&self.topics, after, upto);
        all.first().copied()
    }

    /// Whether the loss of the message at `missed` was said.
    pub fn is_excused(&self, stage: &Stage, missed: u64) -> bool {
        let excused = self.excused[stage.oracle.topic_at(missed)] >= missed;
        (excused || missed == self.maybe) && !stage.oracle.must_be_held(missed, stage.world.now)
    }

    /// A message came.
    pub fn message(&mut self, stage: &Stage, at: u64) {
        assert!(!self.lost_its_way, "a foreign cursor was taken for ours");
        assert!(at > self.at, "{at} comes behind {}: twice, or out of order", self.at);
        assert!(at <= stage.oracle.tip(), "{at} was never committed");
        let topic = stage.oracle.topic_at(at);
        assert!(self.topics.contains(&topic), "{at} is of a topic not asked for");
        self.skip(stage, at - 1);
        self.at = at;
    }

    /// Nothing of its topics may lie between where it stands and `upto`.
    pub fn skip(&self, stage: &Stage, upto: u64) {
        for missed in stage.oracle.between(&self.topics, self.at, upto) {
            let excused = self.is_excused(stage, missed);
            assert!(excused, "{missed} is missing, behind {}", self.at);
        }
    }

    /// The first message that it should have and has not, if any.
    pub fn owed(&self, stage: &Stage) -> Option<u64> {
        let all = stage.oracle.between(&self.topics, self.at, stage.oracle.tip());
        all.into_iter().find(|&at| !self.is_excused(stage, at))
    }
}
