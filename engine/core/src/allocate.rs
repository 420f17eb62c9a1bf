//! Who gets what of an estimate: a pure function from (what a transport carries, what its subscriptions wish) to layers.
//!
//! ```text
//! ladder of a camera   180p 7.5 -> 180p 15 -> 180p 30 -> 360p 15 -> 360p 30 -> 720p 15 -> 720p 30     frames first
//! ladder of a screen   180p 7.5 -> 360p 7.5 -> 720p 7.5 -> 720p 15 -> 720p 30                         lines first
//!
//! steps, in this order   1. everybody's lowest rung, by priority, cheap ones first: a picture of each before a better picture of any
//!                        2. steps up by priority, and within one by picture gained per bit
//! a step is taken when all that was taken fits with it: below `keep` for what is there already, below `rise` for what is more
//! ```
//!
//! What a step gains is the logarithm of the rate: the first 100 kbit/s of a picture are worth more than the tenth. So of two
//! cameras with equal priority the worse one rises first. A step up that does not fit ends the rise of its priority: smaller steps
//! behind it would fit, but whoever took them would lose them when there is more, to the one that was first in line. The next
//! priority may take what is left.
//!
//! **Stable under noise.** Each step is decided in a fixed order, on what the steps before it left, and it is taken at a higher
//! estimate than it is given up at ([`Budget`]). So under an estimate that moves by less than that, each changes once at most after
//! those before it came to rest: nothing flaps.

use crate::control::LAYERS_MAX;
use crate::target::{TEMPORAL_MAX, Target, Why};
use arrayvec::ArrayVec;
use core::cmp::Ordering;
use corelay_wire::units::Bitrate;

/// What there is to be given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What the transport carries; `None` where nobody estimates it: everybody gets the best.
    pub estimate: Option<Bitrate>,
    /// What goes before video: audio, RTCP, and what resending takes of late.
    pub reserved: Bitrate,
    /// The estimate fell a short time ago: what it says is less certain, and a step up that has to be taken back is seen twice.
    pub fell: bool,
    /// Nothing was measured yet. Everybody gets the lowest: what a path carries shows when something is sent.
    pub unmeasured: bool,
}

/// What tells the picture sizes of a track apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Sizes {
    /// Simulcast: each is a stream of its own.
    #[default]
    Streams,
    /// SVC: each is a spatial layer of the one stream, on top of those below.
    Spatial,
}

/// What one subscription of video could get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Higher goes first.
    pub priority: u8,
    /// A screen: lines come before frames.
    pub screen: bool,
    /// What the rows of `rates` are.
    pub sizes: Sizes,
    /// What each size and temporal layer takes, everything below it that it needs included; zero where there is no such layer.
    pub rates: [[Bitrate; TEMPORAL_MAX]; LAYERS_MAX],
    /// What each row takes with all that its key pictures are made of: where layers build on those below at key pictures only, more
    /// than the row takes otherwise.
    pub keys: [Bitrate; LAYERS_MAX],
    /// The rows that are being sent, as bits. One that is not cannot be had.
    pub live: u8,
    /// The largest row, and temporal layer, that it may get.
    pub most: (u8, u8),
    /// Why it may not get more than `most`: what is told when it got that.
    pub why_most: Why,
    /// What it has.
    pub current: Option<Target>,
}

/// What one subscription of video is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// `None`: nothing fits, or nothing is sent.
    pub target: Option<Target>,
    /// Why not more.
    pub why: Why,
}

/// What was decided, and how far the estimate may move until something else would be.
#[derive(Clone, Debug)]
pub struct Allocation {
    /// For each wish, in their order.
    pub choices: Vec<Choice>,
    /// What is given away.
    pub given: Bitrate,
    /// The estimate from which on everybody gets the best, whatever it did before: what is worth probing for.
    pub demand: Bitrate,
    /// Below this estimate something is taken away; `None` where nothing can be.
    pub falls_below: Option<Bitrate>,
    /// From this estimate on something is added; `None` where everything was.
    pub rises_from: Option<Bitrate>,
    steps: Vec<Step>,
    ladders: Vec<Ladder>,
    /// Memory for the wishes of whoever calls.
    pub wishes: Vec<Wish>,
}

