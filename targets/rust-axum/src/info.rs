//! What `/info` tells about the service.

use std::{process, sync::atomic::Ordering};

use serde::Serialize;

use crate::app::App;

/// The answer to `GET /info`.
#[derive(Debug, Serialize)]
pub struct Info {
    target: &'static str,
    language: &'static str,
    contract: u32,
    runtime: Version,
    framework: Version,
    pids: [u32; 1],
    cpus: usize,
    workers: usize,
    permits: usize,
    pool_size: usize,
    table_version: u64,
    algorithm: &'static str,
    jwt_provider: &'static str,
    payload: &'static str,
    messages_answered: u64,
    details: Details,
}

#[derive(Debug, Serialize)]
struct Version {
    name: &'static str,
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct Details {
    rustc: &'static str,
    scheduler: &'static str,
    allocator: &'static str,
}

impl Info {
    /// The state of the service now.
    #[must_use]
    pub fn of(app: &App) -> Self {
        let config = &app.config;
        Self {
            target: "rust-axum",
            language: "Rust",
            contract: 1,
            runtime: Version { name: "tokio", version: env!("VERSION_TOKIO") },
            framework: Version { name: "axum", version: env!("VERSION_AXUM") },
            pids: [process::id()],
            cpus: config.cpus,
            workers: config.cpus,
            permits: config.auth_max_concurrent,
            pool_size: config.backend_pool_size,
            table_version: app.table.current().version,
            algorithm: config.auth.as_ref().map_or("none", |auth| auth.algorithm.name()),
            jwt_provider: concat!("aws-lc-rs ", env!("VERSION_AWS_LC_RS")),
            payload: "raw",
            messages_answered: app.messages_answered.load(Ordering::Relaxed),
            details: Details {
                rustc: env!("VERSION_RUSTC"),
                scheduler: if config.cpus == 1 { "current_thread" } else { "multi_thread" },
                allocator: if cfg!(feature = "mimalloc") { "mimalloc" } else { "system" },
            },
        }
    }
}
