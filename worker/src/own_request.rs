//! The request of the command line: from a URL, headers and bodies to the bytes that are sent. Pure.

use std::collections::BTreeMap;

use serde_bytes::ByteBuf;

use crate::pool::{PoolFile, RequestEntry};

/// Why a request cannot be written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not a URL this worker can use.
    #[error("--url {0}: expected http://HOST[:PORT][/PATH] (https is not supported)")]
    Url(String),
    /// No method.
    #[error("--method {0}: expected capital letters")]
    Method(String),
    /// No header.
    #[error("--header {0:?}: expected 'Name: value'")]
    Header(String),
}

/// A URL of a service without encryption.
#[derive(Debug, PartialEq, Eq)]
pub struct Url {
    /// Host and port as given, for the Host header.
    pub authority: String,
    /// Name or address; IPv6 in brackets.
    pub host: String,
    /// 80 unless given.
    pub port: u16,
    /// Path and query.
    pub path: String,
}

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    /// When it is none, or of another scheme.
    pub fn parse(text: &str) -> Result<Self, RequestError> {
        Self::parts(text).ok_or_else(|| RequestError::Url(text.to_owned()))
    }

    fn parts(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("http://")?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, 80),
        };
        let is_clean = !path.contains(|letter: char| letter.is_ascii_whitespace() || letter.is_control());
        let (authority, host, path) = (authority.to_owned(), host.to_owned(), path.to_owned());
        (!host.is_empty() && is_clean).then_some(Self { authority, host, port, path })
    }
}

/// A request, once for each body.
#[derive(Debug)]
pub struct OwnRequest {
    /// In capital letters.
    pub method: String,
    /// As `Name: value`.
    pub headers: Vec<String>,
    /// None: one request without a body.
    pub bodies: Vec<Vec<u8>>,
    /// The status that counts as success.
    pub expect: u16,
}

impl OwnRequest {
    /// The requests as a pool: one a body, in turns.
    ///
    /// # Errors
    /// When method or headers are none.
    pub fn pool(&self, url: &Url) -> Result<PoolFile, RequestError> {
        let no_body = [Vec::new()];
        let bodies = if self.bodies.is_empty() { &no_body[..] } else { &self.bodies };
        let parts = bodies.iter().map(|body| Ok(ByteBuf::from([&*self.head(url, body)?, body].concat())));
        let parts = parts.collect::<Result<Vec<_>, RequestError>>()?;
        let order: Vec<u32> = (0..parts.len() as u32).collect();
        let requests = order.iter().map(|index| RequestEntry {
            kind: url.path.clone(),
            parts: vec![*index],
            expect: self.expect,
            body: None,
            also: BTreeMap::new(),
        });
        Ok(PoolFile { schema: 1, requests: requests.collect(), parts, bodies: Vec::new(), order })
    }

    fn head(&self, url: &Url, body: &[u8]) -> Result<Vec<u8>, RequestError> {
        if self.method.is_empty() || !self.method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(RequestError::Method(self.method.clone()));
        }
        let is_header = |header: &&String| header.contains(':') && !header.contains(['\r', '\n']);
        if let Some(header) = self.headers.iter().find(|header| !is_header(header)) {
            return Err(RequestError::Header(header.clone()));
        }
        let is_given = |name: &str| {
            let mut names = self.headers.iter().filter_map(|header| header.split_once(':'));
            names.any(|(given, _)| given.eq_ignore_ascii_case(name))
        };
        let has_length = !body.is_empty() || matches!(&*self.method, "POST" | "PUT" | "PATCH");
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, url.path)];
        if !is_given("host") {
            lines.push(format!("Host: {}", url.authority));
        }
        if has_length && !is_given("content-length") {
            lines.push(format!("Content-Length: {}", body.len()));
        }
        lines.extend_from_slice(&self.headers);
        Ok((lines.join("\r\n") + "\r\n\r\n").into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let cases = [
            ("http://localhost", Some(("localhost", "localhost", 80, "/"))),
            ("http://10.0.0.1:8080/v1/x?y=z", Some(("10.0.0.1:8080", "10.0.0.1", 8080, "/v1/x?y=z"))),
            ("http://[::1]:81/", Some(("[::1]:81", "[::1]", 81, "/"))),
            ("http://[::1]", Some(("[::1]", "[::1]", 80, "/"))),
            ("https://localhost", None),
            ("http://", None),
            ("http://host:port/", None),
            ("http://host/a b", None),
        ];
        for (text, expected) in cases {
            let url = Url::parse(text).ok();
            let parts = url.as_ref().map(|url| (&*url.authority, &*url.host, url.port, &*url.path));
            assert_eq!(parts, expected, "{text}");
        }
    }

    fn written(method: &str, headers: &[&str], body: &str) -> Result<String, RequestError> {
        let request = OwnRequest {
            method: method.to_owned(),
            headers: headers.iter().map(ToString::to_string).collect(),
            bodies: if body.is_empty() { Vec::new() } else { vec![body.as_bytes().to_vec()] },
            expect: 200,
        };
        let pool = request.pool(&Url::parse("http://h:1/p")?)?;
        Ok(String::from_utf8(pool.parts[0].to_vec()).unwrap())
    }

    #[test]
    fn requests_are_written_with_what_they_need_and_no_more() {
        let cases = [
            ("GET", &[][..], "", "GET /p HTTP/1.1\r\nHost: h:1\r\n\r\n"),
            ("POST", &["X: y"], "", "POST /p HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\nX: y\r\n\r\n"),
            ("PUT", &["host: z"], "{}", "PUT /p HTTP/1.1\r\nContent-Length: 2\r\nhost: z\r\n\r\n{}"),
        ];
        for (method, headers, body, expected) in cases {
            assert_eq!(written(method, headers, body).as_deref(), Ok(expected));
        }
        assert_eq!(written("get", &[], ""), Err(RequestError::Method("get".to_owned())));
        assert_eq!(written("GET", &["no colon"], ""), Err(RequestError::Header("no colon".to_owned())));
        let smuggled = "A: b\r\nC: d";
        assert_eq!(written("GET", &[smuggled], ""), Err(RequestError::Header(smuggled.to_owned())));
    }
}
