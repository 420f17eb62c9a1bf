use super::*;
use proptest::prelude::*;

const fn kbit(n: u64) -> Bitrate {
    Bitrate(n * 1_000)
}

/// The layers of a browser's camera: 40 % of each stream's rate at a quarter of its frames, 60 % at half.
fn camera(rows: &[u64]) -> Wish {
    let mut rates = [[Bitrate(0); TEMPORAL_MAX]; LAYERS_MAX];
    for (row, rate) in rates.iter_mut().zip(rows) {
        row[..3].copy_from_slice(&[kbit(rate * 2 / 5), kbit(rate * 3 / 5), kbit(*rate)]);
    }
    Wish {
        priority: 1,
        screen: false,
        sizes: Sizes::Streams,
        rates,
        keys: rates.map(|row| row[TEMPORAL_MAX - 1]),
        live: 0b1111,
        most: (u8::MAX, u8::MAX),
        why_most: Why::Best,
        current: None,
    }
}

fn simulcast() -> Wish {
    camera(&[150, 500, 1_500])
}

fn budget(n: u64) -> Budget {
    Budget { estimate: Some(kbit(n)), reserved: Bitrate(0), fell: false, unmeasured: false }
}

/// What each gets, as (size, temporal layer), from nothing held.
fn given(budget: &Budget, wishes: &[Wish]) -> Vec<Option<(u8, u8)>> {
    let mut allocation = Allocation::default();
    allocate(budget, wishes, &mut allocation);
    wishes.iter().zip(&allocation.choices).map(|(wish, choice)| size_of(wish, choice.target)).collect()
}

/// A target as (size, temporal layer).
fn size_of(wish: &Wish, target: Option<Target>) -> Option<(u8, u8)> {
    target.map(|target| (target.row(wish.sizes == Sizes::Spatial), target.temporal))
}

#[test]
fn a_size_whose_key_pictures_are_too_long_for_the_path_is_not_begun() {
    // Three layers that build on each other at key pictures only: the upper one is 860 of 1,500 kbit/s.
    let keys = [kbit(215), kbit(645), kbit(1_500), Bitrate(0)];
    let wish = Wish { sizes: Sizes::Spatial, keys, ..camera(&[215, 430, 860]) };
    assert_eq!(given(&budget(750), &[wish]), [Some((1, 2))]);
    assert_eq!(given(&budget(850), &[wish]), [Some((2, 1))]);
    let shown = Wish { current: Some(Target { layer: 0, spatial: 2, temporal: 1 }), ..wish };
    assert_eq!(given(&budget(750), &[shown]), [Some((2, 1))], "it has begun");
    let mut allocation = Allocation::default();
    allocate(&budget(750), &[wish], &mut allocation);
    assert_eq!(allocation.rises_from, Some(kbit(801)));
}

/// Decides, and lets the wishes have it.
fn settle(budget: &Budget, wishes: &mut [Wish]) -> Vec<Option<Target>> {
    let mut allocation = Allocation::default();
    allocate(budget, wishes, &mut allocation);
    wishes.iter_mut().zip(&allocation.choices).for_each(|(wish, choice)| wish.current = choice.target);
    allocation.choices.iter().map(|c| c.target).collect()
}

#[test]
fn without_an_estimate_everybody_gets_the_best() {
    let unlimited = Budget { estimate: None, reserved: kbit(50), fell: false, unmeasured: false };
    assert_eq!(given(&unlimited, &[simulcast(), camera(&[800])]), [Some((2, 2)), Some((0, 2))]);
    let mut allocation = Allocation::default();
    allocate(&unlimited, &[simulcast()], &mut allocation);
    assert_eq!((allocation.demand, allocation.rises_from), (kbit(1_500 * 14 / 10), None));
}

#[test]
fn a_fall_to_another_stream_goes_as_far_as_a_rise_would_need() {
    let mut wishes = [simulcast()];
    settle(&budget(2_000), &mut wishes);
    assert_eq!(wishes[0].current.map(|target| target.layer), Some(2));
    let fell = Budget { fell: true, ..budget(330) };
    // 300 kbit/s of the middle stream would be kept, and are not begun.
    settle(&fell, &mut wishes);
    assert_eq!(wishes[0].current.map(|target| (target.layer, target.temporal)), Some((0, 2)));
    settle(&Budget { fell: true, ..budget(390) }, &mut wishes);
    assert_eq!(wishes[0].current.map(|target| (target.layer, target.temporal)), Some((1, 1)));
    settle(&fell, &mut wishes);
    assert_eq!(wishes[0].current.map(|target| (target.layer, target.temporal)), Some((1, 1)));
    let mut allocation = Allocation::default();
    wishes[0].current = Some(Target { layer: 2, spatial: 0, temporal: 2 });
    allocate(&fell, &wishes, &mut allocation);
    assert_eq!((allocation.rises_from, allocation.falls_below), (Some(kbit(390)), Some(kbit(141))));
}

