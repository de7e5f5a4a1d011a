//! Doubles as Perl prints them: fifteen significant digits, as C's `%.15g`.
//!
//! In network order Storable has no tag for a double and writes this string, which Perl makes a number
//! again when it is used as one.

use std::fmt::Write;

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
    // The shortest text that reads back as the same double. If that takes no more than fifteen digits, they are the
    // ones that rounding to fifteen gives; doubles below the normal ones hold fewer, so the rule does not hold there.
    let mut scientific = String::with_capacity(LONGEST);
    let _ = write!(scientific, "{value:e}");
    if scientific.len() > SHORT || value.is_subnormal() {
        scientific.clear();
        let _ = write!(scientific, "{value:.14e}");
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    notation(trimmed(mantissa), exponent.parse().unwrap_or(0))
}

/// More than any double takes: sign, point, e, exponent and seventeen digits.
const LONGEST: usize = 32;
/// What takes no more than this has at most fifteen digits; the rest is a point, an e and an exponent.
const SHORT: usize = 15 + 3;

/// A mantissa and its exponent as `%g` puts them together.
fn notation(mantissa: &str, exponent: i32) -> String {
    let mut text = String::with_capacity(LONGEST);
    if !(-4..15).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(text, "{mantissa}e{sign}{:02}", exponent.unsigned_abs());
        return text;
    }
    let digits = mantissa.strip_prefix('-').unwrap_or(mantissa).bytes().filter(u8::is_ascii_digit).map(char::from);
    if mantissa.starts_with('-') {
        text.push('-');
    }
    // Where the point goes, counted in digits that come before it.
    let mut before = exponent.saturating_add(1);
    if before <= 0 {
        text.push_str("0.");
        text.extend((before..0).map(|_| '0'));
    }
    for digit in digits {
        if before == 0 && exponent >= 0 {
            text.push('.');
        }
        text.push(digit);
        before = before.saturating_sub(1);
    }
    text.extend((0..before).map(|_| '0'));
    text
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

    /// The rounding to fifteen digits, done in full.
    fn rounded(value: f64) -> String {
        let scientific = format!("{value:.14e}");
        let (mantissa, exponent) = scientific.split_once('e').unwrap();
        super::notation(super::trimmed(mantissa), exponent.parse().unwrap())
    }

    #[test]
    fn the_shortest_digits_are_the_rounded_ones() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let any = f64::from_bits(state);
            let few = (state >> 40) as f64;
            for value in [any, few, -few / 8.0, few / 100.0, few / 1e7] {
                if value.is_finite() {
                    assert_eq!(number_text(value), rounded(value), "{value:e}");
                }
            }
        }
    }

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
            (-0.0, "-0"),
            (100.0, "100"),
            (1234.5, "1234.5"),
            (0.1 + 0.2, "0.3"),
            (0.012_345, "0.012345"),
            (5e-324, "4.94065645841247e-324"),
            (f64::INFINITY, "Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(number_text(value), text);
        }
    }
}
