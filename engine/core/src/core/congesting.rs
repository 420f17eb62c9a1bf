//! From what a peer tells of its path to what it is sent: estimate, pace, layers.

use super::Core;
use super::selecting::{is_nested, preferred};
use crate::allocate::{Budget, Sizes, Wish, allocate};
use crate::congestion::{Probing, STEP};
use crate::control::LAYERS_MAX;
use crate::drop_reason::DropReason;
use crate::resend::Resend;
use crate::room::{Rooms, Subscription, Track};
use crate::target::{TEMPORAL_MAX, Target, Why};
use crate::timer::Timer;
use corelay_wire::ids::SubscriptionId;
use corelay_wire::media::Kind;
use corelay_wire::units::{Bitrate, Instant, PacketIndex};

/// What a size is thought to take before it was measured, lowest first: what browsers give to 180, 360 and 720 lines.
const NOMINAL: [Bitrate; LAYERS_MAX] = [Bitrate(150_000), Bitrate(500_000), Bitrate(1_500_000), Bitrate(4_000_000)];
/// The same of the one size of a camera that has no more.
const NOMINAL_SINGLE: Bitrate = Bitrate(1_500_000);
/// Lines of the largest size, as far as a viewport is compared with it: what browsers send is told nowhere.
const LINES: u32 = 720;

/// What a packet of sound has beside its payload: IP, UDP, RTP with its extensions, tag.
const SOUND_OVERHEAD_BITS: u64 = 8 * 70;

/// What a packet that fills a probe is thought to have.
const REPEATED_BYTES: u64 = 1_000;
/// Packets of one step of a probe: 60 Mbit/s. More would let one probe fill the turn of everybody.
const REPEATS_MAX: u64 = 16;

/// A subscription that takes part in an allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wished {
    subscription: u32,
    /// What it has, and why.
    had: (Option<Target>, Why),
}

impl Core {
    /// The peer told something of the path to it, or its estimator was due.
    pub(super) fn path_told(&mut self, now: Instant, slot: u32) {
        let Some(congestion) = self.rooms.congestions.get_mut(slot) else { return };
        let mut began = None;
        if congestion.probing.is_none() {
            let plan = congestion.estimator.poll_probe(now);
            began = plan.map(|plan| plan.bitrate);
            congestion.probing = plan.map(|plan| Probing::new(now, plan));
        }
        congestion.retune(now);
        if congestion.probing.is_some() || congestion.pacer.is_waiting() {
            self.pace(now, slot);
        }
        let Some(congestion) = self.rooms.congestions.get_mut(slot) else { return };
        if congestion.decision.is_due(now, congestion.estimate(now)) {
            self.choose_layers(now, slot);
        }
        let Some(congestion) = self.rooms.congestions.get_mut(slot) else { return };
        self.timers.set(Timer::Estimate(slot), congestion.poll_timeout(now));
        self.trace_path(now, slot, began);
    }

    /// A transport's estimator wants to be asked although nothing was heard.
    pub(super) fn estimate_due(&mut self, now: Instant, slot: u32) {
        if let Some(congestion) = self.rooms.congestions.get_mut(slot) {
            let outstanding = congestion.sent.outstanding_since(now);
            congestion.estimator.handle_timeout(now, outstanding);
            self.path_told(now, slot);
        }
    }

    /// What waits may leave, and a probe goes on.
    pub(super) fn pace(&mut self, now: Instant, slot: u32) {
        while let Some(stale) = self.rooms.congestions.get(slot).and_then(|congestion| congestion.pacer.stale(now)) {
            self.give_up_waiting(now, slot, stale.subscription, stale.id);
        }
        let Some(congestion) = self.rooms.congestions.get_mut(slot) else { return };
        match congestion.pacer.is_waiting() {
            true => self.forwarder.resume(slot),
            false => congestion.pacer.unschedule(),
        }
        if let Some(short) = congestion.probe(now) {
            self.fill_probe(slot, short);
            self.timers.schedule(Timer::Pace(slot), now + STEP);
        }
    }

    /// What waits for a subscription is not worth waiting for: it begins anew with a keyframe. Sent late, it would keep that back.
    fn give_up_waiting(&mut self, now: Instant, slot: u32, subscription: u32, id: SubscriptionId) {
        if self.forget_waiting(slot, id) > 0 {
            self.begin_anew(now, subscription, id);
        }
    }

    /// Takes all that waits for a subscription out of the queue of its transport; gives how many packets that were.
    fn forget_waiting(&mut self, slot: u32, id: SubscriptionId) -> u64 {
        let congestion = self.rooms.congestions.get_mut(slot);
        let packets = congestion.map_or(0, |congestion| congestion.pacer.forget(id));
        self.counters.drops.count_many(DropReason::WaitedTooLong, packets);
        packets
    }

