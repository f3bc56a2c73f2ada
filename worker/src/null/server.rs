//! The null server's loop: one thread, as lean as the generator it calibrates.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use hdrhistogram::Histogram;

use super::delay::Delay;
use super::request::RequestReader;
use crate::record::new_histogram;
use crate::sys::{self, Epoll, Event, Interest, Signals, monotonic_ns};

const LISTENER_TOKEN: u64 = u64::MAX;
const SIGNALS_TOKEN: u64 = u64::MAX - 1;
const STDIN_TOKEN: u64 = u64::MAX - 2;
/// What suffices for every connection to be opened at once.
pub const BACKLOG: u32 = 4_096;

/// How the server is run.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// Where to listen; port 0: any free one.
    pub address: SocketAddr,
    /// How long answers take.
    pub delay: Delay,
    /// Length of the answers' body, at least 2.
    pub body_bytes: usize,
    /// How many connections may wait to be accepted.
    pub backlog: u32,
    /// Close a connection after so many answers, as services with a limit on keep-alive do; None: never.
    pub answers_per_connection: Option<u64>,
    /// Never sleep: delays are exact to the microsecond, at the cost of a core.
    pub is_spinning: bool,
    /// End when standard input does.
    pub die_with_stdin: bool,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    generation: u32,
    reader: RequestReader,
    /// A request has been read and not been answered: when it was read, and its number.
    read_ns: Option<u64>,
    /// Bytes of the answer that the kernel has taken, while it has not taken all.
    written: Option<usize>,
    answers: u64,
}

/// The server, listening.
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    listener: TcpListener,
    epoll: Epoll,
    answer: Vec<u8>,
    /// The same, for the last on its connection.
    last_answer: Vec<u8>,
    connections: Vec<Option<Connection>>,
    generation: u32,
    /// (instant, connection, its generation).
    due: BinaryHeap<Reverse<(u64, usize, u32)>>,
    scratch: Box<[u8]>,
    numbers_given: u64,
    first_ns: Option<u64>,
    histogram: Histogram<u32>,
}

