//! The end of a request: all a service that ignores its content must know.

const MAX_HEAD_BYTES: usize = 64 * 1024;

/// What came is no request with a known end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotARequest;

/// Looks for the end of one request after another in bytes cut anywhere.
#[derive(Debug, Default)]
pub(super) struct RequestReader {
    partial_head: Vec<u8>,
    /// Bytes of the body that are still to come; None: within the head.
    body_left: Option<usize>,
}

impl RequestReader {
    /// Takes bytes of one request; true when it is whole. Requests are not to be sent ahead of answers.
    #[inline]
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<bool, NotARequest> {
        let body_left = match self.body_left {
            Some(left) => left.checked_sub(bytes.len()).ok_or(NotARequest)?,
            None => match self.feed_head(bytes)? {
                Some(left) => left,
                None => return Ok(false),
            },
        };
        self.body_left = (body_left > 0).then_some(body_left);
        Ok(body_left == 0)
    }

    /// Some(body bytes still to come) once the head has ended.
    #[inline]
    fn feed_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, NotARequest> {
        if self.partial_head.is_empty() {
            if let Some((end, length)) = parse_head(bytes)? {
                return (end + length).checked_sub(bytes.len()).map(Some).ok_or(NotARequest);
            }
            self.partial_head.extend_from_slice(bytes);
            return Ok(None);
        }
        self.partial_head.extend_from_slice(bytes);
        if self.partial_head.len() > MAX_HEAD_BYTES {
            return Err(NotARequest);
        }
        let Some((end, length)) = parse_head(&self.partial_head)? else { return Ok(None) };
        let left = (end + length).checked_sub(self.partial_head.len()).ok_or(NotARequest)?;
        self.partial_head.clear();
        Ok(Some(left))
    }
}

/// Where the head ends and how long the body is; None: the head goes on.
#[inline]
fn parse_head(bytes: &[u8]) -> Result<Option<(usize, usize)>, NotARequest> {
    let mut start = 0;
    let mut length = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        let line = bytes[start..end].trim_ascii_end();
        if line.is_empty() {
            return Ok(Some((end + 1, length)));
        }
        if let Some((name, value)) = line.split_at_checked(15)
            && name.eq_ignore_ascii_case(b"content-length:")
        {
            let value = str::from_utf8(value).map_err(|_| NotARequest)?;
            length = value.trim().parse().map_err(|_| NotARequest)?;
        }
        start = end + 1;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_end_where_they_should_however_they_are_cut() {
        let texts = [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 11\r\nX: y\r\n\r\nhello world",
        ];
        for text in texts {
            for piece in 1..=text.len() {
                let mut reader = RequestReader::default();
                let pieces = text.as_bytes().chunks(piece).collect::<Vec<_>>();
                let (last, others) = pieces.split_last().unwrap();
                assert!(others.iter().all(|part| reader.feed(part) == Ok(false)));
                assert_eq!(reader.feed(last), Ok(true));
                assert_eq!(reader.feed(b"GET / HTTP/1.1\r\n\r\n"), Ok(true), "and the next one");
            }
        }
    }

    #[test]
    fn what_has_no_end_is_refused() {
        let mut reader = RequestReader::default();
        assert_eq!(reader.feed(b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"), Err(NotARequest));
        assert_eq!(RequestReader::default().feed(b"GET / HTTP/1.1\r\n\r\nahead"), Err(NotARequest));
    }
}
