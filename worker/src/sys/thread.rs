//! What a thread asks of the scheduler, and what the kernel knows about it.

use std::io;

/// CPU time a thread has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// In user space.
    pub user_ns: u64,
    /// In the kernel, the network stack run on this thread's behalf included.
    pub system_ns: u64,
}

/// CPU time of the calling thread since it began.
#[must_use]
pub fn thread_cpu_time() -> CpuTime {
    // SAFETY: a zeroed rusage is valid, and writable for the call.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage);
        usage
    };
    let ns = |time: libc::timeval| time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1_000;
    CpuTime { user_ns: ns(usage.ru_utime), system_ns: ns(usage.ru_stime) }
}

/// Binds the calling thread to one CPU.
///
/// # Errors
/// The operating system's, when the CPU does not exist or is not allowed.
pub fn pin_to_cpu(cpu: usize) -> io::Result<()> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: the set is zeroed, CPU_SET stays within it (checked above), and it outlives the call.
    let result = unsafe {
        let mut set = std::mem::zeroed::<libc::cpu_set_t>();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sets the calling thread's nice value (Linux keeps one a thread) and returns the one it has now: without
/// the right to lower it, it stays.
#[must_use]
pub fn set_nice(nice: i32) -> i32 {
    // SAFETY: no pointers; 0 means the calling thread.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, nice);
        libc::getpriority(libc::PRIO_PROCESS, 0)
    }
}

/// Puts the calling thread into the scheduler's idle class: it runs where nothing else of its control group wants to.
///
/// # Errors
/// The operating system's.
pub fn run_when_idle() -> io::Result<()> {
    // SAFETY: the parameters are valid for the call; 0 means the calling thread.
    let result = unsafe {
        let parameters = std::mem::zeroed::<libc::sched_param>();
        libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks for short turns: where the scheduler picks by deadline (Linux 6.12 and newer), a thread that wakes up then does
/// not have to wait until whoever has the core, however low its priority, has used up a turn of milliseconds.
///
/// Elsewhere nothing changes: the request is refused or has no meaning.
pub fn ask_for_short_turns() {
    let attributes = SchedulerAttributes {
        size: size_of::<SchedulerAttributes>() as u32,
        policy: libc::SCHED_OTHER as u32,
        flags: 0,
        // SAFETY: no pointers; 0 means the calling thread.
        nice: unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) },
        priority: 0,
        turn_ns: SHORT_TURN_NS,
        deadline_ns: 0,
        period_ns: 0,
    };
    // SAFETY: the attributes are valid for the call, and say how large they are.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

/// The shortest that the kernel grants.
const SHORT_TURN_NS: u64 = 100_000;

/// The kernel's `struct sched_attr`, first version.
#[repr(C)]
struct SchedulerAttributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    turn_ns: u64,
    deadline_ns: u64,
    period_ns: u64,
}

/// Lets the calling thread's timers fire when they are due: by default the kernel may add 50 µs to save power.
pub fn set_precise_timers() {
    // SAFETY: no pointers.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64, 0_u64, 0_u64, 0_u64) };
}

/// Raises the limit of open descriptors to the hard one: ten thousand connections need as many.
pub fn raise_descriptor_limit() {
    // SAFETY: the limit is a valid place to write to and read from.
    unsafe {
        let mut limit = std::mem::zeroed::<libc::rlimit>();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// Resident memory of this process in bytes; None where `/proc` does not tell.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: no pointers.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(page_bytes).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_occupies_memory_and_cpu() {
        assert!(resident_bytes().unwrap() > 100_000);
        let before = thread_cpu_time();
        let mut sum = 0_u64;
        while thread_cpu_time() == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }

    #[test]
    fn a_cpu_that_cannot_exist_is_an_error() {
        assert!(pin_to_cpu(usize::MAX).is_err());
        assert!(pin_to_cpu(libc::CPU_SETSIZE as usize - 1).is_err());
    }
}
