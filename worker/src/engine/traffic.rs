//! Sending requests and taking answers: the hot path.

use std::io::{self, Read};

use super::connection::{AnswerBody, Exchange, Inspector, State, write_request};
use super::data_plane::DataPlane;
use super::pacing::Pacing;
use crate::http::Progress;
use crate::protocol::MarkerSeen;
use crate::record::{Failure, Instants};
use crate::sys::{Event, monotonic_ns};

/// A send this much after the intended instant is counted as late.
const LATE_NS: u64 = 1_000_000;

/// More different values than this are not those of a marker.
const MAX_MARKERS: usize = 1_024;

impl DataPlane {
    /// Sends everything that is due and has a connection.
    #[inline]
    pub(super) fn offer(&mut self, mut now_ns: u64) {
        loop {
            match &mut self.pacing {
                Pacing::Closed(closed) => {
                    let Some(index) = closed.take_due(now_ns) else { return };
                    let number = closed.next_number();
                    self.send(index, number, now_ns, now_ns);
                }
                Pacing::Open(_) => {
                    self.admit(now_ns);
                    let Pacing::Open(open) = &mut self.pacing else { return };
                    let (Some(arrival), Some(index)) = (open.backlog.front(), open.idle.front()) else { return };
                    let (number, intended_ns, index) = (arrival.number, open.start_ns + arrival.offset_ns, *index);
                    open.backlog.pop_front();
                    open.idle.pop_front();
                    self.send(index, number, intended_ns, now_ns);
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
            open.backlog.push_back(arrival);
            self.recorder.row(intended_ns).intended += 1;
            self.totals.intended += 1;
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
        while open.backlog.front().is_some_and(|arrival| open.start_ns + arrival.offset_ns < before_ns) {
            open.backlog.pop_front();
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
                    self.send(index, number, now_ns, now_ns);
                } else {
                    let due_ns = (now_ns + closed.think_ns).max(self.start_ns);
                    closed.resting.push_back((due_ns, index));
                }
            }
        }
    }

    #[inline]
    fn send(&mut self, index: usize, number: u64, intended_ns: u64, now_ns: u64) {
        let is_checked = self.is_to_be_checked();
        let request_index = self.spec.pool.index_of(number);
        let request = self.spec.pool.request(request_index);
        self.in_flight += 1;
        self.totals.kinds[request.kind].sent += 1;
        self.totals.first_sent_ns.get_or_insert(now_ns - self.start_ns);
        let connection = &mut self.connections[index];
        let free_ns = connection.free_ns;
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
            row.own_late_1ms += u64::from(now_ns.saturating_sub(intended_ns.max(free_ns)) > LATE_NS);
        } else {
            row.intended += 1;
            self.totals.intended += 1;
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
    fn write(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let (State::Busy(exchange), Some(stream)) = (&mut connection.state, &connection.stream) else { return };
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

    pub(super) fn on_event(&mut self, event: Event) {
        let (index, generation) = (event.token() as u32 as usize, (event.token() >> 32) as u32);
        let connection = &self.connections[index];
        if connection.generation != generation || connection.stream.is_none() {
            return;
        }
        match &connection.state {
            State::Connecting { .. } => return self.on_handshake_end(index),
            State::Busy(exchange) if event.is_writable() && exchange.written > 0 => self.write(index),
            _ => {}
        }
        if event.is_readable() {
            self.receive(index, event.is_hangup());
        }
    }

    /// Reads what has come. A read that leaves room in the buffer has emptied the socket; only the connection's
    /// end is then left to be seen.
    #[inline]
    fn receive(&mut self, index: usize, is_hangup: bool) {
        loop {
            let connection = &self.connections[index];
            let Some(mut stream) = connection.stream.as_ref() else { return };
            match stream.read(&mut self.scratch) {
                Ok(0) => return self.on_end_of_stream(index, monotonic_ns()),
                Ok(count) => {
                    let now_ns = monotonic_ns();
                    self.totals.bytes_received += count as u64;
                    self.on_bytes(index, count, is_hangup, now_ns);
                    if count < self.scratch.len() && !is_hangup {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.on_end_of_stream(index, monotonic_ns()),
            }
        }
    }

    #[inline]
    fn on_bytes(&mut self, index: usize, count: usize, is_hangup: bool, now_ns: u64) {
        let connection = &mut self.connections[index];
        let State::Busy(exchange) = &mut connection.state else {
            // Bytes nobody asked for.
            return self.lose(index, now_ns);
        };
        let request = self.spec.pool.request(exchange.request);
        let mut inspector = Inspector {
            answer: &mut exchange.answer,
            expected: request.body.map(|body| self.spec.pool.body(body)),
            text: self.marker.is_some().then_some(&mut connection.text),
        };
        match connection.parser.feed(&self.scratch[..count], &mut inspector) {
            Ok(Progress::Partial) => {}
            Ok(Progress::Complete { consumed }) if consumed == count => {
                // A service that answered early will not read what is left of the request.
                let is_early = exchange.written < request.bytes;
                let closes = is_hangup || is_early || connection.parser.head().is_none_or(|head| head.closes);
                self.on_answer(index, now_ns);
                self.after_answer(index, closes, now_ns);
            }
            Ok(Progress::Complete { .. }) | Err(_) => {
                self.fail(index, Failure::Malformed, now_ns);
                self.lose(index, now_ns);
            }
        }
    }

    #[inline]
    fn after_answer(&mut self, index: usize, closes: bool, now_ns: u64) {
        if closes {
            self.lose(index, now_ns);
        } else {
            self.connections[index].state = State::Idle;
            self.release(index, now_ns);
        }
        if self.spec.is_open() {
            // Other answers of this batch can wait; an intended instant cannot.
            self.offer(now_ns);
        }
    }

    fn on_end_of_stream(&mut self, index: usize, now_ns: u64) {
        let connection = &self.connections[index];
        if matches!(connection.state, State::Busy(_)) {
            if connection.parser.ends_with_connection() {
                self.on_answer(index, now_ns);
            } else {
                let failure = if connection.parser.has_begun() { Failure::Short } else { Failure::Reset };
                self.fail(index, failure, now_ns);
            }
        }
        self.lose(index, now_ns);
    }

    /// A whole answer has come: as expected or not.
    #[inline]
    fn on_answer(&mut self, index: usize, now_ns: u64) {
        let connection = &mut self.connections[index];
        let State::Busy(exchange) = &connection.state else { return };
        let request = self.spec.pool.request(exchange.request);
        let answer = &exchange.answer;
        let has_status = connection.parser.head().is_some_and(|head| head.status == request.expect);
        if !has_status {
            return self.fail(index, Failure::Status, now_ns);
        }
        if let Some(body) = request.body {
            let has_length = self.spec.pool.body(body).len() as u64 == answer.bytes || request.is_head;
            self.totals.checked_bodies += u64::from(answer.is_checked);
            if !has_length || !answer.is_equal {
                return self.fail(index, Failure::Body, now_ns);
            }
        }
        let instants = Instants {
            intended_ns: exchange.intended_ns,
            free_ns: exchange.free_ns,
            sent_ns: exchange.sent_ns,
            completed_ns: now_ns,
        };
        self.recorder.completed(request.kind, instants, answer.bytes);
        self.totals.kinds[request.kind].completed += 1;
        self.totals.last_completed_ns = Some(now_ns - self.start_ns);
        self.in_flight -= 1;
        if self.marker.is_some() {
            self.look_for_marker(index, now_ns);
        }
    }

    #[cold]
    fn look_for_marker(&mut self, index: usize, now_ns: u64) {
        let Some(marker) = &self.marker else { return };
        let text = &self.connections[index].text;
        let Some(at) = marker.find(text) else { return };
        let digits = text[at + marker.needle().len()..].trim_ascii_start().iter();
        let value = digits.take_while(|byte| byte.is_ascii_digit()).take(19).fold(None, |value: Option<u64>, byte| {
            Some(value.unwrap_or(0) * 10 + u64::from(byte - b'0'))
        });
        let Some(value) = value else { return };
        let unix_ns = self.clock.unix_at(now_ns);
        let seen = MarkerSeen { count: 0, first_unix_ns: unix_ns, last_unix_ns: unix_ns };
        if self.totals.markers.len() < MAX_MARKERS || self.totals.markers.contains_key(&value) {
            let seen = self.totals.markers.entry(value).or_insert(seen);
            seen.count += 1;
            seen.last_unix_ns = unix_ns;
        }
    }

    /// The request under way has failed. What becomes of the connection is the caller's to say.
    #[cold]
    pub(super) fn fail(&mut self, index: usize, failure: Failure, now_ns: u64) {
        let State::Busy(exchange) = &self.connections[index].state else { return };
        let kind = self.spec.pool.request(exchange.request).kind;
        self.recorder.failed(kind, failure, exchange.intended_ns, now_ns, exchange.answer.bytes);
        self.totals.kinds[kind].failed += 1;
        self.totals.failed.count(failure);
        self.in_flight -= 1;
    }

    /// A request has failed for want of a connection. It counts as sent, so that the sums agree.
    #[cold]
    pub(super) fn fail_unsent(&mut self, number: u64, intended_ns: u64, now_ns: u64) {
        let kind = self.spec.pool.request(self.spec.pool.index_of(number)).kind;
        self.recorder.row(now_ns).sent += 1;
        if !self.spec.is_open() {
            self.recorder.row(now_ns).intended += 1;
            self.totals.intended += 1;
        }
        self.recorder.failed(kind, Failure::Connect, intended_ns, now_ns, 0);
        self.totals.kinds[kind].sent += 1;
        self.totals.kinds[kind].failed += 1;
        self.totals.failed.count(Failure::Connect);
    }
}
