//! What happened: histograms and counts a second and kind, handed over whole and begun anew.
//!
//! One recorder belongs to one engine thread, so the hot path takes no lock. A window's second keeps its place
//! until it is handed over; a late answer opens the place of its second again, and whoever receives the
//! records adds them up.

use std::collections::VecDeque;

use hdrhistogram::Histogram;
use serde::Serialize;

/// One second in ns: the grain of everything recorded.
pub const SECOND_NS: u64 = 1_000_000_000;

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

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Another status than expected.
    Status,
    /// The expected status, but another body.
    Body,
    /// No connection could be opened.
    Connect,
    /// The connection was reset, or closed before the answer's first byte.
    Reset,
    /// The connection was closed within the answer.
    Short,
    /// Not answered in time.
    Timeout,
    /// What came was no HTTP answer, or more than one.
    Malformed,
}

/// How many requests failed, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Failures {
    pub status: u64,
    pub body: u64,
    pub connect: u64,
    pub reset: u64,
    pub short: u64,
    pub timeout: u64,
    pub malformed: u64,
}

impl Failures {
    /// Counts one.
    pub fn count(&mut self, failure: Failure) {
        *match failure {
            Failure::Status => &mut self.status,
            Failure::Body => &mut self.body,
            Failure::Connect => &mut self.connect,
            Failure::Reset => &mut self.reset,
            Failure::Short => &mut self.short,
            Failure::Timeout => &mut self.timeout,
            Failure::Malformed => &mut self.malformed,
        } += 1;
    }

    /// Each reason with its count.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 7] {
        [
            ("status", self.status),
            ("body", self.body),
            ("connect", self.connect),
            ("reset", self.reset),
            ("short", self.short),
            ("timeout", self.timeout),
            ("malformed", self.malformed),
        ]
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, count)| count).sum()
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Failures) {
        self.status += other.status;
        self.body += other.body;
        self.connect += other.connect;
        self.reset += other.reset;
        self.short += other.short;
        self.timeout += other.timeout;
        self.malformed += other.malformed;
    }
}

/// The instants of a completed request, in ns of one clock.
#[derive(Clone, Copy, Debug)]
pub struct Instants {
    /// When it was to be sent.
    pub intended_ns: u64,
    /// When a connection was free for it; before `intended_ns` unless it had to wait.
    pub free_ns: u64,
    /// When it was handed to the kernel.
    pub sent_ns: u64,
    /// When the last byte of its answer was read.
    pub completed_ns: u64,
}

/// Latencies that exist only where requests have an intended instant.
#[derive(Debug)]
pub struct OpenLatencies {
    /// Completed − intended.
    pub response: Histogram<u32>,
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
            open.send_delay.add(&other.send_delay).expect(SAME_SHAPE);
            open.own_delay.add(&other.own_delay).expect(SAME_SHAPE);
        }
    }
}

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
    /// Like `late_1ms`, but of the generator's own delay: waiting for a free connection is left out.
    pub own_late_1ms: u64,
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
        self.own_late_1ms += other.own_late_1ms;
    }
}

/// A kind's record of a second, handed over.
#[derive(Debug)]
pub struct Delta {
    /// Since the start.
    pub second: u64,
    /// Index into the pool's kinds.
    pub kind: usize,
    /// What was recorded since the last hand-over.
    pub record: Box<KindRecord>,
}

#[derive(Debug)]
struct Second {
    row: SecondRow,
    kinds: Box<[Option<Box<KindRecord>>]>,
}

/// Records for one engine thread; see the module's text. Instants are ns of one clock, none before the start.
#[derive(Debug)]
pub struct Recorder {
    start_ns: u64,
    kinds: usize,
    is_open: bool,
    first_second: u64,
    seconds: VecDeque<Second>,
    spare: Vec<Box<KindRecord>>,
    rows_handed_over: u64,
}

impl Recorder {
    /// For so many kinds of requests.
    #[must_use]
    pub fn new(kinds: usize, is_open: bool) -> Self {
        // Enough for two seconds at a time: the usual case allocates nothing once the load runs.
        let spare = (0..2 * kinds).map(|_| KindRecord::new(is_open)).collect();
        Self {
            start_ns: 0,
            kinds,
            is_open,
            first_second: 0,
            seconds: VecDeque::with_capacity(64),
            spare,
            rows_handed_over: 0,
        }
    }

    /// Sets the instant at which second 0 begins. Before the first event.
    pub fn begin(&mut self, start_ns: u64) {
        self.start_ns = start_ns;
    }

    #[inline]
    fn second_of(&self, at_ns: u64) -> u64 {
        at_ns.saturating_sub(self.start_ns) / SECOND_NS
    }

    /// The row of the second an event happens in.
    #[inline]
    pub fn row(&mut self, at_ns: u64) -> &mut SecondRow {
        let number = self.second_of(at_ns);
        &mut self.second(number).row
    }

