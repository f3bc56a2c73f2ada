//! When requests are to be sent: a pure function of the load's description, a request's number and a seed.
//!
//! Arrivals are first drawn at a rate of one a unit (number `n` at `n` units, or the `n`-th point of a Poisson
//! process), then the units are stretched to time by the intensity: the instant of an arrival is where the
//! integral of the rate reaches its units. So steps and ramps need no special case, and every instant is
//! absolute: a late request moves no later one.

use sha2::{Digest, Sha256};

/// How arrivals are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// Evenly.
    Constant,
    /// As independent callers do: exponential gaps.
    Poisson,
}

/// One arrival of the whole schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its number, from 0, over all workers.
    pub number: u64,
    /// Its instant, in ns from the start.
    pub offset_ns: u64,
}

/// Every `count`-th of something, from `index` on: one thread's part of what all threads of all workers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Below `count`.
    pub index: u64,
    /// At least 1.
    pub count: u64,
}

impl Lane {
    /// The lane of a thread of a worker.
    #[must_use]
    pub fn of(worker: u64, workers: u64, thread: u64, threads: u64) -> Self {
        Self { index: worker + workers * thread, count: workers * threads }
    }

    /// How many of the numbers below `total` are in this lane.
    #[must_use]
    pub fn share_of(self, total: u64) -> u64 {
        (total + self.count - 1).saturating_sub(self.index) / self.count
    }
}

/// The units at which arrivals lie, before time.
#[derive(Clone, Debug)]
struct Units {
    spread: Spread,
    seed: u64,
    /// The arrival that is next, and where it lies.
    number: u64,
    at: f64,
}

impl Units {
    fn new(spread: Spread, seed: u64) -> Self {
        let mut units = Self { spread, seed, number: 0, at: 0.0 };
        if spread == Spread::Poisson {
            units.at = units.gap(0);
        }
        units
    }

    fn advance(&mut self) {
        self.number += 1;
        self.at = match self.spread {
            Spread::Constant => self.number as f64,
            Spread::Poisson => self.at + self.gap(self.number),
        };
    }

    /// An exponential variate with mean 1, by inversion. `libm` computes it alike on every machine.
    fn gap(&self, number: u64) -> f64 {
        -libm::log(uniform(self.seed, number))
    }
}

