//! From what engine threads hand over to what the master is told. Pure.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

use crate::pool::Kind;
use crate::protocol::{ErrorEntry, HistogramText, SecondRecord, StatsEntry};
use crate::record::{Delta, KindRecord, SecondRow};

/// What has been handed over since the last report, threads added up.
#[derive(Debug, Default)]
pub struct Collector {
    records: BTreeMap<(u64, usize), (usize, Box<KindRecord>)>,
    rows: BTreeMap<u64, SecondRow>,
    spent: Vec<(usize, Box<KindRecord>)>,
}

/// A report's content, and the records it was made of with the threads they belong to.
#[derive(Debug)]
pub struct Collected {
    /// This project's records.
    pub records: Vec<SecondRecord>,
    /// This project's rows.
    pub seconds: Vec<SecondRow>,
    /// Locust's entries, one a kind that occurred.
    pub entries: Vec<StatsEntry>,
    /// Locust's sum of them.
    pub total: StatsEntry,
    /// Locust's errors.
    pub errors: BTreeMap<String, ErrorEntry>,
    /// To be given back.
    pub spent: Vec<(usize, Box<KindRecord>)>,
}

/// The moments a report needs, in unix seconds.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// When second 0 began.
    pub start_s: f64,
    /// Now.
    pub now_s: f64,
}

impl Collector {
    /// Takes what a thread hands over.
    pub fn add(&mut self, thread: usize, deltas: Vec<Delta>, rows: &[SecondRow]) {
        for delta in deltas {
            match self.records.entry((delta.second, delta.kind)) {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert((thread, delta.record));
                }
                std::collections::btree_map::Entry::Occupied(mut sum) => {
                    sum.get_mut().1.add(&delta.record);
                    self.spent.push((thread, delta.record));
                }
            }
        }
        for row in rows {
            let sum = self
                .rows
                .entry(row.second)
                .or_insert(SecondRow { second: row.second, ..SecondRow::default() });
            sum.add(row);
        }
    }

    /// Takes everything out, as a report. `kinds` are the pool's.
    pub fn take(&mut self, kinds: &[Kind], moments: Moments) -> Collected {
        let mut entries: BTreeMap<usize, StatsEntry> = BTreeMap::new();
        let mut collected = Collected {
            records: Vec::new(),
            seconds: std::mem::take(&mut self.rows).into_values().collect(),
            entries: Vec::new(),
            total: empty_entry("Aggregated", "", moments),
            errors: BTreeMap::new(),
            spent: std::mem::take(&mut self.spent),
        };
        for ((second, kind), (thread, record)) in std::mem::take(&mut self.records) {
            let Kind { name, method } = &kinds[kind];
            let entry = entries.entry(kind).or_insert_with(|| empty_entry(name, method, moments));
            add_to_entry(entry, &record, second, moments);
            add_to_entry(&mut collected.total, &record, second, moments);
            add_errors(&mut collected.errors, &kinds[kind], &record, second, moments);
            collected.records.push(second_record(second, name, &record));
            collected.spent.push((thread, record));
        }
        collected.entries = entries.into_values().collect();
        collected
    }
}

fn second_record(second: u64, kind: &str, record: &KindRecord) -> SecondRecord {
    let open = record.open.as_ref();
    SecondRecord {
        second,
        kind: kind.to_owned(),
        completed: record.completed,
        failed: record.failed,
        body_bytes: record.body_bytes,
        response: open.and_then(|open| histogram_text(&open.response)),
        late_response: open.and_then(|open| histogram_text(&open.late_response)),
        service: histogram_text(&record.service),
        send_delay: open.and_then(|open| histogram_text(&open.send_delay)),
        own_delay: open.and_then(|open| histogram_text(&open.own_delay)),
    }
}