#[test]
fn a_camera_keeps_its_frame_rate_and_a_screen_its_lines() {
    let screen = Wish { screen: true, ..simulcast() };
    let at = |kbit| (given(&budget(kbit), &[simulcast()])[0], given(&budget(kbit), &[screen])[0]);
    assert_eq!(at(2_000), (Some((2, 2)), Some((2, 2))));
    assert_eq!(at(1_100), (Some((2, 1)), Some((2, 1))), "half the frame rate is still a moving picture");
    assert_eq!(at(700), (Some((1, 2)), Some((2, 0))));
    assert_eq!(at(400), (Some((1, 1)), Some((1, 1))));
    assert_eq!(at(240), (Some((0, 2)), Some((1, 0))));
    assert_eq!(at(110), (Some((0, 1)), Some((0, 1))));
    assert_eq!(at(50), (Some((0, 0)), Some((0, 0))), "whoever is first in line is never without");
}

#[test]
fn everybody_gets_a_picture_before_anybody_gets_a_better_one() {
    let wishes = [Wish { priority: 9, ..simulcast() }, simulcast(), simulcast(), simulcast()];
    assert_eq!(given(&budget(280), &wishes), [Some((0, 0)); 4]);
    assert_eq!(given(&budget(330), &wishes), [Some((0, 1)), Some((0, 0)), Some((0, 0)), Some((0, 0))]);
}

#[test]
fn what_does_not_fit_pauses_the_lowest_priority_first() {
    let wishes = [simulcast(), Wish { priority: 2, ..simulcast() }, Wish { priority: 3, screen: true, ..simulcast() }];
    assert_eq!(given(&budget(150), &wishes), [None, Some((0, 0)), Some((0, 0))]);
    assert_eq!(given(&budget(75), &wishes), [None, None, Some((0, 0))]);
    let mut allocation = Allocation::default();
    allocate(&budget(75), &wishes, &mut allocation);
    assert_eq!(allocation.choices[0].why, Why::Bandwidth { estimate: kbit(75) });
}

#[test]
fn a_higher_priority_rises_to_its_top_first() {
    let wishes = [simulcast(), Wish { priority: 2, ..simulcast() }];
    assert_eq!(given(&budget(1_900), &wishes), [Some((0, 2)), Some((2, 2))]);
    assert_eq!(given(&budget(1_300), &[simulcast(), simulcast()]), [Some((1, 2)); 2], "equals share");
}

#[test]
fn before_anything_was_measured_everybody_gets_the_lowest() {
    let single = camera(&[2_500]);
    let start = Budget { unmeasured: true, ..budget(500) };
    assert_eq!(
        given(&start, &[Wish { rates: [single.rates[0], [Bitrate(0); 4], [Bitrate(0); 4], [Bitrate(0); 4]], ..single }]),
        [Some((0, 0))]
    );
    assert_eq!(given(&start, &[simulcast(), simulcast()]), [Some((0, 2)); 2]);
}

#[test]
fn audio_is_reserved_before_video() {
    let reserved = Budget { reserved: kbit(400), ..budget(1_000) };
    assert_eq!(given(&reserved, &[simulcast()]), [Some((1, 2))]);
    // With sound, both together are what the path carries: 150 of the smallest would fit with all their margin otherwise.
    let thin = |estimate| Budget { reserved: kbit(75), ..budget(estimate) };
    assert_eq!([200, 225].map(|estimate| given(&thin(estimate), &[simulcast()])), [[Some((0, 1))], [Some((0, 2))]]);
}

