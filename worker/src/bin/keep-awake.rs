//! The program that keeps cores from halting.

use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use bench_worker::sys::{pin_to_cpu, run_when_idle};
use clap::Parser;

/// Keeps CPUs busy with nothing, so that they do not halt between two requests.
///
/// A virtual CPU that halts is given away by the hypervisor, and takes its time to come back. This runs only where
/// nothing else wants to: a thread on each CPU, `awake-N`, in the scheduler's idle class. It never ends by itself.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
struct Arguments {
    /// The CPUs, separated by commas.
    #[arg(long, value_name = "N,…", value_delimiter = ',', required = true)]
    cpus: Vec<usize>,
}

fn main() -> ExitCode {
    let (failed, failures) = mpsc::channel();
    for cpu in Arguments::parse().cpus {
        let failed = failed.clone();
        let keep = move || _ = failed.send(keep_awake(cpu));
        if let Err(error) = thread::Builder::new().name(format!("awake-{cpu}")).spawn(keep) {
            return failure(&error.to_string());
        }
    }
    // Nothing comes but from a thread that could not begin, and then the others are not to go on without it.
    failure(&failures.recv().unwrap_or_else(|error| error.to_string()))
}

/// Returns only why it cannot.
fn keep_awake(cpu: usize) -> String {
    if let Err(error) = pin_to_cpu(cpu).and_then(|()| run_when_idle()) {
        return format!("CPU {cpu}: {error}");
    }
    loop {
        std::hint::spin_loop();
    }
}

fn failure(reason: &str) -> ExitCode {
    eprintln!("keep-awake: {reason}");
    ExitCode::FAILURE
}
