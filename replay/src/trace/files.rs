//! Which files are read, and in which order.

use std::path::{Path, PathBuf};

use super::{Series, TraceError, csv, recorded};

/// Endings of the files that are read.
const CSV: [&str; 2] = [".csv", ".csv.gz"];
const RECORDING: [&str; 2] = [".arrows", ".arrow"];

/// What one file gave, for a line of progress.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    /// The file.
    pub path: &'a Path,
    /// Its place among all files, from 1, and how many there are.
    pub number: (usize, usize),
    /// Usable series in it.
    pub series: usize,
    /// Why a recording is not whole, if it is not.
    pub cut: Option<String>,
}

/// Every usable series of these files, and of the traces and recordings in these folders, in the
/// order given, within a folder by name. `progress` hears of each file.
///
/// # Errors
/// If a file cannot be read or is no trace, or nothing usable is in any of them.
pub fn read(
    paths: &[PathBuf],
    mut progress: impl FnMut(&Found<'_>),
) -> Result<Vec<Series>, TraceError> {
    let files = expand(paths)?;
    let mut all = Vec::new();
    for (at, path) in files.iter().enumerate() {
        let family = family(path);
        let (found, cut) = match form(path) {
            Some(Form::Csv) => (csv::read(path, &family)?, None),
            Some(Form::Recording) => recorded::read(path, &family)?,
            None => return Err(TraceError::malformed(path, expected())),
        };
        progress(&Found {
            path,
            number: (at + 1, files.len()),
            series: found.len(),
            cut,
        });
        all.extend(found);
    }
    if all.is_empty() {
        let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        return Err(TraceError::Nothing {
            paths: paths.join(", "),
        });
    }
    Ok(all)
}

enum Form {
    Csv,
    Recording,
}

fn form(path: &Path) -> Option<Form> {
    let name = path.file_name()?.to_string_lossy();
    let ends = |endings: [&str; 2]| endings.iter().any(|end| name.ends_with(end));
    if ends(CSV) {
        Some(Form::Csv)
    } else {
        ends(RECORDING).then_some(Form::Recording)
    }
}

/// The file's name up to the first dot.
fn family(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn expected() -> String {
    let endings = [CSV, RECORDING].concat().join(", ");
    format!("no trace by its name, expected one that ends in {endings}")
}

fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, TraceError> {
    let mut files = Vec::new();
    for path in paths {
        let failed = |source| TraceError::Io {
            path: path.clone(),
            source,
        };
        if !std::fs::metadata(path).map_err(failed)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            inside.push(entry.map_err(failed)?.path());
        }
        inside.retain(|path| form(path).is_some());
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}
