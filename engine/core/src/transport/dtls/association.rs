//! One DTLS association: the engine, and the rule that no key is used before the peer's certificate is the announced one.

use super::{DtlsEngine, DtlsError, DtlsOutput, DtlsSetup, SCRATCH_LEN};
use crate::control::{DtlsRole, RemoteDtls, TransportFailure};
use crate::outbox::{Outbox, Path};
use crate::transport::srtp::KeyingMaterial;
use corelay_wire::units::Instant;

/// What the transport must know of.
#[derive(Debug)]
pub(crate) enum DtlsEvent {
    /// The peer has proved to be the announced one, and these are the keys.
    Keys(KeyingMaterial),
    /// The peer said goodbye.
    PeerClosed,
    /// The handshake cannot succeed.
    Failed(TransportFailure),
    /// The outbox had no room for a datagram. It is lost, as the network may lose it: DTLS sends it again.
    Unsent,
}

#[derive(Debug)]
pub(crate) struct Association {
    remote: RemoteDtls,
    /// Gone after a fatal error and its last word.
    engine: Option<Box<dyn DtlsEngine>>,
    /// The engine gave up: only its alert is still to be sent.
    broken: bool,
    started: bool,
    /// The peer's certificate has an announced fingerprint.
    verified: bool,
    /// The handshake is complete.
    complete: bool,
    /// The keys were given out.
    keyed: bool,
    /// When the engine wants to be woken.
    wake: Option<Instant>,
}

impl Association {
    pub(crate) fn new(setup: &DtlsSetup, now: Instant, remote: RemoteDtls) -> Self {
        Self::with(setup.engine(now, own_role(&remote)), remote)
    }

    fn with(engine: Box<dyn DtlsEngine>, remote: RemoteDtls) -> Self {
        Self {
            remote,
            engine: Some(engine),
            broken: false,
            started: false,
            verified: false,
            complete: false,
            keyed: false,
            wake: None,
        }
    }

    pub(crate) fn remote(&self) -> &RemoteDtls {
        &self.remote
    }

    /// The role of this side.
    pub(crate) fn role(&self) -> DtlsRole {
        own_role(&self.remote)
    }

    pub(crate) fn is_started(&self) -> bool {
        self.started
    }

    pub(crate) fn wake(&self) -> Option<Instant> {
        self.wake
    }

    /// Begins: in the client role this makes the ClientHello.
    pub(crate) fn start(&mut self, now: Instant) -> Result<(), DtlsError> {
        self.started = true;
        self.with_engine(|engine| engine.handle_timeout(now))
    }

