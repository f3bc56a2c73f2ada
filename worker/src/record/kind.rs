//! One kind of requests in one second: counts and histograms.

use hdrhistogram::Histogram;

use super::Failures;

/// Histograms hold 1 µs to 60 s at three significant digits; what lies outside is clamped.
pub const LOWEST_NS: u64 = 1_000;
/// See [`LOWEST_NS`].
pub const HIGHEST_NS: u64 = 60_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// An empty histogram of the one shape used everywhere.
#[must_use]
pub fn new_histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS).expect("the bounds are valid")
}

/// A request whose own delay is longer left late by the generator's fault.
pub const LATE_NS: u64 = 1_000_000;

/// The instants of a completed request, in ns of one clock.
#[derive(Clone, Copy, Debug)]
pub struct Instants {
    /// When it was to be sent.
    pub intended_ns: u64,
    /// When a connection was free for it; not after `intended_ns` unless the service kept all of them busy.
    pub free_ns: u64,
    /// When it was handed to the kernel.
    pub sent_ns: u64,
    /// When the last byte of its answer was read.
    pub completed_ns: u64,
}

impl Instants {
    /// The part of the send delay that is the generator's own.
    #[must_use]
    pub fn own_delay_ns(&self) -> u64 {
        self.sent_ns.saturating_sub(self.intended_ns.max(self.free_ns))
    }
}

/// Latencies that exist only where requests have an intended instant.
#[derive(Debug)]
pub struct OpenLatencies {
    /// Completed − intended, of the requests that left on time or waited for a connection only.
    pub response: Histogram<u32>,
    /// The same, of those that left late by the generator's own fault: they tell nothing of the service.
    pub late_response: Histogram<u32>,
    /// Sent − intended.
    pub send_delay: Histogram<u32>,
    /// The part of the send delay that is the generator's own: sent − max(intended, a connection was free).
    pub own_delay: Histogram<u32>,
}

/// One kind of requests in one second.
#[derive(Debug)]
pub struct KindRecord {
    /// Requests answered as expected; the histograms hold these.
    pub completed: u64,
    /// The others.
    pub failed: Failures,
    /// Bytes of the bodies that came.
    pub body_bytes: u64,
    /// Completed − sent.
    pub service: Histogram<u32>,
    /// Of open load only.
    pub open: Option<OpenLatencies>,
}

impl KindRecord {
    /// An empty one.
    #[must_use]
    pub fn new(is_open: bool) -> Box<Self> {
        let open = is_open.then(|| OpenLatencies {
            response: new_histogram(),
            late_response: new_histogram(),
            send_delay: new_histogram(),
            own_delay: new_histogram(),
        });
        Box::new(Self {
            completed: 0,
            failed: Failures::default(),
            body_bytes: 0,
            service: new_histogram(),
            open,
        })
    }

    /// Empties it for its next use, which is cheaper than a new one.
    pub fn clear(&mut self) {
        self.completed = 0;
        self.failed = Failures::default();
        self.body_bytes = 0;
        self.service.reset();
        if let Some(open) = &mut self.open {
            open.response.reset();
            open.late_response.reset();
            open.send_delay.reset();
            open.own_delay.reset();
        }
    }

    /// Adds another's samples. Both are of the same load.
    pub fn add(&mut self, other: &KindRecord) {
        const SAME_SHAPE: &str = "all histograms have one shape";
        self.completed += other.completed;
        self.failed.add(&other.failed);
        self.body_bytes += other.body_bytes;
        self.service.add(&other.service).expect(SAME_SHAPE);
        if let (Some(open), Some(other)) = (&mut self.open, &other.open) {
            open.response.add(&other.response).expect(SAME_SHAPE);
            open.late_response.add(&other.late_response).expect(SAME_SHAPE);
            open.send_delay.add(&other.send_delay).expect(SAME_SHAPE);
            open.own_delay.add(&other.own_delay).expect(SAME_SHAPE);
        }
    }
}
