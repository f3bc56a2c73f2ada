//! The parser proper: head, then body, from bytes cut anywhere.

use super::Malformed;
use super::chunked::Chunked;
use super::head::{Framing, Head, MAX_HEAD_BYTES};

/// Is told the body's bytes, without the frames of chunks, in order and in pieces.
pub trait BodySink {
    /// The next piece; never empty.
    fn body(&mut self, bytes: &[u8]);
}

/// What feeding bytes has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The answer goes on.
    Partial,
    /// The answer is whole. So many of the bytes belonged to it; the rest was not asked for.
    Complete {
        /// How many of the bytes fed last were the answer's.
        consumed: usize,
    },
}

#[derive(Clone, Copy, Debug)]
enum State {
    Head,
    Length { remaining: u64 },
    Chunked(Chunked),
    UntilClose,
}

/// Parses one answer after another. A parser is used for one connection and may be reset for the next.
#[derive(Debug)]
pub struct Parser {
    state: State,
    /// The start of a head whose end has not come yet; empty whenever a head comes in one piece.
    partial_head: Vec<u8>,
    head: Option<Head>,
    /// Answers to HEAD have no body, whatever their headers say.
    without_body: bool,
}

impl Default for Parser {
    fn default() -> Self {
        Self { state: State::Head, partial_head: Vec::new(), head: None, without_body: false }
    }
}

impl Parser {
    /// Makes ready for the next answer, to a HEAD request or another.
    #[inline]
    pub fn reset(&mut self, is_head_request: bool) {
        self.state = State::Head;
        self.partial_head.clear();
        self.head = None;
        self.without_body = is_head_request;
    }

    /// The head, once it has come.
    #[inline]
    #[must_use]
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Whether any byte of this answer has come.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.head.is_some() || !self.partial_head.is_empty()
    }

    /// Whether the connection's end is this answer's proper end.
    #[must_use]
    pub fn ends_with_connection(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// Takes the next bytes of the stream.
    ///
    /// # Errors
    /// When they cannot be an answer; the connection is of no further use then.
    #[inline]
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl BodySink) -> Result<Progress, Malformed> {
        let mut at = 0;
        loop {
            match &mut self.state {
                State::Head => match self.feed_head(&bytes[at..])? {
                    None => return Ok(Progress::Partial),
                    Some(consumed) => at += consumed,
                },
                State::Length { remaining } => {
                    let available = (bytes.len() - at).min(usize::try_from(*remaining).unwrap_or(usize::MAX));
                    if available > 0 {
                        sink.body(&bytes[at..at + available]);
                        *remaining -= available as u64;
                    }
                    return Ok(match remaining {
                        0 => Progress::Complete { consumed: at + available },
                        _ => Progress::Partial,
                    });
                }
                State::Chunked(chunked) => {
                    let end = chunked.feed(&bytes[at..], |data| sink.body(data))?;
                    return Ok(end.map_or(Progress::Partial, |end| Progress::Complete { consumed: at + end }));
                }
                State::UntilClose => {
                    if at < bytes.len() {
                        sink.body(&bytes[at..]);
                    }
                    return Ok(Progress::Partial);
                }
            }
        }
    }

    /// Some(consumed) when a head was completed; interim answers (1xx) are read over.
    #[inline]
    fn feed_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        if self.partial_head.is_empty() {
            let Some(end) = end_of_head(bytes, 0) else {
                return self.keep_partial(bytes);
            };
            self.enter_body(Head::parse(&bytes[..end])?);
            return Ok(Some(end));
        }
        let kept = self.partial_head.len();
        // The end may straddle what was kept and what has come: its last three bytes are searched again.
        self.partial_head.extend_from_slice(bytes);
        let Some(end) = end_of_head(&self.partial_head, kept.saturating_sub(3)) else {
            return self.check_partial();
        };
        let head = Head::parse(&self.partial_head[..end])?;
        self.partial_head.clear();
        self.enter_body(head);
        Ok(Some(end - kept))
    }

    fn keep_partial(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        self.partial_head.extend_from_slice(bytes);
        self.check_partial()
    }

    fn check_partial(&self) -> Result<Option<usize>, Malformed> {
        let start = &self.partial_head[..self.partial_head.len().min(5)];
        if !b"HTTP/".starts_with(start) {
            return Err(Malformed("not an HTTP answer"));
        }
        if self.partial_head.len() > MAX_HEAD_BYTES {
            return Err(Malformed("a head without end"));
        }
        Ok(None)
    }

    #[inline]
    fn enter_body(&mut self, head: Head) {
        if (100..200).contains(&head.status) && head.status != 101 {
            return;
        }
        self.head = Some(head);
        self.state = match head.framing {
            _ if self.without_body => State::Length { remaining: 0 },
            Framing::Length(remaining) => State::Length { remaining },
            Framing::Chunked => State::Chunked(Chunked::new()),
            Framing::UntilClose => State::UntilClose,
        };
    }
}

