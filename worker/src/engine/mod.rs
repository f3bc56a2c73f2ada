//! The data plane: one loop a thread, told what to do and telling what happened by messages alone.

mod answers;
mod census;
mod connection;
mod data_plane;
mod links;
mod pacing;
mod phases;
mod sending;
mod spec;
mod totals;

pub use spec::{Shape, Spec, SpecError, nap_ns, reachable_address};

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, Sender};

use crate::protocol::{MarkerSeen, Totals};
use crate::record::{Delta, KindRecord, SecondRow};
use crate::schedule::Lane;
use crate::sys::{Epoll, Waker};
use data_plane::{DataPlane, WAKER_TOKEN};
use totals::ThreadTotals;

/// What a thread is told.
#[derive(Clone, Copy, Debug)]
enum Command {
    Start { start_ns: u64 },
    Users(usize),
    Rate(f64),
    Finish { drain_ns: u64 },
}

/// What a thread tells.
#[derive(Debug)]
enum ThreadEvent {
    Ready { connections: u64, nice: i32 },
    Failed(String),
    Report { deltas: Vec<Delta>, rows: Vec<SecondRow> },
    Done(Box<ThreadTotals>),
}

/// Where a thread leaves its events.
#[derive(Clone, Debug)]
struct Mailbox {
    thread: usize,
    events: Sender<(usize, ThreadEvent)>,
    waker: Waker,
}

impl Mailbox {
    fn post(&self, event: ThreadEvent) {
        // Nobody listens any more: the load was abandoned, and this thread ends with its next command.
        let _ = self.events.send((self.thread, event));
        self.waker.wake();
    }
}

/// What the engine tells the control plane.
#[derive(Debug)]
pub enum EngineEvent {
    /// All threads have all their connections.
    Ready {
        /// Over all threads.
        connections: u64,
        /// The highest of the threads' nice values.
        nice: i32,
    },
    /// The load cannot be run.
    Failed(String),
    /// What happened since the last report. Records are to be given back with [`Engine::recycle`].
    Report {
        /// The thread it happened in.
        thread: usize,
        /// By second and kind.
        deltas: Vec<Delta>,
        /// Of the seconds that are over.
        rows: Vec<SecondRow>,
    },
    /// The load is over, and everything was reported.
    Done(Box<Outcome>),
}

/// A window's sums.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Counts and times.
    pub totals: Totals,
    /// Answers by the integer after the marker.
    pub markers: BTreeMap<String, MarkerSeen>,
    /// Segments the kernel has sent again.
    pub retransmits: u64,
}

#[derive(Debug)]
struct Thread {
    commands: Sender<Command>,
    recycled: Sender<Box<KindRecord>>,
    waker: Waker,
    ready: Option<(u64, i32)>,
    totals: Option<ThreadTotals>,
}

/// Starts engine threads. Nice values are inherited and may not be lowered without a right to, so the threads are
/// started by whoever still has the process's own.
pub trait Launcher {
    /// Runs the body on a new thread.
    fn launch(&self, name: String, body: Box<dyn FnOnce() + Send>);
}

/// One load: its threads, from the opening of connections to the last report.
#[derive(Debug)]
pub struct Engine {
    spec: Spec,
    threads: Vec<Thread>,
    events: Receiver<(usize, ThreadEvent)>,
}

impl Engine {
    /// Starts a load's threads, which begin to open connections; `waker` is pulled whenever there is an event.
    ///
    /// # Errors
    /// The operating system's, when it has no descriptor left.
    pub fn launch(spec: Spec, waker: &Waker, launcher: &dyn Launcher) -> std::io::Result<Self> {
        let (sender, events) = mpsc::channel();
        let mut threads = Vec::new();
        for thread in 0..spec.threads {
            let (commands, command_receiver) = mpsc::channel();
            let (recycled, recycled_receiver) = mpsc::channel();
            let epoll = Epoll::new()?;
            let thread_waker = Waker::new(&epoll, WAKER_TOKEN)?;
            let mailbox = Mailbox { thread: thread as usize, events: sender.clone(), waker: waker.clone() };
            let (spec, own_waker) = (spec.clone(), thread_waker.clone());
            launcher.launch(
                format!("engine-{thread}"),
                Box::new(move || {
                    DataPlane::new(
                        spec,
                        thread,
                        epoll,
                        own_waker,
                        mailbox,
                        command_receiver,
                        recycled_receiver,
                    )
                    .run();
                }),
            );
            threads.push(Thread { commands, recycled, waker: thread_waker, ready: None, totals: None });
        }
        Ok(Self { spec, threads, events })
    }

    /// Begins the load at an instant of the monotonic clock.
    pub fn start(&self, start_ns: u64) {
        self.tell(|_| Command::Start { start_ns });
    }

    /// Closed load: so many users of this worker, each with a connection.
    pub fn set_users(&self, users: u64) {
        let count = self.threads.len() as u64;
        self.tell(|index| Command::Users(Lane { index, count }.share_of(users) as usize));
    }

    /// Steered load: so many requests a second of this worker.
    pub fn set_rate(&self, rate_rps: f64) {
        self.tell(|_| Command::Rate(rate_rps));
    }

    /// Offers nothing more, and waits so long for what is queued or in flight.
    pub fn finish(&self, drain_ns: u64) {
        self.tell(|_| Command::Finish { drain_ns });
    }

    /// Gives a record back to its thread for its next use.
    pub fn recycle(&self, thread: usize, mut record: Box<KindRecord>) {
        record.clear();
        // A thread that has ended needs none.
        let _ = self.threads[thread].recycled.send(record);
    }

    /// The load.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The next event, if there is one now.
    pub fn poll(&mut self) -> Option<EngineEvent> {
        loop {
            let (thread, event) = self.events.try_recv().ok()?;
            match event {
                ThreadEvent::Failed(reason) => return Some(EngineEvent::Failed(reason)),
                ThreadEvent::Report { deltas, rows } => {
                    return Some(EngineEvent::Report { thread, deltas, rows });
                }
                ThreadEvent::Ready { connections, nice } => {
                    self.threads[thread].ready = Some((connections, nice));
                    let ready: Option<Vec<_>> = self.threads.iter().map(|thread| thread.ready).collect();
                    if let Some(ready) = ready {
                        let connections = ready.iter().map(|(connections, _)| connections).sum();
                        let nice = ready.iter().map(|(_, nice)| *nice).max().unwrap_or(0);
                        return Some(EngineEvent::Ready { connections, nice });
                    }
                }
                ThreadEvent::Done(totals) => {
                    self.threads[thread].totals = Some(*totals);
                    let totals: Option<Vec<_>> =
                        self.threads.iter().map(|thread| thread.totals.clone()).collect();
                    if let Some(totals) = totals {
                        return Some(EngineEvent::Done(Box::new(Outcome {
                            totals: totals::sum(&totals, self.spec.pool.kinds()),
                            markers: totals::join_markers(&totals),
                            retransmits: totals.iter().map(|totals| totals.retransmits).sum(),
                        })));
                    }
                }
            }
        }
    }

    fn tell(&self, command: impl Fn(u64) -> Command) {
        for (index, thread) in self.threads.iter().enumerate() {
            // A thread that has ended obeys nothing any more.
            let _ = thread.commands.send(command(index as u64));
            thread.waker.wake();
        }
    }
}

impl Drop for Engine {
    /// Threads whose commands end give up their load; they must be awake to see it.
    fn drop(&mut self) {
        for thread in self.threads.drain(..) {
            drop(thread.commands);
            thread.waker.wake();
        }
    }
}
