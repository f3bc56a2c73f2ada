//! The session against scripts of events: what a worker says and does, in which order, and when.

use std::collections::BTreeMap;

use bench_worker::engine::Outcome;
use bench_worker::protocol::{FromMaster, Load, LoadStart, Mode, RunId, Share, Spawn, ToMaster, WorkerState};
use bench_worker::schedule::Spread;
use bench_worker::session::{
    ANNOUNCE_PAUSE_NS, Action, LONGEST_ANNOUNCE_PAUSE_NS, MASTER_SILENCE_NS, Session, Vitals,
};

const SECOND_NS: u64 = 1_000_000_000;

fn users(count: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([("User".to_owned(), count)])
}

fn spawn(timestamp: f64, count: u64) -> FromMaster {
    FromMaster::Spawn(Spawn { timestamp, user_classes_count: users(count), stop_timeout: None })
}

fn bench_load(run: &str) -> FromMaster {
    FromMaster::BenchLoad(Box::new(Load {
        schema: 1,
        run: run.to_owned(),
        share: Share { index: 0, count: 1 },
        host: "localhost".to_owned(),
        port: 80,
        requests: "/requests".to_owned(),
        mode: Mode::Closed,
        connections: 4,
        think_time_us: 0,
        arrivals: Spread::Poisson,
        steps: Vec::new(),
        seed: 0,
        duration_s: 1.0,
        timeout_ms: 1_000,
        drain_ms: 1_000,
        check_every: 0,
        marker: None,
        threads: 1,
        cpus: None,
        spin_us: 0,
        nap_us: 0,
    }))
}

fn bench_start(run: &str) -> FromMaster {
    FromMaster::BenchStart(LoadStart { run: run.to_owned(), start_unix_ns: 77 })
}

/// Actions by name, with the detail that matters in brackets.
fn names(actions: &[Action]) -> Vec<String> {
    let name = |action: &Action| match action {
        Action::Send(message) => match message {
            ToMaster::ClientReady => "send client_ready".to_owned(),
            ToMaster::Heartbeat(heartbeat) => format!("send heartbeat ({:?})", heartbeat.state),
            ToMaster::Spawning => "send spawning".to_owned(),
            ToMaster::SpawningComplete(complete) => {
                format!("send spawning_complete ({})", complete.user_count)
            }
            ToMaster::ClientStopped => "send client_stopped".to_owned(),
            ToMaster::Quit => "send quit".to_owned(),
            ToMaster::BenchReady(ready) => format!("send bench_ready ({})", ready.run),
            ToMaster::BenchFailed(failed) => format!("send bench_failed ({})", failed.reason),
            ToMaster::BenchDone(done) => format!("send bench_done ({}, {} reports)", done.run, done.reports),
            ToMaster::Stats(_) => unreachable!("a session leaves stats to its holder"),
        },
        Action::SendStats(head) => match &head.window {
            Some((run, seq)) => format!("send stats ({run}, {seq})"),
            None => "send stats".to_owned(),
        },
        Action::Prepare(load) => format!("prepare ({})", load.run),
        Action::BeginOwnLoad => "begin own load".to_owned(),
        Action::Start { start_unix_ns } => format!("start ({start_unix_ns})"),
        Action::SetUsers(users) => format!("users ({users})"),
        Action::Finish { drain_ns } => {
            format!("finish ({})", if drain_ns.is_some() { "in haste" } else { "in peace" })
        }
        Action::Abandon => "abandon".to_owned(),
        Action::Reconnect { is_afresh: true } => "reconnect afresh".to_owned(),
        Action::Reconnect { is_afresh: false } => "reconnect".to_owned(),
        Action::Exit => "exit".to_owned(),
    };
    actions.iter().map(name).collect()
}

/// A session that its master knows, at second 0.
fn known(has_own_load: bool) -> Session {
    let mut session = Session::new("worker".to_owned(), has_own_load);
    session.on_link_up(0);
    assert_eq!(names(&session.on_tick(0, Vitals::default())), ["send client_ready"]);
    assert!(session.on_message(FromMaster::Ack(Some(0)), 0).is_empty());
    session
}

fn say(session: &mut Session, message: FromMaster, second: u64) -> Vec<String> {
    names(&session.on_message(message, second * SECOND_NS))
}

fn tick(session: &mut Session, second: u64) -> Vec<String> {
    names(&session.on_tick(second * SECOND_NS, Vitals::default()))
}

