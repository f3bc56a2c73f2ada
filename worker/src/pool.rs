//! The requests to send: parts of bytes that many requests share, read once and never changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// More parts than this would not fit the place the engine keeps for them.
pub const MAX_PARTS: usize = 16;

/// Why a file holds no usable requests.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The file cannot be read.
    #[error("the requests file {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not the msgpack it should be.
    #[error("the requests are not what they should be: {0}")]
    Undecodable(#[from] rmp_serde::decode::Error),
    /// A part, body, request or order refers to what does not exist, or something is empty or too large.
    #[error("the requests contradict themselves: {0}")]
    Inconsistent(String),
}

/// The file as written by the harness.
#[derive(Debug, Deserialize, Serialize)]
pub struct PoolFile {
    /// 1.
    pub schema: u32,
    /// Pieces of requests.
    pub parts: Vec<ByteBuf>,
    /// Requests as sequences of parts.
    pub requests: Vec<RequestEntry>,
    /// Expected bodies.
    pub bodies: Vec<ByteBuf>,
    /// Request number n of a window is `order[n mod order.len()]`.
    pub order: Vec<u32>,
}

/// One request in the file.
#[derive(Debug, Deserialize, Serialize)]
pub struct RequestEntry {
    /// What it counts as.
    pub kind: String,
    /// Its bytes, as indices of parts.
    pub parts: Vec<u32>,
    /// The status it should be answered with.
    pub expect: u16,
    /// The body it should be answered with, as an index; nil: any.
    pub body: Option<u32>,
    /// Other statuses that are expected, whatever the body: as text, with the kind such an answer counts as.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub also: BTreeMap<String, String>,
}

/// A request, resolved.
#[derive(Debug)]
pub struct Request {
    /// Index into [`Pool::kinds`].
    pub kind: usize,
    /// Its bytes, as indices of parts.
    pub parts: Vec<u32>,
    /// Length of all parts.
    pub bytes: usize,
    /// The status it should be answered with.
    pub expect: u16,
    /// Index of the body it should be answered with; None: any.
    pub body: Option<usize>,
    /// A HEAD request, whose answer has no body.
    pub is_head: bool,
    /// Other statuses that are expected, with the kinds such answers count as.
    pub also: Vec<(u16, usize)>,
}

/// All requests of a window, checked: every index in it is valid.
#[derive(Debug)]
pub struct Pool {
    parts: Vec<ByteBuf>,
    bodies: Vec<ByteBuf>,
    requests: Vec<Request>,
    order: Vec<u32>,
    kinds: Vec<Kind>,
}

/// A kind of requests that is counted apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// As the harness calls it.
    pub name: String,
    /// The HTTP method of its first request.
    pub method: String,
}

impl Pool {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or used.
    pub fn read(path: &str) -> Result<Self, PoolError> {
        let bytes =
            std::fs::read(path).map_err(|source| PoolError::Unreadable { path: path.to_owned(), source })?;
        Self::decode(&bytes)
    }

    /// Decodes a file's content.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn decode(bytes: &[u8]) -> Result<Self, PoolError> {
        Self::new(rmp_serde::from_slice(bytes)?)
    }

    /// Checks and resolves.
    ///
    /// # Errors
    /// When something refers to what does not exist, or is empty or too large.
    pub fn new(file: PoolFile) -> Result<Self, PoolError> {
        let wrong = |what: String| Err(PoolError::Inconsistent(what));
        if file.schema != 1 {
            return wrong(format!("schema {} instead of 1", file.schema));
        }
        if file.order.is_empty() {
            return wrong("no order".to_owned());
        }
        if let Some(index) = file.order.iter().find(|index| **index as usize >= file.requests.len()) {
            return wrong(format!("the order names request {index} of {}", file.requests.len()));
        }
        let mut kinds: Vec<Kind> = Vec::new();
        let mut requests = Vec::with_capacity(file.requests.len());
        for (number, entry) in file.requests.into_iter().enumerate() {
            let request = resolve(entry, &file.parts, file.bodies.len(), &mut kinds)
                .map_err(|what| PoolError::Inconsistent(format!("request {number}: {what}")))?;
            requests.push(request);
        }
        Ok(Self { parts: file.parts, bodies: file.bodies, requests, order: file.order, kinds })
    }

    /// Which request has this number.
    #[inline]
    #[must_use]
    pub fn index_of(&self, number: u64) -> usize {
        self.order[(number % self.order.len() as u64) as usize] as usize
    }

    /// A request by index.
    #[inline]
    #[must_use]
    pub fn request(&self, index: usize) -> &Request {
        &self.requests[index]
    }

    /// The bytes of one of a request's parts.
    #[inline]
    #[must_use]
    pub fn part(&self, index: u32) -> &[u8] {
        &self.parts[index as usize]
    }

    /// An expected body by index.
    #[inline]
    #[must_use]
    pub fn body(&self, index: usize) -> &[u8] {
        &self.bodies[index]
    }

    /// The kinds, in order of their first appearance.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }
}

