//! Text that somebody else wrote, made fit for a terminal.
//!
//! A terminal takes control characters for commands, and some others turn the text around them. None of them leaves this
//! program raw, wherever it came from.

use std::borrow::Cow;
use std::fmt::Write;

use storable::{Key, KeyFlags};

/// Whether a character would do more than be seen.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with each such character written as `\x{…}`.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push(&mut plain, c, is_unsafe(c));
    }
    Cow::Owned(plain)
}

/// A string as Perl would take it between double quotes; `ascii` leaves nothing else in it.
pub fn quoted(text: &Characters<'_>, ascii: bool) -> String {
    let mut quoted = String::from('"');
    for c in text.iter() {
        match c {
            '"' | '\\' | '$' | '@' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\u{1b}' => quoted.push_str("\\e"),
            c => push(&mut quoted, c, is_unsafe(c) || (ascii && !c.is_ascii())),
        }
    }
    quoted.push('"');
    quoted
}

fn push(text: &mut String, c: char, escaped: bool) {
    if escaped {
        // A String takes all that is written to it.
        let _ = write!(text, "\\x{{{:x}}}", u32::from(c));
    } else {
        text.push(c);
    }
}

/// A string of Perl's: its characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Characters<'a> {
    /// They are those of this text.
    Text(Cow<'a, str>),
    /// Each is a byte.
    Bytes(&'a [u8]),
}

impl<'a> Characters<'a> {
    /// A string of bytes. Bytes that are UTF-8 are read as the characters that most programs mean by them.
    pub fn of_bytes(bytes: &'a [u8]) -> Characters<'a> {
        std::str::from_utf8(bytes).map_or(Characters::Bytes(bytes), |text| Characters::Text(Cow::Borrowed(text)))
    }

    /// A string of characters, in Perl's lax UTF-8: what no Unicode character is comes out as U+FFFD.
    pub fn of_text(bytes: &'a [u8]) -> Characters<'a> {
        Characters::Text(String::from_utf8_lossy(bytes))
    }

    /// The characters.
    pub fn iter(&self) -> impl Iterator<Item = char> + '_ {
        let (text, bytes) = match self {
            Characters::Text(text) => (text.as_ref(), &[][..]),
            Characters::Bytes(bytes) => ("", *bytes),
        };
        text.chars().chain(bytes.iter().map(|&byte| char::from(byte)))
    }

    /// The characters as one text.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Characters::Text(text) => Cow::Borrowed(text),
            Characters::Bytes(_) => Cow::Owned(self.iter().collect()),
        }
    }
}

/// A string as it lies in a session: its bytes, and whether they are characters in UTF-8 or one each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerlString<'a> {
    bytes: Cow<'a, [u8]>,
    utf8: bool,
}

impl<'a> PerlString<'a> {
    /// A string.
    pub fn new(bytes: &'a [u8], utf8: bool) -> PerlString<'a> {
        PerlString { bytes: Cow::Borrowed(bytes), utf8 }
    }

    /// The key of a hash.
    pub fn of_key(key: Key<'a>) -> PerlString<'a> {
        let utf8 = key.flags.contains(KeyFlags::UTF8);
        PerlString { bytes: key.bytes, utf8 }
    }

    /// For people: bytes that are UTF-8 are read as such.
    pub fn readable(&self) -> Characters<'_> {
        if self.utf8 { Characters::of_text(&self.bytes) } else { Characters::of_bytes(&self.bytes) }
    }

    /// The very characters that Perl sees.
    pub fn exact(&self) -> Characters<'_> {
        if self.utf8 { Characters::of_text(&self.bytes) } else { Characters::Bytes(&self.bytes) }
    }
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Bytes in the unit that suits them: `812 B`, `3.4 MB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A time in its two largest units: `42s`, `9m 58s`, `3d 4h`.
pub fn duration(seconds: u64) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let shown = parts[first..].iter().take(2).filter(|(count, _)| *count > 0 || seconds == 0);
    shown.map(|(count, unit)| format!("{count}{unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        let hostile = "a\u{1b}[31m\u{9b}2J\u{7f}\r\n\u{202e}txt\u{2066}\u{200b}\u{e0041}";
        assert_eq!(plain(hostile), "a\\x{1b}[31m\\x{9b}2J\\x{7f}\\x{d}\\x{a}\\x{202e}txt\\x{2066}\\x{200b}\\x{e0041}");
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let text = c.to_string();
            for shown in [plain(&text).into_owned(), quoted(&Characters::Text(text.as_str().into()), false)] {
                assert!(!shown.contains(is_unsafe), "{c:?}");
            }
        }
        assert_eq!(plain("caf\u{e9} \u{263a}"), "caf\u{e9} \u{263a}");
    }

    #[test]
    fn strings_are_quoted_as_perl_takes_them() {
        let quote = |bytes: &[u8], ascii| quoted(&Characters::of_bytes(bytes), ascii);
        assert_eq!(quote(b"a\"b\\c$d@e\n\t\r\x1b\0", false), r#""a\"b\\c\$d\@e\n\t\r\e\x{0}""#);
        assert_eq!(quote("caf\u{e9}".as_bytes(), false), "\"caf\u{e9}\"");
        assert_eq!(quote("caf\u{e9}".as_bytes(), true), r#""caf\x{e9}""#);
        assert_eq!(quote(b"caf\xe9\xff", false), "\"caf\u{e9}\u{ff}\"");
    }

    #[test]
    fn quantities() {
        let sizes = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (3_565_158, "3.4 MB"), (u64::MAX, "16384.0 PB")];
        sizes.iter().for_each(|(bytes, text)| assert_eq!(size(*bytes), *text));
        let times =
            [(0, "0s"), (42, "42s"), (60, "1m"), (598, "9m 58s"), (3600, "1h"), (3601, "1h"), (273_600, "3d 4h")];
        times.iter().for_each(|(seconds, text)| assert_eq!(duration(*seconds), *text));
        let numbers = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        numbers.iter().for_each(|(number, text)| assert_eq!(grouped(*number), *text));
    }
}
