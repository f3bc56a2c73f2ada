//! The wiring: what the handlers share, and all routes in one place.

use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

use axum::{
    Router,
    routing::{get, post},
};

use crate::{
    auth::Verifier,
    config::{AuthConfig, Config},
    handlers,
    keys::KeySet,
    permits::Bulkhead,
    reload::LiveTable,
};

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    /// What the service was told.
    pub config: Config,
    /// Checks tokens; `None` if nobody is authenticated.
    pub verifier: Option<Verifier>,
    /// Permits for token checks.
    pub auth_permits: Bulkhead,
    /// Places in the backend's pool.
    pub backend_pool: Bulkhead,
    /// The routing table in force.
    pub table: Arc<LiveTable>,
    /// Answers given to messages since the start, of every status.
    pub messages_answered: AtomicU64,
}

impl App {
    /// Loads the files that the configuration names.
    ///
    /// # Errors
    /// One line that names the variable, the file and its fault.
    pub fn new(config: Config) -> Result<Self, String> {
        let table = LiveTable::load(&config.routes_file)
            .map_err(|fault| bad_file("ROUTES_FILE", &config.routes_file, &fault))?;
        let verifier = config.auth.as_ref().map(verifier).transpose()?;
        Ok(Self {
            auth_permits: Bulkhead::new(config.auth_max_concurrent, config.auth_acquire_timeout),
            backend_pool: Bulkhead::new(config.backend_pool_size, config.backend_acquire_timeout),
            config,
            verifier,
            table: Arc::new(table),
            messages_answered: AtomicU64::new(0),
        })
    }
}

fn verifier(auth: &AuthConfig) -> Result<Verifier, String> {
    let keys = fs::read(&auth.keys_file)
        .map_err(|error| error.to_string())
        .and_then(|text| KeySet::from_json(&text, auth.algorithm))
        .map_err(|fault| bad_file("AUTH_KEYS_FILE", &auth.keys_file, &fault))?;
    Ok(Verifier {
        algorithm: auth.algorithm,
        keys,
        issuer: auth.issuer.clone(),
        audience: auth.audience.clone(),
    })
}

fn bad_file(variable: &str, path: &Path, fault: &str) -> String {
    format!("{variable}={}: {fault}", path.display())
}

/// All routes of the service.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(handlers::healthz))
        .route("/info", get(handlers::info))
        .route("/v1/messages/{topic}", post(handlers::post_message))
        .method_not_allowed_fallback(handlers::method_not_allowed)
        .fallback(handlers::not_found)
        .with_state(app)
}
