//! Bearer tokens: compact JWS (RFC 7515) checked strictly against configuration.
//!
//! Checking has two halves, because a permit is taken between them: [`Verifier::inspect`] looks at the form only,
//! [`Candidate::verify`] at the signature and the claims.

use std::borrow::Cow;

use aws_lc_rs::signature::ParsedPublicKey;
use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer};

use crate::{
    config::Algorithm,
    json::{self, Present},
    keys::KeySet,
};

const MAX_TOKEN_BYTES: usize = 8192;

/// Takes the token out of the one `Authorization: Bearer` header.
#[must_use]
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let acceptable = scheme.eq_ignore_ascii_case("Bearer") && token.len() <= MAX_TOKEN_BYTES;
    acceptable.then_some(token)
}

/// What tokens are checked against.
#[derive(Debug)]
pub struct Verifier {
    /// The only accepted algorithm.
    pub algorithm: Algorithm,
    /// The keys a token may name.
    pub keys: KeySet,
    /// The required issuer.
    pub issuer: String,
    /// The required audience.
    pub audience: String,
}

/// A token of the right form, signed by nobody knows whom.
#[derive(Debug)]
pub struct Candidate<'a> {
    verifier: &'a Verifier,
    key: &'a ParsedPublicKey,
    /// What the signature covers: header and claims as they came.
    signed: &'a [u8],
    claims: &'a str,
    signature: Vec<u8>,
}

/// The header's members that matter. A key the token brings along (`jwk`, `jku`, `x5u`) is never looked at.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    kid: Cow<'a, str>,
    #[serde(default)]
    crit: Present,
}

/// The claims that matter; times in seconds since 1970.
#[derive(Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    aud: Audience<'a>,
    exp: f64,
    #[serde(default, deserialize_with = "number")]
    nbf: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience<'a> {
    One(#[serde(borrow)] Cow<'a, str>),
    Several(#[serde(borrow)] Vec<Cow<'a, str>>),
}

impl Audience<'_> {
    fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Several(several) => several.iter().any(|one| one == audience),
        }
    }
}

/// A member that may be missing, but not null.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    f64::deserialize(deserializer).map(Some)
}

impl Verifier {
    /// Checks all that can be told without a signature check; `None` refuses the token.
    #[must_use]
    pub fn inspect<'a>(&'a self, token: &'a str) -> Option<Candidate<'a>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header = decode(header)?;
        let header: Header = json::object(&header)?;
        if header.alg != self.algorithm.name() || header.crit.0 {
            return None;
        }
        let key = self.keys.get(&header.kid)?;
        let signature = decode(signature)?;
        Some(Candidate { verifier: self, key, signed: signed.as_bytes(), claims, signature })
    }
}

impl Candidate<'_> {
    /// Checks signature and claims at an instant, seconds since 1970; `None` refuses the token.
    #[must_use]
    pub fn verify(&self, now_s: f64) -> Option<()> {
        self.key.verify_sig(self.signed, &self.signature).ok()?;
        let claims = decode(self.claims)?;
        let claims: Claims = json::object(&claims)?;
        let verifier = self.verifier;
        let accepted = claims.iss == verifier.issuer
            && claims.aud.contains(&verifier.audience)
            && now_s < claims.exp
            && claims.nbf.is_none_or(|not_before_s| now_s >= not_before_s);
        accepted.then_some(())
    }
}

/// Base64url without padding; a third dot and stray trailing bits are refused with all else that is foreign to it.
fn decode(segment: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(segment).ok()
}
