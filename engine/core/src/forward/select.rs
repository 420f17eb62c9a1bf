//! Which layer of a track a subscription gets.

use core::time::Duration;
use corelay_wire::units::Instant;

/// A layer that was silent for longer does not send. Longer leaves a viewer on a layer that ended; shorter takes it away from one
/// that only pauses between the frames of a still screen share (one a second).
const SILENT: Duration = Duration::from_secs(2);

/// The highest layer that sends; the lowest while none does. `last_packets` lists each layer's last arrival, lowest layer first.
pub(crate) fn select(last_packets: impl DoubleEndedIterator<Item = Option<Instant>> + ExactSizeIterator, now: Instant) -> u8 {
    let highest = last_packets.enumerate().rev().find(|(_, at)| at.is_some_and(|at| now.since(at) <= SILENT));
    highest.map_or(0, |(layer, _)| layer as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_layer_that_sends_is_selected() {
        let now = Instant::from_millis(10_000);
        let at = |ms| Some(Instant::from_millis(ms));
        assert_eq!(select([None, None].into_iter(), now), 0);
        assert_eq!(select([at(10_000), at(9_000), None].into_iter(), now), 1);
        assert_eq!(select([at(10_000), at(7_000)].into_iter(), now), 0);
        assert_eq!(select([at(7_000)].into_iter(), now), 0);
    }
}