/// Where the head ends, its empty line included, searched from `from` on.
#[inline]
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    // Line ends are few: looking at what precedes each is quicker than a general search.
    memchr::memchr_iter(b'\n', &bytes[from..])
        .map(|at| from + at)
        .find(|at| bytes[..*at].ends_with(b"\r\n\r"))
        .map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Collected(Vec<u8>);

    impl BodySink for Collected {
        fn body(&mut self, bytes: &[u8]) {
            assert!(!bytes.is_empty());
            self.0.extend_from_slice(bytes);
        }
    }

    type Outcome = Result<(Progress, usize, Option<u16>, Vec<u8>), Malformed>;

    fn parse(bytes: &[u8], piece: usize, is_head_request: bool) -> Outcome {
        let mut parser = Parser::default();
        parser.reset(is_head_request);
        let mut sink = Collected::default();
        let mut before = 0;
        for part in bytes.chunks(piece) {
            if let Progress::Complete { consumed } = parser.feed(part, &mut sink)? {
                let status = parser.head().map(|head| head.status);
                return Ok((Progress::Complete { consumed: 0 }, before + consumed, status, sink.0));
            }
            before += part.len();
        }
        Ok((Progress::Partial, before, parser.head().map(|head| head.status), sink.0))
    }

    const WHOLE: Progress = Progress::Complete { consumed: 0 };

    #[test]
    fn answers_are_the_same_however_they_are_cut() {
        let cases: &[(&str, Progress, usize, u16, &str)] = &[
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", WHOLE, 43, 200, "hello"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 ", WHOLE, 43, 200, "hello"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", Progress::Partial, 41, 200, "hel"),
            ("HTTP/1.1 204 No Content\r\n\r\n", WHOLE, 27, 204, ""),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx",
                WHOLE,
                69,
                201,
                "x",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                WHOLE,
                60,
                200,
                "abc",
            ),
            ("HTTP/1.1 200 OK\r\n\r\nuntil the end", Progress::Partial, 32, 200, "until the end"),
        ];
        for (text, progress, consumed, status, body) in cases {
            for piece in 1..=text.len() {
                // Bytes after the answer are only seen when they come in the same piece.
                let expected = Ok((*progress, *consumed, Some(*status), body.as_bytes().to_vec()));
                assert_eq!(parse(text.as_bytes(), piece, false), expected, "{text:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn an_answer_to_a_head_request_has_no_body() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(parse(text, 7, true), Ok((WHOLE, text.len(), Some(200), Vec::new())));
    }

    #[test]
    fn what_is_no_answer_is_refused_early() {
        assert!(parse(b"SSH-2.0-OpenSSH_9.2\r\n", 1, false).is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\nX: y\n\r\n\r\n", 3, false).is_err());
        let endless = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &vec![b'x'; MAX_HEAD_BYTES]].concat();
        assert!(parse(&endless, 1000, false).is_err());
    }

    #[test]
    fn a_parser_serves_one_answer_after_another() {
        let mut parser = Parser::default();
        for body in ["first", "second one"] {
            parser.reset(false);
            assert!(!parser.has_begun());
            let mut sink = Collected::default();
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let progress = parser.feed(text.as_bytes(), &mut sink);
            assert_eq!(progress, Ok(Progress::Complete { consumed: text.len() }));
            assert_eq!(sink.0, body.as_bytes());
        }
    }
}
