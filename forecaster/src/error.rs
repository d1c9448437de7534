//! Why a model cannot be used: one line that says which file, what was found, what was expected.

use std::path::PathBuf;

/// Why a folder holds no model that can be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The path is a directory, a pipe or the like.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A file is larger than any sound one.
    #[error("{} is larger than {limit} bytes, expected at most that", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest size that is read.
        limit: u64,
    },
    /// The contract is not JSON of the expected form.
    #[error("{} is not a model contract: {reason}", path.display())]
    Contract {
        /// The file.
        path: PathBuf,
        /// What the parser says in one line, with line and column.
        reason: String,
    },
    /// The contract speaks of other features, outputs or units than this version does.
    #[error("{}: {field} is {found}, expected {expected}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The field of the contract.
        field: &'static str,
        /// Its value.
        found: String,
        /// The value that this version speaks.
        expected: String,
    },
    /// The bytes of the model are not those that the contract names.
    #[error("{} has the SHA-256 {found}, expected {expected} as in contract.json", path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// SHA-256 of the bytes.
        found: String,
        /// SHA-256 in the contract.
        expected: String,
    },
    /// The model is not ONNX, or holds something that tract cannot run.
    #[error("{} is not an ONNX model that can be run: {reason}", path.display())]
    Graph {
        /// The file.
        path: PathBuf,
        /// What tract says, in one line.
        reason: String,
    },
    /// The file holds more, or other, than a model may.
    #[error("{} {limit}", path.display())]
    Limit {
        /// The file.
        path: PathBuf,
        /// What it holds and what was expected, in a few words.
        limit: String,
    },
    /// An input or output has another name, type or shape than the contract wants.
    #[error("{}: {tensor} is {found}, expected {expected}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// Which tensor, e.g. "input h".
        tensor: String,
        /// What the file has.
        found: String,
        /// What the contract wants.
        expected: String,
    },
    /// A trial step on zeros gave a number that is not finite.
    #[error("{} gives a number that is not finite in output {output} for inputs of zero, expected finite numbers", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Which output.
        output: &'static str,
    },
}

/// What another part says of a file, as one line of bounded length. It may quote the file.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let shown = line.chars().take(300).flat_map(|c| {
        let (plain, escaped) = match c.is_control() {
            true => (None, Some(c.escape_default())),
            false => (Some(c), None),
        };
        plain.into_iter().chain(escaped.into_iter().flatten())
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_control_characters_and_an_end() {
        assert_eq!(one_line("two\n  lines \u{1b}[31m"), "two lines \\u{1b}[31m");
        assert_eq!(one_line(&"x".repeat(1_000)).len(), 300);
    }
}
