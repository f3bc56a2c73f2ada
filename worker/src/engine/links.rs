//! Opening connections, opening them again, and noticing those that are late.

use std::collections::VecDeque;
use std::io;

use super::connection::{State, connect};
use super::data_plane::{DataPlane, Phase};
use super::pacing::Pacing;
use crate::record::Failure;
use crate::sys::{self, Interest, monotonic_ns};

/// So many handshakes at a time: more could overflow the service's backlog, which is not what is measured.
const MAX_HANDSHAKES: usize = 128;

/// After a connection could not be opened, it is tried again after this pause.
const REOPEN_PAUSE_NS: u64 = 50_000_000;

/// Connections that are not there.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// Never opened so far.
    pub unopened: VecDeque<usize>,
    /// To be opened again, from an instant on.
    pub lost: VecDeque<(u64, usize)>,
    /// Handshakes under way.
    pub handshakes: usize,
}

impl Missing {
    pub(super) fn is_none(&self) -> bool {
        self.unopened.is_empty() && self.lost.is_empty() && self.handshakes == 0
    }

    /// When the next lost connection is to be opened again; None while enough handshakes are under way.
    pub(super) fn next_due_ns(&self) -> Option<u64> {
        let due = self.lost.iter().map(|(due_ns, _)| *due_ns).min();
        due.filter(|_| self.handshakes < MAX_HANDSHAKES)
    }

    fn take_due(&mut self, now_ns: u64) -> Option<usize> {
        self.unopened.pop_front().or_else(|| {
            let place = self.lost.iter().position(|(due_ns, _)| *due_ns <= now_ns)?;
            self.lost.remove(place).map(|(_, index)| index)
        })
    }
}

impl DataPlane {
    /// Ends what has lasted too long, and opens what is missing.
    pub(super) fn tend_connections(&mut self, now_ns: u64) {
        for index in 0..self.connections.len() {
            match &self.connections[index].state {
                State::Busy(exchange) if exchange.deadline_ns <= now_ns => {
                    self.fail(index, Failure::Timeout, now_ns);
                    self.lose(index, now_ns);
                }
                State::Connecting { since_ns } if since_ns + self.spec.timeout_ns <= now_ns => {
                    self.on_connect_failure(index, now_ns, &io::ErrorKind::TimedOut.into());
                }
                _ => {}
            }
        }
        self.open_missing(now_ns);
    }

    fn open_missing(&mut self, now_ns: u64) {
        while self.missing.handshakes < MAX_HANDSHAKES && self.phase != Phase::Over {
            let Some(index) = self.missing.take_due(now_ns) else {
                return;
            };
            self.missing.handshakes += 1;
            let connection = &mut self.connections[index];
            connection.generation = connection.generation.wrapping_add(1);
            connection.state = State::Connecting { since_ns: now_ns };
            let token = index as u64 | u64::from(connection.generation) << 32;
            let opened = connect(self.spec.address).and_then(|stream| {
                self.epoll.add(&stream, token, Interest::Edges)?;
                Ok(stream)
            });
            match opened {
                Ok(stream) => connection.stream = Some(stream),
                Err(error) => self.on_connect_failure(index, now_ns, &error),
            }
        }
    }

    /// A handshake has ended, well or not.
    pub(super) fn on_handshake_end(&mut self, index: usize) {
        let now_ns = monotonic_ns();
        let connection = &mut self.connections[index];
        let Some(stream) = &connection.stream else { return };
        if let Some(error) = stream.take_error().unwrap_or_else(Some) {
            return self.on_connect_failure(index, now_ns, &error);
        }
        connection.state = State::Idle;
        self.missing.handshakes -= 1;
        self.totals.connections_opened += 1;
        self.release(index, now_ns);
        self.open_missing(now_ns);
    }

    /// Before the load this is its end. Within it, the request that waits for a connection fails.
    fn on_connect_failure(&mut self, index: usize, now_ns: u64, error: &io::Error) {
        self.missing.handshakes -= 1;
        if self.phase == Phase::Opening {
            let (address, opened) = (self.spec.address, self.totals.connections_opened);
            let all = self.connections.len();
            return self.abandon(format!("connecting to {address} failed after {opened} of {all}: {error}"));
        }
        let connection = &mut self.connections[index];
        connection.stream = None;
        connection.state = State::Down;
        self.missing.lost.push_back((now_ns + REOPEN_PAUSE_NS, index));
        self.next_chore_ns = self.next_chore_ns.min(now_ns + REOPEN_PAUSE_NS);
        let is_offering = self.is_offering_at(now_ns) && now_ns >= self.start_ns;
        let waiting = match &mut self.pacing {
            Pacing::Closed(closed) if is_offering && index < closed.users => {
                Some((closed.next_number(), now_ns))
            }
            Pacing::Closed(_) => None,
            Pacing::Open(open) => open
                .backlog
                .pop_front()
                .map(|due| (due.arrival.number, open.start_ns + due.arrival.offset_ns)),
        };
        if let Some((number, intended_ns)) = waiting {
            self.fail_unsent(number, intended_ns, now_ns);
        }
    }

    /// Drops a connection that is of no further use; it will be opened again at once.
    pub(super) fn lose(&mut self, index: usize, now_ns: u64) {
        let connection = &mut self.connections[index];
        if let Some(stream) = connection.stream.take() {
            self.totals.retransmits += sys::tcp_retransmits(&stream).unwrap_or(0);
        }
        connection.state = State::Down;
        connection.is_parked = false;
        self.totals.connections_lost += 1;
        match &mut self.pacing {
            Pacing::Closed(closed) => closed.resting.retain(|(_, resting)| *resting != index),
            Pacing::Open(open) => open.idle.retain(|idle| *idle != index),
        }
        self.missing.lost.push_back((now_ns, index));
        self.next_chore_ns = now_ns;
    }

    /// At the very end: everything that is still under way has failed.
    pub(super) fn give_up(&mut self, now_ns: u64) {
        for index in 0..self.connections.len() {
            if matches!(self.connections[index].state, State::Busy(_)) {
                self.fail(index, Failure::Timeout, now_ns);
                self.lose(index, now_ns);
            }
        }
        self.drop_backlog(now_ns, u64::MAX);
    }

    pub(super) fn close_all(&mut self) {
        for connection in &mut self.connections {
            if let Some(stream) = connection.stream.take() {
                self.totals.retransmits += sys::tcp_retransmits(&stream).unwrap_or(0);
            }
        }
    }
}
