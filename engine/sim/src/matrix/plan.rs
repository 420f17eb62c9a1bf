//! What a condition is made of.

use super::Bounds;
use crate::camera::CameraSpec;
use crate::endpoint::Uplink;
use crate::microphone::MicrophoneSpec;
use crate::network::{Faults, Way};
use crate::world::Reception;
use core::time::Duration;
use corelay_wire::media::Codec;
use corelay_wire::units::Instant;

/// One direction of a link; times in milliseconds from the call's begin.
#[derive(Clone, Debug, Default)]
pub struct LinkPlan {
    /// At first.
    pub faults: Faults,
    /// From a time on.
    pub changes: Vec<(u64, Faults)>,
    /// The bottleneck that it shares, and the traffic of others over it: bit/s, from, until.
    pub shared: Option<u32>,
    /// Traffic of others over the shared bottleneck.
    pub cross: Option<(u64, u64, u64)>,
}

impl LinkPlan {
    /// A link that stays as it is.
    pub fn new(faults: Faults) -> Self {
        Self { faults, ..Self::default() }
    }

    /// As it is from a time on.
    pub fn then(mut self, ms: u64, faults: Faults) -> Self {
        self.changes.push((ms, faults));
        self
    }

    /// The same with times of the world.
    pub(super) fn way(&self, begin: Instant) -> Way {
        let way = self
            .changes
            .iter()
            .fold(Way::new(self.faults), |way, (ms, faults)| way.then(begin + Duration::from_millis(*ms), *faults));
        match self.shared {
            Some(shared) => way.through(shared),
            None => way,
        }
    }

    /// Its rate at a time; `None` when it has no limit.
    pub(super) fn rate(&self, ms: u64) -> Option<u64> {
        let faults = self.changes.iter().rfind(|(at, _)| *at <= ms).map_or(&self.faults, |(_, faults)| faults);
        (faults.rate > 0).then_some(faults.rate)
    }
}

/// Who watches and listens.
#[derive(Clone, Debug, Default)]
pub struct Subscriber {
    /// To the server.
    pub up: LinkPlan,
    /// From it.
    pub down: LinkPlan,
    /// When it subscribes.
    pub joins_ms: u64,
    /// How it receives.
    pub reception: Reception,
    /// On which shard it is.
    pub shard: usize,
}

/// Something that is done during the call.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    /// The camera sends these streams only: one bit each, lowest first.
    Streams(u8),
    /// The camera encodes so many spatial layers.
    Spatial(u8),
    /// A subscriber pauses its video, or goes on.
    Pause(usize, bool),
    /// A subscriber asks for no more than a stream and its temporal layers.
    Prefer(usize, u8, u8),
    /// A subscriber has a picture of this size to fill.
    Viewport(usize, u16, u16),
}

/// Whether the bounds are expected to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// They hold for every seed.
    Holds,
    /// Not yet, for a reason: counted apart, and a run that passes is counted as passed.
    NotYet(&'static str),
}

/// See [`super`].
#[derive(Clone, Debug)]
pub struct Condition {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What the publisher shows.
    pub camera: CameraSpec,
    /// What it says, if anything.
    pub microphone: Option<MicrophoneSpec>,
    /// How its camera finds its rate.
    pub uplink: Uplink,
    /// Its link towards the server.
    pub up: LinkPlan,
    /// And from it.
    pub down: LinkPlan,
    /// Who watches.
    pub subscribers: Vec<Subscriber>,
    /// Things that are done, at milliseconds of the call, in their order.
    pub happenings: Vec<(u64, Happening)>,
    /// How long it lasts.
    pub seconds: u64,
    /// How many shards the node has.
    pub shards: u16,
    /// What has to hold.
    pub bounds: Bounds,
    /// Whether it does.
    pub expected: Expected,
}

impl Condition {
    /// A simulcast camera in VP8 and a microphone, a clean uplink, and one subscriber on a link.
    pub fn new(name: &'static str, up: LinkPlan, down: LinkPlan) -> Self {
        Self {
            name,
            camera: CameraSpec::simulcast(Codec::Vp8),
            microphone: Some(MicrophoneSpec::default()),
            uplink: Uplink::Fixed,
            up: LinkPlan::new(clean(10)),
            down: LinkPlan::new(clean(10)),
            subscribers: vec![Subscriber { up, down, ..Subscriber::default() }],
            happenings: Vec::new(),
            seconds: 15,
            shards: 1,
            bounds: Bounds::default(),
            expected: Expected::Holds,
        }
    }

    /// The same with other bounds.
    pub fn bounded(self, change: impl FnOnce(&mut Bounds)) -> Self {
        self.with(|condition| change(&mut condition.bounds))
    }

    /// The same, changed.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// Nothing but a way of `ms`.
pub(super) fn clean(ms: u64) -> Faults {
    Faults { delay: Duration::from_millis(ms), ..Faults::default() }
}

/// A bottleneck of `kbps` with a queue of 300 ms, behind a way of `ms`.
pub(super) fn bottleneck(kbps: u64, ms: u64) -> Faults {
    Faults { rate: kbps * 1_000, ..clean(ms) }
}