    pub(crate) fn handle_datagram(&mut self, now: Instant, bytes: &[u8]) -> Result<(), DtlsError> {
        self.with_engine(|engine| engine.handle_datagram(now, bytes))
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsError> {
        match self.wake {
            Some(at) if at <= now => self.with_engine(|engine| engine.handle_timeout(now)),
            _ => Ok(()),
        }
    }

    pub(crate) fn close(&mut self, now: Instant) {
        if let Some(engine) = &mut self.engine {
            engine.close(now);
        }
    }

    /// Sends what the engine has to send, until it has an event or is idle. To be called until it gives `None`.
    pub(crate) fn poll(&mut self, path: Path, out: &mut Outbox) -> Option<DtlsEvent> {
        let mut scratch = [0; SCRATCH_LEN];
        loop {
            let output = self.engine.as_mut()?.poll(&mut scratch);
            let progress = if self.broken { self.end(output, path, out) } else { self.advance(output, path, out) };
            match progress {
                Progress::More => {}
                Progress::Event(event) => return Some(event),
                Progress::Idle => return None,
            }
        }
    }

    fn advance(&mut self, output: Result<DtlsOutput<'_>, DtlsError>, path: Path, out: &mut Outbox) -> Progress {
        match output {
            Ok(DtlsOutput::Datagram(bytes)) => send(path, bytes, out),
            Ok(DtlsOutput::PeerCertificate(der)) => {
                self.verified = self.remote.fingerprints.iter().any(|f| f.matches(der));
                if self.verified { Progress::More } else { self.fail(TransportFailure::FingerprintMismatch) }
            }
            Ok(DtlsOutput::Keys(_)) if !self.verified => self.fail(TransportFailure::FingerprintMismatch),
            Ok(DtlsOutput::Keys(keys)) => {
                self.keyed = true;
                Progress::Event(DtlsEvent::Keys(keys))
            }
            Ok(DtlsOutput::Complete) => {
                self.complete = true;
                Progress::More
            }
            Ok(DtlsOutput::PeerClosed) => Progress::Event(DtlsEvent::PeerClosed),
            Ok(DtlsOutput::Idle(wake)) => self.rest(wake),
            Err(DtlsError) => self.fail(TransportFailure::Handshake),
        }
    }

    /// Of an engine that gave up nothing counts but what it sends.
    fn end(&mut self, output: Result<DtlsOutput<'_>, DtlsError>, path: Path, out: &mut Outbox) -> Progress {
        match output {
            Ok(DtlsOutput::Datagram(bytes)) => send(path, bytes, out),
            Ok(DtlsOutput::Idle(_)) | Err(DtlsError) => {
                self.drop_engine();
                Progress::Idle
            }
            Ok(_) => Progress::More,
        }
    }

    /// A handshake that completes without keys had no SRTP profile in common: there is nothing to carry media with.
    fn rest(&mut self, wake: Option<Instant>) -> Progress {
        if self.complete && !self.keyed {
            return self.fail(TransportFailure::Handshake);
        }
        self.wake = wake;
        Progress::Idle
    }

    /// Drops the engine. After the keys were given out an error of the engine does not end the media: alerts of the first epoch are not
    /// authenticated, and one forged datagram must not end a call.
    fn fail(&mut self, failure: TransportFailure) -> Progress {
        self.drop_engine();
        if self.keyed { Progress::Idle } else { Progress::Event(DtlsEvent::Failed(failure)) }
    }

    fn drop_engine(&mut self) {
        self.engine = None;
        self.wake = None;
    }

    /// An error is fatal before the keys are there, and ends only the engine afterwards: after the poll that sends its alert.
    fn with_engine(&mut self, f: impl FnOnce(&mut dyn DtlsEngine) -> Result<(), DtlsError>) -> Result<(), DtlsError> {
        let Some(engine) = self.engine.as_mut().filter(|_| !self.broken) else { return Ok(()) };
        let result = f(engine.as_mut());
        self.broken = result.is_err();
        if self.keyed { Ok(()) } else { result }
    }
}

enum Progress {
    More,
    Event(DtlsEvent),
    Idle,
}

/// The server takes the role that the peer leaves.
fn own_role(remote: &RemoteDtls) -> DtlsRole {
    match remote.role {
        DtlsRole::Client => DtlsRole::Server,
        DtlsRole::Server => DtlsRole::Client,
    }
}

fn send(path: Path, bytes: &[u8], out: &mut Outbox) -> Progress {
    if bytes.is_empty() {
        return Progress::More;
    }
    let copy = |dst: &mut [u8]| {
        dst.copy_from_slice(bytes);
        Some(bytes.len())
    };
    match out.push(path, bytes.len(), copy) {
        Some(_) => Progress::More,
        None => Progress::Event(DtlsEvent::Unsent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Fingerprint, FingerprintAlgorithm, SrtpProfile};
    use crate::outbox::RUN_BYTES_MAX;
    use core::net::{IpAddr, SocketAddr};
    use std::collections::VecDeque;

    const CERTIFICATE: &[u8] = b"the announced one";
    const HOST: IpAddr = IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);
    const PATH: Path = Path { remote: SocketAddr::new(HOST, 1), local: HOST };

    /// Says what it was told to say, then nothing; every datagram is an error to it.
    #[derive(Debug)]
    struct Scripted(VecDeque<DtlsOutput<'static>>);

    impl DtlsEngine for Scripted {
        fn handle_datagram(&mut self, _: Instant, _: &[u8]) -> Result<(), DtlsError> {
            Err(DtlsError)
        }
        fn handle_timeout(&mut self, _: Instant) -> Result<(), DtlsError> {
            Ok(())
        }
        fn poll<'a>(&mut self, _: &'a mut [u8]) -> Result<DtlsOutput<'a>, DtlsError> {
            Ok(self.0.pop_front().unwrap_or(DtlsOutput::Idle(None)))
        }
        fn close(&mut self, _: Instant) {}
    }

