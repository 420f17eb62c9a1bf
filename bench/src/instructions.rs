//! Instructions a forwarded packet, counted by callgrind: the same at every run of the same build, on a busy machine too.
//!
//! Valgrind has no AVX-512, so the cryptography takes another path in it than on the machine; what the core does beside it is the same.

use crate::call::Call;
use crate::ceiling::Ceiling;
use crate::comparison::BATCH_PACKETS;
use crate::figure::Figure;
use crate::scene::Scene;
use std::io;
use std::path::Path;
use std::process::Command;

/// The program's argument for [`fixed_work`].
pub const FIXED: &str = "--fixed";
const SUBSCRIBERS: usize = 10;
const RUN: usize = 20;
const BATCHES: usize = 2;
/// Packets that each of the two counted functions seals.
const PACKETS: u64 = (SUBSCRIBERS * BATCH_PACKETS * BATCHES) as u64;
/// Collection is on within these and nowhere else.
const FORWARD: &str = "*Call*forward_batch*";
const SEAL: &str = "*Ceiling*seal_batch*";

/// The same small work at every run: this is what is counted.
pub fn fixed_work() {
    let mut call = Call::connect(Scene::livestream(SUBSCRIBERS));
    let mut ceiling = Ceiling::of(&call, RUN);
    for _ in 0..BATCHES {
        let mut batch = call.seal_turns(BATCH_PACKETS / RUN, RUN);
        core::hint::black_box(call.forward_batch(&mut batch, RUN));
        call.pause();
        core::hint::black_box(ceiling.seal_batch(BATCH_PACKETS / RUN));
    }
}

/// Counts twice, in processes of their own. `program` is the bench itself.
pub fn count(program: &Path) -> io::Result<[Figure; 3]> {
    let forward = count_in(program, FORWARD)? as f64 / PACKETS as f64;
    let seal = count_in(program, SEAL)? as f64 / PACKETS as f64;
    let place = format!("run{RUN}.subscribers{SUBSCRIBERS}");
    let figure = |name: &str, value| Figure::new(format!("{name}.{place}.instructions"), "instructions", vec![value]);
    Ok([figure("forward", forward), figure("seal", seal), figure("over_seal", forward - seal)])
}

fn count_in(program: &Path, function: &str) -> io::Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"]);
    valgrind.arg(format!("--toggle-collect={function}")).arg(program).arg(FIXED);
    let output =
        valgrind.output().map_err(|e| io::Error::new(e.kind(), format!("valgrind: {e}; install it to count instructions")))?;
    let report = String::from_utf8_lossy(&output.stderr);
    match collected(&report).filter(|count| *count > 0 && output.status.success()) {
        Some(count) => Ok(count),
        None => Err(io::Error::other(format!("callgrind counted nothing in {function}; it said:\n{report}"))),
    }
}

/// The count in callgrind's line `==1== Collected : 123`.
fn collected(report: &str) -> Option<u64> {
    let (_, rest) = report.split_once("Collected : ")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_the_report() {
        let report = "==9== Events    : Ir\n==9== Collected : 1234567\n==9== \n==9== I   refs:      1,234,567\n";
        assert_eq!(collected(report), Some(1_234_567));
        assert_eq!(collected("==9== nothing"), None);
    }

    #[test]
    fn a_missing_program_is_told() {
        let error = count_in(Path::new("/nonexistent/bench"), FORWARD).expect_err("nothing runs");
        assert!(!error.to_string().is_empty());
    }
}
