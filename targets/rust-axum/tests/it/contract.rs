//! The shared cases, in process: all that need no real socket, under each of their settings.

use std::{env, fs, path::PathBuf};

use axum::{Router, body::Body, http::Request};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::support::{Answer, call, service};

#[derive(Deserialize)]
struct Kit {
    schema: u32,
    settings: Map<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    settings: Vec<String>,
    wire: bool,
    requests: Vec<CaseRequest>,
}

#[derive(Deserialize)]
struct CaseRequest {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body_base64: String,
    expect: Expect,
}

#[derive(Deserialize)]
struct Expect {
    status: Vec<u16>,
    headers: Map<String, Value>,
    json: Option<Value>,
    #[serde(default)]
    problem: bool,
}

#[tokio::test]
async fn es256_cases() {
    check_all("es256").await;
}

#[tokio::test]
async fn rs256_cases() {
    check_all("rs256").await;
}

#[tokio::test]
async fn cases_without_authentication() {
    check_all("none").await;
}

async fn check_all(setting: &str) {
    let kit = PathBuf::from(
        env::var_os("BENCH_KIT")
            .expect("BENCH_KIT must name the folder that `harness kit --out` wrote"),
    );
    let text = fs::read(kit.join("cases.json")).expect("the kit holds cases.json");
    let kit_cases: Kit = serde_json::from_slice(&text).expect("cases.json is of the known form");
    assert_eq!(kit_cases.schema, 1);
    let service = service(&variables(&kit, &kit_cases.settings[setting]));
    let applicable = |case: &&Case| !case.wire && case.settings.iter().any(|one| one == setting);
    let (mut checked, mut faults) = (0, Vec::new());
    for case in kit_cases.cases.iter().filter(applicable) {
        checked += 1;
        for request in &case.requests {
            if let Err(fault) = check(&service, request).await {
                faults.push(format!("{}: {fault}", case.name));
            }
        }
    }
    assert!(checked > 0, "no case for {setting}");
    assert!(faults.is_empty(), "{} of {checked} cases:\n{}", faults.len(), faults.join("\n"));
}

fn variables(kit: &std::path::Path, setting: &Value) -> Vec<(&'static str, String)> {
    let known = ["AUTH_ALGORITHM", "AUTH_KEYS_FILE", "AUTH_ISSUER", "AUTH_AUDIENCE", "ROUTES_FILE"];
    let setting = setting.as_object().expect("settings are variables");
    let value = |name: &'static str| {
        let text = setting.get(name)?.as_str().expect("variables are text");
        let is_file = name.ends_with("_FILE");
        Some((name, if is_file { kit.join(text).display().to_string() } else { text.to_owned() }))
    };
    let variables: Vec<_> = known.into_iter().filter_map(value).collect();
    assert_eq!(variables.len(), setting.len(), "a variable in the settings is unknown here");
    variables
}

async fn check(service: &Router, case: &CaseRequest) -> Result<(), String> {
    let mut request = Request::builder().method(case.method.as_str()).uri(&case.target);
    for (name, value) in &case.headers {
        request = request.header(name, value);
    }
    let body = STANDARD.decode(&case.body_base64).map_err(|error| error.to_string())?;
    let request = request.body(Body::from(body)).map_err(|error| error.to_string())?;
    compare(&call(service, request).await, &case.expect)
}

fn compare(answer: &Answer, expect: &Expect) -> Result<(), String> {
    let text = String::from_utf8_lossy(&answer.body);
    if !expect.status.contains(&answer.status) {
        return Err(format!("expected {:?}, got {}: {text}", expect.status, answer.status));
    }
    for (name, part) in &expect.headers {
        let part = part.as_str().expect("expected headers are text");
        if !answer.header(name).is_some_and(|value| value.contains(part)) {
            return Err(format!("header {name}: expected {part}, got {:?}", answer.header(name)));
        }
    }
    if let Some(expected) = &expect.json
        && !equal(&answer.json(), expected)
    {
        return Err(format!("expected {expected}, got {text}"));
    }
    if expect.problem {
        let problem = answer.json();
        let typed = answer.header("content-type") == Some("application/problem+json");
        if !typed || problem["status"] != answer.status || problem["type"] != "about:blank" {
            return Err(format!("expected a problem, got {text}"));
        }
    }
    Ok(())
}

/// Equality as JSON, numbers as doubles.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| equal(l, r))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, l)| right.get(name).is_some_and(|r| equal(l, r)))
        }
        _ => left == right,
    }
}
