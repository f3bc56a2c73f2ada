//! The command line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser};
use serde_bytes::ByteBuf;

use crate::control::{Options, OwnLoad};
use crate::engine::{Shape, Spec, SpecError, reachable_address};
use crate::pool::{Pool, PoolError, PoolFile, RequestEntry};
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
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5557")]
    pub master: String,

    /// This worker's name, unique among the master's workers [default: host name and process id]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// End when standard input ends, so that no worker outlives whoever holds the other end of the pipe.
    #[arg(long)]
    pub die_with_stdin: bool,

    /// Nice value the engine threads ask for; kept at the process's own where lowering it is not permitted.
    #[arg(long, value_name = "N", default_value_t = -10, allow_negative_numbers = true)]
    pub engine_nice: i32,

    /// Nice value of the thread that speaks with the master.
    #[arg(long, value_name = "N", default_value_t = 19, allow_negative_numbers = true)]
    pub control_nice: i32,

    #[command(flatten)]
    own: OwnArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "By hand: a request under Locust's users")]
struct OwnArguments {
    /// The service: http://HOST[:PORT][/PATH]
    #[arg(long)]
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

    /// With --closed: pause between an answer and the next request, in ms.
    #[arg(long, value_name = "MS", default_value_t = 0.0, requires = "url")]
    think_time_ms: f64,

    /// Open load: each user stands for so many requests a second, whether answers come or not.
    #[arg(long, value_name = "RATE", requires = "url")]
    rate_per_user: Option<f64>,

    /// Open load: how arrivals are spread.
    #[arg(long, value_enum, default_value_t = Spread::Poisson, requires = "rate_per_user")]
    arrivals: Spread,

    /// Open load: connections to send over; waiting for a free one is response time.
    #[arg(long, value_name = "N", default_value_t = 64, requires = "rate_per_user")]
    connections: u64,

    /// From a request's intended instant to its answer's last byte, in ms.
    #[arg(long, value_name = "MS", default_value_t = 10_000, requires = "url")]
    timeout_ms: u64,

    /// Engine threads.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "url")]
    threads: u64,

    /// CPUs to bind engine threads to, as 1,3,5.
    #[arg(long, value_name = "CPUS", value_delimiter = ',', requires = "url")]
    cpus: Vec<usize>,

    /// Do not sleep within this time of an intended instant, in µs: exact, at the cost of CPU time.
    #[arg(long, value_name = "US", default_value_t = 0, requires = "url")]
    spin_us: u64,
}

