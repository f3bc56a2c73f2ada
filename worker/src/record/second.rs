//! What one engine thread did in one second.

use serde::Serialize;

/// What an engine thread did in one second. `intended` counts instants planned in it, all else what happened in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct SecondRow {
    pub second: u64,
    pub intended: u64,
    pub sent: u64,
    pub completed: u64,
    pub failed: u64,
    pub dropped: u64,
    pub backlog_max: u64,
    pub inflight_max: u64,
    pub busy_ns: u64,
    pub wait_ns: u64,
    pub late_1ms: u64,
}

impl SecondRow {
    /// Adds another thread's row of the same second.
    pub fn add(&mut self, other: &SecondRow) {
        self.intended += other.intended;
        self.sent += other.sent;
        self.completed += other.completed;
        self.failed += other.failed;
        self.dropped += other.dropped;
        self.backlog_max += other.backlog_max;
        self.inflight_max += other.inflight_max;
        self.busy_ns += other.busy_ns;
        self.wait_ns += other.wait_ns;
        self.late_1ms += other.late_1ms;
    }
}
