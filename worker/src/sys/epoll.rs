//! `epoll` with nanosecond timeouts, and a waker that another thread may pull.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What to be told about a descriptor.
#[derive(Clone, Copy, Debug)]
pub enum Interest {
    /// Readable, for as long as it is.
    Readable,
    /// Readable or writable, for as long as it is.
    ReadableOrWritable,
    /// Each time it becomes readable or writable or the peer hangs up. One registration serves a whole
    /// connection's life, which saves two system calls a request.
    Edges,
}

/// One event: the token given at registration, and what happened.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Event(libc::epoll_event);

impl Event {
    /// An empty place for [`Epoll::wait`] to fill.
    pub const EMPTY: Event = Event(libc::epoll_event { events: 0, u64: 0 });

    /// The token given at registration.
    #[inline]
    #[must_use]
    pub fn token(&self) -> u64 {
        self.0.u64
    }

    /// There may be something to read, an end of stream or an error included.
    #[inline]
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.0.events & (libc::EPOLLIN as u32) != 0 || self.is_hangup()
    }

    /// There may be room to write.
    #[inline]
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.0.events & (libc::EPOLLOUT as u32) != 0
    }

    /// The peer has closed its side, or the connection is broken.
    #[inline]
    #[must_use]
    pub fn is_hangup(&self) -> bool {
        self.0.events & ((libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32) != 0
    }
}

/// An epoll instance.
#[derive(Debug)]
pub struct Epoll {
    descriptor: OwnedFd,
    /// False on kernels before 5.11, where timeouts are whole milliseconds.
    has_nanoseconds: bool,
}

impl Epoll {
    /// # Errors
    /// The operating system's, when it has no descriptor left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor returned is new and ours alone.
        let descriptor = unsafe {
            let raw = check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?;
            OwnedFd::from_raw_fd(raw)
        };
        let mut epoll = Self { descriptor, has_nanoseconds: true };
        let probe = epoll.wait(&mut [Event::EMPTY], Some(0));
        epoll.has_nanoseconds = !matches!(&probe, Err(error) if error.raw_os_error() == Some(libc::ENOSYS));
        Ok(epoll)
    }

    /// Registers a descriptor; closing it ends the registration.
    ///
    /// # Errors
    /// The operating system's, when the descriptor is registered already or cannot be waited for.
    pub fn add(&self, source: &impl AsRawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, source, token, interest)
    }

    /// Changes what to be told about a registered descriptor.
    ///
    /// # Errors
    /// The operating system's, when the descriptor is not registered.
    pub fn modify(&self, source: &impl AsRawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, source, token, interest)
    }

    fn control(
        &self,
        operation: i32,
        source: &impl AsRawFd,
        token: u64,
        interest: Interest,
    ) -> io::Result<()> {
        let events = match interest {
            Interest::Readable => libc::EPOLLIN,
            Interest::ReadableOrWritable => libc::EPOLLIN | libc::EPOLLOUT,
            Interest::Edges => libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET,
        };
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        // SAFETY: `event` is valid for the call; the kernel checks both descriptors.
        check(unsafe {
            libc::epoll_ctl(self.descriptor.as_raw_fd(), operation, source.as_raw_fd(), &raw mut event)
        })?;
        Ok(())
    }

    /// Waits for events, at most `timeout_ns` (None: for ever), and returns how many were written to `events`.
    /// An interrupting signal counts as no event.
    ///
    /// # Errors
    /// The operating system's; none is expected of a valid instance.
    #[inline]
    pub fn wait(&self, events: &mut [Event], timeout_ns: Option<u64>) -> io::Result<usize> {
        let count = if self.has_nanoseconds {
            self.wait_nanoseconds(events, timeout_ns)
        } else {
            self.wait_milliseconds(events, timeout_ns)
        };
        match check(count) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            result => result.map(|count| count as usize),
        }
    }

    #[inline]
    fn wait_nanoseconds(&self, events: &mut [Event], timeout_ns: Option<u64>) -> i32 {
        let timeout = timeout_ns.map(|ns| libc::timespec {
            tv_sec: (ns / 1_000_000_000) as libc::time_t,
            tv_nsec: (ns % 1_000_000_000) as libc::c_long,
        });
        let timeout_pointer = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: `Event` is a transparent epoll_event, the slice is writable for its length, and the timeout
        // is null or points to a timespec that outlives the call.
        let result = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.descriptor.as_raw_fd(),
                events.as_mut_ptr(),
                events.len() as i32,
                timeout_pointer,
                std::ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        result as i32
    }

    fn wait_milliseconds(&self, events: &mut [Event], timeout_ns: Option<u64>) -> i32 {
        // Rounded down: better awake too early, and asleep once more for nothing, than late.
        let timeout_ms = timeout_ns.map_or(-1, |ns| i32::try_from(ns / 1_000_000).unwrap_or(i32::MAX));
        // SAFETY: as above.
        unsafe {
            libc::epoll_wait(
                self.descriptor.as_raw_fd(),
                events.as_mut_ptr().cast(),
                events.len() as i32,
                timeout_ms,
            )
        }
    }
}

/// Wakes a thread that waits in [`Epoll::wait`]. Clones wake the same thread.
#[derive(Clone, Debug)]
pub struct Waker {
    descriptor: Arc<OwnedFd>,
    pulled: Arc<AtomicBool>,
}

impl Waker {
    /// A waker registered with `epoll` under `token`.
    ///
    /// # Errors
    /// The operating system's, when it has no descriptor left.
    pub fn new(epoll: &Epoll, token: u64) -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor returned is new and ours alone.
        let descriptor = unsafe {
            let raw = check(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?;
            OwnedFd::from_raw_fd(raw)
        };
        epoll.add(&descriptor, token, Interest::Edges)?;
        Ok(Self { descriptor: Arc::new(descriptor), pulled: Arc::new(AtomicBool::new(false)) })
    }

    /// Makes the waiting thread return from its wait, now or the next time.
    pub fn wake(&self) {
        self.pulled.store(true, Ordering::Release);
        let one = 1_u64;
        // SAFETY: eight readable bytes, as an eventfd wants. A full counter has woken the thread already.
        unsafe { libc::write(self.descriptor.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    /// Whether it was pulled since the last call. One relaxed read when it was not.
    #[inline]
    #[must_use]
    pub fn was_pulled(&self) -> bool {
        self.pulled.load(Ordering::Relaxed) && self.pulled.swap(false, Ordering::Acquire)
    }
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::monotonic_ns;

    #[test]
    fn a_waker_ends_a_wait_and_is_seen_once() {
        let epoll = Epoll::new().unwrap();
        let waker = Waker::new(&epoll, 7).unwrap();
        assert!(!waker.was_pulled());
        let other = waker.clone();
        let thread = std::thread::spawn(move || other.wake());
        let mut events = [Event::EMPTY; 4];
        assert_eq!(epoll.wait(&mut events, None).unwrap(), 1);
        assert_eq!(events[0].token(), 7);
        thread.join().unwrap();
        assert!(waker.was_pulled());
        assert!(!waker.was_pulled());
    }

    #[test]
    fn a_wait_lasts_at_least_its_timeout() {
        let epoll = Epoll::new().unwrap();
        let before = monotonic_ns();
        assert_eq!(epoll.wait(&mut [Event::EMPTY], Some(1_500_000)).unwrap(), 0);
        assert!(monotonic_ns() - before >= 1_000_000);
    }
}
