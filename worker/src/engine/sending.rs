//! Sending requests: which are due, over which connection.

use std::io;

use super::connection::{AnswerBody, Exchange, State, write_request};
use super::data_plane::DataPlane;
use super::pacing::{Due, Pacing};
use crate::record::{Failure, LATE_NS};
use crate::sys::monotonic_ns;

impl DataPlane {
    /// Sends everything that is due and has a connection. The instant at which there was no more: the clock is read
    /// after each request, so that what writing takes is known without another reading.
    #[inline]
    pub(super) fn offer(&mut self, mut now_ns: u64) -> u64 {
        loop {
            match &mut self.pacing {
                Pacing::Closed(closed) => {
                    let Some(index) = closed.take_due(now_ns) else { return now_ns };
                    let number = closed.next_number();
                    self.send(index, number, now_ns, now_ns, now_ns);
                }
                Pacing::Open(_) => {
                    self.admit(now_ns);
                    let Pacing::Open(open) = &mut self.pacing else { return now_ns };
                    let (Some(due), Some(index)) = (open.backlog.front(), open.idle.front()) else {
                        return now_ns;
                    };
                    let (number, index) = (due.arrival.number, *index);
                    let intended_ns = open.start_ns + due.arrival.offset_ns;
                    let free_ns =
                        if due.is_overslept { intended_ns } else { self.connections[index].free_ns };
                    open.backlog.pop_front();
                    open.idle.pop_front();
                    self.send(index, number, intended_ns, free_ns, now_ns);
                }
            }
            now_ns = monotonic_ns();
        }
    }

    /// Moves arrivals that are due to the backlog, and drops those that have waited there too long.
    #[inline]
    fn admit(&mut self, now_ns: u64) {
        let Pacing::Open(open) = &mut self.pacing else { return };
        let backlog_before = open.backlog.len();
        while let Some(arrival) = open.schedule.peek() {
            let intended_ns = open.start_ns.saturating_add(arrival.offset_ns);
            if intended_ns > now_ns {
                break;
            }
            open.schedule.advance();
            let was_free = |index: &usize| self.connections[*index].free_ns <= intended_ns;
            let is_overslept = now_ns - intended_ns > LATE_NS && open.idle.front().is_some_and(was_free);
            open.backlog.push_back(Due { arrival, is_overslept });
            self.recorder.row(intended_ns).intended += 1;
            self.totals.intended += 1;
            self.census.enter(intended_ns, now_ns);
        }
        if open.backlog.len() > backlog_before {
            let row = self.recorder.row(now_ns);
            row.backlog_max = row.backlog_max.max(open.backlog.len() as u64);
        }
        if !open.backlog.is_empty() {
            self.drop_backlog(now_ns, now_ns.saturating_sub(self.spec.timeout_ns));
        }
    }

    /// Drops what was to be sent before an instant and was not.
    pub(super) fn drop_backlog(&mut self, now_ns: u64, before_ns: u64) {
        let Pacing::Open(open) = &mut self.pacing else { return };
        while let Some(due) = open.backlog.front() {
            let intended_ns = open.start_ns + due.arrival.offset_ns;
            if intended_ns >= before_ns {
                break;
            }
            open.backlog.pop_front();
            self.census.forget(intended_ns, now_ns);
            self.recorder.row(now_ns).dropped += 1;
            self.totals.dropped += 1;
        }
    }

    /// A connection is free: it sends, rests or is parked, as the pacing has it.
    #[inline]
    pub(super) fn release(&mut self, index: usize, now_ns: u64) {
        let is_offering = self.is_offering_at(now_ns);
        let connection = &mut self.connections[index];
        connection.free_ns = now_ns;
        match &mut self.pacing {
            Pacing::Open(open) => open.idle.push_back(index),
            Pacing::Closed(closed) => {
                if !is_offering || index >= closed.users {
                    connection.is_parked = true;
                } else if closed.think_ns == 0 && now_ns >= self.start_ns {
                    let number = closed.next_number();
                    self.send(index, number, now_ns, now_ns, now_ns);
                } else {
                    let due_ns = (now_ns + closed.think_ns).max(self.start_ns);
                    closed.resting.push_back((due_ns, index));
                }
            }
        }
    }

    #[inline]
    fn send(&mut self, index: usize, number: u64, intended_ns: u64, free_ns: u64, now_ns: u64) {
        let is_checked = self.is_to_be_checked();
        let request_index = self.spec.pool.index_of(number);
        let request = self.spec.pool.request(request_index);
        self.in_flight += 1;
        self.totals.kinds[request.kind].sent += 1;
        self.totals.first_sent_ns.get_or_insert(now_ns - self.start_ns);
        let connection = &mut self.connections[index];
        connection.parser.reset(request.is_head);
        connection.text.clear();
        connection.state = State::Busy(Exchange {
            request: request_index,
            intended_ns,
            free_ns,
            sent_ns: now_ns,
            deadline_ns: intended_ns + self.spec.timeout_ns,
            written: 0,
            answer: AnswerBody { bytes: 0, is_checked, is_equal: true },
        });
        let in_flight = self.in_flight;
        let is_open = self.spec.is_open();
        let row = self.recorder.row(now_ns);
        row.sent += 1;
        row.inflight_max = row.inflight_max.max(in_flight);
        if is_open {
            row.late_1ms += u64::from(now_ns - intended_ns > LATE_NS);
        } else {
            row.intended += 1;
            self.totals.intended += 1;
            self.census.enter(intended_ns, now_ns);
        }
        self.write(index);
    }

    /// True for one request in `check_every`, spread evenly over all kinds and connections (a Weyl sequence).
    #[inline]
    fn is_to_be_checked(&mut self) -> bool {
        const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;
        let place = self.begun.wrapping_mul(GOLDEN_RATIO);
        self.begun += 1;
        u64::MAX.checked_div(self.spec.check_every).is_some_and(|limit| place <= limit)
    }

    /// Writes what is left of a request.
    #[inline]
    pub(super) fn write(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let (State::Busy(exchange), Some(stream)) = (&mut connection.state, &connection.stream) else {
            return;
        };
        let request = self.spec.pool.request(exchange.request);
        while exchange.written < request.bytes {
            match write_request(stream, &self.spec.pool, request, exchange.written) {
                Ok(count) => {
                    exchange.written += count;
                    self.totals.bytes_sent += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    // The service may have answered before it closed: what can be read decides.
                    return self.receive(index, true);
                }
            }
        }
    }

    /// A request has failed for want of a connection. It counts as sent, so that the sums agree.
    #[cold]
    pub(super) fn fail_unsent(&mut self, number: u64, intended_ns: u64, now_ns: u64) {
        let kind = self.spec.pool.request(self.spec.pool.index_of(number)).kind;
        self.recorder.row(now_ns).sent += 1;
        if self.spec.is_open() {
            self.census.forget(intended_ns, now_ns);
        } else {
            self.recorder.row(now_ns).intended += 1;
            self.totals.intended += 1;
        }
        self.recorder.failed(kind, Failure::Connect, intended_ns, now_ns, 0);
        self.totals.kinds[kind].sent += 1;
        self.totals.kinds[kind].failed += 1;
        self.totals.failed.count(Failure::Connect);
    }
}
