//! What forwarding costs, held against what its cryptography costs alone, in one run of one program.
//!
//! The core is driven in memory: there is no socket, so these figures leave out what the kernel costs. `docs/performance.md` says
//! how to read them.
#![forbid(unsafe_code)]

pub mod call;
pub mod ceiling;
pub mod comparison;
pub mod cpu_clock;
pub mod figure;
pub mod instructions;
pub mod machine;
pub mod publisher;
