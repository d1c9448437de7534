//! What the native tests share: the load program, and whether this machine can run them.

use std::io::Write as _;

use llmos_agent::probes::{Probe, Wanted};
use llmos_native_tests::measure::{Kernel, obstacle};

/// The load program.
pub const LOAD: &str = env!("CARGO_BIN_EXE_native-load");
/// Long enough for a difference of one percent to show.
pub const SECONDS: f64 = 2.0;

/// True when the test can run here; else says on standard error, past the capture, why not.
pub fn can_run(test: &str) -> bool {
    match obstacle() {
        None => true,
        Some(obstacle) => {
            // Not by a macro that prints: the test harness would keep that to itself.
            let _ = writeln!(std::io::stderr(), "NOT RUN: {test}: {obstacle}");
            false
        }
    }
}

/// The kernel side with all that is compared.
pub fn kernel() -> Kernel {
    let wanted = Wanted {
        cpu: true,
        network: true,
        ..Wanted::none()
    };
    let needed = [Probe::Cpu, Probe::Scheduling, Probe::Network];
    Kernel::load(wanted, &needed).unwrap()
}
