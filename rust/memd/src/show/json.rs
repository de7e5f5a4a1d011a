//! A session as JSON.
//!
//! References are seen through, classes are not seen. What only Perl could make something of is a string that says so.
//! What is shared is written each time. Strings have no character in them that a terminal obeys.

use std::fmt::Write as _;
use std::io::Write;

use storable::{Value, number_text};

use crate::failure::Result;
use crate::secret::MASK;
use crate::text::is_unsafe;
use crate::walk::{Name, Step, Walk, What};

/// Writes JSON.
pub struct Json<'w, W> {
    out: &'w mut W,
    pretty: bool,
    reveal: bool,
    /// For each open array or hash: what closes it, and whether it is still empty.
    open: Vec<(&'static str, bool)>,
}

impl<'w, W: Write> Json<'w, W> {
    /// Begins a document: with line breaks if it is to be `pretty`.
    pub fn new(out: &'w mut W, pretty: bool, reveal: bool) -> Json<'w, W> {
        Json { out, pretty, reveal, open: Vec::new() }
    }

    /// Writes a value.
    pub fn value(&mut self, value: &Value) -> Result<()> {
        let walk = Walk { reveal: self.reveal, depth: usize::MAX, repeat: true };
        walk.through(value, &mut |step| match step {
            Step::Part { name, what, .. } => self.part(name, &what),
            Step::Close => self.close(),
        })
    }

    fn part(&mut self, name: &Name<'_>, what: &What<'_>) -> Result<()> {
        if let Some((_, is_empty)) = self.open.last_mut().filter(|_| !matches!(name, Name::Target)) {
            if !std::mem::replace(is_empty, false) {
                self.out.write_all(b",")?;
            }
            self.line()?;
        }
        if let Name::Key(key) = name {
            let space = if self.pretty { " " } else { "" };
            write!(self.out, "{}:{space}", string(key.readable().iter()))?;
        }
        let text = match what {
            What::Undef => "null".to_owned(),
            What::Boolean(value) => value.to_string(),
            What::Integer(value) => value.to_string(),
            What::Double(value) if value.is_finite() => number_text(*value),
            What::Double(value) => string(number_text(*value).chars()),
            What::String(text) => string(text.readable().iter()),
            What::Masked => string(MASK.chars()),
            What::Rare(words) => string(words.chars()),
            // This walk repeats, and has no end of its own.
            What::Same(_) | What::Deeper => "null".to_owned(),
            What::Hash(..) => self.begin("{", "}"),
            What::Array(..) => self.begin("[", "]"),
            What::Reference(_) => self.begin("", ""),
        };
        Ok(self.out.write_all(text.as_bytes())?)
    }

    fn begin(&mut self, begin: &str, end: &'static str) -> String {
        self.open.push((end, true));
        begin.to_owned()
    }

    fn close(&mut self) -> Result<()> {
        let Some((end, is_empty)) = self.open.pop() else { return Ok(()) };
        if !is_empty && !end.is_empty() {
            self.line()?;
        }
        Ok(self.out.write_all(end.as_bytes())?)
    }

    fn line(&mut self) -> Result<()> {
        if self.pretty {
            let depth = self.open.iter().filter(|(end, _)| !end.is_empty()).count();
            write!(self.out, "\n{:1$}", "", 2 * depth)?;
        }
        Ok(())
    }
}

/// A string between quotes.
pub fn string(characters: impl Iterator<Item = char>) -> String {
    let mut quoted = String::from('"');
    for c in characters {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_unsafe(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // A String takes all that is written to it.
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(image: &[u8], pretty: bool) -> Result<String> {
        let value = Value::parse(image, &storable::Limits::default()).unwrap();
        let mut out = Vec::new();
        Json::new(&mut out, pretty, false).value(&value)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_serde_wrote_serde_reads() {
        let data = serde_json::json!({
            "a": [1, -2.5, null, "x\u{1b}\u{e0041}\"\\\n\u{7f}", [], {}], "h": {"k": {"l": [[]]}}, "password": "", "z": "\u{263a}"
        });
        let image = storable::to_vec(&data, &storable::Options::default()).unwrap();
        for pretty in [false, true] {
            let text = json(&image, pretty).unwrap();
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(read.to_string(), data.to_string().replace("-2.5", "\"-2.5\""), "{text}");
            assert!(!text.replace('\n', "").contains(is_unsafe), "{text:?}");
        }
    }

    #[test]
    fn secrets_are_masked_with_all_that_they_hold() {
        let data = serde_json::json!({"a": {"token": {"deep": ["x"]}, "pwd": 5}});
        let image = storable::to_vec(&data, &storable::Options::default()).unwrap();
        assert_eq!(json(&image, false).unwrap(), "{\"a\":{\"pwd\":\"********\",\"token\":\"********\"}}");
    }

    #[test]
    fn what_holds_itself_is_an_error() {
        // [ the array itself ]
        let image = b"\x05\x0b\x02\0\0\0\x01\x04\0\0\0\0\0";
        assert_eq!(json(image, false).unwrap_err().text, crate::walk::ENDLESS);
    }

    #[test]
    fn sharing_does_not_grow_without_bound() {
        // 40 arrays, each of which holds the next one twice.
        let mut image = b"\x05\x0b".to_vec();
        for _ in 0..40 {
            image.extend(b"\x02\0\0\0\x02\x04");
        }
        image.extend(b"\x02\0\0\0\0");
        for depth in (1..=40_u32).rev() {
            image.extend(b"\x04\0");
            image.extend((2 * depth).to_be_bytes());
        }
        assert_eq!(json(&image, false).unwrap_err().text, crate::walk::ENDLESS);
    }
}
