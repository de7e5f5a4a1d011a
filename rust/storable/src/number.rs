//! Doubles as Perl prints them: fifteen significant digits, as C's `%.15g`.
//!
//! In network order Storable has no tag for a double and writes this string, which Perl makes a number
//! again when it is used as one.

/// The string that Perl makes of a double.
///
/// ```
/// assert_eq!(storable::number_text(0.1), "0.1");
/// assert_eq!(storable::number_text(1e100), "1e+100");
/// assert_eq!(storable::number_text(1.0 / 3.0), "0.333333333333333");
/// ```
pub fn number_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:.14e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..15).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(mantissa), exponent.unsigned_abs());
    }
    // As many decimals as make fifteen digits: the rounding is the one that was just done.
    let decimals = usize::try_from(14_i32.saturating_sub(exponent)).unwrap_or(0);
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

/// A decimal fraction without the zeros at its end.
fn trimmed(digits: &str) -> &str {
    match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::number_text;

    #[test]
    fn switches_between_notations_as_c_does() {
        let cases = [
            (0.0, "0"),
            (-1.5, "-1.5"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e15, "1e+15"),
            (999_999_999_999_999.9, "1e+15"),
            (0.000_099_999_999_999_999_99, "0.0001"),
            (f64::MAX, "1.79769313486232e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072e-308"),
            (f64::INFINITY, "Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(number_text(value), text);
        }
    }
}
