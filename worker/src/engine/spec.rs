//! A load, resolved: everything an engine needs to know, checked and in its own units.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use crate::pool::{Pool, PoolError};
use crate::protocol::{Load, Mode, Share};
use crate::record::SECOND_NS;
use crate::schedule::{Lane, Schedule, Spread};

/// How requests follow one another.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Each connection sends its next request so long after its answer.
    Closed {
        /// The pause.
        think_ns: u64,
    },
    /// At instants of a schedule known beforehand, over all workers.
    Open {
        /// How arrivals are spread.
        spread: Spread,
        /// Of the Poisson process.
        seed: u64,
        /// (requests a second, ns), one after the other.
        steps: Vec<(f64, u64)>,
    },
    /// At instants whose rate, this worker's, is set while the load runs.
    Steered {
        /// How arrivals are spread.
        spread: Spread,
        /// Of the Poisson process.
        seed: u64,
    },
}

/// A load, resolved.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The requests.
    pub pool: Arc<Pool>,
    /// The service.
    pub address: SocketAddr,
    /// This worker's part of all workers'.
    pub share: Share,
    /// How requests follow one another.
    pub shape: Shape,
    /// Over all workers.
    pub connections: u64,
    /// Engine threads of this worker; at least 1.
    pub threads: u64,
    /// Thread i is bound to `cpus[i mod len]`; empty: to none.
    pub cpus: Vec<usize>,
    /// How long requests are offered; None: until told to end.
    pub duration_ns: Option<u64>,
    /// From the intended instant to the answer's last byte.
    pub timeout_ns: u64,
    /// How long to wait at the end for what is in flight or queued.
    pub drain_ns: u64,
    /// The bytes of every so-manieth answer are compared; 0: of none.
    pub check_every: u64,
    /// Count answers by the integer that follows this text in their body.
    pub marker: Option<Vec<u8>>,
    /// Do not sleep within this time of an intended instant.
    pub spin_ns: u64,
    /// The longest sleep between two looks at the clock and the sockets.
    pub nap_ns: u64,
    /// The nice value to ask for; kept at the process's own where lowering it is not permitted.
    pub nice: i32,
}

/// From the µs of a plan or a command line, where 0 means that a sleep may have any length.
#[must_use]
pub fn nap_ns(nap_us: u64) -> u64 {
    if nap_us == 0 { u64::MAX } else { nap_us.saturating_mul(1_000) }
}

/// Why a load cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// A value that makes no sense.
    #[error("{what} is {value}, which is out of range")]
    OutOfRange {
        /// The value's name.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// The requests are unusable.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The name has no address, or none of its addresses accepts a connection.
    #[error("{host}:{port} cannot be reached: {source}")]
    Unreachable {
        /// The service's name.
        host: String,
        /// Its port.
        port: u16,
        /// Why.
        source: io::Error,
    },
}

impl Spec {
    /// Resolves a load: reads its requests, finds the service's address. May take as long as a name server does.
    ///
    /// # Errors
    /// When a value is out of range, the requests are unusable or the service cannot be reached.
    pub fn resolve(load: &Load, nice: i32) -> Result<Self, SpecError> {
        let out_of_range =
            |what, value: &dyn std::fmt::Debug| SpecError::OutOfRange { what, value: format!("{value:?}") };
        let duration_ns =
            seconds_to_ns(load.duration_s).ok_or_else(|| out_of_range("duration_s", &load.duration_s))?;
        let checks = [
            ("schema", load.schema == 1, u64::from(load.schema)),
            ("share.index", load.share.index < load.share.count, load.share.index),
            ("connections", load.connections >= load.share.count, load.connections),
            ("threads", (1..=1024).contains(&load.threads), load.threads),
            ("timeout_ms", (1..=3_600_000).contains(&load.timeout_ms), load.timeout_ms),
        ];
        if let Some((what, _, value)) = checks.iter().find(|(_, is_valid, _)| !is_valid) {
            return Err(out_of_range(what, value));
        }
        let shape = match load.mode {
            Mode::Closed => Shape::Closed { think_ns: load.think_time_us * 1_000 },
            Mode::Open => {
                let steps = load.steps.iter().map(|(rate_rps, duration_s)| {
                    let duration_ns = seconds_to_ns(*duration_s);
                    let is_rate = rate_rps.is_finite() && *rate_rps >= 0.0;
                    duration_ns.filter(|_| is_rate).map(|duration_ns| (*rate_rps, duration_ns))
                });
                let steps: Option<Vec<_>> = steps.collect();
                let steps = steps.filter(|steps| !steps.is_empty());
                let steps = steps.ok_or_else(|| out_of_range("steps", &load.steps))?;
                Shape::Open { spread: load.arrivals, seed: load.seed, steps }
            }
        };
        Ok(Self {
            pool: Arc::new(Pool::read(&load.requests)?),
            address: reachable_address(&load.host, load.port, Duration::from_millis(load.timeout_ms))?,
            share: load.share,
            shape,
            connections: load.connections,
            threads: load.threads,
            cpus: load.cpus.clone().unwrap_or_default(),
            duration_ns: Some(duration_ns),
            timeout_ns: load.timeout_ms * 1_000_000,
            drain_ns: load.drain_ms * 1_000_000,
            check_every: load.check_every,
            marker: load.marker.as_ref().map(|text| text.clone().into_bytes()),
            spin_ns: load.spin_us * 1_000,
            nap_ns: nap_ns(load.nap_us),
            nice,
        })
    }

    /// A thread's part of everything that is numbered over all threads of all workers.
    #[must_use]
    pub fn lane(&self, thread: u64) -> Lane {
        match self.shape {
            // A steered schedule is this worker's own.
            Shape::Steered { .. } => Lane { index: thread, count: self.threads },
            _ => Lane::of(self.share.index, self.share.count, thread, self.threads),
        }
    }

    /// Whether requests have instants of their own.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self.shape, Shape::Closed { .. })
    }

    /// The schedule of a lane; None under closed load.
    #[must_use]
    pub fn schedule(&self, lane: Lane) -> Option<Schedule> {
        match &self.shape {
            Shape::Closed { .. } => None,
            Shape::Open { spread, seed, steps } => Some(Schedule::stepped(*spread, *seed, steps, lane)),
            Shape::Steered { spread, seed } => Some(Schedule::steered(*spread, *seed, lane)),
        }
    }

    /// The hash of the whole schedule, which all workers of a window have in common.
    #[must_use]
    pub fn schedule_sha256(&self) -> Option<String> {
        match &self.shape {
            Shape::Open { .. } => self.schedule(Lane { index: 0, count: 1 }).map(Schedule::fingerprint),
            _ => None,
        }
    }
}

fn seconds_to_ns(seconds: f64) -> Option<u64> {
    // A year is long enough, and keeps every sum of instants far from overflow.
    (seconds > 0.0 && seconds < 366.0 * 86_400.0).then_some((seconds * SECOND_NS as f64).round() as u64)
}

/// The first of a name's addresses that accepts a connection: `localhost` may be two, with a service on one.
///
/// # Errors
/// When the name has no address, or none accepts.
pub fn reachable_address(host: &str, port: u16, timeout: Duration) -> Result<SocketAddr, SpecError> {
    let unreachable = |source| SpecError::Unreachable { host: host.to_owned(), port, source };
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let addresses: Vec<SocketAddr> = (bare, port).to_socket_addrs().map_err(unreachable)?.collect();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(_) => return Ok(address),
            Err(error) => failure = error,
        }
    }
    Err(unreachable(failure))
}