    /// The next packet that a subscription gets is of a keyframe.
    fn begin_anew(&mut self, now: Instant, subscription: u32, id: SubscriptionId) {
        if let Some(known) = self.rooms.subscriptions.get_mut(subscription).filter(|s| s.id == id) {
            known.subscriber.mapping.suspend();
            known.selection.fresh = false;
            self.want_keyframe_for(now, subscription);
        }
    }

    /// Ends what a subscription gets when its path does not carry the least of it until there is a keyframe of what it is to get:
    /// that would stand in a queue which is full already, in front of the keyframe, and in front of audio.
    fn leave_too_much(&mut self, now: Instant, slot: u32, subscription: u32, estimate: Bitrate) {
        let Subscription { id, subscriber, track, selection, .. } = &self.rooms.subscriptions[subscription];
        let (Some(flowing), Some(target)) = (subscriber.mapping.flowing(), selection.target) else { return };
        let (track, point) = (&self.rooms.tracks[*track], subscriber.gate.point());
        let (has, wants) = match track.rows.is_spatial() {
            true => (point.spatial(), target.spatial),
            false => (flowing.layer, target.layer),
        };
        let waits = || subscriber.gate.lacks_keyframe(Some(flowing.layer), || is_nested(track, Some(flowing.layer)));
        if wants < has && track.rows.rates(has.into())[0] > estimate && waits() {
            let id = *id;
            self.forget_waiting(slot, id);
            self.begin_anew(now, subscription, id);
            self.rooms.congestions.get_mut(slot).into_iter().for_each(|congestion| congestion.wait_for_room(now));
        }
    }

    /// Sends the latest packets of some video once more, so that about so many bytes more leave.
    fn fill_probe(&mut self, slot: u32, bytes: u64) {
        let Rooms { transports, subscriptions, .. } = &self.rooms;
        let repeats = |subscription: &&u32| {
            let Subscription { subscriber, .. } = &subscriptions[**subscription];
            let as_rtx = subscriber.retransmission.as_ref().is_some_and(|r| r.ssrc().is_some());
            as_rtx && subscriber.header.is_numbered() && subscriber.has_sent() && subscriber.mapping.flowing().is_some()
        };
        let Some(subscription) = transports[slot].subscriptions.iter().find(repeats).copied() else { return };
        let Subscription { id, subscriber, .. } = &subscriptions[subscription];
        let packets = bytes.div_ceil(REPEATED_BYTES).min(REPEATS_MAX);
        for back in (0..packets).rev() {
            if let Some(outgoing) = subscriber.mapping.highest().0.checked_sub(back) {
                self.resends.repeat(Resend { subscription, id: *id, outgoing: PacketIndex(outgoing) });
            }
        }
    }

    /// Video came to wait, and leaves when its path may take more; or packets left after a while without, and the peer may be
    /// silent.
    pub(super) fn wake_for_waiting(&mut self, now: Instant) {
        while let Some(slot) = self.forwarder.take_waiting() {
            let Some(congestion) = self.rooms.congestions.get_mut(slot) else { continue };
            let opens = Some(congestion.pacer.opens()).filter(|_| congestion.pacer.is_waiting());
            let step = congestion.probing.map(|_| now + STEP);
            self.timers.set(Timer::Pace(slot), opens.into_iter().chain(step).min());
            self.timers.set(Timer::Estimate(slot), congestion.poll_timeout(now));
        }
    }

    /// What subscriptions of a transport wish, or could get, changed.
    pub(super) fn choose_anew(&mut self, now: Instant, slot: u32) {
        let Rooms { congestions, transports, subscriptions, tracks, .. } = &mut self.rooms;
        let Some(congestion) = congestions.get_mut(slot) else { return };
        let has_nothing = |subscription: &u32| {
            let Subscription { selection, track, subscriber, .. } = &subscriptions[*subscription];
            let has = selection.target.is_some() || subscriber.paused || tracks[*track].kind == Kind::Audio;
            !has && tracks[*track].rows.available() != 0
        };
        congestion.decision.disturb();
        if transports[slot].subscriptions.iter().any(has_nothing) {
            congestion.decision.hurry();
        }
        if congestion.decision.is_due(now, congestion.estimate(now)) {
            self.choose_layers(now, slot);
        }
        let Some(congestion) = self.rooms.congestions.get_mut(slot) else { return };
        self.timers.set(Timer::Estimate(slot), congestion.poll_timeout(now));
    }

