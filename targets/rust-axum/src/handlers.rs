//! What happens to each request, in the contract's order.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::{sync::SemaphorePermit, time::sleep};

use crate::{
    app::App,
    auth::bearer_token,
    body,
    config::PermitScope,
    info::Info,
    message::Message,
    problem::Problem,
    routing::{Table, Topic},
};

/// `GET /healthz`
pub async fn healthz() -> Response {
    json(r#"{"status":"ok"}"#)
}

/// `GET /info`
pub async fn info(State(app): State<Arc<App>>) -> Response {
    json(serde_json::to_vec(&Info::of(&app)).expect("a struct of plain values serialises"))
}

/// Any path that is none of ours.
pub async fn not_found(request: Request) -> Response {
    refuse(request, Problem::NOT_FOUND)
}

/// A known path with another method, unless what stands for the topic is none: that path is unknown.
pub async fn method_not_allowed(request: Request) -> Response {
    let path = request.uri().path();
    let known = !path.starts_with(MESSAGES) || topic(request.uri()).is_some();
    refuse(request, if known { Problem::METHOD_NOT_ALLOWED } else { Problem::NOT_FOUND })
}

fn refuse(request: Request, problem: Problem) -> Response {
    let (parts, body) = request.into_parts();
    body::discard(body, &parts.headers, problem.into_response())
}

/// `POST /v1/messages/{topic}`
pub async fn post_message(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    let Some(topic) = topic(&parts.uri) else {
        return body::discard(body, &parts.headers, Problem::NOT_FOUND.into_response());
    };
    let answer = match answer(&app, &topic, &parts, &mut body).await {
        Ok(answer) => json(answer),
        Err(problem) => body::discard(body, &parts.headers, problem.into_response()),
    };
    app.messages_answered.fetch_add(1, Ordering::Relaxed);
    answer
}

const MESSAGES: &str = "/v1/messages/";

/// The topic as the path spells it: the router's own capture would be percent-decoded.
fn topic(uri: &Uri) -> Option<Topic<'_>> {
    Topic::parse(uri.path().strip_prefix(MESSAGES)?)
}

async fn answer(
    app: &App,
    topic: &Topic<'_>,
    parts: &Parts,
    body: &mut Body,
) -> Result<Vec<u8>, Problem> {
    let permit = authenticate(app, &parts.headers).await?;
    if !body::is_json(&parts.headers) {
        return Err(Problem::UNSUPPORTED_MEDIA_TYPE);
    }
    let body = body::read(body, app.config.max_body_bytes).await?;
    let message = Message::from_json(&body)?;
    let table = app.table.current();
    let route = Route::find(&table, topic, &message)?;
    backend(app).await?;
    drop(permit);
    // The route's part is short; growing the buffer for it would copy the message.
    let mut answer = Vec::with_capacity(body.len() + 512);
    serde_json::to_writer(&mut answer, &Answer { route, message: &message })
        .expect("a parsed message serialises");
    Ok(answer)
}

/// Checks the caller's token. The permit is answered only if it is to be held beyond the check.
async fn authenticate<'a>(
    app: &'a App,
    headers: &HeaderMap,
) -> Result<Option<SemaphorePermit<'a>>, Problem> {
    let Some(verifier) = &app.verifier else { return Ok(None) };
    let candidate = bearer_token(headers)
        .and_then(|token| verifier.inspect(token))
        .ok_or(Problem::UNAUTHORIZED)?;
    let permit = app.auth_permits.acquire().await.ok_or(Problem::OVERLOADED)?;
    wait(app.config.auth_lookup_delay).await;
    candidate.verify(now_s()).ok_or(Problem::UNAUTHORIZED)?;
    Ok(match app.config.auth_permit_scope {
        PermitScope::Check => None,
        PermitScope::Request => Some(permit),
    })
}

/// Stands for the database and the business logic.
async fn backend(app: &App) -> Result<(), Problem> {
    if !app.config.backend_delay.is_zero() {
        let _place = app.backend_pool.acquire().await.ok_or(Problem::OVERLOADED)?;
        wait(app.config.backend_delay).await;
    }
    Ok(())
}

async fn wait(delay: Duration) {
    if !delay.is_zero() {
        sleep(delay).await;
    }
}

fn now_s() -> f64 {
    // Only a clock set before 1970 has no answer; its time is taken as zero.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn json(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

#[derive(Serialize)]
struct Answer<'a> {
    route: Route<'a>,
    message: &'a Message<'a>,
}

#[derive(Serialize)]
struct Route<'a> {
    rule: &'a str,
    destination: &'a str,
    partition: u64,
    table_version: u64,
}

impl<'a> Route<'a> {
    fn find(table: &'a Table, topic: &Topic, message: &Message) -> Result<Self, Problem> {
        let rule = table.first_match(topic, message).ok_or(Problem::NOT_FOUND)?;
        Ok(Self {
            rule: &rule.name,
            destination: &rule.destination,
            partition: rule.partition(&message.id),
            table_version: table.version,
        })
    }
}
