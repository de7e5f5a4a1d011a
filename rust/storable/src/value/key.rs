//! The key of a hash, and when two keys are one.
//!
//! Perl keys are strings of characters. One whose characters are all below U+0100 is kept as bytes,
//! any other as UTF-8 with a flag, so a key is its bytes and that flag; the other flags are properties
//! of the entry.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use indexmap::Equivalent;

use crate::build::KeyFlags;

/// A key to look up, or one that was found.
///
/// From a `str` it is the key that Perl uses for those characters; from bytes it is a key of bytes.
/// Equal keys name the same entry, whatever their other flags.
///
/// ```
/// use storable::{Key, KeyFlags};
///
/// assert_eq!(Key::from("uid"), Key::from(b"uid".as_slice()));
/// assert_eq!(Key::from("caf\u{e9}"), Key::from(b"caf\xe9".as_slice()));
/// assert_eq!(Key::from("\u{263a}").flags, KeyFlags::UTF8);
/// ```
#[derive(Clone, Debug)]
pub struct Key<'a> {
    /// The characters, one byte each or as UTF-8.
    pub bytes: Cow<'a, [u8]>,
    /// Among others, which of the two.
    pub flags: KeyFlags,
}

impl<'a> Key<'a> {
    /// A key as an image has it.
    pub fn new(bytes: &'a [u8], flags: KeyFlags) -> Self {
        Self { bytes: Cow::Borrowed(bytes), flags }
    }

    fn is_utf8(&self) -> bool {
        self.flags.contains(KeyFlags::UTF8)
    }
}

impl<'a> From<&'a [u8]> for Key<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::new(bytes, KeyFlags::NONE)
    }
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        if text.is_ascii() {
            return Self::new(text.as_bytes(), KeyFlags::NONE);
        }
        match text.chars().map(|c| u8::try_from(u32::from(c))).collect::<Result<Vec<u8>, _>>() {
            Ok(bytes) => Self { bytes: Cow::Owned(bytes), flags: KeyFlags::WAS_UTF8 },
            Err(_) => Self::new(text.as_bytes(), KeyFlags::UTF8),
        }
    }
}

impl<'a> From<&'a Key<'_>> for Key<'a> {
    fn from(key: &'a Key<'_>) -> Self {
        Self::new(&key.bytes, key.flags)
    }
}

impl PartialEq<Key<'_>> for Key<'_> {
    fn eq(&self, other: &Key<'_>) -> bool {
        self.bytes == other.bytes && self.is_utf8() == other.is_utf8()
    }
}

impl Eq for Key<'_> {}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
        self.is_utf8().hash(state);
    }
}

/// A key as it lies in a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) bytes: Box<[u8]>,
    utf8: bool,
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
        self.utf8.hash(state);
    }
}

impl From<&Key<'_>> for Name {
    fn from(key: &Key<'_>) -> Self {
        Self { bytes: key.bytes.as_ref().into(), utf8: key.is_utf8() }
    }
}

impl Equivalent<Name> for Key<'_> {
    fn equivalent(&self, name: &Name) -> bool {
        *self.bytes == *name.bytes && self.is_utf8() == name.utf8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_below_256_are_bytes_whatever_they_were() {
        let was = Key::from("\u{e9}");
        assert_eq!((was.bytes.as_ref(), was.flags), (b"\xe9".as_slice(), KeyFlags::WAS_UTF8));
        assert!(was.equivalent(&Name::from(&Key::from(b"\xe9".as_slice()))));
    }

    #[test]
    fn the_same_bytes_with_and_without_the_flag_are_two_keys() {
        let characters = Key::from("\u{263a}");
        assert_ne!(characters, Key::from("\u{263a}".as_bytes()));
        assert!(!characters.equivalent(&Name::from(&Key::from("\u{263a}".as_bytes()))));
    }
}
