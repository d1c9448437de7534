//! Counts the fields of an ONNX file before it is decoded. A field of two bytes may become a structure
//! of hundreds: decoding alone could take a hundred times the size of the file in memory.

/// Most fields of a file, and numbers in packed lists, which are each larger in memory as well.
pub(crate) const MAX_FIELDS: usize = 200_000;
/// Deepest nesting of messages. A model without graphs in graphs has seven levels.
const MAX_DEPTH: usize = 16;

/// What matters in a message of the format: fields that hold messages in turn, and packed lists of
/// whole numbers. Numbers are those of onnx.proto3.
struct Message(&'static [(u64, Inside)]);

enum Inside {
    Of(&'static Message),
    Packed,
}

use Inside::{Of, Packed};

static MODEL: Message = Message(&[(7, Of(&GRAPH)), (20, Of(&TRAINING)), (25, Of(&FUNCTION))]);
static TRAINING: Message = Message(&[(1, Of(&GRAPH)), (2, Of(&GRAPH))]);
static FUNCTION: Message = Message(&[(7, Of(&NODE))]);
static GRAPH: Message = Message(&[
    (1, Of(&NODE)),
    (5, Of(&TENSOR)),
    (11, Of(&VALUE)),
    (12, Of(&VALUE)),
    (13, Of(&VALUE)),
    (14, Of(&ANNOTATION)),
    (15, Of(&SPARSE)),
]);
static NODE: Message = Message(&[(5, Of(&ATTRIBUTE))]);
static ATTRIBUTE: Message = Message(&[
    (5, Of(&TENSOR)),
    (6, Of(&GRAPH)),
    (8, Packed),
    (10, Of(&TENSOR)),
    (11, Of(&GRAPH)),
    (15, Of(&TYPE)),
    (22, Of(&SPARSE)),
    (23, Of(&SPARSE)),
]);
static TENSOR: Message = Message(&[(1, Packed), (5, Packed), (7, Packed), (11, Packed)]);
static SPARSE: Message = Message(&[(1, Of(&TENSOR)), (2, Of(&TENSOR)), (3, Packed)]);
static VALUE: Message = Message(&[(2, Of(&TYPE))]);
static TYPE: Message = Message(&[(1, Of(&TENSOR_TYPE))]);
static TENSOR_TYPE: Message = Message(&[(2, Of(&SHAPE))]);
static SHAPE: Message = Message(&[]);
static ANNOTATION: Message = Message(&[]);

/// Is the file small enough in fields to be decoded? What is no such file at all is left to the
/// decoder, which says what is wrong with it.
///
/// # Errors
/// What there is too much of, in a few words with what was expected.
pub(crate) fn small_enough(bytes: &[u8]) -> Result<(), String> {
    count(bytes, &MODEL, 0, &mut 0).map(drop)
}

/// Counts the fields of a message; `None` where it is malformed and the decoder will stop.
fn count(
    mut bytes: &[u8],
    message: &Message,
    depth: usize,
    fields: &mut usize,
) -> Result<Option<()>, String> {
    if depth > MAX_DEPTH {
        return Err(format!(
            "is nested more than {MAX_DEPTH} deep, expected less"
        ));
    }
    while !bytes.is_empty() {
        *fields += 1;
        let Some(key) = varint(&mut bytes) else {
            return Ok(None);
        };
        let taken = match key & 7 {
            0 => varint(&mut bytes).map(|_| &[][..]),
            1 => take(&mut bytes, 8),
            2 => varint(&mut bytes).and_then(|length| take(&mut bytes, length)),
            // Groups, which the decoder skips: what they hold counts as if it lay beside them.
            3 | 4 => Some(&[][..]),
            5 => take(&mut bytes, 4),
            _ => None,
        };
        let Some(content) = taken else {
            return Ok(None);
        };
        let inside = message.0.iter().find(|(field, _)| *field == key >> 3);
        match inside {
            Some((_, Packed)) => *fields += content.len(),
            Some((_, Of(inner)))
                if key & 7 == 2 && count(content, inner, depth + 1, fields)?.is_none() =>
            {
                return Ok(None);
            }
            _ => {}
        }
        if *fields > MAX_FIELDS {
            return Err(format!(
                "has more than {MAX_FIELDS} fields, expected at most that"
            ));
        }
    }
    Ok(Some(()))
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for place in 0..10 {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << (7 * place);
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that holds bytes.
    fn field(number: u64, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for mut number in [number << 3 | 2, content.len() as u64] {
            while number >= 0x80 {
                out.push(number as u8 | 0x80);
                number >>= 7;
            }
            out.push(number as u8);
        }
        out.extend(content);
        out
    }

    #[test]
    fn many_empty_nodes_are_too_many_however_deep_they_lie() {
        let nodes = field(1, &[]).repeat(MAX_FIELDS);
        let line = small_enough(&field(7, &nodes)).unwrap_err();
        assert!(line.starts_with("has more than 200000 fields"), "{line}");
        let attributes = field(5, &[]).repeat(MAX_FIELDS);
        assert!(small_enough(&field(7, &field(1, &attributes))).is_err());
        assert!(small_enough(&field(7, &field(1, &[]).repeat(1_000))).is_ok());
    }

    #[test]
    fn weights_are_one_field_and_packed_numbers_one_each() {
        let numbers = vec![0; 2 * MAX_FIELDS];
        let initializer = |number| field(7, &field(5, &field(number, &numbers)));
        assert!(small_enough(&initializer(9)).is_ok(), "raw data");
        assert!(
            small_enough(&initializer(4)).is_ok(),
            "f32, as large in memory"
        );
        assert!(
            small_enough(&initializer(7)).is_err(),
            "i64, eight times as large"
        );
    }

    #[test]
    fn deep_nesting_is_refused_groups_hide_nothing_and_garbage_is_left_to_the_decoder() {
        let mut graph = Vec::new();
        for _ in 0..10 {
            graph = field(1, &field(5, &field(6, &graph)));
        }
        let line = small_enough(&field(7, &graph)).unwrap_err();
        assert!(line.contains("nested"), "{line}");
        let nodes = field(7, &field(1, &[]).repeat(MAX_FIELDS));
        assert!(small_enough(&[&[0x0b], nodes.as_slice()].concat()).is_err());
        for garbage in [&b"#!/bin/sh"[..], &[0xff; 12], &[0x3a, 0x7f], &[]] {
            assert!(small_enough(garbage).is_ok(), "{garbage:?}");
        }
    }
}
