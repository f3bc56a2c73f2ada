//! The configuration: environment variables, all checked before anything starts.

use std::{
    error::Error,
    ffi::OsString,
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    ops::RangeInclusive,
    path::PathBuf,
    thread,
    time::Duration,
};

/// Largest count of anything that is sized by configuration; far beyond use, far below overflow.
const MAX_COUNT: u64 = u32::MAX as u64;

/// Everything the service can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address and port to listen on; port 0 is any free one.
    pub listen: SocketAddr,
    /// Cores to use: the number of worker threads.
    pub cpus: usize,
    /// The routing table.
    pub routes_file: PathBuf,
    /// How callers are authenticated; `None` if not at all.
    pub auth: Option<AuthConfig>,
    /// Token checks that may go on at once.
    pub auth_max_concurrent: usize,
    /// How long a permit is held.
    pub auth_permit_scope: PermitScope,
    /// Longest wait for a permit.
    pub auth_acquire_timeout: Duration,
    /// Wait under the permit that stands for a remote look-up.
    pub auth_lookup_delay: Duration,
    /// Wait after routing that stands for a database.
    pub backend_delay: Duration,
    /// Backend waits that may go on at once.
    pub backend_pool_size: usize,
    /// Longest wait for a place in the pool.
    pub backend_acquire_timeout: Duration,
    /// Largest accepted body.
    pub max_body_bytes: usize,
}

/// What a token must satisfy.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// The only accepted algorithm.
    pub algorithm: Algorithm,
    /// The JWKS.
    pub keys_file: PathBuf,
    /// Required `iss`.
    pub issuer: String,
    /// Required in `aud`.
    pub audience: String,
}

/// Signature algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl Algorithm {
    /// The name in JOSE headers and keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

/// How long an authentication permit is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermitScope {
    /// For the look-up delay and the signature check.
    Check,
    /// Until the answer is made.
    Request,
}

/// A variable that is missing or bad; displays as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The variable's name.
    pub variable: &'static str,
    /// What it held, `None` if it was unset.
    pub value: Option<String>,
    /// What it should have held.
    pub expected: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.value {
            // Debug formatting keeps control characters in the value from breaking the line.
            Some(value) => write!(f, "{}={value:?}: expected {}", self.variable, self.expected),
            None => write!(f, "{} is not set: expected {}", self.variable, self.expected),
        }
    }
}

impl Error for ConfigError {}

impl Config {
    /// Reads the configuration through `lookup`, which answers a variable's value.
    ///
    /// # Errors
    /// The first variable that is missing or bad.
    pub fn read(lookup: impl Fn(&'static str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let env = Environment { lookup };
        let address: IpAddr = env
            .parsed("BIND", "an IP address", |text| text.parse().ok())?
            .unwrap_or(IpAddr::from([127, 0, 0, 1]));
        let port = env.integer("PORT", 0..=u64::from(u16::MAX), 8080)?;
        let port = u16::try_from(port).expect("the range is that of a port");
        Ok(Self {
            listen: SocketAddr::new(address, port),
            cpus: env.count("CPUS", 1..=1024, available_cpus())?,
            routes_file: env.required("ROUTES_FILE", "the path of a routing table")?.into(),
            auth: env.auth()?,
            auth_max_concurrent: env.count("AUTH_MAX_CONCURRENT", 1..=MAX_COUNT, 50)?,
            auth_permit_scope: env
                .parsed("AUTH_PERMIT_SCOPE", "check or request", |text| match text {
                    "check" => Some(PermitScope::Check),
                    "request" => Some(PermitScope::Request),
                    _ => None,
                })?
                .unwrap_or(PermitScope::Check),
            auth_acquire_timeout: env.milliseconds("AUTH_ACQUIRE_TIMEOUT_MS", 1000)?,
            auth_lookup_delay: env.milliseconds("AUTH_LOOKUP_DELAY_MS", 0)?,
            backend_delay: env.milliseconds("BACKEND_DELAY_MS", 0)?,
            backend_pool_size: env.count("BACKEND_POOL_SIZE", 1..=MAX_COUNT, 16)?,
            backend_acquire_timeout: env.milliseconds("BACKEND_ACQUIRE_TIMEOUT_MS", 1000)?,
            max_body_bytes: env.count("MAX_BODY_BYTES", 1..=MAX_COUNT, 65_536)?,
        })
    }
}

/// The cores this process may use: its affinity mask and its cgroup's quota.
fn available_cpus() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

struct Environment<L> {
    lookup: L,
}

impl<L: Fn(&'static str) -> Option<OsString>> Environment<L> {
    fn auth(&self) -> Result<Option<AuthConfig>, ConfigError> {
        let algorithm = self
            .parsed("AUTH_ALGORITHM", "ES256, RS256 or none", |text| match text {
                "ES256" => Some(Some(Algorithm::Es256)),
                "RS256" => Some(Some(Algorithm::Rs256)),
                "none" => Some(None),
                _ => None,
            })?
            .unwrap_or(Some(Algorithm::Es256));
        let Some(algorithm) = algorithm else { return Ok(None) };
        Ok(Some(AuthConfig {
            algorithm,
            keys_file: self.required("AUTH_KEYS_FILE", "the path of a JWKS")?.into(),
            issuer: self.required("AUTH_ISSUER", "the issuer of accepted tokens")?,
            audience: self.required("AUTH_AUDIENCE", "the audience of accepted tokens")?,
        }))
    }

    /// The value of a variable; unset and empty are the same.
    fn value(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(value) = (self.lookup)(variable).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        value.into_string().map(Some).map_err(|raw| ConfigError {
            variable,
            value: Some(raw.to_string_lossy().into_owned()),
            expected: "UTF-8 text".to_owned(),
        })
    }

    fn required(&self, variable: &'static str, expected: &str) -> Result<String, ConfigError> {
        self.value(variable)?.ok_or_else(|| ConfigError {
            variable,
            value: None,
            expected: expected.to_owned(),
        })
    }

    fn parsed<T>(
        &self,
        variable: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.value(variable)? else { return Ok(None) };
        match parse(&value) {
            Some(parsed) => Ok(Some(parsed)),
            None => {
                Err(ConfigError { variable, value: Some(value), expected: expected.to_owned() })
            }
        }
    }

    fn integer(
        &self,
        variable: &'static str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, ConfigError> {
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        let parse = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|number| digits && range.contains(number))
        };
        Ok(self.parsed(variable, &expected, parse)?.unwrap_or(default))
    }

    fn count(
        &self,
        variable: &'static str,
        range: RangeInclusive<u64>,
        default: usize,
    ) -> Result<usize, ConfigError> {
        let number = self.integer(variable, range, default as u64)?;
        Ok(usize::try_from(number).expect("the range ends at 32 bits"))
    }

    fn milliseconds(&self, variable: &'static str, default: u64) -> Result<Duration, ConfigError> {
        self.integer(variable, 0..=MAX_COUNT, default).map(Duration::from_millis)
    }
}