/// What is wrong with the command line.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    /// Not a URL this worker can use.
    #[error("--url {0}: expected http://HOST[:PORT][/PATH] (https is not supported)")]
    Url(String),
    /// A value outside its range, or of the wrong form.
    #[error("{option} {value}: {expected}")]
    Value {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
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
    /// Checks the arguments and reads the files they name.
    ///
    /// # Errors
    /// The first that is unusable.
    pub fn resolve(self) -> Result<Options, ArgumentError> {
        let has_port = self.master.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if !has_port {
            let expected = "expected HOST:PORT";
            return Err(ArgumentError::Value { option: "--master", value: self.master, expected });
        }
        let own_load = match &self.own.url {
            Some(url) => Some(self.own.resolve(url, self.engine_nice)?),
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
    fn resolve(&self, url: &str, nice: i32) -> Result<OwnLoad, ArgumentError> {
        let url = Url::parse(url).ok_or_else(|| ArgumentError::Url(url.to_owned()))?;
        let rate_per_user_rps = self.rate_per_user.unwrap_or(0.0);
        let checks = [
            ("--threads", self.threads as f64, (1.0..=1024.0).contains(&(self.threads as f64)), "expected 1 to 1024"),
            ("--timeout-ms", self.timeout_ms as f64, (1..=3_600_000).contains(&self.timeout_ms), "expected 1 to 3600000"),
            ("--think-time-ms", self.think_time_ms, (0.0..=3.6e6).contains(&self.think_time_ms), "expected 0 to 3600000"),
            ("--rate-per-user", rate_per_user_rps, (0.0..=1e9).contains(&rate_per_user_rps), "expected a positive rate"),
            ("--connections", self.connections as f64, self.connections >= self.threads, "expected one a thread or more"),
        ];
        if let Some((option, value, _, expected)) = checks.into_iter().find(|(_, _, is_valid, _)| !is_valid) {
            return Err(ArgumentError::Value { option, value: value.to_string(), expected });
        }
        let (spread, seed) = (self.arrivals, u64::from(std::process::id()));
        let (shape, connections) = match self.rate_per_user {
            Some(_) => (Shape::Steered { spread, seed }, self.connections),
            None => (Shape::Closed { think_ns: (self.think_time_ms * 1e6) as u64 }, 0),
        };
        let spec = Spec {
            pool: Arc::new(Pool::new(self.requests(&url)?)?),
            address: reachable_address(&url.host, url.port, Duration::from_millis(self.timeout_ms))?,
            share: Share { index: 0, count: 1 },
            shape,
            connections,
            threads: self.threads,
            cpus: self.cpus.clone(),
            duration_ns: None,
            timeout_ns: self.timeout_ms * 1_000_000,
            drain_ns: self.timeout_ms * 1_000_000,
            check_every: 0,
            marker: None,
            spin_ns: self.spin_us * 1_000,
            nice,
        };
        Ok(OwnLoad { spec, rate_per_user_rps })
    }

    fn requests(&self, url: &Url) -> Result<PoolFile, ArgumentError> {
        let mut bodies = Vec::new();
        for path in &self.bodies {
            let body = std::fs::read(path);
            bodies.push(body.map_err(|source| ArgumentError::Body { path: path.clone(), source })?);
        }
        if bodies.is_empty() {
            bodies.push(Vec::new());
        }
        let parts = bodies.iter().map(|body| Ok(ByteBuf::from([&*self.head(url, body)?, body].concat())));
        let parts = parts.collect::<Result<Vec<_>, ArgumentError>>()?;
        let count = parts.len() as u32;
        let request = |index| RequestEntry { kind: url.path.clone(), parts: vec![index], expect: self.expect, body: None };
        let requests = (0..count).map(request).collect();
        Ok(PoolFile { schema: 1, parts, requests, bodies: Vec::new(), order: (0..count).collect() })
    }

    fn head(&self, url: &Url, body: &[u8]) -> Result<Vec<u8>, ArgumentError> {
        let wrong = |option, value: &str, expected| {
            Err(ArgumentError::Value { option, value: value.to_owned(), expected })
        };
        if self.method.is_empty() || !self.method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return wrong("--method", &self.method, "expected capital letters");
        }
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, url.path);
        let is_given = |name: &str| {
            let names = self.headers.iter().filter_map(|header| header.split_once(':'));
            names.into_iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
        };
        if !is_given("host") {
            head += &format!("Host: {}\r\n", url.authority);
        }
        if !is_given("content-length") && (!body.is_empty() || matches!(&*self.method, "POST" | "PUT" | "PATCH")) {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        for header in &self.headers {
            if !header.contains(':') || header.contains(['\r', '\n']) {
                return wrong("--header", header, "expected 'Name: value'");
            }
            head += &format!("{header}\r\n");
        }
        Ok((head + "\r\n").into_bytes())
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Url {
    authority: String,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("http://")?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, 80),
        };
        let is_clean = !path.contains(|letter: char| letter.is_ascii_whitespace() || letter.is_control());
        let url =
            Self { authority: authority.to_owned(), host: host.to_owned(), port, path: path.to_owned() };
        (!host.is_empty() && is_clean).then_some(url)
    }
}

fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_native_{}", host.trim(), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let cases = [
            ("http://localhost", Some(("localhost", "localhost", 80, "/"))),
            ("http://10.0.0.1:8080/v1/x?y=z", Some(("10.0.0.1:8080", "10.0.0.1", 8080, "/v1/x?y=z"))),
            ("http://[::1]:81/", Some(("[::1]:81", "[::1]", 81, "/"))),
            ("http://[::1]", Some(("[::1]", "[::1]", 80, "/"))),
            ("https://localhost", None),
            ("http://", None),
            ("http://host:port/", None),
            ("http://host/a b", None),
        ];
        for (text, expected) in cases {
            let url = Url::parse(text);
            let parts = url.as_ref().map(|url| (&*url.authority, &*url.host, url.port, &*url.path));
            assert_eq!(parts, expected, "{text}");
        }
    }

    #[test]
    fn the_request_is_written_as_it_is_sent() {
        let line = ["w", "--url", "http://h:1/p", "--method", "POST", "--header", "X: y", "--expect", "201"];
        let arguments = Arguments::try_parse_from(line).unwrap();
        let pool = arguments.own.requests(&Url::parse("http://h:1/p").unwrap()).unwrap();
        let text = "POST /p HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\nX: y\r\n\r\n";
        assert_eq!(pool.parts[0].as_slice(), text.as_bytes());
        assert_eq!(pool.requests[0].expect, 201);
    }

    #[test]
    fn contradictions_are_refused() {
        let lines: [&[&str]; 3] = [
            &["w", "--method", "POST"],
            &["w", "--url", "http://h", "--closed", "--rate-per-user", "1"],
            &["w", "--url", "http://h", "--arrivals", "constant"],
        ];
        for line in lines {
            assert!(Arguments::try_parse_from(line).is_err(), "{line:?}");
        }
        assert!(Arguments::try_parse_from(["w", "--master", "host"]).unwrap().resolve().is_err());
    }
}
