//! The scalars of an `Event`, as protocol buffers lay it out.
//!
//! Source: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto and tensor.proto.

/// One scalar summary.
#[derive(Debug, PartialEq)]
pub(super) struct Scalar {
    pub(super) step: i64,
    pub(super) tag: String,
    pub(super) value: f64,
}

/// A field of a message as it lies on the wire.
#[derive(Clone, Copy)]
enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

/// The scalars in an event; none when it is another kind of event, or no event at all.
pub(super) fn scalars(event: &[u8]) -> Vec<Scalar> {
    let mut step = 0;
    let mut found = Vec::new();
    for (number, field) in fields(event) {
        match (number, field) {
            (2, Wire::Varint(value)) => step = value.cast_signed(),
            (5, Wire::Bytes(summary)) => found.extend(fields(summary).filter_map(summary_value)),
            _ => {}
        }
    }
    found.into_iter().map(|(tag, value)| Scalar { step, tag, value }).collect()
}

fn summary_value((number, field): (u64, Wire)) -> Option<(String, f64)> {
    let (1, Wire::Bytes(message)) = (number, field) else { return None };
    let (mut tag, mut value) = (None, None);
    for (number, field) in fields(message) {
        match (number, field) {
            (1, Wire::Bytes(text)) => tag = Some(String::from_utf8_lossy(text).into_owned()),
            (2, Wire::Fixed32(bits)) => value = Some(as_printed(f32::from_le_bytes(bits))),
            (8, Wire::Bytes(tensor)) => value = tensor_scalar(tensor),
            _ => {}
        }
    }
    tag.zip(value)
}

/// The double that prints as the single does: 0.91, not 0.910000026.
fn as_printed(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

/// The one element of a tensor that has one.
fn tensor_scalar(tensor: &[u8]) -> Option<f64> {
    const FLOAT: u64 = 1;
    const DOUBLE: u64 = 2;
    const INT32: u64 = 3;
    const INT64: u64 = 9;
    let mut kind = 0;
    let mut elements = None;
    for (number, field) in fields(tensor) {
        match (number, field) {
            (1, Wire::Varint(value)) => kind = value,
            // float_val, double_val, int_val, int64_val, or all of it as raw bytes in tensor_content
            (4..=7 | 10, field) => elements = Some((number, field)),
            _ => {}
        }
    }
    match (kind, elements?) {
        (FLOAT, (5, Wire::Fixed32(bits))) => Some(as_printed(f32::from_le_bytes(bits))),
        (FLOAT, (4 | 5, Wire::Bytes(bits))) => Some(as_printed(f32::from_le_bytes(bits.try_into().ok()?))),
        (DOUBLE, (6, Wire::Fixed64(bits))) => Some(f64::from_le_bytes(bits)),
        (DOUBLE, (4 | 6, Wire::Bytes(bits))) => Some(f64::from_le_bytes(bits.try_into().ok()?)),
        (INT32, (4, Wire::Bytes(bits))) => Some(i32::from_le_bytes(bits.try_into().ok()?).into()),
        (INT64, (4, Wire::Bytes(bits))) => Some(i64::from_le_bytes(bits.try_into().ok()?) as f64),
        (INT32 | INT64, (7 | 10, Wire::Varint(value))) => Some(value.cast_signed() as f64),
        (INT32 | INT64, (7 | 10, Wire::Bytes(packed))) => {
            let (value, []) = varint(packed)? else { return None };
            Some(value.cast_signed() as f64)
        }
        _ => None,
    }
}

/// The fields of a message, up to the first that is no field.
fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, Wire<'_>)> {
    std::iter::from_fn(move || {
        let (key, rest) = varint(message)?;
        let (field, rest) = match key & 7 {
            0 => varint(rest).map(|(value, rest)| (Wire::Varint(value), rest))?,
            1 => rest.split_first_chunk().map(|(bits, rest)| (Wire::Fixed64(*bits), rest))?,
            2 => {
                let (length, rest) = varint(rest)?;
                let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Wire::Bytes(bytes), rest)
            }
            5 => rest.split_first_chunk().map(|(bits, rest)| (Wire::Fixed32(*bits), rest))?,
            _ => return None,
        };
        message = rest;
        Some((key >> 3, field))
    })
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        field.extend(bytes);
        field
    }

    fn event(value: &[u8]) -> Vec<u8> {
        let value = [field(1, b"acc"), value.to_vec()].concat();
        [vec![2 << 3, 0xac, 0x02], field(5, &field(1, &value))].concat()
    }

    fn value(value: &[u8]) -> Option<f64> {
        match &scalars(&event(value))[..] {
            [Scalar { step: 300, tag, value }] if tag == "acc" => Some(*value),
            [] => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_simple_value_reads_as_it_prints() {
        assert_eq!(value(&[&[2 << 3 | 5], &0.91_f32.to_le_bytes()[..]].concat()), Some(0.91));
    }

    #[test]
    fn a_tensor_of_one_element_is_a_scalar_of_any_number_type() {
        for (kind, content, number) in [
            (1, field(4, &0.5_f32.to_le_bytes()), 0.5),
            (1, field(5, &0.5_f32.to_le_bytes()), 0.5),
            (2, field(4, &0.1_f64.to_le_bytes()), 0.1),
            (2, field(6, &0.1_f64.to_le_bytes()), 0.1),
            (3, field(4, &7_i32.to_le_bytes()), 7.0),
            (3, field(7, &[7]), 7.0),
            (9, field(4, &(-7_i64).to_le_bytes()), -7.0),
            (9, vec![10 << 3, 7], 7.0),
        ] {
            let tensor = [vec![1 << 3, kind], content].concat();
            assert_eq!(value(&field(8, &tensor)), Some(number), "type {kind}");
        }
    }

    #[test]
    fn a_tensor_of_more_elements_or_of_text_is_none() {
        assert_eq!(value(&field(8, &[&[1 << 3, 1][..], &field(4, &[0; 8])].concat())), None);
        assert_eq!(value(&field(8, &[&[1 << 3, 7][..], &field(8, b"text")].concat())), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            scalars(&bytes);
            scalars(&event(&bytes));
        }
    }
}
