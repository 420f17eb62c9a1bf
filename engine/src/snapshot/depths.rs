//! How full the queues of a shard were.

/// A queue: the `queue` of the metric `corelay_queue_depth_max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Queue {
    /// Commands in the mailbox when a turn began to carry them out.
    Commands,
    /// Events that signaling had not taken when a turn ended, those aside included.
    Events,
    /// Full receive buffers when a turn began. Below a full batch the shard keeps up.
    ReceiveBuffers,
    /// Bytes in the sockets' receive buffers, when the counters were posted. As the kernel counts them: a packet of 1200 takes 2,300.
    SocketBytes,
    /// Bytes of one hand-over to the kernel.
    OutboxBytes,
    /// Bytes in the fullest ring from another shard when a turn began to read it.
    RelayBytes,
}

impl Queue {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 6] =
        [Self::Commands, Self::Events, Self::ReceiveBuffers, Self::SocketBytes, Self::OutboxBytes, Self::RelayBytes];

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Events => "events",
            Self::ReceiveBuffers => "receive_buffers",
            Self::SocketBytes => "socket_bytes",
            Self::OutboxBytes => "outbox_bytes",
            Self::RelayBytes => "relay_bytes",
        }
    }
}

/// The most that each queue held between the last two posts: a value of the moment would nearly always be zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths([u64; Queue::ALL.len()]);

impl Depths {
    pub(crate) fn note(&mut self, queue: Queue, depth: usize) {
        let most = &mut self.0[queue as usize];
        *most = (*most).max(depth as u64);
    }

    /// The most that `queue` held.
    pub const fn most(&self, queue: Queue) -> u64 {
        self.0[queue as usize]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Queue, u64)> {
        Queue::ALL.iter().map(|queue| (*queue, self.most(*queue)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_stays() {
        let mut depths = Depths::default();
        for depth in [3, 7, 2] {
            depths.note(Queue::Events, depth);
        }
        assert_eq!((depths.most(Queue::Events), depths.most(Queue::Commands)), (7, 0));
        assert_eq!(depths.iter().map(|(queue, most)| (queue.label(), most)).max_by_key(|(_, most)| *most), Some(("events", 7)));
    }
}
