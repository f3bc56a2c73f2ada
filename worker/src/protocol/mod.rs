//! Messages between worker and master: Locust's own and this project's, typed. Pure.
//!
//! On the wire each is a msgpack array `[type, data, node id]`.

mod bench;
mod locust;

pub use bench::{
    BenchReport, HistogramText, KindTotals, Load, LoadDone, LoadFailed, LoadReady, LoadStart, MarkerSeen,
    Mode, RunId, SecondRecord, Share, TcpTotals, Totals,
};
pub use locust::{ErrorEntry, Heartbeat, Spawn, SpawningComplete, StatsEntry, StatsReport, WorkerState};

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

/// What the master says.
#[derive(Clone, Debug, PartialEq)]
pub enum FromMaster {
    /// The worker is known now, under an ordinal number that never changes (absent before Locust 2.10.3).
    Ack(Option<u64>),
    /// Run so many users: absolute numbers.
    Spawn(Spawn),
    /// All workers together have all users now.
    SpawningComplete,
    /// End the test.
    Stop,
    /// End the process.
    Quit,
    /// Open the connection to the master anew.
    Reconnect,
    /// The answer to a heartbeat.
    Heartbeat,
    /// Prepare this load.
    BenchLoad(Box<Load>),
    /// Begin the prepared load.
    BenchStart(LoadStart),
    /// End the load early.
    BenchFlush(RunId),
    /// A message this worker has no use for.
    Other(String),
}

/// Why bytes are not a message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not msgpack, or not three elements of the right types.
    #[error("not a message: {0}")]
    NotAMessage(rmp_serde::decode::Error),
    /// The data is not what this type of message carries.
    #[error("a {kind} message with unusable data: {reason}")]
    UnusableData {
        /// The message's type.
        kind: String,
        /// What is wrong.
        reason: rmp_serde::decode::Error,
    },
}

#[derive(Deserialize)]
struct AckData {
    index: Option<u64>,
}

/// Decodes a message of the master.
///
/// # Errors
/// When it is none, or one of a known type with data of another shape.
pub fn decode(bytes: &[u8]) -> Result<FromMaster, DecodeError> {
    let (kind, _data, _node): (String, IgnoredAny, IgnoredAny) =
        rmp_serde::from_slice(bytes).map_err(DecodeError::NotAMessage)?;
    Ok(match kind.as_str() {
        "ack" => FromMaster::Ack(data::<Option<AckData>>(&kind, bytes)?.and_then(|ack| ack.index)),
        "spawn" => FromMaster::Spawn(data(&kind, bytes)?),
        "spawning_complete" => FromMaster::SpawningComplete,
        "stop" => FromMaster::Stop,
        "quit" => FromMaster::Quit,
        "reconnect" => FromMaster::Reconnect,
        "heartbeat" => FromMaster::Heartbeat,
        "bench_load" => FromMaster::BenchLoad(data(&kind, bytes)?),
        "bench_start" => FromMaster::BenchStart(data(&kind, bytes)?),
        "bench_flush" => FromMaster::BenchFlush(data(&kind, bytes)?),
        _ => FromMaster::Other(kind),
    })
}

/// The data of a message whose type says what it must be.
fn data<T: DeserializeOwned>(kind: &str, bytes: &[u8]) -> Result<T, DecodeError> {
    let message: Result<(IgnoredAny, T, IgnoredAny), _> = rmp_serde::from_slice(bytes);
    message
        .map(|(_, data, _)| data)
        .map_err(|reason| DecodeError::UnusableData { kind: kind.to_owned(), reason })
}

/// What the worker says.
#[derive(Clone, Debug, PartialEq)]
pub enum ToMaster {
    /// Here, and without users. The version -1 tells the master not to compare versions.
    ClientReady,
    /// Alive.
    Heartbeat(Heartbeat),
    /// A spawn message was received.
    Spawning,
    /// The users of the last spawn message run.
    SpawningComplete(SpawningComplete),
    /// What happened since the last report.
    Stats(Box<StatsReport>),
    /// The test has ended here.
    ClientStopped,
    /// The process ends.
    Quit,
    /// The load is prepared.
    BenchReady(LoadReady),
    /// The load cannot be prepared.
    BenchFailed(LoadFailed),
    /// The load is over, and everything about it was reported.
    BenchDone(Box<LoadDone>),
}

impl ToMaster {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self, node_id: &str) -> Vec<u8> {
        match self {
            Self::ClientReady => message("client_ready", &-1, node_id),
            Self::Heartbeat(data) => message("heartbeat", data, node_id),
            Self::Spawning => message("spawning", &(), node_id),
            Self::SpawningComplete(data) => message("spawning_complete", data, node_id),
            Self::Stats(data) => message("stats", data, node_id),
            Self::ClientStopped => message("client_stopped", &(), node_id),
            Self::Quit => message("quit", &(), node_id),
            Self::BenchReady(data) => message("bench_ready", data, node_id),
            Self::BenchFailed(data) => message("bench_failed", data, node_id),
            Self::BenchDone(data) => message("bench_done", data, node_id),
        }
    }
}

fn message(kind: &str, data: &impl Serialize, node_id: &str) -> Vec<u8> {
    rmp_serde::to_vec_named(&(kind, data, node_id)).expect("these types all have a msgpack form")
}
