//! Chunked bodies (RFC 9112, 7.1), byte streams cut anywhere.

use super::Malformed;

/// Extensions and trailers are read over; more than this of them is not an answer but an attack.
const MAX_OVERHEAD_BYTES: u32 = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the digits of a chunk's size; so many were seen.
    Size {
        digits: u8,
    },
    /// Between the size and the line's end.
    Extension,
    /// At the line feed that ends the size line.
    SizeEnd,
    Data,
    /// At the carriage return, then at the line feed, after a chunk's data.
    DataReturn,
    DataFeed,
    /// At the start of a trailer line, within one, or at the line feed that ends everything.
    TrailerStart,
    Trailer,
    End,
}

/// Takes the chunks' frames away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunked {
    state: State,
    remaining: u64,
    overhead_bytes: u32,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { state: State::Size { digits: 0 }, remaining: 0, overhead_bytes: 0 }
    }

    /// Passes the data in `bytes` on to `data`; Some(consumed) once the last chunk is over.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        mut data: impl FnMut(&[u8]),
    ) -> Result<Option<usize>, Malformed> {
        let mut at = 0;
        while at < bytes.len() {
            if self.state == State::Data {
                let available = (bytes.len() - at).min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
                data(&bytes[at..at + available]);
                at += available;
                self.remaining -= available as u64;
                if self.remaining == 0 {
                    self.state = State::DataReturn;
                }
                continue;
            }
            let finished = self.frame_byte(bytes[at])?;
            at += 1;
            if finished {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// One byte outside the data; true when it was the last of the body.
    fn frame_byte(&mut self, byte: u8) -> Result<bool, Malformed> {
        self.state = match (self.state, byte) {
            (State::Size { digits }, _) if byte.is_ascii_hexdigit() => {
                if digits == 15 {
                    return Err(Malformed("a chunk size out of range"));
                }
                let digit = (byte as char).to_digit(16).expect("a hexadecimal digit");
                self.remaining = self.remaining * 16 + u64::from(digit);
                State::Size { digits: digits + 1 }
            }
            (State::Size { digits: 1.. } | State::Extension, b'\r') => State::SizeEnd,
            (State::Size { digits: 1.. }, b';' | b' ' | b'\t') => State::Extension,
            (State::Extension, _) if byte != b'\n' => self.overhead(State::Extension)?,
            (State::SizeEnd, b'\n') if self.remaining == 0 => State::TrailerStart,
            (State::SizeEnd, b'\n') => State::Data,
            (State::DataReturn, b'\r') => State::DataFeed,
            (State::DataFeed, b'\n') => State::Size { digits: 0 },
            (State::TrailerStart, b'\r') => State::End,
            (State::TrailerStart | State::Trailer, _) if byte != b'\n' => self.overhead(State::Trailer)?,
            (State::Trailer, b'\n') => State::TrailerStart,
            (State::End, b'\n') => return Ok(true),
            _ => return Err(Malformed("a broken chunk")),
        };
        Ok(false)
    }

    fn overhead(&mut self, next: State) -> Result<State, Malformed> {
        self.overhead_bytes += 1;
        if self.overhead_bytes > MAX_OVERHEAD_BYTES {
            return Err(Malformed("chunk extensions or trailers without end"));
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], piece: usize) -> Result<(Option<usize>, Vec<u8>), Malformed> {
        let mut chunked = Chunked::new();
        let mut body = Vec::new();
        let mut consumed = 0;
        for part in bytes.chunks(piece) {
            if let Some(count) = chunked.feed(part, |data| body.extend_from_slice(data))? {
                return Ok((Some(consumed + count), body));
            }
            consumed += part.len();
        }
        Ok((None, body))
    }

    #[test]
    fn bodies_are_the_same_however_they_are_cut() {
        let cases: &[(&str, &str, usize)] = &[
            ("0\r\n\r\n", "", 5),
            ("5\r\nhello\r\n0\r\n\r\n", "hello", 15),
            (
                "5;name=value\r\nhello\r\nA \r\n0123456789\r\n0\r\nX: y\r\nZ: w\r\n\r\nmore",
                "hello0123456789",
                54,
            ),
            ("00000a\r\n0123456789\r\n000\r\n\r\n", "0123456789", 27),
        ];
        for (text, body, consumed) in cases {
            for piece in 1..=text.len() {
                let expected = Ok((Some(*consumed), body.as_bytes().to_vec()));
                assert_eq!(decode(text.as_bytes(), piece), expected, "{text:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn broken_chunks_are_refused() {
        for text in [
            "\r\n",
            "g\r\n",
            "5\nhello",
            "5\r\nhelloX",
            "5\r\nhello\r\r",
            "-1\r\n",
            "1000000000000000\r\n",
            "0\r\n\rX",
        ] {
            assert!(decode(text.as_bytes(), 1).is_err(), "{text:?}");
        }
        let endless = [b"1;".as_slice(), &vec![b'x'; MAX_OVERHEAD_BYTES as usize + 1]].concat();
        assert!(decode(&endless, 100).is_err());
    }
}
