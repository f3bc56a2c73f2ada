//! The worker's program: reads its arguments and starts the two planes.

use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::thread;

use bench_worker::args::Arguments;
use bench_worker::control;
use bench_worker::engine::Launcher;
use bench_worker::sys::{Signals, raise_descriptor_limit, set_nice};
use clap::Parser;

type Job = (String, Box<dyn FnOnce() + Send>);

/// Asks the main thread, which keeps the process's own nice value, to start threads.
struct MainThread(Sender<Job>);

impl Launcher for MainThread {
    fn launch(&self, name: String, body: Box<dyn FnOnce() + Send>) {
        self.0.send((name, body)).expect("the main thread outlives the control plane");
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let control_nice = arguments.control_nice();
    let options = match arguments.resolve() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("bench-worker: {error}");
            return ExitCode::from(2);
        }
    };
    raise_descriptor_limit();
    let signals = match Signals::termination() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("bench-worker: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (sender, jobs) = mpsc::channel::<Job>();
    let control = thread::Builder::new().name("control".to_owned()).spawn(move || {
        // Encoding a report must not delay a request on the same core.
        let _ = set_nice(control_nice);
        control::run(options, &MainThread(sender), &signals)
    });
    let control = control.expect("a process can have a second thread");
    for (name, body) in jobs {
        thread::Builder::new().name(name).spawn(body).expect("the process may have another thread");
    }
    match control.join().expect("the control plane does not panic") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-worker: {error}");
            ExitCode::FAILURE
        }
    }
}
