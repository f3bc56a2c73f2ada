//! The control plane: carries out what the session decides, between the master's link and the engine.

mod actions;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, Sender};

use crate::engine::{Engine, EngineEvent, Launcher, Outcome, Spec};
use crate::master_link::{LinkEvent, MasterLink};
use crate::protocol;
use crate::report::Collector;
use crate::session::{Action, Session, Vitals};
use crate::sys::{self, Epoll, Event, Interest, Signals, UnixClock, Waker, monotonic_ns};

const LINK_TOKEN: u64 = 0;
const WAKER_TOKEN: u64 = 1;
const SIGNALS_TOKEN: u64 = 2;
const STDIN_TOKEN: u64 = 3;

/// When the process ends, what is left to send may take so long.
const FAREWELL_NS: u64 = 1_000_000_000;

/// The load of the command line.
#[derive(Clone, Debug)]
pub struct OwnLoad {
    /// What to run; connections and rate come from the number of users.
    pub spec: Spec,
    /// Open load: requests a second and user.
    pub rate_per_user_rps: f64,
}

/// How the worker is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// `host:port` of the master.
    pub master: String,
    /// This worker's name, unique among the master's workers.
    pub worker: String,
    /// Run under Locust's users; without it only loads of the harness are run.
    pub own_load: Option<OwnLoad>,
    /// The nice value the engine threads ask for.
    pub engine_nice: i32,
    /// End when standard input does.
    pub die_with_stdin: bool,
}

/// A load resolved on a thread of its own, as files and names may take their time.
type Prepared = (String, Result<(Spec, Option<String>), String>);

/// Runs a worker until its master or a signal ends it.
///
/// # Errors
/// When the operating system denies what the worker cannot do without.
pub fn run(options: Options, launcher: &dyn Launcher, signals: &Signals) -> io::Result<()> {
    let epoll = Epoll::new()?;
    let waker = Waker::new(&epoll, WAKER_TOKEN)?;
    epoll.add(signals, SIGNALS_TOKEN, Interest::Readable)?;
    if options.die_with_stdin {
        epoll.add(&io::stdin(), STDIN_TOKEN, Interest::Readable)?;
    }
    let (prepared_sender, prepared) = mpsc::channel();
    Control {
        session: Session::new(options.worker.clone(), options.own_load.is_some()),
        link: MasterLink::new(options.master.clone(), options.worker.clone(), LINK_TOKEN),
        is_reachable: true,
        engine: None,
        schedule_sha256: None,
        collector: Collector::default(),
        clock: UnixClock::now(),
        start_ns: 0,
        busy_percent: BTreeMap::new(),
        is_over: false,
        prepared,
        prepared_sender,
        epoll,
        waker,
        launcher,
        options,
    }
    .run(signals)
}

struct Control<'a> {
    options: Options,
    launcher: &'a dyn Launcher,
    epoll: Epoll,
    waker: Waker,
    session: Session,
    link: MasterLink,
    /// The last attempt to reach the master went well: a change is worth a line.
    is_reachable: bool,
    engine: Option<Engine>,
    schedule_sha256: Option<String>,
    collector: Collector,
    clock: UnixClock,
    start_ns: u64,
    /// By engine thread, of its last second.
    busy_percent: BTreeMap<usize, f64>,
    prepared: Receiver<Prepared>,
    prepared_sender: Sender<Prepared>,
    is_over: bool,
}

