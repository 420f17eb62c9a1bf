//! The template dependency structure (appendix A.8.3).

use super::bits::BitReader;
use super::{DependencyDescriptor, EXTENDED_AT, FLAG_BITS};
use arrayvec::ArrayVec;

/// Templates of one structure: their ids have six bits.
pub const TEMPLATES_MAX: usize = 64;
/// Decode targets of one structure: their count has five bits.
pub const DECODE_TARGETS_MAX: usize = 32;
/// Spatial layers that a structure may name: AV1 has four (AV1 specification section 5.3.3, two bits). One with more is refused.
pub const SPATIAL_LAYERS_MAX: usize = 4;
/// Temporal layers: AV1 has eight.
const TEMPORAL_LAYERS_MAX: u8 = 8;

/// What a frame is to a decode target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indication {
    /// No part of it.
    NotPresent,
    /// Part of it, and no other frame of it refers to this one.
    Discardable,
    /// A receiver that can decode this frame can decode the target from here on.
    Switch,
    /// Others refer to it.
    Required,
}

/// An [`Indication`] for each decode target, two bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Indications(u64);

impl Indications {
    /// For a decode target below [`DECODE_TARGETS_MAX`].
    pub const fn of(self, target: u8) -> Indication {
        match self.0 >> (2 * (target & 31)) & 3 {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        }
    }

    pub(super) fn read(reader: &mut BitReader<'_>, targets: usize) -> Option<Self> {
        let mut bits = 0;
        for target in 0..targets {
            bits |= reader.bits(2)? << (2 * target);
        }
        Some(Self(bits))
    }
}

/// What frames of one kind have in common. Which frames they refer to is read over: forwarding goes by the indications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// The spatial layer.
    pub spatial: u8,
    /// The temporal layer.
    pub temporal: u8,
    /// What such a frame is to each decode target.
    pub indications: Indications,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    first_id: u8,
    targets: u8,
    chains: u8,
    templates: ArrayVec<Template, TEMPLATES_MAX>,
    /// The chain that protects each decode target; none where there are no chains.
    protected_by: ArrayVec<u8, DECODE_TARGETS_MAX>,
    /// Width and height of each spatial layer, where they are said.
    resolutions: ArrayVec<(u32, u32), SPATIAL_LAYERS_MAX>,
    /// The bit behind it.
    end: usize,
}

impl Structure {
    /// The structure that the descriptor in `data` brings; `None` when it brings none, or one that is cut short or contradicts itself.
    pub fn read(data: &[u8]) -> Option<Self> {
        if !DependencyDescriptor::read(data)?.has_structure {
            return None;
        }
        let mut reader = BitReader::new(data, EXTENDED_AT + FLAG_BITS);
        let first_id = reader.bits(6)? as u8;
        let targets = reader.bits(5)? as u8 + 1;
        let mut templates = read_layers(&mut reader)?;
        for template in &mut templates {
            template.indications = Indications::read(&mut reader, usize::from(targets))?;
        }
        for _ in &templates {
            while reader.bit()? {
                reader.skip(4)?;
            }
        }
        let (chains, protected_by) = read_chains(&mut reader, targets, templates.len())?;
        let layers = templates.last()?.spatial + 1;
        let resolutions = if reader.bit()? { read_resolutions(&mut reader, layers)? } else { ArrayVec::new() };
        Some(Self { first_id, targets, chains, templates, protected_by, resolutions, end: reader.position() })
    }

    /// The place of the template with this id among [`Structure::templates`].
    pub fn position(&self, id: u8) -> Option<usize> {
        let at = usize::from(id.wrapping_sub(self.first_id) & 63);
        (at < self.templates.len()).then_some(at)
    }

    /// The template with this id.
    pub fn template(&self, id: u8) -> Option<&Template> {
        Some(&self.templates[self.position(id)?])
    }

    /// In the order of their ids, which begin anywhere.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// How many decode targets there are: at least one.
    pub fn targets(&self) -> u8 {
        self.targets
    }

    /// All of them, as bits.
    pub fn all_targets(&self) -> u32 {
        u32::MAX >> (DECODE_TARGETS_MAX - usize::from(self.targets))
    }

    /// How many chains there are.
    pub fn chains(&self) -> u8 {
        self.chains
    }

    /// The chain that protects a decode target (appendix A.4).
    pub fn protected_by(&self, target: u8) -> Option<u8> {
        self.protected_by.get(usize::from(target)).copied()
    }

    /// Width and height of each spatial layer, where they are said.
    pub fn resolutions(&self) -> &[(u32, u32)] {
        &self.resolutions
    }

    /// The highest spatial and temporal layer that a decode target has frames of (appendix A.8.3.2, `decode_target_layers`).
    pub fn layers_of(&self, target: u8) -> (u8, u8) {
        let present = |t: &&Template| t.indications.of(target) != Indication::NotPresent;
        let both = self.templates.iter().filter(present);
        both.fold((0, 0), |(spatial, temporal), t| (t.spatial.max(spatial), t.temporal.max(temporal)))
    }

    pub(super) fn end(&self) -> usize {
        self.end
    }
}

/// `template_layers`: each template is of the same layers as the one before, of the next temporal, or of the next spatial one.
fn read_layers(reader: &mut BitReader<'_>) -> Option<ArrayVec<Template, TEMPLATES_MAX>> {
    let mut templates = ArrayVec::new();
    let (mut spatial, mut temporal) = (0, 0);
    loop {
        if usize::from(spatial) >= SPATIAL_LAYERS_MAX || temporal >= TEMPORAL_LAYERS_MAX {
            return None;
        }
        templates.try_push(Template { spatial, temporal, indications: Indications::default() }).ok()?;
        match reader.bits(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Some(templates),
        }
    }
}

/// `template_chains`: how many, which one protects each decode target, and for each template the way back along each.
fn read_chains(reader: &mut BitReader<'_>, targets: u8, templates: usize) -> Option<(u8, ArrayVec<u8, DECODE_TARGETS_MAX>)> {
    let chains = reader.below(u32::from(targets) + 1)? as u8;
    let mut protected_by = ArrayVec::new();
    if chains > 0 {
        for _ in 0..targets {
            protected_by.push(reader.below(u32::from(chains))? as u8);
        }
        reader.skip(4 * templates * usize::from(chains))?;
    }
    Some((chains, protected_by))
}

fn read_resolutions(reader: &mut BitReader<'_>, layers: u8) -> Option<ArrayVec<(u32, u32), SPATIAL_LAYERS_MAX>> {
    let mut resolutions = ArrayVec::new();
    for _ in 0..layers {
        resolutions.push((reader.bits(16)? as u32 + 1, reader.bits(16)? as u32 + 1));
    }
    Some(resolutions)
}
