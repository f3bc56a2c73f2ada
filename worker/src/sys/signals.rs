//! Termination signals as a descriptor to wait for, so that ending is an event like any other.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// SIGTERM and SIGINT, blocked for the process and readable here instead.
#[derive(Debug)]
pub struct Signals {
    descriptor: OwnedFd,
}

impl Signals {
    /// Must be called before any other thread is started: threads inherit the mask.
    ///
    /// # Errors
    /// The operating system's, when it has no descriptor left.
    pub fn termination() -> io::Result<Self> {
        // SAFETY: the set is initialised by sigemptyset before it is read, and lives through the calls.
        let raw = unsafe {
            let mut set = std::mem::zeroed::<libc::sigset_t>();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGTERM);
            libc::sigaddset(&raw mut set, libc::SIGINT);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and ours alone.
        Ok(Self { descriptor: unsafe { OwnedFd::from_raw_fd(raw) } })
    }

    /// Takes one pending signal; true if there was one.
    #[must_use]
    pub fn take(&self) -> bool {
        let mut information = std::mem::MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer is writable for its size; its content is never read.
        let read = unsafe { libc::read(self.descriptor.as_raw_fd(), information.as_mut_ptr().cast(), size) };
        read == size as isize
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}