#[test]
fn limits_and_silent_layers_are_told() {
    let why = |wish: Wish, estimate| {
        let mut allocation = Allocation::default();
        allocate(&Budget { estimate, reserved: Bitrate(0), fell: false, unmeasured: false }, &[wish], &mut allocation);
        (size_of(&wish, allocation.choices[0].target), allocation.choices[0].why)
    };
    let small = Wish { most: (1, 3), why_most: Why::Viewport, ..simulcast() };
    assert_eq!(why(small, Some(kbit(9_000))), (Some((1, 2)), Why::Viewport));
    let thirty = Wish { most: (2, 0), why_most: Why::Preferred, ..simulcast() };
    assert_eq!(why(thirty, None), (Some((2, 0)), Why::Preferred));
    let cut = Wish { live: 0b0011, ..simulcast() };
    assert_eq!(why(cut, None), (Some((1, 2)), Why::LayerSilent));
    assert_eq!(why(Wish { live: 0, ..simulcast() }, Some(kbit(9_000))), (None, Why::LayerSilent));
    assert_eq!(why(Wish { live: 0b0011, most: (1, 3), ..simulcast() }, None), (Some((1, 2)), Why::Best));
    let spatial = Wish { sizes: Sizes::Spatial, live: 0b101, ..simulcast() };
    assert_eq!(why(spatial, None), (Some((0, 2)), Why::LayerSilent), "a layer builds on those below");
}

#[test]
fn a_spatial_layer_is_a_target_within_the_one_stream() {
    let wish = Wish { sizes: Sizes::Spatial, ..simulcast() };
    assert_eq!(settle(&budget(5_000), &mut [wish]), [Some(Target { layer: 0, spatial: 2, temporal: 2 })]);
}

#[test]
fn a_layer_that_is_dearer_than_a_better_one_is_never_chosen() {
    let odd = camera(&[700, 500, 1_500]);
    for estimate in [330, 500, 600, 800] {
        let target = given(&budget(estimate), &[odd])[0].expect("something fits");
        assert_ne!(target, (0, 2), "at {estimate}");
    }
}

#[test]
fn a_fall_makes_the_next_rise_wait_for_more() {
    let mut wishes = [simulcast()];
    settle(&budget(300), &mut wishes);
    assert_eq!(size_of(&wishes[0], wishes[0].current), Some((0, 2)));
    let careful = Budget { fell: true, ..budget(600) };
    assert_eq!(given(&careful, &wishes), [Some((1, 1))]);
    assert_eq!(given(&budget(600), &wishes), [Some((1, 2))]);
}

#[test]
fn it_tells_how_far_the_estimate_may_move() {
    let mut allocation = Allocation::default();
    let wishes = [Wish { current: Some(Target { layer: 1, spatial: 0, temporal: 2 }), ..simulcast() }];
    allocate(&budget(600), &wishes, &mut allocation);
    assert_eq!((allocation.given, allocation.falls_below, allocation.rises_from), (kbit(500), Some(kbit(470)), Some(kbit(1_035))));
}

prop_compose! {
    fn any_wish()(
        priority in 0u8..4,
        screen in any::<bool>(),
        spatial in any::<bool>(),
        rows in prop::collection::vec((20u64..400, 110u64..400), 1..4),
        live in prop_oneof![3 => Just(0b1111u8), 1 => any::<u8>()],
    ) -> Wish {
        let mut rate = 0;
        let rows: Vec<u64> = rows.iter().map(|(first, percent)| { rate = if rate == 0 { *first } else { rate * percent / 100 }; rate }).collect();
        let sizes = if spatial { Sizes::Spatial } else { Sizes::Streams };
        Wish { priority, screen, sizes, live, ..camera(&rows) }
    }
}

fn rate_of(wish: &Wish, target: Option<Target>) -> u64 {
    size_of(wish, target).map_or(0, |(row, temporal)| wish.rates[usize::from(row)][usize::from(temporal)].0)
}