/// HDR's V2 compressed form in base64; None when the histogram is empty.
#[must_use]
pub fn histogram_text(histogram: &Histogram<u32>) -> HistogramText {
    if histogram.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(2_048);
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).expect("writing to memory does not fail");
    Some(BASE64.encode(bytes))
}

fn empty_entry(name: &str, method: &str, moments: Moments) -> StatsEntry {
    StatsEntry {
        name: name.to_owned(),
        method: method.to_owned(),
        last_request_timestamp: None,
        start_time: moments.now_s,
        num_requests: 0,
        num_none_requests: 0,
        num_failures: 0,
        total_response_time: 0.0,
        max_response_time: 0.0,
        min_response_time: None,
        total_content_length: 0,
        response_times: BTreeMap::new(),
        num_reqs_per_sec: BTreeMap::new(),
        num_fail_per_sec: BTreeMap::new(),
    }
}

fn add_to_entry(entry: &mut StatsEntry, record: &KindRecord, second: u64, moments: Moments) {
    let failed = record.failed.total();
    let requests = record.completed + failed;
    if requests == 0 {
        return;
    }
    let second_s = moments.start_s + second as f64;
    entry.start_time = entry.start_time.min(second_s);
    entry.last_request_timestamp = Some(moments.now_s);
    entry.num_requests += requests;
    // To Locust a request without a response time: failed ones would blur the percentiles.
    entry.num_none_requests += failed;
    entry.num_failures += failed;
    entry.total_content_length += record.body_bytes;
    *entry.num_reqs_per_sec.entry(second_s as u64).or_default() += requests;
    if failed > 0 {
        *entry.num_fail_per_sec.entry(second_s as u64).or_default() += failed;
    }
    let times = record.open.as_ref().map_or(&record.service, |open| &open.response);
    for step in times.iter_recorded() {
        let count = step.count_since_last_iteration();
        let time_ms = times.median_equivalent(step.value_iterated_to()) as f64 / 1e6;
        *entry.response_times.entry(locust_rounded(time_ms)).or_default() += count;
        entry.total_response_time += time_ms * count as f64;
        entry.max_response_time = entry.max_response_time.max(time_ms);
        entry.min_response_time = Some(entry.min_response_time.map_or(time_ms, |min| min.min(time_ms)));
    }
}

/// Locust keeps whole ms below 100 ms and two digits above.
fn locust_rounded(time_ms: f64) -> u64 {
    let unit = match time_ms {
        ..100.0 => 1.0,
        ..1_000.0 => 10.0,
        ..10_000.0 => 100.0,
        _ => 1_000.0,
    };
    ((time_ms / unit).round() * unit) as u64
}

fn add_errors(
    errors: &mut BTreeMap<String, ErrorEntry>,
    kind: &Kind,
    record: &KindRecord,
    second: u64,
    moments: Moments,
) {
    for (reason, count) in record.failed.by_reason().into_iter().filter(|(_, count)| *count > 0) {
        let first_s = moments.start_s + second as f64;
        let entry =
            errors.entry(format!("{} {} {reason}", kind.method, kind.name)).or_insert_with(|| ErrorEntry {
                name: kind.name.clone(),
                method: kind.method.clone(),
                error: describe(reason).to_owned(),
                occurrences: 0,
                first_seen: first_s,
                last_seen: first_s,
            });
        entry.occurrences += count;
        entry.last_seen = moments.now_s;
    }
}