    /// Gives what the path of a transport carries to its subscriptions.
    fn choose_layers(&mut self, now: Instant, slot: u32) {
        let Self { rooms, wishes: wished, allocation, .. } = self;
        let Rooms { congestions, transports, subscriptions, tracks, .. } = rooms;
        let Some(congestion) = congestions.get_mut(slot) else { return };
        let estimate = congestion.estimate(now);
        let fell = congestion.decision.is_careful(now, estimate);
        let mut budget = Budget { estimate, reserved: Bitrate(0), fell, unmeasured: congestion.is_unmeasured() };
        wished.clear();
        let mut wishes = core::mem::take(&mut allocation.wishes);
        wishes.clear();
        let mut guessed = false;
        for at in &transports[slot].subscriptions {
            let subscription = &subscriptions[*at];
            let track = &tracks[subscription.track];
            if track.kind == Kind::Audio && subscription.subscriber.header.is_numbered() {
                budget.reserved.0 += sound_of(track, subscription).0 * (1 + transports[slot].copies.count(now) as u64);
            }
            if let Some(wish) = wish_of(track, subscription) {
                let selection = &subscription.selection;
                guessed |= selection.target.is_some_and(|target| !track.rows.is_measured(target));
                wished.push(Wished { subscription: *at, had: (selection.target, selection.why) });
                wishes.push(wish);
            }
        }
        allocate(&budget, &wishes, allocation);
        allocation.wishes = wishes;
        congestion.estimator.set_demand(now, allocation.demand);
        congestion.decision.decided(now, estimate, allocation.falls_below, allocation.rises_from);
        if guessed {
            congestion.decision.guessed(allocation.given);
        }
        self.carry_out_choices(now, slot, estimate);
    }

    fn carry_out_choices(&mut self, now: Instant, slot: u32, estimate: Option<Bitrate>) {
        for at in 0..self.wishes.len() {
            let Wished { subscription, had } = self.wishes[at];
            let choice = self.allocation.choices[at];
            let is_new = !core::mem::replace(&mut self.rooms.subscriptions[subscription].selection.allocated, true);
            if is_new || had.0 != choice.target {
                self.retarget(now, subscription, choice.target, choice.why);
                estimate.into_iter().for_each(|estimate| self.leave_too_much(now, slot, subscription, estimate));
            } else if had.1 != choice.why {
                self.rooms.subscriptions[subscription].selection.why = choice.why;
            }
        }
    }
}

/// What a subscription of sound takes: what it got of late, or before that was measured what its track does.
fn sound_of(track: &Track, subscription: &Subscription) -> Bitrate {
    let of_track = || track.layers.first().and_then(|layer| layer.tally.meter.rates());
    let flow = subscription.record.meter.rates().or_else(of_track).unwrap_or_default().flow;
    Bitrate(flow.bitrate.0 + u64::from(flow.packets_per_second) * SOUND_OVERHEAD_BITS)
}

/// What a subscription could get; `None` when that is nothing whatever the path carries.
fn wish_of(track: &Track, subscription: &Subscription) -> Option<Wish> {
    let Subscription { preferences, subscriber, selection, .. } = subscription;
    let live = track.rows.available();
    if track.kind == Kind::Audio || track.paused || subscriber.paused || live == 0 {
        return None;
    }
    let spatial = track.rows.is_spatial();
    let current = selection.target.map(|target| usize::from(if spatial { target.spatial } else { target.layer }));
    let mut rates = [[Bitrate(0); TEMPORAL_MAX]; LAYERS_MAX];
    for (row, rates) in rates.iter_mut().enumerate().filter(|(row, _)| live >> row & 1 != 0) {
        *rates = if current == Some(row) { track.rows.rates(row) } else { track.rows.remembered_rates(row) };
        if rates[TEMPORAL_MAX - 1].0 == 0 {
            let single = track.layers.len() == 1 && track.scalability.spatial <= 1;
            rates[TEMPORAL_MAX - 1] = if single { NOMINAL_SINGLE } else { NOMINAL[row] };
        }
    }
    let asked = preferred(subscription);
    let shown = row_shown(track, preferences.viewport.height);
    let why_most = match () {
        () if shown < asked.0 => Why::Viewport,
        () if asked != (u8::MAX, u8::MAX) => Why::Preferred,
        () => Why::Best,
    };
    Some(Wish {
        priority: preferences.priority,
        screen: track.screen,
        sizes: if spatial { Sizes::Spatial } else { Sizes::Streams },
        rates,
        keys: core::array::from_fn(|row| if spatial { track.rows.key_rate(row) } else { rates[row][TEMPORAL_MAX - 1] }),
        live,
        most: (asked.0.min(shown), asked.1),
        why_most,
        current: selection.target,
    })
}

/// The smallest row that fills so many lines; the smallest of all where nothing is shown.
fn row_shown(track: &Track, lines: u16) -> u8 {
    let live = track.rows.available();
    let top = live.checked_ilog2().unwrap_or(0);
    let fills = |row: &u32| (LINES >> (top - row)) >= u32::from(lines);
    (0..=top).find(fills).map_or(u8::MAX, |row| row as u8)
}
