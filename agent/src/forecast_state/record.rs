//! A record: its length, a CRC-32 of its bytes, and its bytes, of which the first tells the kind.

use std::io::{self, Read};

/// Bytes of one record at most: a series with the state of a large model.
const MAX_RECORD: usize = 1 << 20;
/// Length and checksum.
const FRAME: usize = 8;

/// What the file begins with.
pub(super) const HEADER: u8 = b'H';
/// One series.
pub(super) const SERIES: u8 = b'S';
/// What it ends with: a file without it was cut.
pub(super) const END: u8 = b'E';

/// Appends a record; `fill` adds what it holds.
pub(super) fn append<T>(bytes: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let begin = bytes.len();
    bytes.extend([0; FRAME]);
    bytes.push(kind);
    let filled = fill(bytes);
    let (frame, body) = bytes[begin..].split_at_mut(FRAME);
    // Never so long that it does not fit: a series has some kilobytes.
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    frame[..4].copy_from_slice(&len.to_le_bytes());
    frame[4..].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    filled
}

/// Reads the next record into `body` and gives its kind; what is wrong with it if it is damaged.
pub(super) fn read(from: &mut impl Read, body: &mut Vec<u8>) -> Result<u8, String> {
    let cut = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "the file ends too early".to_owned(),
        _ => error.to_string(),
    };
    let mut frame = [0; FRAME];
    from.read_exact(&mut frame).map_err(cut)?;
    let [a, b, c, d, crc @ ..] = frame;
    let len = u32::from_le_bytes([a, b, c, d]) as usize;
    if !(1..=MAX_RECORD).contains(&len) {
        return Err(format!(
            "a record of {len} bytes, expected 1 to {MAX_RECORD}"
        ));
    }
    body.clear();
    body.resize(len, 0);
    from.read_exact(body).map_err(cut)?;
    if crc32fast::hash(body).to_le_bytes() != crc {
        return Err("a record has a wrong checksum".to_owned());
    }
    Ok(body.remove(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_the_trip_and_any_changed_bit_is_noticed() {
        let mut bytes = Vec::new();
        append(&mut bytes, SERIES, |body| body.extend(b"hello"));
        append(&mut bytes, END, |_| ());
        let (mut from, mut body) = (bytes.as_slice(), Vec::new());
        assert_eq!(read(&mut from, &mut body), Ok(SERIES));
        assert_eq!(body, b"hello");
        assert_eq!(read(&mut from, &mut body), Ok(END));
        assert!(read(&mut from, &mut body).is_err());
        for bit in 0..(FRAME + 6) * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&mut bad.as_slice(), &mut body).is_err(), "bit {bit}");
        }
    }
}
