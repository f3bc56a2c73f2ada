//! Reads the environment and runs the service. Exit code 2: it cannot be configured so.

use std::process::ExitCode;

use service::config::Config;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome =
        Config::read(std::env::var_os).map_err(|error| error.to_string()).and_then(service::run);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("{line}");
            ExitCode::from(2)
        }
    }
}
