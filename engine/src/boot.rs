//! From a configuration to running shards: ask the kernel, open the ports, start the threads, wait until each is in its loop.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use corelay_core::CoreConfig;
use corelay_core::transport::{Certificate, CertificateError};
use corelay_uring::{GsoMode, Kind, Options, ProbeError, UdpSocket};
use corelay_wire::ids::ShardId;

use crate::budget::{Budget, core_limits};
use crate::clock::Clock;
use crate::config::{Config, IoBackend, Switch, limits};
use crate::events::Events;
use crate::mailbox::{Bell, CommandSender, command_mailbox, event_mailbox};
use crate::mesh::Mesh;
use crate::metrics::{Metrics, Shelf};
use crate::ports::{self, PortError};
use crate::shard::{Plan, Shard};
use crate::topology::Topology;

/// Why the node does not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A media port.
    #[error(transparent)]
    Ports(#[from] PortError),
    /// The wanted back-end does not work here.
    #[error("{0}. Set IO_BACKEND=auto to take what works")]
    Backend(#[from] ProbeError),
    /// The certificate of DTLS.
    #[error("cannot make the node's certificate: {0}. Check that the system gives randomness")]
    Certificate(#[from] CertificateError),
    /// More shards than ids.
    #[error("{0} shards are more than {max}. Lower SHARDS", max = limits::SHARDS_MAX)]
    TooManyShards(usize),
    /// A descriptor or a thread.
    #[error("cannot {what}: {source}. Check the limits of open files and processes (`ulimit -n`, `ulimit -u`)")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A shard began and could not go on.
    #[error(
        "{shard:?} cannot start with the {backend} back-end: {source}. IO_BACKEND=epoll needs less of the kernel; for io_uring check `ulimit -l`"
    )]
    Shard {
        /// The shard.
        shard: ShardId,
        /// Its back-end.
        backend: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// What signaling must know of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// The shard.
    pub id: ShardId,
    /// Where clients send media to: the shard's ICE candidates.
    pub candidates: Vec<SocketAddr>,
    /// The name of its back-end.
    pub backend: &'static str,
    /// The core it is pinned to.
    pub core: usize,
}

/// A shard's thread and the ways to it. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) commands: CommandSender,
    pub(crate) shelf: Shelf,
    thread: Option<JoinHandle<()>>,
}

/// What a started node is made of.
pub(crate) struct Started {
    pub(crate) shards: Vec<Running>,
    pub(crate) infos: Vec<ShardInfo>,
    pub(crate) signaling_core: usize,
    pub(crate) certificate: Certificate,
    pub(crate) clock: Clock,
    pub(crate) events: Events,
}

impl Running {
    /// Asks the thread to end, without waiting.
    pub(crate) fn stop(&self) {
        self.commands.stop();
        if let Some(thread) = &self.thread {
            // It may be pausing between two lives.
            thread.thread().unpark();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a shard's thread ended by a panic outside its loop: report this");
        }
    }
}

/// Starts everything, or nothing: what had started when something failed is ended again.
pub(crate) fn boot(config: &Config) -> Result<Started, BootError> {
    let topology = Topology::detect();
    let placement = topology.place(config.shards);
    let shards = placement.shards.len();
    if shards > limits::SHARDS_MAX {
        return Err(BootError::TooManyShards(shards));
    }
    let budget = Budget::of(config, shards);
    tracing::debug!(total_bytes = budget.total(), "memory budget\n{budget}");
    let (kind, options) = choose(config)?;
    let node = NodePlan { config, cpus: &placement.shards, certificate: Certificate::generate()?, clock: Clock::start(), options };
    let (started, infos, events) = match node.start(kind) {
        // The probe tried one small ring; a ring for each shard may be more than the limits allow.
        Err(error @ BootError::Shard { .. }) if config.io_backend == IoBackend::Auto && kind == Kind::Uring => {
            tracing::warn!("{error}. Going on with epoll");
            node.start(Kind::Epoll)?
        }
        other => other?,
    };
    for info in &infos {
        tracing::info!(shard = %info.id, core = info.core, candidates = ?info.candidates, "shard is in its loop");
    }
    let (cores, physical, signaling_core) = (topology.cores(), topology.physical(), placement.signaling);
    tracing::info!(shards, cores, physical, signaling_core, "ready");
    let NodePlan { certificate, clock, .. } = node;
    Ok(Started { shards: started, infos, signaling_core, certificate, clock, events })
}

/// What all shards of a node have in common.
struct NodePlan<'a> {
    config: &'a Config,
    cpus: &'a [usize],
    certificate: Certificate,
    clock: Clock,
    options: Options,
}

