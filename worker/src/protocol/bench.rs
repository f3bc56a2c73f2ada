//! The data of this project's messages, version 1. Integers unless a type says otherwise; units in the names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::{Failures, SecondRow};
use crate::schedule::Spread;

/// Which part of the load is this worker's: connections, arrivals and request numbers `index`, `index + count` …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Share {
    /// Below `count`.
    pub index: u64,
    /// How many workers there are.
    pub count: u64,
}

/// How requests follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Each connection sends its next request when it has its answer.
    Closed,
    /// Requests have instants of their own.
    Open,
}

/// Prepare this load.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Load {
    /// 1.
    pub schema: u32,
    /// Identifies the window.
    pub run: String,
    /// This worker's part.
    pub share: Share,
    /// Name or address of the service.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The file with the requests.
    pub requests: String,
    /// Closed or open.
    pub mode: Mode,
    /// Over all workers.
    pub connections: u64,
    /// Closed: pause between an answer and the next request.
    #[serde(default)]
    pub think_time_us: u64,
    /// Open: how arrivals are spread.
    #[serde(default = "poisson")]
    pub arrivals: Spread,
    /// Open: (rate in requests a second over all workers, duration in s), one after the other.
    #[serde(default)]
    pub steps: Vec<(f64, f64)>,
    /// Open: of the Poisson process.
    #[serde(default)]
    pub seed: u64,
    /// How long requests are offered.
    pub duration_s: f64,
    /// From the intended instant to the answer's last byte.
    pub timeout_ms: u64,
    /// How long to wait at the end for what is in flight or queued.
    pub drain_ms: u64,
    /// The bytes of every so-manieth answer are compared; 0: of none.
    pub check_every: u64,
    /// Count answers by the integer that follows this text in their body.
    #[serde(default)]
    pub marker: Option<String>,
    /// Engine threads of each worker.
    #[serde(default = "one")]
    pub threads: u64,
    /// Thread i is bound to `cpus[i mod len]`.
    #[serde(default)]
    pub cpus: Option<Vec<usize>>,
    /// Do not sleep within this time of an intended instant.
    #[serde(default)]
    pub spin_us: u64,
    /// The longest sleep; 0: of any length.
    #[serde(default)]
    pub nap_us: u64,
}

fn poisson() -> Spread {
    Spread::Poisson
}

fn one() -> u64 {
    1
}

/// Begin the prepared load at an instant common to all workers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LoadStart {
    /// The window.
    pub run: String,
    /// By the wall clock.
    pub start_unix_ns: u64,
}

/// Names a window.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RunId {
    /// The window.
    pub run: String,
}

/// The load is prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoadReady {
    /// The window.
    pub run: String,
    /// This worker.
    pub worker: String,
    /// Connections this worker has opened.
    pub connections: u64,
    /// Of the whole schedule, not this worker's part; None under closed load.
    pub schedule_sha256: Option<String>,
    /// The engine threads' nice value: lower than this worker's own where that is permitted.
    pub nice: i32,
}

/// The load cannot be prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoadFailed {
    /// The window.
    pub run: String,
    /// This worker.
    pub worker: String,
    /// For people.
    pub reason: String,
}

/// This project's part of a stats message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenchReport {
    /// 1.
    pub schema: u32,
    /// The window.
    pub run: String,
    /// This worker.
    pub worker: String,
    /// From 1, without gaps.
    pub seq: u64,
    /// By second and kind; one may come again in a later report, to be added.
    pub records: Vec<SecondRecord>,
    /// By second; each comes once.
    pub seconds: Vec<SecondRow>,
}

/// A histogram in HDR's V2 compressed form, base64. None: not measured under this load.
pub type HistogramText = Option<String>;

/// One kind of requests whose intended instant lies in one second.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct SecondRecord {
    pub second: u64,
    pub kind: String,
    pub completed: u64,
    pub failed: Failures,
    pub body_bytes: u64,
    pub response: HistogramText,
    pub late_response: HistogramText,
    pub service: HistogramText,
    pub send_delay: HistogramText,
    pub own_delay: HistogramText,
}

/// The load is over, and everything about it was reported.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadDone {
    /// 1.
    pub schema: u32,
    /// The window.
    pub run: String,
    /// This worker.
    pub worker: String,
    /// Sequence number of the last report.
    pub reports: u64,
    /// Sums over the window.
    pub totals: Totals,
    /// Answers by the integer after the marker.
    pub markers: BTreeMap<String, MarkerSeen>,
    /// What the kernel counted.
    pub tcp: TcpTotals,
}

/// Sums over a window and a worker. `sent` = `completed` + `failed`; `intended` = `sent` + `dropped`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Totals {
    pub intended: u64,
    pub sent: u64,
    pub completed: u64,
    pub failed: Failures,
    pub dropped: u64,
    pub by_kind: BTreeMap<String, KindTotals>,
    /// Answers whose bytes were compared.
    pub checked_bodies: u64,
    pub connections_opened: u64,
    /// Closed by the server, broken or given up within the window.
    pub connections_lost: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub busy_ns: u64,
    /// Of the busiest thread alone, in the seconds in which requests were offered.
    pub busiest_ns: u64,
    pub wait_ns: u64,
    /// From the start to the end of draining, summed over threads.
    pub wall_ns: u64,
    pub cpu_user_ns: u64,
    pub cpu_system_ns: u64,
    /// Summed over threads.
    pub max_backlog: u64,
    /// How many of the completed requests were due and not answered, summed over time.
    pub in_system_ns: u64,
    /// Since the start; None when nothing was sent.
    pub first_sent_ns: Option<u64>,
    /// Since the start; None when nothing was completed.
    pub last_completed_ns: Option<u64>,
}

/// Counts of one kind of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct KindTotals {
    pub sent: u64,
    pub completed: u64,
    pub failed: u64,
}

/// When and how often a marker's value was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct MarkerSeen {
    pub count: u64,
    pub first_unix_ns: u64,
    pub last_unix_ns: u64,
}

/// What the kernel counted for this worker's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TcpTotals {
    /// Segments sent again.
    pub retransmits: u64,
}
