//! Every variable: its default, its range, and what is said of a bad value.

use std::{collections::HashMap, time::Duration};

use service::config::{Algorithm, Config, ConfigError, PermitScope};

fn read(changes: &[(&'static str, &str)]) -> Result<Config, ConfigError> {
    let mut variables = HashMap::from([
        ("ROUTES_FILE", "routes.json"),
        ("AUTH_KEYS_FILE", "jwks.json"),
        ("AUTH_ISSUER", "issuer"),
        ("AUTH_AUDIENCE", "audience"),
    ]);
    variables.extend(changes.iter().copied());
    Config::read(|name| variables.get(name).map(Into::into))
}

#[test]
fn defaults_hold_where_nothing_is_set() {
    let config = read(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert!(config.cpus >= 1);
    assert_eq!(config.auth.unwrap().algorithm, Algorithm::Es256);
    assert_eq!(config.auth_max_concurrent, 50);
    assert_eq!(config.auth_permit_scope, PermitScope::Check);
    assert_eq!(config.auth_acquire_timeout, Duration::from_secs(1));
    assert_eq!(config.auth_lookup_delay, Duration::ZERO);
    assert_eq!(config.backend_delay, Duration::ZERO);
    assert_eq!(config.backend_pool_size, 16);
    assert_eq!(config.backend_acquire_timeout, Duration::from_secs(1));
    assert_eq!(config.max_body_bytes, 65_536);
}

#[test]
fn values_are_taken() {
    let config = read(&[
        ("BIND", "::1"),
        ("PORT", "0"),
        ("CPUS", "3"),
        ("AUTH_ALGORITHM", "RS256"),
        ("AUTH_PERMIT_SCOPE", "request"),
        ("BACKEND_DELAY_MS", "7"),
    ])
    .unwrap();
    assert_eq!(config.listen.to_string(), "[::1]:0");
    assert_eq!(config.cpus, 3);
    assert_eq!(config.auth.unwrap().algorithm, Algorithm::Rs256);
    assert_eq!(config.auth_permit_scope, PermitScope::Request);
    assert_eq!(config.backend_delay, Duration::from_millis(7));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    assert_eq!(read(&[("PORT", "")]).unwrap().listen.port(), 8080);
    assert_eq!(read(&[("ROUTES_FILE", "")]).unwrap_err().variable, "ROUTES_FILE");
}

#[test]
fn without_authentication_no_key_is_asked_for() {
    let config = read(&[
        ("AUTH_ALGORITHM", "none"),
        ("AUTH_KEYS_FILE", ""),
        ("AUTH_ISSUER", ""),
        ("AUTH_AUDIENCE", ""),
    ]);
    assert!(config.unwrap().auth.is_none());
}

#[test]
fn a_bad_value_is_named_with_its_variable_on_one_line() {
    let bad = [
        ("BIND", "localhost"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "+80"),
        ("PORT", "80 "),
        ("PORT", "8\n0"),
        ("CPUS", "0"),
        ("CPUS", "1.5"),
        ("AUTH_ALGORITHM", "HS256"),
        ("AUTH_ALGORITHM", "es256"),
        ("AUTH_PERMIT_SCOPE", "always"),
        ("AUTH_MAX_CONCURRENT", "0"),
        ("AUTH_ACQUIRE_TIMEOUT_MS", "-1"),
        ("AUTH_LOOKUP_DELAY_MS", "1s"),
        ("BACKEND_DELAY_MS", "99999999999999999999"),
        ("BACKEND_POOL_SIZE", "0"),
        ("BACKEND_ACQUIRE_TIMEOUT_MS", "x"),
        ("MAX_BODY_BYTES", "0"),
    ];
    for (variable, value) in bad {
        let error = read(&[(variable, value)]).expect_err(value);
        assert_eq!((error.variable, error.value.as_deref()), (variable, Some(value)));
        let line = error.to_string();
        assert!(line.contains(variable) && line.lines().count() == 1, "{line}");
    }
}

#[test]
fn a_missing_variable_is_named() {
    for variable in ["ROUTES_FILE", "AUTH_KEYS_FILE", "AUTH_ISSUER", "AUTH_AUDIENCE"] {
        let error = read(&[(variable, "")]).unwrap_err();
        assert_eq!((error.variable, error.value), (variable, None));
    }
}