impl NodePlan<'_> {
    /// Opens the ports and starts the shards on a back-end of `kind`.
    fn start(&self, kind: Kind) -> Result<(Vec<Running>, Vec<ShardInfo>, Events), BootError> {
        let count = self.cpus.len();
        let ports = ports::first_ports(self.config.rtc_min_port, self.config.rtc_max_port, count)?;
        let bell = Bell::new().map_err(|source| BootError::System { what: "make an eventfd", source })?;
        let (mut infos, mut plans) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (index, (&port, &cpu)) in ports.iter().zip(self.cpus).enumerate() {
            let id = ShardId(u16::try_from(index).expect("the number of shards is checked at boot"));
            let sockets = ports::listen(&self.config.rtc_listen_ips, port)?;
            warn_of_small_buffers(id, &sockets);
            let candidates = ports::candidates(self.config, &sockets);
            infos.push(ShardInfo { id, candidates, backend: kind.name(), core: cpu });
            plans.push(self.shard(id, kind, sockets, cpu));
        }
        let (shards, inboxes) = start(plans, &bell)?;
        Ok((shards, infos, Events::new(bell, inboxes)))
    }

    fn shard(&self, id: ShardId, kind: Kind, sockets: Vec<UdpSocket>, cpu: usize) -> Plan {
        let limits = core_limits(self.config, self.cpus.len());
        Plan {
            core: CoreConfig { shard: id, dtls_versions: self.config.dtls_version, limits },
            certificate: self.certificate.clone(),
            clock: self.clock,
            kind,
            options: self.options,
            sockets,
            cpu,
            company: Duration::from_micros(u64::from(self.config.coalesce_us)),
        }
    }
}

/// Asks the kernel, says what was found, and chooses.
fn choose(config: &Config) -> Result<(Kind, Options), BootError> {
    let probe = corelay_uring::probe();
    for line in probe.to_string().lines() {
        tracing::info!("{line}");
    }
    let kind = probe.choose(match config.io_backend {
        IoBackend::Auto => corelay_uring::IoBackend::Auto,
        IoBackend::Uring => corelay_uring::IoBackend::Uring,
        IoBackend::Epoll => corelay_uring::IoBackend::Epoll,
    })?;
    let gso = probe.gso(match config.udp_gso {
        Switch::Auto => GsoMode::Auto,
        Switch::On => GsoMode::On,
        Switch::Off => GsoMode::Off,
    });
    tracing::info!(backend = kind.name(), gso, coalesce_us = config.coalesce_us, "chosen");
    Ok((kind, Options { gso, ..Options::default() }))
}

type Inboxes = Vec<(ShardId, crate::mailbox::EventInbox, CommandSender)>;

/// Starts a thread for each plan and waits until all of them are in their loops.
fn start(plans: Vec<Plan>, bell: &Bell) -> Result<(Vec<Running>, Inboxes), BootError> {
    let backend = plans.first().map_or("", |plan| plan.kind.name());
    let (report, reports) = mpsc::channel();
    let (mut shards, mut inboxes) = (Vec::with_capacity(plans.len()), Vec::with_capacity(plans.len()));
    let (senders, receivers): (Vec<_>, Vec<_>) = plans.iter().map(|_| command_mailbox()).unzip();
    let meshes = Mesh::of_all(&senders);
    for (((plan, sender), receiver), mesh) in plans.into_iter().zip(senders).zip(receivers).zip(meshes) {
        let id = plan.core.shard;
        let (outbox, inbox) = event_mailbox(bell.clone());
        let metrics = Metrics::new(id);
        let shelf = metrics.shelf();
        let report = report.clone();
        let shard = Shard::new(plan, receiver, outbox, mesh, metrics);
        // Boot may have given up on another shard's account: then nobody listens, and the shard is being stopped.
        let ready = Box::new(move |result| drop(report.send((id, result))));
        let thread = std::thread::Builder::new()
            .name(format!("shard-{id}"))
            .spawn(move || shard.run(ready))
            .map_err(|source| BootError::System { what: "start a shard's thread", source })?;
        inboxes.push((id, inbox, sender.clone()));
        shards.push(Running { commands: sender, shelf, thread: Some(thread) });
    }
    drop(report);
    for _ in 0..shards.len() {
        // A shard reports once, in its loop or on its failure, so that a sender that is gone has reported.
        let (shard, result) = reports.recv().expect("each shard reports before it ends");
        result.map_err(|source| BootError::Shard { shard, backend, source })?;
    }
    Ok((shards, inboxes))
}

/// A quarter of what was asked for: bursts of a few hundred datagrams are lost, before a turn sees them or on their way out.
fn warn_of_small_buffers(shard: ShardId, sockets: &[UdpSocket]) {
    let wanted = corelay_uring::BufferSizes::default();
    let granted = || sockets.iter().map(UdpSocket::granted);
    if let Some(granted) = smaller(granted().map(|g| g.receive), wanted.receive) {
        let wanted = wanted.receive;
        tracing::warn!(%shard, granted, wanted, "the receive buffer is small: raise net.core.rmem_max, or bursts are lost");
    }
    if let Some(granted) = smaller(granted().map(|g| g.send), wanted.send) {
        let wanted = wanted.send;
        tracing::warn!(%shard, granted, wanted, "the send buffer is small: raise net.core.wmem_max, or keyframes to many are lost");
    }
}

/// The smallest of `granted`, if it is small.
fn smaller(granted: impl Iterator<Item = usize>, wanted: usize) -> Option<usize> {
    granted.min().filter(|granted| *granted < wanted / 4)
}
