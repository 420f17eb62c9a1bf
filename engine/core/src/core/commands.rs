//! What signaling asks, one function a command that does more than look up and pass on.

use super::Core;
use crate::control::{
    Command, Event, IceCredentials, LAYERS_MAX, Preferences, Refusal, Reply, SubscriptionParameters, TrackParameters,
};
use crate::drop_reason::DropReason;
use crate::history::History;
use crate::layer::{Layer, NackTiming};
use crate::resend_budget::ResendBudget;
use crate::room::{Subscription, Track, TrackOrigin, TransportEntry};
use crate::rows::Rows;
use crate::selection::Selection;
use crate::speakers::Hearing;
use crate::streams::{Role, Stream};
use crate::subscriber::{Mapping, Subscriber};
use crate::thrift::Thrift;
use crate::transport::{Transport, ufrag};
use crate::upstream::Upstream;
use arrayvec::ArrayVec;
use corelay_wire::ids::{ParticipantId, RequestId, SubscriptionId, TrackId, TransportId};
use corelay_wire::media::{Extension, Kind};
use corelay_wire::units::{Instant, Ssrc};
use rand::Rng;

impl Core {
    pub(super) fn carry_out(&mut self, now: Instant, command: Command) {
        match command {
            Command::OpenTransport { request, participant, transport, ice } => {
                let result = self.open_transport(now, participant, transport, ice);
                self.reply(request, result);
            }
            Command::RestartIce { request, transport } => {
                let result = self.restart_ice(transport);
                self.reply(request, result);
            }
            Command::Publish { request, transport, track, parameters, paused } => {
                let result = self.publish(now, transport, track, &parameters, paused);
                self.reply(request, result.map(|()| Reply::Done));
            }
            Command::Mirror { request, room, track, source, cname, parameters, paused } => {
                let result = self.mirror(now, room, track, (source, cname), &parameters, paused);
                self.reply(request, result.map(|()| Reply::Done));
            }
            Command::Subscribe { request, transport, track, subscription, parameters, paused } => {
                let result = self.subscribe(now, transport, track, subscription, &parameters, paused);
                self.reply(request, result.map(|()| Reply::Done));
            }
            Command::Statistics { request, participant } => {
                let result = self.statistics(now, participant).map(|s| Reply::Statistics(Box::new(s)));
                self.reply(request, result);
            }
            Command::Ping { request } => self.reply(request, Ok(Reply::Done)),
            unanswered => {
                if self.carry_out_unanswered(now, unanswered).is_err() {
                    self.counters.drops.count(DropReason::UnknownCommandTarget);
                }
            }
        }
    }

    /// Commands without a request: a refusal is only counted.
    fn carry_out_unanswered(&mut self, now: Instant, command: Command) -> Result<(), Refusal> {
        match command {
            Command::OpenRoom { room } => self.rooms.open_room(room)?,
            Command::CloseRoom { room } => self.end_room(now, room, self.rooms.rooms.slot_of(room)?),
            Command::Join { room, participant, cname } => self.rooms.join(room, participant, cname)?,
            Command::Leave { participant } => {
                self.end_participant(now, participant, self.rooms.participants.slot_of(participant)?);
            }
            Command::ConnectTransport { transport, remote } => {
                let slot = self.rooms.transports.slot_of(transport)?;
                self.rooms.transports[slot].transport.connect(now, *remote)?;
                self.after_transport(now, slot);
            }
            Command::CloseTransport { transport } => {
                self.end_transport(now, transport, self.rooms.transports.slot_of(transport)?);
            }
            Command::PauseTrack { track, paused } => self.pause_track(now, track, paused)?,
            Command::CloseTrack { track } => self.end_track(now, track, self.rooms.tracks.slot_of(track)?),
            Command::PauseSubscription { subscription, paused } => self.pause_subscription(now, subscription, paused)?,
            Command::Unsubscribe { subscription } => {
                self.rooms.subscriptions.slot_of(subscription)?;
                self.end_subscription(now, subscription);
            }
            Command::RequestKeyframe { subscription } => {
                let slot = self.rooms.subscriptions.slot_of(subscription)?;
                self.counters.keyframe_requests_in += 1;
                self.want_keyframe_of(now, slot);
            }
            Command::PreferLayers { subscription, spatial, temporal } => {
                self.prefer(now, subscription, |p| (p.spatial, p.temporal) = (spatial, temporal))?;
            }
            Command::SetPriority { subscription, priority } => {
                self.prefer(now, subscription, |p| p.priority = priority.max(Preferences::PRIORITY_MIN))?;
            }
            Command::SetViewport { subscription, viewport } => self.prefer(now, subscription, |p| p.viewport = viewport)?,
            Command::FollowSpeakers { subscription, follow } => self.follow_speakers(now, subscription, follow)?,
            Command::SetSpeakers { room, options } => self.set_speakers(now, room, options)?,
            Command::Trace { participant, on } => self.trace(now, participant, on)?,
            Command::OpenTransport { .. }
            | Command::RestartIce { .. }
            | Command::Publish { .. }
            | Command::Mirror { .. }
            | Command::Subscribe { .. }
            | Command::Statistics { .. }
            | Command::Ping { .. } => unreachable!("commands with a request are answered"),
        }
        Ok(())
    }

