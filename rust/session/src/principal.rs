//! The principal's reverse record: from a user to the session they have.
//!
//! Beside a session, the store keeps one plain item whose key is the MD5 digest of the principal
//! (the value of one session field, such as `uid`) and whose value is the session's id. It carries
//! no client flag, which is how a reader tells it from a session although its key looks like an id.
//!
//! MD5 is what existing readers of these records use; nothing secret depends on it.
//!
//! ```
//! use session::Principal;
//!
//! assert_eq!(Principal::of(b"abc").digest(), "900150983cd24fb0d6963f7d28e17f72");
//! ```

use md5::{Digest, Md5};

use crate::backend::ItemKey;
use crate::error::{Error, Result};

/// Names one principal's reverse record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    digest: String,
}

impl Principal {
    /// The principal with this value.
    pub fn of(value: &[u8]) -> Principal {
        Principal { digest: digest(value) }
    }

    /// The principal whose digest is known, as sessions carry it.
    pub fn from_digest(digest: &str) -> Result<Principal> {
        if digest.len() != 32 || !digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Error::argument("principal", "a digest of 32 lower-case hex digits", digest));
        }
        Ok(Principal { digest: digest.to_owned() })
    }

    /// The key of the record's item.
    pub(crate) fn key(&self) -> ItemKey<'_> {
        ItemKey::of(self.digest.as_bytes())
    }

    /// The record's key: 32 lower-case hex digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// The MD5 digest of a principal's value, in lower-case hex.
pub fn digest(value: &[u8]) -> String {
    format!("{:032x}", u128::from_be_bytes(Md5::digest(value).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_md5_hex() {
        assert_eq!(digest(b""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(digest(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
        // The digest starts with a zero digit, which must not be lost.
        assert_eq!(digest(b"jk8ssl"), "0000000018e6137ac2caab16074784a6");
    }

    #[test]
    fn only_digests_are_taken_for_digests() {
        assert!(Principal::from_digest("900150983cd24fb0d6963f7d28e17f72").is_ok());
        for bad in ["", "900150983CD24FB0D6963F7D28E17F72", "900150983cd24fb0d6963f7d28e17f7"] {
            assert!(Principal::from_digest(bad).unwrap_err().is_argument());
        }
    }
}