/// A number in (0, 1], drawn from a seed and a counter: the finaliser of `SplitMix64` (Steele, Lea, Flood 2014).
#[must_use]
pub fn uniform(seed: u64, number: u64) -> f64 {
    let mut bits = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    ((bits >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// A rate that holds from one instant on.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start_ns: u64,
    start_units: f64,
    rate_rps: f64,
}

impl Segment {
    fn units_at(&self, offset_ns: u64) -> f64 {
        self.start_units + offset_ns.saturating_sub(self.start_ns) as f64 * self.rate_rps / 1e9
    }
}

/// The arrivals of one lane, in order. Cloning it starts a copy at the same place.
#[derive(Clone, Debug)]
pub struct Schedule {
    units: Units,
    lane: Lane,
    segments: Vec<Segment>,
    current: usize,
    end_ns: u64,
}

impl Schedule {
    /// `steps` are (rate in requests a second, duration in ns), one after the other; arrivals end with the last.
    #[must_use]
    pub fn stepped(spread: Spread, seed: u64, steps: &[(f64, u64)], lane: Lane) -> Self {
        let mut segments: Vec<Segment> = Vec::with_capacity(steps.len());
        let mut start_ns = 0;
        for (rate_rps, duration_ns) in steps {
            let start_units = segments.last().map_or(0.0, |previous| previous.units_at(start_ns));
            segments.push(Segment { start_ns, start_units, rate_rps: *rate_rps });
            start_ns += duration_ns;
        }
        Self::from_segments(spread, seed, segments, start_ns, lane)
    }

    /// Without end, and without an arrival until a rate is set.
    #[must_use]
    pub fn steered(spread: Spread, seed: u64, lane: Lane) -> Self {
        let silence = Segment { start_ns: 0, start_units: 0.0, rate_rps: 0.0 };
        Self::from_segments(spread, seed, vec![silence], u64::MAX, lane)
    }

    fn from_segments(spread: Spread, seed: u64, segments: Vec<Segment>, end_ns: u64, lane: Lane) -> Self {
        let mut schedule = Self { units: Units::new(spread, seed), lane, segments, current: 0, end_ns };
        schedule.seek_lane();
        schedule
    }

    /// Changes the rate from an instant on, which must not lie before an arrival that was taken.
    pub fn set_rate(&mut self, offset_ns: u64, rate_rps: f64) {
        let last = self.segments[self.segments.len() - 1];
        let start_units = last.units_at(offset_ns);
        // What lies behind is never looked at again: one segment is enough, however often the rate changes.
        self.segments.clear();
        self.segments.push(Segment { start_ns: offset_ns, start_units, rate_rps });
        self.current = 0;
    }

    /// No arrival from an instant on.
    pub fn end_at(&mut self, offset_ns: u64) {
        self.end_ns = self.end_ns.min(offset_ns);
    }

    /// The next arrival, without taking it; None when there is none (as things stand, if steered).
    #[inline]
    pub fn peek(&mut self) -> Option<Arrival> {
        let offset_ns = self.instant_of(self.units.at)?;
        (offset_ns < self.end_ns).then_some(Arrival { number: self.units.number, offset_ns })
    }

    /// Goes on to the arrival after the next.
    pub fn advance(&mut self) {
        self.units.advance();
        self.seek_lane();
    }

    fn seek_lane(&mut self) {
        while self.units.number % self.lane.count != self.lane.index {
            self.units.advance();
        }
    }

    fn instant_of(&mut self, units: f64) -> Option<u64> {
        while let Some(next) = self.segments.get(self.current + 1)
            && units >= next.start_units
        {
            self.current += 1;
        }
        let segment = &self.segments[self.current];
        if segment.rate_rps <= 0.0 {
            return None;
        }
        let after_ns = (units - segment.start_units).max(0.0) / segment.rate_rps * 1e9;
        Some(segment.start_ns + after_ns as u64)
    }

    /// SHA-256 over all instants left, as little-endian 64-bit ns, in hexadecimal: equal hashes are equal loads.
    #[must_use]
    pub fn fingerprint(mut self) -> String {
        let mut hasher = Sha256::new();
        while let Some(arrival) = self.peek() {
            hasher.update(arrival.offset_ns.to_le_bytes());
            self.advance();
        }
        format!("{:x}", hasher.finalize())
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let arrival = self.peek()?;
        self.advance();
        Some(arrival)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Lane = Lane { index: 0, count: 1 };
    const SECOND_NS: u64 = 1_000_000_000;

    fn offsets(schedule: Schedule) -> Vec<u64> {
        schedule.map(|arrival| arrival.offset_ns).collect()
    }

    #[test]
    fn constant_arrivals_lie_at_multiples_of_the_period() {
        let steps = [(4.0, SECOND_NS), (2.0, SECOND_NS), (0.0, SECOND_NS), (1.0, 2 * SECOND_NS)];
        let ms: Vec<u64> = offsets(Schedule::stepped(Spread::Constant, 1, &steps, ALONE))
            .iter()
            .map(|ns| ns / 1_000_000)
            .collect();
        assert_eq!(ms, [0, 250, 500, 750, 1000, 1500, 3000, 4000]);
    }

    #[test]
    fn lanes_part_the_schedule_without_rest() {
        let steps = [(10_000.0, SECOND_NS / 2), (3_000.0, SECOND_NS)];
        for spread in [Spread::Constant, Spread::Poisson] {
            let whole: Vec<Arrival> = Schedule::stepped(spread, 7, &steps, ALONE).collect();
            let mut parts: Vec<Arrival> = Vec::new();
            for worker in 0..3 {
                for thread in 0..2 {
                    let lane = Lane::of(worker, 3, thread, 2);
                    let part: Vec<Arrival> = Schedule::stepped(spread, 7, &steps, lane).collect();
                    assert_eq!(part.len() as u64, lane.share_of(whole.len() as u64));
                    parts.extend(part);
                }
            }
            parts.sort_by_key(|arrival| arrival.number);
            assert_eq!(parts, whole);
        }
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_they_should() {
        let schedule = Schedule::stepped(Spread::Poisson, 42, &[(1_000.0, 100 * SECOND_NS)], ALONE);
        let instants = offsets(schedule);
        // 100,000 expected, standard deviation 316: five of them either side.
        assert!((98_400..101_600).contains(&instants.len()), "{}", instants.len());
        let gaps: Vec<f64> = instants.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 1.0).abs() < 0.02, "mean gap {mean} ms");
        assert!((variance - 1.0).abs() < 0.05, "an exponential's variance is its mean squared: {variance}");
        let long = gaps.iter().filter(|gap| **gap > 3.0).count() as f64 / gaps.len() as f64;
        assert!((long - (-3.0_f64).exp()).abs() < 0.005, "gaps over three means: {long}");
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        let hash = |seed, lane| {
            Schedule::stepped(Spread::Poisson, seed, &[(5_000.0, SECOND_NS)], lane).fingerprint()
        };
        assert_eq!(hash(1, ALONE), hash(1, ALONE));
        assert_ne!(hash(1, ALONE), hash(2, ALONE));
    }

    #[test]
    fn the_generator_is_the_published_one() {
        // First outputs of SplitMix64 seeded with 1234567, as published with the xoshiro generators.
        let published = [6_457_827_717_110_365_317_u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        for (number, bits) in published.iter().enumerate() {
            let expected = ((bits >> 11) + 1) as f64 / (1_u64 << 53) as f64;
            assert_eq!(uniform(1_234_567, number as u64).to_bits(), expected.to_bits());
        }
    }

    #[test]
    fn a_steered_schedule_keeps_its_place_when_the_rate_changes() {
        let mut schedule = Schedule::steered(Spread::Constant, 1, ALONE);
        assert_eq!(schedule.peek(), None);
        schedule.set_rate(SECOND_NS, 10.0);
        assert_eq!(schedule.next().unwrap().offset_ns, SECOND_NS);
        assert_eq!(schedule.peek().unwrap().offset_ns, SECOND_NS + 100_000_000);
        // Half of the gap is over; the other half passes ten times as fast.
        schedule.set_rate(SECOND_NS + 50_000_000, 100.0);
        assert_eq!(schedule.next().unwrap().offset_ns, SECOND_NS + 55_000_000);
        schedule.set_rate(SECOND_NS + 60_000_000, 0.0);
        assert_eq!(schedule.peek(), None);
        schedule.set_rate(9 * SECOND_NS, 100.0);
        assert_eq!(schedule.next().unwrap().offset_ns, 9 * SECOND_NS + 5_000_000);
        schedule.end_at(9 * SECOND_NS + 15_000_000);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn shares_add_up() {
        for total in [0, 1, 7, 64, 1000] {
            for count in 1..9 {
                let sum: u64 = (0..count).map(|index| Lane { index, count }.share_of(total)).sum();
                assert_eq!(sum, total);
            }
        }
    }
}
