//! What a session is asked: whether a field has a value, looks like a pattern, or is less than a number.
//!
//! All of it is decided on the frozen bytes. A field that is missing, undefined, or a structure or an object meets no
//! condition.

use std::borrow::Cow;

use storable::{Fields, Key, Plain};

/// A condition on one field.
pub(super) struct Test {
    field: String,
    is: Is,
}

enum Is {
    /// This text, as UTF-8.
    Equal(Vec<u8>),
    /// Text with these parts in this order, and anything between them; the first and the last stand at its ends.
    Like(Vec<Vec<u8>>),
    Less(f64),
}

impl Test {
    pub(super) fn equal(field: String, value: &str) -> Test {
        Test { field, is: Is::Equal(value.as_bytes().to_vec()) }
    }

    /// `*` in the pattern stands for any characters, or none.
    pub(super) fn like(field: String, pattern: &str) -> Test {
        Test { field, is: Is::Like(pattern.split('*').map(|part| part.as_bytes().to_vec()).collect()) }
    }

    pub(super) fn less(field: String, than: f64) -> Test {
        Test { field, is: Is::Less(than) }
    }

    /// The field that it is about.
    pub(super) fn field(&self) -> &str {
        &self.field
    }

    pub(super) fn is_equal(&self) -> bool {
        matches!(self.is, Is::Equal(_))
    }

    /// Whether the session has a plain value in that field.
    pub(super) fn applies(&self, fields: &Fields<'_>) -> bool {
        self.value(fields).is_some()
    }

    fn value<'f>(&self, fields: &'f Fields<'_>) -> Option<Plain<'f>> {
        let plain = fields.get(Key::from(self.field.as_str()))?.plain();
        plain.filter(|plain| *plain != Plain::Undef)
    }

    pub(super) fn holds(&self, fields: &Fields<'_>) -> bool {
        let Some(plain) = self.value(fields) else {
            return false;
        };
        match &self.is {
            Is::Equal(value) => *characters(plain) == **value,
            Is::Like(parts) => is_like(&characters(plain), parts),
            Is::Less(than) => number(plain).is_some_and(|number| number < *than),
        }
    }
}

/// The text of a value in UTF-8, in which the same characters are the same bytes.
fn characters(plain: Plain<'_>) -> Cow<'_, [u8]> {
    match plain.text() {
        (bytes, false) if !bytes.is_ascii() => {
            Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into_bytes())
        }
        (text, _) => text,
    }
}

fn number(plain: Plain<'_>) -> Option<f64> {
    match plain {
        Plain::Integer(value) => Some(value as f64),
        Plain::Double(value) => Some(value),
        other => {
            let (text, _) = other.text();
            std::str::from_utf8(&text).ok()?.trim().parse().ok().filter(|number: &f64| number.is_finite())
        }
    }
}

fn is_like(text: &[u8], parts: &[Vec<u8>]) -> bool {
    let [first, middle @ .., last] = parts else {
        return parts.first().is_some_and(|whole| text == *whole);
    };
    let rest = text.strip_prefix(first.as_slice()).and_then(|rest| rest.strip_suffix(last.as_slice()));
    let Some(mut rest) = rest else {
        return false;
    };
    for part in middle.iter().filter(|part| !part.is_empty()) {
        let Some(at) = rest.windows(part.len()).position(|window| window == *part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    true
}
