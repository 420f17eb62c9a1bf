//! Who is here and what hangs on what: rooms, participants, transports, tracks and subscriptions, each in its slot.
//!
//! ```text
//! room -> participants -> transports -> tracks        -> subscriptions
//!      |                              -> subscriptions -> (the track)          arrows are lists of slots, kept both ways
//!      -> mirrors (tracks of other shards) -> subscriptions
//! ```

use crate::clock::SenderClock;
use crate::congestion::Congestions;
use crate::control::{Cname, LAYERS_MAX, Preferences, Refusal, ScalabilityMode, SrtpProfile};
use crate::copies::Copies;
use crate::handshakes::Share;
use crate::layer::{Layer, Lossy, NackTiming};
use crate::limits::{Limits, ROUTES_PER_TRANSPORT_MAX};
use crate::mirror::{Mirror, Relay};
use crate::pending_control::PendingControl;
use crate::record::Record;
use crate::resend_budget::ResendBudget;
use crate::rows::Rows;
use crate::score::Told;
use crate::selection::Selection;
use crate::speakers::{Hearing, Stage};
use crate::streams::Streams;
use crate::subscriber::Subscriber;
use crate::table::Table;
use crate::thrift::Thrift;
use crate::transport::Transport;
use crate::upstream::Upstream;
use crate::way::{Way, Ways};
use arrayvec::ArrayVec;
use core::net::SocketAddr;
use core::time::Duration;
use corelay_wire::ids::{ParticipantId, RoomId, SubscriptionId, TrackId, TransportId};
use corelay_wire::media::{Extension, ExtensionMap, Kind, PayloadFormats};
use corelay_wire::rtp::AudioLevel;
use corelay_wire::units::{Instant, Mid, Ssrc};

/// A call.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) participants: Vec<u32>,
    /// Tracks that its participants on other shards publish.
    pub(crate) mirrors: Vec<u32>,
    pub(crate) stage: Stage,
}

/// One user in a room.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) id: ParticipantId,
    pub(crate) room: u32,
    pub(crate) cname: Cname,
    pub(crate) transports: Vec<u32>,
    /// Until when what happens to its media is told.
    pub(crate) traced_until: Option<Instant>,
}

/// A transport and what it carries.
#[derive(Debug)]
pub(crate) struct TransportEntry {
    pub(crate) id: TransportId,
    pub(crate) participant: u32,
    pub(crate) transport: Transport,
    /// Set while media may flow.
    pub(crate) connected: Option<SrtpProfile>,
    /// Nothing was heard for a while: another transport may take its addresses.
    pub(crate) stale: bool,
    /// DTLS datagrams that wait for their turn.
    pub(crate) handshakes: Share,
    /// Addresses that lead here.
    pub(crate) routes: ArrayVec<SocketAddr, ROUTES_PER_TRANSPORT_MAX>,
    pub(crate) tracks: Vec<u32>,
    pub(crate) subscriptions: Vec<u32>,
    /// The SSRC of each of them, in the same order: report blocks name it, and are looked up here without touching the rest.
    pub(crate) subscribed: Vec<Ssrc>,
    pub(crate) streams: Streams,
    /// The SSRC under which the server reports on this transport.
    pub(crate) reporter: Ssrc,
    pub(crate) clock: SenderClock,
    pub(crate) control: PendingControl,
    /// The latest round trip that a receiver report told.
    pub(crate) round_trip: Option<Duration>,
    /// What the peer is told of the path that its tracks take; `None` when it negotiated no such feedback.
    pub(crate) upstream: Option<Box<Upstream>>,
    /// What it added to the shard's sum of estimates, in bits per second.
    pub(crate) estimate_counted: Option<u64>,
    /// The estimate that a trace told last.
    pub(crate) estimate_told: u64,
    /// How much may be sent again to the peer.
    pub(crate) resends: ResendBudget,
    /// How often sound leaves.
    pub(crate) copies: Copies,
    /// How long the peer takes to answer when it is asked for what was lost.
    pub(crate) nacks: NackTiming,
    /// When missing packets are looked at next: what the timer is set to.
    pub(crate) nacks_at: Option<Instant>,
}

