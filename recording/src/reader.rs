//! Reads a recording, batch by batch, up to where it was cut.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::MessageHeader;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{RecordBatchDecoder, read_dictionary};
use arrow_schema::{Schema, SchemaRef};

use crate::batch::Layout;
use crate::message::{Messages, Next, Whole};
use crate::{Batch, Column, Info, Series};

/// How a file ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// With the mark of the end.
    Whole,
    /// Without it: the recording goes on, was killed, or the file was cut. What stands before was
    /// read.
    Cut {
        /// What stood where the next batch or the mark was expected.
        cause: String,
    },
}

/// Why a file cannot be read as a recording.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file refuses.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What came of it.
        source: io::Error,
    },
    /// It is something else.
    #[error("{} is no recording of llmosctl: {cause}", path.display())]
    NotARecording {
        /// Which.
        path: PathBuf,
        /// What it is.
        cause: String,
    },
}

/// Gives the batches of a recording in their order. After the last one [`Reader::tail`] says whether
/// it was the last that was written.
pub struct Reader<R: Read> {
    path: PathBuf,
    messages: Messages<R>,
    schema: SchemaRef,
    dictionaries: HashMap<i64, ArrayRef>,
    info: Info,
    layout: Arc<Layout>,
    /// Bytes up to the end of the last batch that was given.
    read_bytes: u64,
    tail: Option<Tail>,
}

impl Reader<BufReader<File>> {
    /// Opens a file. Other columns than this release writes, more or fewer, are no error.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let failed = |source| ReadError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        Self::new(BufReader::new(file), path)
    }
}

impl<R: Read> Reader<R> {
    /// Reads a recording from anywhere; `path` is its name in errors.
    pub fn new(source: R, path: &Path) -> Result<Self, ReadError> {
        let not = |cause| ReadError::NotARecording {
            path: path.to_owned(),
            cause,
        };
        let mut messages = Messages::new(source);
        let first = messages.read().map_err(|source| ReadError::Io {
            path: path.to_owned(),
            source,
        })?;
        let schema = match first {
            Next::Message(first) => schema_in(&first).map_err(not)?,
            Next::Cut(_) | Next::End => return Err(not("it does not begin as one".to_owned())),
        };
        Ok(Self {
            path: path.to_owned(),
            info: Info::read(schema.metadata()).map_err(not)?,
            layout: Arc::new(Layout::of(&schema).map_err(not)?),
            schema: Arc::new(schema),
            dictionaries: HashMap::new(),
            read_bytes: messages.whole_bytes(),
            messages,
            tail: None,
        })
    }

    /// What the recording says about itself.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Its columns of numbers, also those that this release does not know.
    pub fn columns(&self) -> &[Column] {
        self.layout.columns()
    }

    /// How the file ends; known when all batches have been given.
    pub fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref()
    }

    /// Bytes up to the end of the last batch that was given.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Reads what is left and gives the series for which `wanted(workload, cgroup)` is true, with
    /// the named columns, ordered by path, then workload. A column that the file lacks is unknown
    /// throughout.
    pub fn series(
        &mut self,
        columns: &[&str],
        mut wanted: impl FnMut(u64, &str) -> bool,
    ) -> Result<Vec<Series>, ReadError> {
        let at: Vec<Option<usize>> = columns
            .iter()
            .map(|name| self.columns().iter().position(|c| c.name == *name))
            .collect();
        let mut found: BTreeMap<(String, u64), Series> = BTreeMap::new();
        while let Some(batch) = self.next().transpose()? {
            for run in batch.series() {
                let Some(first) = batch.row(run.start) else {
                    continue;
                };
                let (workload, cgroup) = (first.workload(), first.cgroup());
                if wanted(workload, cgroup) {
                    found
                        .entry((cgroup.to_owned(), workload))
                        .or_insert_with(|| Series::new(workload, cgroup, at.len()))
                        .extend(run.filter_map(|row| batch.row(row)), &at);
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// The next batch, or how the file ends.
    fn advance(&mut self) -> io::Result<Result<Batch, Tail>> {
        loop {
            let decoded = match self.messages.read()? {
                Next::Message(message) => self.decode(&message),
                Next::End => return Ok(Err(Tail::Whole)),
                Next::Cut(cause) => Err(cause),
            };
            match decoded {
                Ok(None) => {}
                Ok(Some(batch)) => {
                    self.read_bytes = self.messages.whole_bytes();
                    return Ok(Ok(batch));
                }
                Err(cause) => return Ok(Err(Tail::Cut { cause })),
            }
        }
    }

    /// Takes in one message; a batch when it is one of rows.
    fn decode(&mut self, whole: &Whole) -> Result<Option<Batch>, String> {
        let message = whole.message()?;
        let version = message.version();
        match message.header_type() {
            MessageHeader::DictionaryBatch => {
                let dictionary = message
                    .header_as_dictionary_batch()
                    .ok_or("no dictionary")?;
                read_dictionary(
                    &whole.body,
                    dictionary,
                    &self.schema,
                    &mut self.dictionaries,
                    &version,
                )
                .map_err(|error| error.to_string())?;
                Ok(None)
            }
            MessageHeader::RecordBatch => {
                let rows = message.header_as_record_batch().ok_or("no rows")?;
                let schema = self.schema.clone();
                let rows: RecordBatch = RecordBatchDecoder::try_new(
                    &whole.body,
                    rows,
                    schema,
                    &self.dictionaries,
                    &version,
                )
                .and_then(RecordBatchDecoder::read_record_batch)
                .map_err(|error| error.to_string())?;
                Batch::new(&rows, self.layout.clone()).map(Some)
            }
            other => Err(format!("a message of kind {other:?} among the rows")),
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Batch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.tail.is_some() {
            return None;
        }
        match self.advance() {
            Ok(Ok(batch)) => Some(Ok(batch)),
            Ok(Err(tail)) => {
                self.tail = Some(tail);
                None
            }
            Err(source) => {
                self.tail = Some(Tail::Cut {
                    cause: source.to_string(),
                });
                Some(Err(ReadError::Io {
                    path: self.path.clone(),
                    source,
                }))
            }
        }
    }
}

fn schema_in(whole: &Whole) -> Result<Schema, String> {
    let schema = whole.message()?.header_as_schema();
    let schema = schema.ok_or("an Arrow stream that begins without a schema")?;
    try_fb_to_schema(schema).map_err(|error| error.to_string())
}
