//! Reading answers: an incremental HTTP/1.1 response parser that owns no socket and keeps no body.

mod chunked;
mod head;
mod parser;

pub use head::{Framing, Head, MAX_HEAD_BYTES};
pub use parser::{BodySink, Parser, Progress};

/// Why bytes are not an HTTP/1.1 answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);
