//! What a thread has worked.

use std::time::Duration;

/// The CPU time of the calling thread, the kernel's work for it included. Costs a system call (some 200 ns): not per turn.
pub fn thread_time() -> Duration {
    let mut time = crate::poll::timespec(Duration::ZERO);
    // Needed: std has no clock of CPU time. SAFETY: the kernel writes one timespec, which is ours alone.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    if result != 0 {
        return Duration::ZERO;
    }
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_makes_it_go_on_and_sleep_does_not() {
        let before = thread_time();
        while thread_time() < before + Duration::from_millis(1) {}
        let worked = thread_time();
        let (reader, _writer) = std::io::pipe().expect("a pipe");
        let mut silent = [crate::poll::entry(std::os::fd::AsRawFd::as_raw_fd(&reader), libc::POLLIN)];
        crate::poll::poll(&mut silent, Duration::from_millis(50)).expect("it sleeps");
        assert!(thread_time() - worked < Duration::from_millis(40));
    }
}
