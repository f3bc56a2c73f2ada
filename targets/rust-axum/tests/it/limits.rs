//! Permits, the pool, and the size of bodies, on a clock that stands still until all wait for it.

use axum::{Router, body::Body, http::Request};
use tokio::task::JoinSet;

use crate::support::{Answer, MESSAGE, call, post, service, token, variables};

/// Answers to as many equal requests at once, by status.
async fn at_once(service: &Router, count: usize, token: &str) -> Vec<Answer> {
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let (service, request) = (service.clone(), post(token, MESSAGE));
        calls.spawn(async move { call(&service, request).await });
    }
    calls.join_all().await
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test(start_paused = true)]
async fn who_gets_no_permit_in_time_is_sent_away() {
    let service = service(&variables(&[
        ("AUTH_MAX_CONCURRENT", "1"),
        ("AUTH_LOOKUP_DELAY_MS", "500"),
        ("AUTH_ACQUIRE_TIMEOUT_MS", "100"),
    ]));
    let answers = at_once(&service, 4, &token()).await;
    assert_eq!((count(&answers, 200), count(&answers, 503)), (1, 3));
    let refused = answers.iter().find(|answer| answer.status == 503).unwrap();
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json()["title"], "Service Unavailable");
    // The permit came back.
    assert_eq!(call(&service, post(&token(), MESSAGE)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn waiters_are_served_in_turn() {
    let service = service(&variables(&[
        ("AUTH_MAX_CONCURRENT", "2"),
        ("AUTH_LOOKUP_DELAY_MS", "500"),
        ("AUTH_ACQUIRE_TIMEOUT_MS", "600"),
    ]));
    let answers = at_once(&service, 5, &token()).await;
    assert_eq!((count(&answers, 200), count(&answers, 503)), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_bad_form_takes_no_permit_and_a_bad_signature_does() {
    let service = service(&variables(&[
        ("AUTH_MAX_CONCURRENT", "1"),
        ("AUTH_LOOKUP_DELAY_MS", "500"),
        ("AUTH_ACQUIRE_TIMEOUT_MS", "0"),
    ]));
    assert_eq!(count(&at_once(&service, 3, "x.y.z").await, 401), 3);
    let mut token = token();
    let middle = token.rfind('.').unwrap() + 20;
    let other = if token.as_bytes()[middle] == b'A' { "B" } else { "A" };
    token.replace_range(middle..=middle, other);
    let answers = at_once(&service, 3, &token).await;
    assert_eq!((count(&answers, 401), count(&answers, 503)), (1, 2));
    assert_eq!(
        answers.iter().filter(|a| a.header("www-authenticate") == Some("Bearer")).count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn the_permit_is_held_as_long_as_its_scope_says() {
    for (scope, served) in [("check", 4), ("request", 1)] {
        let service = service(&variables(&[
            ("AUTH_MAX_CONCURRENT", "1"),
            ("AUTH_ACQUIRE_TIMEOUT_MS", "100"),
            ("AUTH_PERMIT_SCOPE", scope),
            ("BACKEND_DELAY_MS", "500"),
        ]));
        assert_eq!(count(&at_once(&service, 4, &token()).await, 200), served, "{scope}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_gets_no_place_in_the_pool_in_time_is_sent_away() {
    let service = service(&variables(&[
        ("AUTH_ALGORITHM", "none"),
        ("BACKEND_POOL_SIZE", "2"),
        ("BACKEND_DELAY_MS", "500"),
        ("BACKEND_ACQUIRE_TIMEOUT_MS", "100"),
    ]));
    let answers = at_once(&service, 5, "").await;
    assert_eq!((count(&answers, 200), count(&answers, 503)), (2, 3));
    let info = call(&service, Request::get("/info").body(Body::empty()).unwrap()).await.json();
    assert_eq!(info["messages_answered"], 5);
    assert_eq!(info["pool_size"], 2);
}

#[tokio::test]
async fn the_pool_is_not_asked_where_there_is_nothing_to_wait_for() {
    let service = service(&variables(&[
        ("AUTH_ALGORITHM", "none"),
        ("BACKEND_POOL_SIZE", "1"),
        ("BACKEND_ACQUIRE_TIMEOUT_MS", "0"),
    ]));
    assert_eq!(count(&at_once(&service, 8, "").await, 200), 8);
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_the_largest() {
    for (limit, status) in [(MESSAGE.len(), 200), (MESSAGE.len() - 1, 413)] {
        let limit = limit.to_string();
        let service =
            service(&variables(&[("AUTH_ALGORITHM", "none"), ("MAX_BODY_BYTES", &limit)]));
        assert_eq!(call(&service, post("", MESSAGE)).await.status, status, "limit {limit}");
    }
}