impl Control<'_> {
    fn run(mut self, signals: &Signals) -> io::Result<()> {
        let mut events = [Event::EMPTY; 16];
        while !self.is_over {
            let now_ns = monotonic_ns();
            self.tend_link(now_ns);
            if now_ns >= self.session.next_tick_ns() {
                let actions = self.session.on_tick(now_ns, self.vitals());
                self.carry_out(actions);
            }
            let next_ns = self.session.next_tick_ns().min(self.link.retry_at_ns().unwrap_or(u64::MAX));
            let timeout_ns = (next_ns != u64::MAX).then(|| next_ns.saturating_sub(monotonic_ns()));
            let count = if self.is_over { 0 } else { self.epoll.wait(&mut events, timeout_ns)? };
            for event in &events[..count] {
                match event.token() {
                    LINK_TOKEN => self.on_link_event(*event),
                    WAKER_TOKEN => self.on_wake(),
                    SIGNALS_TOKEN if signals.take() => {
                        let actions = self.session.on_termination();
                        self.carry_out(actions);
                    }
                    STDIN_TOKEN => self.on_stdin(),
                    _ => {}
                }
            }
        }
        self.say_farewell()
    }

    fn tend_link(&mut self, now_ns: u64) {
        let result = self.link.open_if_due(&self.epoll, now_ns);
        match &result {
            Err(error) if self.is_reachable => {
                log(&format!("the master at {} cannot be reached ({error}); trying on", self.options.master));
            }
            Ok(()) if !self.is_reachable => log("the master is there"),
            _ => {}
        }
        self.is_reachable = result.is_ok();
    }

    fn on_link_event(&mut self, event: Event) {
        let now_ns = monotonic_ns();
        for event in self.link.on_event(&self.epoll, event, now_ns) {
            match event {
                LinkEvent::Up => self.session.on_link_up(now_ns),
                LinkEvent::Down(reason) => {
                    log(&format!("the connection to the master is closed: {reason}"));
                    self.session.on_link_down();
                }
                LinkEvent::Message(bytes) => match protocol::decode(&bytes) {
                    Ok(message) => {
                        let actions = self.session.on_message(message, now_ns);
                        self.carry_out(actions);
                    }
                    Err(error) => log(&format!("ignored what the master said: {error}")),
                },
            }
        }
    }

    fn on_wake(&mut self) {
        while let Ok((run, result)) = self.prepared.try_recv() {
            if self.session.is_in(&run) {
                self.on_prepared(result);
            }
        }
        while let Some(event) = self.engine.as_mut().and_then(Engine::poll) {
            let actions = match event {
                EngineEvent::Ready { connections, nice } => {
                    let schedule_sha256 = self.schedule_sha256.take();
                    self.session.on_load_ready(connections, nice, schedule_sha256, monotonic_ns())
                }
                EngineEvent::Failed(reason) => self.on_failure(reason),
                EngineEvent::Report { thread, deltas, rows } => {
                    if let Some(row) = rows.last() {
                        let wall_ns = (row.busy_ns + row.wait_ns).max(1);
                        self.busy_percent.insert(thread, 100.0 * row.busy_ns as f64 / wall_ns as f64);
                    }
                    self.collector.add(thread, deltas, &rows);
                    Vec::new()
                }
                EngineEvent::Done(outcome) => self.on_done(*outcome),
            };
            self.carry_out(actions);
        }
    }

    fn on_done(&mut self, outcome: Outcome) -> Vec<Action> {
        self.busy_percent.clear();
        self.session.on_load_done(outcome)
    }

    fn on_failure(&mut self, reason: String) -> Vec<Action> {
        log(&reason);
        self.session.on_load_failed(reason)
    }

    fn on_prepared(&mut self, result: Result<(Spec, Option<String>), String>) {
        let launched = result.and_then(|(spec, schedule_sha256)| {
            self.schedule_sha256 = schedule_sha256;
            self.launch(spec)
        });
        if let Err(reason) = launched {
            let actions = self.on_failure(reason);
            self.carry_out(actions);
        }
    }

    fn launch(&mut self, spec: Spec) -> Result<(), String> {
        let engine = Engine::launch(spec, &self.waker, self.launcher);
        self.engine = Some(engine.map_err(|error| format!("the engine cannot be started: {error}"))?);
        Ok(())
    }

    fn on_stdin(&mut self) {
        let mut ignored = [0; 256];
        if !matches!(io::stdin().read(&mut ignored), Ok(1..)) {
            log("standard input has ended, and this worker with it");
            self.abandon();
            self.is_over = true;
        }
    }

    fn vitals(&self) -> Vitals {
        Vitals {
            busy_percent: self.busy_percent.values().copied().fold(0.0, f64::max),
            resident_bytes: sys::resident_bytes().unwrap_or(0),
        }
    }

    /// Sends what is left to send.
    fn say_farewell(&mut self) -> io::Result<()> {
        let deadline_ns = monotonic_ns() + FAREWELL_NS;
        let mut events = [Event::EMPTY; 16];
        while !self.link.is_flushed() && monotonic_ns() < deadline_ns {
            let count = self.epoll.wait(&mut events, Some(FAREWELL_NS / 10))?;
            for event in events[..count].iter().filter(|event| event.token() == LINK_TOKEN) {
                self.link.on_event(&self.epoll, *event, monotonic_ns());
            }
        }
        Ok(())
    }
}

fn log(text: &str) {
    eprintln!("bench-worker: {text}");
}
