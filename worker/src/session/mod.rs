//! What messages mean: the worker's side of Locust's protocol as a state machine. Pure: events and the time go in,
//! actions come out, and whoever holds the session carries them out in order.

mod action;
mod machine;

pub use action::{Action, ReportHead, Vitals};
pub use machine::{ANNOUNCE_PAUSE_NS, LONGEST_ANNOUNCE_PAUSE_NS, MASTER_SILENCE_NS, Session};
