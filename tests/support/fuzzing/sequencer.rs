//! The sequencer: places without holes, repeats by key and age, and readers counted, as a list of
//! everything that was ever asked says.
//!
//! Came from: operations. Goes to: `store::sequencer`.

use tollway::hub::SubscriberChange;
use tollway::ids::{Millis, ShardId, TopicName};
use tollway::limits::IDEMPOTENCY_MS_MAX;
use tollway::store::sequencer::{Commit, Sequencer};
use tollway::technique::Technique;
use tollway::technique::message::{Draft, Payload, Unnumbered};

use super::operations::{self, operations};

operations! {
    /// What can be asked of the sequencer.
    pub enum Step {
        /// To give a message its place; with key 0 it has none.
        Commit { topic: u8, key: u8 }
        /// To note that readers came, or that some of those that are there went.
        SubscriberChange { topic: u8, technique: u8, change: i8 }
        /// Time goes on.
        Sleep { s: u16 }
    }
}

/// A key that was given, where, when, and to which place.
struct Given {
    topic: u8,
    key: u8,
    at: u64,
    seq: u64,
}

pub fn check(input: &[u8]) {
    let mut sequencer = Sequencer::default();
    let mut given: Vec<Given> = Vec::new();
    let mut readers = [[0_u32; Technique::ALL.len()]; 4];
    let (mut now, mut tip) = (0, 0);
    operations::play(input, 500, |step: Step| {
        match step {
            Step::Commit { topic, key } => {
                let (topic, key) = (topic % 4, key % 8);
                let young = |g: &&Given| now - g.at < IDEMPOTENCY_MS_MAX;
                let same = |g: &&Given| key > 0 && g.topic == topic && g.key == key;
                let before = given.iter().find(|g| young(g) && same(g)).map(|g| g.seq);
                let reading = readers[usize::from(topic)].iter().sum::<u32>();
                match sequencer.commit(draft(topic, key), Millis(now).micros()) {
                    Commit::Appended { message, subscribers, .. } => {
                        tip += 1;
                        assert_eq!((before, message.seq.0), (None, tip), "the next place");
                        assert_eq!((subscribers, message.at), (reading, Millis(now).micros()));
                        assert_eq!(message.topic, name(topic));
                        given.push(Given { topic, key, at: now, seq: tip });
                    }
                    Commit::Repeated { seq, subscribers } => {
                        assert_eq!((Some(seq.0), subscribers), (before, reading));
                    }
                    Commit::TooFast { .. } => panic!("there is no bound"),
                }
            }
            Step::SubscriberChange { topic, technique, change } => {
                let technique = Technique::ALL[usize::from(technique) % Technique::ALL.len()];
                let count = &mut readers[usize::from(topic % 4)][technique as usize];
                let change = i32::from(change).max(-(*count as i32));
                let change =
                    SubscriberChange { topic: name(topic % 4), technique, difference: change };
                sequencer.take(&change, ShardId(0));
                if technique != Technique::ShortPoll {
                    *count = count.saturating_add_signed(change.difference);
                }
            }
            Step::Sleep { s } => now += u64::from(s) * 100,
        }
        agree(&sequencer, &given, &readers);
    });
}

fn agree(sequencer: &Sequencer, given: &[Given], readers: &[[u32; Technique::ALL.len()]; 4]) {
    for (topic, counts) in readers.iter().enumerate() {
        let reading = sequencer.subscribers(&name(topic as u8));
        assert_eq!(Technique::ALL.map(|technique| reading.of(technique)), *counts);
        assert_eq!(reading.total(), counts.iter().sum::<u32>());
    }
    let read = readers.iter().filter(|counts| counts.iter().any(|&n| n > 0)).count();
    let keys = given.iter().filter(|g| g.key > 0).count();
    assert!(sequencer.names() >= read && sequencer.names() <= read + keys);
}

fn name(topic: u8) -> TopicName {
    TopicName::parse(["a", "b", "c", "d"][usize::from(topic)]).unwrap()
}

fn draft(topic: u8, key: u8) -> Draft {
    Draft {
        message: Unnumbered::new(name(topic), None, Payload::posted(vec![key])),
        from: std::net::IpAddr::from([192, 0, 2, key]).into(),
        idempotency_key: (key > 0).then(|| key.to_string().into()),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let commit = |topic, key| Step::Commit { topic, key };
    let change = |topic, technique, change| Step::SubscriberChange { topic, technique, change };
    let stories: [Vec<Step>; 3] = [
        vec![commit(0, 0), commit(0, 1), commit(0, 1), commit(1, 1), commit(0, 0)],
        vec![
            commit(0, 1),
            Step::Sleep { s: 5999 },
            commit(0, 1),
            Step::Sleep { s: 1 },
            commit(0, 1),
        ],
        vec![change(0, 2, 3), change(0, 3, 1), change(0, 0, 5), commit(0, 0), change(0, 2, -9)],
    ];
    stories.iter().map(|story| operations::write(story)).collect()
}
