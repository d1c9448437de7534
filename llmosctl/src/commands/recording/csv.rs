//! `llmosctl recording csv`: the rows as they stand in the file, for tools that read nothing else.

use std::io::{BufWriter, Write};
use std::path::Path;

use llmos_recording::{Reader, Tail};

use crate::error::CtlError;

/// Runs the command. A file that was cut gives what is whole, and a line on the standard error.
pub fn run(path: &Path) -> Result<(), CtlError> {
    let mut reader = Reader::open(path)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let names = reader.columns().iter().map(|column| quoted(&column.name));
    let names = ["at_unix_ms", "workload", "cgroup"]
        .map(String::from)
        .into_iter()
        .chain(names);
    writeln!(out, "{}", names.collect::<Vec<_>>().join(","))?;
    while let Some(batch) = reader.next().transpose()? {
        for row in batch.rows() {
            let (at, cgroup) = (row.at_unix_ms(), quoted(row.cgroup()));
            write!(out, "{at},{},{cgroup}", row.workload())?;
            for column in 0..batch.columns().len() {
                match row.value(column) {
                    Some(value) => write!(out, ",{value}")?,
                    None => write!(out, ",")?,
                }
            }
            writeln!(out)?;
        }
    }
    out.flush()?;
    if let Some(Tail::Cut { cause }) = reader.tail() {
        let mut error = std::io::stderr();
        writeln!(error, "llmosctl: {} is not whole: {cause}", path.display())?;
    }
    Ok(())
}

/// As CSV wants it (RFC 4180): text with a comma, a quote or a line break stands in quotes.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_csv_needs_it() {
        assert_eq!(quoted("a/b@7"), "a/b@7");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
