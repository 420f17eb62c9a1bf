//! A submission and a completion queue shared with the kernel.

use std::io;
use std::time::Duration;

use io_uring::types::{CancelBuilder, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, cqueue, squeue};

/// One io_uring, used by the thread that made it.
pub(crate) struct Ring {
    uring: IoUring,
    /// Completions are made only when this thread asks (`DEFER_TASKRUN`).
    deferred: bool,
    /// A submit failed: what is queued may point to what is gone, so nothing is ever submitted again.
    dead: bool,
}

/// What the kernel says of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completion {
    /// What the request was submitted with.
    pub(crate) user_data: u64,
    /// A length, or the negated error.
    pub(crate) result: i32,
    flags: u32,
}

impl Completion {
    /// Whether the request goes on and will complete again.
    pub(crate) fn more(&self) -> bool {
        cqueue::more(self.flags)
    }

    /// The provided buffer that it took.
    pub(crate) fn buffer(&self) -> Option<u16> {
        cqueue::buffer_select(self.flags)
    }
}

impl Ring {
    /// A ring for `submissions` requests between two submits and `completions` answers between two looks.
    ///
    /// `SINGLE_ISSUER | DEFER_TASKRUN` (Linux 6.1) lets the kernel do its share inside our calls, not by interrupting the thread;
    /// an older kernel answers `EINVAL` and gets a plain ring.
    pub(crate) fn new(submissions: u32, completions: u32) -> io::Result<Self> {
        match Self::build(submissions, completions, true) {
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => Self::build(submissions, completions, false),
            result => result,
        }
    }

    /// As [`Self::new`], of one kind or not at all.
    pub(crate) fn build(submissions: u32, completions: u32, deferred: bool) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.dontfork().setup_clamp().setup_submit_all().setup_cqsize(completions);
        if deferred {
            builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
        }
        Ok(Self { uring: builder.build(submissions)?, deferred, dead: false })
    }

    /// Whether the kernel does its share inside our calls.
    pub(crate) fn is_deferred(&self) -> bool {
        self.deferred
    }

    /// Whether one sleep can wait for company (`IORING_FEAT_MIN_TIMEOUT`, Linux 6.12).
    pub(crate) fn has_minimum_wait(&self) -> bool {
        self.uring.params().is_feature_min_timeout()
    }

    /// Registrations and questions that touch neither queue.
    pub(crate) fn submitter(&self) -> io_uring::Submitter<'_> {
        self.uring.submitter()
    }

    /// Queues a request, submitting what is queued when there is no place.
    ///
    /// # Safety
    /// Everything that `entry` points to stays valid, and is not touched against the request's use of it, until the request's
    /// last completion was seen; or, where the request is still queued, until this or a submission failed: nothing is submitted
    /// after that.
    pub(crate) unsafe fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        if self.uring.submission().is_full() {
            self.submit()?;
        }
        // Needed: the queue is how requests are made. SAFETY: the caller's promise is the one that `push` asks for.
        let pushed = unsafe { self.uring.submission().push(entry) };
        self.dead |= pushed.is_err();
        pushed.map_err(|_| {
            io::Error::other("the submission queue is full after it was submitted: report it with the kernel's version")
        })
    }

    /// Requests queued and not yet taken by the kernel, the last ones that were pushed.
    pub(crate) fn queued(&mut self) -> usize {
        self.uring.submission().len()
    }

    /// Hands all queued requests to the kernel.
    pub(crate) fn submit(&mut self) -> io::Result<()> {
        let mut rounds = 0;
        while self.queued() > 0 {
            if rounds > 0 {
                // The kernel was short of memory: let others give some back.
                std::thread::yield_now();
            }
            self.enter(|uring| uring.submit())?;
            rounds += 1;
        }
        Ok(())
    }

    /// Whether the kernel waits for a call of ours to go on.
    pub(crate) fn is_put_off(&mut self) -> bool {
        self.uring.submission().taskrun()
    }

    /// Lets the kernel do what it deferred, without sleeping; submits what is queued.
    pub(crate) fn poll(&mut self) -> io::Result<()> {
        let submission = self.uring.submission();
        let idle = submission.is_empty() && !submission.taskrun() && !submission.cq_overflow();
        drop(submission);
        if idle { Ok(()) } else { self.enter(|uring| uring.submit()) }
    }

    /// Submits what is queued and sleeps until there are `want` completions, or one and `hold` has passed, or `at_most` has
    /// passed, or a signal comes.
    pub(crate) fn wait(&mut self, want: usize, hold: Duration, at_most: Option<Duration>) -> io::Result<()> {
        let timespec = at_most.map(Timespec::from);
        let mut args = SubmitArgs::new().min_wait_usec(u32::try_from(hold.as_micros()).unwrap_or(u32::MAX));
        if let Some(timespec) = &timespec {
            args = args.timespec(timespec);
        }
        self.enter(|uring| uring.submitter().submit_with_args(want, &args))
    }

    fn enter(&mut self, call: impl FnOnce(&IoUring) -> io::Result<usize>) -> io::Result<()> {
        if self.dead {
            return Err(io::Error::other("the ring failed before: the shard must open another"));
        }
        let result = ignore_passing(call(&self.uring));
        self.dead = result.is_err();
        result
    }

    /// As if the kernel had refused.
    #[cfg(test)]
    pub(crate) fn fail(&mut self) {
        self.dead = true;
    }

    /// Whether there is a completion to take.
    pub(crate) fn is_ready(&mut self) -> bool {
        !self.uring.completion().is_empty()
    }

    /// The next completion.
    pub(crate) fn next(&mut self) -> Option<Completion> {
        let entry = self.uring.completion().next()?;
        Some(Completion { user_data: entry.user_data(), result: entry.result(), flags: entry.flags() })
    }

    /// Cancels everything that the kernel has in hand. The completions are still to be awaited.
    pub(crate) fn cancel_all(&mut self) -> io::Result<()> {
        match self.uring.submitter().register_sync_cancel(Some(Timespec::from(Duration::from_secs(1))), CancelBuilder::any()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// Sleeps until there is a completion or `at_most` has passed, and submits nothing.
    pub(crate) fn wait_only(&mut self, at_most: Duration) -> io::Result<()> {
        let timespec = Timespec::from(at_most);
        let args = SubmitArgs::new().timespec(&timespec);
        let flags = EnterFlags::GETEVENTS | EnterFlags::EXT_ARG;
        // Needed: the safe calls always submit. SAFETY: `EXT_ARG` says that the argument is a `SubmitArgs`, which it is; it and
        // the timespec that it points to live until the call returns, and the kernel only reads them.
        ignore_passing(unsafe { self.uring.submitter().enter(0, 1, flags.bits(), Some(&args)) })
    }
}

/// Time is up, a signal came, or the kernel is short of memory or completions for a moment: the queues say what is the case.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY))
}

fn ignore_passing(result: io::Result<usize>) -> io::Result<()> {
    match result {
        Err(e) if !is_passing(&e) => Err(e),
        _ => Ok(()),
    }
}