fn resolve(
    entry: RequestEntry,
    parts: &[ByteBuf],
    bodies: usize,
    kinds: &mut Vec<Kind>,
) -> Result<Request, String> {
    if entry.parts.is_empty() || entry.parts.len() > MAX_PARTS {
        return Err(format!("{} parts instead of 1 to {MAX_PARTS}", entry.parts.len()));
    }
    let mut bytes = 0;
    for index in &entry.parts {
        let part = parts.get(*index as usize).ok_or_else(|| format!("part {index} of {}", parts.len()))?;
        if part.is_empty() {
            return Err(format!("part {index} is empty"));
        }
        bytes += part.len();
    }
    if let Some(body) = entry.body.filter(|body| *body as usize >= bodies) {
        return Err(format!("body {body} of {bodies}"));
    }
    let first = &parts[entry.parts[0] as usize];
    let method: String =
        first.iter().take_while(|byte| byte.is_ascii_uppercase()).map(|byte| *byte as char).collect();
    if method.is_empty() || first.get(method.len()).is_some_and(|byte| *byte != b' ') {
        return Err("it does not begin with a method".to_owned());
    }
    let is_head = method == "HEAD";
    let mut index_of = |name: String| {
        kinds.iter().position(|kind| kind.name == name).unwrap_or_else(|| {
            kinds.push(Kind { name, method: method.clone() });
            kinds.len() - 1
        })
    };
    let kind = index_of(entry.kind);
    let also = entry.also.into_iter().map(|(status, name)| match status.parse() {
        Ok(status) if status != entry.expect => Ok((status, index_of(name))),
        _ => Err(format!("{status:?} is no other status")),
    });
    Ok(Request {
        also: also.collect::<Result<_, _>>()?,
        kind,
        parts: entry.parts,
        bytes,
        expect: entry.expect,
        body: entry.body.map(|body| body as usize),
        is_head,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn file() -> PoolFile {
        let bytes = |text: &str| ByteBuf::from(text.as_bytes());
        PoolFile {
            schema: 1,
            parts: vec![
                bytes("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n"),
                bytes("{}"),
                bytes("HEAD / HTTP/1.1\r\n\r\n"),
            ],
            requests: vec![
                RequestEntry {
                    kind: "accepted".into(),
                    parts: vec![0, 1],
                    expect: 200,
                    body: Some(0),
                    also: BTreeMap::from([("503".into(), "unavailable".into())]),
                },
                RequestEntry {
                    kind: "refused".into(),
                    parts: vec![2],
                    expect: 401,
                    body: None,
                    also: BTreeMap::new(),
                },
            ],
            bodies: vec![bytes("answer")],
            order: vec![0, 0, 1],
        }
    }

    #[test]
    fn a_pool_survives_the_file_and_resolves() {
        let pool = Pool::decode(&rmp_serde::to_vec_named(&file()).unwrap()).unwrap();
        assert_eq!(pool.index_of(0), 0);
        assert_eq!(pool.index_of(5), 1);
        assert_eq!(pool.request(0).bytes, 40);
        assert!(pool.request(1).is_head);
        assert_eq!(pool.body(pool.request(0).body.unwrap()), b"answer");
        let kinds: Vec<_> =
            pool.kinds().iter().map(|kind| (kind.name.as_str(), kind.method.as_str())).collect();
        assert_eq!(kinds, [("accepted", "POST"), ("unavailable", "POST"), ("refused", "HEAD")]);
        assert_eq!(pool.request(0).also, [(503, 1)]);
        assert_eq!(pool.request(1).kind, 2);
    }

    #[test]
    fn contradictions_are_told() {
        type Change = fn(&mut PoolFile);
        let cases: [(Change, &str); 10] = [
            (|file| file.schema = 2, "schema 2"),
            (|file| file.order.clear(), "no order"),
            (|file| file.order.push(2), "the order names request 2 of 2"),
            (|file| file.requests[1].parts.push(3), "request 1: part 3 of 3"),
            (|file| file.requests[0].parts.clear(), "request 0: 0 parts"),
            (|file| file.requests[0].body = Some(1), "request 0: body 1 of 1"),
            (|file| file.parts[1].clear(), "request 0: part 1 is empty"),
            (|file| file.parts[0][0] = b'p', "request 0: it does not begin with a method"),
            (|file| file.requests[0].expect = 503, "request 0: \"503\" is no other status"),
            (
                |file| drop(file.requests[0].also.insert("x".into(), "y".into())),
                "request 0: \"x\" is no other",
            ),
        ];
        for (change, message) in cases {
            let mut file = file();
            change(&mut file);
            let error = Pool::new(file).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
