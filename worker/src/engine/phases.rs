//! From opening connections to the last report: commands, chores and what follows from them.

use std::sync::mpsc::TryRecvError;

use super::connection::Connection;
use super::data_plane::{DataPlane, Phase};
use super::pacing::Pacing;
use super::{Command, ThreadEvent};
use crate::record::SECOND_NS;
use crate::sys::{self, CpuTime, UnixClock, monotonic_ns};

/// Missed deadlines are looked for so many times a timeout, within these bounds: with ten thousand connections, looking
/// takes its time.
const CHORES_PER_TIMEOUT: u64 = 100;
const CHORE_INTERVALS_NS: std::ops::RangeInclusive<u64> = 10_000_000..=100_000_000;

impl DataPlane {
    pub(super) fn obey(&mut self, now_ns: u64) {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Start { start_ns }) => self.begin(start_ns),
                Ok(Command::Users(users)) => self.set_users(users, now_ns),
                Ok(Command::Rate(rate_rps)) => {
                    if let Pacing::Open(open) = &mut self.pacing {
                        open.schedule.set_rate(now_ns.saturating_sub(self.start_ns), rate_rps);
                    }
                }
                Ok(Command::Finish { drain_ns }) => self.end_offering(now_ns, drain_ns),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.end_offering(now_ns, 0);
                    return;
                }
            }
        }
    }

    fn begin(&mut self, start_ns: u64) {
        let until_ns = self.spec.duration_ns.map_or(u64::MAX, |duration_ns| start_ns + duration_ns);
        self.phase = Phase::Offering { until_ns };
        self.start_ns = start_ns;
        self.recorder.begin(start_ns);
        self.next_report_ns = start_ns + SECOND_NS;
        self.next_chore_ns = 0;
        self.clock = UnixClock::now();
        self.cpu_before = sys::thread_cpu_time();
        match &mut self.pacing {
            Pacing::Open(open) => {
                open.start_ns = start_ns;
                open.schedule.end_at(until_ns - start_ns);
            }
            Pacing::Closed(closed) => {
                let users = closed.users;
                self.set_users(users, monotonic_ns());
            }
        }
    }

    pub(super) fn is_offering_at(&self, now_ns: u64) -> bool {
        matches!(self.phase, Phase::Offering { until_ns } if now_ns < until_ns)
    }

    pub(super) fn end_offering(&mut self, now_ns: u64, drain_ns: u64) {
        match self.phase {
            Phase::Opening | Phase::Prepared => self.phase = Phase::Over,
            Phase::Offering { .. } => {
                match &mut self.pacing {
                    Pacing::Open(open) => open.schedule.end_at(now_ns.saturating_sub(self.start_ns)),
                    Pacing::Closed(closed) => closed.resting.clear(),
                }
                self.phase = Phase::Draining { until_ns: now_ns + drain_ns };
            }
            Phase::Draining { until_ns } => {
                self.phase = Phase::Draining { until_ns: until_ns.min(now_ns + drain_ns) };
            }
            Phase::Over => {}
        }
        self.next_chore_ns = now_ns;
    }

    pub(super) fn backlog(&self) -> usize {
        match &self.pacing {
            Pacing::Open(open) => open.backlog.len(),
            Pacing::Closed(_) => 0,
        }
    }

    pub(super) fn do_chores(&mut self, now_ns: u64) {
        self.tend_connections(now_ns);
        match self.phase {
            Phase::Offering { until_ns } if now_ns >= until_ns => {
                self.end_offering(now_ns, self.spec.drain_ns);
            }
            Phase::Draining { until_ns } if now_ns >= until_ns => {
                self.give_up(now_ns);
                self.phase = Phase::Over;
            }
            _ => {}
        }
        if now_ns >= self.next_report_ns {
            self.report(now_ns, false);
            self.next_report_ns += (now_ns - self.next_report_ns) / SECOND_NS * SECOND_NS + SECOND_NS;
        }
        let interval_ns = (self.spec.timeout_ns / CHORES_PER_TIMEOUT)
            .clamp(*CHORE_INTERVALS_NS.start(), *CHORE_INTERVALS_NS.end());
        let reopen_ns = self.missing.next_due_ns().unwrap_or(u64::MAX).max(now_ns);
        self.next_chore_ns = (now_ns + interval_ns).min(self.next_report_ns).min(reopen_ns);
        if let Phase::Offering { until_ns } | Phase::Draining { until_ns } = self.phase {
            self.next_chore_ns = self.next_chore_ns.min(until_ns.max(now_ns));
        }
    }

    /// Hands over what was recorded; nothing before the start.
    fn report(&mut self, now_ns: u64, is_end: bool) {
        while let Ok(record) = self.recycled.try_recv() {
            self.recorder.recycle(record);
        }
        let (deltas, rows) = self.recorder.hand_over(now_ns, is_end);
        for row in &rows {
            self.totals.busy_ns += row.busy_ns;
            if self.spec.duration_ns.is_none_or(|duration_ns| row.second * SECOND_NS < duration_ns) {
                self.totals.busy_offering_ns += row.busy_ns;
            }
            self.totals.wait_ns += row.wait_ns;
            self.totals.max_backlog = self.totals.max_backlog.max(row.backlog_max);
        }
        self.mailbox.post(ThreadEvent::Report { deltas, rows });
    }

    pub(super) fn finish(mut self) {
        let has_begun = self.start_ns != u64::MAX;
        if has_begun {
            let now_ns = monotonic_ns().max(self.start_ns);
            let cpu = sys::thread_cpu_time();
            self.totals.cpu = CpuTime {
                user_ns: cpu.user_ns - self.cpu_before.user_ns,
                system_ns: cpu.system_ns - self.cpu_before.system_ns,
            };
            self.totals.in_system_ns = self.census.sum_ns();
            self.report(now_ns, true);
        }
        self.close_all();
        self.mailbox.post(ThreadEvent::Done(Box::new(std::mem::take(&mut self.totals))));
    }

    /// Puts connections to use or out of it, so that there are so many users. More users than connections: the
    /// missing ones are opened.
    fn set_users(&mut self, users: usize, now_ns: u64) {
        let Pacing::Closed(closed) = &mut self.pacing else {
            return;
        };
        closed.users = users;
        for index in self.connections.len()..users {
            self.connections.push(Connection::new());
            self.missing.unopened.push_back(index);
        }
        self.next_chore_ns = now_ns;
        if !self.is_offering_at(now_ns) {
            return;
        }
        for index in 0..users {
            if std::mem::take(&mut self.connections[index].is_parked) {
                self.release(index, now_ns);
            }
        }
    }
}
