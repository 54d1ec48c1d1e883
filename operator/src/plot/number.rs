//! Numbers as people read them.

/// With so many decimals and a real minus sign.
pub(super) fn plain(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    // -0.00 is nothing to show.
    if text.trim_start_matches(['-', '0', '.']).is_empty() {
        return text.trim_start_matches('-').to_owned();
    }
    text.replace('-', "−")
}

/// How many decimals tell multiples of `step` apart.
pub(super) fn decimals_for(step: f64) -> usize {
    (0..12)
        .find(|&decimals| {
            let scaled = step * 10f64.powi(decimals);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.abs()
        })
        .map_or(12, |decimals| decimals as usize)
}

/// As a multiple of a power of ten: 2×10⁻⁶. `step` says how exactly.
pub(super) fn power_of_ten(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    let unit = 10f64.powi(exponent);
    let digits = plain(value / unit, decimals_for(round_to(step / unit, 6)).min(3));
    let power = match exponent {
        0 => return digits,
        1 if digits == "1" => return "10".to_owned(),
        _ => format!("10{}", superscript(exponent)),
    };
    if digits == "1" { power } else { format!("{digits}×{power}") }
}

fn round_to(value: f64, digits: i32) -> f64 {
    let factor = 10f64.powi(digits);
    (value * factor).round() / factor
}

fn superscript(number: i32) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    number.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |digit| digits[digit as usize])).collect()
}

/// Milliseconds in the unit that suits a multiple of `step`.
pub(super) fn span(millis: f64, step: f64) -> String {
    let (unit, name) = [(1.0, "ms"), (1e3, "s"), (60e3, "min"), (3_600e3, "h"), (86_400e3, "d")]
        .into_iter()
        .rev()
        .find(|(unit, _)| step >= *unit && (step / unit).fract() == 0.0)
        .unwrap_or((1.0, "ms"));
    format!("{} {name}", plain(millis / unit, decimals_for(step / unit)))
}

/// Four significant digits, no zeros behind them: for results and values in text.
pub fn brief(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-5..7).contains(&exponent) {
        let text = format!("{value:.3e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{power}", trim_zeros(digits));
    }
    let decimals = (3 - exponent).max(0) as usize;
    trim_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_told_in_four_digits() {
        let texts = [0.941_23, 0.9, 1234.56, 123_456.7, 0.000_123_45, 1.5e-9, -2.0e12, 0.0].map(brief);
        assert_eq!(texts, ["0.9412", "0.9", "1235", "123457", "0.0001234", "1.5e-9", "-2e12", "0"]);
    }

    #[test]
    fn minus_signs_are_minus_signs_and_zero_has_none() {
        assert_eq!(plain(-1.5, 1), "−1.5");
        assert_eq!(plain(-0.001, 2), "0.00");
    }
}