    fn reply(&mut self, request: RequestId, result: Result<Reply, Refusal>) {
        if request != RequestId::UNANSWERED {
            self.events.push_back(Event::Reply { request, result });
        } else if result.is_err() {
            self.counters.drops.count(DropReason::UnknownCommandTarget);
        }
    }

    fn open_transport(
        &mut self,
        now: Instant,
        participant: ParticipantId,
        id: TransportId,
        ice: Option<IceCredentials>,
    ) -> Result<Reply, Refusal> {
        let participant = self.rooms.participants.slot_of(participant)?;
        let ice = ice.unwrap_or_else(|| ufrag::credentials(self.shard, id, &mut self.random));
        let slot = self.rooms.add_transport(TransportEntry {
            id,
            participant,
            transport: Transport::new(now, id, ice.clone(), self.dtls.clone()),
            connected: None,
            stale: false,
            handshakes: Default::default(),
            routes: ArrayVec::new(),
            tracks: Vec::new(),
            subscriptions: Vec::new(),
            subscribed: Vec::new(),
            streams: Default::default(),
            reporter: Ssrc(self.random.next_u32()),
            clock: Default::default(),
            control: Default::default(),
            round_trip: None,
            upstream: None,
            estimate_counted: None,
            estimate_told: 0,
            resends: ResendBudget::new(now),
            copies: Default::default(),
            nacks: NackTiming::default(),
            nacks_at: None,
        })?;
        self.after_transport(now, slot);
        Ok(Reply::Transport { ice })
    }

    fn restart_ice(&mut self, id: TransportId) -> Result<Reply, Refusal> {
        let slot = self.rooms.transports.slot_of(id)?;
        let ice = ufrag::credentials(self.shard, id, &mut self.random);
        self.rooms.transports[slot].transport.restart_ice(ice.clone())?;
        Ok(Reply::Transport { ice })
    }

    fn publish(
        &mut self,
        now: Instant,
        transport: TransportId,
        id: TrackId,
        parameters: &TrackParameters,
        paused: bool,
    ) -> Result<(), Refusal> {
        let transport = self.rooms.transports.slot_of(transport)?;
        self.check_track(transport, parameters)?;
        let track = self.new_track(now, id, TrackOrigin::Transport(transport), parameters, paused);
        let slot = self.rooms.add_track(track)?;
        self.welcome(now, slot);
        self.want_layers(now, slot);
        let entry = &mut self.rooms.transports[transport];
        if !entry.upstream.as_ref().is_some_and(|upstream| upstream.is_transport_wide()) {
            let upstream = Upstream::new(now, &parameters.formats, &parameters.extensions).map(Box::new);
            entry.upstream = upstream.or(entry.upstream.take());
        }
        let streams = &mut entry.streams;
        for (layer, parameters) in parameters.layers.iter().enumerate() {
            let stream = |role| Stream { track: slot, layer: layer as u8, role };
            parameters.ssrc.map(|ssrc| streams.insert(ssrc, stream(Role::Media)));
            parameters.rtx_ssrc.map(|ssrc| streams.insert(ssrc, stream(Role::Retransmission)));
        }
        Ok(())
    }

