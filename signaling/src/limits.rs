//! What one connection and one participant may take up. The node's own limits (rooms, participants) are the operator's: `Config`.

use std::num::NonZeroU32;
use std::time::Duration;

/// The limits of signaling. The defaults are for people; tests make them small.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest message of a client. Higher: one client can make the server parse more. Lower: a browser with many codecs cannot tell its
    /// capabilities (30 kB are seen). The protocol page promises 64 KiB.
    pub message_len_max: usize,
    /// Requests of one connection per second, over a while; beyond it they wait. Higher: one client can keep signaling busier. Lower:
    /// entering a large room takes longer, at two `consume` and two `resumeConsumer` for each participant.
    pub requests_per_second: NonZeroU32,
    /// Requests of one connection at once, before the rate counts.
    pub requests_burst: NonZeroU32,
    /// Those of them that everyone in the room is told of (`produce`, pausing and resuming a producer), per second. Higher: one client
    /// can have signaling write more, at one message for each participant of a full room. Lower: push-to-talk lags.
    pub broadcasts_per_second: NonZeroU32,
    /// How many of these at once, before their rate counts.
    pub broadcasts_burst: NonZeroU32,
    /// Messages that are malformed or unknown before the connection is closed. Higher: a broken client costs more. Lower: a
    /// client of a newer version, with methods that this server does not know, is thrown out.
    pub errors_max: u32,
    /// Messages that wait for a client that does not read. Higher: a client that stalls (a laptop lid, a bad network) is kept for
    /// longer. Lower: entering a large room, whose notifications come at once, throws it out.
    pub queue_messages_max: usize,
    /// Bytes of these messages: the memory that one client that does not read can take. A single message counts for at most half of
    /// it, so that the answer to `join` in a large room, 2 MiB when all use their `appData`, does not cut off whoever asked.
    pub queue_bytes_max: usize,
    /// How long one message may take to be written before the client counts as lost.
    pub write_timeout: Duration,
    /// Between two WebSocket pings.
    pub ping_interval: Duration,
    /// Without any message or pong, the client counts as lost.
    pub silence_max: Duration,
    /// A participant whose WebSocket is lost stays for this long. Higher: others look at a frozen tile for longer. Lower: a client that
    /// reconnects after a change of networks appears as new.
    pub linger: Duration,
    /// How long a shard may take to answer a command before the client is told `busy`. A shard that lives answers within a millisecond.
    pub shard_timeout: Duration,
    /// How long a shard may take to answer `/ready`.
    pub ready_timeout: Duration,
    /// The answer to `/ready` is shared for this long. Higher: it is known later that the node cannot take calls. Lower: whoever asks
    /// often has the shards asked as often.
    pub ready_shared: Duration,
    /// A snapshot older than this is stale: shards post once a second.
    pub snapshot_age_max: Duration,
    /// A shard that started anew gets new rooms only when no other can take them, for this long. Higher: the others carry its share for
    /// longer. Lower: what made it fail may meet it again.
    pub restart_shadow: Duration,
    /// Transports of one participant; the engine reserves as many.
    pub transports_max: usize,
    /// Producers of one participant. Microphone, camera, screen and its sound are four.
    pub producers_max: usize,
    /// Consumers of one participant: both kinds of 500 others.
    pub consumers_max: usize,
    /// Bytes of `appData` of all producers of one participant together: everyone in the room is told of them, at joining all at once.
    pub app_data_len_max: usize,
    /// Connections that have not joined a room. Higher: more memory for clients that only connect. Lower: a burst of joins is refused.
    pub lobby_max: usize,
    /// Those of one identity. Higher: one user can take more of the places. Lower: one who connects again and again over a bad network
    /// is refused while the old connections are still believed in.
    pub lobby_per_identity_max: usize,
    /// Connections beyond one for each participant and each place in the lobby: what asks for pages, metrics and rooms.
    pub http_connections_max: usize,
    /// How long a connection may take to say what it wants, and to say it again when it is kept alive.
    pub header_timeout: Duration,
    /// How long a connection may live without becoming a WebSocket; what it asked for last is answered. Higher: a client that reads or
    /// sends very slowly holds its place for longer. Lower: a large page does not reach a slow client.
    pub http_time_max: Duration,
    /// A connection that does not join within this time is closed.
    pub join_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_len_max: 64 * 1024,
            requests_per_second: const { NonZeroU32::new(100).expect("not zero") },
            requests_burst: const { NonZeroU32::new(400).expect("not zero") },
            broadcasts_per_second: const { NonZeroU32::new(10).expect("not zero") },
            broadcasts_burst: const { NonZeroU32::new(40).expect("not zero") },
            errors_max: 50,
            queue_messages_max: 2_048,
            queue_bytes_max: 1024 * 1024,
            write_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(15),
            silence_max: Duration::from_secs(45),
            linger: Duration::from_secs(10),
            shard_timeout: Duration::from_secs(5),
            ready_timeout: Duration::from_secs(1),
            ready_shared: Duration::from_secs(1),
            snapshot_age_max: Duration::from_secs(5),
            restart_shadow: Duration::from_secs(60),
            transports_max: corelay_engine::config::limits::TRANSPORTS_PER_PARTICIPANT,
            producers_max: 16,
            consumers_max: 1_000,
            app_data_len_max: 4 * 1024,
            lobby_max: 1_000,
            lobby_per_identity_max: 16,
            http_connections_max: 256,
            header_timeout: Duration::from_secs(10),
            http_time_max: Duration::from_secs(60),
            join_timeout: Duration::from_secs(60),
        }
    }
}
