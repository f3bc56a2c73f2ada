//! `ZeroMQ`'s wire protocol (ZMTP 3.0, NULL security) as a DEALER speaks it: bytes to frames and back. Pure.
//!
//! Only what Locust's sockets need: messages of one frame, and answers to pings.

/// First bytes of a connection: signature, version 3.0, mechanism NULL, not a server.
pub const GREETING: [u8; 64] = {
    let mut greeting = [0; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    let mechanism = b"NULL";
    let mut index = 0;
    while index < mechanism.len() {
        greeting[12 + index] = mechanism[index];
        index += 1;
    }
    greeting
};

/// No message of a Locust master is longer; a peer that announces one is something else.
pub const MAX_FRAME_BYTES: u64 = 64 * 1024 * 1024;

const FLAG_MORE: u8 = 1;
const FLAG_LONG: u8 = 2;
const FLAG_COMMAND: u8 = 4;

/// Why a peer is no usable ZMTP peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer does not speak ZeroMQ as a Locust master does: {0}")]
pub struct Violation(&'static str);

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The handshake is over; messages may be sent.
    Ready,
    /// A message of one frame.
    Message(Vec<u8>),
    /// A ping, to be answered with these bytes.
    Ping(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Handshake,
    Open,
}

/// The receiving side of one connection.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    buffer: Vec<u8>,
    /// Where the bytes not yet decoded begin.
    at: usize,
    /// Within a message of several frames, which Locust never sends: read over.
    in_multipart: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { state: State::Greeting, buffer: Vec::new(), at: 0, in_multipart: false }
    }
}

impl Decoder {
    /// Takes bytes as they come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next thing that has arrived whole; None: more bytes are needed.
    ///
    /// # Errors
    /// When the peer breaks the protocol; the connection is of no further use then.
    pub fn take(&mut self) -> Result<Option<Received>, Violation> {
        loop {
            if self.state == State::Greeting {
                if !self.take_greeting()? {
                    return Ok(None);
                }
                self.state = State::Handshake;
            }
            let Some((flags, body)) = self.take_frame()? else {
                return Ok(None);
            };
            if let Some(received) = self.interpret(flags, body)? {
                return Ok(Some(received));
            }
        }
    }

    fn interpret(&mut self, flags: u8, body: Vec<u8>) -> Result<Option<Received>, Violation> {
        let is_command = flags & FLAG_COMMAND != 0;
        match self.state {
            State::Handshake if is_command && body.starts_with(b"\x05READY") => {
                self.state = State::Open;
                Ok(Some(Received::Ready))
            }
            State::Open if is_command => Ok(pong(&body).map(Received::Ping)),
            State::Open => {
                let more = flags & FLAG_MORE != 0;
                let is_part = std::mem::replace(&mut self.in_multipart, more) || more;
                Ok((!is_part).then_some(Received::Message(body)))
            }
            _ => Err(Violation("the handshake went wrong")),
        }
    }

    fn take_greeting(&mut self) -> Result<bool, Violation> {
        let bytes = &self.buffer[self.at..];
        let signature_is_wrong = bytes.first().is_some_and(|byte| *byte != 0xff)
            || bytes.get(9).is_some_and(|byte| *byte & 1 == 0);
        if signature_is_wrong {
            return Err(Violation("no ZeroMQ greeting"));
        }
        if bytes.get(10).is_some_and(|major| *major < 3) {
            return Err(Violation("an older version of the protocol"));
        }
        if bytes.len() < GREETING.len() {
            return Ok(false);
        }
        if bytes[12..32] != GREETING[12..32] {
            return Err(Violation("a security mechanism other than NULL"));
        }
        self.at += GREETING.len();
        Ok(true)
    }

