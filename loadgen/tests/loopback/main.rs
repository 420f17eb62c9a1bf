//! A publisher and a receiver of the generator's own, one at each end of a path that damages what passes: everything that is done
//! to the packets must be found.

mod path;

use corelay_loadgen::association::{Association, Fingerprint, Identity, IdentityOptions, Local, Profile, Profiles, Remote, Setup};
use corelay_loadgen::fleet::{Counts, Expected, Fleet, FleetOptions, Numbers, Sample};
use corelay_loadgen::stream::{Burst, Codec, StreamPlan};
use path::{Damage, Path};
use std::time::Duration;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);

fn remote(of: &Local, identity: &Identity, through: std::net::SocketAddr, setup: Setup) -> Remote {
    Remote {
        candidate: through,
        ufrag: of.ufrag.clone(),
        password: of.password.clone(),
        fingerprints: vec![Fingerprint { algorithm: "sha-256".to_owned(), value: identity.fingerprint().to_ascii_lowercase() }],
        setup,
    }
}

/// Both ends of one association, the DTLS client first.
async fn pair(profiles: Profiles, damage: Damage) -> (Association, Association, Path) {
    let identity = Identity::new(&IdentityOptions { profiles, ..IdentityOptions::default() }).expect("a certificate can be made");
    let any = "127.0.0.1:0".parse().expect("it is an address");
    let (one, other) = (Local::bind(any).expect("a socket"), Local::bind(any).expect("a socket"));
    let path = Path::between(one.address, other.address, damage).await;
    let to_other = remote(&other, &identity, path.near, Setup::Passive);
    let to_one = remote(&one, &identity, path.far, Setup::Active);
    let both = async {
        tokio::join!(Association::connect_from(&identity, one, &to_other), Association::connect_from(&identity, other, &to_one))
    };
    let (one, other) = timeout(LIMIT, both).await.expect("the handshake ends");
    (one.expect("the client connects"), other.expect("the server connects"), path)
}

fn fleet() -> Fleet {
    Fleet::start(&FleetOptions { sample: Sample::ALL, ..FleetOptions::default() }).expect("threads can be started")
}

fn numbers(ssrc: u32) -> Numbers {
    Numbers { ssrcs: vec![ssrc], payload_type: 96, cname: "test".to_owned(), ..Numbers::default() }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LIMIT, waiting).await.unwrap_or_else(|_| panic!("{what} does not come"));
}

#[tokio::test]
async fn an_undamaged_stream_arrives_whole_and_in_order() {
    let fleet = fleet();
    for (ssrc, profiles, profile) in
        [(1, Profiles::GcmThenSha1, Profile::AeadAes128Gcm), (2, Profiles::Sha1Only, Profile::Aes128CmSha1_80)]
    {
        let (one, other, _path) = pair(profiles, Damage::None).await;
        assert_eq!((one.profile(), other.profile()), (profile, profile));
        let (sender, receiver) = (fleet.attach(one), fleet.attach(other));
        let expected = Expected { ssrc, codec: Codec::Vp8, stream: None, number_id: 0, rtx_ssrc: None };
        let received = receiver.receive(&expected);
        let plan =
            StreamPlan { burst: Burst::Paced { packets: 3, gap: Duration::from_millis(5) }, ..StreamPlan::video(2_592_000, 30) };
        let published = sender.publish(&plan, &numbers(ssrc)).expect("it is a good plan");
        timeout(LIMIT, received.started()).await.expect("a packet comes");
        until("a second of video", || received.counts().packets >= 270).await;
        let counts = received.counts();
        assert_eq!((counts.lost, counts.reordered, counts.duplicates), (0, 0, 0), "{counts:?}");
        assert_eq!((counts.corrupt, counts.unopened, counts.skipped), (0, 0, 0), "{counts:?}");
        assert_eq!(counts.verified, counts.packets);
        assert!(published.packets() >= counts.packets);
        sender.say_goodbye().await;
    }
    let totals = fleet.totals();
    assert!(totals.latency_ns.len() >= 540 && totals.latency_ns.value_at_quantile(0.5) > 0);
    assert_eq!((totals.received.corrupt, totals.unexpected, totals.threads_dead), (0, 0, 0));
    // Not the delays: who else uses the machine is not the test's.
    assert_eq!(totals.queue_drops, 0);
}

#[tokio::test]
async fn who_comes_to_a_video_asks_for_a_keyframe() {
    let fleet = fleet();
    let (one, other, _path) = pair(Profiles::GcmOnly, Damage::None).await;
    let (sender, receiver) = (fleet.attach(one), fleet.attach(other));
    let published = sender.publish(&StreamPlan::video(2_592_000, 30), &numbers(1)).expect("it is a good plan");
    // A request that came before the stream would be for nobody.
    until("the stream", || published.packets() > 0).await;
    let _received = receiver.receive(&Expected { ssrc: 1, codec: Codec::Vp8, stream: None, number_id: 0, rtx_ssrc: None });
    until("the request", || fleet.totals().keyframes_asked > 0).await;
}

/// What a receiver counts of 50 packets/s of audio and some video until `packets` of each have come through this damage.
async fn damaged(damage: Damage) -> [Counts; 2] {
    let fleet = fleet();
    let (one, other, _path) = pair(Profiles::GcmOnly, damage).await;
    let (sender, receiver) = (fleet.attach(one), fleet.attach(other));
    let audio = receiver.receive(&Expected { ssrc: 1, codec: Codec::Opus, stream: None, number_id: 0, rtx_ssrc: None });
    let video = receiver.receive(&Expected { ssrc: 2, codec: Codec::Vp8, stream: None, number_id: 0, rtx_ssrc: None });
    let _audio = sender.publish(&StreamPlan::audio(160), &numbers(1)).expect("it is a good plan");
    let _video = sender.publish(&StreamPlan::video(2_592_000, 30), &numbers(2)).expect("it is a good plan");
    until("a second of media", || audio.counts().packets >= 50 && video.counts().packets >= 250).await;
    [audio.counts(), video.counts()]
}

fn sum(both: [Counts; 2]) -> Counts {
    let [mut sum, video] = both;
    sum.add(&video);
    sum
}

#[tokio::test]
async fn loss_is_found() {
    let both = sum(damaged(Damage::Drop(10)).await);
    assert!((25..60).contains(&both.lost), "{both:?}");
    assert_eq!((both.reordered, both.duplicates, both.corrupt, both.unopened), (0, 0, 0, 0), "{both:?}");
}

#[tokio::test]
async fn duplicates_are_found() {
    let both = sum(damaged(Damage::Double(10)).await);
    assert!((25..60).contains(&both.duplicates), "{both:?}");
    assert_eq!((both.reordered, both.lost, both.corrupt, both.unopened), (0, 0, 0, 0), "{both:?}");
}

#[tokio::test]
async fn reordering_is_found_and_is_no_loss() {
    let both = sum(damaged(Damage::Swap(10)).await);
    assert!((15..60).contains(&both.reordered), "{both:?}");
    assert!(both.lost <= 1, "one may be on its way: {both:?}");
    assert_eq!((both.duplicates, both.corrupt, both.unopened), (0, 0, 0), "{both:?}");
}

#[tokio::test]
async fn a_changed_bit_is_found() {
    let both = sum(damaged(Damage::Flip(10)).await);
    assert!((25..60).contains(&both.unopened), "{both:?}");
    assert_eq!((both.lost, both.reordered, both.duplicates), (0, 0, 0), "{both:?}");
}
