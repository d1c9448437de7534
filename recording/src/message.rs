//! Cuts a stream into its messages, as <https://arrow.apache.org/docs/format/Columnar.html> lays
//! them out: four bytes 0xff, the length of the header, the header, the body.
//!
//! Arrow's own stream reader believes what a message says of its size and sets that much memory
//! aside; a damaged file would end the program. Here a message is looked at before it is decoded.

use std::io::{self, Read};

use arrow_buffer::Buffer;
use arrow_ipc::{CompressionType, Message, MessageHeader, RecordBatch, root_as_message};

/// What comes next in a stream.
pub enum Next {
    /// A message that is all there.
    Message(Whole),
    /// The mark of the end, and nothing after it.
    End,
    /// No whole message; why.
    Cut(String),
}

/// A message whose header was verified and whose body is as long as the header says.
pub struct Whole {
    header: Vec<u8>,
    /// The buffers of a batch; empty for a schema.
    pub body: Buffer,
}

impl Whole {
    /// The header. It was verified when it was read, so the error does not come.
    pub fn message(&self) -> Result<Message<'_>, String> {
        root_as_message(&self.header).map_err(|error| error.to_string())
    }
}

/// Reads messages and counts the bytes of those that were whole.
pub struct Messages<R> {
    source: R,
    whole_bytes: u64,
}

const MARK: [u8; 4] = [0xff; 4];

impl<R: Read> Messages<R> {
    pub fn new(source: R) -> Self {
        Self {
            source,
            whole_bytes: 0,
        }
    }

    /// Bytes up to the end of the last whole message.
    pub fn whole_bytes(&self) -> u64 {
        self.whole_bytes
    }

    /// The next message. Only a source that fails is an error.
    pub fn read(&mut self) -> io::Result<Next> {
        let start = self.up_to(8)?;
        let (mark, length) = match start.as_slice() {
            [] => return Ok(cut("no mark of the end")),
            [a, b, c, d, length @ ..] => ([*a, *b, *c, *d], <[u8; 4]>::try_from(length)),
            _ => return Ok(cut("it ends in the middle of a batch")),
        };
        if mark != MARK {
            return Ok(cut("no Arrow message begins here"));
        }
        let Ok(length) = length else {
            return Ok(cut("it ends in the middle of a batch"));
        };
        if length == [0; 4] {
            // The beginning of a message followed by zeros looks the same as the mark of the end.
            return Ok(match self.up_to(1)?.is_empty() {
                true => Next::End,
                false => cut("bytes follow the mark of the end"),
            });
        }
        let header = self.up_to(u32::from_le_bytes(length).into())?;
        if header.len() as u64 != u64::from(u32::from_le_bytes(length)) {
            return Ok(cut("it ends in the middle of a batch"));
        }
        let body = {
            let message = match root_as_message(&header) {
                Ok(message) => message,
                Err(error) => return Ok(cut(&format!("a damaged header: {error}"))),
            };
            let Ok(length) = u64::try_from(message.bodyLength()) else {
                return Ok(cut("a damaged header: a body of negative length"));
            };
            let body = self.up_to(length)?;
            if body.len() as u64 != length {
                return Ok(cut("it ends in the middle of a batch"));
            }
            if let Err(cause) = plausible(&message, &body) {
                return Ok(cut(&cause));
            }
            body
        };
        self.whole_bytes += (start.len() + header.len() + body.len()) as u64;
        Ok(Next::Message(Whole {
            header,
            body: Buffer::from_vec(body),
        }))
    }

    /// As many bytes as are there, `length` at most; memory grows with what is there and not with
    /// what is promised.
    fn up_to(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&mut self.source).take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn cut(cause: &str) -> Next {
    Next::Cut(cause.to_owned())
}

/// One byte of an LZ4 block stands for 255 at most, see
/// <https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md>.
const LZ4_RATIO: u64 = 255;

/// Whether all buffers lie in the body and unpack to a size that they can have.
fn plausible(message: &Message<'_>, body: &[u8]) -> Result<(), String> {
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message
            .header_as_dictionary_batch()
            .and_then(|dictionary| dictionary.data()),
        _ => return Ok(()),
    };
    let batch: RecordBatch<'_> = batch.ok_or("a damaged header: no batch in it")?;
    let lz4 = batch
        .compression()
        .is_some_and(|compression| compression.codec() == CompressionType::LZ4_FRAME);
    for buffer in batch.buffers().into_iter().flatten() {
        let place = usize::try_from(buffer.offset())
            .ok()
            .zip(usize::try_from(buffer.length()).ok());
        let bytes = place
            .and_then(|(offset, length)| body.get(offset..)?.get(..length))
            .ok_or("a damaged header: a buffer outside of the body")?;
        // Before the packed bytes stands their unpacked length; -1 says that they are not packed.
        if lz4 && let Some((length, packed)) = bytes.split_first_chunk::<8>() {
            let length = i64::from_le_bytes(*length);
            let most = (packed.len() as u64).saturating_mul(LZ4_RATIO);
            if length != -1 && u64::try_from(length).is_ok_and(|length| length > most) {
                return Err("a damaged batch: more than its bytes can unpack to".to_owned());
            }
        }
    }
    Ok(())
}
