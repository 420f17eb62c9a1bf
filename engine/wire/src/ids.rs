//! Names of things that cross a boundary: signaling chooses them, shards look them up. Never reused while the node runs.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// One pinned thread of the engine, counted from zero.
    ShardId(u16)
);
id!(
    /// A call.
    RoomId(u64)
);
id!(
    /// One user in a room.
    ParticipantId(u64)
);
id!(
    /// One ICE + DTLS + SRTP association.
    TransportId(u64)
);
id!(
    /// One published media source. The wire protocol calls it a producer.
    TrackId(u64)
);
id!(
    /// One participant's reception of one track. The wire protocol calls it a consumer.
    SubscriptionId(u64)
);
id!(
    /// Ties a reply of a shard to the command that asked for it.
    RequestId(u64)
);

impl RequestId {
    /// Of a command whose sender goes on without the answer: there is none, and a refusal is only counted.
    pub const UNANSWERED: Self = Self(u64::MAX);
}
