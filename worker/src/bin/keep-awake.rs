//! The program that keeps cores from halting.

use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bench_worker::sys::{pin_to_cpu, run_when_idle};
use clap::Parser;

/// Between two looks at the clock.
const PAUSES: u32 = 16;
/// A core that others had for so long without a break has no reason to halt.
const BUSY: Duration = Duration::from_millis(20);
const REST: Duration = Duration::from_millis(1);
/// A thread that is back from its rest as soon as that has the core to itself.
const AT_ONCE: Duration = Duration::from_micros(200);

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
    let mut seen = Instant::now();
    loop {
        for _ in 0..PAUSES {
            std::hint::spin_loop();
        }
        if seen.elapsed() > BUSY {
            rest_while_busy();
        }
        seen = Instant::now();
    }
}

/// On a core that others use without a break the scheduler gives even the idle class 0.3 %: turns of milliseconds, some
/// a second, for which they would have to wait. They are given back at once.
fn rest_while_busy() {
    loop {
        let begun = Instant::now();
        thread::sleep(REST);
        if begun.elapsed() < REST + AT_ONCE {
            return;
        }
    }
}

fn failure(reason: &str) -> ExitCode {
    eprintln!("keep-awake: {reason}");
    ExitCode::FAILURE
}