    fn keys() -> DtlsOutput<'static> {
        DtlsOutput::Keys(KeyingMaterial::new(SrtpProfile::AeadAes128Gcm, &[1; 56]).expect("56 bytes"))
    }

    fn association<const N: usize>(script: [DtlsOutput<'static>; N]) -> Association {
        let fingerprint = Fingerprint::of(FingerprintAlgorithm::Sha256, CERTIFICATE);
        let remote = RemoteDtls { role: DtlsRole::Client, fingerprints: [fingerprint].into_iter().collect() };
        Association::with(Box::new(Scripted(script.into())), remote)
    }

    fn poll(association: &mut Association) -> Option<DtlsEvent> {
        association.poll(PATH, &mut Outbox::new(RUN_BYTES_MAX, 1))
    }

    #[test]
    fn keys_of_the_announced_peer_are_given_out() {
        let mut association = association([DtlsOutput::PeerCertificate(CERTIFICATE), DtlsOutput::Complete, keys()]);
        assert!(matches!(poll(&mut association), Some(DtlsEvent::Keys(_))));
        assert!(poll(&mut association).is_none());
    }

    #[test]
    fn keys_without_the_announced_certificate_are_not() {
        for script in [[DtlsOutput::PeerCertificate(b"another"), keys()], [DtlsOutput::Complete, keys()]] {
            let mut association = association(script);
            assert!(matches!(poll(&mut association), Some(DtlsEvent::Failed(TransportFailure::FingerprintMismatch))));
            assert!(poll(&mut association).is_none(), "the engine is gone");
        }
    }

    #[test]
    fn a_handshake_without_an_srtp_profile_fails() {
        let mut association = association([DtlsOutput::PeerCertificate(CERTIFICATE), DtlsOutput::Complete]);
        assert!(matches!(poll(&mut association), Some(DtlsEvent::Failed(TransportFailure::Handshake))));
    }

    #[test]
    fn an_error_is_fatal_before_the_keys_and_not_after() {
        let mut early = association([]);
        assert_eq!(early.handle_datagram(Instant::ZERO, &[22]), Err(DtlsError));
        let mut late = association([DtlsOutput::PeerCertificate(CERTIFICATE), keys()]);
        assert!(matches!(poll(&mut late), Some(DtlsEvent::Keys(_))));
        assert_eq!(late.handle_datagram(Instant::ZERO, &[22]), Ok(()));
        assert!(poll(&mut late).is_none() && late.wake().is_none());
    }

    #[test]
    fn the_last_word_of_an_engine_that_gave_up_is_sent_and_no_more() {
        let script = [DtlsOutput::Datagram(b"an alert"), DtlsOutput::PeerCertificate(CERTIFICATE), keys()];
        let mut association = association(script);
        assert_eq!(association.handle_datagram(Instant::ZERO, &[22]), Err(DtlsError));
        let mut outbox = Outbox::new(RUN_BYTES_MAX, 1);
        assert!(association.poll(PATH, &mut outbox).is_none(), "its keys are worth nothing");
        assert_eq!(outbox.runs().map(|r| r.bytes).collect::<Vec<_>>(), [b"an alert"]);
        assert!(association.engine.is_none());
    }

    #[test]
    fn a_datagram_that_finds_no_room_is_told() {
        let mut association = association([DtlsOutput::Datagram(b"one"), DtlsOutput::Datagram(b"longer")]);
        let mut outbox = Outbox::new(RUN_BYTES_MAX, 1);
        assert!(matches!(association.poll(PATH, &mut outbox), Some(DtlsEvent::Unsent)), "of two runs one fits");
        assert!(association.poll(PATH, &mut outbox).is_none());
    }
}
