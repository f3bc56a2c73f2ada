//! The loop of an engine thread: the only place where time passes.
//!
//! An iteration sends what is due, does the chores whose time has come, and waits for the next instant or event.

use std::io;
use std::sync::mpsc::Receiver;

use memchr::memmem::Finder;

use super::census::Census;
use super::connection::Connection;
use super::links::Missing;
use super::pacing::{Closed, Open, Pacing};
use super::spec::{Shape, Spec};
use super::totals::ThreadTotals;
use super::{Command, Mailbox, ThreadEvent};
use crate::record::{KindRecord, Recorder};
use crate::sys::{self, CpuTime, Epoll, Event, UnixClock, Waker, monotonic_ns};

/// A wait that returned sooner found events there already: it counts as busy.
const AT_ONCE_NS: u64 = 2_000;

/// Going to sleep and waking up costs about as much CPU time as staying awake for so long.
const SHORT_NS: u64 = 10_000;

/// Larger than the answers to expect, and small enough to stay in the processor's cache.
const SCRATCH_BYTES: usize = 64 * 1024;

pub(super) const WAKER_TOKEN: u64 = u64::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Connections are being opened.
    Opening,
    /// All are open; the start is not known yet.
    Prepared,
    /// Requests are offered until this instant.
    Offering {
        until_ns: u64,
    },
    /// What is queued and in flight may end until this instant.
    Draining {
        until_ns: u64,
    },
    Over,
}

pub(super) struct DataPlane {
    pub spec: Spec,
    pub thread: u64,
    pub phase: Phase,
    pub start_ns: u64,
    pub epoll: Epoll,
    pub connections: Vec<Connection>,
    pub missing: Missing,
    pub pacing: Pacing,
    pub recorder: Recorder,
    pub totals: ThreadTotals,
    pub census: Census,
    pub scratch: Box<[u8]>,
    pub marker: Option<Finder<'static>>,
    pub clock: UnixClock,
    /// Requests sent and not answered.
    pub in_flight: u64,
    /// Requests begun, to know which answers to compare.
    pub begun: u64,
    pub waker: Waker,
    pub mailbox: Mailbox,
    pub commands: Receiver<Command>,
    pub recycled: Receiver<Box<KindRecord>>,
    pub events: Box<[Event]>,
    pub next_chore_ns: u64,
    pub next_report_ns: u64,
    /// Why the load cannot be run.
    pub failure: Option<String>,
    pub cpu_before: CpuTime,
}

impl DataPlane {
    pub(super) fn new(
        spec: Spec,
        thread: u64,
        epoll: Epoll,
        waker: Waker,
        mailbox: Mailbox,
        commands: Receiver<Command>,
        recycled: Receiver<Box<KindRecord>>,
    ) -> Self {
        let lane = spec.lane(thread);
        let connections = lane.share_of(spec.connections) as usize;
        let pacing = match (&spec.shape, spec.schedule(lane)) {
            (Shape::Closed { think_ns }, _) => Pacing::Closed(Closed::new(*think_ns, lane)),
            (_, schedule) => Pacing::Open(Open::new(schedule.expect("an open load has a schedule"))),
        };
        let kinds = spec.pool.kinds().len();
        Self {
            recorder: Recorder::new(kinds, spec.is_open()),
            totals: ThreadTotals::new(kinds),
            census: Census::default(),
            marker: spec.marker.as_deref().map(|text| Finder::new(text).into_owned()),
            connections: (0..connections).map(|_| Connection::new()).collect(),
            missing: Missing { unopened: (0..connections).collect(), ..Missing::default() },
            phase: Phase::Opening,
            start_ns: u64::MAX,
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            clock: UnixClock::now(),
            in_flight: 0,
            begun: 0,
            events: vec![Event::EMPTY; 256].into_boxed_slice(),
            next_chore_ns: 0,
            next_report_ns: u64::MAX,
            failure: None,
            cpu_before: CpuTime::default(),
            spec,
            thread,
            epoll,
            pacing,
            waker,
            mailbox,
            commands,
            recycled,
        }
    }

