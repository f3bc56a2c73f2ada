//! The messages as bytes, shared with the Python tests: what one side writes the other must read.
//!
//! `UPDATE_GOLDEN=1 cargo test --test golden` writes the files of what the worker says;
//! `UPDATE_GOLDEN=1 pytest worker/tests/test_golden.py` those of what a master says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use bench_worker::protocol::{
    BenchReport, ErrorEntry, FromMaster, Heartbeat, KindTotals, LoadDone, LoadFailed, LoadReady, MarkerSeen,
    Mode, SecondRecord, SpawningComplete, StatsEntry, StatsReport, TcpTotals, ToMaster, Totals, WorkerState,
    decode,
};
use bench_worker::record::{Failures, SecondRow, new_histogram};
use bench_worker::report::histogram_text;
use bench_worker::schedule::Spread;
use serde_json::{Value, json};

const NODE: &str = "host_native_1";

fn folder(direction: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", direction].iter().collect()
}

fn users() -> BTreeMap<String, u64> {
    BTreeMap::from([("NativeUser".to_owned(), 12), ("SecondUser".to_owned(), 4)])
}

fn histogram() -> Option<String> {
    let mut histogram = new_histogram();
    for value_ns in [1_000_000, 1_000_000, 2_500_000, 1_000_000_000] {
        histogram.saturating_record(value_ns);
    }
    histogram_text(&histogram)
}

fn entry(name: &str, method: &str) -> StatsEntry {
    StatsEntry {
        name: name.to_owned(),
        method: method.to_owned(),
        last_request_timestamp: Some(1_700_000_002.5),
        start_time: 1_700_000_000.0,
        num_requests: 5,
        num_none_requests: 1,
        num_failures: 1,
        total_response_time: 1_004.5,
        max_response_time: 1_000.0,
        min_response_time: Some(1.0),
        total_content_length: 16_384,
        response_times: BTreeMap::from([(1, 2), (3, 1), (1_000, 1)]),
        num_reqs_per_sec: BTreeMap::from([(1_700_000_000, 5)]),
        num_fail_per_sec: BTreeMap::from([(1_700_000_000, 1)]),
    }
}

fn stats() -> StatsReport {
    let error = ErrorEntry {
        name: "accepted".to_owned(),
        method: "POST".to_owned(),
        error: "status: another status than expected".to_owned(),
        occurrences: 1,
        first_seen: 1_700_000_000.0,
        last_seen: 1_700_000_002.5,
    };
    let record = SecondRecord {
        second: 0,
        kind: "accepted".to_owned(),
        completed: 4,
        failed: Failures { status: 1, ..Failures::default() },
        body_bytes: 16_384,
        response: histogram(),
        service: histogram(),
        send_delay: None,
        own_delay: None,
        late_response: None,
    };
    let row = SecondRow {
        second: 0,
        intended: 6,
        sent: 5,
        completed: 4,
        failed: 1,
        dropped: 1,
        backlog_max: 2,
        inflight_max: 3,
        busy_ns: 400_000_000,
        wait_ns: 600_000_000,
        late_1ms: 1,
    };
    StatsReport {
        stats: vec![entry("accepted", "POST")],
        stats_total: entry("Aggregated", ""),
        errors: BTreeMap::from([("POST accepted status".to_owned(), error)]),
        user_classes_count: users(),
        user_count: 16,
        bench: Some(BenchReport {
            schema: 1,
            run: "run-1".to_owned(),
            worker: NODE.to_owned(),
            seq: 1,
            records: vec![record],
            seconds: vec![row],
        }),
    }
}

fn done() -> LoadDone {
    let counts = KindTotals { sent: 5, completed: 4, failed: 1 };
    LoadDone {
        schema: 1,
        run: "run-1".to_owned(),
        worker: NODE.to_owned(),
        reports: 1,
        totals: Totals {
            intended: 6,
            sent: 5,
            completed: 4,
            failed: Failures { status: 1, ..Failures::default() },
            dropped: 1,
            by_kind: BTreeMap::from([("accepted".to_owned(), counts)]),
            checked_bodies: 1,
            connections_opened: 16,
            bytes_sent: 20_480,
            bytes_received: 20_000,
            busy_ns: 400_000_000,
            busiest_ns: 300_000_000,
            wait_ns: 600_000_000,
            wall_ns: 1_000_000_000,
            in_system_ns: 1_004_500_000,
            first_sent_ns: Some(1_000),
            last_completed_ns: None,
            ..Totals::default()
        },
        markers: BTreeMap::from([(
            "7".to_owned(),
            MarkerSeen {
                count: 4,
                first_unix_ns: 1_700_000_000_000_000_001,
                last_unix_ns: 1_700_000_001_000_000_001,
            },
        )]),
        tcp: TcpTotals { retransmits: 0 },
    }
}

