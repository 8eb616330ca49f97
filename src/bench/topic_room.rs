//! Which topics have room when there is no rate: what decides when the next message goes out.
//!
//! Came from: `load`, with how many messages of a topic are in flight. Goes to: the same, with the
//! topic whose turn it is. Absent on purpose: whether its connection takes a message now. What a
//! connection does not take belongs to its burst nevertheless, and is late.

use std::collections::VecDeque;

/// The room of all topics.
#[derive(Debug, Default)]
pub struct TopicRooms {
    /// Messages of a topic that may be in flight, or that are a burst.
    most: usize,
    /// Whether they go out as bursts: a burst begins when the one before it is with everybody.
    by_burst: bool,
    of_topic: Vec<TopicRoom>,
    /// Topics that have room, each once.
    line: VecDeque<u32>,
}

/// The room of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TopicRoom {
    /// Whether it stands in the line.
    is_in_line: bool,
    /// Messages of its burst that are still to go out.
    rest: usize,
    /// When its burst began.
    began_us: u64,
}

impl TopicRooms {
    /// All have room.
    pub fn new(topics: usize, most: usize, by_burst: bool, now: u64) -> Self {
        let room = TopicRoom { is_in_line: true, rest: most, began_us: now };
        // Exact: topics are at most as many as readers.
        let line = (0..topics as u32).collect();
        Self { most, by_burst, of_topic: vec![room; topics], line }
    }

    /// Fewer messages of a topic are in flight than before: so many. A burst that begins by that
    /// is due at `now`.
    pub fn eased(&mut self, topic: u32, in_flight: usize, now: u64) {
        let room = &mut self.of_topic[topic as usize];
        let has_room = if self.by_burst { in_flight == 0 } else { in_flight < self.most };
        // In the line it has room already: what is left of a burst is not a burst of its own.
        if has_room && !room.is_in_line {
            *room = TopicRoom { is_in_line: true, rest: self.most, began_us: now };
            self.line.push_back(topic);
        }
    }

    /// The topic whose turn it is.
    pub fn first(&self) -> Option<u32> {
        self.line.front().copied()
    }

    /// When its next message is due. `None`: when it is sent.
    pub fn due_us(&self) -> Option<u64> {
        let topic = self.first().filter(|_| self.by_burst)?;
        Some(self.of_topic[topic as usize].began_us)
    }

    /// A message of the topic whose turn it is was published; with it so many are in flight.
    pub fn published(&mut self, in_flight: usize) {
        let Some(topic) = self.line.pop_front() else {
            return;
        };
        let room = &mut self.of_topic[topic as usize];
        room.rest -= usize::from(self.by_burst);
        room.is_in_line = if self.by_burst { room.rest > 0 } else { in_flight < self.most };
        if room.is_in_line {
            self.line.push_back(topic);
        }
    }

    /// Nothing is published any more on the topic whose turn it is.
    pub fn leave_out(&mut self) {
        self.line.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_whole_before_the_next_begins_however_its_messages_come_to_readers() {
        let mut rooms = TopicRooms::new(1, 5, true, 10);
        // A connection takes three, and they are with everybody before it takes the rest.
        for in_flight in 1..=3 {
            assert_eq!((rooms.first(), rooms.due_us()), (Some(0), Some(10)));
            rooms.published(in_flight);
        }
        rooms.eased(0, 0, 20);
        for in_flight in 1..=2 {
            assert_eq!((rooms.first(), rooms.due_us()), (Some(0), Some(10)), "of the same burst");
            rooms.published(in_flight);
        }
        assert_eq!(rooms.first(), None, "five have gone out");
        rooms.eased(0, 1, 30);
        assert_eq!(rooms.first(), None, "one is not with everybody");
        rooms.eased(0, 0, 40);
        assert_eq!((rooms.first(), rooms.due_us()), (Some(0), Some(40)));
    }

    #[test]
    fn without_bursts_a_topic_has_room_for_what_is_not_in_flight() {
        let mut rooms = TopicRooms::new(2, 2, false, 10);
        for (topic, in_flight) in [(0, 1), (1, 1), (0, 2), (1, 2)] {
            assert_eq!((rooms.first(), rooms.due_us()), (Some(topic), None), "due when it is sent");
            rooms.published(in_flight);
        }
        assert_eq!(rooms.first(), None);
        rooms.eased(1, 1, 20);
        rooms.eased(1, 0, 20);
        assert_eq!(rooms.first(), Some(1));
        rooms.leave_out();
        assert_eq!(rooms.first(), None, "it stood there once");
    }
}
