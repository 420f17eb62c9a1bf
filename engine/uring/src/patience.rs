//! How long one `send` waits for room in a full send buffer.

use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use crate::MESSAGES_MAX;
use crate::poll;

/// The sleep that one `send` spends on full send buffers, all its batches together.
///
/// Longer: more of a burst gets through a slow device (a link of 1 Gbit/s takes 250 kB in 2 ms, some 200 packets), and a keyframe
/// that is lost whole is asked for again and lost again. Shorter: the shard goes on sooner; as long as it sleeps here, nothing is
/// received or forwarded, and 2 ms are a tenth of an audio packet's time. The receive buffer holds what comes meanwhile.
pub(crate) const FULL_WAIT: Duration = Duration::from_millis(2);

/// What is left of [`FULL_WAIT`].
#[derive(Debug)]
pub(crate) struct Patience {
    left: Duration,
}

impl Patience {
    pub(crate) fn new(left: Duration) -> Self {
        Self { left }
    }

    /// Nothing is left: what is refused stays refused.
    pub(crate) fn is_over(&self) -> bool {
        self.left.is_zero()
    }

    /// Sleeps until one of the sockets `fds` has room (the kernel says so when half of its buffer is free), and says whether one
    /// has. A call that fails is as good as time that is over.
    pub(crate) fn await_room(&mut self, fds: impl Iterator<Item = RawFd>) -> bool {
        let mut entries = [poll::entry(-1, 0); MESSAGES_MAX];
        let mut len = 0;
        for (entry, fd) in entries.iter_mut().zip(fds) {
            *entry = poll::entry(fd, libc::POLLOUT);
            len += 1;
        }
        let began = Instant::now();
        while !self.is_over() {
            let ready = poll::poll(&mut entries[..len], self.left);
            self.left = self.left.saturating_sub(began.elapsed());
            match ready {
                Ok(0) => {}
                Ok(_) => return true,
                Err(_) => self.left = Duration::ZERO,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_socket_with_room_is_not_waited_for() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback binds");
        let mut patience = Patience::new(Duration::from_secs(60));
        assert!(patience.await_room([socket.as_raw_fd()].into_iter()));
        assert!(!patience.is_over());
    }

    #[test]
    fn patience_ends_once_for_all_calls() {
        let (reader, _writer) = std::io::pipe().expect("a pipe");
        let began = Instant::now();
        let mut patience = Patience::new(FULL_WAIT);
        // The reading end of a pipe is never writable.
        assert!(!patience.await_room([reader.as_raw_fd()].into_iter()));
        assert!(began.elapsed() >= FULL_WAIT && patience.is_over());
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback binds");
        assert!(!patience.await_room([socket.as_raw_fd()].into_iter()), "nothing is left for another socket");
    }
}
