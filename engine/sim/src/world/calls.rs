//! Calls of browsers in a world: cameras and microphones that are published, viewers and listeners that are subscribed.

use super::{PeerId, World};
use crate::camera::{Camera, CameraSpec};
use crate::listener::Listener;
use crate::microphone::{Microphone, MicrophoneSpec};
use crate::transport_feedback::FeedbackKind;
use crate::viewer::Viewer;
use corelay_core::control::{Command, SubscriptionParameters, TrackParameters};
use corelay_wire::ids::{RequestId, SubscriptionId, TrackId};
use corelay_wire::media::{Codec, Extension, ExtensionMap, Feedback, Kind, PayloadFormat, PayloadFormats};
use corelay_wire::units::{Mid, PayloadType, Ssrc};
use rand::Rng;

/// How a subscriber receives.
#[derive(Clone, Copy, Debug)]
pub struct Reception {
    /// What it tells of its downlink.
    pub feedback: FeedbackKind,
    /// Retransmissions have a stream of their own.
    pub rtx: bool,
    /// It asks for what is missing.
    pub nack: bool,
    /// It takes redundant audio; else it gets the present blocks alone.
    pub red: bool,
}

impl Default for Reception {
    fn default() -> Self {
        Self { feedback: FeedbackKind::TransportWide, rtx: true, nack: true, red: true }
    }
}

impl World {
    /// A peer publishes a camera. The tag is the track's name in its packets.
    pub fn publish_camera(&mut self, peer: PeerId, spec: CameraSpec, tag: u32) -> TrackId {
        let camera = Camera::new(spec, tag, self.random.next_u64());
        let track = self.publish_track(peer, camera.parameters());
        self.peers[peer.0].media.add_camera(camera);
        track
    }

    /// A peer publishes a microphone.
    pub fn publish_microphone(&mut self, peer: PeerId, spec: MicrophoneSpec, tag: u32) -> TrackId {
        let microphone = Microphone::new(spec, tag, self.random.next_u64());
        let track = self.publish_track(peer, microphone.parameters());
        self.peers[peer.0].media.microphones.push(microphone);
        track
    }

    fn publish_track(&mut self, peer: PeerId, parameters: TrackParameters) -> TrackId {
        let (request, track) = (RequestId(self.id()), TrackId(self.id()));
        let transport = self.peers[peer.0].transport_id;
        let boxed = Box::new(parameters.clone());
        let shard = self.shards.home(peer.0);
        let reply = self.command_to(shard, Command::Publish { request, transport, track, parameters: boxed, paused: false });
        assert!(matches!(reply, Some(Ok(_))), "{reply:?}");
        self.shards.published(track, peer.0, parameters);
        let outlet = &mut self.peers[peer.0].media.outlet;
        (outlet.numbered, outlet.timed) = (true, true);
        track
    }

    /// A peer watches a camera's track.
    pub fn view(&mut self, peer: PeerId, track: TrackId, tag: u32, reception: Reception) -> SubscriptionId {
        let (subscription, parameters, codec) = self.subscribe_media(peer, track, reception);
        let viewer = Viewer::new(self.now, subscription, parameters, codec, tag);
        self.peers[peer.0].media.viewers.push(viewer);
        subscription
    }

    /// A peer listens to a microphone's track.
    pub fn listen(&mut self, peer: PeerId, track: TrackId, tag: u32, reception: Reception) -> SubscriptionId {
        let (subscription, parameters, _) = self.subscribe_media(peer, track, reception);
        self.peers[peer.0].media.listeners.push(Listener::new(self.now, subscription, parameters, tag));
        subscription
    }

    fn subscribe_media(
        &mut self,
        peer: PeerId,
        track: TrackId,
        reception: Reception,
    ) -> (SubscriptionId, SubscriptionParameters, Codec) {
        let published = &self.shards.tracks[&track].parameters;
        let codec = published.formats[0].codec;
        // As signaling has it: who gets no spatial layers is told no descriptor, so that each frame waits for the one before.
        let described = published.scalability.spatial > 1 && published.extensions.id(Extension::DependencyDescriptor).is_some();
        let (request, subscription) = (RequestId(self.id()), SubscriptionId(self.id()));
        let parameters = self.reception(codec, described, subscription, reception);
        let transport = self.peers[peer.0].transport_id;
        let shard = self.shards.home(peer.0);
        self.mirror(shard, track);
        let boxed = Box::new(parameters.clone());
        let reply = self
            .command_to(shard, Command::Subscribe { request, transport, track, subscription, parameters: boxed, paused: false });
        assert!(matches!(reply, Some(Ok(_))), "{reply:?}");
        self.peers[peer.0].media.set_feedback(reception.feedback);
        (subscription, parameters, codec)
    }

    fn reception(&mut self, codec: Codec, described: bool, id: SubscriptionId, reception: Reception) -> SubscriptionParameters {
        let mut extensions = ExtensionMap::default();
        for (extension, id) in [(Extension::Mid, 9), (Extension::AudioLevel, 2), (Extension::AbsSendTime, 5)] {
            extensions.insert(extension, id);
        }
        if reception.feedback == FeedbackKind::TransportWide {
            extensions.insert(Extension::TransportSequence, 6);
        }
        if described {
            extensions.insert(Extension::DependencyDescriptor, 12);
        }
        if codec.kind() == Kind::Video {
            extensions.insert(Extension::PlayoutDelay, 7);
        }
        let feedback = Feedback {
            nack: reception.nack,
            pli: true,
            fir: true,
            transport_cc: reception.feedback == FeedbackKind::TransportWide,
            remb: reception.feedback == FeedbackKind::Remb,
        };
        let format = |codec| {
            let payload_type = PayloadType(100 + 2 * codec as u8);
            PayloadFormat { codec, payload_type, rtx: reception.rtx.then_some(PayloadType(payload_type.0 + 1)), feedback }
        };
        let redundant = (reception.red && codec == Codec::Opus).then_some(Codec::Red);
        // Chance could give one number twice, which signaling would not.
        let ssrc = Ssrc(self.random.next_u32() & 0x7FFF_FFFE);
        SubscriptionParameters {
            ssrc,
            rtx_ssrc: reception.rtx.then_some(Ssrc(ssrc.0 + 1)),
            mid: Mid::from(&format!("s{}", id.0)).ok(),
            formats: core::iter::once(codec).chain(redundant).map(format).collect::<PayloadFormats>(),
            extensions,
            preferences: Default::default(),
        }
    }
}
