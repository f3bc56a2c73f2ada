//! The operating system's calls that the standard library does not offer. All `unsafe` of the crate is in here.

mod clock;
mod epoll;
mod signals;
mod socket;
mod thread;

pub use clock::{UnixClock, monotonic_ns, unix_ns};
pub use epoll::{Epoll, Event, Interest, Waker};
pub use signals::Signals;
pub use socket::{avoid_pacing, tcp_retransmits};
pub use thread::{
    CpuTime, ask_for_short_turns, pin_to_cpu, raise_descriptor_limit, resident_bytes, run_when_idle,
    set_nice, set_precise_timers, thread_cpu_time,
};