proptest! {
    #[test]
    fn what_is_given_fits_and_is_counted(wishes in prop::collection::vec(any_wish(), 1..12), estimate in 10u64..6_000, reserved in 0u64..100) {
        let mut wishes = wishes;
        let budget = Budget { reserved: kbit(reserved), ..budget(estimate) };
        let mut allocation = Allocation::default();
        for _ in 0..3 {
            allocate(&budget, &wishes, &mut allocation);
            let sum: u64 = wishes.iter().zip(&allocation.choices).map(|(w, c)| rate_of(w, c.target)).sum();
            prop_assert_eq!(allocation.given.0, sum + reserved * 1_000);
            let pictures = allocation.choices.iter().filter(|c| c.target.is_some()).count();
            prop_assert!(pictures <= 1 || allocation.given.0 * KEEP_PERCENT / 100 <= estimate * 1_000);
            for (wish, choice) in wishes.iter_mut().zip(&allocation.choices) {
                if let Some(target) = choice.target {
                    prop_assert!(wish.live >> target.row(wish.sizes == Sizes::Spatial) & 1 != 0, "only what is sent");
                }
                wish.current = choice.target;
            }
        }
    }

    /// Under an estimate that wavers by a tenth to either side, everything comes to rest.
    #[test]
    fn nothing_flaps(wishes in prop::collection::vec(any_wish(), 1..10), estimate in 50u64..6_000, noise in prop::collection::vec(-100i64..=100, 50)) {
        let mut wishes = wishes;
        let at = |permille: i64| Budget { estimate: Some(Bitrate(estimate * (1_000 + permille).unsigned_abs())), reserved: Bitrate(0), fell: false, unmeasured: false };
        // The extremes, as often as a step can wait for another.
        for _ in 0..40 {
            settle(&at(100), &mut wishes);
            settle(&at(-100), &mut wishes);
        }
        let rest = settle(&at(0), &mut wishes);
        for permille in noise {
            prop_assert_eq!(&settle(&at(permille), &mut wishes), &rest);
        }
    }

    /// Two equal cameras whose rates are measured with some noise do not swap their sizes.
    #[test]
    fn equals_do_not_swap(estimate in 100u64..5_000, noise in prop::collection::vec((950u64..1_050, 950u64..1_050), 30)) {
        let mut wishes = [simulcast(), simulcast()];
        let first = settle(&budget(estimate), &mut wishes);
        prop_assume!(first[0] != first[1]);
        for (a, b) in noise {
            for (wish, permille) in wishes.iter_mut().zip([a, b]) {
                let current = wish.current;
                *wish = camera(&[150 * permille / 1_000, 500 * permille / 1_000, 1_500 * permille / 1_000]);
                wish.current = current;
            }
            let next = settle(&budget(estimate), &mut wishes);
            prop_assert!(next[0].map(|t| t.layer) >= next[1].map(|t| t.layer));
        }
    }

    /// More never gives less to anybody of one priority, once each has a picture.
    #[test]
    fn more_is_never_less_for_equals(mut wishes in prop::collection::vec(any_wish(), 1..8), low in 10u64..4_000, more in 0u64..4_000) {
        wishes.iter_mut().for_each(|wish| (wish.priority, wish.live) = (1, 0b1111));
        let (less, more) = (given(&budget(low), &wishes), given(&budget(low + more), &wishes));
        prop_assume!(less.iter().all(Option::is_some));
        for (less, more) in less.iter().zip(&more) {
            prop_assert!(more >= less, "{less:?} {more:?}");
        }
    }

    /// Who is first in line gets as much or more of more, once each has a picture.
    #[test]
    fn more_is_never_less_for_the_first_in_line(mut wishes in prop::collection::vec(any_wish(), 1..10), low in 10u64..4_000, more in 0u64..4_000) {
        for wish in &mut wishes {
            (wish.priority, wish.live) = (wish.priority.min(2), 0b1111);
        }
        wishes[0].priority = 3;
        let (less, more) = (given(&budget(low), &wishes), given(&budget(low + more), &wishes));
        prop_assume!(less.iter().all(Option::is_some));
        prop_assert!(more[0] >= less[0], "{less:?} {more:?}");
    }

    /// The estimate may move between the two bounds that were told, and nothing changes; beyond them something does.
    #[test]
    fn the_bounds_are_true(wishes in prop::collection::vec(any_wish(), 1..10), estimate in 50u64..6_000) {
        let mut wishes = wishes;
        for _ in 0..40 {
            settle(&budget(estimate), &mut wishes);
        }
        let mut allocation = Allocation::default();
        allocate(&budget(estimate), &wishes, &mut allocation);
        let at = |estimate: u64| {
            let mut other = Allocation::default();
            allocate(&Budget { estimate: Some(Bitrate(estimate)), reserved: Bitrate(0), fell: false, unmeasured: false }, &wishes, &mut other);
            other.choices.iter().map(|c| c.target).collect::<Vec<_>>()
        };
        let present: Vec<_> = allocation.choices.iter().map(|c| c.target).collect();
        if let Some(falls) = allocation.falls_below {
            prop_assert_eq!(&at(falls.0), &present);
            prop_assert!(falls.0 == 0 || at(falls.0 - 1) != present);
        }
        if let Some(rises) = allocation.rises_from {
            prop_assert_eq!(&at(rises.0 - 1), &present);
            prop_assert!(at(rises.0) != present);
        }
    }
}
