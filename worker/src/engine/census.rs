//! How many requests are in the system, due and not answered, summed over time: what Little's law is checked by.
//!
//! Counted as requests come and go, apart from the histograms, so that a fault of either shows in the other.

/// A count and its integral over time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Census {
    present: u64,
    until_ns: u64,
    sum_ns: u64,
}

impl Census {
    /// Requests × ns of those that were completed, once all have left.
    pub(super) fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// A request that was due at an instant is seen to be.
    #[inline]
    pub(super) fn enter(&mut self, due_ns: u64, now_ns: u64) {
        self.advance(now_ns);
        self.present += 1;
        self.sum_ns += now_ns.saturating_sub(due_ns);
    }

    /// One was completed.
    #[inline]
    pub(super) fn leave(&mut self, now_ns: u64) {
        self.advance(now_ns);
        self.present -= 1;
    }

    /// One failed or was dropped: its time is taken off again.
    pub(super) fn forget(&mut self, due_ns: u64, now_ns: u64) {
        self.leave(now_ns);
        self.sum_ns = self.sum_ns.saturating_sub(now_ns.saturating_sub(due_ns));
    }

    /// Instants of one batch of events may be told in another order than they were read in, which is worth
    /// microseconds.
    #[inline]
    fn advance(&mut self, now_ns: u64) {
        self.sum_ns += self.present * now_ns.saturating_sub(self.until_ns);
        self.until_ns = self.until_ns.max(now_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_the_times_of_all_who_were_completed() {
        let mut census = Census::default();
        census.enter(100, 120); // 100..250
        census.enter(150, 150); // 150..160
        census.leave(160);
        census.enter(200, 230); // given up at 300
        census.leave(250);
        census.enter(260, 260); // 260..300
        census.forget(200, 300);
        census.leave(300);
        assert_eq!(census.sum_ns(), 150 + 10 + 40);
    }

    #[test]
    fn an_instant_told_late_does_not_go_back_in_time() {
        let mut census = Census::default();
        census.enter(100, 200);
        census.enter(150, 190);
        census.leave(300);
        census.leave(300);
        assert_eq!(census.sum_ns(), (300 - 100) + (300 - 150) - 10);
    }
}
