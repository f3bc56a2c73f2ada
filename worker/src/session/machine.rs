//! The state machine itself.

use std::collections::BTreeMap;

use super::{Action, ReportHead, Vitals};
use crate::engine::Outcome;
use crate::protocol::{
    FromMaster, Heartbeat, Load, LoadDone, LoadFailed, LoadReady, Spawn, SpawningComplete, TcpTotals,
    ToMaster, WorkerState,
};

const SECOND_NS: u64 = 1_000_000_000;

/// A master that has said nothing for so long is lost, and the load with it. It answers a heartbeat a second.
pub const MASTER_SILENCE_NS: u64 = 4 * SECOND_NS;

/// Until the master knows it, the worker announces itself again after this pause, each time over a new connection: a master
/// that still has an older one under the same name ignores what comes over the newer. The pause doubles up to the longest.
/// The first is short, since a master gives up a worker, and with its last one the test, after four seconds.
pub const ANNOUNCE_PAUSE_NS: u64 = SECOND_NS;

/// No pause between announcements is longer.
pub const LONGEST_ANNOUNCE_PAUSE_NS: u64 = 5 * SECOND_NS;

const HEARTBEAT_INTERVAL_NS: u64 = SECOND_NS;
const REPORT_INTERVAL_NS: u64 = SECOND_NS;

/// After `quit` the master listens for half a second: the last report must be there by then.
const QUIT_DRAIN_NS: u64 = 300_000_000;

/// What becomes of the worker once its load is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Afterwards {
    /// It is ready for the next test.
    BeReady,
    /// It ends.
    Leave,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Current {
    Nothing,
    /// The command line's load.
    OwnLoad,
    /// The master's, known by its run, with so many reports sent.
    Window {
        run: String,
        reports: u64,
    },
}

/// The worker's side of its conversation with one master after another.
// Four facts that do not exclude one another.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug)]
pub struct Session {
    worker: String,
    has_own_load: bool,
    is_linked: bool,
    is_known: bool,
    state: WorkerState,
    users: BTreeMap<String, u64>,
    last_spawn_timestamp: f64,
    current: Current,
    afterwards: Option<Afterwards>,
    last_heard_ns: u64,
    next_announcement_ns: u64,
    announce_pause_ns: u64,
    /// Over the connection there is now.
    has_announced: bool,
    next_heartbeat_ns: u64,
    next_report_ns: u64,
}

impl Session {
    /// A worker under this name; `has_own_load`: users of the master's run the command line's load.
    #[must_use]
    pub fn new(worker: String, has_own_load: bool) -> Self {
        Self {
            worker,
            has_own_load,
            is_linked: false,
            is_known: false,
            state: WorkerState::Ready,
            users: BTreeMap::new(),
            last_spawn_timestamp: 0.0,
            current: Current::Nothing,
            afterwards: None,
            last_heard_ns: 0,
            next_announcement_ns: 0,
            announce_pause_ns: ANNOUNCE_PAUSE_NS,
            has_announced: false,
            next_heartbeat_ns: 0,
            next_report_ns: 0,
        }
    }

    /// This worker's name.
    #[must_use]
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// The connection to a master is open, the same as before or another.
    pub fn on_link_up(&mut self, now_ns: u64) {
        self.is_linked = true;
        self.has_announced = false;
        self.next_announcement_ns = now_ns;
        self.next_heartbeat_ns = now_ns;
    }

    /// The connection to the master is gone. A load goes on: if the master lives it will be heard again in time.
    pub fn on_link_down(&mut self) {
        self.is_linked = false;
        if self.current == Current::Nothing {
            self.is_known = false;
        }
    }

    /// When [`Session::on_tick`] is to be called next.
    #[must_use]
    pub fn next_tick_ns(&self) -> u64 {
        let mut next_ns = u64::MAX;
        if self.is_known {
            next_ns = next_ns.min(self.last_heard_ns + MASTER_SILENCE_NS);
        }
        if self.is_linked {
            next_ns =
                next_ns.min(if self.is_known { self.next_heartbeat_ns } else { self.next_announcement_ns });
        }
        if self.is_reporting() {
            next_ns = next_ns.min(self.next_report_ns);
        }
        next_ns
    }

