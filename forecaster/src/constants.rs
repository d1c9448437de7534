//! Constants of an ONNX file as plain numbers.

use tract_onnx::pb::{TensorProto, tensor_proto::DataType};

/// All numbers of a tensor of `f32`; `None` if it is of another type or does not hold as many as
/// its shape says.
pub(crate) fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    if tensor.data_type != DataType::Float as i32 {
        return None;
    }
    let numbers = if tensor.raw_data.is_empty() {
        tensor.float_data.clone()
    } else {
        let (chunks, rest) = tensor.raw_data.as_chunks::<4>();
        if !rest.is_empty() {
            return None;
        }
        chunks
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect()
    };
    (numbers.len() == size(tensor)?).then_some(numbers)
}

/// All numbers of a tensor of `i64`, under the same conditions.
pub(crate) fn whole_numbers(tensor: &TensorProto) -> Option<Vec<i64>> {
    if tensor.data_type != DataType::Int64 as i32 {
        return None;
    }
    let numbers = if tensor.raw_data.is_empty() {
        tensor.int64_data.clone()
    } else {
        let (chunks, rest) = tensor.raw_data.as_chunks::<8>();
        if !rest.is_empty() {
            return None;
        }
        chunks
            .iter()
            .map(|bytes| i64::from_le_bytes(*bytes))
            .collect()
    };
    (numbers.len() == size(tensor)?).then_some(numbers)
}

/// How many numbers the shape says; `None` if that is no number that memory can hold.
pub(crate) fn size(tensor: &TensorProto) -> Option<usize> {
    tensor.dims.iter().try_fold(1_usize, |size, dim| {
        size.checked_mul(usize::try_from(*dim).ok()?)
    })
}
