//! Tokens that are accepted and, mostly, tokens that are not.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use service::{
    auth::{Verifier, bearer_token},
    config::Algorithm,
    keys::KeySet,
};

use crate::support::{
    AUDIENCE, ISSUER, encode, good_claims, good_header, jwk, key, signed, signed_segments,
};

fn verifier() -> Verifier {
    let jwks = json!({"keys": [jwk(key(), "k")]}).to_string();
    Verifier {
        algorithm: Algorithm::Es256,
        keys: KeySet::from_json(jwks.as_bytes(), Algorithm::Es256).unwrap(),
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
    }
}

fn accepted_at(token: &str, now_s: f64) -> bool {
    verifier().inspect(token).and_then(|candidate| candidate.verify(now_s)).is_some()
}

fn accepted(token: &str) -> bool {
    accepted_at(token, 1500.0)
}

fn token(header: &Value, claims: &Value) -> String {
    signed(&header.to_string(), &claims.to_string())
}

fn with(mut object: Value, member: &str, value: Value) -> Value {
    object[member] = value;
    object
}

fn without(mut object: Value, member: &str) -> Value {
    object.as_object_mut().unwrap().remove(member);
    object
}

#[test]
fn times_are_compared_without_leeway_and_below_the_second() {
    let token = token(&good_header(), &good_claims());
    let instants =
        [(999.999, false), (1000.0, true), (1999.999, true), (2000.0, false), (0.0, false)];
    for (now_s, good) in instants {
        assert_eq!(accepted_at(&token, now_s), good, "at {now_s}");
    }
}

#[test]
fn claims_decide() {
    let good = [
        without(good_claims(), "nbf"),
        with(good_claims(), "exp", json!(1500.5)),
        with(good_claims(), "aud", json!(["other", AUDIENCE])),
        with(good_claims(), "iat", json!("whenever")),
    ];
    for claims in good {
        assert!(accepted(&token(&good_header(), &claims)), "{claims}");
    }
    let bad = [
        without(good_claims(), "exp"),
        without(good_claims(), "iss"),
        without(good_claims(), "aud"),
        with(good_claims(), "exp", json!("2000")),
        with(good_claims(), "exp", json!(null)),
        with(good_claims(), "nbf", json!("1000")),
        with(good_claims(), "nbf", json!(null)),
        with(good_claims(), "iss", json!(format!("{ISSUER}/"))),
        with(good_claims(), "iss", json!([ISSUER])),
        with(good_claims(), "aud", json!([])),
        with(good_claims(), "aud", json!([AUDIENCE, 1])),
        with(good_claims(), "aud", json!({"0": AUDIENCE})),
        json!([ISSUER, AUDIENCE, 2000, 1000]),
        json!(null),
    ];
    for claims in bad {
        assert!(!accepted(&token(&good_header(), &claims)), "{claims}");
    }
}

#[test]
fn claims_must_be_utf_8_even_where_nobody_looks() {
    let text = good_claims().to_string();
    let (head, tail) = text.split_at(text.len() - 1);
    let claims = |extra: &[u8]| {
        let bytes = [head.as_bytes(), b",\"x\":\"", extra, b"\"", tail.as_bytes()].concat();
        signed_segments(&encode(good_header().to_string()), &encode(bytes))
    };
    assert!(accepted(&claims("é".as_bytes())));
    assert!(!accepted(&claims(b"\xff")));
}

#[test]
fn the_header_names_our_algorithm_a_known_key_and_no_extension() {
    assert!(accepted(&token(&with(good_header(), "jku", json!("http://x")), &good_claims())));
    let bad = [
        with(good_header(), "alg", json!("none")),
        with(good_header(), "alg", json!("es256")),
        with(good_header(), "alg", json!("HS256")),
        with(good_header(), "alg", json!("RS256")),
        with(good_header(), "kid", json!("other")),
        with(good_header(), "kid", json!(1)),
        with(good_header(), "crit", json!(["b64"])),
        with(good_header(), "crit", json!([])),
        with(good_header(), "crit", json!(null)),
        without(good_header(), "alg"),
        without(good_header(), "kid"),
        json!(["ES256", "k"]),
        json!("ES256"),
    ];
    for header in bad {
        assert!(verifier().inspect(&token(&header, &good_claims())).is_none(), "{header}");
    }
}

