//! A trace: what the first client of a swarm did and saw, moment by moment.
//!
//! Came from: `swarm`, when its plan asks for it. Goes to: the swarm's report, and to whoever draws
//! it. Absent on purpose: the other clients; they do the same, a little later.

use serde::{Deserialize, Serialize};

use super::subscriber::ReadMode;

/// Moments kept, which is more than can be drawn.
const MOMENTS_MAX: usize = 10_000;

/// Something that went over the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// When the client sent it, or had it whole, in microseconds.
    pub at_us: u64,
    /// From the server.
    pub is_answer: bool,
    /// Bytes of it.
    pub bytes: u64,
    /// When the messages in it were published, in microseconds.
    pub published_us: Vec<u64>,
}

/// The trace of one client.
#[derive(Debug, Default)]
pub(super) struct Trace {
    moments: Vec<Moment>,
    /// Of an answer that is not whole.
    begun: Option<Moment>,
}

impl Trace {
    /// A request has left.
    pub(super) fn asked(&mut self, at_us: u64, bytes: usize) {
        self.note(Moment {
            at_us,
            is_answer: false,
            bytes: bytes as u64,
            published_us: Vec::new(),
        });
    }

    /// Bytes have come, with messages that were published then. A poll's answer is one moment, the
    /// one in which it is whole; of a stream, each arrival is one.
    pub(super) fn came(
        &mut self,
        mode: ReadMode,
        at_us: u64,
        bytes: usize,
        published_us: Vec<u64>,
        is_whole: bool,
    ) {
        let mut moment = self.begun.take().unwrap_or(Moment {
            at_us,
            is_answer: true,
            bytes: 0,
            published_us: Vec::new(),
        });
        moment.at_us = at_us;
        moment.bytes += bytes as u64;
        moment.published_us.extend(published_us);
        let polls = matches!(mode, ReadMode::ShortPoll { .. } | ReadMode::LongPoll { .. });
        if polls && !is_whole {
            self.begun = Some(moment);
        } else {
            self.note(moment);
        }
    }

    /// All of it, in order.
    pub(super) fn moments(&self) -> &[Moment] {
        &self.moments
    }

    fn note(&mut self, moment: Moment) {
        if self.moments.len() < MOMENTS_MAX {
            self.moments.push(moment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_pieces_is_one_moment_and_a_stream_has_many() {
        let long = ReadMode::LongPoll { wait_s: 25 };
        let mut trace = Trace::default();
        trace.asked(10, 100);
        trace.came(long, 20, 30, vec![], false);
        trace.came(long, 30, 12, vec![15], true);
        let [asked, answer] = trace.moments() else { panic!("two moments: {trace:?}") };
        assert_eq!((asked.at_us, asked.is_answer, asked.bytes), (10, false, 100));
        assert_eq!((answer.at_us, answer.bytes, &*answer.published_us), (30, 42, &[15][..]));
        trace.came(ReadMode::Sse, 40, 1, vec![], false);
        trace.came(ReadMode::Sse, 41, 1, vec![], false);
        assert_eq!(trace.moments().len(), 4);
    }
}