/// What a packet of a track is for the rest of the core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted {
    /// Nobody gets it: the room has louder microphones.
    pub(crate) held: bool,
    /// It begins a picture that needs no other.
    pub(crate) keyframe: bool,
}

/// Where a track's packets come from.
#[derive(Debug)]
pub(crate) enum TrackOrigin {
    /// From the publisher, on the transport in this slot.
    Transport(u32),
    /// From another shard.
    Relay(Mirror),
}

/// A published source.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) id: TrackId,
    pub(crate) origin: TrackOrigin,
    pub(crate) kind: Kind,
    pub(crate) mid: Option<Mid>,
    pub(crate) formats: PayloadFormats,
    pub(crate) extensions: ExtensionMap,
    pub(crate) screen: bool,
    pub(crate) scalability: ScalabilityMode,
    /// Of audio: whether it is heard.
    pub(crate) hearing: Hearing,
    /// How well it arrived of late: that of its best layer that sends.
    pub(crate) score: Option<u8>,
    pub(crate) told: Told,
    pub(crate) layers: ArrayVec<Layer, LAYERS_MAX>,
    pub(crate) rows: Rows,
    pub(crate) thrift: Thrift,
    pub(crate) subscriptions: Vec<u32>,
    pub(crate) paused: bool,
    pub(crate) published: Instant,
    pub(crate) started: bool,
    /// Whether this turn brought packets.
    pub(crate) dirty: bool,
    /// The other shards that have subscribers of it.
    pub(crate) relays: Vec<Relay>,
    /// Whether it is in the list of those with something for them.
    pub(crate) relaying: bool,
}

impl Track {
    /// Whether it is published on another shard.
    pub(crate) fn is_mirror(&self) -> bool {
        matches!(self.origin, TrackOrigin::Relay(_))
    }

    /// Counts the packet that arrived last, and hears it if it is audio; `again`: it had been lost, and says nothing of who speaks
    /// by now.
    pub(crate) fn note(&mut self, layer: usize, again: bool, now: Instant) -> Noted {
        let Layer { history, tally, .. } = &mut self.layers[layer];
        let Some(packet) = history.newest() else { return Noted { held: self.hearing.is_held(), keyframe: false } };
        tally.count(&packet);
        if self.kind == Kind::Audio && !again {
            let level = packet.meta.extensions.find(packet.bytes(), Extension::AudioLevel).and_then(AudioLevel::read);
            self.hearing.voice.hear(level, packet.payload().len(), now);
        }
        Noted { held: self.hearing.is_held(), keyframe: packet.meta.keyframe && self.kind == Kind::Video }
    }

    /// What is lost on the way here, of the layer that loses most.
    pub(crate) fn lossy(&self, now: Instant) -> Lossy {
        self.layers.iter().map(|layer| layer.repairs.lossy(now)).max_by_key(|lossy| lossy.loss).unwrap_or_default()
    }

    /// Whether anybody gets its packets.
    pub(crate) fn is_watched(&self) -> bool {
        !(self.subscriptions.is_empty() && self.relays.is_empty())
    }
}

/// A participant's reception of a track. What a packet needs stands first, in as few lines of the cache as hold it: in a large
/// room's walk each line is a miss.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Subscription {
    pub(crate) id: SubscriptionId,
    pub(crate) track: u32,
    pub(crate) transport: u32,
    pub(crate) subscriber: Subscriber,
    pub(crate) subscribed: Instant,
    pub(crate) selection: Selection,
    pub(crate) preferences: Preferences,
    /// The subscriber paused it.
    pub(crate) paused: bool,
    /// Its track's owner is not among the speakers that it follows.
    pub(crate) left_out: bool,
    pub(crate) record: Box<Record>,
}

impl Subscription {
    /// Whether there is a reason to send nothing of its track, which is of this kind. How large sound is shown means nothing.
    pub(crate) fn is_paused(&self, kind: Kind) -> bool {
        self.paused || self.left_out || kind == Kind::Video && self.preferences.viewport.is_hidden()
    }
}

/// Who has a subscription: what a walk asks of each before it comes to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscribing {
    pub(crate) id: SubscriptionId,
    pub(crate) transport: u32,
}

