//! What viewers tell of their paths: from the datagram to the estimate, the pace and the layers. The media that it tells of is no part.

use crate::call::datagram;
use core::net::SocketAddr;
use core::time::Duration;
use corelay_core::limits::Limits;
use corelay_sim::camera::CameraSpec;
use corelay_sim::world::Reception;
use corelay_sim::{PeerId, World, prearranged};
use corelay_wire::media::Codec;

/// Enough that no message finds what the one before has just warmed.
const VIEWERS: usize = 20;
const TAG: u32 = 1;
/// Of the camera: what browsers give to 720 lines.
const KBPS: u64 = 2_600;
/// Probes of the start are over.
const SETTLED: Duration = Duration::from_secs(5);
/// Each viewer tells three times in it and sends a report now and then; each message is of about twenty packets.
const STRETCH: Duration = Duration::from_millis(250);
/// Of them.
pub(super) const MESSAGES: usize = 3 * VIEWERS;

/// A call in which the viewers' RTCP is given to the core by hand.
pub(super) struct Told {
    world: World,
    messages: Vec<(SocketAddr, Vec<u8>)>,
}

impl Told {
    /// A call that has been on for a while.
    pub(super) fn connect() -> Self {
        let mut world = World::with_dtls(1, Limits::default(), prearranged::aead_128);
        let camera = world.join();
        let viewers: Vec<PeerId> = (0..VIEWERS).map(|_| world.join()).collect();
        world.run_until_connected(Duration::from_secs(60));
        let track = world.publish_camera(camera, CameraSpec::single(Codec::Vp8, KBPS, 1), TAG);
        for viewer in viewers {
            world.view(viewer, track, TAG, Reception::default());
        }
        world.run(SETTLED);
        Self { world, messages: Vec::new() }
    }

    /// Media flows, and what is told of it is kept.
    pub(super) fn prepare(&mut self) {
        self.world.withheld = Some(Vec::new());
        self.world.run(STRETCH);
        self.messages = self.world.withheld.take().unwrap_or_default();
        assert!(self.messages.len() >= MESSAGES, "each viewer tells three times");
        self.messages.truncate(MESSAGES);
    }

    /// All of it is told.
    pub(super) fn work(&mut self) {
        let now = self.world.now();
        for (source, bytes) in &mut self.messages {
            self.world.core.handle_datagram(now, datagram(now, *source, bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corelay_core::drop_reason::DropReason;

    #[test]
    fn every_message_is_taken_and_taken_once() {
        let mut told = Told::connect();
        for round in 1..=3 {
            told.prepare();
            let again = told.messages.clone();
            told.work();
            told.messages = again;
            told.work();
            assert_eq!(told.world.drops(DropReason::SrtcpReplayed), round * MESSAGES as u64, "what came again, and nothing else");
        }
    }
}