    fn take_frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, Violation> {
        let bytes = &self.buffer[self.at..];
        let Some(flags) = bytes.first().copied() else {
            return Ok(None);
        };
        if flags & !(FLAG_MORE | FLAG_LONG | FLAG_COMMAND) != 0 {
            return Err(Violation("unknown flags"));
        }
        let (length, header) = if flags & FLAG_LONG == 0 {
            let Some(length) = bytes.get(1) else { return Ok(None) };
            (u64::from(*length), 2)
        } else {
            let Some(length) = bytes.get(1..9) else { return Ok(None) };
            (u64::from_be_bytes(length.try_into().expect("eight bytes")), 9)
        };
        if length > MAX_FRAME_BYTES {
            return Err(Violation("a frame out of all proportion"));
        }
        let end = header + length as usize;
        let Some(body) = bytes.get(header..end) else { return Ok(None) };
        let body = body.to_vec();
        self.at += end;
        Ok(Some((flags, body)))
    }
}

/// The answer to a PING command (a time to live of two bytes, then a context to send back).
fn pong(command: &[u8]) -> Option<Vec<u8>> {
    let context = command.strip_prefix(b"\x04PING")?.get(2..)?;
    Some(frame(FLAG_COMMAND, &[b"\x04PONG", context].concat()))
}

/// The command that ends the handshake: a DEALER with this identity.
#[must_use]
pub fn ready_command(identity: &str) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    for (name, value) in [("Socket-Type", "DEALER"), ("Identity", identity)] {
        body.push(name.len() as u8);
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(&(value.len() as u32).to_be_bytes());
        body.extend_from_slice(value.as_bytes());
    }
    frame(FLAG_COMMAND, &body)
}

/// A message of one frame.
#[must_use]
pub fn message(body: &[u8]) -> Vec<u8> {
    frame(0, body)
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 9);
    if let Ok(length) = u8::try_from(body.len()) {
        bytes.extend_from_slice(&[flags, length]);
    } else {
        bytes.push(flags | FLAG_LONG);
        bytes.extend_from_slice(&(body.len() as u64).to_be_bytes());
    }
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer's whole side of a conversation, in pieces of every size.
    fn receive(bytes: &[u8], piece: usize) -> Result<Vec<Received>, Violation> {
        let mut decoder = Decoder::default();
        let mut received = Vec::new();
        for part in bytes.chunks(piece) {
            decoder.feed(part);
            while let Some(one) = decoder.take()? {
                received.push(one);
            }
        }
        Ok(received)
    }

    #[test]
    fn a_conversation_is_understood_however_it_is_cut() {
        let long = vec![7; 300];
        let ping = frame(FLAG_COMMAND, b"\x04PING\x00\x0actx");
        let bytes = [
            GREETING.to_vec(),
            ready_command("master"),
            message(b"short"),
            ping,
            frame(FLAG_MORE, b"part"),
            message(b"last part"),
            frame(FLAG_COMMAND, b"\x09SUBSCRIBE"),
            message(&long),
        ]
        .concat();
        let expected = vec![
            Received::Ready,
            Received::Message(b"short".to_vec()),
            Received::Ping(frame(FLAG_COMMAND, b"\x04PONGctx")),
            Received::Message(long),
        ];
        for piece in 1..bytes.len() {
            assert_eq!(receive(&bytes, piece), Ok(expected.clone()), "in pieces of {piece}");
        }
    }

    #[test]
    fn other_protocols_are_refused() {
        let old = {
            let mut greeting = GREETING;
            greeting[10] = 1;
            greeting.to_vec()
        };
        let curve = {
            let mut greeting = GREETING;
            greeting[12..17].copy_from_slice(b"CURVE");
            greeting.to_vec()
        };
        let cases = [
            b"HTTP/1.1 400 Bad Request\r\n".to_vec(),
            old,
            curve,
            [GREETING.to_vec(), message(b"before the handshake")].concat(),
            [GREETING.to_vec(), frame(FLAG_COMMAND, b"\x05ERROR\x00")].concat(),
            [GREETING.to_vec(), vec![0xf0, 0]].concat(),
            [GREETING.to_vec(), vec![FLAG_LONG, 0xff, 0, 0, 0, 0, 0, 0, 0]].concat(),
        ];
        for bytes in cases {
            assert!(receive(&bytes, 3).is_err(), "{bytes:?}");
        }
    }
}
