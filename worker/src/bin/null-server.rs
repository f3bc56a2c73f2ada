//! The null server's program.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use bench_worker::null::{BACKLOG, Delay, Server, ServerOptions};
use bench_worker::report::histogram_text;
use bench_worker::sys::{Signals, pin_to_cpu, raise_descriptor_limit};
use clap::Parser;

/// An HTTP service that does nothing but wait, and knows exactly for how long.
///
/// Prints `listening on ADDRESS:PORT`, answers every request with 200 and a JSON body, and on SIGTERM writes the
/// histogram of the time from each request's last byte to its answer's first.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
struct Arguments {
    /// Address to listen at.
    #[arg(long, default_value = "127.0.0.1")]
    bind: std::net::IpAddr,

    /// Port to listen at; 0: any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// none | fixed:1ms | bimodal:SHORT,LONG,RATIO | stall:PERIOD,LENGTH[,DELAY]
    #[arg(long, default_value = "none")]
    delay: Delay,

    /// Length of the answers' body.
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(2..))]
    body_bytes: u32,

    /// Connections that may wait to be accepted.
    #[arg(long, value_name = "N", default_value_t = BACKLOG)]
    backlog: u32,

    /// Close each connection after so many answers.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    answers_per_connection: Option<u64>,

    /// Where to write the histogram at the end, as JSON.
    #[arg(long, value_name = "FILE")]
    histogram: Option<PathBuf>,

    /// The CPU to run on.
    #[arg(long, value_name = "N")]
    cpu: Option<usize>,

    /// Never sleep, so that delays are exact, at the cost of a core.
    #[arg(long)]
    spin: bool,

    /// End when standard input ends.
    #[arg(long)]
    die_with_stdin: bool,
}

fn main() -> ExitCode {
    match serve(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("null-server: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> Result<(), String> {
    if let Some(cpu) = arguments.cpu {
        pin_to_cpu(cpu).map_err(|error| format!("cannot run on CPU {cpu}: {error}"))?;
    }
    raise_descriptor_limit();
    let signals = Signals::termination().map_err(|error| error.to_string())?;
    let address = SocketAddr::new(arguments.bind, arguments.port);
    let options = ServerOptions {
        address,
        delay: arguments.delay,
        body_bytes: arguments.body_bytes as usize,
        backlog: arguments.backlog,
        answers_per_connection: arguments.answers_per_connection,
        is_spinning: arguments.spin,
        die_with_stdin: arguments.die_with_stdin,
    };
    let server = Server::listen(options).map_err(|error| format!("cannot listen at {address}: {error}"))?;
    println!("listening on {}", server.address().map_err(|error| error.to_string())?);
    let histogram = server.run(&signals).map_err(|error| format!("waiting for events failed: {error}"))?;
    if let Some(path) = &arguments.histogram {
        let content = serde_json::json!({
            "schema": 1,
            "unit": "ns",
            "count": histogram.len(),
            "histogram": histogram_text(&histogram),
        });
        let written = std::fs::write(path, format!("{content}\n"));
        written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}
