//! What became of one packet, as the peer's feedback tells it.

use corelay_wire::units::{Instant, SequenceNumber};

/// One packet that was sent, and its fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketResult {
    /// Its transport-wide number: what is told twice counts once, and feedback that was lost shows as a gap.
    pub sequence: SequenceNumber,
    /// When it left. Packets of one run left at the same time.
    pub sent: Instant,
    /// When it arrived, on the peer's clock, whose origin and pace are the peer's own (see [`super::ArrivalClock`]). `None`: it had not
    /// when the feedback was made.
    pub arrived: Option<Instant>,
    /// Its size as the link sees it: the datagram, with UDP and IP headers.
    pub bytes: u32,
    /// The cluster of the probe that it was part of.
    pub probe: Option<u8>,
}
