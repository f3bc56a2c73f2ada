//! Taking answers: what came back, and what that means for its request.

use std::io::{self, Read};

use super::connection::{Inspector, State};
use super::data_plane::DataPlane;
use crate::http::Progress;
use crate::protocol::MarkerSeen;
use crate::record::{Failure, Instants};
use crate::sys::{Event, monotonic_ns};

/// More different values than this are not those of a marker.
const MAX_MARKERS: usize = 1_024;

impl DataPlane {
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
    pub(super) fn receive(&mut self, index: usize, is_hangup: bool) {
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
        let Some(status) = connection.parser.head().map(|head| head.status) else { return };
        let is_usual = status == request.expect;
        let alternative = || request.also.iter().find(|(other, _)| *other == status).map(|(_, kind)| *kind);
        let Some(kind) = is_usual.then_some(request.kind).or_else(alternative) else {
            return self.fail(index, Failure::Status, now_ns);
        };
        if is_usual && let Some(body) = request.body {
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
        self.recorder.completed(kind, instants, answer.bytes);
        self.census.leave(now_ns);
        self.totals.kinds[kind].completed += 1;
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
        let value = digits
            .take_while(|byte| byte.is_ascii_digit())
            .take(19)
            .fold(None, |value: Option<u64>, byte| Some(value.unwrap_or(0) * 10 + u64::from(byte - b'0')));
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
        self.census.forget(exchange.intended_ns, now_ns);
        self.totals.kinds[kind].failed += 1;
        self.totals.failed.count(failure);
        self.in_flight -= 1;
    }
}