#[test]
fn base64url_is_taken_strictly_in_all_three_segments() {
    let good = token(&good_header(), &good_claims());
    let [header, claims, signature]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().unwrap();
    assert!(accepted(&good));
    // 64 bytes leave four unused bits in the last of 86 characters: `A`, `Q`, `g`, `w` have none of them set.
    let (rest, last) = signature.split_at(85);
    let stray = char::from(last.as_bytes()[0] + 1);
    // One letter more makes the text end in an incomplete group, whose unused bits can then be set.
    let odd = |text: &str| {
        (1..4).map(|n| encode(format!("{text}{}", " ".repeat(n)))).find(|e| e.len() % 4 == 2)
    };
    let odd_claims = odd(&good_claims().to_string()).unwrap();
    let odd_header = odd(&good_header().to_string()).unwrap();
    let spoil = |text: &str| format!("{}{}", &text[..text.len() - 1], "B");
    assert!(accepted(&signed_segments(&odd_header, &odd_claims)));
    let bad = [
        format!("{header}.{claims}.{rest}{stray}"),
        format!("{good}="),
        format!("{good}=="),
        format!("{good} "),
        format!("{good}."),
        format!("{good}.x"),
        format!(".{good}"),
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("..{signature}"),
        header.to_owned(),
        String::new(),
        "..".to_owned(),
        signed_segments(&spoil(&odd_header), claims),
        signed_segments(header, &spoil(&odd_claims)),
        signed_segments(header, &format!("{odd_claims}==")),
        format!("{header}.{claims}.{}", encode([0; 64])),
        format!("{header}.{claims}.{}", encode([1; 65])),
    ];
    for token in bad {
        assert!(!accepted(&token), "{token}");
    }
}

#[test]
fn one_flipped_bit_anywhere_is_refused() {
    let good = token(&good_header(), &good_claims());
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] ^= 1;
        let flipped = String::from_utf8(bytes).unwrap();
        assert!(!accepted(&flipped), "bit 0 of byte {at}");
    }
}

#[test]
fn another_key_under_a_known_name_is_refused() {
    let other = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let jwks = json!({"keys": [jwk(&other, "k")]}).to_string();
    let mut verifier = verifier();
    verifier.keys = KeySet::from_json(jwks.as_bytes(), Algorithm::Es256).unwrap();
    let token = token(&good_header(), &good_claims());
    assert!(verifier.inspect(&token).unwrap().verify(1500.0).is_none());
}

#[test]
fn keys_of_no_use_are_ignored_and_at_least_one_must_be_of_use() {
    let good = jwk(key(), "good");
    let useless = [
        json!({"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": "oct", "kid": "o", "k": "AAAA"}),
        with(good.clone(), "crv", json!("P-384")),
        with(good.clone(), "use", json!("enc")),
        with(good.clone(), "alg", json!("ES384")),
        with(good.clone(), "x", json!("AAAA")),
        with(good.clone(), "x", json!(encode([7; 32]))),
        without(good.clone(), "kid"),
    ];
    for jwk in useless {
        let alone = json!({"keys": [jwk]}).to_string();
        let error = KeySet::from_json(alone.as_bytes(), Algorithm::Es256).expect_err(&alone);
        assert_eq!(error, "no key usable for ES256");
        let beside = json!({"keys": [jwk, good]}).to_string();
        let keys = KeySet::from_json(beside.as_bytes(), Algorithm::Es256).unwrap();
        assert!(keys.get("good").is_some() && keys.get("r").is_none());
    }
    assert!(KeySet::from_json(b"{}", Algorithm::Es256).is_err());
}

#[test]
fn one_authorization_header_carries_one_token() {
    let headers = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("authorization", HeaderValue::from_str(value).unwrap());
        }
        headers
    };
    let longest = format!("Bearer {}", "a".repeat(8192));
    for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", &longest] {
        assert!(bearer_token(&headers(&[value])).is_some(), "{value}");
    }
    let too_long = format!("{longest}a");
    for value in ["", "Bearer", "Basic a.b.c", "a.b.c", "Bearer\ta.b.c", &too_long] {
        assert!(bearer_token(&headers(&[value])).is_none(), "{value}");
    }
    assert!(bearer_token(&headers(&[])).is_none());
    assert!(bearer_token(&headers(&["Bearer a", "Bearer a"])).is_none());
    // The second space belongs to the token, which it spoils.
    assert_eq!(bearer_token(&headers(&["Bearer  a"])), Some(" a"));
}