    /// A track that begins, wherever its packets come from.
    pub(super) fn new_track(
        &self,
        now: Instant,
        id: TrackId,
        origin: TrackOrigin,
        parameters: &TrackParameters,
        paused: bool,
    ) -> Track {
        let (packets, bytes) = match parameters.kind {
            Kind::Video => (self.limits.history_packets, self.limits.history_bytes),
            Kind::Audio => self.limits.audio_history(),
        };
        let speaks = parameters.kind == Kind::Audio && !parameters.screen;
        let competes = speaks && parameters.extensions.id(Extension::AudioLevel).is_some();
        Track {
            id,
            origin,
            kind: parameters.kind,
            mid: parameters.mid,
            formats: parameters.formats.clone(),
            extensions: parameters.extensions.clone(),
            screen: parameters.screen,
            scalability: parameters.scalability,
            score: None,
            told: Default::default(),
            hearing: Hearing { speaks, competes, ..Hearing::default() },
            layers: parameters.layers.iter().map(|l| Layer::new(l, parameters, History::new(packets, bytes))).collect(),
            rows: Rows::new(parameters.layers.len()),
            thrift: Thrift::new(parameters.layers.len()),
            subscriptions: Vec::new(),
            paused,
            published: now,
            started: false,
            dirty: false,
            relays: Vec::new(),
            relaying: false,
        }
    }

    /// What every track needs, wherever its packets come from.
    pub(super) fn check_formats(parameters: &TrackParameters) -> Result<(), Refusal> {
        if parameters.layers.is_empty() || parameters.formats.is_empty() {
            return Err(Refusal::Conflict("a track needs at least one encoding and one codec"));
        }
        if parameters.formats.iter().any(|f| f.codec.kind() != parameters.kind) {
            return Err(Refusal::Conflict("the codecs are of another kind than the track: publish audio and video as two tracks"));
        }
        Ok(())
    }

    fn check_track(&self, transport: u32, parameters: &TrackParameters) -> Result<(), Refusal> {
        Self::check_formats(parameters)?;
        let entry = &self.rooms.transports[transport];
        let ssrcs = || parameters.layers.iter().flat_map(|l| [l.ssrc, l.rtx_ssrc]).flatten();
        let repeated = ssrcs().enumerate().any(|(i, ssrc)| ssrcs().skip(i + 1).any(|other| other == ssrc));
        if parameters.mid.is_none() && parameters.layers.iter().any(|l| l.ssrc.is_none()) {
            return Err(Refusal::Conflict("packets could not be told apart: give a mid, or an SSRC for each encoding"));
        }
        if repeated || ssrcs().any(|ssrc| entry.streams.find(ssrc).is_some()) {
            return Err(Refusal::Conflict("an SSRC of this track is used already on the transport: choose another"));
        }
        if parameters.mid.is_some() && entry.tracks.iter().any(|t| self.rooms.tracks[*t].mid == parameters.mid) {
            return Err(Refusal::Conflict("the mid of this track is used already on the transport: close that track first"));
        }
        if entry.streams.room() < 2 * parameters.layers.len() {
            return Err(Refusal::Full("streams of one transport"));
        }
        Ok(())
    }

    fn subscribe(
        &mut self,
        now: Instant,
        transport: TransportId,
        track: TrackId,
        id: SubscriptionId,
        parameters: &SubscriptionParameters,
        paused: bool,
    ) -> Result<(), Refusal> {
        let transport = self.rooms.transports.slot_of(transport)?;
        let track = self.rooms.tracks.slot_of(track)?;
        self.check_subscription(transport, track, parameters)?;
        let mut mapping = Mapping::new(self.random.next_u32() as u16, self.random.next_u32());
        if self.rooms.tracks[track].kind == Kind::Video {
            mapping.prepare();
        }
        let first_retransmission = self.random.next_u32() as u16;
        let formats = &self.rooms.tracks[track].formats;
        let preferences = parameters.preferences;
        let hidden = preferences.viewport.is_hidden() && self.rooms.tracks[track].kind == Kind::Video;
        let subscriber = Subscriber::new(parameters, formats, mapping, first_retransmission, paused || hidden);
        if subscriber.header.is_numbered() {
            self.rooms.congestions.get_or_begin(transport, now);
        }
        let allocated = self.rooms.tracks[track].kind == Kind::Video && self.rooms.congestions.get(transport).is_some();
        let selection = Selection { allocated, ..Selection::new() };
        let slot = self.rooms.add_subscription(Subscription {
            id,
            track,
            transport,
            subscribed: now,
            selection,
            subscriber,
            preferences,
            paused,
            left_out: false,
            record: Default::default(),
        })?;
        if preferences.follows_speakers {
            self.recast_for(now, track);
        }
        self.update_mirror(track);
        self.select(now, slot);
        Ok(())
    }

