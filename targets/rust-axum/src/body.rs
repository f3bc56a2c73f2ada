//! Request bodies: read within a limit, or left unread without losing the connection.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, HeaderValue, Response, header},
};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::problem::Problem;

/// How much of an unwanted body is read to keep the connection or, at least, to let the caller see the answer.
const MAX_DISCARDED_BYTES: u64 = 1 << 20;
const MAX_DISCARD_TIME: Duration = Duration::from_secs(5);

/// Whether the headers declare a JSON body: parameters and case do not matter.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        // As bytes: parameters may hold other text than ASCII.
        let media_type = value.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
        media_type.trim_ascii().eq_ignore_ascii_case(b"application/json")
    })
}

/// Reads a whole body of at most `max_bytes`. On refusal the body is left for [`discard`].
///
/// # Errors
/// 413 as soon as the limit is known to be exceeded, 400 if the body breaks off or its framing is wrong.
pub async fn read(body: &mut Body, max_bytes: usize) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(Problem::CONTENT_TOO_LARGE);
    }
    let first = next_chunk(body, max_bytes).await?.unwrap_or_default();
    // One chunk is the rule, and needs no copy.
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut whole = Vec::from(first);
    while let Some(chunk) = next_chunk(body, max_bytes - whole.len()).await? {
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.into())
}

/// The next part of a body, empty if it was no data; `None` at the end.
async fn next_chunk(body: &mut Body, max_bytes: usize) -> Result<Option<Bytes>, Problem> {
    let Some(frame) = body.frame().await else { return Ok(None) };
    let frame = frame.map_err(|_| Problem::bad_request("the body could not be read"))?;
    let chunk = frame.into_data().unwrap_or_default();
    if chunk.len() > max_bytes { Err(Problem::CONTENT_TOO_LARGE) } else { Ok(Some(chunk)) }
}

/// Sends an answer for which the body was not, or not wholly, read.
///
/// The rest is read beside the answer, so that the connection can carry the next request. A caller that waits
/// for `100 Continue` is told to close instead: whether it still sends the body is up to it.
pub fn discard<B>(body: Body, headers: &HeaderMap, mut answer: Response<B>) -> Response<B> {
    if body.is_end_stream() {
        return answer;
    }
    if headers.contains_key(header::EXPECT) {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return answer;
    }
    tokio::spawn(timeout(MAX_DISCARD_TIME, read_to_end(body)));
    answer
}

async fn read_to_end(mut body: Body) {
    let mut discarded_bytes = 0;
    while discarded_bytes <= MAX_DISCARDED_BYTES {
        let Some(Ok(frame)) = body.frame().await else { return };
        discarded_bytes += frame.data_ref().map_or(0, |chunk| chunk.len() as u64);
    }
}