    /// Time has passed.
    pub fn on_tick(&mut self, now_ns: u64, vitals: Vitals) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.is_known && now_ns >= self.last_heard_ns + MASTER_SILENCE_NS {
            actions.extend(self.on_master_lost(now_ns));
        }
        if self.is_linked && !self.is_known && now_ns >= self.next_announcement_ns {
            let was_in_vain = std::mem::replace(&mut self.has_announced, true);
            if was_in_vain {
                self.announce_pause_ns = (2 * self.announce_pause_ns).min(LONGEST_ANNOUNCE_PAUSE_NS);
                actions.push(Action::Reconnect { is_afresh: true });
            } else {
                actions.push(Action::Send(ToMaster::ClientReady));
            }
            self.next_announcement_ns = now_ns + self.announce_pause_ns;
        }
        if self.is_linked && self.is_known && now_ns >= self.next_heartbeat_ns {
            self.next_heartbeat_ns = now_ns + HEARTBEAT_INTERVAL_NS;
            actions.push(Action::Send(ToMaster::Heartbeat(Heartbeat {
                state: self.state,
                current_cpu_usage: vitals.busy_percent,
                current_memory_usage: vitals.resident_bytes,
            })));
        }
        if self.is_reporting() && now_ns >= self.next_report_ns {
            self.next_report_ns = now_ns + REPORT_INTERVAL_NS;
            actions.push(self.send_stats());
        }
        actions
    }

    /// A message has come.
    pub fn on_message(&mut self, message: FromMaster, now_ns: u64) -> Vec<Action> {
        self.last_heard_ns = now_ns;
        match message {
            FromMaster::Ack(_) => {
                self.is_known = true;
                self.announce_pause_ns = ANNOUNCE_PAUSE_NS;
                self.next_heartbeat_ns = now_ns;
                Vec::new()
            }
            FromMaster::Reconnect => vec![Action::Reconnect { is_afresh: false }],
            FromMaster::Quit => self.end_load(Afterwards::Leave),
            // A master that does not know this worker would answer anything else with a demand to quit.
            _ if !self.is_known => Vec::new(),
            FromMaster::Spawn(spawn) => self.on_spawn(spawn, now_ns),
            FromMaster::Stop => self.end_load(Afterwards::BeReady),
            FromMaster::BenchLoad(load) => self.on_bench_load(load),
            FromMaster::BenchStart(start) if self.is_in(&start.run) => {
                vec![Action::Start { start_unix_ns: start.start_unix_ns }]
            }
            FromMaster::BenchFlush(flush) if self.is_in(&flush.run) => {
                vec![Action::Finish { drain_ns: None }]
            }
            FromMaster::BenchStart(_)
            | FromMaster::BenchFlush(_)
            | FromMaster::SpawningComplete
            | FromMaster::Heartbeat
            | FromMaster::Other(_) => Vec::new(),
        }
    }

    /// The prepared load has its connections: from now on there is something to report.
    pub fn on_load_ready(
        &mut self,
        connections: u64,
        nice: i32,
        schedule_sha256: Option<String>,
        now_ns: u64,
    ) -> Vec<Action> {
        let Current::Window { run, .. } = &self.current else {
            return Vec::new();
        };
        self.next_report_ns = now_ns + REPORT_INTERVAL_NS;
        let ready =
            LoadReady { run: run.clone(), worker: self.worker.clone(), connections, schedule_sha256, nice };
        vec![Action::SetUsers(self.user_count()), Action::Send(ToMaster::BenchReady(ready))]
    }

    /// The load cannot be prepared or run.
    pub fn on_load_failed(&mut self, reason: String) -> Vec<Action> {
        let mut actions = vec![Action::Abandon];
        if let Current::Window { run, .. } = std::mem::replace(&mut self.current, Current::Nothing) {
            let failed = LoadFailed { run, worker: self.worker.clone(), reason };
            actions.push(Action::Send(ToMaster::BenchFailed(failed)));
        }
        actions.extend(self.go_on());
        actions
    }

    /// The load is over; all of it was handed over.
    pub fn on_load_done(&mut self, outcome: Outcome) -> Vec<Action> {
        // A window's users end with it, and the master, which counts them once a second, has to wait for none.
        if self.afterwards.is_some() || matches!(self.current, Current::Window { .. }) {
            self.users.clear();
        }
        let mut actions = vec![self.send_stats()];
        if let Current::Window { run, reports } = &self.current {
            actions.push(Action::Send(ToMaster::BenchDone(Box::new(LoadDone {
                schema: 1,
                run: run.clone(),
                worker: self.worker.clone(),
                reports: *reports,
                totals: outcome.totals,
                markers: outcome.markers,
                tcp: TcpTotals { retransmits: outcome.retransmits },
            }))));
        }
        self.current = Current::Nothing;
        actions.push(Action::Abandon);
        actions.extend(self.go_on());
        actions
    }

    /// The process was asked to end.
    pub fn on_termination(&mut self) -> Vec<Action> {
        self.end_load(Afterwards::Leave)
    }

    fn on_spawn(&mut self, spawn: Spawn, now_ns: u64) -> Vec<Action> {
        if spawn.timestamp <= self.last_spawn_timestamp || self.afterwards.is_some() {
            return Vec::new();
        }
        self.last_spawn_timestamp = spawn.timestamp;
        self.users = spawn.user_classes_count;
        self.state = WorkerState::Running;
        let mut actions = vec![Action::Send(ToMaster::Spawning)];
        if self.has_own_load && self.current == Current::Nothing {
            self.current = Current::OwnLoad;
            self.next_report_ns = now_ns + REPORT_INTERVAL_NS;
            actions.push(Action::BeginOwnLoad);
        }
        let complete =
            SpawningComplete { user_classes_count: self.users.clone(), user_count: self.user_count() };
        actions.push(Action::SetUsers(self.user_count()));
        actions.push(Action::Send(ToMaster::SpawningComplete(complete)));
        actions
    }

    fn on_bench_load(&mut self, load: Box<Load>) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.current != Current::Nothing {
            actions.push(Action::Abandon);
        }
        self.current = Current::Window { run: load.run.clone(), reports: 0 };
        self.next_report_ns = u64::MAX;
        actions.push(Action::Prepare(load));
        actions
    }

    fn on_master_lost(&mut self, now_ns: u64) -> Vec<Action> {
        self.is_known = false;
        self.next_announcement_ns = now_ns;
        self.state = WorkerState::Ready;
        self.users.clear();
        let had_load = std::mem::replace(&mut self.current, Current::Nothing) != Current::Nothing;
        let mut actions = Vec::new();
        if had_load {
            actions.push(Action::Abandon);
        }
        if self.afterwards.take() == Some(Afterwards::Leave) {
            actions.push(Action::Exit);
        }
        // A connection whose other end is silent may be dead without having been closed.
        self.is_linked = false;
        actions.push(Action::Reconnect { is_afresh: true });
        actions
    }

    fn end_load(&mut self, afterwards: Afterwards) -> Vec<Action> {
        self.afterwards = Some(afterwards);
        if self.current == Current::Nothing {
            return self.go_on();
        }
        let drain_ns = (afterwards == Afterwards::Leave).then_some(QUIT_DRAIN_NS);
        vec![Action::Finish { drain_ns }]
    }

    /// Goes on to what was to be done after the load.
    fn go_on(&mut self) -> Vec<Action> {
        match self.afterwards.take() {
            None => Vec::new(),
            Some(Afterwards::BeReady) => {
                self.users.clear();
                self.state = WorkerState::Ready;
                // The master forgets a worker that has stopped, and knows it anew when it is ready.
                self.is_known = false;
                self.has_announced = true;
                // Over a connection it listens to: a new one, which would forget what is not yet sent, is the last resort.
                self.next_announcement_ns = self.last_heard_ns + LONGEST_ANNOUNCE_PAUSE_NS;
                vec![Action::Send(ToMaster::ClientStopped), Action::Send(ToMaster::ClientReady)]
            }
            Some(Afterwards::Leave) => vec![Action::Send(ToMaster::Quit), Action::Exit],
        }
    }

    fn send_stats(&mut self) -> Action {
        let window = match &mut self.current {
            Current::Window { run, reports } => {
                *reports += 1;
                Some((run.clone(), *reports))
            }
            _ => None,
        };
        Action::SendStats(ReportHead { window, users: self.users.clone() })
    }

    fn is_reporting(&self) -> bool {
        self.is_known && self.current != Current::Nothing
    }

    /// Whether this window's load is the current one.
    #[must_use]
    pub fn is_in(&self, wanted: &str) -> bool {
        matches!(&self.current, Current::Window { run, .. } if run == wanted)
    }

    fn user_count(&self) -> u64 {
        self.users.values().sum()
    }
}
