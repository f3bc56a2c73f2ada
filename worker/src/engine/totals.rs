//! Sums over a window, of one thread and then of all.

use std::collections::BTreeMap;

use crate::pool::Kind;
use crate::protocol::{KindTotals, MarkerSeen, Totals};
use crate::record::Failures;
use crate::sys::CpuTime;

/// What one engine thread did in a window.
#[derive(Clone, Debug, Default)]
pub(super) struct ThreadTotals {
    pub(super) intended: u64,
    pub(super) dropped: u64,
    pub(super) kinds: Vec<KindTotals>,
    pub(super) failed: Failures,
    pub(super) checked_bodies: u64,
    pub(super) connections_opened: u64,
    pub(super) connections_lost: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) busy_ns: u64,
    /// The part of it before the load's end: without the drain.
    pub(super) busy_offering_ns: u64,
    pub(super) wait_ns: u64,
    pub(super) cpu: CpuTime,
    pub(super) max_backlog: u64,
    pub(super) in_system_ns: u64,
    /// Since the start.
    pub(super) first_sent_ns: Option<u64>,
    pub(super) last_completed_ns: Option<u64>,
    pub(super) retransmits: u64,
    pub(super) markers: BTreeMap<u64, MarkerSeen>,
}

impl ThreadTotals {
    pub(super) fn new(kinds: usize) -> Self {
        Self { kinds: vec![KindTotals::default(); kinds], ..Self::default() }
    }
}

/// Adds threads up.
#[must_use]
pub(super) fn sum(threads: &[ThreadTotals], kinds: &[Kind]) -> Totals {
    let mut totals = Totals::default();
    for thread in threads {
        totals.intended += thread.intended;
        totals.dropped += thread.dropped;
        totals.failed.add(&thread.failed);
        totals.checked_bodies += thread.checked_bodies;
        totals.connections_opened += thread.connections_opened;
        totals.connections_lost += thread.connections_lost;
        totals.bytes_sent += thread.bytes_sent;
        totals.bytes_received += thread.bytes_received;
        totals.busy_ns += thread.busy_ns;
        totals.busiest_ns = totals.busiest_ns.max(thread.busy_offering_ns);
        totals.wait_ns += thread.wait_ns;
        totals.wall_ns += thread.busy_ns + thread.wait_ns;
        totals.cpu_user_ns += thread.cpu.user_ns;
        totals.cpu_system_ns += thread.cpu.system_ns;
        totals.max_backlog += thread.max_backlog;
        totals.in_system_ns += thread.in_system_ns;
        totals.first_sent_ns = [totals.first_sent_ns, thread.first_sent_ns].into_iter().flatten().min();
        totals.last_completed_ns = totals.last_completed_ns.max(thread.last_completed_ns);
        for (kind, counts) in kinds.iter().zip(&thread.kinds) {
            totals.sent += counts.sent;
            totals.completed += counts.completed;
            let sum = totals.by_kind.entry(kind.name.clone()).or_default();
            sum.sent += counts.sent;
            sum.completed += counts.completed;
            sum.failed += counts.failed;
        }
    }
    totals
}

/// Joins what threads have seen of markers.
#[must_use]
pub(super) fn join_markers(threads: &[ThreadTotals]) -> BTreeMap<String, MarkerSeen> {
    let mut joined: BTreeMap<String, MarkerSeen> = BTreeMap::new();
    for (value, seen) in threads.iter().flat_map(|thread| &thread.markers) {
        joined
            .entry(value.to_string())
            .and_modify(|sum| {
                sum.count += seen.count;
                sum.first_unix_ns = sum.first_unix_ns.min(seen.first_unix_ns);
                sum.last_unix_ns = sum.last_unix_ns.max(seen.last_unix_ns);
            })
            .or_insert(*seen);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_thread_is_told_apart_from_the_sum() {
        let thread =
            |busy_ns, busy_offering_ns| ThreadTotals { busy_ns, busy_offering_ns, ..Default::default() };
        let totals = sum(&[thread(700, 300), thread(500, 400)], &[]);
        assert_eq!((totals.busy_ns, totals.busiest_ns), (1_200, 400));
    }
}