/// The tables.
#[derive(Debug)]
pub(crate) struct Rooms {
    pub(crate) rooms: Table<RoomId, Room>,
    pub(crate) participants: Table<ParticipantId, Participant>,
    pub(crate) transports: Table<TransportId, TransportEntry>,
    pub(crate) tracks: Table<TrackId, Track>,
    pub(crate) subscriptions: Table<SubscriptionId, Subscription>,
    /// Of each subscription, by its slot; of none that ended.
    pub(crate) subscribing: Vec<Subscribing>,
    /// To each of the transports.
    pub(crate) ways: Ways,
    /// Of the transports that can tell of their paths.
    pub(crate) congestions: Congestions,
}

impl Rooms {
    pub(crate) fn new(limits: &Limits, seed: u64) -> Self {
        Self {
            rooms: Table::new("rooms", limits.rooms_max, seed),
            participants: Table::new("participants", limits.participants_max, seed),
            transports: Table::new("transports", limits.transports_max, seed),
            tracks: Table::new("tracks", limits.tracks_max, seed),
            subscriptions: Table::new("subscriptions", limits.subscriptions_max, seed),
            subscribing: Vec::with_capacity(limits.subscriptions_max as usize),
            ways: Ways::new(limits.transports_max),
            congestions: Congestions::new(limits.transports_max),
        }
    }

    pub(crate) fn open_room(&mut self, id: RoomId) -> Result<(), Refusal> {
        self.rooms.insert(id, Room { id, participants: Vec::new(), mirrors: Vec::new(), stage: Stage::default() }).map(|_| ())
    }

    pub(crate) fn join(&mut self, room: RoomId, id: ParticipantId, cname: Cname) -> Result<(), Refusal> {
        let room = self.rooms.slot_of(room)?;
        let slot = self.participants.insert(id, Participant { id, room, cname, transports: Vec::new(), traced_until: None })?;
        self.rooms[room].participants.push(slot);
        Ok(())
    }

    pub(crate) fn add_transport(&mut self, entry: TransportEntry) -> Result<u32, Refusal> {
        let participant = entry.participant;
        let slot = self.transports.insert(entry.id, entry)?;
        self.participants[participant].transports.push(slot);
        Ok(slot)
    }

    /// The transport in this slot changed. Tells whether media goes elsewhere from here on.
    pub(crate) fn update_way(&mut self, transport: u32) -> bool {
        let entry = &mut self.transports[transport];
        let former = self.ways.take(transport).map(|way| way.end(&mut entry.transport));
        let way = entry.connected.and_then(|_| Way::to(&mut entry.transport));
        let present = way.as_ref().map(|way| way.path);
        self.ways.set(transport, way);
        former.zip(present).is_some_and(|(former, present)| former.remote != present.remote)
    }

    pub(crate) fn add_track(&mut self, track: Track) -> Result<u32, Refusal> {
        let slot = self.tracks.insert(track.id, track)?;
        match &self.tracks[slot].origin {
            TrackOrigin::Transport(transport) => self.transports[*transport].tracks.push(slot),
            TrackOrigin::Relay(mirror) => self.rooms[mirror.room].mirrors.push(slot),
        }
        Ok(slot)
    }

    pub(crate) fn add_subscription(&mut self, subscription: Subscription) -> Result<u32, Refusal> {
        let (track, transport, ssrc) = (subscription.track, subscription.transport, subscription.subscriber.ssrc);
        let subscribing = Subscribing { id: subscription.id, transport };
        let slot = self.subscriptions.insert(subscription.id, subscription)?;
        match self.subscribing.get_mut(slot as usize) {
            Some(place) => *place = subscribing,
            None => self.subscribing.push(subscribing),
        }
        self.tracks[track].subscriptions.push(slot);
        self.transports[transport].subscriptions.push(slot);
        self.transports[transport].subscribed.push(ssrc);
        Ok(slot)
    }

    /// The tracks of a room, those of other shards included.
    pub(crate) fn tracks_of(&self, room: u32) -> Vec<u32> {
        let Room { participants, mirrors, .. } = &self.rooms[room];
        let transports = participants.iter().flat_map(|participant| &self.participants[*participant].transports);
        let published = transports.flat_map(|transport| &self.transports[*transport].tracks);
        published.chain(mirrors).copied().collect()
    }

