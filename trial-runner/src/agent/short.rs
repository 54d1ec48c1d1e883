//! Numbers for people.

/// Six digits that count: what a person compares.
pub(crate) fn short(value: f64) -> String {
    let plain = value.to_string();
    let magnitude = value.abs().log10().floor();
    if plain.len() <= 9 {
        plain
    } else if (-5.0..6.0).contains(&magnitude) {
        let decimals = (5.0 - magnitude) as usize;
        let rounded = format!("{value:.decimals$}");
        rounded.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.5e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_with_the_digits_that_count() {
        for (value, text) in [
            (0.91, "0.91"),
            (3.0, "3"),
            (1.0 / 3.0, "0.333333"),
            (-1_234.567_891, "-1234.57"),
            (0.000_012_345_678_9, "0.0000123457"),
            (1.234_567_891e-9, "1.23457e-9"),
            (123_456_789_012.0, "1.23457e11"),
            (99_999.999_999, "100000"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
