//! Numbers as programs print them.

/// A number at the beginning of `text`, and its length: `3`, `0.91`, `.5`, `+.5`, `5.`, `1e-3`, `nan`, `-inf`,
/// `Infinity`. Whatever follows is the caller's to judge.
pub(super) fn number(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let body = &text[sign..];
    let length = sign + decimal(body).or_else(|| not_finite(body))?;
    let value = std::str::from_utf8(&text[..length]).ok()?.parse().ok()?;
    Some((value, length))
}

/// The number that `text` is, spaces around it aside.
pub(super) fn whole_number(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii();
    number(text).filter(|(_, length)| *length == text.len()).map(|(value, _)| value)
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn decimal(text: &[u8]) -> Option<usize> {
    let whole = digits(text);
    let mut length = whole;
    if text.get(whole) == Some(&b'.') {
        let fraction = digits(&text[whole + 1..]);
        if whole + fraction == 0 {
            return None;
        }
        length += 1 + fraction;
    }
    if length == 0 {
        return None;
    }
    if matches!(text.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(&text[length + 1 + sign..]);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    Some(length)
}

fn not_finite(text: &[u8]) -> Option<usize> {
    [&b"infinity"[..], b"inf", b"nan"]
        .into_iter()
        .find(|word| text.len() >= word.len() && text[..word.len()].eq_ignore_ascii_case(word))
        .map(<[u8]>::len)
}

/// The line without the escape sequences that colour a terminal.
pub(super) fn without_colours(line: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if memchr::memchr(0x1b, line).is_none() {
        return line.into();
    }
    let mut plain = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == 0x1b && bytes.next_if_eq(&b'[').is_some() {
            // Parameters, up to the letter that says what they are for.
            bytes.by_ref().find(|byte| (0x40..=0x7e).contains(byte));
        } else {
            plain.push(byte);
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_far_as_they_go() {
        for (text, value, length) in [
            ("3", 3.0, 1),
            ("0.91,", 0.91, 4),
            ("+.5", 0.5, 3),
            ("5. ", 5.0, 2),
            ("-1e-3x", -1e-3, 5),
            ("1e", 1.0, 1),
            ("1E+2", 100.0, 4),
            ("-Inf", f64::NEG_INFINITY, 4),
            ("infinity", f64::INFINITY, 8),
            ("3/10", 3.0, 1),
        ] {
            assert_eq!(number(text.as_bytes()), Some((value, length)), "{text}");
        }
        assert!(number(b"NaN").is_some_and(|(value, length)| value.is_nan() && length == 3));
        for text in ["", ".", "-", "+.", "e5", "x1", " 1"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(*without_colours(b"\x1b[1;32maccuracy\x1b[0m=0.9\x1b"), *b"accuracy=0.9\x1b");
    }

    proptest! {
        #[test]
        fn every_number_that_rust_prints_is_read_whole(value in any::<f64>()) {
            let back = whole_number(format!("{value:?}").as_bytes()).expect("a number");
            prop_assert!(back.to_bits() == value.to_bits() || (back.is_nan() && value.is_nan()));
        }
    }
}
