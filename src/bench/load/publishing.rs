//! The half of the load that publishes: what is due, as far as there is room.
//!
//! Came from: the loop, before it waits. Goes to: `publishers`, or in an echo to the readers' own
//! sockets. Absent on purpose: waiting. What has no room is published when the loop comes by again,
//! and its latency counts from when it was due.

use super::super::in_flight::SentOutcome;
use super::{Load, clock};

impl Load<'_> {
    /// Publishes what is due and has room, and notes when to look again.
    pub(super) fn publish(&mut self, now: u64) {
        self.look_us = None;
        if !self.publishes || self.is_over(now) {
            return;
        }
        self.looked_us = now;
        if self.schedule.rate.is_some() {
            self.publish_due(now);
        } else {
            self.publish_with_room(now);
        }
        if let Some(length_us) = self.schedule.length_us {
            let end = self.started_us + length_us;
            self.look_us = Some(self.look_us.map_or(end, |due| due.min(end)));
        }
        self.publishers.flush(&mut self.messages, clock::shared_us);
    }

    /// With a rate: what is due, on one topic after the other. What has no room is late.
    fn publish_due(&mut self, now: u64) {
        self.messages.eased.clear();
        let in_flight_max = (IN_FLIGHT_BYTES_MAX / self.options.size).clamp(1, IN_FLIGHT_MAX);
        while self.schedule.has(self.sent) {
            let due = self.started_us + self.schedule.due_us(self.sent);
            if due > now {
                self.look_us = Some(due);
                break;
            }
            // Exact: less than there are topics.
            let topic = (self.sent % self.options.topics as u64) as u32;
            if self.messages.topic(topic).readers() == 0 {
                // Its readers are lost, and counted.
                self.sent += 1;
                self.skipped += 1;
                continue;
            }
            if self.messages.in_flight() >= in_flight_max || !self.takes(topic) {
                break;
            }
            self.publish_one(topic, Some(due));
        }
    }

    /// Without a rate: on each topic as many as may be in flight, one topic after the other.
    fn publish_with_room(&mut self, now: u64) {
        let pause_us = self.publishers.pause_until_us(now);
        for topic in self.messages.eased.drain(..).collect::<Vec<_>>() {
            let in_flight = self.messages.topic(topic).count();
            self.rooms.eased(topic, in_flight, pause_us.unwrap_or(now));
        }
        if pause_us.is_some() {
            self.look_us = pause_us;
            return;
        }
        while let Some(topic) = self.rooms.first()
            && self.schedule.has(self.sent)
        {
            if self.messages.topic(topic).readers() == 0 {
                self.rooms.leave_out(); // Its readers are lost, and counted.
                continue;
            }
            if !self.takes(topic) {
                break;
            }
            self.publish_one(topic, self.rooms.due_us());
            self.rooms.published(self.messages.topic(topic).count());
        }
    }

    /// Whether the connection by which a topic is published takes more.
    fn takes(&mut self, topic: u32) -> bool {
        if self.by_reader() {
            return self.readers.has_room(topic as usize);
        }
        self.publishers.takes(topic)
    }

    /// Publishes, also what has been due for long. When it is sent is looked up then: a loop that
    /// sends many takes its time, and what comes last is later than the loop's beginning says.
    fn publish_one(&mut self, topic: u32, due_us: Option<u64>) {
        self.sent += 1;
        if self.by_reader() {
            let messages = &mut self.messages;
            self.readers.publish(topic as usize, due_us, messages, clock::shared_us);
            return;
        }
        let (number, payload) = self.messages.publish(topic, due_us, SentOutcome::Awaited);
        self.publishers.publish(topic, number, payload);
    }

    /// Reader and topic have the same number then.
    fn by_reader(&self) -> bool {
        self.options.publishes_by_reader(self.technique)
    }
}

/// With a rate: messages in flight, beyond which what is due waits here, and is late.
const IN_FLIGHT_MAX: usize = 10_000;
/// The same in bytes.
const IN_FLIGHT_BYTES_MAX: usize = 64 * 1024 * 1024;