    fn check_subscription(&self, transport: u32, track: u32, parameters: &SubscriptionParameters) -> Result<(), Refusal> {
        let Self { rooms, .. } = self;
        let room_of = |transport: u32| rooms.participants[rooms.transports[transport].participant].room;
        if room_of(transport) != rooms.room_of(&rooms.tracks[track]) {
            return Err(Refusal::Conflict("the track is in another room"));
        }
        let used = |ssrc| rooms.transports[transport].subscribed.contains(&ssrc) || rooms.retransmits_as(transport, ssrc);
        let rtx = parameters.rtx_ssrc;
        if used(parameters.ssrc) || rtx.is_some_and(used) || rtx == Some(parameters.ssrc) {
            return Err(Refusal::Conflict("the SSRC is used already on the transport: choose another"));
        }
        let common = |format: &corelay_wire::media::PayloadFormat| parameters.formats.iter().any(|f| f.codec == format.codec);
        if !rooms.tracks[track].formats.iter().any(common) {
            return Err(Refusal::Conflict("the subscriber understands none of the track's codecs"));
        }
        Ok(())
    }

    fn pause_track(&mut self, now: Instant, id: TrackId, paused: bool) -> Result<(), Refusal> {
        let slot = self.rooms.tracks.slot_of(id)?;
        let track = &mut self.rooms.tracks[slot];
        if track.paused == paused {
            return Ok(());
        }
        track.paused = paused;
        track.layers.iter_mut().for_each(Layer::interrupt);
        for subscription in &track.subscriptions {
            self.rooms.subscriptions[*subscription].subscriber.mapping.suspend();
        }
        self.count_microphone(now, slot, true);
        if paused && self.rooms.tracks[slot].hearing.speaks {
            self.silence(slot);
        }
        for at in 0..self.rooms.tracks[slot].subscriptions.len() {
            let subscription = self.rooms.tracks[slot].subscriptions[at];
            self.tell_dark(subscription);
            self.want_keyframe_for(now, subscription);
            self.choose_anew(now, self.rooms.subscriptions[subscription].transport);
        }
        if !self.rooms.tracks[slot].relays.is_empty() {
            // Those who watch on other shards want one as well, and may have asked before the track was resumed here.
            let available = self.rooms.tracks[slot].rows.available();
            for layer in (0..LAYERS_MAX as u8).filter(|layer| available >> layer & 1 != 0) {
                self.want_keyframe(now, slot, layer);
            }
        }
        Ok(())
    }

    fn pause_subscription(&mut self, now: Instant, id: SubscriptionId, paused: bool) -> Result<(), Refusal> {
        let slot = self.rooms.subscriptions.slot_of(id)?;
        self.rooms.subscriptions[slot].paused = paused;
        self.update_pause(now, slot);
        Ok(())
    }

    /// The subscriber paused or resumed a subscription, or another reason for a pause came or went.
    pub(super) fn update_pause(&mut self, now: Instant, slot: u32) {
        let track = self.rooms.subscriptions[slot].track;
        let paused = self.rooms.subscriptions[slot].is_paused(self.rooms.tracks[track].kind);
        let subscriber = &mut self.rooms.subscriptions[slot].subscriber;
        if subscriber.paused == paused {
            return;
        }
        subscriber.paused = paused;
        subscriber.mapping.suspend();
        self.rooms.subscriptions[slot].selection.fresh = true;
        self.update_mirror(track);
        self.recount(now, slot);
        self.tell_dark(slot);
        self.start(now, slot);
        self.choose_anew(now, self.rooms.subscriptions[slot].transport);
    }
}
