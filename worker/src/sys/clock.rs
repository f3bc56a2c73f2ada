//! Two clocks: a monotonic one to measure with, and the wall clock to agree with others.

/// Nanoseconds of `CLOCK_MONOTONIC`. About 25 ns a call, without a system call on the usual machines.
#[inline]
#[must_use]
pub fn monotonic_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds since 1970, by the wall clock.
#[must_use]
pub fn unix_ns() -> u64 {
    read(libc::CLOCK_REALTIME)
}

#[inline]
fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec to write to, and both clocks exist on every Linux.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Translates between the two clocks as they stood to one another at one moment, so that a step of the wall
/// clock during a window moves no sample.
#[derive(Clone, Copy, Debug)]
pub struct UnixClock {
    monotonic_ns: u64,
    unix_ns: u64,
}

impl UnixClock {
    /// Reads both clocks, the wall clock between two readings of the monotonic one; the closest of five counts.
    #[must_use]
    pub fn now() -> Self {
        let sample = || {
            let before = monotonic_ns();
            let unix_ns = unix_ns();
            let after = monotonic_ns();
            (after - before, Self { monotonic_ns: before.midpoint(after), unix_ns })
        };
        (0..5).map(|_| sample()).min_by_key(|(distance, _)| *distance).expect("five samples").1
    }

    /// The wall clock's reading at a monotonic instant.
    #[must_use]
    pub fn unix_at(&self, monotonic_ns: u64) -> u64 {
        (self.unix_ns + monotonic_ns).saturating_sub(self.monotonic_ns)
    }

    /// The monotonic instant of a wall clock reading.
    #[must_use]
    pub fn monotonic_at(&self, unix_ns: u64) -> u64 {
        (self.monotonic_ns + unix_ns).saturating_sub(self.unix_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translating_there_and_back_is_the_same_instant() {
        let clock = UnixClock { monotonic_ns: 5_000, unix_ns: 1_700_000_000_000_000_000 };
        assert_eq!(clock.unix_at(6_000), 1_700_000_000_000_001_000);
        assert_eq!(clock.monotonic_at(clock.unix_at(123)), 123);
        assert_eq!(clock.monotonic_at(1), 0, "long before the machine started is its start");
    }
}
