//! The JWKS: public keys by their `kid`, parsed once.

use std::collections::HashMap;

use aws_lc_rs::{
    encoding::AsDer,
    rsa::{PublicEncryptingKey, PublicKeyComponents},
    signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::config::Algorithm;

/// The keys that are usable for one algorithm.
#[derive(Debug)]
pub struct KeySet(HashMap<String, ParsedPublicKey>);

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

/// A member of the set; members of no interest are left alone, as RFC 7517 asks.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl KeySet {
    /// Takes the keys that fit the algorithm and ignores the others.
    ///
    /// # Errors
    /// One line: not a JWKS, or no usable key in it.
    pub fn from_json(text: &[u8], algorithm: Algorithm) -> Result<Self, String> {
        let jwks: Jwks = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let mut keys = HashMap::new();
        for jwk in jwks.keys {
            if let (Some(key), Some(kid)) = (jwk.public_key(algorithm), jwk.kid) {
                keys.entry(kid).or_insert(key);
            }
        }
        if keys.is_empty() {
            return Err(format!("no key usable for {}", algorithm.name()));
        }
        Ok(Self(keys))
    }

    /// The key of that name.
    #[must_use]
    pub fn get(&self, kid: &str) -> Option<&ParsedPublicKey> {
        self.0.get(kid)
    }
}

impl Jwk {
    fn public_key(&self, algorithm: Algorithm) -> Option<ParsedPublicKey> {
        let for_signatures = self.usage.as_ref().is_none_or(|usage| usage == "sig");
        let for_algorithm = self.alg.as_ref().is_none_or(|alg| alg == algorithm.name());
        if !(for_signatures && for_algorithm) {
            return None;
        }
        match algorithm {
            Algorithm::Es256 => self.p256_key(),
            Algorithm::Rs256 => self.rsa_key(),
        }
    }

    fn p256_key(&self) -> Option<ParsedPublicKey> {
        if self.kty != "EC" || self.crv.as_deref() != Some("P-256") {
            return None;
        }
        let (x, y) = (decode(self.x.as_ref()?)?, decode(self.y.as_ref()?)?);
        if x.len() != 32 || y.len() != 32 {
            return None;
        }
        // SEC 1, 2.3.3: 4, then both coordinates.
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()
    }

    fn rsa_key(&self) -> Option<ParsedPublicKey> {
        if self.kty != "RSA" {
            return None;
        }
        let components =
            PublicKeyComponents { n: decode(self.n.as_ref()?)?, e: decode(self.e.as_ref()?)? };
        let key: PublicEncryptingKey = components.try_into().ok()?;
        let der = key.as_der().ok()?;
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der.as_ref()).ok()
    }
}

fn decode(text: &String) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
