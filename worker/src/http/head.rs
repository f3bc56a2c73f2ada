//! The head of an answer: status line and the three headers that say how the body ends.

use super::Malformed;

/// A longer head is malformed: nothing sensible is larger, and the memory for one has a bound.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With a chunk of size zero.
    Chunked,
    /// When the server closes the connection.
    UntilClose,
}

/// What the engine needs of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// 100 to 999.
    pub status: u16,
    /// How the body ends.
    pub framing: Framing,
    /// The server will close the connection after this answer.
    pub closes: bool,
}

impl Head {
    /// Parses a whole head, its empty line included.
    ///
    /// # Errors
    /// When it breaks the grammar of RFC 9112, or its framing headers contradict each other.
    pub fn parse(bytes: &[u8]) -> Result<Head, Malformed> {
        let mut lines = Lines { rest: bytes };
        let status_line = lines.next().ok_or(Malformed("no status line"))??;
        let (version_minor, status) = parse_status_line(status_line)?;
        let mut length = None;
        let mut chunked = false;
        let mut closes = version_minor == 0;
        for line in lines {
            let line = line?;
            if line.is_empty() {
                break;
            }
            let colon = memchr::memchr(b':', line).ok_or(Malformed("a header without a colon"))?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) {
                return Err(Malformed("a header without a proper name"));
            }
            // The lengths differ, so that most headers cost one comparison of integers.
            match name.len() {
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    let value = parse_length(value)?;
                    if length.is_some_and(|earlier| earlier != value) {
                        return Err(Malformed("two different content lengths"));
                    }
                    length = Some(value);
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                    if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                        return Err(Malformed("a transfer encoding other than chunked"));
                    }
                    chunked = true;
                }
                10 if name.eq_ignore_ascii_case(b"connection") => closes = says_close(value, closes),
                _ => {}
            }
        }
        let framing = match (status, length, chunked) {
            (_, Some(_), true) => return Err(Malformed("both a content length and chunks")),
            (100..=199 | 204 | 304, ..) => Framing::Length(0),
            (_, Some(length), false) => Framing::Length(length),
            (_, None, true) => Framing::Chunked,
            (_, None, false) => Framing::UntilClose,
        };
        Ok(Head { status, framing, closes: closes || framing == Framing::UntilClose })
    }
}

struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(end) = memchr::memchr(b'\n', self.rest) else {
            return Some(Err(Malformed("a line without an end")));
        };
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Some(line.strip_suffix(b"\r").ok_or(Malformed("a line that ends without a carriage return")))
    }
}

fn parse_status_line(line: &[u8]) -> Result<(u8, u16), Malformed> {
    let ([b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ (b'0' | b'1'), b' ', a, b, c]
    | [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ (b'0' | b'1'), b' ', a, b, c, b' ', ..]) = line
    else {
        return Err(Malformed("not an HTTP/1 status line"));
    };
    if !(a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit()) || *a == b'0' {
        return Err(Malformed("a status that is no number of three digits"));
    }
    let digit = |byte: &u8| u16::from(byte - b'0');
    Ok((minor - b'0', digit(a) * 100 + digit(b) * 10 + digit(c)))
}

fn parse_length(value: &[u8]) -> Result<u64, Malformed> {
    const BAD: Malformed = Malformed("a content length that is no number");
    if value.is_empty() || value.len() > 18 {
        return Err(BAD);
    }
    value.iter().try_fold(0, |length: u64, byte| match byte {
        b'0'..=b'9' => Ok(length * 10 + u64::from(byte - b'0')),
        _ => Err(BAD),
    })
}

fn says_close(value: &[u8], by_default: bool) -> bool {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).fold(by_default, |closes, option| {
        closes && !option.eq_ignore_ascii_case(b"keep-alive") || option.eq_ignore_ascii_case(b"close")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_that_are_understood() {
        let cases: &[(&str, u16, Framing, bool)] = &[
            ("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", 200, Framing::Length(12), false),
            ("HTTP/1.1 200\r\nCONTENT-LENGTH:12 \r\n\r\n", 200, Framing::Length(12), false),
            (
                "HTTP/1.1 200 \r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n",
                200,
                Framing::Length(0),
                false,
            ),
            ("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: Chunked\r\n\r\n", 404, Framing::Chunked, false),
            ("HTTP/1.1 200 OK\r\n\r\n", 200, Framing::UntilClose, true),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, Framing::Length(0), false),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, Framing::Length(0), false),
            (
                "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 1\r\n\r\n",
                200,
                Framing::Length(1),
                true,
            ),
            ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", 200, Framing::Length(1), true),
            (
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n",
                200,
                Framing::Length(1),
                false,
            ),
        ];
        for (text, status, framing, closes) in cases {
            let expected = Head { status: *status, framing: *framing, closes: *closes };
            assert_eq!(Head::parse(text.as_bytes()), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn heads_that_are_refused() {
        let cases = [
            "",
            "\r\n\r\n",
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.2 200 OK\r\n\r\n",
            "http/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1 2x0 OK\r\n\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 1\n\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: 1\r\n\r\n",
        ];
        for text in cases {
            assert!(Head::parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