    /// A request was answered as expected.
    #[inline]
    pub fn completed(&mut self, kind: usize, instants: Instants, body_bytes: u64) {
        let record = self.kind_record(kind, instants.intended_ns);
        record.completed += 1;
        record.body_bytes += body_bytes;
        record.service.saturating_record(instants.completed_ns - instants.sent_ns);
        if let Some(open) = &mut record.open {
            let ready_ns = instants.intended_ns.max(instants.free_ns);
            open.response.saturating_record(instants.completed_ns - instants.intended_ns);
            open.send_delay.saturating_record(instants.sent_ns - instants.intended_ns);
            open.own_delay.saturating_record(instants.sent_ns.saturating_sub(ready_ns));
        }
        self.row(instants.completed_ns).completed += 1;
    }

    /// A request failed at an instant.
    pub fn failed(&mut self, kind: usize, failure: Failure, intended_ns: u64, at_ns: u64, body_bytes: u64) {
        let record = self.kind_record(kind, intended_ns);
        record.failed.count(failure);
        record.body_bytes += body_bytes;
        self.row(at_ns).failed += 1;
    }

    /// The generator waited between two instants; all else of its time it was busy.
    #[inline]
    pub fn waited(&mut self, from_ns: u64, until_ns: u64) {
        let mut from_ns = from_ns.max(self.start_ns);
        while from_ns < until_ns {
            let piece_end_ns = until_ns.min(self.start_ns + (self.second_of(from_ns) + 1) * SECOND_NS);
            self.row(from_ns).wait_ns += piece_end_ns - from_ns;
            from_ns = piece_end_ns;
        }
    }

    /// Takes back a record that was handed over and read.
    pub fn recycle(&mut self, record: Box<KindRecord>) {
        if self.spare.len() < 4 * self.kinds {
            self.spare.push(record);
        }
    }

    /// Hands over every record, and the rows of seconds that are over at `now_ns` (all of them at the end of the
    /// window, whose last second may be a part of one).
    pub fn hand_over(&mut self, now_ns: u64, is_end: bool) -> (Vec<Delta>, Vec<SecondRow>) {
        let since_start_ns = now_ns.saturating_sub(self.start_ns);
        let mut deltas = Vec::new();
        for (offset, second) in self.seconds.iter_mut().enumerate() {
            let number = self.first_second + offset as u64;
            for (kind, record) in second.kinds.iter_mut().enumerate() {
                deltas.extend(record.take().map(|record| Delta { second: number, kind, record }));
            }
        }
        let mut rows = Vec::new();
        let over = if is_end { since_start_ns.div_ceil(SECOND_NS) } else { since_start_ns / SECOND_NS };
        while self.rows_handed_over < over {
            let number = self.rows_handed_over;
            let end_ns = since_start_ns.min((number + 1) * SECOND_NS);
            let mut row = self.second(number).row;
            row.second = number;
            row.busy_ns = (end_ns - number * SECOND_NS).saturating_sub(row.wait_ns);
            rows.push(row);
            self.rows_handed_over += 1;
        }
        self.forget_empty_past();
        (deltas, rows)
    }

    /// Seconds whose row is out and whose records are empty need no place; a late answer makes it anew.
    fn forget_empty_past(&mut self) {
        while self.first_second < self.rows_handed_over
            && self.seconds.front().is_some_and(|second| second.kinds.iter().all(Option::is_none))
        {
            self.seconds.pop_front();
            self.first_second += 1;
        }
    }

    #[inline]
    fn kind_record(&mut self, kind: usize, at_ns: u64) -> &mut KindRecord {
        let offset = self.offset_of(self.second_of(at_ns));
        let place = &mut self.seconds[offset].kinds[kind];
        if place.is_none() {
            *place = Some(self.spare.pop().unwrap_or_else(|| KindRecord::new(self.is_open)));
        }
        place.as_mut().expect("just filled")
    }

    #[inline]
    fn second(&mut self, number: u64) -> &mut Second {
        let offset = self.offset_of(number);
        &mut self.seconds[offset]
    }

    /// Where a second lies in the deque, which is made to reach it.
    #[inline]
    fn offset_of(&mut self, number: u64) -> usize {
        let last = self.first_second + self.seconds.len() as u64;
        if number < self.first_second || number >= last {
            self.reach(number);
        }
        (number - self.first_second) as usize
    }

    #[cold]
    fn reach(&mut self, number: u64) {
        let empty = |kinds: usize| Second {
            row: SecondRow::default(),
            kinds: (0..kinds).map(|_| None).collect(),
        };
        while number < self.first_second {
            self.first_second -= 1;
            self.seconds.push_front(empty(self.kinds));
        }
        while number >= self.first_second + self.seconds.len() as u64 {
            self.seconds.push_back(empty(self.kinds));
        }
    }
}