/// Subscriptions of one transport that are decided on without growing: what a large gallery shows, three times over.
const WISHES_EXPECTED: usize = 64;

impl Default for Allocation {
    fn default() -> Self {
        Self {
            choices: Vec::with_capacity(WISHES_EXPECTED),
            given: Bitrate(0),
            demand: Bitrate(0),
            falls_below: None,
            rises_from: None,
            steps: Vec::with_capacity(WISHES_EXPECTED * RUNGS_MAX),
            ladders: Vec::with_capacity(WISHES_EXPECTED),
            wishes: Vec::with_capacity(WISHES_EXPECTED),
        }
    }
}

/// A step up needs this much more than it takes, in percent of what is taken with it. With [`KEEP_PERCENT`], what an estimate may
/// waver by, 1.15 / 0.94: more than +-10 %. Higher leaves a part of a good path unused and a viewer one size too low; lower makes
/// pictures come and go with every breath of the estimate.
const RISE_PERCENT: u64 = 115;
/// The same for some seconds after the estimate fell: half of the falls are followed by another.
const RISE_AFTER_FALL_PERCENT: u64 = 130;
/// How much more than that is worth probing for: rates waver, and a probe measures a little less than it sends.
const DEMAND_MARGIN_PERCENT: u64 = 10;
/// What is there already stays until the estimate is below this part of it. An estimator that probes its limit saws by a few
/// percent under what the path carries: that alone takes nothing away. Higher would do that; lower sends what does not fit, and it
/// is the pacer's queue that pays.
const KEEP_PERCENT: u64 = 94;
/// The same of all together, with what is reserved. Higher takes a size from a path whose estimate saws below it; lower keeps one that,
/// with sound, fills the path and its queue.
const KEEP_ALL_PERCENT: u64 = 85;
/// A step to what is there already goes before a like one to what is not, by so much gain per bit: two equal cameras do not swap
/// their sizes because one's rate wavered.
const HELD_FACTOR: f32 = 1.25;

/// A key picture takes as much as so many milliseconds of its stream: eight pictures of thirty a second.
const KEY_MILLIS: u64 = 267;
/// A camera's size begins where its key pictures take no longer than this: the picture stands still meanwhile, for this change and
/// for each who joins later. Longer stands still for more lines; shorter has fewer lines on thin paths.
const KEY_MILLIS_MAX: u64 = 500;

/// Rungs of one ladder.
const RUNGS_MAX: usize = LAYERS_MAX * TEMPORAL_MAX;

#[derive(Clone, Copy, Debug)]
struct Rung {
    rate: u64,
    row: u8,
    temporal: u8,
    /// What has to be there for the key picture that it begins with.
    key: u64,
}

/// What one wish can have, each rung better and dearer than the one before.
#[derive(Clone, Debug, Default)]
struct Ladder {
    rungs: ArrayVec<Rung, RUNGS_MAX>,
    /// How many it has at present: up to and with the current target.
    held: usize,
    /// How many it gets.
    taken: usize,
    /// A step did not fit: those above it are not taken.
    ended: bool,
    /// There would be more, but it is not sent.
    cut: bool,
}

/// One rung more for one wish.
#[derive(Clone, Copy, Debug)]
struct Step {
    wish: u32,
    rung: u8,
    priority: u8,
    /// Picture gained per bit.
    gain: f32,
}

/// Decides what each of `wishes` gets of `budget`. `allocation` is written anew; it keeps its memory.
pub fn allocate(budget: &Budget, wishes: &[Wish], allocation: &mut Allocation) {
    let Allocation { ladders, steps, choices, .. } = allocation;
    ladders.clear();
    steps.clear();
    choices.clear();
    for (at, wish) in wishes.iter().enumerate() {
        let ladder = Ladder::of(wish);
        steps.extend((0..ladder.rungs.len()).map(|rung| ladder.step(at, rung, wish.priority)));
        ladders.push(ladder);
    }
    steps.sort_unstable_by(Step::order);
    let mut walk = Walk::new(budget);
    for step in steps.iter() {
        walk.take(&mut ladders[step.wish as usize], step);
    }
    for (wish, ladder) in wishes.iter().zip(ladders.iter_mut()) {
        walk.fall_further(wish, ladder);
    }
    choices.extend(wishes.iter().zip(ladders.iter()).map(|(wish, ladder)| ladder.choice(wish, budget)));
    allocation.given = Bitrate(walk.given);
    let all = budget.reserved.0 + ladders.iter().filter_map(|l| l.rungs.last()).map(|r| r.rate).sum::<u64>();
    allocation.demand = Bitrate(walk.with_margin(all, RISE_AFTER_FALL_PERCENT + DEMAND_MARGIN_PERCENT));
    allocation.falls_below = walk.falls_below.map(Bitrate);
    allocation.rises_from = walk.rises_from.map(Bitrate);
}