#[test]
fn it_announces_itself_until_it_is_known() {
    let mut session = Session::new("worker".to_owned(), false);
    assert_eq!(session.next_tick_ns(), u64::MAX, "without a link there is nothing to do");
    session.on_link_up(SECOND_NS);
    assert_eq!(tick(&mut session, 1), ["send client_ready"]);
    let mut now_ns = SECOND_NS;
    for pause_ns in [1, 2, 4, 5, 5].map(|seconds| seconds * ANNOUNCE_PAUSE_NS) {
        assert!(pause_ns <= LONGEST_ANNOUNCE_PAUSE_NS);
        assert_eq!(session.next_tick_ns(), now_ns + pause_ns);
        now_ns += pause_ns;
        assert!(session.on_tick(now_ns - 1, Vitals::default()).is_empty());
        let again = names(&session.on_tick(now_ns, Vitals::default()));
        assert_eq!(again, ["reconnect afresh"], "over another connection it may be heard");
        session.on_link_down();
        session.on_link_up(now_ns);
        assert_eq!(names(&session.on_tick(now_ns, Vitals::default())), ["send client_ready"]);
    }
    session.on_message(FromMaster::Ack(None), now_ns);
    assert_eq!(names(&session.on_tick(now_ns, Vitals::default())), ["send heartbeat (Ready)"]);
    assert_eq!(session.next_tick_ns(), now_ns + SECOND_NS);
}

/// A master gives up a worker it has not heard for four seconds, and with the last worker the test.
#[test]
fn a_lost_master_is_asked_again_before_it_gives_the_worker_up() {
    let mut session = known(false);
    session.on_tick(MASTER_SILENCE_NS, Vitals::default());
    let back_ns = 2 * MASTER_SILENCE_NS;
    session.on_link_up(back_ns);
    assert_eq!(names(&session.on_tick(back_ns, Vitals::default())), ["send client_ready"]);
    assert!(session.next_tick_ns() < back_ns + 2 * SECOND_NS);
}

#[test]
fn users_of_the_master_run_the_own_load() {
    let mut session = known(true);
    let begun = say(&mut session, spawn(1.0, 2), 1);
    assert_eq!(begun, ["send spawning", "begin own load", "users (2)", "send spawning_complete (2)"]);
    let ramped = say(&mut session, spawn(2.0, 5), 2);
    assert_eq!(ramped, ["send spawning", "users (5)", "send spawning_complete (5)"]);
    assert_eq!(say(&mut session, spawn(2.0, 9), 2), [""; 0], "the same timestamp is an old message");
    assert_eq!(tick(&mut session, 2), ["send heartbeat (Running)", "send stats"]);
    assert_eq!(say(&mut session, FromMaster::Stop, 3), ["finish (in peace)"]);
    assert_eq!(say(&mut session, spawn(3.0, 9), 3), [""; 0], "it is about to stop");
    let done = names(&session.on_load_done(Outcome::default()));
    assert_eq!(done, ["send stats", "abandon", "send client_stopped", "send client_ready"]);
    say(&mut session, FromMaster::Ack(Some(0)), 4);
    assert_eq!(tick(&mut session, 4), ["send heartbeat (Ready)"]);
    assert_eq!(say(&mut session, spawn(4.0, 1), 5).len(), 4, "and can begin again");
}

#[test]
fn a_window_goes_from_load_to_done() {
    let mut session = known(false);
    assert_eq!(say(&mut session, bench_load("r1"), 1), ["prepare (r1)"]);
    let ready = session.on_load_ready(4, 0, None, SECOND_NS);
    assert_eq!(names(&ready), ["users (0)", "send bench_ready (r1)"]);
    assert_eq!(say(&mut session, bench_start("another"), 1), [""; 0]);
    assert_eq!(say(&mut session, bench_start("r1"), 1), ["start (77)"]);
    let spawned = say(&mut session, spawn(1.0, 4), 1);
    assert_eq!(spawned, ["send spawning", "users (4)", "send spawning_complete (4)"]);
    assert_eq!(tick(&mut session, 2), ["send heartbeat (Running)", "send stats (r1, 1)"]);
    let flush = FromMaster::BenchFlush(RunId { run: "r1".to_owned() });
    assert_eq!(say(&mut session, flush, 3), ["finish (in peace)"]);
    let done = session.on_load_done(Outcome::default());
    assert_eq!(names(&done), ["send stats (r1, 2)", "send bench_done (r1, 2 reports)", "abandon"]);
    let Action::SendStats(last) = &done[0] else { panic!("the last report comes first") };
    assert!(last.users.is_empty(), "Locust's stop waits a second for users that are still reported");
    // Locust's test goes on until its stop, with nothing left to report.
    assert_eq!(tick(&mut session, 4), ["send heartbeat (Running)"]);
    assert_eq!(say(&mut session, FromMaster::Stop, 5), ["send client_stopped", "send client_ready"]);
}

#[test]
fn a_stop_within_a_window_delivers_everything_first() {
    for (message, drain, end) in [
        (FromMaster::Stop, "finish (in peace)", ["send client_stopped", "send client_ready"]),
        (FromMaster::Quit, "finish (in haste)", ["send quit", "exit"]),
    ] {
        let mut session = known(false);
        say(&mut session, bench_load("r1"), 1);
        assert_eq!(say(&mut session, message, 2), [drain]);
        let done = names(&session.on_load_done(Outcome::default()));
        assert_eq!(done[..3], ["send stats (r1, 1)", "send bench_done (r1, 1 reports)", "abandon"]);
        assert_eq!(done[3..], end);
    }
}

