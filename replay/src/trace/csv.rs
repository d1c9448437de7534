//! Reads the CSV form of traces, plain or compressed by gzip.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};
use flate2::read::MultiGzDecoder;

use super::TraceError;
use super::series::{COLUMNS, Column, LIMITS, Rows, Series, Unit};

/// What the header begins with.
const KEYS: [&str; 2] = ["series_id", "t"];
/// Bytes read at once.
const BUFFER: usize = 1 << 18;

/// All usable series of one file.
pub fn read(path: &Path, family: &str) -> Result<Vec<Series>, TraceError> {
    let file = File::open(path).map_err(|source| TraceError::Io {
        path: path.to_owned(),
        source,
    })?;
    let compressed = path.extension().is_some_and(|end| end == "gz");
    let source: Box<dyn Read> = if compressed {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file)))
    } else {
        Box::new(file)
    };
    let reader = ReaderBuilder::new()
        .has_headers(false)
        .buffer_capacity(BUFFER)
        .from_reader(source);
    Table { path, reader }.series(family)
}

struct Table<'a> {
    path: &'a Path,
    reader: Reader<Box<dyn Read>>,
}

impl Table<'_> {
    fn series(mut self, family: &str) -> Result<Vec<Series>, TraceError> {
        let mut record = StringRecord::new();
        self.next(&mut record)?;
        let wanted = self.columns(&record)?;
        let names: Vec<_> = wanted.iter().map(|(_, column)| *column).collect();
        let limits = limits(&record);
        let mut found = Vec::new();
        let mut rows = Rows::default();
        while self.next(&mut record)? {
            let name = record.get(0).unwrap_or_default();
            if name != rows.name || rows.t.is_empty() {
                found.extend(self.finish(&rows, family, &names)?);
                rows = Rows {
                    name: name.to_owned(),
                    t: Vec::new(),
                    columns: vec![Vec::new(); wanted.len()],
                    limits: limits.iter().map(|(_, _, of)| (*of, Vec::new())).collect(),
                };
            }
            rows.t.push(self.time(&record)?);
            for ((at, (column, _)), values) in wanted.iter().zip(&mut rows.columns) {
                values.push(self.cell(&record, *at, column)?);
            }
            for ((at, column, _), (_, values)) in limits.iter().zip(&mut rows.limits) {
                values.push(self.cell(&record, *at, column)?);
            }
        }
        found.extend(self.finish(&rows, family, &names)?);
        Ok(found)
    }

    fn finish(
        &self,
        rows: &Rows,
        family: &str,
        names: &[Column],
    ) -> Result<Vec<Series>, TraceError> {
        rows.series(family, names, None, Unit::Unknown)
            .map_err(|error| self.wrong(format!("series {:?}: {error}", brief(&rows.name))))
    }

    /// Reads a row; false at the end.
    fn next(&mut self, record: &mut StringRecord) -> Result<bool, TraceError> {
        self.reader.read_record(record).map_err(|error| {
            let line = error.position().map_or(1, csv::Position::line);
            match error.into_kind() {
                ErrorKind::Io(source) => TraceError::reading(self.path, source),
                ErrorKind::Utf8 { .. } => self.wrong(format!("line {line} is no UTF-8 text")),
                ErrorKind::UnequalLengths {
                    expected_len, len, ..
                } => self.wrong(format!(
                    "line {line} has {len} fields, expected {expected_len} as in the header"
                )),
                other => self.wrong(format!("no CSV: {other:?}")),
            }
        })
    }

    /// Where the columns stand that are read.
    fn columns(&self, header: &StringRecord) -> Result<Vec<(usize, Column)>, TraceError> {
        if !header.iter().take(KEYS.len()).eq(KEYS) {
            let found: Vec<&str> = header.iter().take(KEYS.len()).map(brief).collect();
            let found = match found.as_slice() {
                [] => "an empty file".to_owned(),
                found => format!("{:?}", found.join(",")),
            };
            return Err(self.wrong(format!(
                "expected a header that begins with series_id,t, found {found}"
            )));
        }
        let known = |name: &str| COLUMNS.into_iter().find(|(column, _)| *column == name);
        let all = header.iter().enumerate();
        Ok(all
            .filter_map(|(at, name)| Some((at, known(name)?)))
            .collect())
    }

    fn time(&self, record: &StringRecord) -> Result<f64, TraceError> {
        let text = record.get(1).unwrap_or_default();
        number(text).ok_or_else(|| self.cause(record, format_args!("t is {:?}", brief(text))))
    }

    /// A value; an empty cell is unknown, and so is `nan`, which some tools write for it.
    fn cell(
        &self,
        record: &StringRecord,
        at: usize,
        column: &str,
    ) -> Result<Option<f64>, TraceError> {
        let text = record.get(at).unwrap_or_default().trim();
        if text.is_empty() || text.eq_ignore_ascii_case("nan") {
            return Ok(None);
        }
        let wrong = || self.cause(record, format_args!("{column} is {:?}", brief(text)));
        number(text).map(Some).ok_or_else(wrong)
    }

    fn cause(&self, record: &StringRecord, what: std::fmt::Arguments<'_>) -> TraceError {
        let line = record.position().map_or(0, csv::Position::line);
        self.wrong(format!("line {line}: {what}, expected a number"))
    }

    fn wrong(&self, cause: String) -> TraceError {
        TraceError::malformed(self.path, cause)
    }
}

/// Where the columns of limits stand, their names, and what they limit.
fn limits(header: &StringRecord) -> Vec<(usize, &'static str, &'static str)> {
    let all = header.iter().enumerate();
    let known = all.filter_map(|(at, name)| {
        let (limit, of) = LIMITS.into_iter().find(|(limit, _)| *limit == name)?;
        Some((at, limit, of))
    });
    known.collect()
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|x: &f64| x.is_finite())
}

/// The beginning of a text, for an error of one line.
fn brief(text: &str) -> &str {
    const LONGEST: usize = 40;
    text.char_indices()
        .nth(LONGEST)
        .map_or(text, |(end, _)| &text[..end])
}
