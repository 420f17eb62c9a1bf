//! Everything has a limit, and this is where the limits are, each with its reason. `budget` sums the memory that they allow.

/// Most shards of a node: no machine that is sold has more useful cores.
pub const SHARDS_MAX: usize = 256;

/// Addresses that media sockets listen on. Each is a socket per shard; a host with more networks than this is a router.
pub const RTC_LISTEN_IPS_MAX: usize = 8;

/// Participants of the node by default: two thousand subscribers, who publish nothing, with their publishers and some to spare. Higher:
/// one node takes more calls, and a crash ends more of them. Lower: memory is spared and nodes are added sooner.
pub const PARTICIPANTS_DEFAULT: usize = 2_500;
/// The most that may be asked for: signaling is one thread.
pub const PARTICIPANTS_MAX: usize = 1_000_000;

/// Participants of one room by default: as many as the node takes, because a room spills over the shards. Lower: a room cannot take the whole node, and large ones are refused while there is room for them. Everyone in a room
/// is told who comes, goes and publishes, so signaling's work for a room grows with the square of this.
pub const ROOM_PARTICIPANTS_DEFAULT: usize = PARTICIPANTS_DEFAULT;

/// `SPILL_PARTICIPANTS`, the default. It bounds what a join storm puts onto one shard before its subscriptions, or the shard's load,
/// show: 300 times audio and video of 300 packets/s are a tenth of a core. Higher: a room stays whole for longer, without copies
/// between shards, and a storm of a large room is felt by the other rooms of the shard. Lower: the other way round.
pub const SPILL_PARTICIPANTS_DEFAULT: usize = 300;
/// `SPILL_SUBSCRIPTIONS`, the default: 1,000 times audio and video, 300,000 packets/s, between a tenth and a third of a core, so that the
/// subscriptions to those who come later fit as well: participants never move. A meeting of 32 where everyone receives everyone
/// has as many. Higher: a meeting that grows overloads its first shard. Lower: meetings are cut up, and each of their tracks
/// is copied to each of their shards.
pub const SPILL_SUBSCRIPTIONS_DEFAULT: usize = 2_000;
/// The most that may be asked for: a room that never spills for that.
pub const SPILL_SUBSCRIPTIONS_MAX: usize = 1_000_000_000;

/// `MICROPHONES_FORWARDED`, the default. Higher: a listener of a large room gets as many streams, spoken into or not, and decodes them.
/// Lower: where many talk at once somebody is not heard before others pause.
pub const MICROPHONES_FORWARDED_DEFAULT: u8 = 5;

/// `FAST_START_KIB`, the default: what the history of a video holds anyhow, for retransmissions. That is 14 s of a picture of 150 kbit/s,
/// with which every joiner begins, and less than a second and a half of one of 1.5 Mbit/s. Higher: a joiner finds all since a keyframe for longer,
/// and every stream of a video takes that much memory. Lower: keyframes are asked for more often.
pub const FAST_START_KIB_DEFAULT: u32 = 256;
/// The most that may be asked for: a minute of 2 Mbit/s. No path takes as much in a moment, so more would be kept and never be sent.
pub const FAST_START_KIB_MAX: u32 = 16_384;

/// Rooms of the node by default. A room costs little; the limit keeps a client with a room-creating token from filling memory.
pub const ROOMS_DEFAULT: usize = 1_000;
/// The most that may be asked for.
pub const ROOMS_MAX: usize = 1_000_000;

/// Transports of a participant: one to send and one to receive, as `mediasoup-client` makes them, and one pair while it reconnects.
pub const TRANSPORTS_PER_PARTICIPANT: usize = 4;
/// Tracks of a participant on average over a full shard: microphone, camera, and a screen with its sound for some.
pub const TRACKS_PER_PARTICIPANT: usize = 3;
/// Subscriptions of a participant on average over a full shard. Higher: more memory for mappings (they are small). Lower: a shard of
/// few large rooms is full before its participants are.
pub const SUBSCRIPTIONS_PER_PARTICIPANT: usize = 64;

/// Small rooms are placed whole, so shards fill unevenly: each may hold this many times its even share of the node's participants and
/// rooms. Higher: more memory may be used by one shard. Lower: a room spills, at the cost of relays, because its shard is full
/// while it has nothing to do.
pub const SHARE_SLACK: usize = 2;

/// `COALESCE_US`, the default: a datagram's latency under load that company is waited within. Higher: fuller runs and fewer wake-ups
/// (20,000 packets/s: 3.4 us each instead of 26 with 500 us), and that much more latency. Lower: less latency, and more CPU where a
/// shard has many small streams and little to do.
pub const COALESCE_US_DEFAULT: u32 = 250;
/// A quarter of a 60 Hz frame: beyond this the wait is seen.
pub const COALESCE_US_MAX: u32 = 4_000;

/// `DRAIN_TIMEOUT`, the default in seconds: most calls end or reconnect by themselves within five minutes.
pub const DRAIN_TIMEOUT_S_DEFAULT: u64 = 300;
/// A day: beyond that, it is not a drain.
pub const DRAIN_TIMEOUT_S_MAX: u64 = 86_400;

