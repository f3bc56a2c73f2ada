//! Carrying out what the session decides.

use super::Control;
use crate::engine::Spec;
use crate::protocol::{BenchReport, Load, StatsReport, ToMaster};
use crate::report::{Collector, Moments};
use crate::session::{Action, ReportHead};
use crate::sys::{self, UnixClock, monotonic_ns};

impl Control<'_> {
    pub(super) fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(message) => self.send(&message),
                Action::SendStats(head) => self.send_stats(head),
                Action::Prepare(load) => self.prepare(*load),
                Action::BeginOwnLoad => self.begin_own_load(),
                Action::Start { start_unix_ns } => {
                    self.clock = UnixClock::now();
                    self.start(self.clock.monotonic_at(start_unix_ns));
                }
                Action::SetUsers(users) => self.set_users(users),
                Action::Finish { drain_ns } => self.finish(drain_ns),
                Action::Abandon => self.abandon(),
                Action::Reconnect { is_afresh } => {
                    self.link.close(monotonic_ns());
                    if is_afresh {
                        self.link.forget();
                    }
                    self.session.on_link_down();
                }
                Action::Exit => self.is_over = true,
            }
        }
    }

    fn send(&mut self, message: &ToMaster) {
        let bytes = message.encode(self.session.worker());
        self.link.send(&self.epoll, &bytes);
    }

    fn send_stats(&mut self, head: ReportHead) {
        let Some(engine) = &self.engine else { return };
        let moments = Moments {
            start_s: self.clock.unix_at(self.start_ns) as f64 / 1e9,
            now_s: sys::unix_ns() as f64 / 1e9,
        };
        let collected = self.collector.take(engine.spec().pool.kinds(), moments);
        for (thread, record) in collected.spent {
            engine.recycle(thread, record);
        }
        let bench = head.window.map(|(run, seq)| BenchReport {
            schema: 1,
            run,
            worker: self.session.worker().to_owned(),
            seq,
            records: collected.records,
            seconds: collected.seconds,
        });
        self.send(&ToMaster::Stats(Box::new(StatsReport {
            stats: collected.entries,
            stats_total: collected.total,
            errors: collected.errors,
            user_count: head.users.values().sum(),
            user_classes_count: head.users,
            bench,
        })));
    }

    fn prepare(&self, load: Load) {
        let (sender, waker) = (self.prepared_sender.clone(), self.waker.clone());
        let nice = self.options.engine_nice;
        self.launcher.launch(
            "prepare".to_owned(),
            Box::new(move || {
                let result = Spec::resolve(&load, nice);
                let result = result.map(|spec| {
                    let schedule_sha256 = spec.schedule_sha256();
                    (spec, schedule_sha256)
                });
                // If nobody waits for it any more, it is not needed any more.
                let _ = sender.send((load.run, result.map_err(|error| error.to_string())));
                waker.wake();
            }),
        );
    }

    fn begin_own_load(&mut self) {
        let Some(load) = &self.options.own_load else { return };
        if let Err(reason) = self.launch(load.spec.clone()) {
            let actions = self.on_failure(reason);
            return self.carry_out(actions);
        }
        self.clock = UnixClock::now();
        self.start(monotonic_ns());
    }

    fn start(&mut self, start_ns: u64) {
        self.start_ns = start_ns;
        if let Some(engine) = &self.engine {
            engine.start(start_ns);
        }
    }

    /// Ends the load in order; one that is still being prepared has failed, and is not begun any more.
    fn finish(&mut self, drain_ns: Option<u64>) {
        if let Some(engine) = &self.engine {
            return engine.finish(drain_ns.unwrap_or(engine.spec().drain_ns));
        }
        let actions = self.on_failure("the load was ended before it began".to_owned());
        self.carry_out(actions);
    }

    fn set_users(&self, users: u64) {
        let Some(engine) = &self.engine else { return };
        engine.set_users(users);
        if let Some(load) = &self.options.own_load {
            engine.set_rate(users as f64 * load.rate_per_user_rps);
        }
    }

    pub(super) fn abandon(&mut self) {
        self.engine = None;
        self.collector = Collector::default();
        self.busy_percent.clear();
    }
}
