//! The call of a condition: who is in it, what is done in it, and what was seen of it.

use super::plan::{Condition, Happening, Subscriber};
use crate::microphone::MicrophoneSpec;
use crate::network::{CrossTraffic, Direction};
use crate::prearranged::aead_128;
use crate::world::{PeerId, World};
use core::time::Duration;
use corelay_core::control::{Command, Event, Reply, Viewport};
use corelay_core::limits::Limits;
use corelay_wire::ids::{RequestId, SubscriptionId, TrackId};
use corelay_wire::units::{Bitrate, Instant};

/// The names of the tracks in their packets.
pub(super) const VIDEO: u32 = 1;
const AUDIO: u32 = 2;
/// The microphones of subscribers, from here on.
const OWN_AUDIO: u32 = 10;
/// Who joins later has a transport by then: a call is joined when it is tapped, not when the handshake is.
const EARLY: Duration = Duration::from_millis(1_500);
/// The estimate is read this often.
const SAMPLE: Duration = Duration::from_millis(250);

/// A call under way, and what was seen of it.
pub(super) struct Call<'a> {
    pub(super) condition: &'a Condition,
    pub(super) world: World,
    pub(super) begin: Instant,
    pub(super) publisher: PeerId,
    pub(super) seats: Vec<Seat>,
    tracks: (TrackId, Option<TrackId>),
}

/// A subscriber of the call.
pub(super) struct Seat {
    pub(super) peer: PeerId,
    pub(super) video: SubscriptionId,
    /// Estimates of its link, by time.
    pub(super) estimates: Vec<(Instant, Option<Bitrate>)>,
    /// Its picture is not on the screen.
    hidden: bool,
}

impl<'a> Call<'a> {
    /// Everyone has a transport, and the publisher its tracks.
    pub(super) fn open(condition: &'a Condition, seed: u64) -> Self {
        let limits =
            Limits { transports_max: 128, tracks_max: 64, subscriptions_max: 256, shards: condition.shards, ..Limits::default() };
        let mut world = World::with_dtls(seed, limits, aead_128);
        let publisher = world.join();
        let peers: Vec<_> = condition.subscribers.iter().map(|s| world.join_on(s.shard)).collect();
        world.run_until_connected(Duration::from_secs(2));
        world.run(EARLY);
        let begin = world.now();
        world.peer(publisher).media.uplink = condition.uplink;
        let plans = condition.subscribers.iter().zip(&peers).map(|(s, peer)| (*peer, &s.up, &s.down));
        for (peer, up, down) in plans.chain([(publisher, &condition.up, &condition.down)]) {
            for (direction, plan) in [(Direction::Up, up), (Direction::Down, down)] {
                world.ways.insert((peer.0, direction), plan.way(begin));
                if let (Some(shared), Some((rate, from, until))) = (plan.shared, plan.cross) {
                    let at = |ms| begin + Duration::from_millis(ms);
                    world.network.add_cross_traffic(shared, CrossTraffic { rate, from: at(from), until: at(until) });
                }
            }
        }
        let video = world.publish_camera(publisher, condition.camera.clone(), VIDEO);
        let audio = condition.microphone.map(|spec| world.publish_microphone(publisher, spec, AUDIO));
        Self { condition, world, begin, publisher, seats: Vec::new(), tracks: (video, audio) }
    }

    /// The core tells of everybody from here on.
    pub(super) fn trace(&mut self) {
        for at in 0..self.world.peers.len() {
            let (participant, shard) = (self.world.peers[at].participant, self.world.shards.home(at));
            self.world.command_to(shard, Command::Trace { participant, on: true });
        }
    }

    /// What it told, a line each.
    pub(super) fn told(&self) -> Vec<String> {
        let line = |(_, event): &(Instant, Event)| match event {
            Event::Trace { participant, at, trace } => {
                let who = self.world.peers.iter().position(|p| p.participant == *participant)?;
                // The publisher joined first.
                let who = who.checked_sub(1).map_or("publisher".to_owned(), |at| format!("subscriber {at}"));
                Some(format!("{:9.3} s  {who}: {trace:?}", at.since(self.begin).as_secs_f64()))
            }
            _ => None,
        };
        self.world.events.iter().filter_map(line).collect()
    }

    /// The next subscriber subscribes.
    pub(super) fn join(&mut self, subscriber: &Subscriber) {
        let at = self.condition.subscribers.iter().position(|s| core::ptr::eq(s, subscriber)).expect("of the condition");
        // The publisher joined first.
        let peer = PeerId(at + 1);
        let video = self.world.view(peer, self.tracks.0, VIDEO, subscriber.reception);
        if let Some(audio) = self.tracks.1 {
            self.world.listen(peer, audio, AUDIO, subscriber.reception);
        }
        // It speaks too, as people do: so it knows its round trip, and its reports share the uplink with sound.
        self.world.publish_microphone(peer, MicrophoneSpec::default(), OWN_AUDIO + at as u32);
        self.seats.push(Seat { peer, video, estimates: Vec::new(), hidden: false });
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        let camera = &mut self.world.peers[self.publisher.0].media.cameras[0];
        match happening {
            Happening::Streams(wanted) => camera.set_streams(wanted),
            Happening::Spatial(layers) => camera.set_spatial(layers),
            Happening::Pause(seat, paused) => {
                self.tell(seat, |subscription| Command::PauseSubscription { subscription, paused });
                if !paused {
                    self.look_again(seat);
                }
            }
            Happening::Prefer(seat, spatial, temporal) => {
                self.tell(seat, |subscription| Command::PreferLayers { subscription, spatial, temporal });
            }
            Happening::Viewport(seat, width, height) => {
                let viewport = Viewport { width, height };
                self.tell(seat, |subscription| Command::SetViewport { subscription, viewport });
                if viewport.is_hidden() {
                    self.seats[seat].hidden = true;
                } else if core::mem::take(&mut self.seats[seat].hidden) {
                    self.look_again(seat);
                }
            }
        }
    }

    /// What a subscriber was not shown for a while.
    fn look_again(&mut self, seat: usize) {
        let now = self.world.now();
        let Seat { peer, .. } = self.seats[seat];
        self.world.peer(peer).media.viewers[0].screen.look_again(now);
    }

    fn tell(&mut self, seat: usize, command: impl FnOnce(SubscriptionId) -> Command) {
        let Seat { peer, video, .. } = self.seats[seat];
        let shard = self.world.shards.home(peer.0);
        self.world.command_to(shard, command(video));
    }

    /// Lets the call go on, and reads the estimates.
    pub(super) fn run_until(&mut self, ms: u64) {
        let end = self.begin + Duration::from_millis(ms);
        while self.world.now() < end {
            self.world.run(SAMPLE.min(end.since(self.world.now())));
            for at in 0..self.seats.len() {
                let estimate = self.estimate(self.seats[at].peer);
                let now = self.world.now();
                self.seats[at].estimates.push((now, estimate));
            }
        }
    }

    fn estimate(&mut self, peer: PeerId) -> Option<Bitrate> {
        let (request, participant) = (RequestId(self.world.id()), self.world.peers[peer.0].participant);
        let shard = self.world.shards.home(peer.0);
        match self.world.command_to(shard, Command::Statistics { request, participant })? {
            Ok(Reply::Statistics(statistics)) => statistics.transports.iter().find_map(|t| t.estimate),
            _ => None,
        }
    }
}
