//! Keys, as callers give them.

use session::Key;

use crate::error::{Error, Result};
use crate::perl::scalar::Scalar;
use crate::perl::{Owned, Perl};

/// The longest key is 250 bytes; what is longer is refused in any case, and its beginning tells which it was.
const KEY: usize = 300;

/// A key of the caller's, copied.
pub(super) struct OwnKey {
    bytes: [u8; KEY],
    len: usize,
    /// They are the UTF-8 of characters that bytes can't hold.
    utf8: bool,
    hash: Option<u64>,
}

impl OwnKey {
    /// A string, or as in Cache::Memcached a reference to an array of a hash and a string.
    pub(super) fn of(perl: Perl, value: Scalar) -> Result<OwnKey> {
        let mut key = OwnKey { bytes: [0; KEY], len: 0, utf8: false, hash: None };
        let mut string = value;
        if let Some(pair) = value.array() {
            // Reading the number may run code that changes the pair.
            let part = |index| pair.get(index).map(|part| part.own(perl).mortal());
            let (hash, name) = (part(0), part(1));
            let hash = hash.map(|hash| hash.to_number(perl)).transpose()?.and_then(std::result::Result::ok);
            match (hash, name) {
                (Some(hash), Some(name)) if hash >= 0.0 => (key.hash, string) = (Some(hash as u64), name),
                _ => return Err(Error::text("argument key: takes a string, or [ hash value, string ]")),
            }
        }
        string.with_bytes(perl, |bytes, utf8| {
            key.utf8 = utf8;
            key.len = bytes.len().min(KEY);
            key.bytes[..key.len].copy_from_slice(&bytes[..key.len]);
        })?;
        Ok(key)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The key as the caller gave it.
    pub(super) fn name(&self, perl: Perl) -> Owned {
        if self.utf8 { perl.utf8(self.bytes()) } else { perl.bytes(self.bytes()) }
    }

    pub(super) fn key(&self) -> Key<'_> {
        match self.hash {
            Some(hash) => Key::at(hash, self.bytes()),
            None => Key::new(self.bytes()),
        }
    }
}
