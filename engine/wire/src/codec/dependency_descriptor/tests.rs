use super::*;
use proptest::prelude::*;

/// A descriptor to be written bit by bit.
#[derive(Clone, Debug)]
struct Made {
    template_id: u8,
    first_id: u8,
    targets: u8,
    /// Spatial and temporal layer, and what a frame is to each target.
    templates: Vec<(u8, u8, Vec<u8>)>,
    fdiffs: Vec<u8>,
    chains: u8,
    resolutions: Option<(u16, u16)>,
    structure: bool,
    active: Option<u32>,
    custom_indications: Option<Vec<u8>>,
    custom_fdiffs: Option<Vec<u16>>,
    custom_chains: bool,
}

impl Made {
    fn bytes(&self) -> Vec<u8> {
        let mut buffer = vec![0; 2_000];
        let mut w = BitWriter::new(&mut buffer);
        self.write(&mut w).expect("2,000 bytes hold it");
        let len = w.len();
        buffer.truncate(len);
        buffer
    }

    fn write(&self, w: &mut BitWriter<'_>) -> Option<()> {
        w.bits(0b10, 2)?;
        w.bits(self.template_id.into(), 6)?;
        w.bits(0x1234, 16)?;
        let custom = [self.custom_indications.is_some(), self.custom_fdiffs.is_some(), self.custom_chains];
        for flag in [self.structure, self.active.is_some()].into_iter().chain(custom) {
            w.bit(flag)?;
        }
        if self.structure {
            self.write_structure(w)?;
        }
        if let Some(active) = self.active {
            w.bits(active.into(), self.targets.into())?;
        }
        self.custom_indications.iter().flatten().try_for_each(|i| w.bits((*i).into(), 2))?;
        if let Some(fdiffs) = &self.custom_fdiffs {
            for fdiff in fdiffs {
                w.bits(3, 2)?;
                w.bits((*fdiff).into(), 12)?;
            }
            w.bits(0, 2)?;
        }
        if self.custom_chains {
            (0..self.chains).try_for_each(|chain| w.bits(chain.into(), 8))?;
        }
        Some(())
    }

    fn write_structure(&self, w: &mut BitWriter<'_>) -> Option<()> {
        w.bits(self.first_id.into(), 6)?;
        w.bits(u64::from(self.targets) - 1, 5)?;
        for pair in self.templates.windows(2) {
            let next = match (pair[1].0 - pair[0].0, pair[1].1.cmp(&pair[0].1)) {
                (1, _) => 2,
                (_, core::cmp::Ordering::Greater) => 1,
                _ => 0,
            };
            w.bits(next, 2)?;
        }
        w.bits(3, 2)?;
        self.templates.iter().flat_map(|t| &t.2).try_for_each(|i| w.bits((*i).into(), 2))?;
        for _ in &self.templates {
            self.fdiffs.iter().try_for_each(|fdiff| w.bits(0x10 | u64::from(*fdiff), 5))?;
            w.bit(false)?;
        }
        write_below(w, self.chains.into(), u32::from(self.targets) + 1)?;
        if self.chains > 0 {
            (0..self.targets).try_for_each(|t| write_below(w, (t % self.chains).into(), self.chains.into()))?;
            (0..usize::from(self.chains) * self.templates.len()).try_for_each(|_| w.bits(5, 4))?;
        }
        w.bit(self.resolutions.is_some())?;
        for (width, height) in
            self.resolutions.iter().flat_map(|size| vec![*size; usize::from(self.templates.last().expect("one").0) + 1])
        {
            w.bits(width.into(), 16)?;
            w.bits(height.into(), 16)?;
        }
        Some(())
    }
}

fn write_below(w: &mut BitWriter<'_>, value: u32, n: u32) -> Option<()> {
    let width = u32::BITS - n.leading_zeros();
    let short = (1 << width) - n;
    match value < short {
        true => w.bits(value.into(), width as usize - 1),
        false => w.bits((value + short).into(), width as usize),
    }
}

/// Two spatial and two temporal layers, the upper building on the lower in each picture.
fn l2t2() -> Made {
    let template = |spatial, temporal, indications: &[u8]| (spatial, temporal, indications.to_vec());
    Made {
        template_id: 62,
        first_id: 62,
        targets: 4,
        templates: vec![
            template(0, 0, &[2, 2, 3, 3]),
            template(0, 1, &[0, 1, 0, 3]),
            template(1, 0, &[0, 0, 2, 2]),
            template(1, 1, &[0, 0, 0, 1]),
        ],
        fdiffs: vec![3],
        chains: 2,
        resolutions: Some((319, 179)),
        structure: true,
        active: None,
        custom_indications: None,
        custom_fdiffs: None,
        custom_chains: false,
    }
}

#[test]
fn the_mandatory_fields_and_the_structure_flag_are_read() {
    let expected =
        DependencyDescriptor { starts_frame: true, ends_frame: false, template_id: 5, frame_number: 0x1234, has_structure: false };
    assert_eq!(DependencyDescriptor::read(&[0x85, 0x12, 0x34]), Some(expected));
    assert_eq!(DependencyDescriptor::read(&[0x85, 0x12, 0x34, 0x7F]), Some(expected), "other flags");
    let with_structure = DependencyDescriptor { has_structure: true, ..expected };
    assert_eq!(DependencyDescriptor::read(&[0x85, 0x12, 0x34, 0x80, 1, 2]), Some(with_structure));
    assert_eq!(DependencyDescriptor::read(&[0x85, 0x12]), None);
    let mut renumbered = [0x85, 0x12, 0x34];
    DependencyDescriptor::set_frame_number(&mut renumbered, 0xABCD);
    assert_eq!(renumbered, [0x85, 0xAB, 0xCD]);
}

