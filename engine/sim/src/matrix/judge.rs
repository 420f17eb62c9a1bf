//! Holds what was seen of a call against the bounds of its condition.

use super::bounds::Layer;
use super::call::{Call, Seat};
use crate::camera::CameraSpec;
use crate::incoming::BIN;
use crate::listener::{Listener, Played, Sound};
use crate::viewer::{Shown, Viewer};
use core::fmt::Write;
use core::time::Duration;
use corelay_wire::units::Instant;

/// A queue that is longer than the bound for this long stands.
const STANDS: Duration = Duration::from_secs(1);
/// What is off by more than this between two pictures is a jump.
const TIMELINE_MAX: Duration = Duration::from_millis(50);
/// Of the time that a layer is to be shown, this share is enough.
const LAYER_SHARE: f64 = 0.9;
/// The estimate may be off by this much.
const ESTIMATE_SHARE: f64 = 0.15;

/// What a run was like.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What did not hold, in words; empty when all did.
    pub failures: Vec<String>,
    /// The figures of the run, a line for each subscriber.
    pub figures: String,
    /// What the core told of everybody, a line each; empty where nobody asked for it.
    pub told: Vec<String>,
    /// A digest of all that happened.
    pub trace: u64,
}

/// Everything that does not hold, and the figures.
pub(super) fn judge(call: &Call<'_>) -> Outcome {
    let mut failures = Vec::new();
    let mut figures = String::new();
    for (at, seat) in call.seats.iter().enumerate() {
        let mut seen = Seen { call, seat, at, failures: Vec::new() };
        let line = seen.judge();
        let _ = writeln!(figures, "  subscriber {at}: {line}");
        failures.extend(seen.failures.into_iter().map(|f| format!("subscriber {at}: {f}")));
    }
    failures.extend(unfair(call));
    let publisher = &call.world.peers[call.publisher.0].media;
    let (camera, uplink) = (&publisher.cameras[0], publisher.uplink_rate().0 / 1_000);
    let bounds = &call.condition.bounds;
    if uplink < bounds.uplink_kbps {
        failures.push(format!("the publisher takes its uplink for {uplink} kbit/s, at least {}", bounds.uplink_kbps));
    }
    if camera.keyframe_requests > bounds.key_requests {
        failures
            .push(format!("{} key pictures were asked of the camera, at most {}", camera.keyframe_requests, bounds.key_requests));
    }
    let (requests, resent) = (camera.keyframe_requests, camera.resent());
    let _ = writeln!(figures, "  camera: {requests} key requests, {resent} packets sent again, uplink of {uplink} kbit/s");
    Outcome { failures, figures, told: call.told(), trace: call.world.trace() }
}

/// The subscribers that are compared have less than their share.
fn unfair(call: &Call<'_>) -> Option<String> {
    let bounds = &call.condition.bounds;
    let from = call.begin + Duration::from_millis(bounds.settles_ms);
    let rates: Vec<f64> = call.seats.iter().map(|seat| kbps(call, seat, from, call.world.now())).collect();
    let (least, most) = rates.iter().fold((f64::INFINITY, 0.0f64), |(least, most), r| (least.min(*r), most.max(*r)));
    (bounds.fairness > 0.0 && least < bounds.fairness * most)
        .then(|| format!("unfair: {} kbit/s", rates.iter().map(|r| format!("{r:.0}")).collect::<Vec<_>>().join(" and ")))
}

fn kbps(call: &Call<'_>, seat: &Seat, from: Instant, until: Instant) -> f64 {
    let media = &call.world.peers[seat.peer.0].media;
    let all = media.viewers.iter().map(Viewer::statistics).chain(media.listeners.iter().map(Listener::statistics));
    let bin = |at: Instant| (at.as_nanos() / BIN.as_nanos() as u64) as usize;
    let bytes: u64 = all.flat_map(|s| s.bytes.iter().take(bin(until)).skip(bin(from))).map(|b| u64::from(*b)).sum();
    bytes as f64 * 8.0 / 1_000.0 / until.since(from).as_secs_f64()
}