/// Each message with its type and its data.
fn said() -> Vec<(&'static str, Value, ToMaster)> {
    let (run, worker) = ("run-1".to_owned(), NODE.to_owned());
    let heartbeat =
        Heartbeat { state: WorkerState::Running, current_cpu_usage: 42.5, current_memory_usage: 9_000_000 };
    let ready = LoadReady {
        run: run.clone(),
        worker: worker.clone(),
        connections: 16,
        schedule_sha256: Some("00".repeat(32)),
        nice: -10,
    };
    let failed = LoadFailed { run, worker, reason: "no such file".to_owned() };
    let complete = SpawningComplete { user_classes_count: users(), user_count: 16 };
    vec![
        ("client_ready", json!(-1), ToMaster::ClientReady),
        ("heartbeat", json!(heartbeat), ToMaster::Heartbeat(heartbeat)),
        ("spawning", json!(null), ToMaster::Spawning),
        ("spawning_complete", json!(complete), ToMaster::SpawningComplete(complete)),
        ("stats", json!(stats()), ToMaster::Stats(Box::new(stats()))),
        ("client_stopped", json!(null), ToMaster::ClientStopped),
        ("quit", json!(null), ToMaster::Quit),
        ("bench_ready", json!(ready), ToMaster::BenchReady(ready)),
        ("bench_failed", json!(failed), ToMaster::BenchFailed(failed)),
        ("bench_done", json!(done()), ToMaster::BenchDone(Box::new(done()))),
    ]
}

#[test]
fn what_the_worker_says_is_what_the_files_hold() {
    let folder = folder("to_master");
    for (name, data, message) in said() {
        let hex = message.encode(NODE).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        let content = json!({ "type": name, "message": [name, data, NODE], "bytes": hex });
        let file = folder.join(format!("{name}.json"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, serde_json::to_string_pretty(&content).unwrap() + "\n").unwrap();
        }
        let held: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(held, content, "{name} has changed");
    }
}

#[test]
fn what_a_master_says_is_understood() {
    let understood = |name: &str| {
        let file = folder("from_master").join(format!("{name}.json"));
        let content: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let hex = content["bytes"].as_str().unwrap();
        let digits = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
        let bytes: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        decode(&bytes).unwrap()
    };
    assert_eq!(understood("ack"), FromMaster::Ack(Some(3)));
    assert_eq!(understood("stop"), FromMaster::Stop);
    assert_eq!(understood("quit"), FromMaster::Quit);
    assert_eq!(understood("reconnect"), FromMaster::Reconnect);
    assert_eq!(understood("heartbeat"), FromMaster::Heartbeat);
    assert_eq!(understood("spawning_complete"), FromMaster::SpawningComplete);
    assert_eq!(understood("update_user_class"), FromMaster::Other("update_user_class".to_owned()));
    let FromMaster::Spawn(spawn) = understood("spawn") else { panic!("no spawn") };
    assert_eq!((spawn.user_classes_count, spawn.stop_timeout), (users(), None));
    assert!((spawn.timestamp - 1_700_000_000.25).abs() < 1e-9);
    let FromMaster::BenchStart(start) = understood("bench_start") else { panic!("no bench_start") };
    assert_eq!((&*start.run, start.start_unix_ns), ("run-1", 1_700_000_000_000_000_001));
    let FromMaster::BenchFlush(flush) = understood("bench_flush") else { panic!("no bench_flush") };
    assert_eq!(flush.run, "run-1");
    let FromMaster::BenchLoad(load) = understood("bench_load") else { panic!("no bench_load") };
    assert_eq!(
        (load.mode, load.arrivals, load.share.index, load.share.count),
        (Mode::Open, Spread::Constant, 1, 2)
    );
    assert_eq!(
        (load.steps, load.cpus, load.marker),
        (vec![(2_000.0, 5.0), (4_000.5, 5.0)], Some(vec![1]), None)
    );
}