/// Goes through the steps in their order.
struct Walk {
    estimate: Option<u64>,
    reserved: u64,
    rise_percent: u64,
    unmeasured: bool,
    nothing_taken: bool,
    /// Given away so far, with what is reserved.
    given: u64,
    falls_below: Option<u64>,
    rises_from: Option<u64>,
    /// The steps of this kind that are not there already are over: whether they are lowest rungs, and of which priority.
    closed: Option<(bool, u8)>,
}

impl Walk {
    fn new(budget: &Budget) -> Self {
        let rise_percent = if budget.fell { RISE_AFTER_FALL_PERCENT } else { RISE_PERCENT };
        let estimate = budget.estimate.map(|e| e.0);
        let unmeasured = budget.unmeasured;
        Self {
            estimate,
            reserved: budget.reserved.0,
            rise_percent,
            unmeasured,
            nothing_taken: true,
            given: budget.reserved.0,
            falls_below: None,
            rises_from: None,
            closed: None,
        }
    }

    fn take(&mut self, ladder: &mut Ladder, step: &Step) {
        let (rung, kind) = (usize::from(step.rung), (step.rung == 0, step.priority));
        let is_held = rung < ladder.held;
        ladder.ended |= !is_held && self.closed == Some(kind);
        if ladder.ended {
            return;
        }
        let below = rung.checked_sub(1).map_or(0, |below| ladder.rungs[below].rate);
        let given = self.given + ladder.rungs[rung].rate - below;
        let percent = if is_held { KEEP_PERCENT } else { self.rise_percent };
        let key = if is_held { 0 } else { self.reserved + ladder.rungs[rung].key };
        let needed = self.with_margin(given, percent).max(key);
        let fits = self.estimate.is_none_or(|estimate| needed <= estimate);
        let is_due = self.is_due_anyway(rung);
        if fits || is_due {
            self.given = given;
            self.nothing_taken = false;
            ladder.taken = rung + 1;
        }
        if fits && !is_due {
            self.falls_below = Some(self.falls_below.unwrap_or(0).max(self.with_margin(given, KEEP_PERCENT)));
        } else if ladder.taken <= rung {
            ladder.ended = true;
            self.closed = Some(kind);
            let needed = self.with_margin(given, self.rise_percent).max(key);
            self.rises_from = Some(self.rises_from.unwrap_or(u64::MAX).min(needed));
        }
    }

    /// The estimate at which so much is given away. The margin of video is room for what is reserved as well, where there is enough of it:
    /// both are seldom at their most.
    fn with_margin(&self, given: u64, percent: u64) -> u64 {
        let all = if percent < 100 { KEEP_ALL_PERCENT } else { 100 };
        ((given - self.reserved) * percent / 100).max(given * all / 100)
    }
}

impl Walk {
    /// A fall to another stream begins with a keyframe, into a queue that is full: it goes as far down as a rise would need it to.
    /// Where the step between fits after all, it is taken when the queue is empty.
    fn fall_further(&mut self, wish: &Wish, ladder: &mut Ladder) {
        let (Some(estimate), Some(current), Sizes::Streams) = (self.estimate, wish.current, wish.sizes) else { return };
        while let [.., below, rung] = &ladder.rungs[..ladder.taken] {
            let needed = self.with_margin(self.given, self.rise_percent);
            if rung.row >= current.layer || needed <= estimate {
                return;
            }
            self.given -= rung.rate - below.rate;
            self.rises_from = Some(self.rises_from.unwrap_or(u64::MAX).min(needed));
            self.falls_below = Some(self.with_margin(self.given, KEEP_PERCENT));
            (ladder.taken, ladder.ended) = (ladder.taken - 1, true);
        }
    }

