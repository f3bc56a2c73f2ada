//! Which connection sends next, and when: the only place where closed and open load differ.

use std::collections::VecDeque;

use crate::schedule::{Arrival, Lane, Schedule};

#[derive(Debug)]
pub(super) enum Pacing {
    Closed(Closed),
    Open(Open),
}

/// Each of so many users has a connection and sends when it has its answer.
#[derive(Debug)]
pub(super) struct Closed {
    pub think_ns: u64,
    /// Connections with an index below this are in use.
    pub users: usize,
    /// Connections with the instant at which they send next; the instants never fall.
    pub resting: VecDeque<(u64, usize)>,
    lane: Lane,
    numbers_given: u64,
}

impl Closed {
    pub(super) fn new(think_ns: u64, lane: Lane) -> Self {
        Self { think_ns, users: 0, resting: VecDeque::new(), lane, numbers_given: 0 }
    }

    /// The number of the next request.
    #[inline]
    pub(super) fn next_number(&mut self) -> u64 {
        let number = self.lane.index + self.lane.count * self.numbers_given;
        self.numbers_given += 1;
        number
    }

    /// A connection that is to send by now.
    #[inline]
    pub(super) fn take_due(&mut self, now_ns: u64) -> Option<usize> {
        let (due_ns, index) = *self.resting.front()?;
        (due_ns <= now_ns).then(|| {
            self.resting.pop_front();
            index
        })
    }
}

/// Requests have instants; whichever connection is free sends them.
#[derive(Debug)]
pub(super) struct Open {
    pub schedule: Schedule,
    /// When the schedule begins.
    pub start_ns: u64,
    /// Free connections; the one that has been so longest is used next.
    pub idle: VecDeque<usize>,
    /// What is due and not sent.
    pub backlog: VecDeque<Due>,
}

/// An arrival whose instant has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub arrival: Arrival,
    /// A connection was free at that instant, but this thread did not run: whatever it waits for from then on,
    /// a connection as well, is the generator's own delay.
    pub is_overslept: bool,
}

impl Open {
    pub(super) fn new(schedule: Schedule) -> Self {
        Self { schedule, start_ns: u64::MAX, idle: VecDeque::new(), backlog: VecDeque::with_capacity(1024) }
    }

    /// The next arrival's instant by this machine's clock.
    #[inline]
    pub(super) fn next_arrival_ns(&mut self) -> Option<u64> {
        self.schedule.peek().map(|arrival| self.start_ns.saturating_add(arrival.offset_ns))
    }
}
