//! What a session asks for, and what it must be told.

use std::collections::BTreeMap;

use crate::protocol::{Load, ToMaster};

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Tell the master.
    Send(ToMaster),
    /// Collect what was recorded and tell the master in a stats message.
    SendStats(ReportHead),
    /// Prepare the load the master describes, in place of any other.
    Prepare(Box<Load>),
    /// Begin the load of the command line, in place of any other.
    BeginOwnLoad,
    /// Begin the prepared load.
    Start {
        /// By the wall clock.
        start_unix_ns: u64,
    },
    /// Let so many users run.
    SetUsers(u64),
    /// End the load, waiting so long for what is under way; None: as long as the load itself says. One that is still
    /// being prepared has failed.
    Finish {
        /// The wait.
        drain_ns: Option<u64>,
    },
    /// Forget the load: nobody is left to be told about it.
    Abandon,
    /// Close the connection to the master and open it again.
    Reconnect {
        /// What waits to be sent was meant for a master that is gone.
        is_afresh: bool,
    },
    /// End the process.
    Exit,
}

/// The part of a stats message that the session knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportHead {
    /// The window and the report's number in it; None outside a window.
    pub window: Option<(String, u64)>,
    /// By class.
    pub users: BTreeMap<String, u64>,
}

/// What is measured of this process for its heartbeats.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vitals {
    /// Of the busiest engine thread, in percent.
    pub busy_percent: f64,
    /// In bytes.
    pub resident_bytes: u64,
}
