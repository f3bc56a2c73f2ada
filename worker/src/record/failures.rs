//! Why requests fail, and how often.

use serde::Serialize;

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Another status than expected.
    Status,
    /// The expected status, but another body.
    Body,
    /// No connection could be opened.
    Connect,
    /// The connection was reset, or closed before the answer's first byte.
    Reset,
    /// The connection was closed within the answer.
    Short,
    /// Not answered in time.
    Timeout,
    /// What came was no HTTP answer, or more than one.
    Malformed,
}

/// How many requests failed, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Failures {
    pub status: u64,
    pub body: u64,
    pub connect: u64,
    pub reset: u64,
    pub short: u64,
    pub timeout: u64,
    pub malformed: u64,
}

impl Failures {
    /// Counts one.
    pub fn count(&mut self, failure: Failure) {
        *match failure {
            Failure::Status => &mut self.status,
            Failure::Body => &mut self.body,
            Failure::Connect => &mut self.connect,
            Failure::Reset => &mut self.reset,
            Failure::Short => &mut self.short,
            Failure::Timeout => &mut self.timeout,
            Failure::Malformed => &mut self.malformed,
        } += 1;
    }

    /// Each reason with its count.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 7] {
        [
            ("status", self.status),
            ("body", self.body),
            ("connect", self.connect),
            ("reset", self.reset),
            ("short", self.short),
            ("timeout", self.timeout),
            ("malformed", self.malformed),
        ]
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, count)| count).sum()
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Failures) {
        self.status += other.status;
        self.body += other.body;
        self.connect += other.connect;
        self.reset += other.reset;
        self.short += other.short;
        self.timeout += other.timeout;
        self.malformed += other.malformed;
    }
}
