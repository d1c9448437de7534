//! The kernel side's counts beside the truth, as relative errors.

mod cases;
mod cpu;
mod network;
mod probes;

use std::fmt;

use llmos_cgroupfs::Root;

pub use cases::{CPU, Case, Outcome, WAIT, moved, one};
pub use cpu::basic as cpu;
pub use network::{basic as network, flows};
pub use probes::{Kernel, since};

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What was compared, with the unit.
    pub what: String,
    /// What the kernel side counted.
    pub counted: u64,
    /// What is true.
    pub truth: u64,
}

impl Compared {
    /// Two counts of one thing.
    pub fn new(what: impl Into<String>, counted: u64, truth: u64) -> Self {
        Self {
            what: what.into(),
            counted,
            truth,
        }
    }

    /// Relative error in percent.
    #[must_use]
    pub fn error_pct(&self) -> f64 {
        (self.counted as f64 - self.truth as f64).abs() / (self.truth.max(1) as f64) * 100.0
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:56} counted {:>14}  truth {:>14}  error {:.3} %",
            self.what,
            self.counted,
            self.truth,
            self.error_pct()
        )
    }
}

/// A flat key for what is told to people: words of small letters and digits.
#[must_use]
pub fn key(what: &str) -> String {
    let letters = what.to_lowercase();
    let words = letters.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("_")
}

/// The worst relative error in percent; nothing when nothing was compared.
#[must_use]
pub fn worst(all: &[Compared]) -> Option<f64> {
    all.iter().map(Compared::error_pct).reduce(f64::max)
}

/// What keeps these measurements from running here; `None` when they can run.
#[must_use]
pub fn obstacle() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("it needs root".to_owned());
    }
    Root::find().err().map(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative_to_the_truth() {
        let all = [
            Compared::new("a", 99, 100),
            Compared::new("b", 0, 0),
            Compared::new("c", 205, 200),
        ];
        assert!((worst(&all).unwrap() - 2.5).abs() < 1e-9);
        assert!(Compared::new("d", 1, 0).error_pct() > 99.0);
        assert_eq!(worst(&[]), None);
        assert_eq!(key("20,000 switches: B"), "20_000_switches_b");
    }
}