    /// The lowest rung that is given though it does not fit. While nothing was measured, to everybody. Later, to the first in line:
    /// were nothing sent at all, nobody would learn when the path carries more.
    fn is_due_anyway(&self, rung: usize) -> bool {
        rung == 0 && (self.unmeasured || self.nothing_taken)
    }
}

impl Step {
    /// Everybody's lowest first; then by priority, then by gain; then the order of the wishes, so that equals have one.
    fn order(&self, other: &Self) -> Ordering {
        let first = |step: &Self| step.rung > 0;
        first(self)
            .cmp(&first(other))
            .then(other.priority.cmp(&self.priority))
            .then(other.gain.total_cmp(&self.gain))
            .then((self.wish, self.rung).cmp(&(other.wish, other.rung)))
    }
}

impl Ladder {
    fn of(wish: &Wish) -> Self {
        let mut ladder = Self::default();
        let held = wish.current.map(|current| (current.row(wish.sizes == Sizes::Spatial), current.temporal));
        let sent = |row: usize| match wish.sizes {
            Sizes::Streams => wish.live >> row & 1 != 0,
            // A layer builds on those below.
            Sizes::Spatial => !wish.live & ((2 << row) - 1) == 0,
        };
        let highest = wish.rates.iter().rposition(|row| row.iter().any(|rate| rate.0 > 0));
        ladder.cut = highest.is_some_and(|highest| !sent(highest.min(usize::from(wish.most.0))));
        for (row, rates) in wish.rates.iter().enumerate().take(usize::from(wish.most.0) + 1).filter(|(row, _)| sent(*row)) {
            let top = rates.iter().rposition(|rate| rate.0 > 0).unwrap_or(0).min(wish.most.1.into());
            // Temporal layers that there are not take what those below do.
            let top = (0..=top).find(|t| rates[*t] == rates[top]).unwrap_or(top);
            let lowest = ladder.rungs.is_empty();
            let first = if wish.screen || lowest { 0 } else { top.saturating_sub(1) };
            let rungs = (first..=top).filter(|t| rates[*t].0 > 0);
            // What is shown has begun, and whoever has nothing begins with what there is.
            let begins = !lowest && !wish.screen && held.is_none_or(|(shown, _)| row as u8 > shown);
            let key = if begins { wish.keys[row].0 * KEY_MILLIS / KEY_MILLIS_MAX } else { 0 };
            rungs.for_each(|t| ladder.push(Rung { rate: rates[t].0, row: row as u8, temporal: t as u8, key }));
        }
        ladder.held = ladder.rungs.iter().take_while(|r| held.is_some_and(|held| (r.row, r.temporal) <= held)).count();
        ladder
    }

    /// Puts a rung on top: a worse one that is as dear is not worth having.
    fn push(&mut self, rung: Rung) {
        while self.rungs.last().is_some_and(|last| last.rate >= rung.rate) {
            self.rungs.pop();
        }
        self.rungs.push(rung);
    }

    fn step(&self, wish: usize, rung: usize, priority: u8) -> Step {
        let rate = self.rungs[rung].rate as f32;
        let gain = match rung.checked_sub(1) {
            // The cheapest picture first: more people are seen.
            None => 1.0 / rate,
            Some(below) => {
                let below = self.rungs[below].rate as f32;
                (rate / below).ln() / (rate - below)
            }
        };
        let gain = if rung < self.held { HELD_FACTOR * gain } else { gain };
        Step { wish: wish as u32, rung: rung as u8, priority, gain }
    }

    fn choice(&self, wish: &Wish, budget: &Budget) -> Choice {
        let target = self.taken.checked_sub(1).map(|at| {
            let Rung { row, temporal, .. } = self.rungs[at];
            match wish.sizes {
                Sizes::Streams => Target { layer: row, spatial: 0, temporal },
                Sizes::Spatial => Target { layer: 0, spatial: row, temporal },
            }
        });
        let why = match budget.estimate {
            Some(estimate) if self.ended => Why::Bandwidth { estimate },
            _ if self.rungs.is_empty() || self.cut => Why::LayerSilent,
            _ => wish.why_most,
        };
        Choice { target, why }
    }
}

#[cfg(test)]
mod tests;