    /// Runs the load to its end, which is told by the mailbox's last event.
    pub(super) fn run(mut self) {
        if !self.spec.cpus.is_empty() {
            let cpu = self.spec.cpus[self.thread as usize % self.spec.cpus.len()];
            if let Err(error) = sys::pin_to_cpu(cpu) {
                return self.mailbox.post(ThreadEvent::Failed(format!("cannot run on CPU {cpu}: {error}")));
            }
        }
        sys::set_precise_timers();
        let nice = sys::set_nice(self.spec.nice);
        sys::ask_for_short_turns();
        while self.phase != Phase::Over {
            self.iterate(nice);
        }
        match self.failure.take() {
            None => self.finish(),
            Some(reason) => self.mailbox.post(ThreadEvent::Failed(reason)),
        }
    }

    fn iterate(&mut self, nice: i32) {
        let mut now_ns = monotonic_ns();
        if self.waker.was_pulled() {
            self.obey(now_ns);
        }
        now_ns = self.offer(now_ns);
        if now_ns >= self.next_chore_ns {
            self.do_chores(now_ns);
            now_ns = monotonic_ns();
        }
        match self.phase {
            Phase::Opening if self.missing.is_none() => {
                self.phase = Phase::Prepared;
                let connections = self.connections.len() as u64;
                self.mailbox.post(ThreadEvent::Ready { connections, nice });
            }
            Phase::Draining { .. } if self.in_flight == 0 && self.backlog() == 0 => self.phase = Phase::Over,
            _ => {}
        }
        if self.phase == Phase::Over {
            return;
        }
        match self.wait(now_ns) {
            Ok(count) => {
                for index in 0..count {
                    let event = self.events[index];
                    if event.token() != WAKER_TOKEN {
                        self.on_event(event);
                    }
                }
            }
            Err(error) => self.abandon(format!("waiting for events failed: {error}")),
        }
    }

    /// Ends the thread, as the load cannot be run.
    pub(super) fn abandon(&mut self, reason: String) {
        self.failure.get_or_insert(reason);
        self.phase = Phase::Over;
    }

    /// Waits for events until the next thing to do. Near an intended instant, or for a short while, it does not sleep
    /// but looks again and again: waking up takes tens of microseconds. Longer sleeps are broken into naps, if told so:
    /// a core that is never idle for long does not fall into a state from which it wakes up slowly. `now_ns` is to be
    /// read when all else is done, as from then on time is waiting and not busy.
    fn wait(&mut self, now_ns: u64) -> io::Result<usize> {
        let instant_ns = self.next_instant_ns().unwrap_or(u64::MAX);
        let until_ns = instant_ns.min(self.next_chore_ns);
        if until_ns <= now_ns {
            return self.epoll.wait(&mut self.events, Some(0));
        }
        let sleep_until_ns = until_ns.min(instant_ns.saturating_sub(self.spec.spin_ns));
        let mut count = 0;
        let mut after_ns = now_ns;
        while count == 0 && sleep_until_ns >= after_ns + SHORT_NS {
            let nap_ns = (sleep_until_ns - after_ns).min(self.spec.nap_ns);
            count = self.epoll.wait(&mut self.events, Some(nap_ns))?;
            after_ns = monotonic_ns();
        }
        while count == 0 && after_ns < until_ns {
            count = self.epoll.wait(&mut self.events, Some(0))?;
            after_ns = monotonic_ns();
        }
        if after_ns - now_ns >= AT_ONCE_NS && self.start_ns != u64::MAX {
            self.recorder.waited(now_ns, after_ns);
        }
        Ok(count)
    }

    /// The next instant at which a request is to be sent and can be.
    fn next_instant_ns(&mut self) -> Option<u64> {
        match &mut self.pacing {
            Pacing::Closed(closed) => closed.resting.front().map(|(due_ns, _)| *due_ns),
            Pacing::Open(open) if open.idle.is_empty() => None,
            Pacing::Open(open) => open.next_arrival_ns(),
        }
    }
}
