//! One connection to the service, and the exchange that goes over it.

use std::io::{self, IoSlice, Write};
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Protocol, Socket, Type};

use crate::http::{BodySink, Parser};
use crate::pool::{MAX_PARTS, Pool, Request};
use crate::sys;

/// Where a connection stands.
#[derive(Debug)]
pub(super) enum State {
    /// Not there; it is to be opened again.
    Down,
    /// The handshake was begun at this instant.
    Connecting { since_ns: u64 },
    /// Free.
    Idle,
    /// A request is on its way.
    Busy(Exchange),
}

/// A request on its way and what has come back so far.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Index into the pool's requests.
    pub request: usize,
    pub intended_ns: u64,
    pub free_ns: u64,
    pub sent_ns: u64,
    pub deadline_ns: u64,
    /// Bytes the kernel has taken.
    pub written: usize,
    pub answer: AnswerBody,
}

/// What is known of an answer's body.
#[derive(Debug)]
pub(super) struct AnswerBody {
    pub bytes: u64,
    /// To be compared with what is expected.
    pub is_checked: bool,
    /// So far as compared.
    pub is_equal: bool,
}

/// Looks at the body while it passes; only a marker needs it kept.
pub(super) struct Inspector<'a> {
    pub answer: &'a mut AnswerBody,
    pub expected: Option<&'a [u8]>,
    pub text: Option<&'a mut Vec<u8>>,
}

impl BodySink for Inspector<'_> {
    #[inline]
    fn body(&mut self, bytes: &[u8]) {
        let from = self.answer.bytes;
        self.answer.bytes += bytes.len() as u64;
        if self.answer.is_checked
            && let Some(expected) = self.expected
        {
            let range = from as usize..self.answer.bytes as usize;
            self.answer.is_equal &= expected.get(range) == Some(bytes);
        }
        if let Some(text) = &mut self.text {
            text.extend_from_slice(bytes);
        }
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    pub state: State,
    pub stream: Option<TcpStream>,
    pub parser: Parser,
    /// Since when it is free.
    pub free_ns: u64,
    /// Closed load: free, and not to be used as there are fewer users than connections.
    pub is_parked: bool,
    /// Tells events of this stream from late ones of the stream before.
    pub generation: u32,
    /// The body of the answer under way, if a marker is looked for.
    pub text: Vec<u8>,
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            state: State::Down,
            stream: None,
            parser: Parser::default(),
            free_ns: 0,
            is_parked: false,
            generation: 0,
            text: Vec::new(),
        }
    }
}

/// Begins a handshake.
pub(super) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    sys::avoid_pacing(&socket);
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// Writes a request's bytes from `from` on, and returns how many the kernel took.
#[inline]
pub(super) fn write_request(
    mut stream: &TcpStream,
    pool: &Pool,
    request: &Request,
    from: usize,
) -> io::Result<usize> {
    if let [part] = &request.parts[..] {
        return stream.write(&pool.part(*part)[from..]);
    }
    let mut slices = [IoSlice::new(&[]); MAX_PARTS];
    let mut count = 0;
    let mut skip = from;
    for part in &request.parts {
        let bytes = pool.part(*part);
        if skip < bytes.len() {
            slices[count] = IoSlice::new(&bytes[skip..]);
            count += 1;
        }
        skip = skip.saturating_sub(bytes.len());
    }
    stream.write_vectored(&slices[..count])
}
