//! The command line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser};

use crate::control::{Options, OwnLoad};
use crate::engine::{Shape, Spec, SpecError, nap_ns, reachable_address};
use crate::own_request::{OwnRequest, RequestError, Url};
use crate::pool::{Pool, PoolError};
use crate::protocol::Share;
use crate::schedule::Spread;

/// A native load worker for Locust.
///
/// Connects to a Locust master and waits. Without --url it runs the loads that the benchmark harness describes;
/// with --url it runs the request given here under the users that Locust spawns, whatever its Locust file says.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
pub struct Arguments {
    /// Where the Locust master listens.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5557", value_parser = host_and_port)]
    master: String,

    /// This worker's name, unique among the master's workers [default: host name and process id]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// End when standard input ends, so that no worker outlives whoever holds the other end of the pipe.
    #[arg(long)]
    die_with_stdin: bool,

    /// Nice value the engine threads ask for; kept at the process's own where lowering it is not permitted.
    #[arg(long, value_name = "N", default_value_t = -10, allow_negative_numbers = true)]
    engine_nice: i32,

    /// Nice value of the thread that speaks with the master.
    #[arg(long, value_name = "N", default_value_t = 19, allow_negative_numbers = true)]
    control_nice: i32,

    #[command(flatten)]
    own: OwnArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "By hand: a request under Locust's users")]
struct OwnArguments {
    #[arg(long, help = "The service: http://HOST[:PORT][/PATH]")]
    url: Option<String>,

    /// The request's method.
    #[arg(long, default_value = "GET", requires = "url")]
    method: String,

    /// A header, as 'Name: value'; may be repeated.
    #[arg(long = "header", value_name = "HEADER", requires = "url")]
    headers: Vec<String>,

    /// A file with the request's body; repeated: the requests take turns.
    #[arg(long = "body", value_name = "FILE", requires = "url")]
    bodies: Vec<PathBuf>,

    /// The status that counts as success.
    #[arg(long, value_name = "STATUS", default_value_t = 200, requires = "url")]
    expect: u16,

    /// Each user is a connection that sends its next request when it has its answer (the default).
    #[arg(long, requires = "url", conflicts_with = "rate_per_user")]
    closed: bool,

    /// Closed load: pause between an answer and the next request, in ms.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = not_negative, requires = "url",
          conflicts_with = "rate_per_user")]
    think_time_ms: f64,

    /// Open load: each user stands for so many requests a second, whether answers come or not.
    #[arg(long, value_name = "RATE", value_parser = not_negative, requires = "url")]
    rate_per_user: Option<f64>,

    /// Open load: how arrivals are spread.
    #[arg(long, value_enum, default_value_t = Spread::Poisson, requires = "rate_per_user")]
    arrivals: Spread,

    /// Open load: connections to send over, at least one a thread; waiting for a free one is response time.
    #[arg(long, value_name = "N", default_value_t = 64, requires = "rate_per_user")]
    connections: u64,

    /// From a request's intended instant to its answer's last byte, in ms.
    #[arg(long, value_name = "MS", default_value = "10000", value_parser = RangedU64ValueParser::<u64>::new().range(1..=3_600_000), requires = "url")]
    timeout_ms: u64,

    /// Engine threads.
    #[arg(long, value_name = "N", default_value = "1", value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_024), requires = "url")]
    threads: u64,

    /// CPUs to bind engine threads to, as 1,3,5.
    #[arg(long, value_name = "CPUS", value_delimiter = ',', requires = "url")]
    cpus: Vec<usize>,

    /// Do not sleep within this time of an intended instant, in µs: exact, at the cost of CPU time.
    #[arg(long, value_name = "US", default_value_t = 0, requires = "url")]
    spin_us: u64,

    /// Sleep no longer than this at a time, in µs, so that the core stays awake: nearly exact, at some cost of CPU time.
    /// 0: sleep as long as there is nothing to do.
    #[arg(long, value_name = "US", default_value_t = 0, requires = "url")]
    nap_us: u64,
}

/// What is wrong with the command line.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    /// The request cannot be written.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A body cannot be read.
    #[error("--body {}: {source}", path.display())]
    Body {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The service cannot be found.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The request is unusable.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl Arguments {
    /// The nice value of the thread that speaks with the master.
    #[must_use]
    pub fn control_nice(&self) -> i32 {
        self.control_nice
    }

    /// Reads the files the arguments name, and looks for the service.
    ///
    /// # Errors
    /// The first that is unusable.
    pub fn resolve(self) -> Result<Options, ArgumentError> {
        let own_load = match &self.own.url {
            Some(url) => Some(self.own.resolve(&Url::parse(url)?, self.engine_nice)?),
            None => None,
        };
        Ok(Options {
            master: self.master,
            worker: self.name.unwrap_or_else(default_name),
            own_load,
            engine_nice: self.engine_nice,
            die_with_stdin: self.die_with_stdin,
        })
    }
}

impl OwnArguments {
    fn resolve(&self, url: &Url, nice: i32) -> Result<OwnLoad, ArgumentError> {
        let bodies = self.bodies.iter().map(|path| {
            std::fs::read(path).map_err(|source| ArgumentError::Body { path: path.clone(), source })
        });
        let request = OwnRequest {
            method: self.method.clone(),
            headers: self.headers.clone(),
            bodies: bodies.collect::<Result<_, _>>()?,
            expect: self.expect,
        };
        let (spread, seed) = (self.arrivals, u64::from(std::process::id()));
        let (shape, connections) = match self.rate_per_user {
            Some(_) => (Shape::Steered { spread, seed }, self.connections.max(self.threads)),
            None => (Shape::Closed { think_ns: (self.think_time_ms * 1e6) as u64 }, 0),
        };
        let timeout_ns = self.timeout_ms * 1_000_000;
        let spec = Spec {
            pool: Arc::new(Pool::new(request.pool(url)?)?),
            address: reachable_address(&url.host, url.port, Duration::from_nanos(timeout_ns))?,
            share: Share { index: 0, count: 1 },
            shape,
            connections,
            threads: self.threads,
            cpus: self.cpus.clone(),
            duration_ns: None,
            timeout_ns,
            drain_ns: timeout_ns,
            check_every: 0,
            marker: None,
            spin_ns: self.spin_us * 1_000,
            nap_ns: nap_ns(self.nap_us),
            nice,
        };
        Ok(OwnLoad { spec, rate_per_user_rps: self.rate_per_user.unwrap_or(0.0) })
    }
}

fn host_and_port(text: &str) -> Result<String, &'static str> {
    let is_complete =
        text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    is_complete.then(|| text.to_owned()).ok_or("expected HOST:PORT")
}

fn not_negative(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|value| (0.0..1e9).contains(value)).ok_or("expected a number, 0 or more")
}

fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_native_{}", host.trim(), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_are_refused() {
        let lines: [&[&str]; 8] = [
            &["w", "--method", "POST"],
            &["w", "--url", "http://h", "--closed", "--rate-per-user", "1"],
            &["w", "--url", "http://h", "--think-time-ms", "1", "--rate-per-user", "1"],
            &["w", "--url", "http://h", "--arrivals", "constant"],
            &["w", "--url", "http://h", "--rate-per-user=-1"],
            &["w", "--url", "http://h", "--threads", "0"],
            &["w", "--master", "host"],
            &["w", "--master", ":5557"],
        ];
        for line in lines {
            assert!(Arguments::try_parse_from(line).is_err(), "{line:?}");
        }
        let line = ["w", "--master", "[::1]:5557", "--url", "http://h", "--rate-per-user", "0.5"];
        assert!(Arguments::try_parse_from(line).is_ok());
    }
}
