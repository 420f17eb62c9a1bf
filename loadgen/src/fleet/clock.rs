//! Clocks of the machine, in nanoseconds.

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Of the machine since its start: the same for every process.
pub(crate) fn monotonic_ns() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// Since 1970, as kernel timestamps are.
pub(super) fn realtime_ns() -> u64 {
    read(ClockId::CLOCK_REALTIME)
}

/// CPU time of the calling thread.
pub(super) fn thread_cpu_ns() -> u64 {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// The inverse of a [`TimeSpec`].
pub(super) fn nanoseconds(time: TimeSpec) -> u64 {
    u64::try_from(Duration::from(time).as_nanos()).unwrap_or(u64::MAX)
}

fn read(clock: ClockId) -> u64 {
    nanoseconds(clock_gettime(clock).expect("Linux has this clock, and the pointer is the wrapper's own"))
}
