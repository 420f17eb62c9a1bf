//! A microphone and its listener with nothing but a wire between them.

use super::*;
use crate::chance::Chance;
use crate::microphone::{Microphone, MicrophoneSpec};
use crate::outgoing::Outlet;
use corelay_wire::rtp::RtpHeader;

/// Twenty seconds over a wire that loses a share of the packets and delays each by up to `jitter_ms`; what is asked for comes after
/// `repair_ms`.
fn hear(spec: MicrophoneSpec, loss: f64, jitter_ms: f64, repair_ms: Option<u64>) -> Listener {
    hear_but(spec, loss, jitter_ms, repair_ms, 0..0)
}

/// The same, with nothing passing between two milliseconds.
fn hear_but(spec: MicrophoneSpec, loss: f64, jitter_ms: f64, repair_ms: Option<u64>, gone: core::ops::Range<u64>) -> Listener {
    let mut microphone = Microphone::new(spec, 5, 1);
    let published = microphone.parameters();
    let parameters = SubscriptionParameters {
        ssrc: published.layers[0].ssrc.expect("announced"),
        rtx_ssrc: published.layers[0].rtx_ssrc,
        mid: published.mid,
        formats: published.formats.clone(),
        extensions: published.extensions.clone(),
        preferences: Default::default(),
    };
    let media = parameters.ssrc;
    let mut listener = Listener::new(Instant::ZERO, SubscriptionId(1), parameters, 5);
    let (mut outlet, mut chance) = (Outlet::default(), Chance::new(3));
    let (mut flights, mut asked): (Vec<(Instant, Vec<u8>)>, Vec<_>) = (Vec::new(), Vec::new());
    for ms in (0..20_000).step_by(5) {
        let now = Instant::from_millis(ms);
        for (_, sequence) in asked.extract_if(.., |(at, _)| *at <= now) {
            microphone.resend(now, media, sequence, Duration::from_millis(50));
        }
        for packet in microphone.work(now, &mut outlet) {
            if chance.unit() >= loss && !gone.contains(&ms) {
                let late = Duration::from_micros((chance.unit() * jitter_ms * 1e3) as u64);
                flights.push((now + late, [&packet.header[..], &packet.payload].concat()));
            }
        }
        for (_, bytes) in flights.extract_if(.., |(at, _)| *at <= now) {
            listener.take(now, &RtpHeader::parse(&bytes).expect("a packet"), &bytes);
        }
        let lost = listener.incoming.nack(now, Duration::from_millis(60));
        if let Some(repair_ms) = repair_ms {
            asked.extend(lost.into_iter().map(|sequence| (now + Duration::from_millis(repair_ms), sequence)));
        }
        listener.work(now);
    }
    listener
}

/// The share of concealed sound after the first two seconds.
fn concealed(listener: &Listener) -> f64 {
    let heard: Vec<_> = listener.played.iter().skip(100).filter(|p| p.sound != Sound::Pause).collect();
    heard.iter().filter(|p| p.sound == Sound::Concealed).count() as f64 / heard.len() as f64
}

#[test]
fn over_a_perfect_wire_nothing_is_concealed_and_the_delay_is_short() {
    for dtx in [false, true] {
        let listener = hear(MicrophoneSpec { dtx, ..MicrophoneSpec::default() }, 0.0, 0.0, None);
        assert_eq!(concealed(&listener), 0.0, "dtx {dtx}");
        assert!(listener.target_delay() <= Duration::from_millis(45), "{:?}", listener.target_delay());
        assert!(listener.statistics().broken.is_empty());
        let pauses = listener.played.iter().filter(|p| p.sound == Sound::Pause).count();
        assert!(dtx == (pauses > 200), "{pauses}");
    }
}

#[test]
fn what_is_lost_is_concealed_unless_it_is_repaired_in_time() {
    let lost = concealed(&hear(MicrophoneSpec::default(), 0.1, 0.0, None));
    assert!((0.08..0.12).contains(&lost), "{lost}");
    let repaired = concealed(&hear(MicrophoneSpec::default(), 0.1, 0.0, Some(40)));
    assert!(repaired < 0.03, "{repaired}");
}

#[test]
fn the_delay_follows_the_jitter() {
    let listener = hear(MicrophoneSpec::default(), 0.0, 60.0, None);
    assert!((55..=120).contains(&listener.target_delay().as_millis()), "{:?}", listener.target_delay());
    assert!(concealed(&listener) < 0.02, "{}", concealed(&listener));
}

#[test]
fn redundancy_brings_back_what_is_lost_alone() {
    let red = MicrophoneSpec { red: true, ..MicrophoneSpec::default() };
    let plain = concealed(&hear(red, 0.0, 0.0, None));
    let lost = concealed(&hear(red, 0.1, 0.0, None));
    assert!(plain == 0.0 && lost < 0.025, "{plain} {lost}");
    let repaired = concealed(&hear(red, 0.1, 0.0, Some(40)));
    assert!(repaired < 0.005, "{repaired}");
}

#[test]
fn behind_an_outage_the_sound_goes_on_where_it_is() {
    let listener = hear_but(MicrophoneSpec::default(), 0.0, 0.0, None, 5_000..11_000);
    let made_up = listener.played.iter().filter(|p| p.sound == Sound::Concealed).count();
    assert!((300..=306).contains(&made_up), "{made_up} of 300 that were not sent");
    let late = listener.played.iter().filter(|p| p.at > Instant::from_millis(11_200) && p.sound == Sound::Concealed).count();
    assert_eq!(late, 0, "what was made up in the outage is not made up again");
}