    /// The room of a track.
    pub(crate) fn room_of(&self, track: &Track) -> u32 {
        match &track.origin {
            TrackOrigin::Transport(publisher) => self.participants[self.transports[*publisher].participant].room,
            TrackOrigin::Relay(mirror) => mirror.room,
        }
    }

    /// The name that a track's publisher gave to its streams, and the publisher's clock.
    pub(crate) fn publisher_of<'a>(&'a self, track: &'a Track) -> (&'a Cname, &'a SenderClock) {
        match &track.origin {
            TrackOrigin::Transport(publisher) => {
                let publisher = &self.transports[*publisher];
                (&self.participants[publisher.participant].cname, &publisher.clock)
            }
            TrackOrigin::Relay(mirror) => (&mirror.cname, &mirror.clock),
        }
    }

    /// Whether a subscription of the transport sends retransmissions under this SSRC.
    pub(crate) fn retransmits_as(&self, transport: u32, ssrc: Ssrc) -> bool {
        let subscriptions = self.transports[transport].subscriptions.iter();
        subscriptions.filter_map(|s| self.subscriptions[*s].subscriber.retransmission.as_deref()).any(|r| r.ssrc() == Some(ssrc))
    }

    /// Takes a participant that has no transports out of its room.
    pub(crate) fn remove_participant(&mut self, id: ParticipantId) {
        if let Some((slot, participant)) = self.participants.remove(id) {
            assert!(participant.transports.is_empty(), "a participant leaves after its transports");
            take_out(&mut self.rooms[participant.room].participants, slot);
        }
    }

    /// Takes out a transport that has no tracks and subscriptions.
    pub(crate) fn remove_transport(&mut self, id: TransportId) {
        if let Some((slot, entry)) = self.transports.remove(id) {
            assert!(entry.tracks.is_empty() && entry.subscriptions.is_empty(), "a transport ends after what it carries");
            self.congestions.remove(slot);
            take_out(&mut self.participants[entry.participant].transports, slot);
        }
    }

    /// Takes out a track that has no subscriptions.
    pub(crate) fn remove_track(&mut self, id: TrackId) {
        if let Some((slot, track)) = self.tracks.remove(id) {
            assert!(track.subscriptions.is_empty(), "a track ends after its subscriptions");
            match track.origin {
                TrackOrigin::Transport(transport) => {
                    let transport = &mut self.transports[transport];
                    take_out(&mut transport.tracks, slot);
                    transport.streams.forget(slot);
                }
                TrackOrigin::Relay(mirror) => {
                    take_out(&mut self.rooms[mirror.room].mirrors, slot);
                }
            }
        }
    }

    /// Takes out a subscription; gives it back for its goodbye.
    pub(crate) fn remove_subscription(&mut self, id: SubscriptionId) -> Option<Subscription> {
        let (slot, subscription) = self.subscriptions.remove(id)?;
        take_out(&mut self.tracks[subscription.track].subscriptions, slot);
        let transport = &mut self.transports[subscription.transport];
        let at = take_out(&mut transport.subscriptions, slot);
        transport.subscribed.swap_remove(at);
        Some(subscription)
    }
}

/// Gives the place that the slot had.
fn take_out(list: &mut Vec<u32>, slot: u32) -> usize {
    // From the end: whoever ends many things ends the last of a list first.
    let at = list.iter().rposition(|s| *s == slot).expect("relations are kept both ways");
    list.swap_remove(at);
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::PacketMeta;

    /// What a packet touches for each subscriber stays within a few cache lines. A size that grows is a decision, not an accident.
    #[test]
    fn hot_structs_have_their_sizes() {
        assert_eq!(size_of::<PacketMeta>(), 80);
        let hot = core::mem::offset_of!(Subscription, subscriber) + core::mem::offset_of!(Subscriber, left_out);
        assert!(hot <= 3 * 64, "{hot}");
        assert_eq!(size_of::<Option<Subscription>>(), 5 * 64);
    }
}
