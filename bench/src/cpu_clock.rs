//! The CPU time of this thread: what others do on a shared machine does not count, but for the caches they empty.

use core::time::Duration;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Reads `/proc/thread-self/schedstat`: nanoseconds, and no unsafe call. One reading takes about a microsecond.
#[derive(Debug)]
pub struct CpuClock {
    file: File,
}

impl CpuClock {
    /// The clock of the calling thread. On another thread it would still tell this one's time.
    pub fn of_this_thread() -> io::Result<Self> {
        Ok(Self { file: File::open("/proc/thread-self/schedstat")? })
    }

    /// CPU time that `work` took.
    pub fn time(&self, work: impl FnOnce()) -> io::Result<Duration> {
        self.measure(work).map(|(time, ())| time)
    }

    /// The same, with what `work` gave.
    pub fn measure<T>(&self, work: impl FnOnce() -> T) -> io::Result<(Duration, T)> {
        let begin = self.now()?;
        let result = work();
        Ok((self.now()?.saturating_sub(begin), result))
    }

    /// The kernel brings the figure up to date when the thread passes through the scheduler, so it is made to.
    fn now(&self) -> io::Result<Duration> {
        std::thread::yield_now();
        let mut bytes = [0; 64];
        let len = self.file.read_at(&mut bytes, 0)?;
        let text = String::from_utf8_lossy(&bytes[..len]);
        parse(&text).ok_or_else(|| io::Error::other("schedstat has no CPU time: run on a kernel with CONFIG_SCHED_INFO"))
    }
}

/// The first of three fields: nanoseconds on a CPU.
fn parse(schedstat: &str) -> Option<Duration> {
    schedstat.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn the_first_field_is_the_time() {
        assert_eq!(parse("1234567 89 3\n"), Some(Duration::from_nanos(1_234_567)));
        assert_eq!(parse(""), None);
        assert_eq!(parse("soon 1 2"), None);
    }

    #[test]
    fn work_takes_time_and_no_more_than_the_wall_clock_saw() {
        let clock = CpuClock::of_this_thread().expect("Linux has it");
        let wall = Instant::now();
        let time = clock.time(|| assert!((0..3_000_000u64).map(std::hint::black_box).sum::<u64>() > 0)).expect("it reads");
        assert!(time > Duration::ZERO);
        assert!(time <= wall.elapsed() + Duration::from_millis(1), "{time:?}");
    }
}
