//! A message-routing middleware: checks a bearer token, validates a JSON message, finds its route, answers with both.
//!
//! `main` reads the environment and calls [`run`]; [`app::router`] is the whole service without a socket.

pub mod app;
pub mod auth;
pub mod body;
pub mod config;
pub mod handlers;
pub mod info;
pub mod json;
pub mod keys;
pub mod message;
pub mod permits;
pub mod problem;
pub mod reload;
pub mod routing;
pub mod serve;

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use crate::{app::App, config::Config};

/// Serves until SIGTERM or SIGINT, then finishes what is in flight.
///
/// # Errors
/// One line for the operator: a file that cannot be used, an address that cannot be bound.
pub fn run(config: Config) -> Result<(), String> {
    let runtime = runtime(config.cpus).map_err(|error| format!("cannot start tokio: {error}"))?;
    let listen = config.listen;
    let app = Arc::new(App::new(config)?);
    // Spawned, so that with several workers accepting happens on one of them and not on a further thread.
    runtime.block_on(async {
        tokio::spawn(serve::serve(listen, app)).await.map_err(|error| error.to_string())?
    })
}

/// One core needs no second thread and none of the synchronisation that work stealing costs.
fn runtime(cpus: usize) -> std::io::Result<Runtime> {
    if cpus == 1 {
        Builder::new_current_thread().enable_all().build()
    } else {
        Builder::new_multi_thread().worker_threads(cpus).enable_all().build()
    }
}
