//! The connection to the master: a socket, the frames over it, and what waits to be sent.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::sys::{Epoll, Event, Interest};
use crate::zmtp::{self, Decoder, Received};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A peer that has not said who it is by then is no master, or one that has stopped.
const HANDSHAKE_TIMEOUT_NS: u64 = 10_000_000_000;

/// How long to wait after a connection could not be opened, or broke.
pub const RETRY_PAUSE_NS: u64 = 1_000_000_000;

/// What has become of the link.
#[derive(Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// It is open: the master will get messages.
    Up,
    /// It is closed, for this reason.
    Down(String),
    /// A message has come.
    Message(Vec<u8>),
}

/// A DEALER socket to one master, opened again when it breaks. Messages wait while it is closed.
#[derive(Debug)]
pub struct MasterLink {
    address: String,
    identity: String,
    token: u64,
    stream: Option<TcpStream>,
    decoder: Decoder,
    /// What is left to send of greeting and handshake.
    preamble: Vec<u8>,
    /// Messages, which wait until the link is up.
    queue: VecDeque<Vec<u8>>,
    /// Bytes of the queue's first frame that the kernel has taken.
    written: usize,
    is_up: bool,
    /// When to open a connection; while the handshake lasts, when to give it up.
    retry_at_ns: u64,
}

impl MasterLink {
    /// To `address` (`host:port`), known to the master under `identity`.
    #[must_use]
    pub fn new(address: String, identity: String, token: u64) -> Self {
        Self {
            address,
            identity,
            token,
            stream: None,
            decoder: Decoder::default(),
            preamble: Vec::new(),
            queue: VecDeque::new(),
            written: 0,
            is_up: false,
            retry_at_ns: 0,
        }
    }

    /// When to call [`MasterLink::open_if_due`]; None: it is open.
    #[must_use]
    pub fn retry_at_ns(&self) -> Option<u64> {
        (!self.is_up).then_some(self.retry_at_ns)
    }

    /// Opens the connection if there is none and the pause since the last attempt is over. Blocks for at most the
    /// time a name server takes and two seconds an address.
    ///
    /// # Errors
    /// When the master cannot be reached; it will be tried again.
    pub fn open_if_due(&mut self, epoll: &Epoll, now_ns: u64) -> io::Result<()> {
        if self.is_up || now_ns < self.retry_at_ns {
            return Ok(());
        }
        self.stream = None;
        self.retry_at_ns = now_ns + RETRY_PAUSE_NS;
        let stream = connect(&self.address)?;
        epoll.add(&stream, self.token, Interest::ReadableOrWritable)?;
        self.stream = Some(stream);
        self.retry_at_ns = now_ns + HANDSHAKE_TIMEOUT_NS;
        self.decoder = Decoder::default();
        self.preamble = [zmtp::GREETING.to_vec(), zmtp::ready_command(&self.identity)].concat();
        Ok(())
    }

    /// Closes the connection; it is opened again after the pause.
    pub fn close(&mut self, now_ns: u64) {
        self.stream = None;
        self.is_up = false;
        // A message that was being written starts again from its first byte.
        self.written = 0;
        self.retry_at_ns = now_ns + RETRY_PAUSE_NS / 10;
    }

    /// Forgets what waits to be sent. Of a closed connection only: an open one may have begun to send it.
    pub fn forget(&mut self) {
        self.queue.clear();
    }

    /// Queues a message and sends what can be sent now.
    pub fn send(&mut self, epoll: &Epoll, message: &[u8]) {
        self.queue.push_back(zmtp::message(message));
        self.flush(epoll);
    }

    /// Whether everything was handed to the kernel.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.queue.is_empty() || self.stream.is_none()
    }

    /// Reacts to an event of the socket.
    pub fn on_event(&mut self, epoll: &Epoll, event: Event, now_ns: u64) -> Vec<LinkEvent> {
        let mut events = Vec::new();
        if event.is_writable() {
            self.flush(epoll);
        }
        if event.is_readable()
            && let Err(reason) = self.receive(&mut events, epoll)
        {
            self.close(now_ns);
            events.push(LinkEvent::Down(reason));
        }
        events
    }

    fn receive(&mut self, events: &mut Vec<LinkEvent>, epoll: &Epoll) -> Result<(), String> {
        let mut buffer = [0; 16 * 1024];
        let Some(mut stream) = self.stream.as_ref() else { return Ok(()) };
        let count = match stream.read(&mut buffer) {
            Ok(0) => return Err("the master has closed the connection".to_owned()),
            Ok(count) => count,
            Err(error) if is_transient(&error) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        self.decoder.feed(&buffer[..count]);
        while let Some(received) = self.decoder.take().map_err(|violation| violation.to_string())? {
            match received {
                Received::Ready => {
                    self.is_up = true;
                    events.push(LinkEvent::Up);
                    self.flush(epoll);
                }
                Received::Message(message) => events.push(LinkEvent::Message(message)),
                Received::Ping(answer) => {
                    self.queue.push_back(answer);
                    self.flush(epoll);
                }
            }
        }
        Ok(())
    }

    /// A broken connection shows when it is read.
    fn flush(&mut self, epoll: &Epoll) {
        let Some(mut stream) = self.stream.as_ref() else { return };
        let mut is_blocked = false;
        while !is_blocked && !self.preamble.is_empty() {
            match stream.write(&self.preamble) {
                Ok(count) => drop(self.preamble.drain(..count)),
                Err(error) => is_blocked = error.kind() != io::ErrorKind::Interrupted,
            }
        }
        while !is_blocked && self.is_up {
            let Some(frame) = self.queue.front() else { break };
            match stream.write(&frame[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) => is_blocked = error.kind() != io::ErrorKind::Interrupted,
            }
            if self.written == frame.len() {
                self.queue.pop_front();
                self.written = 0;
            }
        }
        let interest = if is_blocked { Interest::ReadableOrWritable } else { Interest::Readable };
        // Cannot fail: the stream is registered as long as it is open.
        let _ = epoll.modify(stream, self.token, interest);
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
