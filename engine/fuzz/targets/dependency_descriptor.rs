//! The dependency descriptor header extension.
#![no_main]

use corelay_wire::codec::dependency_descriptor::DependencyDescriptor;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    assert_eq!(DependencyDescriptor::read(data).is_some(), data.len() >= 3);
});