/// HS256 wants a key at least as long as the hash (RFC 7518 section 3.2): "A key of the same size as the hash output [...] or larger
/// MUST be used with this algorithm."
pub const JWT_SECRET_BYTES_MIN: usize = 32;

/// Commands that wait for a shard. Higher: a longer burst of joins is taken in while the shard is busy, at 200 bytes each. Lower:
/// signaling hears `MailboxFull` sooner and tells its clients to try again.
pub const COMMANDS_QUEUED_MAX: usize = 4_096;
/// Commands of one turn. Higher: a join storm is carried out sooner and delays media more. Lower: the other way round. 64 commands take
/// less time than the packets of a full turn.
pub const COMMANDS_PER_TURN_MAX: usize = 64;

/// How long a turn sends: it ends with the first hand-over that ends after this, and the next turn goes on without sleeping. A batch for
/// a room of 2,000 is 150 ms of work. It is a time, because hand-overs differ: one of long runs takes 0.1 ms, one of single packets
/// 1.2 ms. Higher: commands, timers, checks and handshakes wait longer behind a large room, up to this and one hand-over. Lower: the fixed
/// costs of a turn (a few microseconds) are paid more often.
pub const SENDING_PER_TURN: std::time::Duration = std::time::Duration::from_millis(1);
/// Packets that a shard has taken in and not sent to everyone, while it is behind: it leaves the rest in the sockets' buffers. That is
/// what the history of one video layer holds, so that a burst of one publisher waits there (4 MiB, 1,800 packets) and loses nothing,
/// where a history would overwrite what is still to be sent. Higher: packets are lost as `too_late`. Lower: checks, reports and
/// handshakes, which come the same way, wait longer behind media.
pub const BACKLOG_MAX: usize = 176;
/// Datagrams that a turn takes in whatever the backlog: 8,000 a second while the shard is behind. Higher: a shard that stays behind opens
/// more packets to overwrite them. Lower: checks, reports and goodbyes wait longer, and 2,000 subscribers say some 2,500 of them a second.
pub const DATAGRAMS_PER_TURN_MIN: usize = 8;

/// Events that wait for signaling. Higher: signaling may sleep longer before anything spills. Lower: less memory a shard.
pub const EVENTS_QUEUED_MAX: usize = 4_096;
/// Events that a shard keeps aside when that queue is full, before it counts drops. As long as the queue: signaling that is that far
/// behind has lost its clients anyway, and the media of the others goes on.
pub const EVENTS_SPILLED_MAX: usize = 4_096;

/// Bytes of the ring from one shard to another, on a node of few shards. Higher: a shard that is held up for longer (a megabyte is 33 ms
/// of a hundred videos of 2.5 Mbit/s) misses no packets, which then are forwarded late. Lower: less memory, and a burst of keyframes
/// meets a full ring. Memory that no message ever reached is not resident.
pub const RELAY_RING_BYTES: usize = 1 << 20;
/// The least, on a node of many shards: the keyframes of a large room together.
pub const RELAY_RING_BYTES_MIN: usize = 128 << 10;
/// What the rings of all pairs may take together before they get smaller: a node of 16 shards has all of its rings at full size.
pub const RELAY_RINGS_BYTES: usize = 256 << 20;
/// Messages that a shard takes from one ring in a turn. Higher: a shard that was held up catches up sooner, and one busy peer delays
/// the datagrams of the next turn more. Lower: the other way round. To take a packet in costs a tenth of a microsecond, what
/// follows from it is forwarding.
pub const RELAY_MESSAGES_PER_TURN_MAX: usize = 512;
/// How long a shard sleeps at most while it has something to tell for which a ring has no room. Higher: a keyframe is asked for later
/// after a jam. Lower: more empty turns while it lasts.
pub const RELAY_RETRY: std::time::Duration = std::time::Duration::from_millis(1);

/// Bytes of each ring on a node of `shards` shards.
pub const fn relay_ring_bytes(shards: usize) -> usize {
    let pairs = shards * shards.saturating_sub(1);
    match pairs {
        0 => 0,
        pairs if RELAY_RINGS_BYTES / pairs >= RELAY_RING_BYTES => RELAY_RING_BYTES,
        pairs if RELAY_RINGS_BYTES / pairs >= RELAY_RING_BYTES_MIN => RELAY_RINGS_BYTES / pairs,
        _ => RELAY_RING_BYTES_MIN,
    }
}

const _: () = assert!(relay_ring_bytes(16) == RELAY_RING_BYTES, "RELAY_RINGS_BYTES says so");
const _: () = assert!(SHARDS_MAX <= u16::MAX as usize, "ShardId is 16 bits");
const _: () = assert!(ROOM_PARTICIPANTS_DEFAULT <= PARTICIPANTS_DEFAULT, "a full room fits the node");
const _: () = assert!(COMMANDS_PER_TURN_MAX < COMMANDS_QUEUED_MAX, "a turn does not empty a full queue of a join storm");
const _: () = assert!(DATAGRAMS_PER_TURN_MIN < BACKLOG_MAX, "a shard that is behind takes in less than one that is not");