fn describe(reason: &str) -> &'static str {
    match reason {
        "status" => "status: another status than expected",
        "body" => "body: another body than expected",
        "connect" => "connect: no connection could be opened",
        "reset" => "reset: the connection was closed before the answer",
        "short" => "short: the connection was closed within the answer",
        "timeout" => "timeout: not answered in time",
        _ => "malformed: not an HTTP answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Failures, Instants, Recorder};

    const MOMENTS: Moments = Moments { start_s: 1_700_000_000.25, now_s: 1_700_000_002.5 };

    fn kinds() -> Vec<Kind> {
        ["accepted", "refused"].map(|name| Kind { name: name.to_owned(), method: "POST".to_owned() }).to_vec()
    }

    /// A thread's hand-over: answers of kind 0 after so many ms each, and two failures of kind 1.
    fn thread(times_ms: &[u64]) -> (Vec<Delta>, Vec<SecondRow>) {
        let mut recorder = Recorder::new(2, false);
        for time_ms in times_ms {
            let completed_ns = time_ms * 1_000_000;
            let instants = Instants { intended_ns: 0, free_ns: 0, sent_ns: 0, completed_ns };
            recorder.completed(0, instants, 100);
        }
        recorder.failed(1, crate::record::Failure::Status, 1_500_000_000, 1_600_000_000, 5);
        recorder.failed(1, crate::record::Failure::Timeout, 1_500_000_000, 1_600_000_000, 0);
        recorder.hand_over(2_000_000_000, false)
    }

    #[test]
    fn threads_are_added_up_and_nothing_is_told_twice() {
        let mut collector = Collector::default();
        for (number, times_ms) in [[1, 20], [3, 250]].iter().enumerate() {
            let (deltas, rows) = thread(times_ms);
            collector.add(number, deltas, &rows);
        }
        let collected = collector.take(&kinds(), MOMENTS);
        let records: Vec<_> =
            collected.records.iter().map(|record| (record.second, &*record.kind, record.completed)).collect();
        assert_eq!(records, [(0, "accepted", 4), (1, "refused", 0)]);
        assert_eq!(collected.records[1].failed, Failures { status: 2, timeout: 2, ..Failures::default() });
        assert_eq!(collected.records[1].service, None, "only completed requests have durations");
        assert_eq!(collected.seconds.iter().map(|row| row.completed).collect::<Vec<_>>(), [4, 0]);
        assert_eq!(collected.spent.len(), 4, "every record goes back to its thread");
        let again = collector.take(&kinds(), MOMENTS);
        assert!(again.records.is_empty() && again.seconds.is_empty() && again.entries.is_empty());
        assert_eq!((again.total.num_requests, again.total.min_response_time), (0, None));
    }

    #[test]
    fn locust_gets_what_its_own_workers_would_send() {
        let mut collector = Collector::default();
        let (deltas, rows) = thread(&[1, 20, 3, 254]);
        collector.add(0, deltas, &rows);
        let collected = collector.take(&kinds(), MOMENTS);
        let [accepted, refused] = &collected.entries[..] else { panic!("two kinds") };
        assert_eq!(
            (accepted.num_requests, accepted.num_failures, accepted.total_content_length),
            (4, 0, 400)
        );
        assert_eq!(accepted.response_times, BTreeMap::from([(1, 1), (3, 1), (20, 1), (250, 1)]));
        assert!((accepted.total_response_time - 278.0).abs() < 0.3, "{}", accepted.total_response_time);
        assert_eq!((refused.num_requests, refused.num_failures, refused.num_none_requests), (2, 2, 2));
        assert_eq!(refused.num_fail_per_sec, BTreeMap::from([(1_700_000_001, 2)]));
        let total = &collected.total;
        assert_eq!((total.num_requests, total.num_failures), (6, 2));
        assert_eq!(total.start_time.to_bits(), MOMENTS.start_s.to_bits());
        let occurrences: Vec<_> = collected.errors.values().map(|error| error.occurrences).collect();
        assert_eq!(occurrences, [1, 1]);
    }

    #[test]
    fn times_are_rounded_as_locust_rounds() {
        let cases = [
            (0.4, 0),
            (1.6, 2),
            (99.4, 99),
            (104.0, 100),
            (996.0, 1_000),
            (1_449.0, 1_400),
            (12_600.0, 13_000),
        ];
        for (time_ms, rounded_ms) in cases {
            assert_eq!(locust_rounded(time_ms), rounded_ms, "{time_ms} ms");
        }
    }
}
