//! Recordings: what the agent sees, one row for each workload and tick, in a file that grows while
//! the agent runs and that other tools open without LLMOS.
//!
//! The format is an Apache Arrow IPC stream; `docs/recording.md` describes the columns.
//!
//! - [`Writer`] takes a [`Tick`] at a time and writes a batch of rows about once a minute.
//! - [`Tick`] holds the rows of one tick; it reads them from the JSON of the status socket.
//! - [`Reader`] gives the batches back, rows in the order of ticks or of series, and says in
//!   [`Tail`] when the file ends before its end.
//! - [`Summary`] is what there is to know about a file without looking at the numbers.
//!
//! Invariant: missing is null, never zero, from the socket to the reader.
//!
//! Invariant: a file that was cut at any byte is read up to its last whole batch.

mod batch;
mod column;
mod info;
mod message;
mod pending;
mod reader;
mod row;
mod series;
mod summary;
mod tick;
mod writer;

pub use batch::{Batch, Row};
pub use column::{Column, Object};
pub use info::Info;
pub use reader::{ReadError, Reader, Tail};
pub use series::Series;
pub use summary::{Gaps, Summary};
pub use tick::{JsonError, RowMut, Tick};
pub use writer::{BATCH_MS, BATCH_ROWS, Durable, WriteError, Writer};
