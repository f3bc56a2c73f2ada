//! Keys, tokens, tables and requests for the other tests.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use service::{
    app::{self, App},
    config::Config,
};
use tower::ServiceExt;

pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "messages";
pub const MESSAGE: &str = r#"{"id":"a","type":"t","priority":4,"region":"eu-west","attributes":{"tier":"gold"},"payload":{"n":1}}"#;

/// A folder of its own for each call, below the build's output.
pub fn folder() -> PathBuf {
    static FOLDERS: AtomicU32 = AtomicU32::new(0);
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}-{number}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("the build's folder takes files");
    folder
}

/// A table of one rule for every topic.
pub fn table(version: u64) -> Value {
    let rule = json!({"name": "all", "topic": "#", "destination": "d", "partitions": 16});
    json!({"version": version, "rules": [rule]})
}

pub fn write_json(path: &Path, value: &Value) {
    fs::write(path, value.to_string()).expect("the file can be written");
}

/// The key that signs the tests' tokens.
pub fn key() -> &'static EcdsaKeyPair {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key is made")
    })
}

pub fn jwk(key: &EcdsaKeyPair, kid: &str) -> Value {
    let point = key.public_key().as_ref();
    let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
    json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y})
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token with the given header and claims, signed over exactly their texts.
pub fn signed(header: &str, claims: &str) -> String {
    signed_segments(&encode(header), &encode(claims))
}

pub fn signed_segments(header: &str, claims: &str) -> String {
    let text = format!("{header}.{claims}");
    let signature = key().sign(&SystemRandom::new(), text.as_bytes()).expect("the key signs");
    format!("{text}.{}", encode(signature))
}

pub fn good_header() -> Value {
    json!({"alg": "ES256", "kid": "k"})
}

/// Claims that are accepted from 1,000 s to 2,000 s after 1970.
pub fn good_claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "nbf": 1000, "exp": 2000})
}

/// A token that is accepted now.
pub fn token() -> String {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let mut claims = good_claims();
    claims["exp"] = json!(now_s + 600);
    signed(&good_header().to_string(), &claims.to_string())
}

/// The variables of a service with one key and one rule in files of its own, changed as told.
pub fn variables(changes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let folder = folder();
    let path = |name: &str| folder.join(name).display().to_string();
    write_json(&folder.join("routes.json"), &table(1));
    write_json(&folder.join("jwks.json"), &json!({"keys": [jwk(key(), "k")]}));
    let mut variables = vec![
        ("PORT", "0".to_owned()),
        ("CPUS", "1".to_owned()),
        ("ROUTES_FILE", path("routes.json")),
        ("AUTH_KEYS_FILE", path("jwks.json")),
        ("AUTH_ISSUER", ISSUER.to_owned()),
        ("AUTH_AUDIENCE", AUDIENCE.to_owned()),
    ];
    variables.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    variables.extend(changes.iter().map(|(name, value)| (*name, (*value).to_owned())));
    variables
}

/// The service without a socket.
pub fn service(variables: &[(&'static str, String)]) -> Router {
    let value = |name| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| v.into());
    let config = Config::read(value).expect("the variables are good");
    app::router(Arc::new(App::new(config).expect("the files are good")))
}

pub fn post(token: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/v1/messages/orders.created")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(body.into())
        .expect("the request is well formed")
}

/// Sends one request; answers the status, a header by name, and the body.
pub async fn call(service: &Router, request: Request<Body>) -> Answer {
    let Ok(response) = service.clone().oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("the answer is whole");
    let headers = parts.headers;
    let headers = headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), value.to_str().expect("headers are text").to_owned())
    });
    Answer { status: parts.status.as_u16(), headers: headers.collect(), body: body.to_vec() }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the answer is JSON")
    }
}
