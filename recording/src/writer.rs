//! Writes a recording: ticks wait in memory, a batch of them goes to the file about once a minute.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_ipc::{CompressionType, MetadataVersion};
use arrow_schema::ArrowError;

use crate::pending::{Pending, schema};
use crate::{Column, Info, Tick};

/// Wall-clock span of a batch, in milliseconds: what a crash loses at most.
pub const BATCH_MS: i64 = 60_000;
/// Rows after which a batch is written early, so that memory stays bounded on big nodes.
pub const BATCH_ROWS: usize = 65_536;
/// Bytes to which buffers in the file are padded. Readers unpack them into buffers of their own, so
/// more than Arrow's least would only make small batches bigger.
const ALIGNMENT: usize = 8;

/// Somewhere to write that can be told to survive a power cut.
pub trait Durable: Write {
    /// Returns when all that was written is on stable storage.
    fn sync(&mut self) -> io::Result<()>;
}

impl Durable for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// In memory, for tests and for sending.
impl Durable for Vec<u8> {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why a recording cannot go on. What is in the file up to the last whole batch stays readable.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The rows do not fit the format.
    #[error("cannot encode the rows: {0}")]
    Encode(ArrowError),
}

impl From<ArrowError> for WriteError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, source) => Self::Io(source),
            other => Self::Encode(other),
        }
    }
}

/// See the module. A writer that is dropped without [`Writer::finish`] leaves a file without its
/// last batch, as a crash does.
pub struct Writer<W: Durable> {
    stream: StreamWriter<BufWriter<Counted<W>>>,
    pending: Pending,
    columns: Vec<Column>,
    last_unix_ms: Option<i64>,
}

/// Counts what goes through.
struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Writer<File> {
    /// Makes the file, which must not exist, and writes its beginning.
    pub fn create(path: &Path, info: &Info) -> Result<Self, WriteError> {
        let file = File::create_new(path)?;
        let mut writer = Self::new(file, info, Column::all())?;
        writer.flush()?;
        // The name too has to survive a power cut. Not every file system can sync a folder, and
        // those that cannot need not be told.
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
            let _ = folder.sync_all();
        }
        Ok(writer)
    }
}

impl<W: Durable> Writer<W> {
    /// Begins a recording with these columns.
    pub fn new(out: W, info: &Info, columns: Vec<Column>) -> Result<Self, WriteError> {
        let schema = schema(&columns, info.metadata());
        let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5)?
            .try_with_compression(Some(CompressionType::LZ4_FRAME))?;
        let out = BufWriter::new(Counted {
            inner: out,
            bytes: 0,
        });
        Ok(Self {
            stream: StreamWriter::try_new_with_options(out, &schema, options)?,
            pending: Pending::new(schema, columns.len()),
            columns,
            last_unix_ms: None,
        })
    }

    /// An empty tick with the columns of this recording.
    pub fn tick(&self) -> Tick {
        Tick::new(self.columns.clone())
    }

    /// Adds a tick made by [`Writer::tick`]. False for the tick that was added last: asked twice, an
    /// agent gives the same one. A wall clock that was set back begins a new batch, so that time
    /// rises within each.
    pub fn push(&mut self, tick: &Tick) -> Result<bool, WriteError> {
        let (at, last) = (tick.at_unix_ms, self.last_unix_ms);
        if last == Some(at) {
            return Ok(false);
        }
        let full = self.pending.rows() + tick.len() > BATCH_ROWS;
        let first = self.pending.first_unix_ms();
        let late = first.is_some_and(|first| at >= first.saturating_add(BATCH_MS));
        if full || late || last.is_some_and(|last| at < last) {
            self.flush()?;
        }
        self.last_unix_ms = Some(at);
        self.pending.add(tick);
        Ok(true)
    }

    /// Writes the rows that wait and returns when they are on stable storage.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        if self.pending.rows() > 0 {
            let batch = self.pending.take()?;
            self.stream.write(&batch)?;
        }
        self.stream.flush()?;
        self.stream.get_mut().get_mut().inner.sync()?;
        Ok(())
    }

    /// Bytes written so far; rows that wait are not in them.
    pub fn bytes(&self) -> u64 {
        self.stream.get_ref().get_ref().bytes
    }

    /// Writes what waits and the mark of the end; gives the output back.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.flush()?;
        let out = self.stream.into_inner()?;
        let mut out = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        out.inner.sync()?;
        Ok(out.inner)
    }
}
