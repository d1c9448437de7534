//! `cargo xtask test`: every test there is, and one line that says how many passed.

use std::process::Command;

use anyhow::{Result, bail};

use crate::setup::{self, Need};
use crate::step::{self, Steps};
use crate::{cmd, dashboard, failures, models, paths, smoke, vm};

/// How many tests of one kind passed and failed, and what the failed ones said.
#[derive(Clone, Default)]
struct Count {
    passed: usize,
    failed: usize,
    said: Vec<String>,
}

/// Sets up, builds and runs all tests. A kind of test that breaks does not keep the next one from
/// running; the result is an error all the same.
pub fn run() -> Result<()> {
    let mut steps = Steps::new();
    setup::run(Need::Test, &mut steps)?;
    let after_setup = steps.seconds();
    // Programs and tests in one go: built one after the other, dependencies that tests want with
    // more features would be compiled twice.
    let mut all = cmd::cargo();
    all.args(["build", "--workspace", "--all-targets"]);
    steps.run("build programs and tests", || cmd::run(&mut all))?;

    let mut total = Count::default();
    let mut broken = Vec::new();
    let mut take = |name: &str, result: Result<Count>| {
        match result {
            Ok(count) => {
                total.passed += count.passed;
                total.failed += count.failed;
                if count.failed > 0 {
                    broken.push(format!("{name}: {} failed", count.failed));
                    broken.extend(count.said.iter().map(|line| format!("  {line}")));
                }
            }
            Err(error) => {
                total.failed += 1;
                broken.push(format!("{error:#}"));
            }
        };
    };
    take("rust", steps.run("Rust tests", rust));
    take("models", steps.run("model tests", python));
    take("dashboard", steps.run("dashboard tests", browser));
    let together = steps.run("coordinator and agent together", smoke::run);
    take(
        "together",
        together.map(|()| Count {
            passed: 1,
            ..Count::default()
        }),
    );
    for (name, result) in vm::all(&mut steps) {
        let count = result.map(|checks| Count {
            passed: checks.passed,
            failed: checks.failed.len(),
            said: checks.failed,
        });
        take(&name, count);
    }

    step::remember("test_s", steps.seconds() - after_setup)?;
    steps.table("test");
    let failed: String = broken.iter().map(|line| format!("{line}\n")).collect();
    print!("{failed}");
    std::fs::write(paths::target().join("test-failures.txt"), failed)?;
    let summary = format!("{} passed, {} failed", total.passed, total.failed);
    std::fs::write(
        paths::target().join("test-summary.txt"),
        format!("{summary}\n"),
    )?;
    println!("\n{summary}");
    if !broken.is_empty() {
        bail!("tests failed");
    }
    Ok(())
}

/// Unit, contract and native tests of all crates.
fn rust() -> Result<Count> {
    let mut tests = cmd::cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]);
    // Programs are built as this user and run as root, since kernel programs need it.
    if !nix::unistd::geteuid().is_root() {
        if cmd::succeeds(Command::new("sudo").args(["-n", "true"])) {
            tests.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", "sudo -n -E");
        } else {
            println!("not root, and sudo wants a password: tests of the kernel side will fail");
        }
    }
    let mut count = Count::default();
    let mut ignored = 0;
    let mut failures = failures::Cargo::default();
    let ok = cmd::each_line(&mut tests, |line| {
        failures.line(line);
        if let Some([passed, failed, left_out]) = cargo_counts(line) {
            count.passed += passed;
            count.failed += failed;
            ignored += left_out;
        }
    })?;
    if ignored > 0 {
        bail!("{ignored} tests are ignored; a test that is not run proves nothing");
    }
    count.said = failures.said();
    verdict("cargo test", ok, count)
}

