//! Churn: readers leave and come back, until the time is over or it was often enough.
//!
//! Came from: the loop, when all have subscribed. Goes to: `readers`. Absent on purpose: messages.
//! What is published when all are back shows that none of them is lost.

use signal_hook_mio::v1_0::Signals;

use super::super::figures::Ended;
use super::{EVENTS_MAX, Events, INTERRUPTED_US_MAX, Load, clock};

impl Load<'_> {
    /// Lets readers leave when it is their time. Gives how many were to leave and did not.
    pub(super) fn churn(&mut self, signals: &mut Signals) -> Result<u64, String> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        self.readers.begin_churn();
        let (mut before, mut since_us) = (u64::MAX, clock::shared_us());
        loop {
            let now = clock::shared_us();
            self.let_leave(now);
            let is_over = self.is_over(now);
            if is_over {
                self.over_us.get_or_insert(now);
            }
            if self.readers.are_lost() {
                self.ended.get_or_insert(Ended::Lost);
            }
            let all_are_back = self.readers.are_subscribed();
            if (is_over && all_are_back) || self.ended == Some(Ended::Lost) {
                break;
            }
            let progress = self.readers.counts.reconnects;
            if progress != before || all_are_back {
                (before, since_us) = (progress, now);
            }
            let is_interrupted = matches!(self.ended, Some(Ended::Signal(_)));
            let patience_us = self.options.patience_ms * 1000;
            if now - since_us > if is_interrupted { INTERRUPTED_US_MAX } else { patience_us } {
                self.ended.get_or_insert(Ended::Stalled);
                break;
            }
            self.turn(&mut events, signals)?;
            self.progress.show(now, || {
                let (done, of) = match (self.schedule.count, self.schedule.length_us) {
                    (Some(count), _) => (self.sent, count),
                    (None, length_us) => (now - self.started_us, length_us.unwrap_or(1)),
                };
                (done, of, format!("{progress} reconnects"))
            });
        }
        self.readers.end_churn();
        let has_schedule =
            self.schedule.rate.is_some() && !matches!(self.ended, Some(Ended::Signal(_)));
        let passed_us = self.over_us.take().map_or(0, |over_us| over_us - self.started_us);
        let due = if has_schedule { self.schedule.due_within(passed_us) } else { 0 };
        Ok(due.saturating_sub(std::mem::take(&mut self.sent)))
    }

    /// Those whose time it is; without a rate, all who are there.
    fn let_leave(&mut self, now: u64) {
        self.look_us = self.schedule.length_us.map(|length_us| self.started_us + length_us);
        if self.is_over(now) {
            self.look_us = None;
            return;
        }
        while self.schedule.has(self.sent) {
            let mut due_us = now;
            if self.schedule.rate.is_some() {
                due_us = self.started_us + self.schedule.due_us(self.sent);
                if due_us > now {
                    self.look_us = Some(self.look_us.map_or(due_us, |look| look.min(due_us)));
                    return;
                }
            }
            if !self.readers.leave_one(due_us, &mut self.messages) {
                return;
            }
            self.sent += 1;
        }
    }
}