/// Until there is a load there is nothing to report; a number given to a report that is not sent would be missed.
#[test]
fn a_window_that_takes_long_to_prepare_numbers_its_reports_from_one() {
    let mut session = known(false);
    say(&mut session, bench_load("r1"), 1);
    assert_eq!(tick(&mut session, 3), ["send heartbeat (Ready)"]);
    say(&mut session, FromMaster::Heartbeat, 3);
    session.on_load_ready(4, 0, None, 4 * SECOND_NS);
    assert_eq!(tick(&mut session, 4), ["send heartbeat (Ready)"]);
    assert!(session.next_tick_ns() <= 5 * SECOND_NS);
    assert_eq!(tick(&mut session, 5), ["send heartbeat (Ready)", "send stats (r1, 1)"]);
    let done = names(&session.on_load_done(Outcome::default()));
    assert_eq!(done, ["send stats (r1, 2)", "send bench_done (r1, 2 reports)", "abandon"]);
}

#[test]
fn a_stop_of_what_has_not_begun_ends_with_a_failure() {
    let mut session = known(false);
    say(&mut session, bench_load("r1"), 1);
    assert_eq!(say(&mut session, FromMaster::Stop, 2), ["finish (in peace)"]);
    let failed = names(&session.on_load_failed("too soon".to_owned()));
    assert_eq!(
        failed,
        ["abandon", "send bench_failed (too soon)", "send client_stopped", "send client_ready"]
    );
    assert!(!session.is_in("r1"), "what is prepared in the end is not begun");
}

#[test]
fn a_load_that_fails_is_told_and_forgotten() {
    let mut session = known(false);
    say(&mut session, bench_load("r1"), 1);
    let failed = names(&session.on_load_failed("no file".to_owned()));
    assert_eq!(failed, ["abandon", "send bench_failed (no file)"]);
    assert!(!session.is_in("r1"));
    assert_eq!(say(&mut session, bench_load("r2"), 2), ["prepare (r2)"]);
    assert_eq!(say(&mut session, bench_load("r3"), 3), ["abandon", "prepare (r3)"], "the newest counts");
    assert!(session.is_in("r3"));
}

#[test]
fn a_silent_master_is_given_up_with_its_load() {
    let mut session = known(true);
    say(&mut session, spawn(1.0, 2), 1);
    session.on_link_down();
    session.on_link_up(2 * SECOND_NS);
    assert_eq!(tick(&mut session, 2), ["send heartbeat (Running)", "send stats"], "it may still be there");
    assert!(session.next_tick_ns() <= SECOND_NS + MASTER_SILENCE_NS);
    let lost = names(&session.on_tick(SECOND_NS + MASTER_SILENCE_NS, Vitals::default()));
    assert_eq!(lost, ["abandon", "reconnect afresh"]);
    session.on_link_up(6 * SECOND_NS);
    assert_eq!(tick(&mut session, 6), ["send client_ready"]);
    say(&mut session, FromMaster::Ack(Some(0)), 6);
    assert_eq!(tick(&mut session, 6), ["send heartbeat (Ready)"]);
}

#[test]
fn an_idle_worker_is_new_to_whoever_answers_after_a_break() {
    let mut session = known(false);
    session.on_link_down();
    session.on_link_up(SECOND_NS);
    assert_eq!(tick(&mut session, 1), ["send client_ready"]);
    assert_eq!(say(&mut session, spawn(9.0, 1), 1), [""; 0], "not before the master knows it");
}

#[test]
fn a_master_that_asks_for_another_connection_gets_what_waits_over_it() {
    assert_eq!(say(&mut known(false), FromMaster::Reconnect, 1), ["reconnect"]);
}

#[test]
fn quit_and_signals_end_it_also_without_a_load_or_a_master() {
    assert_eq!(say(&mut known(false), FromMaster::Quit, 1), ["send quit", "exit"]);
    assert_eq!(names(&known(false).on_termination()), ["send quit", "exit"]);
    let mut session = known(true);
    say(&mut session, spawn(1.0, 2), 1);
    assert_eq!(names(&session.on_termination()), ["finish (in haste)"]);
    let lost = names(&session.on_tick(SECOND_NS + MASTER_SILENCE_NS, Vitals::default()));
    assert_eq!(lost, ["abandon", "exit", "reconnect afresh"]);
}

#[test]
fn heartbeats_carry_what_was_measured() {
    let mut session = known(false);
    let vitals = Vitals { busy_percent: 12.5, resident_bytes: 42 };
    let Some(Action::Send(ToMaster::Heartbeat(heartbeat))) = session.on_tick(0, vitals).pop() else {
        panic!("no heartbeat")
    };
    assert_eq!(heartbeat.state, WorkerState::Ready);
    assert_eq!(
        (heartbeat.current_cpu_usage.to_bits(), heartbeat.current_memory_usage),
        (12.5_f64.to_bits(), 42)
    );
}
