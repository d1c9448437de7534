//! What a failed test said, taken out of the output of its runner, so that it can be said again at
//! the end: who reads a long log reads its end.

/// Lines of one failed test that are kept.
const LINES: usize = 12;

/// Follows the output of `cargo test` line by line.
#[derive(Default)]
pub struct Cargo {
    /// Lines that the test under way may still give.
    room: usize,
    said: Vec<String>,
}

impl Cargo {
    /// Takes in one line.
    pub fn line(&mut self, line: &str) {
        // `---- name stdout ----` begins what one failed test said; its heading names the test.
        let heading = line.starts_with("---- ") && line.ends_with(" ----");
        if heading {
            self.room = LINES + 1;
        } else if line == "failures:" || line.starts_with("test result: ") {
            self.room = 0;
        }
        if self.room > 0 && !line.trim().is_empty() {
            self.said.push(line.to_owned());
            self.room -= 1;
        }
    }

    /// What failed tests said so far.
    pub fn said(self) -> Vec<String> {
        self.said
    }
}

/// True for the line in which pytest names a failed test with its cause, or node a failed test.
pub fn names_a_failure(line: &str) -> bool {
    ["FAILED ", "ERROR ", "not ok "]
        .iter()
        .any(|word| line.trim_start().starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_tests_of_cargo_said_is_kept_and_nothing_else() {
        let mut cargo = Cargo::default();
        let output = "\
running 2 tests
test a::good ... ok
test a::bad ... FAILED

failures:

---- a::bad stdout ----

thread 'a::bad' panicked at src/a.rs:3:9:
assertion failed: late

failures:
    a::bad

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        output.lines().for_each(|line| cargo.line(line));
        assert_eq!(
            cargo.said(),
            [
                "---- a::bad stdout ----",
                "thread 'a::bad' panicked at src/a.rs:3:9:",
                "assertion failed: late"
            ]
        );
    }

    #[test]
    fn a_test_that_says_much_is_cut() {
        let mut cargo = Cargo::default();
        cargo.line("---- a stdout ----");
        (0..100).for_each(|number| cargo.line(&number.to_string()));
        assert_eq!(cargo.said().len(), LINES + 1);
    }

    #[test]
    fn failures_of_pytest_and_node_are_named() {
        assert!(names_a_failure(
            "FAILED tests/test_a.py::test_b - assert 1 == 2"
        ));
        assert!(names_a_failure("    not ok 3 - the table shows rows"));
        assert!(!names_a_failure("ok 1 - the table shows rows"));
    }
}