struct Seen<'a> {
    call: &'a Call<'a>,
    seat: &'a Seat,
    at: usize,
    failures: Vec<String>,
}

impl Seen<'_> {
    fn judge(&mut self) -> String {
        let media = &self.call.world.peers[self.seat.peer.0].media;
        let viewer = &media.viewers[0];
        let mut line = self.pictures(viewer);
        self.honest(viewer);
        self.layers(viewer);
        self.moments(viewer);
        if let Some(listener) = media.listeners.first() {
            line += &self.sound(listener);
        }
        line += &self.queue();
        line += &self.estimate();
        line
    }

    fn fail(&mut self, what: String) {
        self.failures.push(what);
    }

    fn ms(&self, at: Instant) -> u64 {
        at.since(self.call.begin).as_millis() as u64
    }

    fn at(&self, ms: u64) -> Instant {
        self.call.begin + Duration::from_millis(ms)
    }

    /// From when on bounds hold: after it has joined and settled.
    fn settled(&self) -> Instant {
        let joined = self.call.condition.subscribers[self.at].joins_ms;
        self.at(joined + self.call.condition.bounds.settles_ms)
    }

    /// How soon, how many, and how evenly.
    fn pictures(&mut self, viewer: &Viewer) -> String {
        let bounds = &self.call.condition.bounds;
        let (now, settled) = (self.call.world.now(), self.settled());
        let Some(first) = viewer.screen.shown.first() else {
            self.fail("no picture was ever shown".to_owned());
            return "nothing was shown".to_owned();
        };
        let first_ms = first.at.since(viewer.began).as_millis() as u64;
        if first_ms > bounds.first_picture_ms {
            self.fail(format!("first picture after {first_ms} ms, at most {}", bounds.first_picture_ms));
        }
        let share = self.share(viewer, settled, now);
        if share < bounds.pictures {
            self.fail(format!("{:.1} % of the pictures, at least {:.1} %", 100.0 * share, 100.0 * bounds.pictures));
        }
        let freezes: Vec<(Instant, Duration)> = viewer.screen.freezes.iter().copied().chain(viewer.screen.freezing(now)).collect();
        let outages: Vec<_> = bounds.dark.into_iter().collect();
        let counted: Vec<_> = freezes
            .iter()
            .filter(|(at, gap)| !outages.iter().any(|(a, b)| *at + *gap > self.at(*a) && *at < self.at(*b)))
            .collect();
        let late = counted.iter().filter(|(at, _)| *at >= settled).count();
        if late > bounds.freezes {
            let places: Vec<_> = counted.iter().map(|(at, gap)| format!("{} ms at {}", gap.as_millis(), self.ms(*at))).collect();
            self.fail(format!("{late} freezes, at most {}: {}", bounds.freezes, places.join(", ")));
        }
        let longest = counted.iter().map(|(_, gap)| gap.as_millis() as u64).max().unwrap_or(0);
        if longest > bounds.freeze_ms {
            self.fail(format!("a freeze of {longest} ms, at most {}", bounds.freeze_ms));
        }
        let delay = self.delay(viewer);
        let statistics = viewer.statistics();
        format!(
            "first {first_ms} ms, {:.1} % of pictures, {} freezes ({longest} ms), delay {delay} ms, {:.0} kbit/s, layers {}, {} recovered, {} repeated, {} pli",
            100.0 * share,
            counted.len(),
            kbps(self.call, self.seat, settled, now),
            self.history(viewer),
            statistics.recovered,
            statistics.repeated,
            viewer.plis,
        )
    }

    /// How late pictures are shown, but for the latest hundredth.
    fn delay(&mut self, viewer: &Viewer) -> u64 {
        let bound = self.call.condition.bounds.delay;
        let from = viewer.began + Duration::from_millis(bound.map_or(self.call.condition.bounds.settles_ms, |(from, _)| from));
        let late = viewer.screen.shown.iter().filter(|s| s.at >= from).map(|s| s.at.since(s.captured).as_millis() as u64);
        let mut late: Vec<u64> = late.collect();
        late.sort_unstable();
        let delay = late.get((late.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0);
        if let Some((_, most)) = bound.filter(|(_, most)| delay > *most) {
            self.fail(format!("pictures are shown after {delay} ms, at most {most}"));
        }
        delay
    }

    /// The share of pictures that were taken between two times, and shown.
    fn share(&self, viewer: &Viewer, from: Instant, until: Instant) -> f64 {
        let camera = &self.call.world.peers[self.call.publisher.0].media.cameras[0];
        // What was taken in the last moment is on its way.
        let until = Instant::from_nanos(until.as_nanos().saturating_sub(1_000_000_000));
        let within = |at: &Instant| *at >= from && *at < until;
        let taken = camera.captured.iter().filter(|at| within(at)).count();
        let shown = viewer.screen.shown.iter().filter(|s| s.good && within(&s.captured)).count();
        shown as f64 / taken.max(1) as f64
    }

    /// What a server may never do.
    fn honest(&mut self, viewer: &Viewer) {
        for what in viewer.screen.broken.iter().chain(&viewer.statistics().broken).take(3) {
            self.fail(what.clone());
        }
        if viewer.went_back() > 0 {
            self.fail(format!("{} times the numbers of pictures went back", viewer.went_back()));
        }
        if viewer.screen.timeline_error > TIMELINE_MAX {
            self.fail(format!("timestamps jump by {} ms", viewer.screen.timeline_error.as_millis()));
        }
    }

    fn layers(&mut self, viewer: &Viewer) {
        for Layer { from_ms, until_ms, least, most } in self.call.condition.bounds.layers.clone() {
            let (from, until) = (self.at(from_ms), self.at(until_ms));
            let camera = &self.call.condition.camera;
            let all: Vec<u8> =
                viewer.screen.shown.iter().filter(|s| s.at >= from && s.at < until).map(|s| layer(camera, s)).collect();
            let fits = all.iter().filter(|l| (least..=most).contains(l)).count();
            if all.is_empty() || (fits as f64) < LAYER_SHARE * all.len() as f64 {
                let share = 100 * fits / all.len().max(1);
                self.fail(format!("{share} % of layers {least} to {most} between {from_ms} and {until_ms} ms"));
            }
        }
    }

    /// Rates and pictures at certain times.
    fn moments(&mut self, viewer: &Viewer) {
        let bounds = &self.call.condition.bounds;
        if let Some((from, until, least)) = bounds.kbps {
            let rate = kbps(self.call, self.seat, self.at(from), self.at(until));
            if rate < least as f64 {
                self.fail(format!("{rate:.0} kbit/s between {from} and {until} ms, at least {least}"));
            }
        }
        if let Some((end, within)) = bounds.back {
            let back = viewer.screen.shown.iter().find(|s| s.captured >= self.at(end)).map(|s| self.ms(s.at) - end);
            if back.is_none_or(|back| back > within) {
                self.fail(format!("the picture was back after {back:?} ms, at most {within}"));
            }
        }
        if let Some((from, until)) = bounds.dark {
            // What was taken before is on its way; what is taken meanwhile may be what it begins with afterwards.
            let shown = viewer.screen.shown.iter().filter(|s| s.captured >= self.at(from) && s.at < self.at(until)).count();
            let outage = self.call.condition.happenings.is_empty();
            if shown > 0 && !outage {
                self.fail(format!("{shown} pictures were shown while nothing was wanted"));
            }
        }
    }

    fn sound(&mut self, listener: &Listener) -> String {
        let bounds = &self.call.condition.bounds;
        let settled = self.settled();
        // What an outage or a join costs is not the repair's fault.
        let dark = |at: Instant| bounds.dark.is_some_and(|(a, b)| at >= self.at(a) && at < self.at(b + 1_000));
        let heard: Vec<&Played> =
            listener.played.iter().filter(|p| p.at >= settled && p.sound != Sound::Pause && !dark(p.at)).collect();
        let concealed = heard.iter().filter(|p| p.sound == Sound::Concealed).count();
        let share = concealed as f64 / heard.len().max(1) as f64;
        let longest = heard.chunk_by(|a, b| a.sound == b.sound).filter(|c| c[0].sound == Sound::Concealed).map(<[_]>::len).max();
        let longest = 20 * longest.unwrap_or(0) as u64;
        if heard.len() < 50 {
            self.fail("no sound was heard".to_owned());
        }
        if share > bounds.concealed {
            self.fail(format!("{:.2} % of the sound was concealed, at most {:.2} %", 100.0 * share, 100.0 * bounds.concealed));
        }
        if longest > bounds.silence_ms {
            self.fail(format!("{longest} ms without sound, at most {}", bounds.silence_ms));
        }
        for what in listener.statistics().broken.iter().take(3) {
            self.fail(what.clone());
        }
        format!(
            "; sound {:.2} % concealed ({longest} ms), delay {} ms, {} recovered",
            100.0 * share,
            listener.target_delay().as_millis(),
            listener.statistics().recovered,
        )
    }

    /// The queue before its link: how long it is at least, in any second.
    fn queue(&mut self) -> String {
        let waits = self.call.world.waits(self.seat.peer);
        let mut standing = Duration::ZERO;
        let mut since = 0;
        for (at, wait) in waits.iter().enumerate() {
            while wait.at.since(waits[since].at) > STANDS {
                since += 1;
            }
            let least = waits[since..=at].iter().map(|w| w.wait).min().unwrap_or_default();
            // A window that begins with the call is not a second long.
            if since > 0 {
                standing = standing.max(least);
            }
        }
        let longest = waits.iter().map(|w| w.wait).max().unwrap_or_default();
        let bound = self.call.condition.bounds.queue_ms;
        if standing.as_millis() as u64 > bound {
            self.fail(format!("a queue of {} ms stood for a second, at most {bound}", standing.as_millis()));
        }
        format!("; queue {} ms standing, {} ms at most", standing.as_millis(), longest.as_millis())
    }

    fn estimate(&mut self) -> String {
        let plan = &self.call.condition.subscribers[self.at].down;
        let mut told = Vec::new();
        for ms in self.call.condition.bounds.estimate_at_ms.clone() {
            let at = self.at(ms);
            let estimate = self.seat.estimates.iter().rfind(|(when, _)| *when <= at).and_then(|(_, e)| *e).map(|e| e.0);
            let Some(rate) = plan.rate(ms) else { continue };
            let wanted = rate.min(most(&self.call.condition.camera));
            match estimate {
                None => self.fail(format!("nothing is estimated at {ms} ms")),
                Some(estimate) => {
                    told.push(format!("{}", estimate / 1_000));
                    let (low, high) = (wanted as f64 * (1.0 - ESTIMATE_SHARE), rate as f64 * (1.0 + ESTIMATE_SHARE));
                    if (estimate as f64) < low || estimate as f64 > high {
                        let (low, high) = (low / 1e3, high / 1e3);
                        self.fail(format!("estimate {} kbit/s at {ms} ms, between {low:.0} and {high:.0}", estimate / 1_000));
                    }
                }
            }
        }
        let last = self.seat.estimates.last().and_then(|(_, e)| *e).map(|e| e.0 / 1_000);
        format!("; estimates {} and at last {last:?} kbit/s", told.join(", "))
    }

    /// Which layers were shown, with the times of the changes in seconds.
    fn history(&self, viewer: &Viewer) -> String {
        let camera = &self.call.condition.camera;
        let runs = viewer.screen.shown.chunk_by(|a, b| layer(camera, a) == layer(camera, b));
        let all: Vec<_> = runs.map(|run| format!("{}@{:.1}", layer(camera, &run[0]), self.ms(run[0].at) as f64 / 1e3)).collect();
        let more = if all.len() > 12 { format!(" and {} more", all.len() - 12) } else { String::new() };
        format!("{}{more}", all.iter().take(12).cloned().collect::<Vec<_>>().join(" "))
    }
}

fn layer(camera: &CameraSpec, shown: &Shown) -> u8 {
    if camera.layers.len() > 1 { shown.stream } else { shown.spatial }
}

/// What the call takes at most: no estimate has to be more.
fn most(camera: &CameraSpec) -> u64 {
    camera.layers.iter().map(|l| l.bitrate.0).max().unwrap_or(0) * 105 / 100 + 70_000
}
