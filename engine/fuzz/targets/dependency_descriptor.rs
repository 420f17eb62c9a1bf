//! The dependency descriptor header extension: a keyframe's with its structure, then another frame's, read with that and written again.
#![no_main]

use corelay_wire::codec::dependency_descriptor::{DependencyDescriptor, FrameDependencies, Structure};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    assert_eq!(DependencyDescriptor::read(data).is_some(), data.len() >= 3);
    let Some((len, rest)) = data.split_first() else { return };
    let (key, frame) = rest.split_at(rest.len().min(usize::from(*len)));
    let Some(structure) = Structure::read(key) else { return };
    for descriptor in [key, frame] {
        let Some(read) = FrameDependencies::read(descriptor, &structure) else { continue };
        let mut written = [0; 2 * DependencyDescriptor::LEN_MAX];
        let active = structure.all_targets();
        let len = DependencyDescriptor::write_active(descriptor, &read, structure.targets(), active, &mut written);
        let Some(again) = len.and_then(|len| FrameDependencies::read(&written[..len], &structure)) else { continue };
        assert_eq!((again.spatial, again.temporal, again.indications), (read.spatial, read.temporal, read.indications));
        assert_eq!(again.active, Some(active));
    }
});
