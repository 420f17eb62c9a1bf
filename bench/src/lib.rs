//! What forwarding costs, held against what cannot be avoided, in one run of one program.
//!
//! ```text
//! scene -> call       the core in memory                against ceiling: sealing alone
//!       -> wire_call  back-end -> core -> back-end       against plain: sealing and sending alone
//! ```
//! [`sections`] lists the parts; each yields figures. `docs/performance.md` says how to read them.
#![forbid(unsafe_code)]

pub mod call;
pub mod ceiling;
pub mod comparison;
pub mod cores;
pub mod cpu_clock;
pub mod echo;
pub mod figure;
pub mod growth;
pub mod guard;
pub mod io;
pub mod kernel;
pub mod machine;
pub mod plain;
pub mod publisher;
pub mod report;
pub mod scene;
pub mod section;
pub mod servers;
pub mod shards;
pub mod sinks;
pub mod stages;
pub mod wire_call;

use section::Section;

/// The parts, in the order in which they run.
pub fn sections() -> Vec<Section> {
    let mut sections = vec![
        Section { name: "ceiling", about: "the engine with the kernel, against sealing and sending alone", run: kernel::run },
        Section { name: "memory_path", about: "the core in memory, against sealing alone", run: comparison::run },
        Section { name: "stages", about: "the stages of the walk one by one, in time and in instructions", run: stages::run },
        Section { name: "io", about: "the ways to the kernel side by side", run: io::run },
        Section { name: "growth", about: "a forwarded packet when there is more of everything", run: growth::run },
        Section { name: "shards", about: "one room on two shards against one", run: shards::run },
        Section { name: "echo", about: "a bare socket echo, which latencies are held against", run: echo::run },
    ];
    sections.extend(servers::sections());
    sections
}