impl Server {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the address is taken or not this machine's.
    pub fn listen(options: ServerOptions) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(options.address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM.nonblocking().cloexec(), None)?;
        socket.set_reuse_address(true)?;
        // Accepted connections inherit it.
        sys::avoid_pacing(&socket);
        socket.bind(&options.address.into())?;
        socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
        let listener: TcpListener = socket.into();
        let epoll = Epoll::new()?;
        epoll.add(&listener, LISTENER_TOKEN, Interest::Readable)?;
        Ok(Self {
            answer: answer_of(options.body_bytes, ""),
            last_answer: answer_of(options.body_bytes, "Connection: close\r\n"),
            options,
            listener,
            epoll,
            connections: Vec::new(),
            generation: 0,
            due: BinaryHeap::new(),
            scratch: vec![0; 64 * 1024].into_boxed_slice(),
            numbers_given: 0,
            first_ns: None,
            histogram: new_histogram(),
        })
    }

    /// The address it listens at.
    ///
    /// # Errors
    /// None that is expected of a listening socket.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until a signal comes or standard input ends. Returns how long answers took, in ns: from the last byte
    /// read to the first byte written.
    ///
    /// # Errors
    /// When waiting for events fails.
    pub fn run(mut self, signals: &Signals) -> io::Result<Histogram<u32>> {
        sys::set_precise_timers();
        self.epoll.add(signals, SIGNALS_TOKEN, Interest::Readable)?;
        if self.options.die_with_stdin {
            self.epoll.add(&io::stdin(), STDIN_TOKEN, Interest::Readable)?;
        }
        let mut events = vec![Event::EMPTY; 256];
        loop {
            self.answer_due();
            let count = self.wait(&mut events)?;
            for event in &events[..count] {
                match event.token() {
                    LISTENER_TOKEN => self.accept(),
                    SIGNALS_TOKEN if signals.take() => return Ok(self.histogram),
                    STDIN_TOKEN if !matches!(io::stdin().read(&mut [0; 256]), Ok(1..)) => {
                        return Ok(self.histogram);
                    }
                    SIGNALS_TOKEN | STDIN_TOKEN => {}
                    _ => self.on_event(*event),
                }
            }
        }
    }

    fn wait(&self, events: &mut [Event]) -> io::Result<usize> {
        if self.options.is_spinning {
            return self.epoll.wait(events, Some(0));
        }
        let timeout_ns = self.due.peek().map(|Reverse((due_ns, ..))| due_ns.saturating_sub(monotonic_ns()));
        self.epoll.wait(events, timeout_ns)
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            let index = self.connections.iter().position(Option::is_none).unwrap_or(self.connections.len());
            self.generation = self.generation.wrapping_add(1);
            let token = index as u64 | u64::from(self.generation) << 32;
            let is_registered = stream.set_nonblocking(true).is_ok()
                && stream.set_nodelay(true).is_ok()
                && self.epoll.add(&stream, token, Interest::Edges).is_ok();
            if !is_registered {
                continue;
            }
            let reader = RequestReader::default();
            let generation = self.generation;
            let connection =
                Some(Connection { stream, generation, reader, read_ns: None, written: None, answers: 0 });
            if index == self.connections.len() {
                self.connections.push(connection);
            } else {
                self.connections[index] = connection;
            }
        }
    }

    #[inline]
    fn on_event(&mut self, event: Event) {
        let (index, generation) = (event.token() as u32 as usize, (event.token() >> 32) as u32);
        let Some(connection) = self.connections.get(index).and_then(Option::as_ref) else { return };
        if connection.generation != generation {
            return;
        }
        if event.is_writable() && connection.written.is_some() {
            self.write(index);
        }
        if event.is_readable() {
            self.receive(index, event.is_hangup());
        }
    }

    #[inline]
    fn receive(&mut self, index: usize, is_hangup: bool) {
        loop {
            let Some(connection) = &mut self.connections[index] else { return };
            match (&connection.stream).read(&mut self.scratch) {
                Ok(0) => return self.connections[index] = None,
                Ok(count) => {
                    let is_whole = connection.reader.feed(&self.scratch[..count]);
                    let is_ahead = connection.read_ns.is_some();
                    match is_whole {
                        Ok(true) if !is_ahead => self.on_request(index, monotonic_ns()),
                        Ok(false) if !is_ahead => {}
                        _ => return self.connections[index] = None,
                    }
                    if count < self.scratch.len() && !is_hangup {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.connections[index] = None,
            }
        }
    }

    #[inline]
    fn on_request(&mut self, index: usize, now_ns: u64) {
        let Some(connection) = &mut self.connections[index] else { return };
        connection.read_ns = Some(now_ns);
        let first_ns = *self.first_ns.get_or_insert(now_ns);
        let due_ns = self.options.delay.answer_at_ns(self.numbers_given, now_ns, first_ns);
        self.numbers_given += 1;
        if due_ns > now_ns {
            self.due.push(Reverse((due_ns, index, connection.generation)));
        } else {
            self.answer(index, now_ns);
        }
    }

    fn answer_due(&mut self) {
        while let Some(Reverse((due_ns, index, generation))) = self.due.peek().copied() {
            let now_ns = monotonic_ns();
            if due_ns > now_ns {
                return;
            }
            self.due.pop();
            let connection = self.connections[index].as_ref();
            if connection.is_some_and(|connection| connection.generation == generation) {
                self.answer(index, now_ns);
            }
        }
    }

    #[inline]
    fn answer(&mut self, index: usize, now_ns: u64) {
        let Some(connection) = &mut self.connections[index] else { return };
        if let Some(read_ns) = connection.read_ns.take() {
            self.histogram.saturating_record(now_ns - read_ns);
            connection.written = Some(0);
            connection.answers += 1;
            self.write(index);
        }
    }

    #[inline]
    fn write(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        let is_last = self.options.answers_per_connection.is_some_and(|limit| connection.answers >= limit);
        let answer = if is_last { &self.last_answer } else { &self.answer };
        let mut written = connection.written.unwrap_or(0);
        while written < answer.len() {
            match (&connection.stream).write(&answer[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return connection.written = Some(written);
                }
                Err(_) => return self.connections[index] = None,
            }
        }
        connection.written = None;
        if is_last {
            self.connections[index] = None;
        }
    }
}

/// A whole answer with a JSON body of exactly so many bytes.
fn answer_of(body_bytes: usize, header: &str) -> Vec<u8> {
    let body = match body_bytes.checked_sub(r#"{"padding":""}"#.len()) {
        Some(padding) => format!(r#"{{"padding":"{}"}}"#, "x".repeat(padding)),
        None => format!("{:<body_bytes$}", "{}"),
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    format!("{head}{header}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_the_length_asked_for_and_are_json() {
        for body_bytes in [2, 3, 13, 14, 15, 4_096] {
            let answer = String::from_utf8(answer_of(body_bytes, "")).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("Content-Length: {body_bytes}")));
            assert_eq!(body.len(), body_bytes);
            assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
        }
    }
}
