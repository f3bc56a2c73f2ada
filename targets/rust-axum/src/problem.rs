//! Refusals as `application/problem+json` (RFC 9457).

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// A refused request: status, title and perhaps a sentence for the caller, never internal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// The status code.
    pub status: StatusCode,
    title: &'static str,
    detail: Option<&'static str>,
}

impl Problem {
    /// No such resource, or no route for the message.
    pub const NOT_FOUND: Self = Self::new(StatusCode::NOT_FOUND, "Not Found");
    /// The path is known, the method is not; the router adds `Allow`.
    pub const METHOD_NOT_ALLOWED: Self =
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    /// No token, or a bad one; which of its faults is not told.
    pub const UNAUTHORIZED: Self = Self::new(StatusCode::UNAUTHORIZED, "Unauthorized");
    /// The body is not declared to be JSON.
    pub const UNSUPPORTED_MEDIA_TYPE: Self =
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type");
    /// The body is larger than accepted.
    pub const CONTENT_TOO_LARGE: Self =
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Content Too Large");
    /// No permit or no place in the pool in time.
    pub const OVERLOADED: Self = Self::new(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");

    const fn new(status: StatusCode, title: &'static str) -> Self {
        Self { status, title, detail: None }
    }

    /// A body that is no valid message, and why.
    #[must_use]
    pub const fn bad_request(detail: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, title: "Bad Request", detail: Some(detail) }
    }

    /// The header that goes with the status, if one does.
    fn companion_header(self) -> Option<(HeaderName, HeaderValue)> {
        match self.status {
            StatusCode::UNAUTHORIZED => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                Some((header::RETRY_AFTER, HeaderValue::from_static("1")))
            }
            _ => None,
        }
    }
}

#[derive(Serialize)]
struct ProblemBody {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            kind: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let body = serde_json::to_vec(&body).expect("a struct of strings and a number serialises");
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, content_type, body).into_response();
        response.headers_mut().extend(self.companion_header());
        response
    }
}