/// Tests of the training pipeline.
fn python() -> Result<Count> {
    let mut pytest = Command::new(models::test_python());
    pytest
        .current_dir(models::folder())
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    let mut count = Count::default();
    let mut said = Vec::new();
    let ok = cmd::each_line(&mut pytest, |line| {
        if failures::names_a_failure(line) {
            said.push(line.to_owned());
        }
        if let Some(seen) = pytest_counts(line) {
            count = seen;
        }
    })?;
    count.said = said;
    verdict("pytest", ok, count)
}

/// Tests of the page, in a browser.
fn browser() -> Result<Count> {
    let mut node = Command::new("node");
    node.current_dir(dashboard::folder())
        .env("CARGO_TARGET_DIR", paths::target())
        .args(["--test", "--test-reporter=tap"]);
    // By name: what a folder means here differs between versions of node.
    node.args(dashboard::tests()?);
    let mut count = Count::default();
    let ok = cmd::each_line(&mut node, |line| {
        if failures::names_a_failure(line) {
            count.said.push(line.to_owned());
        }
        if let Some(number) = tap_count(line, "pass") {
            count.passed += number;
        }
        // A test that was not carried through is no pass.
        for word in ["fail", "cancelled", "skipped", "todo"] {
            count.failed += tap_count(line, word).unwrap_or(0);
        }
    })?;
    verdict("node --test", ok, count)
}

/// A run that fails without a failed test, or that ran nothing, is an error of its own.
fn verdict(what: &str, ok: bool, count: Count) -> Result<Count> {
    if !ok && count.failed == 0 {
        bail!("{what} ended with an error although no test failed");
    }
    if count.passed + count.failed == 0 {
        bail!("{what} ran no test");
    }
    Ok(count)
}

/// `test result: ok. 3 passed; 0 failed; 0 ignored; ...` gives `[3, 0, 0]`.
fn cargo_counts(line: &str) -> Option<[usize; 3]> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |word: &str| {
        let part = rest
            .split(['.', ';'])
            .map(str::trim)
            .find(|part| part.ends_with(word))?;
        part.split_whitespace().next()?.parse().ok()
    };
    Some([number("passed")?, number("failed")?, number("ignored")?])
}

/// `1 failed, 2 passed in 0.12s` gives two passed, one failed; errors count as failures.
fn pytest_counts(line: &str) -> Option<Count> {
    let (counts, _) = line.trim_matches(['=', ' ']).split_once(" in ")?;
    let mut count = Count::default();
    for part in counts.split(", ") {
        let (number, word) = part.split_once(' ')?;
        let number: usize = number.parse().ok()?;
        match word {
            "passed" => count.passed += number,
            "failed" | "error" | "errors" | "skipped" => count.failed += number,
            _ => {}
        }
    }
    Some(count)
}

/// `# pass 4` gives 4.
fn tap_count(line: &str, word: &str) -> Option<usize> {
    line.strip_prefix("# ")?
        .strip_prefix(word)?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_cargo_are_read() {
        let line =
            "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out";
        assert_eq!(cargo_counts(line), Some([12, 1, 2]));
        assert_eq!(cargo_counts("test a::b ... ok"), None);
    }

    #[test]
    fn summaries_of_pytest_are_read_and_a_skipped_test_is_no_pass() {
        let count = pytest_counts("1 failed, 7 passed, 1 skipped, 2 warnings in 3.21s").unwrap();
        assert_eq!((count.passed, count.failed), (7, 2));
        assert!(pytest_counts("collected 3 items").is_none());
    }

    #[test]
    fn summaries_of_node_are_read() {
        assert_eq!(tap_count("# pass 4", "pass"), Some(4));
        assert_eq!(tap_count("# fail 0", "pass"), None);
    }

    #[test]
    fn a_run_without_tests_is_an_error() {
        assert!(verdict("x", true, Count::default()).is_err());
        assert!(
            verdict(
                "x",
                false,
                Count {
                    passed: 3,
                    ..Count::default()
                }
            )
            .is_err()
        );
        assert!(
            verdict(
                "x",
                true,
                Count {
                    passed: 3,
                    ..Count::default()
                }
            )
            .is_ok()
        );
    }
}
