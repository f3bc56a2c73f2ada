//! What happened: histograms and counts a second and kind, handed over whole and begun anew.
//!
//! One recorder belongs to one engine thread, so the hot path takes no lock. A window's second keeps its place
//! until it is handed over; a late answer opens the place of its second again, and whoever receives the
//! records adds them up.

mod failures;
mod kind;
mod recorder;
mod second;

pub use failures::{Failure, Failures};
pub use kind::{HIGHEST_NS, Instants, KindRecord, LATE_NS, LOWEST_NS, OpenLatencies, new_histogram};
pub use recorder::{Delta, Recorder};
pub use second::SecondRow;

/// One second in ns: the grain of everything recorded.
pub const SECOND_NS: u64 = 1_000_000_000;
