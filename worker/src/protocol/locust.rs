//! The data of Locust's own messages, as 2.43 to 2.47 speak them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::BenchReport;

/// Run so many users. Re-sent with growing (or falling) numbers while ramping.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Spawn {
    /// The master's clock in s; not greater than the last one's: an old message.
    pub timestamp: f64,
    /// Users by class: absolute numbers for this worker.
    pub user_classes_count: BTreeMap<String, u64>,
    /// How long users may take to finish their last request, in s.
    #[serde(default)]
    pub stop_timeout: Option<f64>,
}

/// What a worker is doing, as Locust calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum WorkerState {
    Ready,
    Spawning,
    Running,
}

/// A sign of life, once a second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Heartbeat {
    /// What the worker is doing.
    pub state: WorkerState,
    /// In percent: the share of time its busiest engine thread was busy.
    pub current_cpu_usage: f64,
    /// In bytes.
    pub current_memory_usage: u64,
}

/// The users of the last spawn message run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpawningComplete {
    /// By class.
    pub user_classes_count: BTreeMap<String, u64>,
    /// All of them.
    pub user_count: u64,
}

/// What happened since the last report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatsReport {
    /// One entry a kind of requests.
    pub stats: Vec<StatsEntry>,
    /// Their sum.
    pub stats_total: StatsEntry,
    /// By an arbitrary unique key.
    pub errors: BTreeMap<String, ErrorEntry>,
    /// Users by class.
    pub user_classes_count: BTreeMap<String, u64>,
    /// All users.
    pub user_count: u64,
    /// This project's own part; absent from reports outside a window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bench: Option<BenchReport>,
}

/// Locust's statistics of one kind of requests. Its times are ms and unix seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct StatsEntry {
    pub name: String,
    pub method: String,
    pub last_request_timestamp: Option<f64>,
    /// Of the first request in the period.
    pub start_time: f64,
    /// Failed ones included.
    pub num_requests: u64,
    pub num_none_requests: u64,
    pub num_failures: u64,
    pub total_response_time: f64,
    pub max_response_time: f64,
    /// None when there was no request, never 0.
    pub min_response_time: Option<f64>,
    pub total_content_length: u64,
    /// Counts by ms, rounded as Locust rounds.
    pub response_times: BTreeMap<u64, u64>,
    /// Counts by unix second.
    pub num_reqs_per_sec: BTreeMap<u64, u64>,
    pub num_fail_per_sec: BTreeMap<u64, u64>,
}

/// Failures of one kind of requests for one reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct ErrorEntry {
    pub name: String,
    pub method: String,
    pub error: String,
    pub occurrences: u64,
    pub first_seen: f64,
    pub last_seen: f64,
}