#[test]
fn a_structure_tells_layers_targets_and_sizes() {
    let structure = Structure::read(&l2t2().bytes()).expect("a structure");
    assert_eq!((structure.targets(), structure.chains(), structure.all_targets()), (4, 2, 0b1111));
    assert_eq!([0, 1, 2, 3].map(|t| structure.layers_of(t)), [(0, 0), (0, 1), (1, 0), (1, 1)]);
    assert_eq!([0, 1, 2].map(|t| structure.protected_by(t)), [Some(0), Some(1), Some(0)]);
    assert_eq!(structure.resolutions(), [(320, 180), (320, 180)]);
    let layers = [62, 63, 0, 1, 2].map(|id| structure.template(id).map(|t| (t.spatial, t.temporal)));
    assert_eq!(layers, [Some((0, 0)), Some((0, 1)), Some((1, 0)), Some((1, 1)), None], "ids begin anywhere and wrap");
}

#[test]
fn a_frame_is_read_with_the_structure_of_its_keyframe() {
    let key = l2t2().bytes();
    let structure = Structure::read(&key).expect("a structure");
    let frame = FrameDependencies::read(&key, &structure).expect("of its own");
    assert_eq!((frame.spatial, frame.temporal, frame.active), (0, 0, Some(0b1111)));
    let frame = FrameDependencies::read(&[0x80, 0, 7], &structure).expect("template 0");
    assert_eq!((frame.spatial, frame.temporal, frame.active), (1, 0, None));
    assert_eq!(frame.indications.of(2), Indication::Switch);
    assert_eq!(frame.indications.of(1), Indication::NotPresent);
    assert_eq!(FrameDependencies::read(&[0x82, 0, 7], &structure), None, "no such template");
}

#[test]
fn what_is_cut_short_is_none() {
    let key = l2t2().bytes();
    assert!((0..key.len()).all(|len| Structure::read(&key[..len]).is_none()));
    let structure = Structure::read(&key).expect("a structure");
    let custom =
        Made { structure: false, active: Some(3), custom_indications: Some(vec![1; 4]), custom_chains: true, ..l2t2() }.bytes();
    assert!(FrameDependencies::read(&custom, &structure).is_some());
    assert!((4..custom.len()).all(|len| FrameDependencies::read(&custom[..len], &structure).is_none()));
}

prop_compose! {
    fn made()(
        targets in 1..=32u8, chains in 0..=32u8, first_id in 0..64u8, steps in prop::collection::vec(0..3u8, 0..20),
        indications in prop::collection::vec(0..4u8, 32 * 21), fdiffs in prop::collection::vec(0..16u8, 0..3),
        resolutions in any::<Option<(u16, u16)>>(), structure in any::<bool>(), active in any::<Option<u32>>(),
        custom in any::<[bool; 3]>(), long in prop::collection::vec(0..4_096u16, 0..4), pick in any::<prop::sample::Index>(),
    ) -> Made {
        let mut templates = vec![(0, 0, indications[..usize::from(targets)].to_vec())];
        for (n, step) in steps.into_iter().enumerate() {
            let (spatial, temporal, _) = *templates.last().expect("one");
            let (spatial, temporal) = match step {
                1 if temporal < 7 => (spatial, temporal + 1),
                2 if spatial < 3 => (spatial + 1, 0),
                _ => (spatial, temporal),
            };
            templates.push((spatial, temporal, indications[32 * n..][..usize::from(targets)].to_vec()));
        }
        let template_id = (first_id + pick.index(templates.len()) as u8) % 64;
        let mask = u32::MAX >> (32 - targets);
        Made {
            template_id, first_id, targets, fdiffs, resolutions, structure,
            chains: chains.min(targets),
            active: active.map(|a| a & mask),
            custom_indications: custom[0].then(|| indications[64..][..usize::from(targets)].to_vec()),
            custom_fdiffs: custom[1].then_some(long),
            custom_chains: custom[2],
            templates,
        }
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read(made in made(), active in any::<u32>()) {
        let structure = Structure::read(&Made { structure: true, ..made.clone() }.bytes()).expect("a structure");
        prop_assert_eq!(structure.templates().len(), made.templates.len());
        for (read, (spatial, temporal, indications)) in structure.templates().iter().zip(&made.templates) {
            prop_assert_eq!((read.spatial, read.temporal), (*spatial, *temporal));
            prop_assert!((0..made.targets).zip(indications).all(|(t, i)| read.indications.of(t) as u8 == *i));
        }
        let bytes = made.bytes();
        let structure = if made.structure { Structure::read(&bytes).expect("it brings one") } else { structure };
        let frame = FrameDependencies::read(&bytes, &structure).expect("a frame");
        prop_assert_eq!(frame.active, made.active.or(made.structure.then(|| structure.all_targets())));

        let active = active & structure.all_targets();
        let mut written = [0; 2_000];
        let len = DependencyDescriptor::write_active(&bytes, &frame, made.targets, active, &mut written).expect("it fits");
        prop_assert_eq!(&written[..len], &Made { active: Some(active), ..made }.bytes()[..], "bit for bit");
    }

    #[test]
    fn any_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..256), made in made(), len in 0..300usize) {
        let structure = Structure::read(&data).or_else(|| Structure::read(&made.bytes()));
        if let Some(structure) = structure
            && let Some(frame) = FrameDependencies::read(&data, &structure)
        {
            let mut dst = vec![0; len];
            let _ = DependencyDescriptor::write_active(&data, &frame, structure.targets(), 1, &mut dst);
        }
    }
}
