//! The recorder of one engine thread.

use std::collections::VecDeque;

use super::{Failure, Instants, KindRecord, LATE_NS, SECOND_NS, SecondRow};

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

/// Locust's three seconds between reports, and the second that is being recorded: the usual case allocates nothing once
/// the load runs.
const SPARE_PER_KIND: usize = 4;

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
    /// Boxed, as they come and go between threads.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<KindRecord>>,
    rows_handed_over: u64,
}

impl Recorder {
    /// For so many kinds of requests.
    #[must_use]
    pub fn new(kinds: usize, is_open: bool) -> Self {
        let mut spare: Vec<_> = (0..SPARE_PER_KIND * kinds).map(|_| KindRecord::new(is_open)).collect();
        // Memory that is new comes with its first use, which then is not that of a sample.
        for record in &mut spare {
            std::hint::black_box(&mut *record).clear();
        }
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
            let (response_ns, own_delay_ns) =
                (instants.completed_ns - instants.intended_ns, instants.own_delay_ns());
            let is_late = own_delay_ns > LATE_NS;
            let responses = if is_late { &mut open.late_response } else { &mut open.response };
            responses.saturating_record(response_ns);
            open.send_delay.saturating_record(instants.sent_ns - instants.intended_ns);
            open.own_delay.saturating_record(own_delay_ns);
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
        if self.spare.len() < SPARE_PER_KIND * self.kinds {
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
        let empty =
            |kinds: usize| Second { row: SecondRow::default(), kinds: (0..kinds).map(|_| None).collect() };
        while number < self.first_second {
            self.first_second -= 1;
            self.seconds.push_front(empty(self.kinds));
        }
        while number >= self.first_second + self.seconds.len() as u64 {
            self.seconds.push_back(empty(self.kinds));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const START_NS: u64 = 7_000_000_123;

    fn at(second: f64) -> u64 {
        START_NS + (second * SECOND_NS as f64) as u64
    }

    fn recorder() -> Recorder {
        let mut recorder = Recorder::new(2, true);
        recorder.begin(START_NS);
        recorder
    }

    fn instants(intended: f64, sent: f64, completed: f64) -> Instants {
        Instants { intended_ns: at(intended), free_ns: 0, sent_ns: at(sent), completed_ns: at(completed) }
    }

    #[test]
    fn an_answer_belongs_to_its_intended_second_and_its_event_to_its_own() {
        let mut recorder = recorder();
        recorder.completed(1, instants(0.9, 0.95, 2.1), 10);
        recorder.failed(0, Failure::Short, at(1.0), at(2.5), 3);
        let (deltas, rows) = recorder.hand_over(at(3.0), false);
        let places: Vec<_> = deltas.iter().map(|delta| (delta.second, delta.kind)).collect();
        assert_eq!(places, [(0, 1), (1, 0)]);
        assert_eq!((deltas[0].record.completed, deltas[0].record.body_bytes), (1, 10));
        assert_eq!((deltas[1].record.failed.short, deltas[1].record.body_bytes), (1, 3));
        let events: Vec<_> = rows.iter().map(|row| (row.second, row.completed, row.failed)).collect();
        assert_eq!(events, [(0, 0, 0), (1, 0, 0), (2, 1, 1)]);
    }

    #[test]
    fn the_three_durations_are_apart_and_waiting_for_a_connection_is_not_the_generators() {
        let mut recorder = recorder();
        let free_ns = at(0.2);
        recorder.completed(0, Instants { free_ns, ..instants(0.1, 0.201, 0.5) }, 0);
        let (deltas, _) = recorder.hand_over(at(1.0), false);
        let record = &deltas[0].record;
        let open = record.open.as_ref().unwrap();
        let ms = |histogram: &hdrhistogram::Histogram<u32>| (histogram.max() as f64 / 1e6).round();
        assert_eq!(ms(&open.response).to_bits(), 400.0_f64.to_bits());
        assert_eq!(ms(&record.service).to_bits(), 299.0_f64.to_bits());
        assert_eq!(ms(&open.send_delay).to_bits(), 101.0_f64.to_bits());
        assert_eq!(ms(&open.own_delay).to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn only_what_the_generator_itself_delayed_is_late() {
        let mut recorder = recorder();
        recorder.completed(0, instants(0.1, 0.1009, 0.3), 0);
        recorder.completed(0, instants(0.1, 0.1011, 0.4), 0);
        let free_ns = at(0.5);
        recorder.completed(0, Instants { free_ns, ..instants(0.1, 0.5001, 0.9) }, 0);
        let (deltas, _) = recorder.hand_over(at(1.0), false);
        let open = deltas[0].record.open.as_ref().unwrap();
        assert_eq!((open.response.len(), open.late_response.len()), (2, 1));
        assert_eq!((open.late_response.max() as f64 / 1e8).round().to_bits(), 3.0_f64.to_bits());
    }

    #[test]
    fn every_sample_is_handed_over_once() {
        let mut recorder = recorder();
        let mut handed_over = 0;
        for number in 0_u32..1_000 {
            let moment = f64::from(number) * 0.01;
            // One in ten is answered three seconds late, long after its second was handed over.
            let completed = moment + if number % 10 == 0 { 3.0 } else { 0.001 };
            recorder.completed(number as usize % 2, instants(moment, moment, completed), 1);
            if number % 50 == 0 {
                let (deltas, _) = recorder.hand_over(at(moment), false);
                handed_over += deltas.iter().map(|delta| delta.record.service.len()).sum::<u64>();
                for mut delta in deltas {
                    delta.record.clear();
                    recorder.recycle(delta.record);
                }
            }
        }
        let (deltas, _) = recorder.hand_over(at(14.0), true);
        handed_over += deltas.iter().map(|delta| delta.record.service.len()).sum::<u64>();
        assert_eq!(handed_over, 1_000);
    }

    #[test]
    fn a_report_every_three_seconds_needs_no_record_but_those_made_before_the_start() {
        let mut recorder = recorder();
        let made: HashSet<_> = recorder.spare.iter().map(|record| std::ptr::from_ref(&**record)).collect();
        assert_eq!(made.len(), 2 * SPARE_PER_KIND);
        let mut out = Vec::new();
        for second in 0..30_u32 {
            for kind in 0..2 {
                let moment = f64::from(second) + 0.5;
                recorder.completed(kind, instants(moment, moment, moment), 1);
            }
            let (deltas, _) = recorder.hand_over(at(f64::from(second + 1)), false);
            out.extend(deltas.into_iter().map(|delta| delta.record));
            assert!(
                out.iter().all(|record| made.contains(&std::ptr::from_ref(&**record))),
                "second {second}"
            );
            if second % 3 == 2 {
                out.drain(..).for_each(|record| recorder.recycle(record));
            }
        }
    }

    #[test]
    fn time_is_busy_or_waiting_and_the_last_second_may_be_a_part() {
        let mut recorder = recorder();
        recorder.waited(START_NS - 500, at(0.25));
        recorder.waited(at(0.5), at(1.5));
        let (_, rows) = recorder.hand_over(at(1.0), false);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].wait_ns, rows[0].busy_ns), (750_000_000, 250_000_000));
        let (_, rows) = recorder.hand_over(at(1.75), true);
        assert_eq!(
            rows.iter().map(|row| (row.second, row.wait_ns, row.busy_ns)).collect::<Vec<_>>(),
            [(1, 500_000_000, 250_000_000)]
        );
    }

    #[test]
    fn a_cleared_record_is_as_good_as_new() {
        let mut recorder = recorder();
        recorder.completed(0, instants(0.0, 0.0, 0.1), 1);
        let (mut deltas, _) = recorder.hand_over(at(0.5), false);
        let mut record = deltas.remove(0).record;
        record.clear();
        assert_eq!((record.completed, record.body_bytes, record.service.len()), (0, 0, 0));
        assert_eq!(record.open.as_ref().unwrap().response.len(), 0);
    }
}
